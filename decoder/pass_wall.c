#include "decoder/pass_wall.h"

#include "decoder/pass_label.h"
#include "decoder/sorted.h"

#define TOKEN_APART 2 /* times the pass itself */

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

static bool at_once(const struct pass *p, uint64_t before)
{
	const uint64_t own = p->end > p->host_start ? p->end - p->host_start : 0;
	const uint64_t limit = own / 10 > WALL_AT_ONCE_NS ? own / 10 : WALL_AT_ONCE_NS;

	return before + limit >= p->host_start;
}

/* before: end of what the thread did before it; 0: nothing. */
static uint64_t start_of(const struct pass *p, uint64_t before, const struct pass_holds *holds)
{
	const bool step = p->label == PASS_DECODE || p->label == PASS_MIXED;
	bool made;
	uint64_t held = held_from(holds, p->tid, before, p->host_start, &made);

	if (before && before < p->end && (step || made || at_once(p, before)))
		return before;
	return held ? held : p->host_start;
}

/*
 * What lies between two steps, choosing the token, a stopping criterion, the next input, is on the
 * way to the next token. A longer time may hold a prompt that was not found.
 */
static uint64_t token_before(const struct pass *last, const struct pass *p, uint64_t before)
{
	const bool step = p->label == PASS_DECODE || p->label == PASS_MIXED;

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

		if (i && seq_at(s, i - 1)->pass.end > before)
			before = seq_at(s, i - 1)->pass.end;
		if (i)
			before = token_before(&seq_at(s, i - 1)->pass, p, before);
		p->wall_start = start_of(p, before, holds);
		wall = p->end > p->wall_start ? p->end - p->wall_start : 0;
		/* Until now: the time that is covered by its work, and by waiting for it. */
		p->host_gap_ns = wall > p->host_gap_ns ? wall - p->host_gap_ns : 0;
	}
}
