/* hash: XXH64 with seed 0, the one checksum of a trace and the identity of an image. */
#ifndef JITNESS_TRACE_HASH_H
#define JITNESS_TRACE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash64(const void *p, size_t n);

/* The same over pieces: init, any number of updates, digest. Allocates nothing. */
struct hash64_stream {
	uint64_t state[11];
};
void hash64_init(struct hash64_stream *s);
void hash64_update(struct hash64_stream *s, const void *p, size_t n);
uint64_t hash64_digest(const struct hash64_stream *s);

#endif
