#include <inttypes.h>

#include "decoder/mem.h"
#include "decoder/print.h"
#include "decoder/process_model.h"
#include "decoder/verdict_build.h"

/*
 * Could two rows be the same model? A compiler keeps matrix products, or writes some of them itself, so the
 * eager row's must be in the compiled row at least by this share. Measured: 33 in eager GPT-2 decode steps,
 * 17 beside 28 of Inductor's own in compiled ones; a draft model has a quarter of its target's.
 */
#define SAME_MODEL_MIN 0.6
#define SAME_MODEL_MAX 2.5
/* Library kernels of unlabelled rows by name: unrelated models share next to none. */
#define ALIKE_MIN 0.3
#define LIBRARY (1u << KERNEL_CLASS_LIBRARY)

struct span {
	uint32_t first, last; /* in the process's list of passes */
};

static struct span span_of(const struct phase_row *r)
{
	return (struct span){ r->list[0], r->list[r->passes - 1] };
}

static uint32_t thread_of(const struct phase_row *r)
{
	return r->p->passes.list[r->list[0]].tid;
}

static bool same_size(const struct verdict_build *b, size_t eager, size_t compiled)
{
	const double n = b->products[eager], m = b->products[compiled];

	if (n <= 0)
		return m <= 0 && b->way[eager] == WAY_EAGER;
	return m + b->compilers[compiled] >= SAME_MODEL_MIN * n && m <= SAME_MODEL_MAX * n;
}

/* What has no label need not be one phase: then they must share kernels, or take turns. */
bool verdict_same_phase(const struct verdict_build *b, size_t eager, size_t compiled)
{
	const struct phase_row *x = &b->t->list[eager], *y = &b->t->list[compiled];
	const struct span e = span_of(x), c = span_of(y);

	if (thread_of(x) != thread_of(y) || !same_size(b, eager, compiled))
		return false;
	if (x->label != PASS_UNLABELLED)
		return true;
	return (e.first < c.last && c.first < e.last && x->passes > 1 && y->passes > 1) ||
	       shape_mix_alike_in(b->s, verdict_mix(b->v, x), b->s, verdict_mix(b->v, y), LIBRARY) >=
		       ALIKE_MIN;
}

/*
 * Compiled passes that nothing labels, right before a pass of the row, again and again: the first steps of a run, which
 * are too few of a kind for a label.
 */
#define LEADS_MIN 2u
static bool leads(const struct phase_row *eager, const struct phase_row *compiled)
{
	size_t n = 0, k = 0;

	for (size_t i = 0; i < compiled->passes && n < LEADS_MIN; i++) {
		while (k < eager->passes && eager->list[k] <= compiled->list[i])
			k++;
		n += k < eager->passes && eager->list[k] == compiled->list[i] + 1;
	}
	return n >= LEADS_MIN;
}

/* Compiled rows of the phase that it can be compared with: the one with the most passes, and the first pass of all. */
static size_t sibling_of(const struct verdict_build *b, const struct phase_mixture *m, size_t row,
			 uint32_t *ret_first)
{
	size_t best = VERDICT_NO_ROW;

	*ret_first = UINT32_MAX;
	for (size_t i = 0; i < b->t->n; i++) {
		const struct phase_row *r = &b->t->list[i], *own = &b->t->list[row];

		if (i < m->first || i >= m->first + m->n)
			if (r->process != own->process || r->label != PASS_UNLABELLED || !leads(own, r))
				continue;
		/* What ran while code was compiled is no sign that the phase is compiled. */
		if (b->way[i] != WAY_COMPILED || r->all_warmup || !verdict_same_phase(b, row, i))
			continue;
		if (best == VERDICT_NO_ROW || r->passes > b->t->list[best].passes)
			best = i;
		if (span_of(r).first < *ret_first)
			*ret_first = span_of(r).first;
	}
	return best;
}

static void fallback(struct verdict_build *b, const struct phase_mixture *m, size_t row)
{
	const struct phase_row *r = &b->t->list[row];
	struct verdict *v = &b->v->list[row];
	uint32_t first, before = 0;
	size_t sibling;

	/* Library calls alone, without a label: a benchmark of candidates as likely as the model. */
	if (v->kind == VERDICT_MIXED ||
	    (b->way[row] != WAY_EAGER && (b->way[row] != WAY_LIBRARY || r->label == PASS_UNLABELLED)))
		return;
	sibling = sibling_of(b, m, row, &first);
	if (sibling == VERDICT_NO_ROW)
		return;
	while (before < r->passes && r->list[before] < first)
		before++;
	if (before == r->passes) {
		verdict_say(v, mem_printf("it ran before the first compiled pass of the phase"));
		return;
	}
	v->kind = VERDICT_FALLBACK;
	v->sibling = sibling;
	v->since = before;
	verdict_say_first(v, mem_printf("%s of the same phase is %s, and after that %zu pass%s of this shape ran "
					"without a compiler's kernels",
					phase_shape_name(&b->t->list[sibling]),
					verdict_name(b->v->list[sibling].kind), r->passes - before,
					r->passes - before == 1 ? "" : "es"));
	verdict_say(v, mem_printf("a program that runs an eager copy of the model beside the compiled one "
				  "looks the same"));
}

static void phase(struct verdict_build *b, const struct phase_mixture *m)
{
	size_t with = 0;

	for (size_t i = m->first; i < m->first + m->n; i++)
		if (b->way[i] == WAY_COMPILED)
			with += b->t->list[i].passes;
	for (size_t i = m->first; i < m->first + m->n; i++) {
		b->v->list[i].passes_compiled = m->passes ? (double)with / (double)m->passes : 0;
		fallback(b, m, i);
		if (with && with < m->passes && b->t->list[m->first].label != PASS_UNLABELLED)
			verdict_say(&b->v->list[i], mem_printf("%zu of %zu passes of the phase have a compiler's "
							       "kernels", with, m->passes));
	}
}

void verdict_phases_find(struct verdict_build *b)
{
	struct phase_mixture m;

	for (size_t i = 0; i < b->t->n; i += m.n) {
		phase_mixture_of(&m, b->t, i);
		phase(b, &m);
	}
}
