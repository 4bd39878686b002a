#include "decoder/coldstart.h"

#include <math.h>
#include <string.h>

#include "decoder/changepoint.h"
#include "decoder/mem.h"
#include "decoder/stats.h"

static const char *const cure_names[] = {
#define X(N, s) [COLDSTART_##N] = s,
	COLDSTART_CURES(X)
#undef X
};

const char *coldstart_cure_name(enum coldstart_cure cure)
{
	return cure < COLDSTART_CURE_COUNT ? cure_names[cure] : "unknown";
}

static double median_of(const double *x, size_t n)
{
	SCOPED_FREE double *copy = mem_zalloc(n + 1, sizeof(*copy));

	memcpy(copy, x, n * sizeof(*copy));
	return stats_median(copy, n);
}

void coldstart_first(struct coldstart_first *ret, const double *x, size_t n)
{
	*ret = (struct coldstart_first){ 0 };
	if (!n)
		return;
	ret->first = x[0];
	ret->is_max = true;
	for (size_t i = 1; i < n; i++)
		if (x[i] > x[0])
			ret->is_max = false;
	if (n < 2)
		return;
	ret->median_rest = median_of(x + 1, n - 1);
	if (!(ret->median_rest > 0))
		return;
	ret->ratio = ret->first / ret->median_rest;
	ret->some = ret->ratio > COLDSTART_RATIO_SOME;
	ret->cold = ret->ratio > COLDSTART_RATIO;
}

static double log_choose(size_t n, size_t k)
{
	int sign;

	return lgamma_r((double)n + 1, &sign) - lgamma_r((double)k + 1, &sign) -
	       lgamma_r((double)(n - k) + 1, &sign);
}

void coldstart_plateau(struct coldstart_plateau *ret, const double *x, size_t n)
{
	size_t tried = n / 2 < COLDSTART_PLATEAU_MAX ? n / 2 : COLDSTART_PLATEAU_MAX;
	double head = 0, total = 0, smallest = INFINITY, widest = 0, least = 1;

	*ret = (struct coldstart_plateau){ .p = 1 };
	for (size_t i = 0; i < n; i++)
		total += x[i];
	for (size_t k = 1; k <= tried; k++) {
		double rest = (double)(n - k), apart, p, median, ratio;
		size_t m = 0;

		head += x[k - 1];
		smallest = fmin(smallest, x[k - 1]);
		for (size_t i = k; i < n; i++)
			m += x[i] >= smallest;
		p = exp(log_choose(k + m, k) - log_choose(n, k)) * (double)tried;
		least = fmin(least, p);
		/* Least squares about two means: the squares between them at their largest. */
		apart = head / (double)k - (total - head) / rest;
		apart *= apart * (double)k * rest;
		if (!(p < COLDSTART_P) || !(apart > widest))
			continue;
		median = median_of(x + k, n - k);
		ratio = median > 0 ? median_of(x, k) / median : 0;
		if (ratio < COLDSTART_STEP)
			continue;
		widest = apart;
		*ret = (struct coldstart_plateau){ true, k, p, ratio };
	}
	if (!ret->found)
		ret->p = least;
}

size_t coldstart_warmup(const double *x, size_t n)
{
	struct changepoints c;
	size_t ret;

	changepoint_find(&c, x, n, NULL);
	ret = c.steady_from;
	/* A single slow sample is no segment. */
	if (!ret && c.first.cold)
		ret = 1;
	changepoint_release(&c);
	return ret;
}

/* --- flips */

struct coldstart_delta coldstart_compare(double mean_a, double median_a, double mean_b,
					 double median_b)
{
	struct coldstart_delta d = { .mean = mean_b - mean_a, .median = median_b - median_a };

	d.flip = (d.mean > 0 && d.median < 0) || (d.mean < 0 && d.median > 0);
	return d;
}

/* Reorders both; neither is empty. */
static struct coldstart_delta compare(double *a, size_t na, double *b, size_t nb)
{
	struct stats_moments ma, mb;

	stats_moments(&ma, a, na);
	stats_moments(&mb, b, nb);
	return coldstart_compare(ma.mean, stats_median(a, na), mb.mean, stats_median(b, nb));
}

/* Copies the samples of a side that a cure leaves; the returned number of them. */
static size_t keep(double *ret, const struct coldstart_side *s, enum coldstart_cure cure)
{
	size_t n = 0, trim = cure == COLDSTART_TRIM_1 ? 1 : 5;

	if (cure == COLDSTART_TRIM_1 || cure == COLDSTART_TRIM_5) {
		memcpy(ret, s->x, s->n * sizeof(*ret));
		stats_sort(ret, s->n);
		return s->n > trim ? s->n - trim : 0;
	}
	for (size_t from = 0, to; from < s->n; from = to) {
		size_t skip = 1;

		for (to = from + 1; to < s->n && (!s->run || s->run[to] == s->run[from]); to++)
			;
		if (cure == COLDSTART_WARMUP)
			skip = coldstart_warmup(s->x + from, to - from);
		memcpy(ret + n, s->x + from + skip, (to - from - skip) * sizeof(*ret));
		n += to - from - skip;
	}
	return n;
}

static size_t in_group(double *ret, const struct coldstart_side *s, uint32_t group)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->group[i] == group)
			ret[n++] = s->x[i];
	return n;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void by_group(struct coldstart_flip *ret, const struct coldstart_side *a,
		     const struct coldstart_side *b, double *xa, double *xb)
{
	SCOPED_FREE uint32_t *groups = mem_zalloc(a->n, sizeof(*groups));
	struct coldstart_delta sum = { 0 };

	memcpy(groups, a->group, a->n * sizeof(*groups));
	qsort(groups, a->n, sizeof(*groups), by_number);
	for (size_t i = 0; i < a->n; i++) {
		struct coldstart_delta d;
		size_t na, nb;

		if (i && groups[i] == groups[i - 1])
			continue;
		na = in_group(xa, a, groups[i]);
		nb = in_group(xb, b, groups[i]);
		if (!nb)
			continue;
		d = compare(xa, na, xb, nb);
		sum.mean += d.mean;
		sum.median += d.median;
		ret->groups++;
		ret->groups_flipped += d.flip;
	}
	if (ret->groups < 2)
		return;
	sum.mean /= (double)ret->groups;
	sum.median /= (double)ret->groups;
	sum.flip = ret->groups_flipped > 0;
	ret->cure[COLDSTART_GROUPS].tried = true;
	ret->cure[COLDSTART_GROUPS].delta = sum;
	ret->cure[COLDSTART_GROUPS].removes = ret->all.flip && !sum.flip;
}

void coldstart_flip(struct coldstart_flip *ret, const struct coldstart_side *a,
		    const struct coldstart_side *b)
{
	SCOPED_FREE double *xa = mem_zalloc(a->n + 1, sizeof(*xa));
	SCOPED_FREE double *xb = mem_zalloc(b->n + 1, sizeof(*xb));

	*ret = (struct coldstart_flip){ 0 };
	if (!a->n || !b->n)
		return;
	memcpy(xa, a->x, a->n * sizeof(*xa));
	memcpy(xb, b->x, b->n * sizeof(*xb));
	ret->all = compare(xa, a->n, xb, b->n);
	for (unsigned c = 0; c < COLDSTART_GROUPS; c++) {
		size_t na = keep(xa, a, c), nb = keep(xb, b, c);

		ret->cure[c].left_out_a = a->n - na;
		ret->cure[c].left_out_b = b->n - nb;
		if (!na || !nb)
			continue;
		ret->cure[c].tried = true;
		ret->cure[c].delta = compare(xa, na, xb, nb);
		ret->cure[c].removes = ret->all.flip && !ret->cure[c].delta.flip;
	}
	if (a->group && b->group)
		by_group(ret, a, b, xa, xb);
}
