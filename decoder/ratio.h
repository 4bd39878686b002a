/*
 * ratio: is one side faster than the other? The ratio of their medians and of their p95 with intervals that do not take the
 * passes of a run for independent.
 *
 * Two intervals are made, and the wider end of each counts:
 *  - the block bootstrap's (bootstrap.h);
 *  - Student's t over units: the medians of whole runs, or, when a side has fewer than RATIO_RUNS of them, of RATIO_UNITS
 *    long parts of the side (Ibragimov & Mueller, t-Statistic Based Correlation and Heterogeneity Robust Inference,
 *    JBES 2010; two samples: 2016). It follows slow changes within a run, which blocks are too short for: a
 *    difference that is smaller than what a run differs from itself is none.
 * Of p95 the units would be too small: the bootstrap alone.
 *
 * Units: those of the values, which must be finite and positive. Memory and threads as bootstrap.h; no errors.
 */
#ifndef JITNESS_DECODER_RATIO_H
#define JITNESS_DECODER_RATIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/bootstrap.h"

#define RATIO_LEVEL 0.95
#define RATIO_RUNS  3  /* on both sides: runs are the units */
#define RATIO_UNITS 8  /* else parts; t with 7 degrees of freedom: 2.36 standard errors, not 1.96 */
#define RATIO_MIN_N 16 /* values on each side: two for each part */

/* Less is no difference, however sure it is: placement of memory and links alone does that (Mytkowicz et al., 2009). */
#define RATIO_EFFECT 0.01

struct ratio_interval {
	bool known;            /* else n is too small, and ratio is all there is */
	double ratio, lo, hi;  /* b / a */
	double p;              /* two-sided, of both intervals the larger one */
};

struct ratio {
	struct ratio_interval p50, p95;
	bool by_run;             /* units are whole runs */
	double spread_a, spread_b; /* largest over smallest median of a side's units; 1: they are equal */
	double shift;            /* Hodges-Lehmann, b - a */
	double mann_whitney_p;   /* as if values were independent: beside the interval, never instead of it */
};

void ratio_compare(struct ratio *ret, const struct bootstrap_side *a, const struct bootstrap_side *b,
		   uint64_t seed, size_t resamples);

#endif
