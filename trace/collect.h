/*
 * collect: which rows of a journal are to be written next. The half of the writer
 * that runs against the producers; pure but for giving empty chunks back.
 */
#ifndef JITNESS_TRACE_COLLECT_H
#define JITNESS_TRACE_COLLECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/gather.h"

struct journal;
struct journal_chunk;

/* gather_part.kinds of an item is one of these. */
#define STRINGS_ONLY (1ull << EVENT_STRING)
#define ROWS_ONLY    (~STRINGS_ONLY)

/* What is already in the file of each chunk's present life; the truth is here, not in the chunk. */
struct collect_seen {
	uint64_t gen;
	uint32_t consumed, strings;
};

/* A run of rows of one thread that is to be written. */
struct collect_item {
	struct gather_part part;
	struct journal_chunk *chunk; /* NULL: from writer_add() */
	uint64_t gen;
	uint32_t tid;
	uint32_t index; /* of the chunk */
};

struct collect_pending {
	size_t n_items;
	size_t bytes;
	bool full; /* a chunk that nobody appends to any more */
};

/*
 * Lists the rows that are committed and not yet consumed, an item for each chunk at
 * most; keeps seen[] (one for each chunk) and frees chunks that are through.
 */
struct collect_pending collect_rows(struct collect_seen *seen, struct journal *j,
				    struct collect_item *items);

/*
 * Lists, after collect_rows(), the chunks with STRING rows that are not yet written: all
 * that rows of collect_rows() can use are among them. Returns the number of items.
 */
size_t collect_strings(struct collect_seen *seen, struct journal *j, struct collect_item *items);

/* By (tid, gen). */
void collect_sort(struct collect_item *items, size_t n);

#endif
