/*
 * clock_map: nanoseconds of CLOCK_REALTIME, as the trace has them, to CLOCK_MONOTONIC.
 *
 * Between two readings the line through them; outside, the nearest reading's
 * offset. A step of the wall clock (a jump that slewing cannot explain) is not
 * smeared: each side keeps its own offset. Readings on a straight line are
 * dropped as they come (error at most 1 us), so memory follows the changes of
 * the clock's rate, not the length of the trace.
 */
#ifndef JITNESS_DECODER_CLOCK_MAP_H
#define JITNESS_DECODER_CLOCK_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clock_point {
	uint64_t realtime, monotonic;
};

/* All zeros is a clock without readings. */
struct clock_map {
	struct clock_point *points;
	size_t n, cap;
	double slope_min, slope_max; /* of the offset, from points[n-2]: where the next may lie */
	uint64_t steps;              /* jumps of the wall clock that were seen */
	uint64_t disordered;         /* readings older than the one before: not used */
};

/* In the order in which they were taken. */
void clock_add(struct clock_map *c, uint64_t realtime, uint64_t monotonic);
/* 0 stays 0 (unknown); without any reading the value is returned as it is. */
uint64_t clock_monotonic(const struct clock_map *c, uint64_t realtime);
/* The other way; for aligning hosts. */
uint64_t clock_realtime(const struct clock_map *c, uint64_t monotonic);
bool clock_ready(const struct clock_map *c);
void clock_release(struct clock_map *c);

#endif
