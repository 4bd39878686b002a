/*
 * handles: numbers for the driver's handles, where no CUPTI gives them ids. A handle is an
 * address that the driver uses again; a number is given once: it is forgotten when its object ends.
 *
 * Any thread, no lock, no allocation after handles_start(). A handle is added and taken by
 * calls that make and end its object, which the application orders. When a table is full
 * numbers are still given, but not found again: the caller counts that as lost.
 */
#ifndef JITNESS_CUPTI_HANDLES_H
#define JITNESS_CUPTI_HANDLES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct handle_slot {
	_Atomic uintptr_t handle; /* 0: never used */
	_Atomic uint32_t id;
	_Atomic uint32_t owner; /* the caller's */
};

/* Zeroed at first. */
struct handles {
	struct handle_slot *slots; /* mapped, kept for good */
	uint32_t n;
	_Atomic uint32_t last; /* the last number that was given; 0: none yet */
};

/* Again in a forked child: forgets all. 0, or -1 with errno: then no number is found again. */
int handles_start(struct handles *h, uint32_t slots);

/* A new number for a new object; whatever had this handle is forgotten. *ret_kept: it can be found. */
uint32_t handles_add(struct handles *h, uintptr_t handle, uint32_t owner, bool *ret_kept);

/* Puts back what handles_take() gave: the object did not end. */
void handles_restore(struct handles *h, uintptr_t handle, uint32_t id, uint32_t owner);

/* 0: not known. */
uint32_t handles_find(const struct handles *h, uintptr_t handle);

/* Forgets the handle; its number, and in *ret_owner (may be NULL) its owner. 0: it was not known. */
uint32_t handles_take(struct handles *h, uintptr_t handle, uint32_t *ret_owner);

/* Takes one of this owner, with its handle in *ret_handle. 0: there is none left. */
uint32_t handles_take_of(struct handles *h, uint32_t owner, uintptr_t *ret_handle);

#endif
