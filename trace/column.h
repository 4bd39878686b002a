/*
 * column: 64-bit values -> a packed column (docs/trace-format.md, "Column"). The
 * half of encode.h that knows bytes and no kinds. Pure functions on caller's memory.
 */
#ifndef JITNESS_TRACE_COLUMN_H
#define JITNESS_TRACE_COLUMN_H

#include <stddef.h>
#include <stdint.h>

struct cuts; /* encode.h */

/* Worth a zstd block of their own: a block and its table of codes take 100 bytes. */
#define CUT_ROWS 512

/* A column to be packed: v or v32 is set; ref only for XF_DIFF. */
struct column {
	const uint64_t *v, *ref;
	const uint64_t *before; /* the column whose previous row counts: XF_DELTA, XF_GAP */
	const uint32_t *v32;
	uint8_t transform;
	uint16_t ref_index;
	struct cuts *cuts; /* NULL: none wanted */
};

/* Most bytes that a column of rows values takes. */
size_t column_bound(size_t rows);

/* The byte after what was written. */
uint8_t *column_put(uint8_t *p, const struct column *c, size_t rows);

/* The same for values below 256 that are not transformed. */
uint8_t *column_put_bytes(uint8_t *p, const uint32_t *v, size_t rows, struct cuts *cuts);

/* What the header of a column says besides its width. */
struct column_head {
	uint8_t transform;
	uint64_t first;
};

/*
 * Packs values that are mostly near each other, with `low` added, in one to three planes, and
 * the others as exceptions; as column_put() does when there are too many. Differences are
 * signed. rare: memory for rows values.
 */
uint8_t *column_put_rare(uint8_t *p, const struct column_head *h, const uint64_t *v, size_t rows,
			 uint64_t *rare, struct cuts *cuts);

#endif
