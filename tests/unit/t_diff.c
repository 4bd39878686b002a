/*
 * decoder/diff, ratio, bootstrap, student: intervals that hold what they promise on series that depend on themselves, on recorded
 * passes and on the runs of TR117.
 */
#include "decoder/diff.h"

#include <math.h>
#include <string.h>

#include "decoder/mem.h"
#include "decoder/student.h"
#include "tests/unit/tr120.h"

#define REPEATS   100
#define RESAMPLES 200

static bool near(double got, double want, double relative)
{
	return fabs(got - want) <= relative * fabs(want);
}

/* Tables of the t distribution. */
TEST(student_table)
{
	static const struct {
		unsigned df;
		double level, t;
	} want[] = {
		{ 1, 0.95, 12.7062 }, { 2, 0.95, 4.302653 }, { 7, 0.95, 2.364624 }, { 20, 0.95, 2.085963 },
		{ 3, 0.99, 5.840909 }, { 30, 0.90, 1.697261 },
	};

	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
		CHECK(near(student_bound(want[i].level, want[i].df), want[i].t, 1e-5));
		CHECK(near(student_tail(want[i].t, want[i].df), 1 - want[i].level, 1e-4));
	}
	CHECK(student_tail(0, 5) == 1 && student_tail(1e9, 4) < 1e-12);
}

/* n values about `level`, each leaning on the one before. */
static void ar1(double *x, size_t n, double phi, double level, double sd, uint64_t *state)
{
	double at = random_normal(state);

	for (size_t i = 0; i < n; i++) {
		at = phi * at + sqrt(1 - phi * phi) * random_normal(state);
		x[i] = level * (1 + sd * at);
	}
}

/* Independent, leaning, leaning a lot: the same 95 % is promised. */
TEST(bootstrap_coverage)
{
	static const double phis[] = { 0, 0.5, 0.7 };
	static const double half = 0.5;
	double a[400], b[400];
	uint64_t state = 11;

	for (size_t k = 0; k < 3; k++) {
		size_t alone = 0, both = 0;

		for (int i = 0; i < 300; i++) {
			struct bootstrap_run ra = { a, 300 }, rb = { b, 400 };
			struct bootstrap_side sa = { &ra, 1 }, sb = { &rb, 1 };
			const struct bootstrap_options opt = { .seed = (uint64_t)i, .resamples = RESAMPLES };
			struct bootstrap_ratio boot;
			struct ratio r;

			ar1(a, 300, phis[k], 100, 0.05, &state);
			ar1(b, 400, phis[k], 120, 0.05, &state);
			bootstrap_ratio(&boot, &half, 1, &sa, &sb, &opt);
			ratio_compare(&r, &sa, &sb, (uint64_t)i, RESAMPLES);
			alone += boot.lo <= 1.2 && boot.hi >= 1.2;
			both += r.p50.lo <= 1.2 && r.p50.hi >= 1.2;
			CHECK(r.p50.lo <= boot.lo && r.p50.hi >= boot.hi && r.p50.known && r.p95.known);
		}
		/* Blocks alone promise too much when they must be long; the units make up for it. */
		CHECK(phis[k] > 0.5 || (alone >= 270 && alone <= 297));
		CHECK(both >= alone && both >= 276 && both <= 297);
	}
}

/* Block lengths follow the dependence. */
TEST(bootstrap_blocks)
{
	static double x[100000];
	uint64_t state = 5;
	size_t independent, leaning;

	ar1(x, 1000, 0, 1, 0.1, &state);
	independent = bootstrap_block(x, 1000);
	ar1(x, 1000, 0.9, 1, 0.1, &state);
	leaning = bootstrap_block(x, 1000);
	CHECK(independent >= 10 && independent <= 20 && leaning >= 2 * independent && leaning <= 250);
	ar1(x, 100000, 0, 1, 0.1, &state);
	CHECK(bootstrap_block(x, 100000) >= 100000 / BOOTSTRAP_BLOCKS);
	for (size_t i = 0; i < 50; i++)
		x[i] = 3;
	CHECK(bootstrap_block(x, 50) == 4 && bootstrap_block(x, 1) == 1);
}

/* Large and thinned: the same quantiles as the values themselves, the same numbers for the same seed. */
TEST(bootstrap_large)
{
	static double a[30000], b[30000];
	static const double q[] = { 0.5, 0.95 };
	struct bootstrap_run ra = { a, 30000 }, rb = { b, 30000 };
	struct bootstrap_side sa = { &ra, 1 }, sb = { &rb, 1 };
	struct bootstrap_options opt = { .seed = 3, .resamples = RESAMPLES };
	struct bootstrap_ratio x[2], y[2], z[2];
	uint64_t state = 9;

	ar1(a, 30000, 0.2, 100, 0.1, &state);
	ar1(b, 30000, 0.2, 103, 0.1, &state);
	bootstrap_ratio(x, q, 2, &sa, &sb, &opt);
	bootstrap_ratio(y, q, 2, &sa, &sb, &opt);
	opt.seed = 4;
	bootstrap_ratio(z, q, 2, &sa, &sb, &opt);
	CHECK(!memcmp(x, y, sizeof(x)) && memcmp(x, z, sizeof(x)));
	for (int i = 0; i < 2; i++) {
		CHECK(near(x[i].ratio, 1.03, 0.006) && x[i].lo < 1.03 && x[i].hi > 1.03);
		CHECK(x[i].hi - x[i].lo < 0.015 && x[i].hi - x[i].lo > 0.002);
		CHECK(near(z[i].hi, x[i].hi, 0.003));
	}
}

static enum diff_verdict judge(const double *a, size_t na, const double *b, size_t nb, struct ratio *r)
{
	struct bootstrap_run ra = { a, na }, rb = { b, nb };
	struct bootstrap_side sa = { &ra, 1 }, sb = { &rb, 1 };

	ratio_compare(r, &sa, &sb, 1, RESAMPLES);
	return diff_judge(&r->p50, r->p50.p);
}

/* A true slowdown of 5 % with n = 200 on each side, and none. */
TEST(diff_finds_five_percent)
{
	double a[200], b[200];
	uint64_t state = 21;
	size_t found = 0, wrong = 0;
	struct ratio r;

	for (int i = 0; i < REPEATS; i++) {
		ar1(a, 200, 0.3, 8e6, 0.05, &state);
		ar1(b, 200, 0.3, 8e6, 0.05, &state);
		wrong += judge(a, 200, b, 200, &r) != DIFF_NONE;
		for (int k = 0; k < 200; k++)
			b[k] *= 1.05;
		found += judge(a, 200, b, 200, &r) == DIFF_SLOWER;
		CHECK(near(r.shift, 4e5, 0.6));
	}
	CHECK(found >= 95 && wrong <= 5);
}

TEST(diff_verdict_rules)
{
	struct ratio_interval r = { true, 1.05, 1.02, 1.08, 0.001 };
	double p[] = { 0.01, 0.04, 0.03, 0.005 };
	double x[20], y[20];
	struct ratio all;

	CHECK(diff_judge(&r, 0.001) == DIFF_SLOWER);
	CHECK(diff_judge(&r, 0.06) == DIFF_NONE); /* one of many rows */
	r = (struct ratio_interval){ true, 0.95, 0.9, 0.99, 0.001 };
	CHECK(diff_judge(&r, 0.001) == DIFF_FASTER);
	r.known = false;
	CHECK(diff_judge(&r, 0.001) == DIFF_NONE);
	r = (struct ratio_interval){ true, 1.005, 1.004, 1.006, 0.0001 }; /* sure, and nothing */
	CHECK(diff_judge(&r, 0.0001) == DIFF_NONE);

	diff_holm(p, 4);
	CHECK(near(p[3], 0.02, 1e-9) && near(p[0], 0.03, 1e-9) && near(p[2], 0.06, 1e-9) && near(p[1], 0.06, 1e-9));

	for (int i = 0; i < 20; i++)
		x[i] = y[i] = 5;
	CHECK(judge(x, 20, y, 20, &all) == DIFF_NONE && all.p50.lo == 1 && all.p50.hi == 1 && all.p50.p == 1);
	for (int i = 0; i < 20; i++)
		y[i] = 10;
	CHECK(judge(x, 20, y, 20, &all) == DIFF_SLOWER && all.p50.ratio == 2 && !all.p95.known);
	CHECK(judge(x, 15, y, 20, &all) == DIFF_NONE && !all.p50.known && all.p50.ratio == 2);
}

/* What varies from run to run counts when there are runs: the passes of one run are not repetitions. */
TEST(diff_runs_are_units)
{
	static double x[2][6][50];
	uint64_t state = 77;
	size_t wrong = 0, wrong_flat = 0;

	for (int i = 0; i < REPEATS; i++) {
		struct bootstrap_run runs[2][6], flat[2] = { { &x[0][0][0], 300 }, { &x[1][0][0], 300 } };
		struct bootstrap_side a = { runs[0], 6 }, b = { runs[1], 6 }, fa = { &flat[0], 1 }, fb = { &flat[1], 1 };
		const struct bootstrap_options opt = { .resamples = RESAMPLES };
		static const double half = 0.5;
		struct bootstrap_ratio boot;
		struct ratio r;

		for (int s = 0; s < 2; s++)
			for (int k = 0; k < 6; k++) {
				ar1(x[s][k], 50, 0, 100 * (1 + 0.05 * random_normal(&state)), 0.01, &state);
				runs[s][k] = (struct bootstrap_run){ x[s][k], 50 };
			}
		ratio_compare(&r, &a, &b, 1, RESAMPLES);
		CHECK(r.by_run && r.spread_a > 1);
		wrong += diff_judge(&r.p50, r.p50.p) != DIFF_NONE;
		bootstrap_ratio(&boot, &half, 1, &fa, &fb, &opt);
		wrong_flat += boot.lo > 1 || boot.hi < 1;
	}
	CHECK(wrong <= 5 && wrong_flat > 2 * wrong);
}

/* --- recorded passes */

struct recorded {
	const char *name;
	double *wall, *busy;
	size_t n;
};

static size_t recorded_read(struct recorded *ret, size_t max, cJSON **ret_root)
{
	static char text[128 << 10];
	FILE *f = fopen("tests/data/passes.json", "re");
	const cJSON *x;
	size_t n = 0;

	CHECK(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = 0;
	CHECK(feof(f));
	fclose(f);
	CHECK((*ret_root = cJSON_Parse(text)));
	cJSON_ArrayForEach(x, tr120_get(*ret_root, "series")) {
		CHECK(n < max);
		ret[n].name = tr120_get(x, "name")->valuestring;
		ret[n].wall = tr120_array(tr120_get(x, "wall"), &ret[n].n);
		ret[n].busy = tr120_array(tr120_get(x, "busy"), &ret[n].n);
		n++;
	}
	return n;
}

static void recorded_release(struct recorded *list, size_t n, cJSON *root)
{
	for (size_t i = 0; i < n; i++) {
		free(list[i].wall);
		free(list[i].busy);
	}
	cJSON_Delete(root);
}

/* Requests dealt out to two sides: of each two neighbours one to either, by chance. Returns how many a has. */
static size_t deal(double *a, double *b, size_t *ret_nb, const double *x, size_t n, uint64_t *state)
{
	const size_t request = 1 + random_bits(state) % (n / 16);
	size_t na = 0, nb = 0;

	for (size_t i = 0; i < n; i += 2 * request) {
		const bool swap = random_bits(state) & 1;

		for (size_t k = i; k < n && k < i + 2 * request; k++)
			if ((k < i + request) != swap)
				a[na++] = x[k];
			else
				b[nb++] = x[k];
	}
	*ret_nb = nb;
	return na;
}

/* The same program on both sides, 100 times from each recording: at least 95 times nothing is claimed. */
static void same_program(bool busy)
{
	struct recorded list[16];
	cJSON *root;
	const size_t n = recorded_read(list, 16, &root);
	double a[400], b[400];
	uint64_t state = 31;
	struct ratio r;

	CHECK(n == 9);
	for (size_t i = 0; i < n; i++) {
		size_t wrong = 0;

		for (int k = 0; k < REPEATS; k++) {
			size_t nb, na = deal(a, b, &nb, busy ? list[i].busy : list[i].wall, list[i].n, &state);

			wrong += judge(a, na, b, nb, &r) != DIFF_NONE;
		}
		if (wrong > 5)
			printf("# %s: %zu of 100\n", list[i].name, wrong);
		CHECK(wrong <= 5);
	}
	recorded_release(list, n, root);
}

TEST(diff_same_program_latency)
{
	same_program(false);
}

TEST(diff_same_program_gpu)
{
	same_program(true);
}

/*
 * The two halves of one run, each a session by itself. Mann-Whitney calls them different (p < 0.01) in 7 of 9: the host
 * changed its speed. That is no difference of the program.
 */
TEST(diff_halves_of_a_run)
{
	struct recorded list[16];
	cJSON *root;
	const size_t n = recorded_read(list, 16, &root);
	size_t naive = 0;
	struct ratio r;

	for (size_t i = 0; i < n; i++) {
		const size_t half = list[i].n / 2;

		CHECK(judge(list[i].wall, half, list[i].wall + half, list[i].n - half, &r) == DIFF_NONE);
		naive += r.mann_whitney_p < 0.01;
	}
	CHECK(naive >= 6);
	recorded_release(list, n, root);
}

/*
 * 5 % more on one side is found at least 95 times of 100 where a run differs from itself by less than that: GPU time of seven
 * recordings of nine, at n = 150 to 200. On their host's wall times, which change by 8 % to 75 % within a run, it
 * is not found, and must not be claimed the other way.
 */
TEST(diff_finds_five_percent_recorded)
{
	struct recorded list[16];
	cJSON *root;
	const size_t n = recorded_read(list, 16, &root);
	double a[400], b[400];
	uint64_t state = 41;
	size_t steady = 0;
	struct ratio r;

	for (size_t i = 0; i < n; i++) {
		size_t found = 0, nb, na;

		for (int k = 0; k < REPEATS; k++) {
			na = deal(a, b, &nb, list[i].busy, list[i].n, &state);
			for (size_t v = 0; v < nb; v++)
				b[v] *= 1.05;
			found += judge(a, na, b, nb, &r) == DIFF_SLOWER;
			CHECK(judge(a, na, b, nb, &r) != DIFF_FASTER);
		}
		CHECK(found >= 95 || r.spread_a > 1.1);
		steady += found >= 95;
	}
	CHECK(steady >= 7);
	recorded_release(list, n, root);
}

/* --- TR117 */

struct tr117 {
	double x[300];
	uint32_t run[300], group[300];
	struct bootstrap_run runs[21];
	size_t n;
};

/* Each run file's first sample, and for its others, which are not in the data, their mean; ns. */
static void tr117_side(struct tr117 *ret, const cJSON *files)
{
	const cJSON *f;
	uint32_t r = 0;

	ret->n = 0;
	cJSON_ArrayForEach(f, files) {
		size_t k = (size_t)cJSON_GetArrayItem(f, 1)->valuedouble;

		CHECK(r < 21);
		ret->runs[r] = (struct bootstrap_run){ ret->x + ret->n, k };
		for (size_t i = 0; i < k; i++, ret->n++) {
			ret->x[ret->n] = cJSON_GetArrayItem(f, i ? 5 : 2)->valuedouble * 1e6;
			ret->run[ret->n] = r;
			ret->group[ret->n] = r / 3; /* three files of each scenario */
		}
		r++;
	}
	CHECK(r == 21 && ret->n == 273);
}

/* Mean -14.83 ms, without the 3 cold samples +1.54 ms: no difference shown, in all and in each scenario. */
TEST(diff_tr117)
{
	static struct tr117 a, b;
	cJSON *tr = tr120_read();
	const cJSON *t = tr120_get(tr, "tr117");
	struct bootstrap_side sa = { a.runs, 21 }, sb = { b.runs, 21 };
	struct coldstart_side ca = { a.x, a.run, a.group, 273 }, cb = { b.x, b.run, b.group, 273 };
	struct coldstart_flip flip;
	double p[7];
	struct ratio r[8];
	char *text;

	tr117_side(&a, tr120_get(t, "gpu_files"));
	tr117_side(&b, tr120_get(t, "compile_files"));
	ratio_compare(&r[7], &sa, &sb, 1, 2000);
	CHECK(r[7].by_run && r[7].p50.known && diff_judge(&r[7].p50, r[7].p50.p) == DIFF_NONE);
	CHECK(r[7].p50.lo < 1 && r[7].p50.hi > 1 && r[7].mann_whitney_p > 0.05);
	for (size_t i = 0; i < 7; i++) {
		sa = (struct bootstrap_side){ a.runs + 3 * i, 3 };
		sb = (struct bootstrap_side){ b.runs + 3 * i, 3 };
		ratio_compare(&r[i], &sa, &sb, 1, 2000);
		CHECK(r[i].by_run && r[i].p50.known);
		p[i] = r[i].p50.p;
	}
	diff_holm(p, 7);
	for (size_t i = 0; i < 7; i++)
		CHECK(diff_judge(&r[i].p50, p[i]) == DIFF_NONE);

	coldstart_flip(&flip, &ca, &cb);
	CHECK(near(flip.all.mean, -14.83e6, 0.001) && flip.all.median > 0 && flip.all.flip);
	CHECK(flip.cure[COLDSTART_WARMUP].removes && flip.cure[COLDSTART_WARMUP].left_out_a == 3);
	CHECK(near(flip.cure[COLDSTART_FIRST].delta.mean, 1.54e6, 0.005));
	CHECK(!flip.cure[COLDSTART_TRIM_1].removes);
	text = diff_flip_text("TR117", &flip);
	CHECK(strstr(text, "-14.8 ms by the mean") && strstr(text, "(3 of A, 0 of B)"));
	free(text);
	cJSON_Delete(tr);
}
