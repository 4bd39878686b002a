/*
 * join: pairs the host side of a launch with what it started on the GPU, by
 * correlation id, in a table of fixed size. Either side may come first. When
 * an id comes for which there is no room, one that is 2M ids older (or a multiple) gives way; if it
 * had no partner yet, that is counted as overflow and says nothing about the trace.
 */
#ifndef JITNESS_DECODER_JOIN_H
#define JITNESS_DECODER_JOIN_H

#include <stdint.h>

#include "decoder/histogram.h"

struct join_entry;

struct join {
	struct join_entry *table; /* NULL until the first use */
	uint64_t launches;         /* distinct launches that succeeded */
	uint64_t launches_matched;
	uint64_t work_matched;     /* kernels and graph runs with a launch */
	uint64_t early;            /* GPU start before the host's launch began: must be 0 */
	uint64_t overflow;         /* given up without a partner */
	uint64_t launches_alone;   /* filled in by join_end() */
	uint64_t work_alone;       /* filled in by join_end() */
	struct histogram delay;    /* host launch start to first GPU start, ns */
};

/* corr 0, or beyond 32 bits, is not joined. gpu_start 0: unknown, paired without a delay. */
void join_launch(struct join *j, uint64_t corr, uint64_t host_start);
void join_work(struct join *j, uint64_t corr, uint64_t gpu_start);
/* Optional: this id comes some ten rows later; its entry is fetched meanwhile. */
void join_ahead(const struct join *j, uint64_t corr);
/* Counts what is left alone. */
void join_end(struct join *j);
void join_release(struct join *j);

#endif
