/* Values against the limit of an expectation, and what is said about it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/expect.h"
#include "decoder/mem.h"
#include "decoder/print.h"

struct expect_item *expect_values_add(struct expect_values *v, char *text)
{
	MEM_MORE(v->list, v->n, v->cap);
	v->list[v->n] = (struct expect_item){ .text = text };
	return &v->list[v->n++];
}

void expect_values_release(struct expect_values *v)
{
	for (size_t i = 0; i < v->n; i++) {
		free(v->list[i].text);
		free(v->list[i].doubt);
	}
	free(v->list);
	free(v->nothing);
	*v = (struct expect_values){ 0 };
}

const char *expect_state_name(enum expect_state state)
{
	static const char *const name[] = { "holds", "fails", "undecided" };

	return name[state];
}

const char *expect_value_text(char ret[EXPECT_VALUE_TEXT], const struct expect *e, double value)
{
	char buf[PRINT_BUF];

	if (e->ratio)
		snprintf(ret, EXPECT_VALUE_TEXT, "%.4g", value);
	else if (expect_unit_of(e) == EXPECT_UNIT_TIME)
		snprintf(ret, EXPECT_VALUE_TEXT, "%s", print_ns(buf, (uint64_t)llround(value)));
	else if (expect_unit_of(e) == EXPECT_UNIT_SHARE)
		snprintf(ret, EXPECT_VALUE_TEXT, "%.4g %%", 100 * value);
	else
		snprintf(ret, EXPECT_VALUE_TEXT, "%s", print_count(buf, (uint64_t)llround(value)));
	return ret;
}

static bool compares(enum expect_op op, double v, double limit)
{
	switch (op) {
	case EXPECT_LT:
		return v < limit;
	case EXPECT_LE:
		return v <= limit;
	case EXPECT_GT:
		return v > limit;
	case EXPECT_GE:
		return v >= limit;
	case EXPECT_EQ:
		return v == limit;
	case EXPECT_NE:
		break;
	}
	return v != limit;
}

/* Of every value in lo..hi. */
static enum expect_state whole(const struct expect *e, double lo, double hi)
{
	const bool a = compares(e->op, lo, e->limit), b = compares(e->op, hi, e->limit);
	const bool inside = lo < e->limit && e->limit < hi;

	switch (e->op) {
	case EXPECT_EQ:
		return lo == hi && a ? EXPECT_HOLDS :
		       e->limit < lo || e->limit > hi ? EXPECT_FAILS : EXPECT_UNDECIDED;
	case EXPECT_NE:
		return a && b && !inside ? EXPECT_HOLDS :
		       lo == hi ? EXPECT_FAILS : EXPECT_UNDECIDED;
	case EXPECT_LT:
	case EXPECT_LE:
	case EXPECT_GT:
	case EXPECT_GE:
		break;
	}
	return a && b ? EXPECT_HOLDS : !a && !b ? EXPECT_FAILS : EXPECT_UNDECIDED;
}

static enum expect_state state_of(const struct expect_item *x, const struct expect *e, bool strict)
{
	enum expect_state state;

	if (x->bounds == EXPECT_WITHIN)
		return whole(e, x->lo, x->hi);
	if (strict && x->bounds == EXPECT_INTERVAL)
		state = whole(e, x->lo, x->hi);
	else
		state = compares(e->op, x->value, e->limit) ? EXPECT_HOLDS : EXPECT_FAILS;
	return x->doubt && state == EXPECT_HOLDS ? EXPECT_UNDECIDED : state;
}

static char *line_of(const struct expect_item *x, const struct expect *e, enum expect_state state)
{
	const bool near = x->bounds == EXPECT_INTERVAL &&
			  whole(e, x->lo, x->hi) == EXPECT_UNDECIDED;

	return mem_printf("%s%s%s%s", x->text, near ? "; its 95 % interval includes the limit" : "",
			  x->doubt && state == EXPECT_UNDECIDED ? "; " : "",
			  x->doubt && state == EXPECT_UNDECIDED ? x->doubt : "");
}

/* How far from the limit, towards what holds: the smallest is the one to show. */
static double room(const struct expect_item *x, const struct expect *e)
{
	if (e->op == EXPECT_LT || e->op == EXPECT_LE)
		return e->limit - x->value;
	if (e->op == EXPECT_GT || e->op == EXPECT_GE)
		return x->value - e->limit;
	return fabs(x->value - e->limit);
}

static void take_passes(struct expect_result *ret, const struct expect_item *x)
{
	for (size_t i = 0; i < x->n_passes && ret->n_passes < EXPECT_PASSES_MAX; i++)
		ret->passes[ret->n_passes++] = x->passes[i];
	ret->all_passes += x->all_passes;
}

struct judged {
	const struct expect *e;
	const struct expect_values *v;
	enum expect_state *state; /* by value */
	size_t count[3];          /* by state */
};

/* The item of the state that says most: the one with the least room. */
static const struct expect_item *leading(const struct judged *j, enum expect_state state)
{
	const struct expect_item *best = NULL;

	for (size_t i = 0; i < j->v->n; i++)
		if (j->state[i] == state &&
		    (!best || room(&j->v->list[i], j->e) < room(best, j->e)))
			best = &j->v->list[i];
	return best;
}

static char *sentence(const struct judged *j, enum expect_state state, const struct expect_item *x)
{
	static const char *const verb[] = { "hold", "fail", "cannot be decided" };
	SCOPED_FREE char *line = line_of(x, j->e, state);

	if (j->v->n == 1)
		return mem_printf("%s", line);
	if (state == EXPECT_HOLDS)
		return mem_printf("all %zu hold, e.g. %s", j->v->n, line);
	return mem_printf("%zu of %zu %s%s, e.g. %s", j->count[state], j->v->n, verb[state],
			  state == EXPECT_FAILS && j->count[state] == 1 ? "s" : "", line);
}

/* What decides first; not what the sentence has told. */
static void evidence(struct expect_result *ret, const struct judged *j, const struct expect_item *told)
{
	static const enum expect_state order[] = { EXPECT_FAILS, EXPECT_UNDECIDED, EXPECT_HOLDS };

	ret->all_evidence = j->v->n - 1;
	for (size_t k = 0; k < 3; k++)
		for (size_t i = 0; i < j->v->n && ret->n_evidence < EXPECT_EVIDENCE_MAX; i++) {
			SCOPED_FREE char *line = NULL;

			if (j->state[i] != order[k] || &j->v->list[i] == told)
				continue;
			line = line_of(&j->v->list[i], j->e, order[k]);
			ret->evidence[ret->n_evidence++] =
				mem_printf("%s: %s", expect_state_name(order[k]), line);
		}
}

void expect_judge(struct expect_result *ret, const struct expect *e, const struct expect_source *source,
		  bool strict)
{
	struct expect_values v = { 0 };
	struct judged j = { .e = e, .v = &v };
	const struct expect_item *told;

	*ret = (struct expect_result){ .state = EXPECT_UNDECIDED };
	source->values(source->arg, e, &v);
	if (!v.n) {
		ret->absent = v.absent;
		ret->sentence = mem_printf("%s", v.nothing ? v.nothing : "there is nothing to compare");
		expect_values_release(&v);
		return;
	}
	j.state = mem_zalloc(v.n, sizeof(*j.state));
	for (size_t i = 0; i < v.n; i++) {
		j.state[i] = state_of(&v.list[i], e, strict);
		j.count[j.state[i]]++;
	}
	ret->state = j.count[EXPECT_FAILS] ? EXPECT_FAILS :
		     j.count[EXPECT_UNDECIDED] ? EXPECT_UNDECIDED : EXPECT_HOLDS;
	told = leading(&j, ret->state);
	ret->sentence = sentence(&j, ret->state, told);
	evidence(ret, &j, told);
	for (size_t i = 0; i < v.n && ret->state == EXPECT_FAILS; i++)
		if (j.state[i] == EXPECT_FAILS)
			take_passes(ret, &v.list[i]);
	free(j.state);
	expect_values_release(&v);
}

void expect_result_release(struct expect_result *r)
{
	for (size_t i = 0; i < r->n_evidence; i++)
		free(r->evidence[i]);
	free(r->sentence);
	*r = (struct expect_result){ 0 };
}
