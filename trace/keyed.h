/*
 * keyed: a section of launches or of what they ran on the GPU. Each row says when, and which of the
 * section's few different rows it is otherwise (its key). docs/trace-format.md, "Keyed section".
 * Pure functions on caller's memory. decode.c reads it.
 */
#ifndef JITNESS_TRACE_KEYED_H
#define JITNESS_TRACE_KEYED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/encode.h"

#define KEYED_COLUMNS  0x8000u /* in the section's number of columns */
#define KEYED_FIELD    3u      /* start, end and corr stand before what the key says */
#define KEYED_ROWS_MIN 128u    /* less is not worth the two columns more */
#define KEYED_WORK     4u      /* values of working memory for each row */

/* Times of LAUNCH should be multiples of this many ns, a power of 2: others cost some bytes. */
#define KEYED_LAUNCH_NS 64u

struct keyed_in {
	uint16_t kind, n_cols;
	uint32_t rows, tid;
	uint32_t n_keys;     /* at most half the rows */
	const uint32_t *key; /* rows */
	const uint64_t *start, *end, *corr;    /* rows values each */
	/* From KEYED_FIELD on: n_keys values each, but rows of keyed_rising(). */
	const uint64_t *col[EVENT_FIELDS_MAX];
	uint64_t *work;      /* KEYED_WORK * rows */
	uint64_t *state;     /* n_keys */
	struct cuts *cuts;   /* NULL: not wanted */
};

/* Whether rows of this kind begin with start, end and corr, and have more fields. */
bool keyed_kind(unsigned kind);

/* The field behind those three that rises from row to row (graph nodes), or EVENT_FIELDS_MAX. */
unsigned keyed_rising(unsigned kind);

/* Encodes to out, which has room for section_bound() of the same rows. 0: it cannot be done. */
size_t keyed_put(uint8_t *out, const struct keyed_in *s);

#endif
