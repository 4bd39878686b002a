#include "decoder/pass_wall.h"

#include "decoder/pass_label.h"
#include "decoder/sorted.h"

#define TOKEN_APART 2 /* times the pass itself */
#define AMONG_MAX   4 /* passes without a label on each side */

/* What held the thread in [from, to): start of the first such call, 0: nothing. */
static uint64_t held_from(const struct pass_holds *h, uint32_t tid, uint64_t from, uint64_t to,
			  bool *ret_made)
{
	size_t lo = SORTED_BELOW(h->list, h->n, start, from);
	uint64_t first = 0;

	*ret_made = false;
	for (; lo < h->n && h->list[lo].start < to; lo++) {
		if (h->list[lo].tid != tid)
			continue;
		if (!first)
			first = h->list[lo].start;
		*ret_made |= h->list[lo].made;
	}
	return first;
}

static bool at_once(const struct pass_found *f, uint64_t before)
{
	const struct pass *p = &f->pass;
	const uint64_t own = p->end > p->host_start ? p->end - p->host_start : 0;
	uint64_t limit = own / 10 > WALL_AT_ONCE_NS ? own / 10 : WALL_AT_ONCE_NS;

	if (f->ready)
		limit = WALL_TO_COPY_NS;
	return before + limit >= p->host_start;
}

static bool is_step(const struct pass *p)
{
	return p->label == PASS_DECODE || p->label == PASS_MIXED;
}

/* A few passes without a label between steps: one that did not get it. */
static bool among_steps(const struct pass_seq *s, size_t i)
{
	size_t first = i, last = i;

	while (first && i - first < AMONG_MAX && seq_at(s, first)->pass.label == PASS_UNLABELLED)
		first--;
	while (last + 1 < s->n && last - i < AMONG_MAX && seq_at(s, last)->pass.label == PASS_UNLABELLED)
		last++;
	return is_step(&seq_at(s, first)->pass) && is_step(&seq_at(s, last)->pass);
}

/*
 * Begins when the token before it is there: a step, or what is among steps and got no label. That may be a prompt, after
 * idling: not when the pause is as long as the half of it.
 */
static bool follows_token(const struct pass_seq *s, size_t i, uint64_t before)
{
	const struct pass *p = &seq_at(s, i)->pass;

	if (is_step(p))
		return true;
	return p->label == PASS_UNLABELLED && p->end > p->host_start &&
	       before + (p->end - p->host_start) / 2 > p->host_start && among_steps(s, i);
}

/* before: end of what the thread did before it; 0: nothing. */
static uint64_t start_of(const struct pass_found *f, bool step, uint64_t before, const struct pass_holds *holds)
{
	const struct pass *p = &f->pass;
	bool made;
	uint64_t held = held_from(holds, p->tid, before, p->host_start, &made);

	if (before && before < p->end && (step || made || at_once(f, before)))
		return before;
	return held ? held : p->host_start;
}

/*
 * What lies between two steps, choosing the token, a stopping criterion, the next input, is on the
 * way to the next token. A longer time may hold a prompt that was not found.
 */
static uint64_t token_before(const struct pass *last, const struct pass *p, bool step, uint64_t before)
{
	if (!step || last->end >= before || p->end <= before ||
	    before - last->end > TOKEN_APART * (p->end - before))
		return before;
	return last->end;
}

void pass_walls_find(const struct pass_seq *s, const struct pass_holds *holds)
{
	for (size_t i = 0; i < s->n; i++) {
		struct pass_found *f = seq_at(s, i);
		struct pass *p = &f->pass;
		uint64_t before = f->quiet_until, wall;
		bool step;

		if (i && seq_at(s, i - 1)->pass.end > before)
			before = seq_at(s, i - 1)->pass.end;
		step = follows_token(s, i, before);
		if (i)
			before = token_before(&seq_at(s, i - 1)->pass, p, step, before);
		p->wall_start = start_of(f, step, before, holds);
		wall = p->end > p->wall_start ? p->end - p->wall_start : 0;
		/* Until now: the time that is covered by its work, and by waiting for it. */
		p->host_gap_ns = wall > p->host_gap_ns ? wall - p->host_gap_ns : 0;
	}
}
