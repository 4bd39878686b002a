#include "decoder/bootstrap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/mem.h"
#include "decoder/stats.h"

#define LEVELS_MAX 2048 /* values at which blocks are counted */
#define STARTS_MAX 2048 /* places where a block may begin */

/* splitmix64 (Steele, Lea & Flood, 2014). */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static size_t random_below(uint64_t *state, size_t n)
{
	return (size_t)((unsigned __int128)next_random(state) * n >> 64);
}

/* --- length of blocks */

static double covariance(const double *x, size_t n, size_t lag)
{
	double sum = 0;

	for (size_t i = lag; i < n; i++)
		sum += x[i] * x[i - lag];
	return sum / (double)n;
}

/* Of a series with mean 0. 1: no dependence is seen. */
static double automatic_block(const double *x, size_t n)
{
	const size_t run = (size_t)fmax(5, ceil(sqrt(log10((double)n))));
	const size_t most = (size_t)ceil(sqrt((double)n)) + run;
	const double var = covariance(x, n, 0), small = 2 * sqrt(log10((double)n) / (double)n);
	size_t last = 0, quiet = 0, window;
	double g = 0, spectrum = var;

	if (!(var > 0))
		return 1;
	/* The last lag after which `run` correlations in a row are nothing. */
	for (size_t lag = 1; lag <= most && lag < n && quiet < run; lag++)
		if (fabs(covariance(x, n, lag) / var) < small) {
			quiet++;
		} else {
			quiet = 0;
			last = lag;
		}
	window = 2 * last < most ? 2 * last : most;
	for (size_t lag = 1; lag <= window && lag < n; lag++) {
		double at = (double)lag / (double)window, flat = at <= 0.5 ? 1 : 2 * (1 - at);
		double c = 2 * flat * covariance(x, n, lag);

		g += c * (double)lag;
		spectrum += c;
	}
	if (!(spectrum > 0))
		return 1;
	return cbrt(2 * g * g / (4.0 / 3 * spectrum * spectrum) * (double)n);
}

size_t bootstrap_block(const double *x, size_t n)
{
	SCOPED_FREE double *below = mem_zalloc(n + 1, sizeof(*below));
	double median, mean = 0, length;

	if (n < 8)
		return 1;
	memcpy(below, x, n * sizeof(*below));
	median = stats_median(below, n);
	for (size_t i = 0; i < n; i++)
		mean += below[i] = x[i] <= median;
	mean /= (double)n;
	for (size_t i = 0; i < n; i++)
		below[i] -= mean;
	length = fmax(automatic_block(below, n), cbrt((double)n));
	length = fmax(length, (double)n / BOOTSTRAP_BLOCKS);
	return (size_t)ceil(fmin(length, (double)n / 4));
}

/* --- one side */

struct part {
	size_t first, starts; /* of the table: rows [first, first + starts) */
	size_t blocks, length;
};

/*
 * How many values of the block that begins at a start are at or below each level: the quantile of a
 * resample is then a search, without its values.
 */
struct resampler {
	double *level;
	size_t levels;
	bool thinned;    /* levels are not all values: between two of them, a line */
	uint32_t *count; /* [start][level] */
	size_t starts;
	struct part *parts;
	size_t n;
	const uint32_t **drawn;
	size_t drawn_n, drawn_values;
};

static size_t level_of(const struct resampler *r, double v)
{
	size_t lo = 0, hi = r->levels - 1;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (r->level[mid] >= v)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static void count_block(struct resampler *r, uint32_t *row, const uint32_t *level, size_t n,
			size_t from, size_t length)
{
	for (size_t i = 0; i < length; i++)
		row[level[(from + i) % n]]++;
	for (size_t k = 1; k < r->levels; k++)
		row[k] += row[k - 1];
}

static void resampler_init(struct resampler *r, const struct bootstrap_side *s)
{
	SCOPED_FREE double *sorted = NULL;
	SCOPED_FREE uint32_t *level = NULL;
	size_t total = 0, at = 0, stride, draws = 0, most = 0;

	*r = (struct resampler){ .n = s->n };
	for (size_t i = 0; i < s->n; i++)
		total += s->runs[i].n;
	sorted = mem_zalloc(total, sizeof(*sorted));
	for (size_t i = 0; i < s->n; i++) {
		memcpy(sorted + at, s->runs[i].x, s->runs[i].n * sizeof(*sorted));
		at += s->runs[i].n;
	}
	stats_sort(sorted, total);
	r->thinned = total > LEVELS_MAX;
	r->levels = r->thinned ? LEVELS_MAX : total;
	r->level = mem_zalloc(r->levels, sizeof(*r->level));
	for (size_t k = 0; k < r->levels; k++)
		r->level[k] = sorted[r->levels > 1 ? k * (total - 1) / (r->levels - 1) : 0];

	stride = total / STARTS_MAX + 1;
	r->parts = mem_zalloc(s->n, sizeof(*r->parts));
	for (size_t i = 0; i < s->n; i++) {
		const struct bootstrap_run *run = &s->runs[i];
		struct part *p = &r->parts[i];

		p->length = bootstrap_block(run->x, run->n);
		p->blocks = (run->n + p->length / 2) / p->length;
		p->first = r->starts;
		p->starts = (run->n + stride - 1) / stride;
		r->starts += p->starts;
		most = p->blocks > most ? p->blocks : most;
		draws += p->blocks;
	}
	/* A run may be drawn as often as there are runs. */
	if (draws < most * s->n)
		draws = most * s->n;
	r->drawn = mem_zalloc(draws, sizeof(*r->drawn));
	r->count = mem_zalloc(r->starts * r->levels, sizeof(*r->count));
	level = mem_zalloc(total, sizeof(*level));
	for (size_t i = 0; i < s->n; i++) {
		const struct bootstrap_run *run = &s->runs[i];
		const struct part *p = &r->parts[i];

		for (size_t k = 0; k < run->n; k++)
			level[k] = (uint32_t)level_of(r, run->x[k]);
		for (size_t k = 0; k < p->starts; k++)
			count_block(r, r->count + (p->first + k) * r->levels, level, run->n, k * stride,
				    p->length);
	}
}

static void resampler_release(struct resampler *r)
{
	free(r->level);
	free(r->count);
	free(r->parts);
	free(r->drawn);
}

static void draw(struct resampler *r, bool by_run, uint64_t *state)
{
	r->drawn_n = r->drawn_values = 0;
	for (size_t i = 0; i < r->n; i++) {
		const struct part *p = &r->parts[by_run ? random_below(state, r->n) : i];

		for (size_t k = 0; k < p->blocks; k++)
			r->drawn[r->drawn_n++] =
				r->count + (p->first + random_below(state, p->starts)) * r->levels;
		r->drawn_values += p->blocks * p->length;
	}
}

/* Values drawn at or below a level. */
static double drawn_below(const struct resampler *r, size_t level)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < r->drawn_n; i++)
		sum += r->drawn[i][level];
	return (double)sum;
}

/* The value of a rank from 0; between whole ranks where levels are thinned. */
static double drawn_value(const struct resampler *r, double rank)
{
	size_t lo = 0, hi = r->levels - 1;
	double before, here;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (drawn_below(r, mid) > rank)
			hi = mid;
		else
			lo = mid + 1;
	}
	if (!r->thinned || !lo)
		return r->level[lo];
	before = drawn_below(r, lo - 1);
	here = drawn_below(r, lo);
	return r->level[lo - 1] + (r->level[lo] - r->level[lo - 1]) * (rank + 1 - before) / (here - before);
}

static double drawn_quantile(const struct resampler *r, double q)
{
	double at = q * (double)(r->drawn_values - 1), down = floor(at), value;

	if (r->thinned)
		return drawn_value(r, at);
	value = drawn_value(r, down);
	return at > down ? value + (drawn_value(r, down + 1) - value) * (at - down) : value;
}

/* --- two sides */

static double quantile_of(const struct bootstrap_side *s, double q)
{
	SCOPED_FREE double *all = NULL;
	size_t total = 0, at = 0;

	for (size_t i = 0; i < s->n; i++)
		total += s->runs[i].n;
	all = mem_zalloc(total, sizeof(*all));
	for (size_t i = 0; i < s->n; at += s->runs[i++].n)
		memcpy(all + at, s->runs[i].x, s->runs[i].n * sizeof(*all));
	return stats_select(all, total, q, STATS_LINEAR);
}

static void summary(struct bootstrap_ratio *ret, double *ratios, size_t n, double level)
{
	size_t below = 0, above = 0, least;

	for (size_t i = 0; i < n; i++) {
		below += ratios[i] <= 1;
		above += ratios[i] >= 1;
	}
	stats_sort(ratios, n);
	ret->lo = stats_quantile(ratios, n, (1 - level) / 2, STATS_LINEAR);
	ret->hi = stats_quantile(ratios, n, (1 + level) / 2, STATS_LINEAR);
	least = below < above ? below : above;
	ret->p = fmin(1, 2 * ((double)least + 1) / ((double)n + 1));
}

void bootstrap_ratio(struct bootstrap_ratio *ret, const double *q, size_t n,
		     const struct bootstrap_side *a, const struct bootstrap_side *b,
		     const struct bootstrap_options *opt)
{
	const size_t resamples = opt->resamples ? opt->resamples : BOOTSTRAP_RESAMPLES;
	SCOPED_FREE double *ratios = mem_zalloc(resamples * n, sizeof(*ratios));
	uint64_t state = opt->seed;
	struct resampler ra, rb;

	resampler_init(&ra, a);
	resampler_init(&rb, b);
	for (size_t i = 0; i < resamples; i++) {
		draw(&ra, opt->by_run, &state);
		draw(&rb, opt->by_run, &state);
		for (size_t k = 0; k < n; k++)
			ratios[k * resamples + i] = drawn_quantile(&rb, q[k]) / drawn_quantile(&ra, q[k]);
	}
	for (size_t k = 0; k < n; k++) {
		ret[k].ratio = quantile_of(b, q[k]) / quantile_of(a, q[k]);
		summary(&ret[k], ratios + k * resamples, resamples, opt->level > 0 ? opt->level : 0.95);
	}
	resampler_release(&ra);
	resampler_release(&rb);
}
