#include "decoder/pass_marker.h"

#include "decoder/name_table.h"
#include "decoder/pass.h"
#include "decoder/phase_rules.h"
#include "decoder/process_model.h"
#include "decoder/range_table.h"

#define VOTE_FULL 100
/* Ranges looked at before the start of a pass: those that are open are few, marks are many. */
#define RANGES_BACK 4096

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

/* Index of the first range that begins after `time`. */
static size_t after(const struct range_table *t, uint64_t time)
{
	size_t lo = 0, hi = t->n_ranges;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->ranges[mid].start <= time)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool named(const struct process *p, const struct names *names, const struct phase_rule *rule,
		  const struct pass *x)
{
	size_t i = after(&p->ranges, x->end);

	for (size_t back = 0; i-- && back < RANGES_BACK; back++)
		if (about(&p->ranges.ranges[i], x) &&
		    phase_rule_matches(rule, PHASE_RULE_nvtx,
				       names_text(names, p->ranges.ranges[i].message)))
			return true;
	return false;
}

static bool holds(const struct process *p, const struct names *names, const struct phase_rule *rule,
		  const struct pass *x)
{
	if (rule->has[PHASE_RULE_thread] && rule->number[PHASE_RULE_thread] != x->tid)
		return false;
	return !rule->pattern[PHASE_RULE_nvtx] || named(p, names, rule, x);
}

static void say(struct pass *x, uint8_t label)
{
	if (x->label == PASS_UNLABELLED && label != PASS_UNLABELLED) {
		x->label = label;
		x->confidence = PASS_MARKER_CONFIDENCE;
	}
	x->vote[VOTE_MARKER] = x->label == label ? VOTE_FULL : -VOTE_FULL;
}

void passes_mark(struct process *p, const struct names *names, const struct phase_rules *rules)
{
	if (!rules)
		return;
	for (size_t i = 0; i < p->passes.n; i++)
		for (size_t k = 0; k < rules->n; k++)
			if (holds(p, names, &rules->list[k], &p->passes.list[i])) {
				say(&p->passes.list[i], rules->list[k].label);
				break;
			}
}
