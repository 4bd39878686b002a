/*
 * session: CUPTI, or what stands for it, as the rest of the tracer sees it. Only this room includes
 * <cupti.h> and <cuda.h>; callers need no NVIDIA header.
 *
 * Threads: start on the thread that runs cuInit (inside InitializeInjection);
 * cupti_flush() on the flush thread only; cupti_drain() on the writer thread only.
 * Callbacks run on the application's threads and only emit (emit.h).
 * No function here prints, exits or holds a lock of ours across a CUPTI call.
 */
#ifndef JITNESS_CUPTI_SESSION_H
#define JITNESS_CUPTI_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/event.h"

/* Ids of the innermost FRAME records of a call's stack; 0: none. */
struct stack_ids {
	uint32_t native, python;
};

struct cupti_config {
	enum capture_level level;
	const char *library;    /* JITNESS_CUPTI: path of libcupti, or NULL: search */
	size_t pool_bytes;      /* limit of the activity buffers together */
	bool redact;            /* paths outside installed libraries are left out */
	void (*wake)(void);     /* called when a buffer was delivered; must not block */
	void (*stack)(struct stack_ids *ret); /* the caller's stack; NULL: none are taken */
	bool entry_points;      /* calls are seen there (entry_points.h): CUPTI is left alone */
};

/* What could not be done. Static or embedded strings only. */
struct cupti_fail {
	const char *call;     /* "dlopen", "cuptiSubscribe", ... */
	int code;             /* CUptiResult, or 0 */
	char detail[192];     /* what the user can do, one clause; may be empty */
};

enum gpu_records { GPU_RECORDS_NONE, GPU_RECORDS_PARTIAL, GPU_RECORDS_FULL };

/*
 * Finds and opens libcupti, checks record layouts, subscribes, registers buffers,
 * enables what the level needs. INFO and NOTE records say what was found, which
 * library, which version, and who holds the subscription when it is taken.
 * Returns what will be recorded; on NONE or PARTIAL *ret says why. With entry_points nothing of
 * this is done, and NONE is as it should be.
 */
enum gpu_records cupti_start(const struct cupti_config *config, struct cupti_fail *ret);

/* True when the driver or the libcupti that we use lies here: they stay loaded. Any thread, any callback. */
bool cupti_holds(uintptr_t start, uintptr_t end);

/*
 * Tells what was only counted, then cuptiActivityFlushAll: `final` also asks for incomplete records, which come with
 * end = 0 and never again. May block on a hung GPU: hence a thread of its own.
 */
void cupti_flush(bool final);

/*
 * Decodes at most max_buffers delivered buffers into records. Returns how many. Sixteen
 * (64 KiB each) fill about a twentieth of the journal: write frames (writer_pump) between calls.
 */
size_t cupti_drain(size_t max_buffers);

/* Any thread. True when buffers were delivered that cupti_drain() has not begun to take. */
bool cupti_pending(void);

/* cuptiGetTimestamp (CLOCK_REALTIME domain), or 0. */
uint64_t cupti_now(void);

/* Records so far, for the END record. Any thread. */
struct cupti_totals {
	uint64_t launches, kernels, graph_runs, modules, jit_compiles;
};
void cupti_totals(struct cupti_totals *ret);

#endif
