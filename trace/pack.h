/*
 * pack: zstd on memory that the caller maps: nothing here allocates. One frame is
 * compressed at a time; only the tracer and the exporter need this half.
 */
#ifndef JITNESS_TRACE_PACK_H
#define JITNESS_TRACE_PACK_H

#include <stddef.h>

struct pack; /* opaque; lives in the caller's memory */

/* Bytes pack_init() needs. */
size_t pack_memory(void);

/* memory: pack_memory() bytes, aligned to 8. NULL: this zstd needs more (never seen). */
struct pack *pack_init(void *memory, size_t n);

/* Most that n bytes become. */
size_t pack_bound(size_t n);

/* Compresses n bytes into one zstd frame. Returns its size, or 0: store them as they are. */
size_t pack_put(struct pack *pack, void *out, size_t room, const void *in, size_t n);

#endif
