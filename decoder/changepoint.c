#include "decoder/changepoint.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "decoder/mem.h"
#include "decoder/stats.h"

#define PENALTY    15.0
#define DELTA      0.02
#define RESOLUTION 1e-4 /* of the median */
#define WINDOW     200
#define SHORTEST   2    /* samples of a segment: one has no variance */
#define SUMS_STEP  16   /* 2 bytes for each sample instead of 32 */

static const char *const kind_names[] = {
#define X(N, s) [CHANGEPOINT_##N] = s,
	CHANGEPOINT_KINDS(X)
#undef X
};

const char *changepoint_kind_name(enum changepoint_kind kind)
{
	return kind < CHANGEPOINT_KIND_COUNT ? kind_names[kind] : "unknown";
}

/* --- outliers */

/* Index of the first element not below v. */
static size_t lower_bound(const double *sorted, size_t n, double v)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (sorted[mid] < v)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void window_add(double *sorted, size_t *n, double v)
{
	size_t i = lower_bound(sorted, *n, v);

	memmove(sorted + i + 1, sorted + i, (*n - i) * sizeof(*sorted));
	sorted[i] = v;
	(*n)++;
}

static void window_remove(double *sorted, size_t *n, double v)
{
	size_t i = lower_bound(sorted, *n, v);

	memmove(sorted + i, sorted + i + 1, (*n - i - 1) * sizeof(*sorted));
	(*n)--;
}

size_t changepoint_outliers(bool *ret, const double *x, size_t n, size_t window)
{
	size_t half, in = 0, lo = 0, hi = 0, found = 0;
	SCOPED_FREE double *sorted = NULL;

	window = window ? window : WINDOW;
	half = window / 2;
	memset(ret, 0, n * sizeof(*ret));
	if (!half || n < window)
		return 0;
	sorted = mem_zalloc(window + 1, sizeof(*sorted));
	/* The window is [i - half, i + half), shorter at the end, and must be whole at the start. */
	for (size_t i = half; i < n; i++) {
		double median, band;

		for (; hi < n && hi < i + half; hi++)
			window_add(sorted, &in, x[hi]);
		for (; lo < i - half; lo++)
			window_remove(sorted, &in, x[lo]);
		median = stats_quantile(sorted, in, 0.5, STATS_LINEAR);
		band = 3 * (stats_quantile(sorted, in, 0.9, STATS_LINEAR) -
			    stats_quantile(sorted, in, 0.1, STATS_LINEAR));
		ret[i] = x[i] > median + band || x[i] < median - band;
		found += ret[i];
	}
	return found;
}

/* --- PELT */

/* Sum of the samples up to one, about the median, and of their squares. */
struct sum {
	long double x, xx; /* long double: one value of 10 s must not drown those of 1 us */
};

/* A segment's cost comes from two differences of sums; they are kept for one sample of SUMS_STEP. */
struct sums {
	const double *x;
	double median;
	struct sum *list;
	double floor; /* of variances */
};

static inline struct sum sum_more(const struct sums *s, struct sum sum, size_t sample)
{
	const long double v = (long double)s->x[sample] - s->median;

	return (struct sum){ sum.x + v, sum.xx + v * v };
}

static void sums_init(struct sums *s, const double *x, size_t n, double resolution)
{
	double *copy = mem_zalloc(n + 1, sizeof(*copy));
	struct sum sum = { 0, 0 };

	memcpy(copy, x, n * sizeof(*copy));
	s->x = x;
	s->median = stats_median(copy, n);
	free(copy);
	/* What a clock of this resolution adds (Sheppard); at 0 the likelihood is infinite. */
	resolution = resolution > 0 ? resolution : RESOLUTION * fabs(s->median);
	s->floor = fmax(resolution * resolution / 12, 1e-300);
	s->list = mem_zalloc(n / SUMS_STEP + 1, sizeof(*s->list));
	for (size_t i = 0; i < n; i++) {
		if (i % SUMS_STEP == 0)
			s->list[i / SUMS_STEP] = sum;
		sum = sum_more(s, sum, i);
	}
	if (n % SUMS_STEP == 0)
		s->list[n / SUMS_STEP] = sum;
}

static void sums_release(struct sums *s)
{
	free(s->list);
}

/* Of samples [0, i). */
static inline struct sum sum_at(const struct sums *s, size_t i)
{
	struct sum sum = s->list[i / SUMS_STEP];

	for (size_t k = i / SUMS_STEP * SUMS_STEP; k < i; k++)
		sum = sum_more(s, sum, k);
	return sum;
}

/*
 * Minus twice the largest log-likelihood of n samples between two sums, without its constant n ln 2 pi,
 * for variances not below the floor.
 */
static inline double cost_between(const struct sums *s, const struct sum *a, const struct sum *b,
				  double n)
{
	double mean = (double)(b->x - a->x) / n;
	double variance = (double)(b->xx - a->xx) / n - mean * mean;

	if (variance > s->floor)
		return n * (log(variance) + 1);
	return n * (log(s->floor) + fmax(variance, 0) / s->floor);
}

/* Of samples [a, b). */
static double cost(const struct sums *s, size_t a, size_t b)
{
	const struct sum x = sum_at(s, a), y = sum_at(s, b);

	return cost_between(s, &x, &y, (double)(b - a));
}

/* Places where a segment may begin or end: ret[0] = 0, ret[returned] = n. */
static size_t make_grid(size_t *ret, size_t n, size_t *ret_spacing)
{
	size_t m = 0, rest;

	*ret_spacing = 1;
	if (n <= CHANGEPOINT_GRID) {
		for (; m < n; m++)
			ret[m] = m;
		ret[m] = n;
		return m;
	}
	for (; m < CHANGEPOINT_DENSE; m++)
		ret[m] = m;
	rest = n - CHANGEPOINT_DENSE;
	*ret_spacing = (rest + CHANGEPOINT_DENSE - 1) / CHANGEPOINT_DENSE;
	for (size_t i = CHANGEPOINT_DENSE; i + SHORTEST <= n; i += *ret_spacing)
		ret[m++] = i;
	ret[m] = n;
	return m;
}

struct candidate {
	size_t i;      /* in the grid: the last segment begins there */
	size_t doomed; /* from this sample on it cannot be the best; 0: it still may */
	double value;
};

/* Fills before[j]: where in the grid the last segment of the best cut of [0, grid[j]) begins. */
static void pelt(size_t *before, const size_t *grid, size_t m, const struct sums *s, double penalty)
{
	SCOPED_FREE double *best = mem_zalloc(m + 1, sizeof(*best));
	SCOPED_FREE struct sum *sums = mem_zalloc(m + 1, sizeof(*sums)); /* of the grid */
	SCOPED_FREE struct candidate *open = mem_zalloc(m + 1, sizeof(*open));
	size_t n_open = 0, next = 0;

	for (size_t j = 0; j <= m; j++)
		sums[j] = sum_at(s, grid[j]);
	best[0] = -penalty;
	for (size_t j = 1; j <= m; j++) {
		size_t at = grid[j], kept = 0;

		best[j] = INFINITY;
		before[j] = 0;
		/* The cut of [0, grid[next]) exists when it is 0, or long enough itself. */
		for (; next < j && grid[next] + SHORTEST <= at; next++)
			if (best[next] < INFINITY)
				open[n_open++] = (struct candidate){ .i = next };
		for (size_t c = 0; c < n_open; c++) {
			struct candidate *o = &open[c];

			if (o->doomed && at >= o->doomed)
				continue;
			o->value = best[o->i] + cost_between(s, &sums[o->i], &sums[j],
							     (double)(at - grid[o->i]));
			if (o->value + penalty < best[j]) {
				best[j] = o->value + penalty;
				before[j] = o->i;
			}
			open[kept++] = *o;
		}
		n_open = kept;
		/*
		 * Once a cut at `at` costs no more, it never will; but a segment from `at` must be long
		 * enough first, so it stays until then.
		 */
		for (size_t c = 0; c < n_open; c++)
			if (!open[c].doomed && open[c].value >= best[j])
				open[c].doomed = at + SHORTEST;
	}
}

/* The sample that divides [from, to) best, within reach of lo..hi. */
static size_t refine(const struct sums *s, size_t from, size_t lo, size_t hi, size_t to,
		     size_t reach)
{
	size_t best, first = lo > from + SHORTEST + reach ? lo - reach : from + SHORTEST;
	size_t last = to - hi > SHORTEST + reach ? hi + reach : to - SHORTEST;
	double least = INFINITY;

	best = lo;
	for (size_t i = first; i <= last; i++) {
		double c = cost(s, from, i) + cost(s, i, to);

		if (c < least) {
			least = c;
			best = i;
		}
	}
	return best;
}

/*
 * On a thinned grid a change between two places comes out as two, with the mixed stretch between
 * them. So a change and the next one become one where that costs less than the penalty, then
 * each moves to its best sample, and goes when its gain there is less than the penalty. Returns
 * how many are left.
 */
static size_t settle(size_t *cuts, size_t n_cuts, const struct sums *s, size_t n, size_t spacing,
		     double penalty)
{
	size_t before;

	do {
		size_t kept = 0;

		before = n_cuts;
		for (size_t i = 0; i < n_cuts; i++) {
			size_t from = kept ? cuts[kept - 1] : 0, at;
			size_t to = i + 1 < n_cuts ? cuts[i + 1] : n;

			if (i + 1 < n_cuts && to - cuts[i] <= 2 * spacing) {
				size_t end = i + 2 < n_cuts ? cuts[i + 2] : n;

				at = refine(s, from, cuts[i], to, end, spacing);
				if (cost(s, from, at) + cost(s, at, end) <=
				    cost(s, from, cuts[i]) + cost(s, cuts[i], to) +
					    cost(s, to, end) + penalty) {
					cuts[++i] = at;
					to = end;
				}
			}
			at = refine(s, from, cuts[i], cuts[i], to, spacing);
			if (cost(s, from, to) > cost(s, from, at) + cost(s, at, to) + penalty)
				cuts[kept++] = at;
		}
		n_cuts = kept;
	} while (n_cuts < before);
	return n_cuts;
}

size_t changepoint_cut(size_t *ret, const double *x, size_t n, const struct changepoint_options *opt,
		       size_t *ret_spacing)
{
	double penalty = (opt && opt->penalty > 0 ? opt->penalty : PENALTY) * log((double)n);
	SCOPED_FREE size_t *grid = NULL, *before = NULL;
	size_t m, spacing = 1, found = 0;
	struct sums s;

	if (ret_spacing)
		*ret_spacing = 1;
	if (n < 2 * SHORTEST)
		return 0;
	grid = mem_zalloc((n <= CHANGEPOINT_GRID ? n : CHANGEPOINT_GRID) + 2, sizeof(*grid));
	m = make_grid(grid, n, &spacing);
	before = mem_zalloc(m + 1, sizeof(*before));
	sums_init(&s, x, n, opt ? opt->resolution : 0);
	pelt(before, grid, m, &s, penalty);
	for (size_t j = before[m]; j; j = before[j])
		ret[found++] = grid[j];
	for (size_t i = 0; i < found / 2; i++) {
		size_t t = ret[i];

		ret[i] = ret[found - 1 - i];
		ret[found - 1 - i] = t;
	}
	if (spacing > 1)
		found = settle(ret, found, &s, n, spacing, penalty);
	sums_release(&s);
	if (ret_spacing)
		*ret_spacing = spacing;
	return found;
}

/* --- what the segments say */

static bool equivalent(const struct changepoint_segment *s, const struct changepoint_segment *last,
		       double delta)
{
	double mean = fabs(last->mean), room = delta * mean;

	if (mean > 0)
		room = fmax(room, last->sd * last->sd / mean);
	return fabs(s->mean - last->mean) <= room;
}

static void classify(struct changepoints *c, size_t n, double delta)
{
	const struct changepoint_segment *last = &c->list[c->n - 1];
	bool steady = true, faster = false, all = true;

	c->steady_from = 0;
	for (size_t i = c->n; i-- > 0;) {
		struct changepoint_segment *s = &c->list[i];
		bool same = equivalent(s, last, delta);

		steady = steady && same;
		s->steady = steady;
		if (steady)
			c->steady_from = s->start;
		all = all && same;
		faster = faster || (!same && s->mean < last->mean);
	}
	if (all)
		c->kind = CHANGEPOINT_FLAT;
	else if (n - c->steady_from < n / 4)
		c->kind = CHANGEPOINT_UNSTEADY;
	else
		c->kind = faster ? CHANGEPOINT_SLOWDOWN : CHANGEPOINT_WARMUP;
}

/* Segment of kept samples [a, b), which were samples `from` to `to` of the series. */
static void add_segment(struct changepoints *c, const double *kept, size_t a, size_t b, size_t from,
			size_t to)
{
	struct changepoint_segment *s = &c->list[c->n++];
	struct stats_moments m;

	stats_moments(&m, kept + a, b - a);
	s->start = from;
	s->end = to;
	s->n = b - a;
	s->mean = m.mean;
	s->sd = m.n > 1 ? m.sd * sqrt((double)(m.n - 1) / (double)m.n) : 0;
}

void changepoint_find(struct changepoints *ret, const double *x, size_t n,
		      const struct changepoint_options *opt)
{
	SCOPED_FREE double *kept = NULL;
	SCOPED_FREE size_t *cuts = NULL;
	SCOPED_FREE bool *out = NULL;
	size_t n_kept = 0, n_cuts = 0, from = 0, seen = 0;

	*ret = (struct changepoints){ .kind = CHANGEPOINT_TOO_FEW, .spacing = 1 };
	if (!n)
		return;
	coldstart_first(&ret->first, x, n);
	coldstart_plateau(&ret->plateau, x, n);
	kept = mem_zalloc(n, sizeof(*kept));
	cuts = mem_zalloc((n < CHANGEPOINT_GRID ? n : CHANGEPOINT_GRID) + 1, sizeof(*cuts));
	out = mem_zalloc(n, sizeof(*out));
	if (n >= CHANGEPOINT_MIN_N)
		ret->outliers = changepoint_outliers(out, x, n, opt ? opt->window : 0);
	for (size_t i = 0; i < n; i++)
		if (!out[i])
			kept[n_kept++] = x[i];
	if (n >= CHANGEPOINT_MIN_N)
		n_cuts = changepoint_cut(cuts, kept, n_kept, opt, &ret->spacing);
	ret->list = mem_zalloc(n_cuts + 1, sizeof(*ret->list));
	for (size_t i = 0; i <= n_cuts; i++) {
		size_t a = i ? cuts[i - 1] : 0, b = i < n_cuts ? cuts[i] : n_kept, to = n;

		if (i < n_cuts)
			for (to = from; seen < b || out[to]; to++)
				seen += !out[to];
		add_segment(ret, kept, a, b, from, to);
		from = to;
	}
	if (n >= CHANGEPOINT_MIN_N)
		classify(ret, n, opt && opt->delta > 0 ? opt->delta : DELTA);
	else if (ret->plateau.found)
		ret->steady_from = ret->plateau.k;
}

void changepoint_release(struct changepoints *c)
{
	free(c->list);
	*c = (struct changepoints){ .kind = CHANGEPOINT_TOO_FEW };
}
