/* hash: XXH64 with seed 0, the one checksum of a trace and the identity of an image. */
#ifndef JITNESS_TRACE_HASH_H
#define JITNESS_TRACE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash64(const void *p, size_t n);

#endif
