/* What is said when no pass is what an expectation is about. */
#include <inttypes.h>
#include <stdlib.h>

#include "decoder/analysis.h"
#include "decoder/expect_scope.h"
#include "decoder/mem.h"
#include "decoder/process_model.h"

/* Why a process gives no row. */
static char *none_of(const struct process *p, const struct expect_selector *q, const struct phase_table *t)
{
	size_t labelled = 0, unlabelled = 0;
	SCOPED_FREE char *blind = expect_blind(p);

	if (blind)
		return mem_printf("%s", blind);
	if (!p->passes.n)
		return mem_printf("no passes: %s", p->passes.why_none ? p->passes.why_none : "nothing repeats");
	for (size_t i = 0; i < t->n; i++) {
		if (t->list[i].p != p)
			continue;
		if (q->labels & 1u << t->list[i].label)
			labelled += t->list[i].passes;
		else if (t->list[i].label == PASS_UNLABELLED)
			unlabelled += t->list[i].passes;
	}
	if (labelled)
		return mem_printf("of its %zu passes of %s none is in what the brackets ask for", labelled,
				  q->name);
	if (unlabelled)
		return mem_printf("none of its %zu passes is called so, and nothing tells what %zu of them "
				  "are (jitness phases --explain)", p->passes.n, unlabelled);
	return mem_printf("none of its %zu passes is called so", p->passes.n);
}

static char *nothing(const struct analysis *a, const struct expect_selector *q)
{
	const struct process *best = NULL;
	SCOPED_FREE char *why = NULL;
	size_t n = 0;

	for (size_t i = 0; i < a->s.n; i++) {
		if (!expect_selects(q->has_process, q->process, a->s.list[i]->pid))
			continue;
		n++;
		if (!best || a->s.list[i]->passes.n > best->passes.n)
			best = a->s.list[i];
	}
	if (!best)
		return mem_printf("the session has no process %" PRIu64, q->process);
	why = none_of(best, q, &a->phases.rows);
	return mem_printf("no passes of %s were found; process %" PRIu64 ": %s%s", q->name, best->pid, why,
			  n > 1 ? "; nor in any other process" : "");
}

bool expect_recorded(const struct session *s, bool has_process, uint64_t pid)
{
	SCOPED_FREE char *blind = expect_blind_any(s, has_process, pid);
	SCOPED_FREE char *incomplete = expect_incomplete_any(s, has_process, pid);

	return !blind && !incomplete;
}

void expect_values_none(struct expect_values *ret, const struct analysis *a, const struct expect_selector *q)
{
	ret->nothing = nothing(a, q);
	ret->absent = expect_recorded(&a->s, q->has_process, q->process);
}
