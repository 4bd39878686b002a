#include "preload/programs.h"

#include <stdatomic.h>
#include <string.h>

/* Programs live from create to destroy, mostly one a thread: 1024 alive at once are many. */
#define PROGRAMS_MAX 1024
#define PROBES       32
#define BUSY         1 /* no handle: they are pointers */

static struct {
	_Atomic uint64_t handle; /* 0: free. Stored last, read first and again after the name */
	char name[PROGRAM_NAME_MAX];
} programs[PROGRAMS_MAX];

static unsigned slot_of(uint64_t handle, unsigned probe)
{
	return (unsigned)((handle * 0x9e3779b97f4a7c15u >> 40) + probe) % PROGRAMS_MAX;
}

void program_forget(uint64_t handle)
{
	for (unsigned i = 0; i < PROBES; i++) {
		uint64_t seen = handle;

		atomic_compare_exchange_strong(&programs[slot_of(handle, i)].handle, &seen, 0);
	}
}

void program_remember(uint64_t handle, const char *name)
{
	/* A program that was destroyed unseen may have had this address. */
	program_forget(handle);
	if (!name || !*name || handle <= BUSY)
		return;
	for (unsigned i = 0; i < PROBES; i++) {
		unsigned slot = slot_of(handle, i);
		uint64_t empty = 0;

		if (!atomic_compare_exchange_strong(&programs[slot].handle, &empty, BUSY))
			continue;
		strncpy(programs[slot].name, name, PROGRAM_NAME_MAX - 1);
		atomic_store_explicit(&programs[slot].handle, handle, memory_order_release);
		return;
	}
}

size_t program_name(char ret[PROGRAM_NAME_MAX], uint64_t handle)
{
	for (unsigned i = 0; i < PROBES; i++) {
		unsigned slot = slot_of(handle, i);

		if (handle <= BUSY ||
		    atomic_load_explicit(&programs[slot].handle, memory_order_acquire) != handle)
			continue;
		memcpy(ret, programs[slot].name, PROGRAM_NAME_MAX);
		ret[PROGRAM_NAME_MAX - 1] = 0;
		return strlen(ret);
	}
	ret[0] = 0;
	return 0;
}
