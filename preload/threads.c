#include "preload/threads.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cupti/emit.h"
#include "cupti/session.h"
#include "preload/log.h"
#include "preload/output.h"
#include "preload/process.h"
#include "preload/stack.h"
#include "trace/err.h"
#include "trace/journal.h"
#include "trace/writer.h"

/*
 * How often the writer looks at the journal on its own. At 1,000,000 launches/s the
 * threads append 50 MB/s: 16 MiB of journal last 300 ms, so 50 ms leaves room
 * for a slow disk; 20 wake-ups a second cost nothing measurable.
 */
#define WRITER_PERIOD_MS 50

/* Buffers decoded before frames are written: 16 of 64 KiB fill a twentieth of the journal. */
#define DRAIN_BUFFERS 16

/* What a process that ends waits for, twice at most: for CUPTI, then for the disk. */
#define FINISH_MS 2500

static struct threads_config cfg;

/* A word to sleep on: seq moves with every event, waiters compare. */
struct signal_word {
	_Atomic uint32_t seq;
	_Atomic uint32_t sleepers;
};
static struct signal_word flush_word, writer_word, done_word;

enum finish_step { FINISH_NONE, FINISH_ASKED, FINISH_FLUSHED, FINISH_DONE };
static _Atomic int finish_step = FINISH_NONE;
static enum end_reason finish_reason;
static int finish_status;

static void word_wake(struct signal_word *w)
{
	int saved_errno = errno;

	atomic_fetch_add(&w->seq, 1); /* pairs with the load before word_wait() */
	if (atomic_load(&w->sleepers))
		syscall(SYS_futex, &w->seq, FUTEX_WAKE_PRIVATE, 1 << 30, NULL, NULL, 0);
	errno = saved_errno;
}

/* Sleeps until seq differs from `seen` or ms have passed. */
static void word_wait(struct signal_word *w, uint32_t seen, unsigned ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	atomic_fetch_add(&w->sleepers, 1);
	if (atomic_load(&w->seq) == seen)
		syscall(SYS_futex, &w->seq, FUTEX_WAIT_PRIVATE, seen, &t, NULL, 0);
	atomic_fetch_sub(&w->sleepers, 1);
}

static uint64_t monotonic_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void *flush_main(void *unused)
{
	(void)unused;
	emit_enter(); /* for good: calls made by this thread are ours */
	for (;;) {
		uint32_t seen = atomic_load(&flush_word.seq);

		if (atomic_load(&finish_step) == FINISH_ASKED) {
			cupti_flush(true);
			process_clock();
			atomic_store(&finish_step, FINISH_FLUSHED);
			word_wake(&writer_word);
			continue;
		}
		word_wait(&flush_word, seen, cfg.flush_ms);
		if (atomic_load(&finish_step) != FINISH_ASKED) {
			cupti_flush(false);
			if (cupti_pending()) /* what was delivered until now survives SIGKILL */
				word_wake(&writer_word);
			process_clock();
			stack_poll();
		}
	}
	return NULL;
}

/* Everything that is there now. False: the trace cannot be written any more. */
static bool write_all(void)
{
	size_t buffers;
	long n;

	do {
		buffers = cupti_drain(DRAIN_BUFFERS);
		n = writer_pump(cfg.writer, cfg.journal, true);
	} while (n > 0 || (n == 0 && buffers));
	if (!n)
		return true;
	emit_stop();
	cfg.stopped(n == TRACE_E_FULL && errno == 0 ? EFBIG : errno);
	return false;
}

static void write_end(void)
{
	struct cupti_totals t;

	cupti_totals(&t);
	emit(EVENT_END,
	     (uint64_t[END_N]){
		     [END_TIME] = emit_now(),
		     [END_REASON] = finish_reason,
		     [END_STATUS] = (uint64_t)(int64_t)finish_status,
		     [END_LAUNCHES] = t.launches,
		     [END_KERNELS] = t.kernels,
		     [END_GRAPH_RUNS] = t.graph_runs,
		     [END_MODULES] = t.modules,
		     [END_JIT_COMPILES] = t.jit_compiles,
		     [END_LOST] = journal_lost_total(cfg.journal),
	     },
	     END_N, NULL, 0);
}

/* The last thing a process writes. The journal goes only when all of it is in the trace. */
static bool finish(void)
{
	if (!write_all())
		return false;
	write_end();
	if (finish_reason != END_BY_EXEC)
		emit_stop();
	if (!write_all())
		return false;
	unlinkat(cfg.output->dirfd, cfg.output->journal, 0);
	return true;
}

static void *writer_main(void *unused)
{
	bool writable = true;

	(void)unused;
	emit_enter();
	for (;;) {
		uint32_t seen = atomic_load(&writer_word.seq);

		if (atomic_load(&finish_step) == FINISH_FLUSHED) {
			if (writable)
				writable = finish();
			atomic_store(&finish_step, FINISH_DONE);
			word_wake(&done_word);
			continue;
		}
		if (!cupti_drain(DRAIN_BUFFERS))
			word_wait(&writer_word, seen, WRITER_PERIOD_MS);
		if (!writable)
			continue; /* buffers still go back to CUPTI; emit() is off */
		if (writer_pump(cfg.writer, cfg.journal, false) < 0)
			writable = write_all(); /* says why, once */
	}
	return NULL;
}

static int start_one(void *(*entry)(void *), const char *name)
{
	pthread_attr_t attr;
	pthread_t thread;
	int err;

	err = pthread_attr_init(&attr);
	if (err)
		return err;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	/* CUPTI's flush runs on it; the default may be tiny in hosts that set RLIMIT_STACK. */
	pthread_attr_setstacksize(&attr, 2u << 20);
	err = pthread_create(&thread, &attr, entry, NULL);
	pthread_attr_destroy(&attr);
	if (!err)
		pthread_setname_np(thread, name);
	return err;
}

int threads_start(const struct threads_config *config)
{
	sigset_t all, before;
	int err;

	cfg = *config;
	/* A host's signal handler must never run on our threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = start_one(writer_main, "jitness-write");
	if (!err) {
		err = start_one(flush_main, "jitness-flush");
		if (err) /* the writer alone is harmless: it looks and finds nothing */
			emit_stop();
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = err;
	return err ? -1 : 0;
}

void threads_wake(void)
{
	word_wake(&writer_word);
}

/* True when the step was reached before the deadline. */
static bool wait_for(enum finish_step step, uint64_t deadline)
{
	for (;;) {
		uint32_t seen = atomic_load(&done_word.seq);
		uint64_t now = monotonic_ms();

		if (atomic_load(&finish_step) >= (int)step)
			return true;
		if (now >= deadline)
			return false;
		word_wait(&done_word, seen, (unsigned)(deadline - now < 50 ? deadline - now : 50));
	}
}

bool threads_finish(enum end_reason reason, int status)
{
	int flushing = FINISH_ASKED;

	finish_reason = reason;
	finish_status = status;
	atomic_store(&finish_step, FINISH_ASKED);
	word_wake(&flush_word);
	if (!wait_for(FINISH_FLUSHED, monotonic_ms() + FINISH_MS)) {
		emit_note(NOTE_IS_TIMEOUT, "CUPTI did not return its last records in %d ms", FINISH_MS);
		log_warn("CUPTI did not return its last records in %d ms", FINISH_MS);
		/* Write what there is; the flush thread may still be inside CUPTI. */
		if (atomic_compare_exchange_strong(&finish_step, &flushing, FINISH_FLUSHED))
			word_wake(&writer_word);
	}
	if (!wait_for(FINISH_DONE, monotonic_ms() + FINISH_MS)) {
		log_warn("the last records could not be written in %d ms; they stay in the journal",
			 FINISH_MS);
		return false;
	}
	return true;
}
