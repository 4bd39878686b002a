#include "decoder/diff.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/analysis.h"
#include "decoder/mem.h"
#include "decoder/process_model.h"
#include "decoder/stats.h"

#define ALPHA    (1 - RATIO_LEVEL)
#define RESAMPLES_MANY 2000 /* for rows of many passes: their blocks are counted, not their values */
#define MANY     20000

const char *diff_verdict_name(enum diff_verdict verdict)
{
	static const char *const names[] = {
#define X(N, s) s,
		DIFF_VERDICTS(X)
#undef X
	};

	return names[verdict];
}

void diff_row_name(char ret[DIFF_NAME], const struct diff_row *r)
{
	const char *label = pass_label_name(r->row[0]->label);
	const char *a = phase_shape_name(r->row[0]), *b = phase_shape_name(r->row[1]);

	if (strcmp(a, b))
		snprintf(ret, DIFF_NAME, "%s %s (B: %s)", label, a, b);
	else
		snprintf(ret, DIFF_NAME, "%s %s", label, a);
}

/* --- judgement */

static const double *holm_of; /* qsort has no argument for its order */

static int p_order(const void *a, const void *b)
{
	double x = holm_of[*(const size_t *)a], y = holm_of[*(const size_t *)b];

	return (x > y) - (x < y);
}

void diff_holm(double *p, size_t n)
{
	SCOPED_FREE size_t *order = mem_zalloc(n + 1, sizeof(*order));
	double most = 0;

	for (size_t i = 0; i < n; i++)
		order[i] = i;
	holm_of = p;
	if (n)
		qsort(order, n, sizeof(*order), p_order);
	for (size_t i = 0; i < n; i++) {
		most = fmax(most, fmin(1, p[order[i]] * (double)(n - i)));
		p[order[i]] = most;
	}
}

enum diff_verdict diff_judge(const struct ratio_interval *r, double p)
{
	if (!r->known || p >= ALPHA || fabs(r->ratio - 1) < RATIO_EFFECT)
		return DIFF_NONE;
	return r->lo > 1 ? DIFF_SLOWER : r->hi < 1 ? DIFF_FASTER : DIFF_NONE;
}

/* Rows too short for an interval are no tests, so they do not count for the correction. */
static void correct(struct diff *d, bool gpu)
{
	SCOPED_FREE double *p = mem_zalloc(d->n + 1, sizeof(*p));
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++) {
		const struct ratio_interval *r = gpu ? &d->rows[i].gpu.p50 : &d->rows[i].wall.p50;

		if (r->known)
			p[n++] = r->p;
	}
	diff_holm(p, n);
	n = 0;
	for (size_t i = 0; i < d->n; i++) {
		struct diff_row *row = &d->rows[i];
		const struct ratio_interval *r = gpu ? &row->gpu.p50 : &row->wall.p50;
		double adjusted = r->known ? p[n++] : 1;

		*(gpu ? &row->gpu_p : &row->wall_p) = adjusted;
		*(gpu ? &row->gpu_verdict : &row->verdict) = diff_judge(r, adjusted);
	}
}

static enum diff_verdict overall(const struct diff *d, bool gpu)
{
	bool faster = false, slower = false;

	for (size_t i = 0; i < d->n; i++) {
		enum diff_verdict v = gpu ? d->rows[i].gpu_verdict : d->rows[i].verdict;

		faster |= v == DIFF_FASTER;
		slower |= v == DIFF_SLOWER;
	}
	return faster && slower ? DIFF_BOTH : faster ? DIFF_FASTER : slower ? DIFF_SLOWER : DIFF_NONE;
}

/* --- rows */

static void figures(struct diff_row *r, unsigned which, const struct diff_series *s)
{
	SCOPED_FREE double *x = mem_zalloc(s->n + 1, sizeof(*x));
	struct stats_moments m;

	memcpy(x, s->wall, s->n * sizeof(*x));
	stats_moments(&m, x, s->n);
	stats_sort(x, s->n);
	r->n[which] = s->n;
	r->warmup[which] = s->warmup;
	r->runs[which] = s->n_runs;
	r->all_warmup[which] = s->all_warmup;
	r->mean[which] = m.mean;
	r->p50[which] = stats_quantile(x, s->n, 0.50, STATS_LINEAR);
	r->p95[which] = stats_quantile(x, s->n, 0.95, STATS_LINEAR);
}

static void row_init(struct diff_row *r, const struct diff *d, const struct diff_pair *pair)
{
	const struct diff_group *g[2] = { &d->match.a.list[pair->a], &d->match.b.list[pair->b] };
	struct bootstrap_side walls[2], busies[2];
	struct diff_series s[2];
	size_t resamples;

	*r = (struct diff_row){ .pair = pair, .wall_p = 1, .gpu_p = 1 };
	for (unsigned i = 0; i < 2; i++) {
		const struct phases *p = &d->side[i]->phases;

		r->row[i] = &p->rows.list[g[i]->rows[0]];
		r->how[i] = g[i]->rows[0] < p->verdicts.n ? &p->verdicts.list[g[i]->rows[0]] : NULL;
		diff_series_init(&s[i], d->side[i], &d->runs[i], g[i], false);
		figures(r, i, &s[i]);
		walls[i] = (struct bootstrap_side){ s[i].walls, s[i].n_runs };
		busies[i] = (struct bootstrap_side){ s[i].busies, s[i].n_runs };
	}
	resamples = s[0].n + s[1].n > MANY ? RESAMPLES_MANY : 0;
	ratio_compare(&r->wall, &walls[0], &walls[1], d->seed, resamples);
	r->gpu_known = s[0].busy_known && s[1].busy_known;
	if (r->gpu_known)
		ratio_compare(&r->gpu, &busies[0], &busies[1], d->seed, resamples);
	diff_series_release(&s[0]);
	diff_series_release(&s[1]);
	diff_mix_init(&r->mix, d->side[0], g[0], d->side[1], g[1]);
}

static void cost_find(struct diff_cost *ret, const struct session *s)
{
	for (size_t i = 0; i < s->episodes.n; i++) {
		const struct episode *e = &s->episodes.list[i];

		ret->episodes++;
		ret->graphs += e->kind == EPISODE_GRAPH;
		if (e->kind != EPISODE_GRAPH) {
			ret->compiled += e->how == MODULE_COMPILED;
			ret->cached += e->how == MODULE_CACHED;
			ret->loaded += e->how == MODULE_LOADED;
		}
		if (e->stall_known)
			ret->stall_ns += e->stall_ns;
		else
			ret->stall_unknown++;
		ret->child_ns += e->cost.child;
		ret->compiler_ns += e->cost.compiler;
		ret->jit_ns += e->cost.jit;
		ret->load_ns += e->cost.load;
		ret->graph_ns += e->cost.instantiate + e->cost.capture;
	}
}

void diff_find(struct diff *ret, const struct analysis *a, const struct analysis *b, uint64_t seed)
{
	*ret = (struct diff){ .side = { a, b }, .seed = seed };
	for (int i = 0; i < 2; i++) {
		diff_runs_find(&ret->runs[i], ret->side[i]);
		cost_find(&ret->cost[i], &ret->side[i]->s);
	}
	diff_match_find(&ret->match, a, b);
	ret->rows = mem_zalloc(ret->match.n + 1, sizeof(*ret->rows));
	for (size_t i = 0; i < ret->match.n; i++)
		row_init(&ret->rows[ret->n++], ret, &ret->match.pairs[i]);
	correct(ret, false);
	correct(ret, true);
	diff_check(ret);
	diff_flips(ret);
	ret->verdict = ret->n_reasons ? DIFF_NOT_COMPARABLE : overall(ret, false);
	ret->gpu_verdict = ret->n_reasons ? DIFF_NOT_COMPARABLE : overall(ret, true);
}

void diff_release(struct diff *d)
{
	for (size_t i = 0; i < d->n; i++)
		diff_mix_release(&d->rows[i].mix);
	free(d->rows);
	diff_match_release(&d->match);
	for (int i = 0; i < 2; i++)
		diff_runs_release(&d->runs[i]);
	for (size_t i = 0; i < d->n_reasons; i++)
		free(d->reasons[i]);
	free(d->reasons);
	for (size_t i = 0; i < d->n_notes; i++)
		free(d->notes[i].text);
	free(d->notes);
	*d = (struct diff){ 0 };
}
