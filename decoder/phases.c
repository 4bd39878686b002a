#include "decoder/phases.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "decoder/demangle.h"
#include "decoder/mem.h"
#include "decoder/pass_find.h"
#include "decoder/pass_label.h"
#include "decoder/print.h"
#include "decoder/process_model.h"
#include "decoder/session_model.h"

#define KERNELS_SHOWN 5
#define NAME_WIDTH    60

void phases_find(struct phases *ret, struct session *s, const struct phases_options *opt)
{
	*ret = (struct phases){ .session = s, .reference_unused = opt->reference_unused };
	for (size_t i = 0; i < s->n; i++)
		passes_find(s, i, opt->rules);
	phase_table_init(&ret->rows, s);
	verdicts_find(&ret->verdicts, s, &ret->rows, opt->reference);
	if (opt->brief)
		return;
	tail_find(&ret->tail, s, &ret->rows);
	findings_find(&ret->findings, &ret->rows);
	findings_of_verdicts(&ret->findings, &ret->rows, &ret->verdicts);
}

void phases_release(struct phases *p)
{
	findings_release(&p->findings);
	tail_release(&p->tail);
	verdicts_release(&p->verdicts);
	phase_table_release(&p->rows);
}

/* --- why a label and a verdict were given */

/* Why nobody said more. */
static void abstained(const struct phase_row *r)
{
	int sum = 0;

	for (unsigned v = 0; v < VOTE_COUNT; v++)
		sum += r->vote[v];
	if (sum < PASS_LABEL_MIN)
		printf("  no label: the votes sum to %+d, and a label needs %d\n", sum, PASS_LABEL_MIN);
	else
		printf("  no label: the votes sum to %+d, but neither a cache that grows nor prompts with "
		       "more work were seen\n", sum);
}

static double share(double part, double all)
{
	return all > 0 ? 100 * part / all : 0;
}

/* What it rests on, and what ran. */
static void explain_verdict(const struct phases *p, size_t row)
{
	const struct phase_row *r = &p->rows.list[row];
	const struct verdict *v = &p->verdicts.list[row];
	const struct shape_mixes *mixes = &p->verdicts.mixes[r->process];
	const struct shape_mix *m = r->shape < mixes->n ? &mixes->list[r->shape] : NULL;
	struct print_style st = print_style();
	char text[VERDICT_TEXT];
	double ns = m ? (double)m->replay_ns : 0;

	verdict_text(text, v);
	printf("  verdict %s%s%s\n", st.bold, text, st.off);
	for (size_t i = 0; i < v->n_evidence; i++)
		printf("  - %s\n", v->evidence[i]);
	for (unsigned k = 0; m && k < KERNEL_CLASS_COUNT; k++)
		ns += (double)m->ns[k];
	if (m && m->replays)
		printf("  %8.1f %%  %.3g replays per pass\n", share((double)m->replay_ns, ns),
		       (double)m->replays / (double)m->passes);
	for (size_t i = 0; m && i < m->n && i < KERNELS_SHOWN; i++) {
		const struct shape_kernel *k = &m->list[i];
		SCOPED_FREE char *name = demangle_short(names_text(&p->session->names, k->name));

		printf("  %8.1f %%  %.3g per pass, %s%s: ", share((double)k->ns, ns),
		       (double)(k->count + k->replayed) / (double)m->passes,
		       kernel_class_name((enum kernel_class)k->cls), k->count ? "" : ", in replays");
		print_text(name, strlen(name), NAME_WIDTH);
		putchar('\n');
	}
	if (m && m->n > KERNELS_SHOWN)
		printf("  %zu more kernels\n", m->n - KERNELS_SHOWN);
}

static void explain_row(const struct phases *p, size_t row)
{
	const struct phase_row *r = &p->rows.list[row];
	const struct pass_table *t = &r->p->passes;
	struct print_style st = print_style();
	const struct pass_shape *shape = r->shape < t->n_shapes ? &t->shapes[r->shape] : NULL;
	char a[PRINT_BUF];

	printf("%s%s %s%s, process %" PRIu64 ": %zu passes of %.0f kernels", st.bold,
	       pass_label_name(r->label), phase_shape_name(r), st.off, r->p->pid, r->passes,
	       r->kernels);
	if (shape)
		printf(", %" PRIu32 " graph launches, %s blocks", shape->graph_launches,
		       print_count(a, shape->blocks));
	putchar('\n');
	if (r->label == PASS_UNLABELLED)
		abstained(r);
	else
		printf("  confidence %u %%\n", r->confidence);
	for (unsigned v = 0; v < VOTE_COUNT; v++)
		printf("  %-30s %s%+d%s\n", pass_vote_name(v), r->vote[v] ? "" : st.dim, r->vote[v],
		       r->vote[v] ? "" : st.off);
	explain_verdict(p, row);
}

size_t phases_explain(const struct phases *p, const char *label)
{
	size_t n = 0;

	phases_reference_line(p);
	for (size_t i = 0; i < p->rows.n; i++) {
		const struct phase_row *r = &p->rows.list[i];

		if (label && strcmp(label, pass_label_name(r->label)) &&
		    strcmp(label, phase_shape_name(r)))
			continue;
		if (n++)
			putchar('\n');
		explain_row(p, i);
	}
	return n;
}
