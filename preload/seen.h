/*
 * seen: a set of 64-bit hashes that only grows. What is put in gets the number of its slot, so
 * that the same thing has the same number on every thread without a lock. Fixed size; pages
 * of it are touched as it fills.
 */
#ifndef JITNESS_PRELOAD_SEEN_H
#define JITNESS_PRELOAD_SEEN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct seen {
	_Atomic uint64_t *slot; /* 0: free */
	void *map;              /* the same memory */
	uint32_t size;          /* a power of two */
	_Atomic uint32_t used;
};

/* Maps an empty set; one that was mapped before is released. 0, or -1 with errno. One thread. */
int seen_start(struct seen *s, uint32_t size);

/*
 * The hash's number, 1 to size; 0 when it is new and three quarters are taken (or nothing is
 * mapped). *ret_new: this call put it in. Any thread.
 */
uint32_t seen_id(struct seen *s, uint64_t hash, bool *ret_new);

#endif
