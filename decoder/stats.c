#include "decoder/stats.h"

#include <math.h>
#include <stdlib.h>

void stats_moments(struct stats_moments *ret, const double *x, size_t n)
{
	long double sum = 0, squares = 0;

	*ret = (struct stats_moments){ .n = n };
	if (!n)
		return;
	ret->min = ret->max = x[0];
	for (size_t i = 0; i < n; i++) {
		sum += x[i];
		ret->min = fmin(ret->min, x[i]);
		ret->max = fmax(ret->max, x[i]);
	}
	sum /= n;
	for (size_t i = 0; i < n; i++)
		squares += (x[i] - sum) * (x[i] - sum);
	ret->mean = (double)sum;
	ret->sd = n > 1 ? (double)sqrtl(squares / (n - 1)) : 0;
}

void stats_from_ns(double *ret, const uint64_t *ns, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ret[i] = (double)ns[i];
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void stats_sort(double *x, size_t n)
{
	if (n > 1)
		qsort(x, n, sizeof(*x), ascending);
}

/* The index from 0 at or below the quantile; what part of the way to the next one goes to *ret. */
static size_t position(size_t n, double q, enum stats_rule rule, double *ret)
{
	double at, down;

	*ret = 0;
	q = q > 0 ? fmin(q, 1) : 0;
	if (rule == STATS_NEAREST) {
		/* 0.95 * 20 must be 19: a rounding error is not a rank. */
		at = ceil(q * (double)n * (1 - 4e-16));
		return at < 1 ? 0 : (size_t)at - 1;
	}
	at = q * (double)(n - 1);
	down = floor(at);
	*ret = at - down;
	return (size_t)down;
}

static double between(double a, double b, double part)
{
	return part > 0 ? a + (b - a) * part : a;
}

double stats_quantile(const double *sorted, size_t n, double q, enum stats_rule rule)
{
	double part;
	size_t i;

	if (!n)
		return 0;
	i = position(n, q, rule, &part);
	return between(sorted[i], sorted[i + 1 < n ? i + 1 : i], part);
}

static void swap(double *a, double *b)
{
	double t = *a;

	*a = *b;
	*b = t;
}

/* Afterwards x[k] is in its sorted place, with nothing larger before and nothing smaller after. */
static void select_nth(double *x, size_t n, size_t k)
{
	size_t lo = 0, hi = n - 1;

	while (lo < hi) {
		size_t i = lo, j = hi, mid = lo + (hi - lo) / 2;
		double pivot;

		/* Median of three: sorted and organ-pipe samples stay linear. */
		if (x[mid] < x[lo])
			swap(&x[mid], &x[lo]);
		if (x[hi] < x[lo])
			swap(&x[hi], &x[lo]);
		if (x[hi] < x[mid])
			swap(&x[hi], &x[mid]);
		pivot = x[mid];
		for (;;) {
			while (x[i] < pivot)
				i++;
			while (x[j] > pivot)
				j--;
			if (i >= j)
				break;
			swap(&x[i++], &x[j--]);
		}
		/* x[lo..j] <= pivot <= x[j+1..hi], or i == j stands on the pivot's value */
		if (k <= j)
			hi = j;
		else
			lo = j + 1;
	}
}

double stats_select(double *x, size_t n, double q, enum stats_rule rule)
{
	double part, next;
	size_t i;

	if (!n)
		return 0;
	i = position(n, q, rule, &part);
	select_nth(x, n, i);
	if (!(part > 0) || i + 1 >= n)
		return x[i];
	next = x[i + 1];
	for (size_t j = i + 2; j < n; j++)
		next = fmin(next, x[j]);
	return between(x[i], next, part);
}

double stats_median(double *x, size_t n)
{
	return stats_select(x, n, 0.5, STATS_LINEAR);
}

/* ln n! minus Stirling's formula; the series of Loader (2000), its error below 1e-16 from 16 on. */
static double stirling_error(double n)
{
	double r = 1 / n, r2 = r * r;
	int sign;

	if (n < 16)
		return lgamma_r(n + 1, &sign) - (n + 0.5) * log(n) + n - 0.5 * log(2 * M_PI);
	return r * (1.0 / 12 - r2 * (1.0 / 360 - r2 * (1.0 / 1260 - r2 * (1.0 / 1680 - r2 / 1188))));
}

/* x ln(x / m) + m - x without cancellation near x = m (Loader's deviance). */
static double deviance(double x, double m)
{
	double v = (x - m) / (x + m), sum, term;

	if (fabs(v) >= 0.1)
		return x * log(x / m) + m - x;
	sum = (x - m) * v;
	term = 2 * x * v;
	for (int j = 3; j < 60; j += 2) {
		double more;

		term *= v * v;
		more = sum + term / j;
		if (more == sum)
			break;
		sum = more;
	}
	return sum;
}

static double binomial_density(double x, double n, double p)
{
	double q = 1 - p, y = n - x;

	if (x == 0)
		return exp(n * log1p(-p));
	if (y == 0)
		return exp(n * log(p));
	return exp(stirling_error(n) - stirling_error(x) - stirling_error(y) - deviance(x, n * p) -
		   deviance(y, n * q)) * sqrt(n / (2 * M_PI * x * y));
}

/* The continued fraction of I_x(a, b), DLMF 8.17.22; about sqrt(max(a, b)) turns below the mean. */
static double beta_fraction(double a, double b, double x)
{
	const double tiny = 1e-300;
	double c = 1, d, h;

	d = 1 - (a + b) * x / (a + 1);
	d = 1 / (fabs(d) < tiny ? tiny : d);
	h = d;
	for (int m = 1; m < 1000000; m++) {
		double m2 = 2.0 * m, even = m * (b - m) * x / ((a + m2 - 1) * (a + m2));
		double odd = -(a + m) * (a + b + m) * x / ((a + m2) * (a + m2 + 1)), step;

		d = 1 + even * d;
		c = 1 + even / c;
		d = 1 / (fabs(d) < tiny ? tiny : d);
		c = fabs(c) < tiny ? tiny : c;
		h *= d * c;
		d = 1 + odd * d;
		c = 1 + odd / c;
		d = 1 / (fabs(d) < tiny ? tiny : d);
		c = fabs(c) < tiny ? tiny : c;
		step = d * c;
		h *= step;
		if (fabs(step - 1) < 1e-15)
			break;
	}
	return h;
}

double stats_binomial_cdf(size_t k, size_t n, double p)
{
	/* P(X <= k) = I_{1-p}(n - k, k + 1), DLMF 8.17.5 */
	double a, b, density;

	if (k >= n || p <= 0)
		return 1;
	if (p >= 1)
		return 0;
	a = (double)(n - k);
	b = (double)k + 1;
	density = binomial_density((double)k, (double)n, p) * p;
	/* The fraction converges fast on its own side of the mean only. */
	if (1 - p < (a + 1) / (a + b + 2))
		return fmin(density * beta_fraction(a, b, 1 - p), 1);
	return fmax(1 - density * (a / b) * beta_fraction(b, a, p), 0);
}

/* Smallest k in 0..n with P(X <= k) >= c. */
static size_t binomial_quantile(size_t n, double p, double c)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (stats_binomial_cdf(mid, n, p) >= c)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

struct stats_ranks stats_quantile_ranks(size_t n, double q, double level)
{
	double tail = (1 - level) / 2;
	struct stats_ranks ret = { 0, 0 };
	size_t k;

	if (!n || !(q > 0) || !(q < 1) || !(tail > 0))
		return ret;
	/* CDF(k) is the first above the tail, CDF(k - 1) is not: j = k; 0: CDF(0) is above. */
	k = binomial_quantile(n, q, nextafter(tail, 1));
	ret.lo = k;
	k = binomial_quantile(n, q, 1 - tail);
	ret.hi = k < n ? k + 1 : 0;
	return ret;
}

size_t stats_upper_n(double q, double tail)
{
	if (!(q > 0) || !(tail < 1))
		return 1;
	if (!(q < 1) || !(tail > 0))
		return SIZE_MAX;
	return (size_t)ceil(log(tail) / log(q) * (1 - 1e-14));
}

void stats_mann_whitney(struct stats_mann_whitney *ret, const double *a, size_t na, const double *b,
			size_t nb)
{
	double n = (double)na + (double)nb, pairs = (double)na * (double)nb;
	double ties = 0, variance, off;
	size_t i = 0, j = 0;

	*ret = (struct stats_mann_whitney){ .p = 1 };
	if (!na || !nb)
		return;
	while (i < na || j < nb) {
		double v = j == nb || (i < na && a[i] < b[j]) ? a[i] : b[j], t;
		size_t i0 = i, j0 = j;

		while (i < na && a[i] == v)
			i++;
		while (j < nb && b[j] == v)
			j++;
		ret->u += (double)(i - i0) * ((double)j0 + (double)(j - j0) / 2);
		t = (double)(i - i0 + j - j0);
		ties += t * t * t - t;
	}
	variance = pairs / 12 * (n + 1 - ties / (n * (n - 1)));
	if (!(variance > 0))
		return;
	off = ret->u - pairs / 2;
	off = off > 0 ? fmax(off - 0.5, 0) : fmin(off + 0.5, 0);
	ret->z = off / sqrt(variance);
	ret->p = erfc(fabs(ret->z) / M_SQRT2);
}

/* Pairs with b - a <= v, in one walk: the limit moves only down as a falls. */
static double pairs_up_to(const double *a, size_t na, const double *b, size_t nb, double v)
{
	double count = 0;
	size_t j = nb;

	for (size_t i = na; i-- > 0;) {
		while (j > 0 && b[j - 1] - a[i] > v)
			j--;
		count += (double)j;
	}
	return count;
}

/* The smallest difference with at least `rank` of them at or below it. */
static double difference_of_rank(const double *a, size_t na, const double *b, size_t nb,
				 double rank)
{
	double lo = b[0] - a[na - 1], hi = b[nb - 1] - a[0];

	if (pairs_up_to(a, na, b, nb, lo) >= rank)
		return lo;
	/* count(lo) < rank <= count(hi) until no double lies between them */
	for (;;) {
		double mid = lo + (hi - lo) / 2;

		if (mid <= lo || mid >= hi)
			return hi;
		if (pairs_up_to(a, na, b, nb, mid) >= rank)
			hi = mid;
		else
			lo = mid;
	}
}

double stats_hodges_lehmann(const double *a, size_t na, const double *b, size_t nb)
{
	double pairs = (double)na * (double)nb, down, up;

	if (!na || !nb)
		return 0;
	down = difference_of_rank(a, na, b, nb, floor((pairs + 1) / 2));
	up = difference_of_rank(a, na, b, nb, floor(pairs / 2) + 1);
	return down + (up - down) / 2;
}
