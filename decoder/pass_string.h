/*
 * pass_string: the items of one thread, with all that does not depend on the rule which cuts them: made once,
 * so that each of many candidate rules costs what its cuts cost and not what the items do. Where a rule
 * cuts is a set of positions, a bit each: a pass begins with that item.
 *
 * Gaps: ns of the host. Memory: some 50 bytes an item. No errors; one thread.
 */
#ifndef JITNESS_DECODER_PASS_STRING_H
#define JITNESS_DECODER_PASS_STRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/pass_boundary.h"
#include "decoder/pass_items.h"

struct pass_string {
	const struct pass_item *items; /* borrowed */
	size_t n;
	uint32_t symbols, pause_ns;
	/* Sums over the items before i. mixed: of a hash of their symbols, equal for equal contents. */
	struct pass_sums {
		uint64_t blocks, weight, mixed;
	} *sums;                  /* n + 1 */
	uint32_t *at, *first;     /* where symbol s is: at[first[s]] up to at[first[s + 1]] */
	uint32_t *waits, *pauses; /* items after a wait, after pause_ns or more */
	size_t n_waits, n_pauses;
	uint32_t *firsts;         /* items before which nothing is known: no cut */
	size_t n_firsts;
	struct pass_gaps *gaps;   /* of the others (pass_gaps.h) */
};

/* pause_ns: what rules with a pause ask for at least. *ret must be released. */
void pass_string_init(struct pass_string *ret, const struct pass_item *items, size_t n,
		      uint32_t symbols, uint32_t pause_ns);
void pass_string_release(struct pass_string *s);

/* Words of a set of positions. */
static inline size_t pass_string_words(const struct pass_string *s)
{
	return s->n / 64 + 1;
}
/* Where the rule cuts: *cuts has as many words, and is overwritten. */
void pass_string_cuts(const struct pass_string *s, const struct pass_rule *r, uint64_t *cuts);
/* The symbols of [from, to). */
struct pass_set pass_string_set(const struct pass_string *s, size_t from, size_t to);

#endif
