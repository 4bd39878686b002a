/*
 * nvtx_ranges: the ranges that are open, and their RANGE records. A record is written when its
 * range ends, on the thread that ends it; those that never do get end 0 when their thread (push)
 * or the process ends. What began before tracing is told when it ends after.
 *
 * Bounded, mapped once, touched when used: 64 open push ranges for each of 1024 threads, 4096
 * started ones. What finds no room is counted when its record would have been written (LOST,
 * memory limit). Any thread; no locks, no allocation, errno is kept; in a forked child nothing
 * is told twice.
 */
#ifndef JITNESS_PRELOAD_NVTX_RANGES_H
#define JITNESS_PRELOAD_NVTX_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NVTX_PUSH_MAX 64 /* open push ranges of a thread with their text; deeper ones are lost */

/* An event as the program gave it. text: borrowed, at most NVTX_TEXT_MAX with its NUL. */
struct nvtx_event {
	const char *text;
	size_t text_len;
	unsigned domain; /* nvtx_domain_of() */
	uint32_t category;
	uint64_t payload;
};

/* Constructor, one thread: before the host can use up the cheap thread-specific keys. */
bool nvtx_ranges_load(void);
/* Maps the memory. Any thread, any number of times; false: there is none. */
bool nvtx_ranges_start(void);

/* The level of the range, from 0; NVTX_NO_TRACKING: no room for this thread. */
int nvtx_push(const struct nvtx_event *e);
/* The level of the range that ended; -1: the thread has none open in this domain. */
int nvtx_pop(unsigned domain);
/* theirs: another tool's id, which the program got; else 0. Returns the id; 0: no room. */
uint64_t nvtx_start(const struct nvtx_event *e, uint64_t theirs);
/* A started range that nobody can name again, because another tool gave it the id 0. */
void nvtx_start_lost(void);
void nvtx_end(uint64_t id);
void nvtx_mark(const struct nvtx_event *e);

/* The process ends: every range that is still open is written, once. */
void nvtx_ranges_finish(void);
/* In a forked child: what its parent opened is the parent's. */
void nvtx_ranges_forked(void);

#endif
