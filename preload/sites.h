/*
 * sites: whom calls of our exports were meant for, by the place they come from. To find that out takes a
 * look at all loaded libraries; a site's answer is kept as a slot, a small number of the user's. All are
 * forgotten when a library was unloaded.
 *
 * Any thread, also before the constructor; no allocation. The loader may be asked (loaded.h).
 */
#ifndef JITNESS_PRELOAD_SITES_H
#define JITNESS_PRELOAD_SITES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SITES      256
#define SITES_BITS 8 /* of id and slot together: with a return address they make one word */
#define SITES_NONE UINT32_MAX

/* Zeroed at first but for slot_bits. */
struct sites {
	unsigned slot_bits; /* a slot is less than 2^slot_bits, an id than 2^(SITES_BITS - slot_bits) */
	_Atomic uint64_t generation; /* loaded_generation() when they were found */
	_Atomic uint64_t at[SITES];  /* return address, id and slot */
};

/* The slot that is kept for calls of function `id` from here, or SITES_NONE. */
uint32_t sites_find(struct sites *s, const void *caller, unsigned id);
void sites_keep(struct sites *s, const void *caller, unsigned id, unsigned slot);

/*
 * The function that a call of this name was meant for: the library's that is_library() knows (loaded.h),
 * or another tool's hook; NULL: none.
 */
void *sites_meant(const char *symbol, const void *caller, bool (*is_library)(const char *path));

#endif
