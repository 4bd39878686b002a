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

/*
 * An entry for each id, at its low bits: ids rise with every call, so both sides walk through the
 * table as through a ring, side by side, and the processor fetches ahead; a hash of the same size
 * made every row a cache miss, half of the time of a report. 2M entries of 16 bytes: a PyTorch
 * program uses ten ids a launch, so at 20,000 launches/s there are ten seconds between the two sides.
 */
#define JOIN_IDS (1u << 21)

struct join_entry {
	uint64_t start; /* the launch's, or the earliest of the work's */
	uint32_t corr;
	uint32_t works : 30; /* JOIN_WORK: records that wait for the launch */
	uint32_t state : 2;  /* enum join_state */
};

struct join {
	struct join_entry *table; /* JOIN_IDS; NULL until the first use */
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
/* The same, of rows of one section; launches whose result is not 0 are left out: nothing runs for them. */
void join_launches(struct join *j, const uint64_t *corr, const uint64_t *host_start,
		   const uint64_t *result, uint32_t rows);
void join_works(struct join *j, const uint64_t *corr, const uint64_t *gpu_start, uint32_t rows);
/*
 * Optional: these ids come soon; their entries are fetched meanwhile. Nearly each is a cache miss, so the caller
 * should have other work to do until then.
 */
void join_ahead(const struct join *j, const uint64_t *corr, uint32_t rows);
/* Counts what is left alone. */
void join_end(struct join *j);
void join_release(struct join *j);

#endif
