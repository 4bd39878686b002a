/*
 * coldstart: what the first samples of a run do to its statistics: a slow first sample, a slow plateau,
 * and the comparisons that change their sign with them.
 *
 * Units: those of the values, which must be finite, in the order in which they were measured. Memory:
 * results hold no memory; no errors (mem.h); no state, so any thread. An empty sample gives zeros.
 */
#ifndef JITNESS_DECODER_COLDSTART_H
#define JITNESS_DECODER_COLDSTART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Technical report TR120, section 2: more than 3 is what it calls a cold start; it also tries 2. */
#define COLDSTART_RATIO      3.0
#define COLDSTART_RATIO_SOME 2.0

struct coldstart_first {
	double first, median_rest;
	double ratio;      /* of these; 0: fewer than 2 samples, or the median is 0 */
	bool some, cold;   /* ratio over COLDSTART_RATIO_SOME, over COLDSTART_RATIO */
	bool is_max;       /* no sample is larger */
};

void coldstart_first(struct coldstart_first *ret, const double *x, size_t n);

/*
 * Are the first k samples slower than the rest? For k = 1 .. min(n / 2, COLDSTART_PLATEAU_MAX): with m
 * samples of the rest not below the smallest of the first k, the chance that k given positions all
 * fall among the k + m largest is C(k + m, k) / C(n, k), for any distribution without trend (Fisher's
 * exact argument), and that times the number of k tried is p (Bonferroni). Of those with p under
 * COLDSTART_P and medians COLDSTART_STEP apart, the k is taken that divides the samples best (least
 * squares about the two means). A steady decline is found too; a single first sample only when n is
 * large: coldstart_first() is for those.
 */
#define COLDSTART_PLATEAU_MAX 64
#define COLDSTART_P    0.01
#define COLDSTART_STEP 1.1

struct coldstart_plateau {
	bool found;
	size_t k;     /* length; 0: none was found, and then */
	double p;     /* the smallest of any k; at most 1 */
	double ratio; /* median of the first k / median of the rest; 0: none */
};

void coldstart_plateau(struct coldstart_plateau *ret, const double *x, size_t n);

/*
 * How many samples of a run come before its steady state (changepoint.h). In short runs: the plateau.
 * Else 1 when the first is cold.
 */
size_t coldstart_warmup(const double *x, size_t n);

/* One side of a comparison. */
struct coldstart_side {
	const double *x;
	const uint32_t *run;   /* of each sample; a run's lie together, in order; NULL: one run */
	const uint32_t *group; /* of each sample: shape, scenario ...; NULL: one group */
	size_t n;
};

struct coldstart_delta {
	double mean, median; /* b - a */
	bool flip;           /* their signs differ, and neither is 0 */
};

/* Whether mean and median tell opposite stories; for sides of which only these are known. */
struct coldstart_delta coldstart_compare(double mean_a, double median_a, double mean_b,
					 double median_b);

/* What is left out, and the comparison made again. X(NAME, "name in reports"): append-only. */
#define COLDSTART_CURES(X)                                                              \
	X(TRIM_1, "largest sample of each side")                                       \
	X(TRIM_5, "five largest samples of each side")                                 \
	X(FIRST, "first sample of each run")                                           \
	X(WARMUP, "samples of each run before its steady state") /* coldstart_warmup() */ \
	X(GROUPS, "each group by itself") /* nothing left out; the deltas: means of the groups' */
enum coldstart_cure {
#define X(N, s) COLDSTART_##N,
	COLDSTART_CURES(X)
#undef X
	COLDSTART_CURE_COUNT
};

struct coldstart_flip {
	struct coldstart_delta all;
	struct {
		bool tried;    /* both sides have some left; GROUPS: two or more in common */
		bool removes;  /* there was a flip and it is gone; GROUPS: in every group */
		struct coldstart_delta delta;
		size_t left_out_a, left_out_b;
	} cure[COLDSTART_CURE_COUNT];
	size_t groups, groups_flipped; /* common to both sides */
};

void coldstart_flip(struct coldstart_flip *ret, const struct coldstart_side *a,
		    const struct coldstart_side *b);

const char *coldstart_cure_name(enum coldstart_cure cure);

#endif
