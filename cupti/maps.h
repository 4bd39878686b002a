/*
 * maps: this process' memory map, without allocation and without the loader's
 * lock (dl_iterate_phdr and dladdr take it, and a thread inside dlopen may be
 * waiting for the driver while it holds it).
 */
#ifndef JITNESS_CUPTI_MAPS_H
#define JITNESS_CUPTI_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct maps_entry {
	uintptr_t start, end;
	uint64_t offset;
};

/*
 * The mapping that holds addr. path: its file, "[heap]", "[stack]", or "" for
 * anonymous memory; NUL-terminated, cut at path_size. 0, or -1 when there is none
 * or the map cannot be read. Any thread. Nothing for the heap, else a few microseconds; milliseconds
 * for files on Linux before 6.11, where the text has to be read. There, a stack has
 * no name and all but the heap only the page's own bounds.
 */
int maps_find(uintptr_t addr, struct maps_entry *ret, char *path, size_t path_size);

/*
 * True when addr lies in the heap that grows by brk(), where malloc() puts what is not large: one
 * piece of readable memory of no file, for as long as what lies there is in use. No system call but
 * the first time. Any thread.
 */
bool maps_heap(uintptr_t addr, struct maps_entry *ret);

/* path is "" for anonymous memory; valid during the call. false ends the walk. */
typedef bool (*maps_fn)(void *arg, const struct maps_entry *e, const char *path);

/* Every mapping in order of address. 0, or -1 with errno. Lines over 4 KiB are cut. */
int maps_each(maps_fn fn, void *arg);

#endif
