/*
 * process: who this process is, as PROCESS, INFO and CLOCK records.
 */
#ifndef JITNESS_PRELOAD_PROCESS_H
#define JITNESS_PRELOAD_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "trace/event.h"

/* Emits identity once, at start. start_ns: when the tracer was loaded (CLOCK_REALTIME). */
void process_describe(enum capture_level level, uint64_t start_ns, bool redact);

/* Emits one (REALTIME, MONOTONIC, cuptiGetTimestamp) triple. Any of our threads. */
void process_clock(void);

#endif
