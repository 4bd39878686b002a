#include "decoder/ratio.h"

#include <math.h>
#include <string.h>

#include "decoder/mem.h"
#include "decoder/stats.h"
#include "decoder/student.h"

/* The units of a side: logarithms of their medians. */
struct units {
	double *log_median;
	size_t n;
	struct stats_moments m;
};

static size_t values(const struct bootstrap_side *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->runs[i].n;
	return n;
}

/* Parts of each run: as near to RATIO_UNITS together as its share allows, one at least. */
static size_t parts_of(const struct bootstrap_side *s, size_t run, bool by_run)
{
	size_t parts = (s->runs[run].n * RATIO_UNITS + values(s) / 2) / values(s);

	return by_run || !parts ? 1 : parts;
}

static void units_init(struct units *u, const struct bootstrap_side *s, bool by_run)
{
	SCOPED_FREE double *x = mem_zalloc(values(s), sizeof(*x));
	size_t most = 0;

	*u = (struct units){ 0 };
	for (size_t i = 0; i < s->n; i++)
		most += parts_of(s, i, by_run);
	u->log_median = mem_zalloc(most, sizeof(*u->log_median));
	for (size_t i = 0; i < s->n; i++) {
		const size_t parts = parts_of(s, i, by_run), n = s->runs[i].n;

		for (size_t k = 0; k < parts; k++) {
			size_t from = k * n / parts, to = (k + 1) * n / parts;

			if (from == to)
				continue;
			memcpy(x, s->runs[i].x + from, (to - from) * sizeof(*x));
			u->log_median[u->n++] = log(stats_median(x, to - from));
		}
	}
	stats_moments(&u->m, u->log_median, u->n);
}

/* Widens the interval to that of the units. */
static void by_units(struct ratio_interval *ret, const struct units *a, const struct units *b)
{
	const double d = b->m.mean - a->m.mean;
	const double error = sqrt(a->m.sd * a->m.sd / (double)a->n + b->m.sd * b->m.sd / (double)b->n);
	const unsigned df = (unsigned)(a->n < b->n ? a->n : b->n) - 1;
	const double width = student_bound(RATIO_LEVEL, df) * error;
	double p = d == 0 ? 1 : 0; /* no spread at all: the series are constant */

	if (error > 0)
		p = student_tail(fabs(d) / error, df);
	ret->lo = fmin(ret->lo, exp(d - width));
	ret->hi = fmax(ret->hi, exp(d + width));
	ret->p = fmax(ret->p, p);
}

static double *sorted(const struct bootstrap_side *s)
{
	double *ret = mem_zalloc(values(s), sizeof(*ret));
	size_t at = 0;

	for (size_t i = 0; i < s->n; at += s->runs[i++].n)
		memcpy(ret + at, s->runs[i].x, s->runs[i].n * sizeof(*ret));
	stats_sort(ret, at);
	return ret;
}

void ratio_compare(struct ratio *ret, const struct bootstrap_side *a, const struct bootstrap_side *b,
		   uint64_t seed, size_t resamples)
{
	static const double quantiles[] = { 0.5, 0.95 };
	const size_t na = values(a), nb = values(b), least = na < nb ? na : nb;
	SCOPED_FREE double *xa = sorted(a), *xb = sorted(b);
	struct bootstrap_ratio boot[2];
	struct stats_mann_whitney u;
	struct units ua, ub;

	*ret = (struct ratio){ .by_run = a->n >= RATIO_RUNS && b->n >= RATIO_RUNS };
	ret->p50.ratio = stats_quantile(xb, nb, 0.5, STATS_LINEAR) / stats_quantile(xa, na, 0.5, STATS_LINEAR);
	ret->p95.ratio = stats_quantile(xb, nb, 0.95, STATS_LINEAR) / stats_quantile(xa, na, 0.95, STATS_LINEAR);
	ret->p50.p = ret->p95.p = 1;
	stats_mann_whitney(&u, xa, na, xb, nb);
	ret->mann_whitney_p = u.p;
	ret->shift = stats_hodges_lehmann(xa, na, xb, nb);
	units_init(&ua, a, ret->by_run);
	units_init(&ub, b, ret->by_run);
	ret->spread_a = exp(ua.m.max - ua.m.min);
	ret->spread_b = exp(ub.m.max - ub.m.min);
	if (least >= RATIO_MIN_N) {
		const struct bootstrap_options opt = { .seed = seed, .resamples = resamples,
						       .level = RATIO_LEVEL, .by_run = ret->by_run };

		bootstrap_ratio(boot, quantiles, 2, a, b, &opt);
		ret->p50 = (struct ratio_interval){ true, boot[0].ratio, boot[0].lo, boot[0].hi, boot[0].p };
		by_units(&ret->p50, &ua, &ub);
		/* Where order statistics have no upper bound a bootstrap only repeats the largest value. */
		if (stats_quantile_ranks(least, 0.95, RATIO_LEVEL).hi)
			ret->p95 = (struct ratio_interval){ true, boot[1].ratio, boot[1].lo, boot[1].hi,
							    boot[1].p };
	}
	free(ua.log_median);
	free(ub.log_median);
}
