/* What verdicts say, as findings: they stand before all others. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/mem.h"
#include "decoder/phase_findings.h"
#include "decoder/print.h"
#include "decoder/process_model.h"
#include "decoder/verdict.h"

static void p50_against(struct finding *f, const struct phase_row *r, const struct phase_row *other)
{
	char a[32], b[32];

	finding_evidence(f, mem_printf("p50 %s ms of %s, %s ms of %s", phase_ms(a, r->p50.value),
				       phase_shape_name(r), phase_ms(b, other->p50.value),
				       phase_shape_name(other)));
}

/* One for each phase: rows of one process and label, n of them from `first`. */
static void fallback(struct findings *f, const struct phase_table *t, const struct verdict *v, size_t first,
		     size_t n)
{
	size_t passes = 0, shapes = 0, all = 0, most = SIZE_MAX;
	struct finding *x;

	for (size_t i = first; i < first + n; i++) {
		all += t->list[i].passes;
		if (v[i].kind != VERDICT_FALLBACK)
			continue;
		passes += t->list[i].passes - v[i].since;
		shapes++;
		if (most == SIZE_MAX || t->list[i].passes > t->list[most].passes)
			most = i;
	}
	if (most == SIZE_MAX)
		return;
	x = finding_add(f, FINDING_FALLBACK, most,
			mem_printf("%s: %zu of %zu passes, in %zu shape%s, ran without the compiler's code, while "
				   "other shapes of the phase are compiled",
				   pass_label_name(t->list[first].label), passes, all, shapes, plural(shapes)));
	p50_against(x, &t->list[most], &t->list[v[most].sibling]);
	for (size_t i = 0; i < v[most].n_evidence; i++)
		finding_evidence(x, mem_printf("%s", v[most].evidence[i]));
}

static void flip(struct findings *f, const struct phase_table *t, const struct verdict_flip *c)
{
	const struct phase_row *r = &t->list[c->row_before], *after = &t->list[c->row_after];
	struct finding *x;

	x = finding_add(f, c->to_eager ? FINDING_TURNED_EAGER : FINDING_TURNED_COMPILED, c->row_after,
			mem_printf(c->to_eager ? "%s was compiled for %zu passes, and %zu passes after that ran "
						 "without the compiler's code" :
						 "%s ran without a compiler's code for %zu passes, and %zu passes "
						 "after that are compiled",
				   pass_label_name(r->label), c->before, c->after));
	p50_against(x, r, after);
	finding_evidence(x, mem_printf("since %.3f s after the tracer was loaded",
				       c->time > r->p->loaded && r->p->loaded ?
					       (double)(c->time - r->p->loaded) / 1e9 :
					       0.0));
	if (c->episode)
		finding_evidence(x, mem_printf("the last episode of the timeline before it: %" PRIu32, c->episode));
}

void findings_of_verdicts(struct findings *f, const struct phase_table *t, const struct verdicts *v)
{
	struct findings all = { 0 };
	struct phase_mixture m;

	for (size_t i = 0; i < v->n_flips; i++)
		flip(&all, t, &v->flips[i]);
	for (size_t i = 0; i < t->n; i += m.n) {
		phase_mixture_of(&m, t, i);
		fallback(&all, t, v->list, i, m.n);
	}
	for (size_t i = 0; i < f->n; i++) {
		MEM_MORE(all.list, all.n, all.cap);
		all.list[all.n++] = f->list[i];
	}
	free(f->list);
	*f = all;
}
