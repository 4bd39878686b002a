/*
 * bootstrap: intervals for the ratio of a quantile of two samples whose values depend on their neighbours, as the passes
 * of a run do.
 *
 * A side is one or more runs, each a series in the order in which it was measured. Blocks of consecutive values are
 * drawn with replacement, from each run as many as it holds; the ends of a run are joined, so that every value is drawn
 * as often as any other (circular block bootstrap: Politis & Romano 1992). by_run: whole runs are drawn first, blocks within
 * them after, which takes the variation from run to run into the interval (Kalibera & Jones, Rigorous Benchmarking
 * in Reasonable Time, ISMM 2013). The interval is the percentile one.
 *
 * Length of a block: the automatic rule of Politis & White (2004) as corrected by Patton, Politis & White (2009), applied to
 * which values lie below the median (what the variance of a quantile depends on); at least n^(1/3), at least
 * n / BOOTSTRAP_BLOCKS, so that time does not follow n, and at most n / 4.
 *
 * Units: those of the values, which must be finite and positive. Memory: up to 16 MiB meanwhile (mem.h); results hold none. The
 * same numbers for the same seed on every machine. No errors; no state, so any thread.
 */
#ifndef JITNESS_DECODER_BOOTSTRAP_H
#define JITNESS_DECODER_BOOTSTRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOOTSTRAP_BLOCKS    128   /* of one run, most */
#define BOOTSTRAP_RESAMPLES 10000
#define BOOTSTRAP_QUANTILES 4

struct bootstrap_run {
	const double *x;
	size_t n; /* not 0 */
};
struct bootstrap_side {
	const struct bootstrap_run *runs;
	size_t n; /* not 0 */
};

/* Zeros: the defaults. */
struct bootstrap_options {
	uint64_t seed;
	size_t resamples; /* default BOOTSTRAP_RESAMPLES */
	double level;     /* default 0.95 */
	bool by_run;
};

struct bootstrap_ratio {
	double ratio, lo, hi; /* b / a */
	double p;             /* two-sided: the level at which the interval would still hold 1; >= 2 / (resamples + 1) */
};

/* One result for each of the n quantiles q (0..1), n <= BOOTSTRAP_QUANTILES. */
void bootstrap_ratio(struct bootstrap_ratio *ret, const double *q, size_t n,
		     const struct bootstrap_side *a, const struct bootstrap_side *b,
		     const struct bootstrap_options *opt);

/* The length of blocks of a series. */
size_t bootstrap_block(const double *x, size_t n);

#endif
