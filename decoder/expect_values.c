/* Values of one session that come from the rows of its phase table: latencies, verdicts, shares, passes. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/analysis.h"
#include "decoder/expect_scope.h"
#include "decoder/mem.h"
#include "decoder/print.h"
#include "decoder/process_model.h"
#include "decoder/stats.h"

#define LEVEL 0.95 /* of intervals, as everywhere */

static expect_values_fn *const functions[] = {
#define X(N, s, takes, unit, fn, text) expect_values_##fn,
	EXPECT_MEASURES(X)
#undef X
	expect_values_verdict,
};

static void values(void *arg, const struct expect *e, struct expect_values *ret)
{
	functions[e->measure](arg, e, ret);
}

void expect_source_init(struct expect_source *ret, const struct analysis *a)
{
	union { /* the source hands the pointer back and nothing else */
		const struct analysis *a;
		void *arg;
	} u = { .a = a };

	*ret = (struct expect_source){ .values = values, .arg = u.arg };
}

/* --- rows */

static bool thread_of(const struct expect_selector *q, const struct pass *x)
{
	return !q->has_thread || x->tid == q->thread;
}

static bool selects_process(const struct expect_selector *q, const struct process *p)
{
	return expect_selects(q->has_process, q->process, p->pid);
}

static bool has_thread(const struct phase_row *r, const struct expect_selector *q)
{
	for (size_t i = 0; i < r->passes; i++)
		if (thread_of(q, pass_nth(&r->p->passes, r->list[i])))
			return true;
	return false;
}

static bool selects(const struct expect_selector *q, const struct phase_row *r)
{
	return q->labels & 1u << r->label && selects_process(q, r->p) &&
	       (!*q->shape || !strcmp(q->shape, phase_shape_name(r))) && r->passes >= q->min_passes &&
	       (!q->has_thread || has_thread(r, q));
}

/* "decode s4", and the process when there are passes of several. */
static char *row_name(const struct phase_table *t, const struct phase_row *r)
{
	if (t->list[0].process == t->list[t->n - 1].process)
		return mem_printf("%s %s", pass_label_name(r->label), phase_shape_name(r));
	return mem_printf("%s %s of process %" PRIu64, pass_label_name(r->label), phase_shape_name(r),
			  r->p->pid);
}

/* A process of which nothing is known must not look as if all were well. */
static void add_blind(const struct analysis *a, const struct expect_selector *q, struct expect_values *ret)
{
	for (size_t i = 0; ret->n && i < a->s.n; i++) {
		const struct process *p = a->s.list[i];
		struct expect_item *x;
		char *blind;

		if (!selects_process(q, p) || !(blind = expect_blind(p)))
			continue;
		x = expect_values_add(ret, mem_printf("nothing is known of process %" PRIu64, p->pid));
		x->bounds = EXPECT_WITHIN;
		x->hi = INFINITY;
		x->doubt = blind;
	}
	if (!ret->n)
		expect_values_none(ret, a, q);
}

static void each_row(const struct analysis *a, const struct expect *e, struct expect_values *ret,
		     void (*add)(const struct analysis *, const struct expect *, size_t row, char *name,
				 struct expect_values *))
{
	const struct phase_table *t = &a->phases.rows;

	for (size_t i = 0; i < t->n; i++)
		if (selects(&e->selector, &t->list[i])) {
			SCOPED_FREE char *name = row_name(t, &t->list[i]);

			add(a, e, i, name, ret);
			if (!ret->list[ret->n - 1].doubt)
				ret->list[ret->n - 1].doubt = expect_incomplete(t->list[i].p);
		}
	add_blind(a, &e->selector, ret);
}

/* --- latencies */

static size_t walls(double *ret, const struct phase_row *r, const struct expect_selector *q)
{
	size_t n = 0;

	for (size_t i = 0; i < r->passes; i++) {
		const struct pass *x = pass_nth(&r->p->passes, r->list[i]);

		if (x->warmup == q->warmup && thread_of(q, x))
			ret[n++] = (double)pass_wall(x);
	}
	stats_sort(ret, n);
	return n;
}

/* The slowest, or where slow is what is wanted the fastest. */
static void note_extremes(struct expect_item *item, const struct analysis *a, const struct expect *e,
			  const struct phase_row *r)
{
	const double sign = e->op == EXPECT_GT || e->op == EXPECT_GE ? -1 : 1;
	const struct pass *best[EXPECT_PASSES_MAX] = { NULL };
	size_t n = 0, over = 0;

	for (size_t i = 0; i < r->passes; i++) {
		const struct pass *x = pass_nth(&r->p->passes, r->list[i]);
		size_t at;

		if (x->warmup != e->selector.warmup || !thread_of(&e->selector, x) ||
		    sign * (double)pass_wall(x) <= sign * e->limit)
			continue;
		over++;
		for (at = n; at > 0 && sign * (double)pass_wall(best[at - 1]) < sign * (double)pass_wall(x); at--)
			if (at < EXPECT_PASSES_MAX)
				best[at] = best[at - 1];
		if (at < EXPECT_PASSES_MAX)
			best[at] = x;
		n += n < EXPECT_PASSES_MAX;
	}
	for (size_t i = 0; i < n; i++) {
		struct expect_pass p = expect_pass_of(&a->s, r->p, best[i]);

		expect_pass_note(item, &p);
	}
	item->all_passes = over;
}

static double percentile_of(unsigned measure)
{
	return measure == EXPECT_P95 ? 0.95 : measure == EXPECT_P99 ? 0.99 : 0.5;
}

/* Value and interval of a percentile; the part of the text behind it. */
static char *percentile(struct expect_item *x, const struct expect *e, const double *sorted, size_t n)
{
	const double q = percentile_of(e->measure);
	const struct stats_ranks ranks = stats_quantile_ranks(n, q, LEVEL);
	char lo[EXPECT_VALUE_TEXT], hi[EXPECT_VALUE_TEXT];

	x->value = stats_quantile(sorted, n, q, STATS_LINEAR);
	x->bounds = EXPECT_INTERVAL;
	x->lo = ranks.lo ? sorted[ranks.lo - 1] : 0;
	x->hi = ranks.hi ? sorted[ranks.hi - 1] : INFINITY;
	return mem_printf(" [%s, %s] of %zu pass%s%s", ranks.lo ? expect_value_text(lo, e, x->lo) : "?",
			  ranks.hi ? expect_value_text(hi, e, x->hi) : "?", n, n == 1 ? "" : "es",
			  ranks.hi ? "" : ", too few for an upper bound");
}

static void latency(const struct analysis *a, const struct expect *e, size_t row, char *name,
		    struct expect_values *ret)
{
	const struct phase_row *r = &a->phases.rows.list[row];
	SCOPED_FREE double *sorted = mem_zalloc(r->passes + 1, sizeof(*sorted));
	const size_t n = walls(sorted, r, &e->selector);
	struct expect_item *x = expect_values_add(ret, NULL);
	SCOPED_FREE char *tail = NULL;
	char value[EXPECT_VALUE_TEXT];
	struct stats_moments m;

	if (!n) {
		x->text = mem_printf("%s: no figure", name);
		x->bounds = EXPECT_WITHIN;
		x->hi = INFINITY;
		x->doubt = mem_printf(e->selector.warmup ? "none of its %zu passes is warm-up" :
				      r->passes == 1 ? "its only pass is warm-up" :
				      "its %zu passes are warm-up", r->passes);
		return;
	}
	if (e->measure == EXPECT_MEAN || e->measure == EXPECT_MAX) {
		stats_moments(&m, sorted, n);
		x->value = e->measure == EXPECT_MEAN ? m.mean : m.max;
		tail = mem_printf(" of %zu pass%s", n, n == 1 ? "" : "es");
	} else {
		tail = percentile(x, e, sorted, n);
	}
	x->text = mem_printf("%s: %s %s%s", name, expect_measure_name(e->measure),
			     expect_value_text(value, e, x->value), tail);
	note_extremes(x, a, e, r);
}

void expect_values_latency(const struct analysis *a, const struct expect *e, struct expect_values *ret)
{
	each_row(a, e, ret, latency);
}

/* --- verdicts */

/* Is the verdict one of those that e names? compiled includes cached; replays count as graph, too. */
static bool in_set(const struct expect *e, const struct verdict *v)
{
	unsigned is = 1u << v->kind;

	if (v->kind == VERDICT_CACHED)
		is |= 1u << VERDICT_COMPILED;
	if (v->replayed)
		is |= 1u << VERDICT_GRAPH;
	return (e->verdicts & is) != 0;
}

static void verdict(const struct analysis *a, const struct expect *e, size_t row, char *name,
		    struct expect_values *ret)
{
	const struct phase_row *r = &a->phases.rows.list[row];
	const struct verdict *v = &a->phases.verdicts.list[row];
	const char *why = v->n_evidence ? v->evidence[0] : NULL;
	struct expect_item *x;
	char text[VERDICT_TEXT];

	verdict_text(text, v);
	x = expect_values_add(ret, NULL);
	if (v->kind == VERDICT_UNKNOWN) {
		x->text = mem_printf("%s: its verdict is unknown", name);
		x->bounds = EXPECT_WITHIN;
		x->hi = 1;
		x->doubt = mem_printf("%s", why ? why : "the evidence does not suffice");
		return;
	}
	x->text = mem_printf("%s: %s, %zu pass%s%s%s", name, text, r->passes, r->passes == 1 ? "" : "es",
			     why ? "; " : "", why ? why : "");
	x->value = in_set(e, v) != e->negated;
	for (size_t i = v->since; i < r->passes; i++) {
		struct expect_pass p = expect_pass_of(&a->s, r->p, &r->p->passes.list[r->list[i]]);

		expect_pass_note(x, &p);
	}
}

void expect_values_verdict(const struct analysis *a, const struct expect *e, struct expect_values *ret)
{
	each_row(a, e, ret, verdict);
}

/* Of one phase of one process: passes of the rows first..end. */
static void share(const struct analysis *a, const struct expect *e, size_t first, size_t end,
		  struct expect_values *ret)
{
	const struct phase_table *t = &a->phases.rows;
	const struct phase_row *r = &t->list[first];
	size_t all = 0, in = 0, unknown = 0;
	struct expect_item *x = expect_values_add(ret, NULL);
	char value[EXPECT_VALUE_TEXT];

	for (size_t i = first; i < end; i++) {
		const struct verdict *v = &a->phases.verdicts.list[i];

		if (!selects(&e->selector, &t->list[i]))
			continue;
		all += t->list[i].passes;
		if (v->kind == VERDICT_UNKNOWN)
			unknown += t->list[i].passes;
		else if (in_set(e, v) != e->negated)
			in += t->list[i].passes;
		else
			for (size_t k = 0; k < t->list[i].passes; k++) {
				struct expect_pass p = expect_pass_of(&a->s, r->p,
								      &r->p->passes.list[t->list[i].list[k]]);

				expect_pass_note(x, &p);
			}
	}
	x->value = (double)in / (double)all;
	x->text = mem_printf("%s of process %" PRIu64 ": %s, %zu of %zu passes", pass_label_name(r->label),
			     r->p->pid, expect_value_text(value, e, x->value), in, all);
	if (!unknown) {
		x->doubt = expect_incomplete(r->p);
		return;
	}
	x->bounds = EXPECT_WITHIN;
	x->lo = x->value;
	x->hi = (double)(in + unknown) / (double)all;
	x->doubt = mem_printf("the verdict on %zu passes is unknown", unknown);
}

void expect_values_share(const struct analysis *a, const struct expect *e, struct expect_values *ret)
{
	const struct phase_table *t = &a->phases.rows;
	struct phase_mixture m;

	for (size_t i = 0; i < t->n; i += m.n) {
		bool any = false;

		phase_mixture_of(&m, t, i);
		for (size_t k = i; k < i + m.n; k++)
			any |= selects(&e->selector, &t->list[k]);
		if (any)
			share(a, e, i, i + m.n, ret);
	}
	add_blind(a, &e->selector, ret);
}

void expect_values_passes(const struct analysis *a, const struct expect *e, struct expect_values *ret)
{
	const struct expect_selector *q = &e->selector;
	const struct phase_table *t = &a->phases.rows;
	size_t n = 0, shapes = 0;
	struct expect_item *x;

	for (size_t i = 0; i < t->n; i++) {
		SCOPED_FREE double *list = NULL;

		if (!selects(q, &t->list[i]))
			continue;
		list = mem_zalloc(t->list[i].passes + 1, sizeof(*list));
		n += walls(list, &t->list[i], q);
		shapes++;
	}
	x = expect_values_add(ret, mem_printf("%zu pass%s of %s in %zu shape%s, %s", n, n == 1 ? "" : "es",
					      q->name, shapes, plural(shapes),
					      q->warmup ? "of the warm-up" : "the warm-up aside"));
	x->value = x->lo = (double)n;
	x->hi = INFINITY;
	x->doubt = expect_blind_any(&a->s, q->has_process, q->process);
	if (!x->doubt)
		x->doubt = expect_incomplete_any(&a->s, q->has_process, q->process);
	x->bounds = x->doubt ? EXPECT_WITHIN : EXPECT_EXACT;
}
