/*
 * ticks: times of intervals -> ticks of the clock that made them. GPUs stamp in steps (of 32 ns on
 * an H100), which CUPTI maps to CLOCK_REALTIME by a straight line and rounds: the step number and
 * a remainder of 0, 1 or -1 ns say the same with 9 bits less. docs/trace-format.md, "Clock".
 * Pure functions on caller's memory.
 */
#ifndef JITNESS_TRACE_TICKS_H
#define JITNESS_TRACE_TICKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TICKS_BLOCK 64 /* rows after which remainders move the line: part of the format */
#define TICKS_REST(rows) (((rows) + 1) / 2)
#define TICKS_ONE   (1ull << 32) /* rate of a clock that ticks each ns */

/* start and end of rows intervals, and the clock that is behind them. */
struct ticks_in {
	const uint64_t *start, *end;
	size_t rows;
	uint64_t rate; /* ns of a tick, times 2^32; 2^n ns (n < 8), or what ticks_rate() says */
};

/* rows values each, but for rest. */
struct ticks_out {
	uint64_t first; /* where tick 0 is */
	uint64_t *gap;  /* ticks from the last row's end to start, signed */
	uint64_t *span; /* from start to end */
	uint64_t *rest; /* remainders, a value for two rows */
	bool no_rest;   /* all are 0, and rest is not set */
};

/* The rate of the GPU's clock, or TICKS_ONE when these times are not on a grid of 32 ns. */
uint64_t ticks_rate(const uint64_t *start, const uint64_t *end, size_t rows);

/* False: these times are too far from each other or from the grid. */
bool ticks_put(struct ticks_out *out, const struct ticks_in *in);

/* What ticks_put() did, in place: gap becomes start, span becomes end. rest NULL: all 0. */
void ticks_undo(uint64_t *gap, uint64_t *span, const uint64_t *rest, size_t rows, uint64_t rate,
		uint64_t first);

/*
 * Spans of the same key are alike: each less a mean of those before it. state: a word for
 * each key, zeroed. In place.
 */
void ticks_expect(uint64_t *span, const uint32_t *key, size_t rows, uint64_t *state);
void ticks_expect_undo(uint64_t *span, const uint32_t *key, size_t rows, uint64_t *state);

#endif
