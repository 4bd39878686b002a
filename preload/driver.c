/*
 * driver: the driver's functions in this process, for entry_points.h.
 */
#include <stdatomic.h>
#include <string.h>

#include "cupti/entry_points.h"
#include "preload/loaded.h"
#include "preload/sites.h"

#define DRIVER "libcuda.so.1"
/* Different functions that calls of one name were meant for: the driver, stubs that load it. */
#define TARGETS_BITS 2
#define TARGETS      (1u << TARGETS_BITS)

static struct sites sites = { .slot_bits = TARGETS_BITS };
static _Atomic(void *) targets[ENTRY_MAX][TARGETS];
_Static_assert(ENTRY_MAX <= 1 << (SITES_BITS - TARGETS_BITS), "bits of a site");

static void *in_driver(const char *symbol)
{
	return loaded_in(DRIVER, symbol);
}

static bool is_driver(const char *path)
{
	const char *slash = strrchr(path, '/');

	return !strncmp(slash ? slash + 1 : path, "libcuda.so", 10);
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
	uint32_t target = sites_find(&sites, caller, id);
	void *real;

	if (target != SITES_NONE)
		return atomic_load(&targets[id][target]);
	real = sites_meant(symbol, caller, is_driver);
	target = real ? target_of(id, real) : TARGETS;
	if (target < TARGETS)
		sites_keep(&sites, caller, id, target);
	return real;
}

const struct entry_finder entry_finder = { in_driver, loaded_beside, loaded_generation, meant_by };
