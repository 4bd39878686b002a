/*
 * options: the JITNESS_* variables as the tracer uses them. Read once, in the
 * constructor; the table is trace/options.h. A bad value never stops the host:
 * the default is used and the log says so.
 */
#ifndef JITNESS_PRELOAD_OPTIONS_H
#define JITNESS_PRELOAD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/nvtx.h"
#include "preload/stack.h"
#include "trace/event.h"

#define OPTIONS_PATH_MAX 1024

struct tracer_options {
	char out[OPTIONS_PATH_MAX];   /* absolute; empty: nothing is traced */
	char cupti[OPTIONS_PATH_MAX]; /* empty: search */
	enum capture_level level;
	uint64_t max_bytes; /* 0: no limit */
	uint64_t memory_bytes;
	unsigned flush_ms;
	bool redact;
	bool dlsym;
	enum nvtx_mode nvtx;
	enum stack_mode stacks;
};

/* Also starts the log. One thread (constructor). */
void options_read(struct tracer_options *ret);

#endif
