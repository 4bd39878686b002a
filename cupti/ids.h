/*
 * ids: the numbers that CUPTI gives to handles. Asking it takes its locks, and a program asks about the
 * same few again and again: each thread remembers its last answers until a handle of these kinds
 * was made or destroyed, because handles are used again.
 *
 * Any thread, in any callback; no CUDA call, no lock of ours, nothing allocated. 0: CUPTI cannot say.
 */
#ifndef JITNESS_CUPTI_IDS_H
#define JITNESS_CUPTI_IDS_H

#include <stdbool.h>
#include <stdint.h>

#include <cuda.h>

uint32_t ids_context(CUcontext context);
uint32_t ids_exec(CUgraphExec exec);

/* per_thread: what a default stream means to the caller. */
uint32_t ids_stream(CUcontext context, CUstream stream, bool per_thread);

/*
 * Nothing that was asked before counts any more, on no thread: before a handle's end, at latest before
 * its successor is given to the program, and when CUPTI is another one.
 */
void ids_forget(void);

#endif
