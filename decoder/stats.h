/*
 * stats: order statistics of a sample, exact (histogram.h has the approximate ones of endless
 * streams).
 *
 * Units: those of the values, which must be finite. Memory: nothing is allocated; arrays belong to the
 * caller, and those that are not const are reordered. No errors beyond those said; no state, so any
 * thread. An empty sample gives zeros.
 */
#ifndef JITNESS_DECODER_STATS_H
#define JITNESS_DECODER_STATS_H

#include <stddef.h>
#include <stdint.h>

struct stats_moments {
	size_t n;
	double mean, sd; /* sd with n - 1; 0 for n < 2 */
	double min, max;
};

/* Mean first, then the squares about it: no cancellation. */
void stats_moments(struct stats_moments *ret, const double *x, size_t n);
/* Values of a trace as doubles (exact below 2^53 ns, 104 days). */
void stats_from_ns(double *ret, const uint64_t *ns, size_t n);

/*
 * LINEAR: numpy.percentile's default, Hyndman & Fan (1996) type 7: position q(n-1) from 0, and the
 * line between its neighbours. NEAREST: the smallest value with at least q n of the sample at or
 * below it, rank ceil(q n) (type 1); always a value that was measured.
 */
enum stats_rule { STATS_LINEAR, STATS_NEAREST };

/* Ascending, in place. */
void stats_sort(double *x, size_t n);
/* q 0..1 of an ascending sample. */
double stats_quantile(const double *sorted, size_t n, double q, enum stats_rule rule);
/* The same of any sample, which it reorders: Hoare's quickselect, linear time on average. */
double stats_select(double *x, size_t n, double q, enum stats_rule rule);
double stats_median(double *x, size_t n); /* reorders */

/*
 * Confidence interval of the q-quantile between two order statistics, for any distribution: the
 * number of values below the quantile is binomial (Joshi, arXiv 2402.19109; David & Nagaraja, Order
 * Statistics, 7.1). Each tail has at most (1 - level) / 2:
 *   lo = the largest j with BinomCDF(j - 1; n, q) <= (1 - level) / 2,
 *   hi = the smallest j with BinomCDF(j - 1; n, q) >= 1 - (1 - level) / 2.
 * Ranks from 1 of the ascending sample; 0: n is too small for a bound on that side, and no
 * resampling can help (a bootstrap never exceeds the largest value). Holds for independent samples.
 */
struct stats_ranks {
	size_t lo, hi;
};
struct stats_ranks stats_quantile_ranks(size_t n, double q, double level);
/* Smallest n with an upper bound that fails with probability tail: q^n <= tail. */
size_t stats_upper_n(double q, double tail);

/*
 * P(X <= k) of a binomial: the continued fraction of the incomplete beta function (Lentz's method,
 * DLMF 8.17.22), scaled by Loader's saddle-point density (2000), which keeps its digits where lgamma
 * loses them. Tested to 1e-10 against sums (n to 1000) and against its limits (n 1e7).
 */
double stats_binomial_cdf(size_t k, size_t n, double p);

/*
 * Do two samples differ in location? Mann & Whitney (1947): u counts the pairs with a > b, ties
 * half. p two-sided, normal approximation with the variance corrected for ties and a
 * continuity correction of 1/2 (as scipy.stats.mannwhitneyu's asymptotic method): for samples of 8
 * and more. Both samples must be ascending. p 1 when one is empty or all values are equal.
 */
struct stats_mann_whitney {
	double u, z, p;
};
void stats_mann_whitney(struct stats_mann_whitney *ret, const double *a, size_t na, const double *b,
			size_t nb);
/*
 * Shift of b against a: median of all differences b - a (Hodges & Lehmann, 1963), without forming
 * them: bisection over the value, counting pairs in linear time. Both ascending. Exact to the last
 * bits of a double. 0 when one is empty.
 */
double stats_hodges_lehmann(const double *a, size_t na, const double *b, size_t nb);

#endif
