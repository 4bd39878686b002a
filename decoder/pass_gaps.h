/*
 * pass_gaps: the median of the gaps at which a rule does not cut. Most of them are the same for all rules:
 * they are sorted once, and of each rule only the few are counted that it takes out.
 *
 * Gaps: ns of the host. No errors; one thread.
 */
#ifndef JITNESS_DECODER_PASS_GAPS_H
#define JITNESS_DECODER_PASS_GAPS_H

#include <stdint.h>

#define PASS_GAPS_MAX 65536u /* the first ones of a string, of those that are looked at */

struct pass_gaps;
struct pass_string;

/* Of the items of s that have one before them; borrows s. Must be freed. */
struct pass_gaps *pass_gaps_new(const struct pass_string *s);
void pass_gaps_free(struct pass_gaps *g);
/* As pass_median() of the first PASS_GAPS_MAX that are not in cuts. */
uint32_t pass_gaps_median_without(struct pass_gaps *g, const uint64_t *cuts);

#endif
