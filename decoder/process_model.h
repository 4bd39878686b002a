/*
 * process_model: one process image of a session, folded from its trace in one
 * pass. Column loops per kind of record; memory follows distinct things (names,
 * graphs, modules, threads), never the number of events. Times inside are the
 * trace's own (CLOCK_REALTIME ns); process_time() turns them into monotonic ones.
 */
#ifndef JITNESS_DECODER_PROCESS_MODEL_H
#define JITNESS_DECODER_PROCESS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/busy.h"
#include "decoder/clock_map.h"
#include "decoder/compile_table.h"
#include "decoder/graph_table.h"
#include "decoder/join.h"
#include "decoder/kernel_table.h"
#include "decoder/module_table.h"
#include "decoder/near_log.h"
#include "decoder/op_window.h"
#include "decoder/range_table.h"
#include "decoder/pass.h"
#include "decoder/stack_table.h"
#include "decoder/tally.h"
#include "trace/event.h"
#include "trace/reader.h"

#define PROCESS_INFO_MAX    4096
#define PROCESS_THREADS_MAX 65536
#define PROCESS_DEVICES_MAX 1024
#define PROCESS_NOTES_MAX   64

struct process_info {
	char *key;
	char *value; /* with a NUL after it */
	size_t len;
};
struct process_thread {
	uint64_t tid;
	uint32_t name; /* session's names */
};
struct process_device {
	uint64_t device, cc_major, cc_minor, sms, uuid_hi, uuid_lo;
	uint32_t name;
};
struct process_note {
	uint64_t time, code;
	uint32_t text;
};

enum process_end {
	PROCESS_ENDED_UNKNOWN,
	PROCESS_ENDED_EXIT,
	PROCESS_ENDED_SIGNAL,
	PROCESS_ENDED_EXEC
};

struct process {
	char *file; /* base name of the trace */
	uint64_t pid, ppid, level, redacted;
	uint64_t loaded;      /* realtime: when the tracer was loaded; 0: no PROCESS record */
	uint64_t first, last; /* realtime of the first and last event */
	enum process_end ended;
	int64_t end_status;   /* exit status, or signal; -1: unknown */
	bool stopped;         /* the tracer stopped before the process ended */
	bool running;         /* has no end and is alive on this host */

	struct process_info *infos;
	struct process_thread *threads;
	struct process_device *devices;
	struct process_note *notes;
	size_t n_infos, infos_cap, n_threads, threads_cap, n_devices, devices_cap, n_notes,
		notes_cap;
	struct idmap thread_by_tid;

	struct clock_map clock;
	struct idmap strings;  /* string id -> session's names */
	struct kernel_table kernels;
	struct graph_table graphs;
	struct module_table modules;
	struct stack_table stacks;
	struct compile_table compiles;
	struct range_table ranges; /* NVTX */
	struct origin_verdict *origins; /* by module; NULL until origins_decide() */
	struct near_log near_log; /* launches and GPU work near loads and compiles */
	struct busy busy;         /* when the GPU worked */
	struct join join;
	struct op_lag op_lag;     /* for a second reading */
	struct launch_counts {    /* by the thread that called; rows, whatever their result */
		struct idmap by_tid;
		uint64_t *list;
		size_t n, cap;
	} launch_counts;
	uint32_t main_tid;        /* with the most of them; 0: there were none */
	struct pass_table passes; /* empty until passes_find() */

	struct tally kernel, graph_run, launch, memset;
	struct tally_set memcpy, sync, overhead; /* by copy kind, sync type, overhead kind */
	uint64_t graph_launches; /* host calls */
	uint64_t launch_errors;
	uint64_t contexts, streams;
	uint64_t unknown_rows;   /* of kinds newer than this build */
	uint64_t lost_by[LOST_REASON_COUNT]; /* by enum lost_reason */
	uint64_t lost_other;     /* by reasons newer than this build */
	uint64_t lost;           /* the largest of the counts the trace gives */
	uint64_t end[END_N];     /* the last END record, when status.ended */
	struct reader_status status;
};

struct names;
struct origin_verdict;

/*
 * Reads a trace to its end. 0, or TRACE_E_IO / _NOMEM with what was read so far
 * in *ret. progress (may be NULL) is called now and then with rows read.
 */
int process_read(struct process *ret, struct reader *r, const char *file, struct names *names,
		 void (*progress)(void *arg, uint64_t rows), void *arg);
void process_release(struct process *p);

/* NULL when the trace does not have the key. *ret_len may be NULL. */
const char *process_info(const struct process *p, const char *key, size_t *ret_len);
/* Text of a string id; the definition may be lost: then "?<id>" in buf. */
const char *process_string(const struct process *p, const struct names *names, uint64_t id,
			   char buf[24]);
/* NULL: the thread has no name. */
const char *process_thread_name(const struct process *p, const struct names *names, uint64_t tid);
/* True: modules were seen at the driver's entry points, without CUPTI (level churn). */
bool process_by_entry_points(const struct process *p);
/* "full", "partial" or "none", and why (never NULL, may be empty). */
const char *process_gpu_records(const struct process *p, const char **ret_reason);
/* CLOCK_MONOTONIC of the process's host. */
uint64_t process_time(const struct process *p, uint64_t realtime);
/* GPU records without usable times. */
uint64_t process_invalid(const struct process *p);
uint64_t process_graph_launches(const struct process *p);
const char *process_end_name(enum process_end end);

#endif
