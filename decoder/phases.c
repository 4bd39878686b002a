#include "decoder/phases.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "decoder/pass_find.h"
#include "decoder/pass_label.h"
#include "decoder/print.h"
#include "decoder/process_model.h"
#include "decoder/session_model.h"

void phases_find(struct phases *ret, struct session *s, const struct phase_rules *rules, bool brief)
{
	*ret = (struct phases){ .session = s };
	for (size_t i = 0; i < s->n; i++)
		passes_find(s, i, rules);
	phase_table_init(&ret->rows, s);
	if (brief)
		return;
	tail_find(&ret->tail, s, &ret->rows);
	findings_find(&ret->findings, &ret->rows);
}

void phases_release(struct phases *p)
{
	findings_release(&p->findings);
	tail_release(&p->tail);
	phase_table_release(&p->rows);
}

/* --- why a label was given */

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

static void explain_row(const struct phase_row *r)
{
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
}

size_t phases_explain(const struct phases *p, const char *label)
{
	size_t n = 0;

	for (size_t i = 0; i < p->rows.n; i++) {
		const struct phase_row *r = &p->rows.list[i];

		if (label && strcmp(label, pass_label_name(r->label)) &&
		    strcmp(label, phase_shape_name(r)))
			continue;
		if (n++)
			putchar('\n');
		explain_row(r);
	}
	return n;
}
