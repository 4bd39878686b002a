/*
 * pack: zstd on memory that the caller maps: nothing here allocates. One frame is
 * compressed at a time; only the tracer and the exporter need this half.
 */
#ifndef JITNESS_TRACE_PACK_H
#define JITNESS_TRACE_PACK_H

#include <stddef.h>
#include <stdint.h>

struct pack; /* opaque; lives in the caller's memory */

/* Bytes pack_init() needs. */
size_t pack_memory(void);

/* memory: pack_memory() bytes, aligned to 8. NULL: this zstd needs more (never seen). */
struct pack *pack_init(void *memory, size_t n);

/* Most that n bytes become, cut n_cuts times. */
size_t pack_bound(size_t n, size_t n_cuts);

/*
 * Compresses n bytes into one zstd frame, with a new block at each of the offsets
 * cuts[0..n_cuts), which rise. Returns its size, or 0: store them as they are.
 */
size_t pack_put(struct pack *pack, void *out, size_t room, const uint8_t *in, size_t n,
		const uint32_t *cuts, size_t n_cuts);

#endif
