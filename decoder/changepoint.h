/*
 * changepoint: where a series of durations changes for good, and from where on it is steady.
 *
 * PELT (Killick, Fearnhead & Eckley, JASA 2012) with the likelihood of a normal whose mean and variance
 * change, penalty 15 ln n for each change, segments of at least 2 samples: what Barrett et al.
 * (Virtual Machine Warmup Blows Hot and Cold, OOPSLA 2017) and their warmup_stats use. Of theirs too
 * is that outliers go first: a value outside median +- 3 (P90 - P10) of the 200 samples around it;
 * the first 100 samples are never outliers, or a warm-up would be one, and of a series shorter
 * than 200 none is.
 *
 * Units: those of the values, which must be finite, in the order in which they were measured. Memory:
 * the list of a result is the caller's to release; about 70 bytes a sample meanwhile. No errors
 * (mem.h); no state, so any thread. Time: a million samples in a second.
 */
#ifndef JITNESS_DECODER_CHANGEPOINT_H
#define JITNESS_DECODER_CHANGEPOINT_H

#include <stdbool.h>
#include <stddef.h>

#include "decoder/coldstart.h"

/* Below it no series is cut: use what coldstart.h says of it. */
#define CHANGEPOINT_MIN_N 60
/*
 * In a series longer than CHANGEPOINT_GRID a change is looked for at the first CHANGEPOINT_DENSE
 * samples, where warm-ups are, and at as many more places spread evenly over the rest; each one
 * found is then moved to its best sample, and dropped when it does not pay for its penalty there.
 * Costs are always those of all samples; what can be missed is a disturbance shorter than about
 * n / CHANGEPOINT_DENSE samples.
 * Why: PELT's pruning makes it linear only when changes come regularly. A steady series is its worst
 * case, n^2 / 2 costs of 40 ns: 4096 places are 0.3 s, 8192 were 1.3 s (2-core VM).
 */
#define CHANGEPOINT_DENSE 2048
#define CHANGEPOINT_GRID  (2 * CHANGEPOINT_DENSE)

/* Zeros: the defaults. */
struct changepoint_options {
	double penalty;    /* of a change, in units of ln n; default 15 */
	double delta;      /* segments as near as this part of their mean are one; default 0.02 */
	double resolution; /* of the clock, in units of the values: what differs by less is equal;
			      default 1e-4 of the median */
	size_t window;     /* of the rule for outliers, in samples; default 200 */
};

struct changepoint_segment {
	size_t start, end; /* samples [start, end) of the series */
	size_t n;          /* of them, those that are no outliers */
	double mean, sd;   /* of those; sd with n, as in the likelihood */
	bool steady;       /* it and all after it are equivalent to the last one */
};

/* X(NAME, "name in reports"): append-only. */
#define CHANGEPOINT_KINDS(X)                                                      \
	X(TOO_FEW, "too few")         /* under CHANGEPOINT_MIN_N samples */        \
	X(FLAT, "flat")               /* all segments are equivalent */            \
	X(WARMUP, "warm-up")          /* ends in the fastest of them */            \
	X(SLOWDOWN, "slowdown")       /* ends steady, but it had been faster */    \
	X(UNSTEADY, "no steady state") /* still changing in the last quarter */
enum changepoint_kind {
#define X(N, s) CHANGEPOINT_##N,
	CHANGEPOINT_KINDS(X)
#undef X
	CHANGEPOINT_KIND_COUNT
};

struct changepoints {
	enum changepoint_kind kind;
	/* none of an empty series; a change is where one but the first starts */
	struct changepoint_segment *list;
	size_t n;
	size_t steady_from; /* first sample of the steady state; TOO_FEW: after the plateau */
	size_t outliers;    /* left out by the rule above */
	size_t spacing;     /* 1: every sample could be a change; else see CHANGEPOINT_DENSE */
	/* in any case, and all there is when TOO_FEW */
	struct coldstart_first first;
	struct coldstart_plateau plateau;
};

/*
 * Two segments are equivalent when their means differ by no more than max(variance / mean, delta *
 * mean) of the later one. Barrett et al. have max(variance, 0.001 s) for iterations of a second;
 * divided by the mean the rule does not depend on the unit. Steady before the last quarter is
 * their 500 of 2000 iterations. opt may be NULL.
 */
void changepoint_find(struct changepoints *ret, const double *x, size_t n,
		      const struct changepoint_options *opt);
void changepoint_release(struct changepoints *c);

const char *changepoint_kind_name(enum changepoint_kind kind);

/*
 * The cutting alone, without outliers' rule and whatever n is: indices of the first samples of new
 * segments, ascending, room for n / 2 in ret, or CHANGEPOINT_GRID; returns how many. *ret_spacing (or NULL) as above.
 */
size_t changepoint_cut(size_t *ret, const double *x, size_t n, const struct changepoint_options *opt,
		       size_t *ret_spacing);

/* The rule for outliers alone: ret[i] says that sample i is one; returns how many. */
size_t changepoint_outliers(bool *ret, const double *x, size_t n, size_t window);

#endif
