/*
 * keys: rows that agree in what a program launches again and again (name, grid, stream, ...) get
 * the same number. Launches come in sequences that repeat, so what followed the last two keys
 * before is tried first. Pure functions on caller's memory; the rows must stay where they are.
 */
#ifndef JITNESS_TRACE_KEYS_H
#define JITNESS_TRACE_KEYS_H

#include <stddef.h>
#include <stdint.h>

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

/* The key of this row, or KEYS_ROOM: there are too many different ones. */
uint32_t keys_of(struct keys *k, const uint8_t *row);

#endif
