/*
 * children: compilers that run as processes of their own (ptxas, nvcc, cc1plus, ld ...) and
 * compile workers say so themselves: this library is preloaded into them as well.
 * A line at their start, a line at their end, appended to one file of the session
 * (docs/trace-format.md, "Children"). A child that is killed leaves its first line.
 */
#ifndef JITNESS_PRELOAD_CHILDREN_H
#define JITNESS_PRELOAD_CHILDREN_H

#include <stdbool.h>

/* Constructor. out: the session's directory. Does nothing in a process that is no compiler. */
void children_load(const char *out, bool redact);

/* The process is about to end without destructors (_exit, exec). Async-signal-safe, once. */
void children_leave(int status);

#endif
