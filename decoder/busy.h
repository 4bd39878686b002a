/*
 * busy: when the GPU worked for a process: kernels, copies, sets and graph replays of all
 * devices and streams together, merged. A pause shorter than `gap` counts as work, so idle
 * time is never told too long. Memory: at most BUSY_MAX spans of 16 bytes; with more the gap is
 * doubled until they fit. Times: ns of CLOCK_REALTIME. No errors; one thread.
 */
#ifndef JITNESS_DECODER_BUSY_H
#define JITNESS_DECODER_BUSY_H

#include <stddef.h>
#include <stdint.h>

#define BUSY_GAP_NS 100000u /* what a host needs between two launches now and then */
#define BUSY_MAX    (1u << 20)

struct busy_span {
	uint64_t start, end;
};

/* All zeros: nothing was added. */
struct busy {
	struct busy_span *list;
	size_t n, cap;
	uint64_t gap;          /* ns; 0: BUSY_GAP_NS */
	struct busy_span open; /* still growing; end 0: none */
};

/* rows intervals, in any order; those without usable times are left out. */
void busy_add(struct busy *b, const uint64_t *start, const uint64_t *end, uint32_t rows);
/* Once, before the questions below. */
void busy_join(struct busy *b);
/* ns of [from, to) in which the GPU worked. */
uint64_t busy_within(const struct busy *b, uint64_t from, uint64_t to);
/* End of the last work that began before `time`; 0: there was none. */
uint64_t busy_before(const struct busy *b, uint64_t time);
void busy_release(struct busy *b);

#endif
