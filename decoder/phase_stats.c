#include "decoder/phase_stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "decoder/mem.h"
#include "decoder/process_model.h"
#include "decoder/session_model.h"
#include "decoder/stats.h"

#define LEVEL 0.95 /* of all intervals */
#define MEDIANS 5u
#define MEDIANS_BYTES (16u << 20) /* as many at once as fit: each turn reads all passes of the row */

const char *pass_label_name(unsigned label)
{
	static const char *const names[] = {
#define X(N, s) s,
		PASS_LABELS(X)
#undef X
	};

	return label < PASS_LABEL_COUNT ? names[label] : "?";
}

const char *pass_vote_name(unsigned vote)
{
	static const char *const names[] = {
#define X(N, s) s,
		PASS_VOTES(X)
#undef X
	};

	return vote < VOTE_COUNT ? names[vote] : "?";
}

const char *phase_shape_name(const struct phase_row *r)
{
	const struct pass_table *t = &r->p->passes;

	return r->shape < t->n_shapes ? t->shapes[r->shape].name : "?";
}

/* --- rows */

static uint64_t key_of(size_t process, unsigned label, uint32_t shape)
{
	return (uint64_t)process << 40 | (uint64_t)label << 32 | shape;
}

static int row_order(const void *a, const void *b)
{
	const struct phase_row *x = a, *y = b;
	uint64_t i = key_of(x->process, x->label, x->shape), k = key_of(y->process, y->label, y->shape);

	return i < k ? -1 : i > k;
}

static struct phase_row *row_for(struct phase_table *t, const struct session *s, size_t process,
				 const struct pass *x)
{
	uint64_t key = key_of(process, x->label, x->shape);
	uint32_t at = idmap_get(&t->by_key, key);

	if (at != IDMAP_NONE)
		return &t->list[at];
	MEM_MORE(t->list, t->n, t->cap);
	t->list[t->n] = (struct phase_row){ .process = process,
					    .p = s->list[process],
					    .label = x->label,
					    .shape = x->shape };
	idmap_put(&t->by_key, key, (uint32_t)t->n);
	return &t->list[t->n++];
}

static size_t passes_of(const struct session *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->list[i]->passes.n;
	return n;
}

/* First how many passes each row has, then which. */
static void fill(struct phase_table *t, const struct session *s)
{
	/* Of each pass its row, as it was first. */
	SCOPED_FREE uint32_t *row = mem_zalloc(passes_of(s) + 1, sizeof(*row));
	SCOPED_FREE uint64_t *keys = NULL;
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < s->list[i]->passes.n; k++) {
			struct phase_row *r = row_for(t, s, i, pass_nth(&s->list[i]->passes, k));

			row[n++] = (uint32_t)(r - t->list);
			r->passes++;
		}
	keys = mem_zalloc(t->n + 1, sizeof(*keys));
	for (size_t i = 0; i < t->n; i++)
		keys[i] = key_of(t->list[i].process, t->list[i].label, t->list[i].shape);
	if (t->n)
		qsort(t->list, t->n, sizeof(*t->list), row_order);
	for (size_t i = 0; i < t->n; i++) {
		struct phase_row *r = &t->list[i];

		idmap_put(&t->by_key, key_of(r->process, r->label, r->shape), (uint32_t)i);
		r->list = mem_zalloc(r->passes, sizeof(*r->list));
		r->passes = 0;
	}
	n = 0;
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < s->list[i]->passes.n; k++) {
			struct phase_row *r = &t->list[idmap_get(&t->by_key, keys[row[n++]])];

			r->list[r->passes++] = (uint32_t)k;
		}
}

/* --- figures */

static void quantile(struct phase_quantile *ret, const double *sorted, size_t n, double q)
{
	struct stats_ranks ranks = stats_quantile_ranks(n, q, LEVEL);

	ret->value = stats_quantile(sorted, n, q, STATS_LINEAR);
	ret->lo_known = ranks.lo > 0;
	ret->hi_known = ranks.hi > 0;
	ret->lo = ranks.lo ? sorted[ranks.lo - 1] : 0;
	ret->hi = ranks.hi ? sorted[ranks.hi - 1] : 0;
}

/* Medians of what else there is of the same passes. */
static void medians(struct phase_row *r)
{
	const size_t fit = MEDIANS_BYTES / (r->n * sizeof(double));
	const unsigned at_once = fit >= MEDIANS ? MEDIANS : fit > 1 ? (unsigned)fit : 1;
	SCOPED_FREE double *x = mem_zalloc(r->n * at_once, sizeof(*x));
	double *const to[MEDIANS] = { &r->busy, &r->gap, &r->queue, &r->ops, &r->kernels };

	for (unsigned m = 0; m < MEDIANS; m += at_once) {
		const unsigned end = m + at_once < MEDIANS ? m + at_once : MEDIANS;
		size_t n = 0;

		for (size_t i = 0; i < r->passes; i++) {
			const struct pass *p = pass_nth(&r->p->passes, r->list[i]);
			const uint64_t v[MEDIANS] = { p->busy_ns, p->host_gap_ns, p->queue_ns,
						      pass_ops(p), p->kernels };

			if (!r->all_warmup && p->warmup)
				continue;
			for (unsigned k = m; k < end; k++)
				x[(k - m) * r->n + n] = (double)v[k];
			n++;
		}
		for (unsigned k = m; k < end; k++)
			*to[k] = stats_median(&x[(k - m) * r->n], n);
	}
}

static void figures(struct phase_row *r)
{
	struct stats_moments moments;
	uint64_t confidence = 0;
	int64_t vote[VOTE_COUNT] = { 0 };

	r->sorted = mem_zalloc(r->passes, sizeof(*r->sorted));
	for (size_t i = 0; i < r->passes; i++) {
		const struct pass *p = pass_nth(&r->p->passes, r->list[i]);

		r->warmup += p->warmup;
		r->total += (double)pass_wall(p);
		confidence += p->confidence;
		for (unsigned v = 0; v < VOTE_COUNT; v++)
			vote[v] += p->vote[v];
		if (!p->warmup)
			r->sorted[r->n++] = (double)pass_wall(p);
	}
	r->mean_all = r->total / (double)r->passes;
	r->confidence = (unsigned)(confidence / r->passes);
	for (unsigned v = 0; v < VOTE_COUNT; v++)
		r->vote[v] = (int)(vote[v] / (int64_t)r->passes);
	r->all_warmup = r->warmup == r->passes;
	for (size_t i = 0; r->all_warmup && i < r->passes; i++)
		r->sorted[r->n++] = (double)pass_wall(pass_nth(&r->p->passes, r->list[i]));
	stats_moments(&moments, r->sorted, r->n);
	r->mean = moments.mean;
	r->max = moments.max;
	stats_sort(r->sorted, r->n);
	quantile(&r->p50, r->sorted, r->n, 0.50);
	quantile(&r->p95, r->sorted, r->n, 0.95);
	quantile(&r->p99, r->sorted, r->n, 0.99);
	medians(r);
}

void phase_table_init(struct phase_table *ret, const struct session *s)
{
	*ret = (struct phase_table){ 0 };
	fill(ret, s);
	for (size_t i = 0; i < ret->n; i++)
		figures(&ret->list[i]);
}

void phase_table_release(struct phase_table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->list[i].list);
		free(t->list[i].sorted);
	}
	free(t->list);
	idmap_release(&t->by_key);
	*t = (struct phase_table){ 0 };
}

const struct phase_row *phase_row_of(const struct phase_table *t, size_t process,
				     const struct pass *pass)
{
	uint32_t at = idmap_get(&t->by_key, key_of(process, pass->label, pass->shape));

	return at == IDMAP_NONE ? NULL : &t->list[at];
}

/* --- texts */

const char *phase_ms(char ret[32], double ns)
{
	double v = ns / 1e6;
	int places = v >= 99.95 ? 0 : v >= 9.995 ? 1 : v >= 0.9995 ? 2 : v >= 0.09995 ? 3 : 4;

	snprintf(ret, 32, "%.*f", places, v);
	return ret;
}

void phase_quantile_text(char ret[PHASE_TEXT], const char *name, const struct phase_quantile *q)
{
	char v[32], lo[32], hi[32];

	if (q->lo_known && q->hi_known)
		snprintf(ret, PHASE_TEXT, "%s %s [%s, %s]", name, phase_ms(v, q->value),
			 phase_ms(lo, q->lo), phase_ms(hi, q->hi));
	else if (q->lo_known)
		snprintf(ret, PHASE_TEXT, "%s >= %s (n too small for an upper bound)", name,
			 phase_ms(lo, q->lo));
	else if (q->hi_known)
		snprintf(ret, PHASE_TEXT, "%s <= %s (n too small for a lower bound)", name,
			 phase_ms(hi, q->hi));
	else
		snprintf(ret, PHASE_TEXT, "%s unknown (n too small for bounds)", name);
}

/* --- mixtures */

static int median_order(const void *a, const void *b)
{
	const struct phase_row *x = *(const struct phase_row *const *)a;
	const struct phase_row *y = *(const struct phase_row *const *)b;

	return x->p50.value < y->p50.value ? -1 : x->p50.value > y->p50.value;
}

/* The widest place, by ratio, that parts the shapes with nothing in between. */
static void find_gap(struct phase_mixture *m, const struct phase_table *t)
{
	const struct phase_row **by = mem_zalloc(m->n, sizeof(*by));
	double below = 0, best = 1;

	for (size_t i = 0; i < m->n; i++)
		by[i] = &t->list[m->first + i];
	qsort(by, m->n, sizeof(*by), median_order);
	for (size_t i = 1; i < m->n; i++) {
		double above = INFINITY;

		below = fmax(below, by[i - 1]->max);
		for (size_t k = i; k < m->n && above > below; k++)
			above = fmin(above, by[k]->sorted[0]);
		if (below > 0 && above / below > best) {
			best = above / below;
			m->gap = true;
			m->gap_lo = below;
			m->gap_hi = above;
		}
	}
	free(by);
}

void phase_mixture_of(struct phase_mixture *ret, const struct phase_table *t, size_t first)
{
	*ret = (struct phase_mixture){ .first = first };
	for (size_t i = first; i < t->n && t->list[i].process == t->list[first].process &&
			       t->list[i].label == t->list[first].label; i++) {
		ret->n++;
		ret->passes += t->list[i].passes;
		ret->total += t->list[i].total;
	}
	if (ret->n > 1)
		find_gap(ret, t);
}
