/* decoder/changepoint and decoder/coldstart: against published series, and against planted changes. */
#include "decoder/changepoint.h"

#include <math.h>
#include <string.h>

#include "decoder/stats.h"
#include "tests/unit/tr120.h"

static size_t cut(size_t *ret, const double *x, size_t n, double penalty)
{
	struct changepoint_options opt = { .penalty = penalty };

	return changepoint_cut(ret, x, n, &opt, NULL);
}

/* The five n = 60 series of TR126, and what an independent implementation found in them. */
TEST(changepoint_tr126_series)
{
	cJSON *tr = tr120_read();
	const cJSON *want;
	int series = 0;

	cJSON_ArrayForEach(want, tr120_get(tr, "changepoints_pelt_15lnn")) {
		struct changepoints c;
		size_t n, n_want;
		double *x = tr120_array(tr120_get(tr120_get(tr, "series"), want->string), &n);
		double *at = tr120_array(want, &n_want);

		CHECK(n == 60);
		changepoint_find(&c, x, n, NULL);
		CHECK(c.n == n_want + 1 && c.outliers == 0 && c.spacing == 1);
		for (size_t i = 0; i < n_want; i++)
			CHECK(c.list[i + 1].start == (size_t)at[i] && c.list[i].end == (size_t)at[i]);
		CHECK(c.kind == CHANGEPOINT_WARMUP);
		CHECK(c.steady_from == (size_t)at[n_want - 1]);
		CHECK(c.list[n_want].steady && !c.list[0].steady);
		changepoint_release(&c);
		free(x);
		free(at);
		series++;
	}
	CHECK(series == 5);
	cJSON_Delete(tr);
}

/* Scale is no matter: the same in ns. */
TEST(changepoint_unit_is_no_matter)
{
	cJSON *tr = tr120_read();
	const cJSON *s;

	cJSON_ArrayForEach(s, tr120_get(tr, "series")) {
		struct changepoints ms, ns;
		size_t n;
		double *x = tr120_array(s, &n);

		changepoint_find(&ms, x, n, NULL);
		for (size_t i = 0; i < n; i++)
			x[i] = round(x[i] * 1e6);
		changepoint_find(&ns, x, n, NULL);
		CHECK(ms.n == ns.n && ms.kind == ns.kind && ms.steady_from == ns.steady_from);
		for (size_t i = 0; i < ms.n; i++)
			CHECK(ms.list[i].start == ns.list[i].start);
		changepoint_release(&ms);
		changepoint_release(&ns);
		free(x);
	}
	cJSON_Delete(tr);
}

/* TR120's 30 stress samples: none at 15 ln n, over-segmented at 3 ln n, and too few to say more. */
TEST(changepoint_tr120_stress)
{
	static const size_t over[] = { 9, 14, 18, 22 };
	cJSON *tr = tr120_read();
	size_t n, at[30];
	double *x = tr120_array(tr120_get(tr, "stress_series_173112_compile"), &n);
	struct changepoints c;

	CHECK(n == 30 && cut(at, x, n, 15) == 0);
	CHECK(cut(at, x, n, 3) == 4 && !memcmp(at, over, sizeof(over)));
	changepoint_find(&c, x, n, NULL);
	CHECK(c.kind == CHANGEPOINT_TOO_FEW && c.n == 1 && c.steady_from == 0);
	CHECK(!c.plateau.found && !c.first.some && c.first.ratio > 0.7 && c.first.ratio < 0.8);
	changepoint_release(&c);
	free(x);
	cJSON_Delete(tr);
}

TEST(changepoint_planted_step_and_noise)
{
	int found = 0, near = 0, quiet = 0;

	for (uint64_t s = 0; s < 100; s++) {
		uint64_t seed = 1000 + s;
		double noise[200], step[200];
		size_t at[200], k = 20 + random_bits(&seed) % 160;

		for (size_t i = 0; i < 200; i++) {
			noise[i] = 1e6 + 2e4 * random_normal(&seed);
			step[i] = noise[i] * (i < k ? 1.15 : 1);
		}
		quiet += cut(at, noise, 200, 0) == 0;
		if (cut(at, step, 200, 0) == 1) {
			found++;
			near += at[0] + 1 >= k && at[0] <= k + 1;
		}
	}
	CHECK(quiet >= 95 && found >= 95 && near >= 95);
}

/* A change of variance alone counts too: the mean stays. */
TEST(changepoint_planted_variance)
{
	int found = 0;

	for (uint64_t s = 0; s < 100; s++) {
		uint64_t seed = 2000 + s;
		double x[300];
		size_t at[300];

		for (size_t i = 0; i < 300; i++)
			x[i] = 1e6 + (i < 150 ? 1e3 : 1e4) * random_normal(&seed);
		found += cut(at, x, 300, 0) == 1 && at[0] >= 145 && at[0] <= 155;
	}
	CHECK(found >= 95);
}

/* Pruning must not change the answer: against the same recursion without it. */
TEST(changepoint_pruning_is_exact)
{
	for (uint64_t s = 0; s < 400; s++) {
		uint64_t seed = 3000 + s;
		double x[80], best[81], level = 100;
		size_t n = 30 + s % 51, at[80], before[81], want[80], n_want = 0, got;
		double factor = s % 2 ? 3 : 0.5, penalty = factor * log((double)n), sorted[80], floor2;

		for (size_t i = 0; i < n; i++) {
			if (random_bits(&seed) % 12 == 0)
				level = 50 + (double)(random_bits(&seed) % 100);
			x[i] = level + 3 * random_normal(&seed);
		}
		memcpy(sorted, x, sizeof(sorted));
		floor2 = pow(1e-4 * stats_median(sorted, n), 2) / 12;
		best[0] = -penalty;
		for (size_t j = 1; j <= n; j++) {
			best[j] = INFINITY;
			for (size_t i = 0; i + 2 <= j; i++) {
				double mean = 0, v = 0, m = (double)(j - i), c;

				for (size_t t = i; t < j; t++)
					mean += x[t] / m;
				for (size_t t = i; t < j; t++)
					v += (x[t] - mean) * (x[t] - mean) / m;
				c = m * (log(fmax(v, floor2)) + v / fmax(v, floor2));
				if (best[i] + c + penalty < best[j]) {
					best[j] = best[i] + c + penalty;
					before[j] = i;
				}
			}
		}
		for (size_t j = before[n]; j; j = before[j])
			want[n_want++] = j;
		got = cut(at, x, n, factor);
		CHECK(got == n_want);
		for (size_t i = 0; i < got; i++)
			CHECK(at[i] == want[n_want - 1 - i]);
	}
}

/* A clock that ticks coarsely gives runs of equal values; they are no segments. */
TEST(changepoint_equal_values)
{
	double x[400];
	size_t at[400];
	struct changepoints c;
	uint64_t seed = 5;

	for (size_t i = 0; i < 400; i++)
		x[i] = 5;
	CHECK(cut(at, x, 400, 0) == 0);
	for (size_t i = 0; i < 400; i++)
		x[i] = i < 100 ? 7 : 5;
	changepoint_find(&c, x, 400, NULL);
	CHECK(c.n == 2 && c.list[1].start == 100 && c.kind == CHANGEPOINT_WARMUP);
	changepoint_release(&c);
	for (size_t i = 0; i < 400; i++)
		x[i] = 2000 + 32 * (double)(random_bits(&seed) % 2);
	CHECK(cut(at, x, 400, 0) == 0);
	memset(x, 0, sizeof(x));
	changepoint_find(&c, x, 400, NULL);
	CHECK(c.n == 1 && c.kind == CHANGEPOINT_FLAT && c.first.ratio == 0);
	changepoint_release(&c);
	changepoint_find(&c, x, 0, NULL);
	CHECK(c.n == 0 && c.kind == CHANGEPOINT_TOO_FEW);
	changepoint_release(&c);
}

/* Single spikes are outliers, not changes; they are counted, and indices stay those of the series. */
TEST(changepoint_outliers_go_first)
{
	double x[1000];
	bool out[1000];
	struct changepoints c;
	uint64_t seed = 6;

	for (size_t i = 0; i < 1000; i++)
		x[i] = (i < 500 ? 200 : 100) + random_normal(&seed);
	for (size_t i = 130; i < 1000; i += 97)
		x[i] = 5000;
	CHECK(changepoint_outliers(out, x, 1000, 0) == 9);
	for (size_t i = 0; i < 1000; i++)
		CHECK(out[i] == (x[i] == 5000));
	changepoint_find(&c, x, 1000, NULL);
	CHECK(c.outliers == 9 && c.n == 2 && c.list[1].start == 500 && c.list[1].end == 1000);
	CHECK(c.list[0].n == 496 && c.list[1].n == 495 && c.kind == CHANGEPOINT_WARMUP);
	changepoint_release(&c);
	/* At the start nothing is an outlier, nor in a series shorter than the window. */
	x[3] = 5000;
	CHECK(changepoint_outliers(out, x, 1000, 0) == 9);
	CHECK(changepoint_outliers(out, x, 199, 0) == 0);
}

static enum changepoint_kind kind_of(const double *level, size_t n_levels, size_t each,
				     size_t *ret_steady)
{
	enum changepoint_kind kind;
	struct changepoints c;
	double x[2000];
	uint64_t seed = 7;

	for (size_t i = 0; i < n_levels * each; i++)
		x[i] = level[i / each] * (1 + 0.003 * random_normal(&seed));
	changepoint_find(&c, x, n_levels * each, NULL);
	*ret_steady = c.steady_from;
	kind = c.kind;
	changepoint_release(&c);
	return kind;
}

TEST(changepoint_kinds)
{
	size_t s;

	CHECK(kind_of((double[]){ 10, 10, 10 }, 3, 100, &s) == CHANGEPOINT_FLAT && s == 0);
	/* 1.5 % apart: cut, but equivalent */
	CHECK(kind_of((double[]){ 10.15, 10 }, 2, 200, &s) == CHANGEPOINT_FLAT && s == 0);
	CHECK(kind_of((double[]){ 12, 10, 10.1, 10 }, 4, 100, &s) == CHANGEPOINT_WARMUP && s == 100);
	CHECK(kind_of((double[]){ 12, 9, 10, 10 }, 4, 100, &s) == CHANGEPOINT_SLOWDOWN && s == 200);
	CHECK(kind_of((double[]){ 9, 9, 9, 9, 10 }, 5, 100, &s) == CHANGEPOINT_UNSTEADY && s == 400);
	CHECK(!strcmp(changepoint_kind_name(CHANGEPOINT_UNSTEADY), "no steady state"));
}

/* A million samples: a warm-up of 33 at the start and a step far inside, found to the sample. */
TEST(changepoint_a_million)
{
	size_t n = 1000000;
	double *x = malloc(n * sizeof(*x));
	struct changepoints c;
	uint64_t seed = 8;

	CHECK(x);
	for (size_t i = 0; i < n; i++)
		x[i] = (i < 33 ? 4e6 : i < 700123 ? 1e6 : 1.2e6) * (1 + 0.01 * random_normal(&seed));
	changepoint_find(&c, x, n, NULL);
	CHECK(c.n == 3 && c.list[1].start == 33 && c.list[2].start == 700123);
	CHECK(c.spacing > 1 && c.spacing < 500 && c.kind == CHANGEPOINT_SLOWDOWN);
	changepoint_release(&c);
	for (size_t i = 0; i < n; i++)
		x[i] = 1e6 * (1 + 0.01 * random_normal(&seed));
	changepoint_find(&c, x, n, NULL);
	CHECK(c.n == 1 && c.kind == CHANGEPOINT_FLAT);
	changepoint_release(&c);
	free(x);
}

/* Just beyond what is cut densely: a step anywhere is one change, wherever the grid's places are. */
TEST(changepoint_thinned_grid)
{
	enum { N = 3 * CHANGEPOINT_GRID };
	double *x = malloc(N * sizeof(*x));
	size_t *at = malloc(N * sizeof(*at)), spacing;
	int exact = 0;

	CHECK(x && at);
	for (uint64_t s = 0; s < 12; s++) {
		uint64_t seed = 5000 + s;
		size_t k = 100 + random_bits(&seed) % (N - 200);

		for (size_t i = 0; i < N; i++)
			x[i] = (i < k ? 1.2e6 : 1e6) * (1 + 0.01 * random_normal(&seed));
		exact += changepoint_cut(at, x, N, NULL, &spacing) == 1 && at[0] == k && spacing == 5;
	}
	CHECK(exact == 12);
	free(x);
	free(at);
}

TEST(coldstart_first_ratio)
{
	double x[] = { 31, 9, 10, 11, 10 };
	struct coldstart_first f;

	coldstart_first(&f, x, 5);
	CHECK(f.first == 31 && f.median_rest == 10 && fabs(f.ratio - 3.1) < 1e-12);
	CHECK(f.cold && f.some && f.is_max);
	x[0] = 30;
	coldstart_first(&f, x, 5);
	CHECK(!f.cold && f.some); /* more than 3 */
	coldstart_first(&f, x, 1);
	CHECK(f.first == 30 && f.ratio == 0 && !f.cold && f.is_max);
}

/*
 * The first 30 samples (59 of one) of TR126's series: plateaus of 6, 12 and 25; one is all plateau,
 * one starts fast.
 */
TEST(coldstart_plateau_of_short_runs)
{
	static const struct {
		const char *name;
		size_t n, k;
	} want[] = {
		{ "tr126_dyn_100m_micro", 30, 6 }, { "tr126_pad_50m_micro", 30, 12 },
		{ "tr126_pad_100m_micro", 59, 25 }, { "tr126_dyn_50m_micro", 30, 0 },
		{ "tr126_pad_25m_micro", 30, 0 },
	};
	cJSON *tr = tr120_read();

	for (size_t i = 0; i < 5; i++) {
		size_t n;
		double *x = tr120_array(tr120_get(tr120_get(tr, "series"), want[i].name), &n);
		struct coldstart_plateau p;

		coldstart_plateau(&p, x, want[i].n);
		CHECK(p.found == (want[i].k > 0) && (!p.found || p.k == want[i].k));
		CHECK(coldstart_warmup(x, want[i].n) == want[i].k);
		free(x);
	}
	cJSON_Delete(tr);
}

TEST(coldstart_plateau_level)
{
	int found = 0;

	for (uint64_t s = 0; s < 1000; s++) {
		uint64_t seed = 4000 + s;
		double x[40];
		struct coldstart_plateau p;

		for (size_t i = 0; i < 40; i++)
			x[i] = exp(random_normal(&seed)); /* wide: the ratio holds none back */
		coldstart_plateau(&p, x, 40);
		found += p.found;
	}
	CHECK(found <= 15); /* at most 1 % of them, and noise */
}

/*
 * A side of TR117: each run file's first sample, and for its others, which are not in the data,
 * their mean.
 */
static void read_files(const cJSON *files, double *x, uint32_t *run, uint32_t *group, size_t *ret_n,
		       size_t *ret_cold, size_t *ret_some)
{
	const cJSON *f;
	size_t n = 0;
	uint32_t r = 0;

	*ret_cold = *ret_some = 0;
	cJSON_ArrayForEach(f, files) {
		size_t k = (size_t)cJSON_GetArrayItem(f, 1)->valuedouble;
		double first = cJSON_GetArrayItem(f, 2)->valuedouble;
		double median = cJSON_GetArrayItem(f, 3)->valuedouble;
		double pair[3] = { first, median, median };
		struct coldstart_first c;

		coldstart_first(&c, pair, 3);
		*ret_cold += c.cold;
		*ret_some += c.some;
		for (size_t i = 0; i < k; i++, n++) {
			x[n] = i ? cJSON_GetArrayItem(f, 5)->valuedouble : first;
			run[n] = r;
			group[n] = r / 3; /* three files of each scenario */
		}
		r++;
	}
	*ret_n = n;
}

/* TR117: 3 of 21 files start cold against 0; without first samples -14.83 becomes +1.54 ms. */
TEST(coldstart_tr117_files)
{
	cJSON *tr = tr120_read();
	const cJSON *t = tr120_get(tr, "tr117");
	static double a[300], b[300];
	static uint32_t run_a[300], run_b[300], group_a[300], group_b[300];
	size_t na, nb, cold_a, cold_b, some;
	struct coldstart_side sa = { a, run_a, group_a, 0 }, sb = { b, run_b, group_b, 0 };
	struct coldstart_flip f;

	read_files(tr120_get(t, "gpu_files"), a, run_a, group_a, &na, &cold_a, &some);
	CHECK(na == 273 && cold_a == 3 && some == 3);
	read_files(tr120_get(t, "compile_files"), b, run_b, group_b, &nb, &cold_b, &some);
	CHECK(nb == 273 && cold_b == 0 && some == 0);
	sa.n = na;
	sb.n = nb;
	coldstart_flip(&f, &sa, &sb);
	CHECK(fabs(f.all.mean + 14.83) < 0.005);
	CHECK(f.cure[COLDSTART_FIRST].tried && f.cure[COLDSTART_FIRST].left_out_a == 21);
	CHECK(fabs(f.cure[COLDSTART_FIRST].delta.mean - 1.54) < 0.005);
	/* Only the three cold ones of one side: 3 samples. */
	CHECK(f.cure[COLDSTART_WARMUP].left_out_a == 3 && f.cure[COLDSTART_WARMUP].left_out_b == 0);
	CHECK(f.groups == 7 && f.cure[COLDSTART_GROUPS].tried);
	cJSON_Delete(tr);
}

/* The published means and medians: trimming 1 or 5 leaves the flip, first samples remove it. */
TEST(coldstart_tr117_flip)
{
	cJSON *tr = tr120_read();
	const cJSON *t = tr120_get(tr, "tr117"), *a = tr120_get(t, "gpu"), *b = tr120_get(t, "compile");
	double ma = tr120_number(a, "median"), mb = tr120_number(b, "median");
	static const struct {
		const char *mean;
		bool flip;
	} want[] = {
		{ "mean", true }, { "mean_excl_max", true }, { "mean_excl_top5", true },
		{ "mean_excl_first", false },
	};

	for (size_t i = 0; i < 4; i++)
		CHECK(coldstart_compare(tr120_number(a, want[i].mean), ma, tr120_number(b, want[i].mean),
					mb).flip == want[i].flip);
	CHECK(!coldstart_compare(1, 1, 1, 2).flip); /* no difference is no sign */
	cJSON_Delete(tr);
}

/* A flip whose cause is known, whole: what removes it is named, and only that. */
TEST(coldstart_flip_names_the_cause)
{
	double a[70], b[70];
	uint32_t run[70], group[70], group_b[70];
	struct coldstart_side sa = { a, run, group, 70 }, sb = { b, run, group, 70 };
	struct coldstart_flip f;

	/* Seven runs of ten: a's start cold and are a little faster after; two are not enough to trim. */
	for (uint32_t i = 0; i < 70; i++) {
		run[i] = i / 10;
		group[i] = 0;
		a[i] = (i % 10 ? 100 : 800) + i % 7;
		b[i] = 103 + i % 7;
	}
	coldstart_flip(&f, &sa, &sb);
	CHECK(f.all.flip && f.all.mean < 0 && f.all.median > 0);
	CHECK(!f.cure[COLDSTART_TRIM_1].removes && !f.cure[COLDSTART_TRIM_5].removes);
	CHECK(f.cure[COLDSTART_TRIM_1].left_out_a == 1 && f.cure[COLDSTART_TRIM_5].left_out_b == 5);
	CHECK(f.cure[COLDSTART_FIRST].removes && f.cure[COLDSTART_WARMUP].removes);
	CHECK(f.cure[COLDSTART_WARMUP].left_out_a == 7 && f.cure[COLDSTART_WARMUP].left_out_b == 0);
	CHECK(!f.cure[COLDSTART_GROUPS].tried && f.groups == 1);

	/* One outlier in the middle of a run: trimming one removes it, first samples do not. */
	for (uint32_t i = 0; i < 70; i++)
		a[i] = 100 + i % 7;
	a[35] = 2000;
	coldstart_flip(&f, &sa, &sb);
	CHECK(f.all.flip && f.cure[COLDSTART_TRIM_1].removes && !f.cure[COLDSTART_FIRST].removes);

	/* Two shapes in other shares: each is faster in b, and so is the mean, but not the median. */
	for (uint32_t i = 0; i < 70; i++) {
		run[i] = 0;
		group[i] = i < 30;
		a[i] = (i < 30 ? 500 : 100) + i % 7;
		group_b[i] = i < 36;
		b[i] = (i < 36 ? 410 : 90) + i % 7;
	}
	sb.group = group_b;
	coldstart_flip(&f, &sa, &sb);
	CHECK(f.all.flip && f.all.mean < 0 && f.groups == 2 && f.groups_flipped == 0);
	CHECK(f.cure[COLDSTART_GROUPS].removes && !f.cure[COLDSTART_FIRST].removes);
	CHECK(f.cure[COLDSTART_GROUPS].delta.mean < 0 && f.cure[COLDSTART_GROUPS].delta.median < 0);
	CHECK(!strcmp(coldstart_cure_name(COLDSTART_FIRST), "first sample of each run"));
}
