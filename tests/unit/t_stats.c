/* decoder/stats: quantiles against a naive sort, ranks against a published table, two samples. */
#include "decoder/stats.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "tests/unit/tr120.h"

static bool near(double got, double want, double relative)
{
	return fabs(got - want) <= relative * fabs(want) + 1e-300;
}

TEST(stats_empty_and_single)
{
	double x[1] = { 7 };
	struct stats_moments m;
	struct stats_mann_whitney u;

	stats_moments(&m, x, 0);
	CHECK(m.n == 0 && m.mean == 0 && m.sd == 0 && m.max == 0);
	CHECK(stats_quantile(x, 0, 0.5, STATS_LINEAR) == 0 && stats_median(x, 0) == 0);
	stats_moments(&m, x, 1);
	CHECK(m.mean == 7 && m.sd == 0 && m.min == 7 && m.max == 7);
	CHECK(stats_quantile(x, 1, 0.99, STATS_LINEAR) == 7);
	CHECK(stats_quantile(x, 1, 0, STATS_NEAREST) == 7);
	stats_mann_whitney(&u, x, 1, x, 0);
	CHECK(u.p == 1 && stats_hodges_lehmann(x, 0, x, 1) == 0);
	CHECK(stats_quantile_ranks(0, 0.5, 0.95).lo == 0 && stats_quantile_ranks(0, 0.5, 0.95).hi == 0);
}

/* numpy.percentile([15, 20, 35, 40, 50], 40) is 29; by nearest rank it is 20. */
TEST(stats_quantile_rules)
{
	double x[] = { 15, 20, 35, 40, 50 }, y[100];

	CHECK(near(stats_quantile(x, 5, 0.4, STATS_LINEAR), 29, 1e-15));
	CHECK(stats_quantile(x, 5, 0.4, STATS_NEAREST) == 20);
	CHECK(stats_quantile(x, 5, 1, STATS_LINEAR) == 50 && stats_quantile(x, 5, 0, STATS_LINEAR) == 15);
	CHECK(stats_quantile(x, 5, 1, STATS_NEAREST) == 50);
	CHECK(stats_quantile(x, 5, 0.41, STATS_NEAREST) == 35);
	/* Products that are not whole in binary: 0.95 * 20, 0.55 * 20, 0.07 * 100 */
	for (int i = 0; i < 100; i++)
		y[i] = i + 1;
	CHECK(stats_quantile(y, 20, 0.95, STATS_NEAREST) == 19);
	CHECK(stats_quantile(y, 20, 0.55, STATS_NEAREST) == 11);
	CHECK(stats_quantile(y, 100, 0.07, STATS_NEAREST) == 7);
}

TEST(stats_moments_do_not_cancel)
{
	double x[1000];
	struct stats_moments m;

	for (int i = 0; i < 1000; i++)
		x[i] = 1e15 + (i % 2 ? 1 : -1);
	stats_moments(&m, x, 1000);
	CHECK(m.mean == 1e15 && near(m.sd, sqrt(1000.0 / 999), 1e-12));
}

/* Shapes that make quickselect's pivots bad, many equal values among them. */
static double shape(int kind, size_t i, size_t n, uint64_t *seed)
{
	switch (kind) {
	case 0: return random_unit(seed);
	case 1: return (double)i;
	case 2: return (double)(n - i);
	case 3: return (double)(i < n / 2 ? i : n - i);
	case 4: return (double)(random_bits(seed) % 3);
	default: return 5;
	}
}

TEST(stats_quantile_select_and_naive_sort_agree)
{
	static const double q[] = { 0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1 };
	uint64_t seed = 1;

	for (size_t n = 1; n < 400; n = n * 5 / 4 + 1) {
		for (int kind = 0; kind < 6; kind++) {
			double x[512], sorted[512], work[512];

			for (size_t i = 0; i < n; i++)
				x[i] = shape(kind, i, n, &seed);
			memcpy(sorted, x, sizeof(sorted));
			for (size_t i = 1; i < n; i++) /* insertion: shares nothing with qsort */
				for (size_t j = i; j && sorted[j] < sorted[j - 1]; j--) {
					double t = sorted[j];

					sorted[j] = sorted[j - 1];
					sorted[j - 1] = t;
				}
			memcpy(work, x, sizeof(work));
			stats_sort(work, n);
			CHECK(!memcmp(work, sorted, n * sizeof(*work)));
			for (size_t k = 0; k < sizeof(q) / sizeof(*q); k++) {
				double at = q[k] * (double)(n - 1), low = floor(at);
				double a = sorted[(size_t)low], b = sorted[(size_t)ceil(at)];

				CHECK(fabs(stats_quantile(sorted, n, q[k], STATS_LINEAR) -
					   (a + (b - a) * (at - low))) < 1e-9);
				for (int rule = 0; rule < 2; rule++) {
					memcpy(work, x, sizeof(work));
					CHECK(stats_select(work, n, q[k], (enum stats_rule)rule) ==
					      stats_quantile(sorted, n, q[k], (enum stats_rule)rule));
				}
			}
		}
	}
}

TEST(stats_select_a_million)
{
	size_t n = 1000000;
	double *x = malloc(n * sizeof(*x));

	CHECK(x);
	for (int kind = 1; kind < 6; kind++) {
		uint64_t seed = 1;

		for (size_t i = 0; i < n; i++)
			x[i] = shape(kind, i, n, &seed);
		stats_median(x, n); /* quadratic would not end */
	}
	free(x);
}

/* TR120's stress_single: the file's own minimum, median and maximum, at its two decimals. */
TEST(stats_tr120_series)
{
	cJSON *tr = tr120_read();
	const cJSON *want = tr120_get(tr, "stress_series_stats");
	size_t n;
	double *x = tr120_array(tr120_get(tr, "stress_series_173112_compile"), &n);
	struct stats_moments m;

	CHECK(n == 30);
	stats_moments(&m, x, n);
	CHECK(fabs(m.min - tr120_number(want, "min")) <= 0.005);
	CHECK(fabs(m.max - tr120_number(want, "max")) <= 0.005);
	CHECK(fabs(stats_median(x, n) - tr120_number(want, "p50")) <= 0.005);
	free(x);
	cJSON_Delete(tr);
}

/* Two-sided 95 %, computed independently; 0: no finite bound. */
TEST(stats_quantile_ranks_table)
{
	static const struct {
		size_t n;
		struct stats_ranks p50, p95, p99;
	} want[] = {
		{ 30, { 10, 21 }, { 26, 0 }, { 28, 0 } },
		{ 60, { 22, 39 }, { 53, 0 }, { 58, 0 } },
		{ 120, { 49, 72 }, { 109, 119 }, { 116, 0 } },
		{ 270, { 119, 152 }, { 249, 264 }, { 264, 0 } },
		{ 500, { 228, 273 }, { 465, 485 }, { 490, 500 } },
		{ 1000, { 469, 532 }, { 936, 964 }, { 983, 997 } },
		{ 5000, { 2431, 2570 }, { 4719, 4781 }, { 4936, 4964 } },
	};

	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
		struct stats_ranks p50 = stats_quantile_ranks(want[i].n, 0.50, 0.95);
		struct stats_ranks p95 = stats_quantile_ranks(want[i].n, 0.95, 0.95);
		struct stats_ranks p99 = stats_quantile_ranks(want[i].n, 0.99, 0.95);

		CHECK(p50.lo == want[i].p50.lo && p50.hi == want[i].p50.hi);
		CHECK(p95.lo == want[i].p95.lo && p95.hi == want[i].p95.hi);
		CHECK(p99.lo == want[i].p99.lo && p99.hi == want[i].p99.hi);
	}
	/* Five samples say nothing about a median with 95 %; six do. */
	CHECK(stats_quantile_ranks(5, 0.5, 0.95).lo == 0 && stats_quantile_ranks(5, 0.5, 0.95).hi == 0);
	CHECK(stats_quantile_ranks(6, 0.5, 0.95).lo == 1 && stats_quantile_ranks(6, 0.5, 0.95).hi == 6);
}

TEST(stats_samples_for_an_upper_bound)
{
	static const struct {
		double q;
		size_t one_sided, two_sided;
	} want[] = { { 0.90, 29, 36 }, { 0.95, 59, 72 }, { 0.99, 299, 368 }, { 0.999, 2995, 3688 } };

	for (size_t i = 0; i < 4; i++) {
		CHECK(stats_upper_n(want[i].q, 0.05) == want[i].one_sided);
		CHECK(stats_upper_n(want[i].q, 0.025) == want[i].two_sided);
		/* and the ranks agree */
		CHECK(stats_quantile_ranks(want[i].two_sided, want[i].q, 0.95).hi == want[i].two_sided);
		CHECK(stats_quantile_ranks(want[i].two_sided - 1, want[i].q, 0.95).hi == 0);
	}
}

/* Against sums of the density, built up by ratios from lgamma's, outwards from the mode. */
TEST(stats_binomial_cdf_against_sums)
{
	static const size_t ns[] = { 1, 2, 15, 16, 40, 270, 1000 };
	static const double ps[] = { 0.001, 0.05, 0.3, 0.5, 0.9, 0.99, 0.999 };

	for (size_t a = 0; a < 7; a++)
		for (size_t b = 0; b < 7; b++) {
			size_t n = ns[a];
			long double p = ps[b], sum = 0;

			for (size_t k = 0; k <= n; k++) {
				int sign;
				double got = stats_binomial_cdf(k, n, (double)p);

				sum += expl(lgammal_r(n + 1.0L, &sign) - lgammal_r(k + 1.0L, &sign) -
					    lgammal_r(n - k + 1.0L, &sign) + k * logl(p) +
					    (n - k) * log1pl(-p));
				CHECK(fabs(got - (double)sum) < 1e-12 || near(got, (double)sum, 1e-10));
				CHECK(got >= 0 && got <= 1);
			}
		}
}

/* Ten million: symmetry is exact at p = 1/2, and the normal limit with its first correction holds. */
TEST(stats_binomial_cdf_large)
{
	size_t n = 10000000;
	double half = stats_binomial_cdf(n / 2, n, 0.5), below = stats_binomial_cdf(n / 2 - 1, n, 0.5);
	double sd = sqrt((double)n * 0.99 * 0.01), last = 0;
	struct stats_ranks r;

	CHECK(fabs(half + below - 1) < 1e-10);
	CHECK(near(half - below, sqrt(2 / (M_PI * (double)n)), 1e-6));
	for (int i = -6; i <= 6; i++) {
		double at = (double)n * 0.99 + i * sd, got = stats_binomial_cdf((size_t)at, n, 0.99);
		double z = (floor(at) + 0.5 - (double)n * 0.99) / sd;
		double skew = (1 - 2 * 0.99) / sd, normal = erfc(-z / M_SQRT2) / 2;

		normal -= skew / 6 * (z * z - 1) * exp(-z * z / 2) / sqrt(2 * M_PI);
		CHECK(fabs(got - normal) < 1e-6 && got >= last);
		last = got;
	}
	/* n p -+ z sd, and the correction for skewness: (1 - 2 q)(z^2 - 1) / 6 = -0.464 */
	r = stats_quantile_ranks(n, 0.99, 0.95);
	CHECK(fabs((double)r.lo - ((double)n * 0.99 - 1.959964 * sd)) < 2);
	CHECK(fabs((double)r.hi - ((double)n * 0.99 + 1.959964 * sd)) < 2);
}

/* How often the interval holds the quantile of the distribution the samples come from. */
static double coverage(size_t n, double q, uint64_t seed)
{
	struct stats_ranks r = stats_quantile_ranks(n, q, 0.95);
	int hit = 0, turns = 4000;
	double *x = malloc(n * sizeof(*x));

	CHECK(x);
	for (int t = 0; t < turns; t++) {
		for (size_t i = 0; i < n; i++)
			x[i] = random_unit(&seed); /* its q-quantile is q; ranks know no distribution */
		stats_sort(x, n);
		hit += (!r.lo || x[r.lo - 1] <= q) && (!r.hi || q <= x[r.hi - 1]);
	}
	free(x);
	return (double)hit / turns;
}

/* Never below 95 % but for three standard errors of 4,000 turns (0.0104), and not far above. */
TEST(stats_quantile_ranks_cover)
{
	double c;

	c = coverage(60, 0.5, 11);
	CHECK(c >= 0.94 && c <= 0.985);
	c = coverage(120, 0.95, 12);
	CHECK(c >= 0.94 && c <= 0.99);
	c = coverage(500, 0.99, 13);
	CHECK(c >= 0.94 && c <= 0.99);
	c = coverage(270, 0.99, 14); /* one-sided in effect */
	CHECK(c >= 0.94);
}

/* By hand: u = 0.5 + 1.5 + 2 * 2.5; ties of 2, 2 and 3. */
TEST(stats_mann_whitney_ties)
{
	double a[] = { 1, 2, 3, 4, 5, 5 }, b[] = { 3, 4, 5, 6, 7, 8, 9 }, c[] = { 2, 2, 2, 2 };
	double sd = sqrt(6 * 7 / 12.0 * (14 - (6 + 6 + 24) / (13 * 12.0)));
	struct stats_mann_whitney r, back, same;

	stats_mann_whitney(&r, a, 6, b, 7);
	CHECK(r.u == 7 && near(r.z, (7 - 21 + 0.5) / sd, 1e-12));
	CHECK(near(r.p, erfc(fabs(r.z) / sqrt(2)), 1e-12));
	stats_mann_whitney(&back, b, 7, a, 6);
	CHECK(back.u == 42 - r.u && near(back.z, -r.z, 1e-12) && near(back.p, r.p, 1e-12));
	stats_mann_whitney(&same, c, 4, c, 4);
	CHECK(same.u == 8 && same.p == 1);
}

/* Of equal distributions a twentieth is "significant"; of shifted ones nearly all. */
TEST(stats_mann_whitney_level)
{
	int low = 0, found = 0;
	uint64_t seed = 21;

	for (int t = 0; t < 2000; t++) {
		double a[30], b[40], c[40];
		struct stats_mann_whitney r;

		for (int i = 0; i < 30; i++)
			a[i] = floor(20 * random_unit(&seed));
		for (int i = 0; i < 40; i++) {
			b[i] = floor(20 * random_unit(&seed));
			c[i] = b[i] + 6;
		}
		stats_sort(a, 30);
		stats_sort(b, 40);
		stats_sort(c, 40);
		stats_mann_whitney(&r, a, 30, b, 40);
		low += r.p < 0.05;
		stats_mann_whitney(&r, a, 30, c, 40);
		found += r.p < 0.05 && r.z < 0;
	}
	CHECK(low > 70 && low < 130); /* 100 +- 3 * 9.7 */
	CHECK(found > 1900);
}

TEST(stats_hodges_lehmann_against_all_pairs)
{
	uint64_t seed = 31;

	for (int t = 0; t < 200; t++) {
		size_t na = 1 + random_bits(&seed) % 20, nb = 1 + random_bits(&seed) % 20;
		double a[20], b[20], all[400], scale = t % 2 ? 1 : 1e9;

		for (size_t i = 0; i < na; i++)
			a[i] = t % 3 ? random_normal(&seed) * scale : (double)(random_bits(&seed) % 4);
		for (size_t i = 0; i < nb; i++)
			b[i] = t % 3 ? random_normal(&seed) * scale : (double)(random_bits(&seed) % 4);
		stats_sort(a, na);
		stats_sort(b, nb);
		for (size_t i = 0; i < na; i++)
			for (size_t j = 0; j < nb; j++)
				all[i * nb + j] = b[j] - a[i];
		CHECK(fabs(stats_hodges_lehmann(a, na, b, nb) - stats_median(all, na * nb)) <=
		      1e-12 * scale);
	}
}
