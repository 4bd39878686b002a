/*
 * pass_begin: how the passes of a thread begin: their first few symbols. Where what makes ready for a pass (masks,
 * positions, a cache) is launched without a wait between them, this tells where the pass begins: there where
 * more of the others begin, and as they do.
 *
 * No errors; one thread.
 */
#ifndef JITNESS_DECODER_PASS_BEGIN_H
#define JITNESS_DECODER_PASS_BEGIN_H

#include <stdbool.h>
#include <stdint.h>

#define PASS_HEAD 3u /* symbols: what comes then depends on the shape, as which kernel multiplies */
#define PASS_BEGINS 8u

/* The first symbols of what may be a pass. */
struct pass_head {
	uint32_t sym[PASS_HEAD], n;
};

static inline void pass_head_add(struct pass_head *h, uint32_t sym)
{
	if (h->n < PASS_HEAD)
		h->sym[h->n++] = sym;
}

/* Its beginning is not known: it was masked. */
static inline void pass_head_hide(struct pass_head *h)
{
	h->n = PASS_HEAD + 1;
}

struct pass_begins {
	struct pass_begin {
		struct pass_head head;
		uint32_t items, passes; /* of the last one; how many */
	} list[PASS_BEGINS];
	uint32_t n;
	uint64_t first; /* symbols, modulo 64, with which one of them begins */
};

/* A pass of so many items began like this. The rarest makes room for a new one. */
void pass_begins_note(struct pass_begins *b, const struct pass_head *h, uint32_t items);

/* Does a pass perhaps begin with sym, when `items` items with that head lie before it? Those are a fraction of it. */
bool pass_begins_perhaps(const struct pass_begins *b, const struct pass_head *h, uint32_t items, uint32_t sym);

/* Did more passes begin like h than like `other`? */
bool pass_begins_rather(const struct pass_begins *b, const struct pass_head *h, const struct pass_head *other);

#endif
