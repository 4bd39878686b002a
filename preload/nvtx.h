/*
 * nvtx: ranges and marks that the program makes with NVTX, as RANGE records. The program's NVTX
 * (every header-only copy, and the v2 library) loads the library that NVTX_INJECTION64_PATH
 * names and calls its InitializeInjectionNvtx2(); no CUPTI is needed. A tool that was named there
 * before us starts first and still gets every call, and the program gets its answers.
 *
 * Calls run on the program's threads: no allocation, no lock, errno is kept.
 */
#ifndef JITNESS_PRELOAD_NVTX_H
#define JITNESS_PRELOAD_NVTX_H

#include <stdbool.h>

enum nvtx_mode { NVTX_OFF, NVTX_ALL, NVTX_AUTO }; /* JITNESS_NVTX */

/*
 * Constructor: names `self` for NVTX to load. Nothing else is touched until NVTX calls.
 * all: also the ranges that a library makes for each of its operations once a tool listens, at the host's
 * cost (docs/performance.md). Without: it is told that nobody listens, when no other tool does.
 */
void nvtx_load(const char *self, bool all, bool redact);

/* The process ends: writes what is still open. Before the writer's last frame; lock-free. */
void nvtx_finish(void);

/* The handler of fork, in the child. */
void nvtx_forked(void);

#endif
