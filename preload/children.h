/*
 * children: compilers that run as processes of their own (ptxas, nvcc, cc1plus, ld ...) and
 * compile workers say so themselves: this library is preloaded into them as well.
 * A line at their start, a line at their end, appended to one file of the session
 * (docs/trace-format.md, "Children"). A child that is killed leaves its first line.
 *
 * Says nothing and does not fail: without a session directory nothing is written. errno is kept.
 */
#ifndef JITNESS_PRELOAD_CHILDREN_H
#define JITNESS_PRELOAD_CHILDREN_H

#include <stdbool.h>

/*
 * Constructor. out: the session's directory, which must stay valid. In a process that is no
 * compiler: one readlink, and for a Python interpreter a look at its arguments.
 */
void children_load(const char *out, bool redact);

/*
 * The process is about to end without exit handlers (_exit). Async-signal-safe; the end is told
 * once, and never by a forked or vforked child for its parent. status: 0 to 255.
 */
void children_leave(int status);

#endif
