#include "preload/sites.h"

#include <stddef.h>

#include "preload/dlsym.h"
#include "preload/loaded.h"

static uint64_t key_of(const struct sites *s, const void *caller, unsigned id)
{
	return (uint64_t)(uintptr_t)caller << SITES_BITS | (uint64_t)id << s->slot_bits;
}

static _Atomic uint64_t *site_of(struct sites *s, uint64_t key)
{
	return &s->at[(key * 0x9e3779b97f4a7c15u) >> 56];
}

static void forget(struct sites *s, uint64_t generation)
{
	for (unsigned i = 0; i < SITES; i++)
		atomic_store_explicit(&s->at[i], 0, memory_order_relaxed);
	atomic_store_explicit(&s->generation, generation, memory_order_release);
}

uint32_t sites_find(struct sites *s, const void *caller, unsigned id)
{
	const uint64_t generation = loaded_generation(), slots = (1u << s->slot_bits) - 1;
	const uint64_t key = key_of(s, caller, id);
	uint64_t seen;

	if (atomic_load_explicit(&s->generation, memory_order_acquire) != generation)
		forget(s, generation);
	seen = atomic_load_explicit(site_of(s, key), memory_order_acquire);
	return (seen & ~slots) == key ? (uint32_t)(seen & slots) : SITES_NONE;
}

void sites_keep(struct sites *s, const void *caller, unsigned id, unsigned slot)
{
	const uint64_t key = key_of(s, caller, id);

	atomic_store_explicit(site_of(s, key), key | slot, memory_order_release);
}

void *sites_meant(const char *symbol, const void *caller, bool (*is_library)(const char *path))
{
	void *foreign = NULL;
	void *real = loaded_meant_by(caller, symbol, is_library, &foreign);

	/* Another tool's hook, loaded behind us for the whole process: it is next in line. */
	if (foreign && foreign != real && dlsym_next_to_us(symbol) == foreign)
		real = foreign;
	return real;
}
