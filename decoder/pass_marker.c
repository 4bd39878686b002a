#include "decoder/pass_marker.h"

#include "decoder/mem.h"
#include "decoder/name_table.h"
#include "decoder/pass.h"
#include "decoder/pass_python.h"
#include "decoder/pass_ran.h"
#include "decoder/phase_rules.h"
#include "decoder/process_model.h"
#include "decoder/range_table.h"
#include "decoder/sorted.h"

#define VOTE_FULL 100
/* Ranges looked at before the start of a pass: those that are open are few, marks are many. */
#define RANGES_BACK 4096

struct marking {
	struct process *p;
	const struct names *names;
	const struct phase_rules *rules;
	const uint64_t *python; /* bits of rules, by shape; NULL: no rule asks for it */
};

/* Most of the pass, or the whole range: one around the process says nothing about a pass. */
static bool about(const struct range *r, const struct pass *x)
{
	uint64_t end = r->end ? r->end : UINT64_MAX;
	uint64_t from = r->start > x->host_start ? r->start : x->host_start;
	uint64_t to = end < x->end ? end : x->end;
	uint64_t length = x->end - x->host_start;

	if (r->tid != x->tid || to <= from || x->end <= x->host_start)
		return false;
	/* A range of many passes would name them all alike. */
	return (to - from) * 2 > length && (!r->end || (r->end - r->start) / 4 <= length);
}

static bool named(const struct marking *m, const struct phase_rule *rule, const struct pass *x)
{
	const struct range_table *t = &m->p->ranges;
	size_t i = SORTED_UPTO(t->ranges, t->n_ranges, start, x->end);

	for (size_t back = 0; i-- && back < RANGES_BACK; back++)
		if (about(&t->ranges[i], x) &&
		    phase_rule_matches(rule, PHASE_RULE_nvtx, names_text(m->names, t->ranges[i].message)))
			return true;
	return false;
}

/* ran: bits of the rules whose conditions about operations hold. */
static bool holds(const struct marking *m, const struct phase_rule *rule, const struct pass *x,
		  uint64_t ran)
{
	if (rule->has[PHASE_RULE_thread] && rule->number[PHASE_RULE_thread] != x->tid)
		return false;
	if (phase_rule_of_ops(rule) && !(ran >> rule->bit & 1))
		return false;
	if (rule->pattern[PHASE_RULE_python] &&
	    !(x->shape < m->p->passes.n_shapes && m->python[x->shape] >> rule->bit & 1))
		return false;
	return !rule->pattern[PHASE_RULE_nvtx] || named(m, rule, x);
}

static void say(struct pass *x, uint8_t label)
{
	if (x->label == PASS_UNLABELLED && label != PASS_UNLABELLED) {
		x->label = label;
		x->confidence = PASS_MARKER_CONFIDENCE;
	}
	x->vote[VOTE_MARKER] = x->label == label ? VOTE_FULL : -VOTE_FULL;
}

/* The first rule that holds. */
static void mark(void *arg, size_t pass, uint64_t ran)
{
	const struct marking *m = arg;
	struct pass *x = pass_nth(&m->p->passes, pass);

	for (size_t k = 0; k < m->rules->n; k++)
		if (holds(m, &m->rules->list[k], x, ran)) {
			say(x, m->rules->list[k].label);
			return;
		}
}

void passes_mark(struct process *p, const struct names *names, const struct phase_rules *rules,
		 const struct pass_source *src)
{
	struct marking m = { .p = p, .names = names, .rules = rules };
	SCOPED_FREE uint64_t *python = NULL;
	bool python_asked = false, ops_asked = false;

	if (!rules || !p->passes.n)
		return;
	for (size_t k = 0; k < rules->n; k++) {
		python_asked |= rules->list[k].pattern[PHASE_RULE_python] != NULL;
		ops_asked |= phase_rule_of_ops(&rules->list[k]);
	}
	if (python_asked)
		m.python = python = passes_python(p, names, rules);
	if (ops_asked)
		passes_ran(p, names, rules, src, mark, &m);
	for (size_t i = 0; !ops_asked && i < p->passes.n; i++)
		mark(&m, i, 0);
}
