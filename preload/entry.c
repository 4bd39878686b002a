/*
 * entry: how the tracer enters and leaves a host process.
 *
 * The constructor runs in every child of a traced command (sh, ptxas, gcc): it only
 * sets the injection variable. All else starts when the CUDA driver calls
 * InitializeInjection() inside cuInit. A failure anywhere below ends in
 * tracer_disable(), never in exit.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cupti/emit.h"
#include "cupti/entry_points.h"
#include "cupti/session.h"
#include "preload/children.h"
#include "preload/compilers.h"
#include "preload/log.h"
#include "preload/nvtx.h"
#include "preload/options.h"
#include "preload/output.h"
#include "preload/process.h"
#include "preload/stack.h"
#include "preload/threads.h"
#include "preload/tracer.h"
#include "trace/err.h"
#include "trace/journal.h"
#include "trace/options.h"
#include "trace/writer.h"

#define INJECTION_VARIABLE "CUDA_INJECTION64_PATH"

/*
 * Share of the memory limit for the journal and for CUPTI's buffers; the rest is the writer's
 * (WRITER_MEMORY) and the tables of names. A larger journal outlasts a slower disk, a
 * larger pool a slower writer: both are tight at about the same rate with these.
 */
#define JOURNAL_SHARE(bytes) ((bytes) / 4)
#define POOL_SHARE(bytes)    ((bytes) * 3 / 8)

enum tracer_state { TRACER_OFF, TRACER_LOADED, TRACER_ON, TRACER_ENDING, TRACER_ENDED };
static _Atomic int state = TRACER_OFF;
static pid_t owner; /* the process that is traced: not its vforked children */

static struct tracer_options options;
static struct output output;
static struct journal journal = JOURNAL_INIT;
static struct writer *writer;
static char self_path[OPTIONS_PATH_MAX];

/* The one place that gives up. Sticky: nothing turns the tracer back on in this process. */
static void tracer_disable(enum log_level level, const char *why, int error)
{
	emit_stop();
	atomic_store(&state, TRACER_ENDED);
	log_at(level, "tracing is off for this process: %s (errno=%d)", why, error);
}

static void trace_stopped(int error)
{
	atomic_store(&journal.header->stop_errno, (uint32_t)error);
	tracer_disable(LOG_LEVEL_ERR,
		       error == EFBIG ? "the trace reached JITNESS_MAX_SIZE"
				      : "the trace cannot be written; free some space or choose another JITNESS_OUT",
		       error);
}

static void after_fork_child(void)
{
	/* A context of the parent is unusable here, and so are its trace and its threads. */
	if (atomic_load(&state) >= TRACER_ON)
		atomic_store(&state, TRACER_ENDED);
	nvtx_forked();
}

bool tracer_running(void)
{
	return atomic_load(&state) == TRACER_ON && getpid() == owner;
}

void tracer_finish(enum end_reason reason, int status)
{
	int saved_errno = errno;
	int on = TRACER_ON;

	if (tracer_running() && atomic_compare_exchange_strong(&state, &on, TRACER_ENDING)) {
		nvtx_finish();
		threads_finish(reason, status);
		/* After an exec that failed the process goes on, and so does its trace. */
		on = TRACER_ENDING;
		atomic_compare_exchange_strong(&state, &on,
					       reason == END_BY_EXEC ? TRACER_ON : TRACER_ENDED);
	}
	errno = saved_errno;
}

static void at_exit(int status, void *unused)
{
	(void)unused;
	tracer_finish(END_BY_EXIT, status & 0xff);
}

static void at_quick_exit_(void)
{
	tracer_finish(END_BY_QUICK, -1);
}

/* Another tool's library that the user had asked for: it starts first, and may take CUPTI. */
static void start_chained(void)
{
	const char *other = secure_getenv(option_row_of(OPTION_CHAIN_ID)->env);
	int (*initialize)(void);
	void *lib;

	if (!other || !*other)
		return;
	lib = dlopen(other, RTLD_NOW | RTLD_LOCAL);
	*(void **)&initialize = lib ? dlsym(lib, "InitializeInjection") : NULL;
	if (initialize)
		initialize();
	emit_note(NOTE_IS_INFO, "%s was set to another tool, which %s", INJECTION_VARIABLE,
		  initialize ? "was started first" : "could not be opened");
}

static int open_files(uint64_t start_ns)
{
	int err;

	if (output_open(&output, options.out, start_ns, options.redact))
		return -1;
	err = journal_create(&journal, output.dirfd, output.journal,
			     JOURNAL_SHARE(options.memory_bytes));
	if (err)
		goto close_output;
	err = writer_open(&writer, output.dirfd, output.trace, (uint32_t)getpid(), start_ns,
			  options.max_bytes);
	if (err)
		goto remove_journal;
	return 0;

remove_journal:
	err = errno;
	journal_release(&journal);
	unlinkat(output.dirfd, output.journal, 0);
	errno = err;
close_output:
	err = errno;
	output_close(&output);
	errno = err;
	return -1;
}

static void tracer_start(void)
{
	struct cupti_config cupti = {
		.level = options.level,
		.library = options.cupti[0] ? options.cupti : NULL,
		.pool_bytes = POOL_SHARE(options.memory_bytes),
		.redact = options.redact,
		.wake = threads_wake,
		.stack = options.stacks == STACKS_OFF ? NULL : stack_take,
		.entry_points = entry_points_follow(),
	};
	struct cupti_fail fail = { .call = "" };
	uint64_t start_ns = emit_now();

	if (open_files(start_ns)) {
		tracer_disable(LOG_LEVEL_ERR, "the output directory (JITNESS_OUT) cannot be written",
			       errno);
		return;
	}
	if (emit_start(&journal)) {
		tracer_disable(LOG_LEVEL_ERR, "no thread-local storage is left", errno);
		goto close_files;
	}
	owner = getpid();
	process_describe(options.level, start_ns, options.redact);
	stack_start(options.stacks, options.redact);
	compilers_started(options.stacks != STACKS_OFF);
	start_chained();
	if (cupti_start(&cupti, &fail) != GPU_RECORDS_FULL && !cupti.entry_points)
		log_warn("GPU records are missing: %s (%d) %s", fail.call, fail.code, fail.detail);
	if (threads_start(&(struct threads_config){ .journal = &journal,
						    .writer = writer,
						    .output = &output,
						    .flush_ms = options.flush_ms,
						    .stopped = trace_stopped })) {
		/* CUPTI may hold our callbacks and buffers: everything stays mapped. */
		tracer_disable(LOG_LEVEL_ERR, "no thread can be started", errno);
		return;
	}
	atomic_store(&state, TRACER_ON);
	/* Registered inside cuInit: runs before the driver's own, with the GPU still there. */
	if (on_exit(at_exit, NULL) || at_quick_exit(at_quick_exit_))
		log_warn("no exit handler can be registered; the end of the trace comes from the journal");
	log_dbg("tracing to %s/%s", options.out, output.trace);
	return;

close_files:
	writer_close(writer);
	journal_release(&journal);
	unlinkat(output.dirfd, output.journal, 0);
	unlinkat(output.dirfd, output.trace, 0);
	output_close(&output);
}

/* Called by the CUDA driver when CUDA_INJECTION64_PATH names this library. */
__attribute__((visibility("default"))) int InitializeInjection(void);
int InitializeInjection(void)
{
	int saved_errno = errno;
	int loaded = TRACER_LOADED;

	if (emit_enter()) {
		/* ENDING while it starts: an exit in another thread has nothing to finish yet. */
		if (atomic_compare_exchange_strong(&state, &loaded, TRACER_ENDING))
			tracer_start();
		emit_leave();
	}
	errno = saved_errno;
	return 1; /* 0 makes the driver report a failed injection */
}

/* The path under which the driver can open this very file again. */
static bool find_self(void)
{
	char path[4096];
	Dl_info info;

	if (!dladdr((void *)InitializeInjection, &info) || !info.dli_fname ||
	    !realpath(info.dli_fname, path) || strlen(path) >= sizeof(self_path))
		return false;
	strcpy(self_path, path);
	return true;
}

static void set_injection(void)
{
	const char *other = secure_getenv(INJECTION_VARIABLE);

	if (other && *other && strcmp(other, self_path))
		setenv(option_row_of(OPTION_CHAIN_ID)->env, other, 1);
	setenv(INJECTION_VARIABLE, self_path, 1);
}

__attribute__((constructor)) static void tracer_load(void)
{
	int saved_errno = errno;

	options_read(&options);
	if (!options.out[0]) {
		log_warn("JITNESS_OUT is not set: nothing is traced");
	} else if (!find_self() || pthread_atfork(NULL, NULL, after_fork_child)) {
		log_err("tracing is off for this process: the library cannot find itself");
	} else {
		set_injection();
		/* Level churn has no use for CUPTI, whose presence alone slows graph replays down. */
		if (options.level == LEVEL_CHURN && options.dlsym)
			entry_points_load();
		compilers_load(options.dlsym, options.redact);
		if (options.nvtx != NVTX_OFF)
			nvtx_load(self_path, options.nvtx == NVTX_ALL, options.redact);
		children_load(options.out, options.redact);
		atomic_store(&state, TRACER_LOADED);
	}
	errno = saved_errno;
}
