/*
 * gather: journal rows -> sections. Rows of one thread are counted by kind, then
 * turned over into columns and encoded. Pure functions on caller's memory.
 */
#ifndef JITNESS_TRACE_GATHER_H
#define JITNESS_TRACE_GATHER_H

#include <stddef.h>
#include <stdint.h>

#include "trace/journal.h"

struct cuts; /* encode.h */

/* Whole rows at rows[from..to) that a thread appended, of the kinds in the mask. */
struct gather_part {
	const uint8_t *rows;
	uint32_t from, to;
	uint64_t kinds; /* bit i: kind i */
};

struct gather_kind {
	uint32_t rows, fields, blob_bytes;
};

struct gather_counts {
	uint64_t kinds; /* those with at least one row */
	struct gather_kind of[JOURNAL_KINDS_MAX];
};

/* Adds the rows of a part; t starts zeroed. */
void gather_count(struct gather_counts *t, const struct gather_part *part);

/* Rows counted so far. */
uint32_t gather_rows(const struct gather_counts *t);

/* Upper bound of what gather_put() writes. */
size_t gather_bound(const struct gather_counts *t);

/* The staging memory that is enough for all counts of this gather_bound(). */
size_t gather_staging(size_t bound);

/*
 * Encodes the parts (in order, all of thread tid, all counted in t) as one section
 * for each kind, in ascending order. Returns the bytes written to out.
 */
size_t gather_put(uint8_t *out, uint64_t *staging, const struct gather_counts *t, uint32_t tid,
		  const struct gather_part *parts, size_t n_parts, struct cuts *cuts);

#endif
