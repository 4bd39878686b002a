/*
 * early: records from before cuInit, when there is no journal yet. CuPy and many C programs
 * compile first and start CUDA then. The first EARLY_MAX are kept and emitted when tracing
 * starts, on the thread that calls cuInit; the others are counted as LOST.
 *
 * Static memory, no locks. A forked child does not emit what its parent did.
 */
#ifndef JITNESS_PRELOAD_EARLY_H
#define JITNESS_PRELOAD_EARLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/event.h"

#define EARLY_MAX 64

/* Constructor: from now on records are kept. */
void early_open(void);

/* True while records are wanted: kept for later, or emitted at once. */
bool early_wanted(void);

/* As emit(); before tracing has started the record is kept. Cut: a blob over 512 bytes. */
void early_emit(enum event_kind kind, const uint64_t *fields, unsigned n_fields, const void *blob,
		size_t blob_len);

/* Once, after emit_start(): emits what was kept; later ones go straight through. */
void early_flush(void);

#endif
