/* hash: XXH64 with seed 0, the one checksum of a trace and the identity of an image; and a faster one for tables. */
#ifndef JITNESS_TRACE_HASH_H
#define JITNESS_TRACE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "trace/wire.h"

uint64_t hash64(const void *p, size_t n);

/* The same over pieces: init, any number of updates, digest. Allocates nothing. */
struct hash64_stream {
	uint64_t state[11];
};
void hash64_init(struct hash64_stream *s);
void hash64_update(struct hash64_stream *s, const void *p, size_t n);
uint64_t hash64_digest(const struct hash64_stream *s);

/*
 * Of n bytes (a multiple of 8) but those of the word at `hole` (none: n), for tables in memory, where it need not be
 * XXH64: sums of products, whose multiplications do not wait for each other.
 */
static inline uint32_t hash_words(const void *p, uint32_t n, uint32_t hole)
{
	uint64_t h = 0, odd = 0x9e3779b185ebca87u;

	for (uint32_t i = 0; i < n; i += 8, odd += 0x2545f4914f6cdd1cu)
		h += i == hole ? 0 : get_le64((const uint8_t *)p + i) * odd;
	return (uint32_t)(h >> 32 ^ h >> 47);
}

#endif
