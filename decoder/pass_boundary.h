/*
 * pass_boundary: where one pass ends and the next begins, as a rule that a reader of the stream can apply
 * to one position at a time. Chosen for each thread from its items; pass_find.h says how.
 */
#ifndef JITNESS_DECODER_PASS_BOUNDARY_H
#define JITNESS_DECODER_PASS_BOUNDARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/pass_items.h"

/* What a candidate rule makes of the items. */
struct pass_score {
	size_t cuts;       /* passes are one fewer, or as many */
	double median;     /* items in a pass */
	double cover;      /* kernels of passes, those of replays too / all */
	double recurring;  /* of these, in passes whose kind recurs */
	double at_wait;    /* cuts at which the host waited / cuts */
	double waits_used; /* waits that are cuts / waits */
	double gap;        /* log2: time before a cut against time before another item */
	double growth;     /* neighbours of one kind: more blocks from one to the next, -1..1 */
	double repeats;    /* items / distinct ones, in a pass */
	double uniform;    /* passes that begin, or end, with the commonest symbol */
	double in_a_row;   /* neighbours that are of one kind / neighbours */
	bool replays;      /* a rule of replays: no part of one can be a pass */
	bool bursts;       /* waits, and in bursts of many passes a symbol (pass_burst.h) */
	bool inside;       /* a part of a pass: one more of it each n times, with more in it */
	bool composite;    /* several passes in one: a finer rule says */
	bool scraps;       /* much of what it cuts is next to nothing */
	bool loose;        /* cuts at points of the program that have nothing in common */
	double total;
};

enum {
	CUT_LEFT = 1,  /* a pass may end with it; RIGHT: begin: where the host waited, or paused */
	CUT_RIGHT = 2,
	CUT_AFTER = 4, /* ends with it, BEFORE: begins, without that too */
	CUT_BEFORE = 8,
};

struct pass_rule {
	uint8_t *mark;    /* by symbol: CUT_ */
	uint32_t n_marks;
	bool wait;        /* LEFT, RIGHT: only where the host waited */
	uint32_t gap_ns;  /* the same: only after a pause of this */
	struct pass_score score;
	const char *why_none; /* static; NULL: there is a rule */
};

/* *ret must be released. */
void pass_rule_choose(struct pass_rule *ret, const struct pass_item *items, size_t n,
		      uint32_t symbols);
void pass_rule_release(struct pass_rule *r);

static inline unsigned pass_rule_mark(const struct pass_rule *r, uint32_t sym)
{
	return sym < r->n_marks ? r->mark[sym] : 0;
}

/* Does a pass begin with this item? The marks of the symbol before and of its own. */
static inline bool pass_rule_cuts_between(const struct pass_rule *r, unsigned before, unsigned after,
					  const struct pass_item *i)
{
	if (!(before | after))
		return false;
	if (before & CUT_AFTER || after & CUT_BEFORE)
		return true;
	if ((r->wait && !(i->flags & ITEM_WAIT)) || i->gap_ns < r->gap_ns)
		return false;
	return before & CUT_LEFT || after & CUT_RIGHT;
}

/* The same; left: the symbol before. */
static inline bool pass_rule_cuts(const struct pass_rule *r, uint32_t left,
				  const struct pass_item *i)
{
	return pass_rule_cuts_between(r, pass_rule_mark(r, left), pass_rule_mark(r, i->sym), i);
}

/* Which symbols a pass has, symbols modulo PASS_SET_BITS: equal sets are one kind. */
#define PASS_SET_BITS  512u
#define PASS_SET_WORDS (PASS_SET_BITS / 64)
struct pass_set {
	uint64_t bits[PASS_SET_WORDS];
};
static inline void pass_set_add(struct pass_set *s, uint32_t sym)
{
	s->bits[sym / 64 % PASS_SET_WORDS] |= 1ull << sym % 64;
}
static inline void pass_set_join(struct pass_set *s, const struct pass_set *more)
{
	for (unsigned i = 0; i < PASS_SET_WORDS; i++)
		s->bits[i] |= more->bits[i];
}
static inline bool pass_set_equal(const struct pass_set *a, const struct pass_set *b)
{
	uint64_t differ = 0;

	for (unsigned i = 0; i < PASS_SET_WORDS; i++)
		differ |= a->bits[i] ^ b->bits[i];
	return !differ;
}
uint64_t pass_set_hash(const struct pass_set *s);
unsigned pass_set_count(const struct pass_set *s);
/* Symbols in both. */
unsigned pass_set_common(const struct pass_set *a, const struct pass_set *b);

/* The bits of x that are set: a call for each is what a compiler makes of its own for any x86-64. */
static inline unsigned pass_bits(uint64_t x)
{
	x -= x >> 1 & 0x5555555555555555u;
	x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
	return (unsigned)(x * 0x0101010101010101u >> 56);
}

/* What list[n / 2] is when the list is sorted; reorders it. 0: n is 0. */
uint32_t pass_median(uint32_t *list, size_t n);

#endif
