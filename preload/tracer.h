/*
 * tracer: the state of tracing in this process; every way in and out of it.
 *
 * Contract with the host, in order of importance:
 *  1. it never crashes, exits or blocks because of us;
 *  2. it sees the same output, exit status, errno and signals as without us;
 *  3. it gets traced.
 */
#ifndef JITNESS_PRELOAD_TRACER_H
#define JITNESS_PRELOAD_TRACER_H

#include <stdbool.h>

#include "trace/event.h"

/*
 * Ends tracing with everything written, when this process is the one being traced; does
 * nothing in a forked or vforked child, before cuInit, or when it is ending already.
 * Waits a few seconds at most. errno is kept. Any thread.
 */
void tracer_finish(enum end_reason reason, int status);

/* True when tracer_finish() would do something. Async-signal-safe. */
bool tracer_running(void);

#endif
