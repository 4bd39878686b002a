#include "cupti/handles.h"

#include <stddef.h>
#include <sys/mman.h>

#define PROBES 64u
#define LEFT   1u /* in place of a handle: the slot is free, and others may lie behind it */

int handles_start(struct handles *h, uint32_t slots)
{
	void *p = mmap(NULL, slots * sizeof(*h->slots), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	h->slots = p == MAP_FAILED ? NULL : p;
	h->n = slots;
	atomic_store(&h->last, 0);
	return h->slots ? 0 : -1;
}

/* Handles are addresses of structures: their low bits tell little. */
static struct handle_slot *slot_at(const struct handles *h, uintptr_t handle, uint32_t i)
{
	return &h->slots[((uint32_t)(((uint64_t)handle * 0x9e3779b97f4a7c15u) >> 40) + i) % h->n];
}

static struct handle_slot *slot_of(const struct handles *h, uintptr_t handle)
{
	struct handle_slot *s;

	for (uint32_t i = 0; h->slots && handle > LEFT && i < PROBES; i++) {
		uintptr_t is;

		s = slot_at(h, handle, i);
		is = atomic_load_explicit(&s->handle, memory_order_acquire);
		if (is == handle)
			return s;
		if (!is)
			return NULL;
	}
	return NULL;
}

static bool put(struct handles *h, uintptr_t handle, uint32_t id, uint32_t owner)
{
	struct handle_slot *s = slot_of(h, handle);
	uintptr_t free_slot;

	for (uint32_t i = 0; !s && h->slots && handle > LEFT && i < PROBES; i++) {
		s = slot_at(h, handle, i);
		free_slot = atomic_load_explicit(&s->handle, memory_order_relaxed);
		if (free_slot > LEFT || !atomic_compare_exchange_strong(&s->handle, &free_slot, handle))
			s = NULL;
	}
	if (!s)
		return false;
	atomic_store(&s->owner, owner);
	atomic_store(&s->id, id);
	return true;
}

uint32_t handles_add(struct handles *h, uintptr_t handle, uint32_t owner, bool *ret_kept)
{
	uint32_t id = atomic_fetch_add(&h->last, 1) + 1;

	*ret_kept = put(h, handle, id, owner);
	return id;
}

void handles_restore(struct handles *h, uintptr_t handle, uint32_t id, uint32_t owner)
{
	(void)put(h, handle, id, owner);
}

uint32_t handles_find(const struct handles *h, uintptr_t handle)
{
	struct handle_slot *s = slot_of(h, handle);

	return s ? atomic_load(&s->id) : 0;
}

/* The number goes first: a slot that is free has none. */
static uint32_t empty(struct handle_slot *s)
{
	uint32_t id = atomic_exchange(&s->id, 0);

	atomic_store_explicit(&s->handle, LEFT, memory_order_release);
	return id;
}

uint32_t handles_take(struct handles *h, uintptr_t handle, uint32_t *ret_owner)
{
	struct handle_slot *s = slot_of(h, handle);

	if (!s)
		return 0;
	if (ret_owner)
		*ret_owner = atomic_load(&s->owner);
	return empty(s);
}

uint32_t handles_take_of(struct handles *h, uint32_t owner, uintptr_t *ret_handle)
{
	for (uint32_t i = 0; h->slots && i < h->n; i++) {
		struct handle_slot *s = &h->slots[i];

		*ret_handle = atomic_load_explicit(&s->handle, memory_order_acquire);
		if (*ret_handle > LEFT && atomic_load(&s->owner) == owner && atomic_load(&s->id))
			return empty(s);
	}
	return 0;
}
