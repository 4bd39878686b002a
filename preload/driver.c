/*
 * driver: the driver's functions in this process, for entry_points.h. As in compilers.c whom a call of
 * an export was meant for is asked once for a call site, and again after a library was unloaded.
 */
#include <stdatomic.h>
#include <string.h>

#include "cupti/entry_points.h"
#include "preload/dlsym.h"
#include "preload/loaded.h"

#define DRIVER "libcuda.so.1"
#define SITES  256
/* Different functions that calls of one name were meant for: the driver, stubs that load it. */
#define TARGETS 4u

/* Return address, function and target in one word (56 + 6 + 2 bits). */
static _Atomic uint64_t sites[SITES];
static _Atomic uint64_t sites_generation;
static _Atomic(void *) targets[ENTRY_MAX][TARGETS];
_Static_assert(ENTRY_MAX <= 64 && TARGETS <= 4, "bits of a site");

static void *in_driver(const char *symbol)
{
	return loaded_in(DRIVER, symbol);
}

static bool is_driver(const char *path)
{
	const char *slash = strrchr(path, '/');

	return !strncmp(slash ? slash + 1 : path, "libcuda.so", 10);
}

static void *meant(const char *symbol, const void *caller)
{
	void *foreign = NULL;
	void *real = loaded_meant_by(caller, symbol, is_driver, &foreign);

	/* Another tool's hook, loaded behind us for the whole process: it is next in line. */
	if (foreign && foreign != real && dlsym_next_to_us(symbol) == foreign)
		real = foreign;
	return real;
}

/* TARGETS: no room. */
static unsigned target_of(unsigned id, void *real)
{
	for (unsigned i = 0; i < TARGETS; i++) {
		void *seen = NULL;

		if (atomic_compare_exchange_strong(&targets[id][i], &seen, real) || seen == real)
			return i;
	}
	return TARGETS;
}

static void *meant_by(unsigned id, const char *symbol, const void *caller)
{
	uint64_t generation = loaded_generation(), seen;
	uint64_t key = ((uint64_t)(uintptr_t)caller << 6 | id) << 2;
	_Atomic uint64_t *site = &sites[(key * 0x9e3779b97f4a7c15u) >> 56];
	unsigned target;
	void *real;

	if (atomic_load_explicit(&sites_generation, memory_order_acquire) != generation) {
		for (unsigned i = 0; i < SITES; i++)
			atomic_store_explicit(&sites[i], 0, memory_order_relaxed);
		atomic_store_explicit(&sites_generation, generation, memory_order_release);
	}
	seen = atomic_load_explicit(site, memory_order_acquire);
	if (seen && (seen & ~(uint64_t)3) == key)
		return atomic_load(&targets[id][seen & 3]);
	real = meant(symbol, caller);
	target = real ? target_of(id, real) : TARGETS;
	if (target < TARGETS)
		atomic_store_explicit(site, key | target, memory_order_release);
	return real;
}

const struct entry_finder entry_finder = { in_driver, loaded_beside, loaded_generation, meant_by };
