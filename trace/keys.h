/*
 * keys: rows that agree in what a program launches again and again (name, grid, stream, ...) get
 * the same number. Launches come in sequences that repeat, so what followed the last two keys
 * before is tried first. Pure functions on caller's memory; the rows must stay where they are.
 */
#ifndef JITNESS_TRACE_KEYS_H
#define JITNESS_TRACE_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/wire.h"

#define KEYS_ROOM   4096u /* of a section the tracer writes; a power of 2 */
#define KEYS_NEXT_BITS 13
#define KEYS_MAX 65536u /* of a section that is read */

struct keys {
	uint32_t n, last, before;
	uint32_t bytes; /* of a row that count, but for the 8 at `hole` */
	uint32_t hole;  /* bytes: there is none */
	const uint8_t *row[KEYS_ROOM];
	uint16_t next[1u << KEYS_NEXT_BITS]; /* what followed two keys, by a hash of them */
	uint16_t slot[2 * KEYS_ROOM]; /* key + 1; 0: free */
};

/* Starts over. bytes, hole: multiples of 8. */
void keys_start(struct keys *k, uint32_t bytes, uint32_t hole);

/* The two halves of keys_of(): whether the row is the one with this key; its key by a search. */
bool keys_same(const struct keys *k, uint32_t key, const uint8_t *row);
uint32_t keys_find(struct keys *k, const uint8_t *row);

/*
 * The key of this row, or KEYS_ROOM: there are too many different ones. Inlined, as it is nearly
 * always the expected one.
 */
static inline uint32_t keys_of(struct keys *k, const uint8_t *row)
{
	uint32_t both = (k->before * KEYS_ROOM + k->last) * 0x9e3779b1u;
	uint16_t *next = &k->next[both >> (32 - KEYS_NEXT_BITS)];
	uint32_t key = *next;
	bool same = key < k->n;

	if (same && k->bytes == 16) /* LAUNCH: not worth a call */
		same = !((get_le64(row) ^ get_le64(k->row[key])) |
			 (get_le64(row + 8) ^ get_le64(k->row[key] + 8)));
	else if (same)
		same = keys_same(k, key, row);
	if (!same) {
		key = keys_find(k, row);
		if (key == KEYS_ROOM)
			return KEYS_ROOM;
		*next = (uint16_t)key;
	}
	k->before = k->last;
	k->last = key;
	return key;
}

#endif
