/* suggest: the name the user may have meant. */
#ifndef JITNESS_DECODER_SUGGEST_H
#define JITNESS_DECODER_SUGGEST_H

#include <stddef.h>

/* Keeps the nearest of the names offered; start from SUGGEST_INIT. */
struct suggest {
	const char *wanted;
	size_t wanted_len;
	const char *best; /* NULL: none is near enough to be worth showing */
	unsigned distance;
};
#define SUGGEST_INIT(text, len) { .wanted = (text), .wanted_len = (len) }

void suggest_offer(struct suggest *s, const char *name);

/* Letters to insert, remove, replace or swap with a neighbour. */
unsigned suggest_distance(const char *a, size_t a_len, const char *b, size_t b_len);

#endif
