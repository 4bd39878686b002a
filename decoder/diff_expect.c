#include "decoder/diff_expect.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "decoder/analysis.h"
#include "decoder/diff.h"
#include "decoder/mem.h"
#include "decoder/print.h"
#include "decoder/process_model.h"
#include "decoder/verify.h"

struct source {
	const struct diff *d;
	struct expect_source b;
};

static bool selected(const struct diff *d, const struct diff_row *r, const struct expect_selector *s)
{
	const struct diff_group *g = &d->match.b.list[r->pair->b];
	bool ran = !s->has_process;

	for (size_t i = 0; i < g->n && !ran; i++)
		ran = d->side[1]->phases.rows.list[g->rows[i]].p->pid == s->process;
	return ran && s->labels >> r->row[1]->label & 1 &&
	       (!*s->shape || !strcmp(s->shape, phase_shape_name(r->row[1]))) &&
	       r->n[0] >= s->min_passes && r->n[1] >= s->min_passes;
}

static void item(struct expect_values *ret, const struct diff *d, const struct diff_row *r,
		 const struct ratio_interval *x, const char *measure)
{
	char name[DIFF_NAME];
	struct expect_item *to;

	diff_row_name(name, r);
	to = expect_values_add(ret, mem_printf("%s: %s ratio %.3f [%.3f, %.3f] of %zu and %zu passes", name, measure,
					       x->ratio, x->lo, x->hi, r->n[0], r->n[1]));
	to->value = x->ratio;
	to->lo = x->lo;
	to->hi = x->hi;
	to->bounds = EXPECT_INTERVAL;
	if (d->incomplete)
		to->doubt = mem_printf("a session is not complete");
}

static void ratios(const struct diff *d, const struct expect *e, struct expect_values *ret)
{
	const bool tail = e->measure == EXPECT_P95;
	size_t found = 0;

	if (e->measure != EXPECT_MEDIAN && e->measure != EXPECT_P50 && !tail) {
		ret->nothing = mem_printf("a ratio is known of median, p50 and p95 only");
		return;
	}
	if (e->selector.warmup || e->selector.has_thread) {
		ret->nothing = mem_printf("a ratio is of the passes after the warm-up, of all threads");
		return;
	}
	if (d->verdict == DIFF_NOT_COMPARABLE) {
		ret->nothing = mem_printf("not comparable: %s", d->reasons[0]);
		return;
	}
	for (size_t i = 0; i < d->n; i++) {
		const struct diff_row *r = &d->rows[i];
		const struct ratio_interval *x = tail ? &r->wall.p95 : &r->wall.p50;

		if (!selected(d, r, &e->selector))
			continue;
		found++;
		if (x->known)
			item(ret, d, r, x, expect_measure_name(e->measure));
	}
	if (!found)
		ret->nothing = mem_printf("no shape of %s was matched", e->selector.name);
	else if (!ret->n)
		ret->nothing = mem_printf("too few passes in the %zu matched shape%s of %s", found, plural(found),
					  e->selector.name);
}

static void values(void *arg, const struct expect *e, struct expect_values *ret)
{
	const struct source *s = arg;

	if (e->ratio)
		ratios(s->d, e, ret);
	else
		s->b.values(s->b.arg, e, ret);
}

void diff_expect(struct verify *v, const struct diff *d)
{
	struct source s = { .d = d };
	const struct expect_source source = { values, &s };

	expect_source_init(&s.b, d->side[1]);
	for (size_t i = 0; i < v->n; i++) {
		struct verify_check *c = &v->list[i];

		/* A ratio without its interval says nothing. */
		expect_judge(&c->result, &c->e, &source, v->strict || c->e.ratio);
		v->count[c->result.state]++;
	}
}
