/*
 * records: from CUPTI's activity records to ours, each decoded once.
 * Drain thread only.
 */
#ifndef JITNESS_CUPTI_RECORDS_H
#define JITNESS_CUPTI_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cupti/layout.h"

/* Before the first buffer. layout is borrowed for good. 0, or -1 with errno. */
int records_start(const struct layout *layout, layout_next_fn next, bool redact);

/* Decodes one delivered buffer. */
void records_decode(uint8_t *buffer, size_t valid);

/* After a batch of buffers: emits what was lost while decoding them. */
void records_settle(void);

/* Accepted so far. Any thread. */
struct records_count {
	uint64_t kernels, graph_runs, jit_compiles;
};
void records_totals(struct records_count *ret);

#endif
