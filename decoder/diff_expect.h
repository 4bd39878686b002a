/*
 * diff_expect: expectations about two sessions: "median(prefill) ratio < 1.05" is judged by the interval of the ratio, for
 * each matched shape that has one; everything without the word ratio is judged on B alone, as jitness verify does.
 * Ratios exist of median, p50 and p95. Everything is borrowed; no errors (mem.h); one thread.
 */
#ifndef JITNESS_DECODER_DIFF_EXPECT_H
#define JITNESS_DECODER_DIFF_EXPECT_H

struct diff;
struct verify;

/* Judges all of v. */
void diff_expect(struct verify *v, const struct diff *d);

#endif
