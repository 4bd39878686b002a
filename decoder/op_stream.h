/*
 * op_stream: what a process asked of the GPU, operation by operation, in the order in which the
 * host asked (correlation ids rise with every call): launches joined with their kernel or graph
 * replay, copies, sets, syncs, and updates of graphs: XLA sets each node of a graph before it
 * replays it; calls in a row are one, but for where a section of the trace ends. A second pass over
 * the trace; rows that arrive late in the file wait in a window of bounded size (op_window.h), so
 * memory does not grow with the trace.
 *
 * Left out: launches that failed; GPU work without its launch (counted). A trace without LAUNCH
 * records (level churn) has no operations.
 * Times: ns of CLOCK_REALTIME as in the trace; 0: unknown. No errors beyond the reader's; one
 * thread.
 */
#ifndef JITNESS_DECODER_OP_STREAM_H
#define JITNESS_DECODER_OP_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct process;
struct reader;

enum op_kind { OP_KERNEL, OP_GRAPH, OP_MEMCPY, OP_MEMSET, OP_SYNC, OP_UPDATE };

#define OP_SYMBOL_NONE UINT32_MAX

struct op {
	uint64_t corr; /* as in the trace, and 2^32 more each time CUPTI's 32 bits started again */
	uint64_t host_start, host_end; /* of the call; copies, sets: 0; syncs: the wait;
				       updates: from the first call to the last */
	uint64_t gpu_start, gpu_end;   /* graph replay: first to last */
	uint32_t kind;     /* enum op_kind */
	uint32_t tid;      /* of the caller; copies, sets, and syncs whose thread is not known (SYNC.API 0) or
			      launches nothing: of the last launch on their stream, else in their
			      context, else the thread with the most launches */
	uint32_t context, stream; /* launches without a GPU record: 0 */
	uint32_t symbol;   /* OP_KERNEL: session's name; OP_GRAPH: graph id; OP_MEMCPY: enum
			      copy_kind; OP_SYNC: enum sync_type; OP_MEMSET: 0; OP_UPDATE: graph id. OP_SYMBOL_NONE:
			      not known (no GPU record, or the string's definition is lost) */
	uint32_t grid;     /* OP_KERNEL: blocks; OP_GRAPH: kernels in it; else 0 */
	uint32_t block;    /* OP_KERNEL: threads */
	uint64_t bytes;    /* OP_MEMCPY, OP_MEMSET */
	bool captured;     /* recorded into a graph: no GPU work of its own */
	bool after_gap;    /* launches of its thread before it are not in the sample */
};

/* Called in the order of corr. false ends the stream. */
typedef bool (*op_fn)(void *arg, const struct op *op);

struct op_stream_status {
	uint64_t ops;       /* given out */
	uint64_t captured;  /* of these, recorded into a graph */
	uint64_t unmatched; /* of these, launches whose GPU record did not come, or too late */
	uint64_t orphans;   /* launches that ran without a LAUNCH row in the trace: left out */
	uint64_t late;      /* rows that came when their place had passed: left out */
	uint64_t unplaced;  /* rows without a correlation id that can be: left out */
};

#define OP_SAMPLE_WINDOW (1u << 16) /* launches */

/*
 * Streams the trace. p: the model of the same process (names, graphs, captures). stride 1: all of it. More: a
 * sample, for a fraction of the time: of the launches of each thread the first OP_SAMPLE_WINDOW, and of each
 * `stride` windows of as many the first; all waits and sets, no copies, no updates. 0, or TRACE_E_* with what was seen so far
 * given out.
 */
int op_stream_run(const struct process *p, struct reader *r, uint64_t stride, op_fn fn, void *arg,
		  struct op_stream_status *ret);

#endif
