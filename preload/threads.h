/*
 * threads: the two helper threads of a traced process. The flush thread asks CUPTI
 * for its records (which may block on a hung GPU); the writer thread decodes
 * buffers and writes frames (which may block on a slow disk). Application
 * threads never wait for either, except at the end, with a time-out.
 */
#ifndef JITNESS_PRELOAD_THREADS_H
#define JITNESS_PRELOAD_THREADS_H

#include <stdbool.h>
#include <stdint.h>

#include "trace/event.h"

struct journal;
struct output;
struct writer;

struct threads_config {
	struct journal *journal;
	struct writer *writer;
	const struct output *output; /* for removing the journal at the end; must stay valid */
	unsigned flush_ms;
	void (*stopped)(int error);  /* the trace cannot be written any more; writer thread */
};

/* Starts both with all signals blocked. 0, or -1 with errno: then none runs. */
int threads_start(const struct threads_config *config);

/* Something was delivered: the writer should look. Any thread, callbacks too; never blocks. */
void threads_wake(void);

/*
 * Flushes CUPTI, writes everything with an END record and removes the journal. Waits
 * for it, a few seconds at most; false: timed out, the journal keeps what is left.
 * More records may follow after END_BY_EXEC (an exec that failed).
 */
bool threads_finish(enum end_reason reason, int status);

#endif
