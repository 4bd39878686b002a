#include "cupti/emit.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "trace/journal.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

#define EMIT_PAGE    4096
#define EMIT_STRIPES 63
#define NOTE_MAX     480
#define INFO_STACK   1024

/*
 * What a forked child must not inherit. The kernel fills this page with zeros
 * in the child of any fork or clone without CLONE_VM, also of a raw system
 * call that no pthread_atfork handler sees: the child then reads on == false.
 */
struct emit_shared {
	_Atomic uint32_t on;
	_Atomic uint32_t owner; /* this process image called emit_start() */
	uint8_t pad[56];
	/* Launches are counted by thread id: a line of its own for most threads. */
	struct {
		_Atomic uint64_t launches;
		uint8_t pad[56];
	} stripe[EMIT_STRIPES];
};
_Static_assert(sizeof(struct emit_shared) == EMIT_PAGE, "one page, or the wipe misses some");

static struct emit_shared emit_nothing; /* stays zero: off until emit_start() */
static struct emit_shared *shared = &emit_nothing;
static struct journal *journal;
static uint32_t epoch; /* +1 for each emit_start(): a child's lanes are not the parent's */
static pthread_key_t exit_key;
static bool exit_key_made;

/* Small on purpose: initial-exec TLS comes out of a fixed surplus when we are dlopened. */
struct emit_lane {
	struct journal_lane lane;
	uint32_t epoch;
	uint32_t tid;
	uint8_t inside;  /* emit_enter() */
	uint8_t writing; /* a signal handler must not append into a half-written row */
	uint8_t armed;   /* the thread-exit destructor will run */
};
static __thread struct emit_lane lane_tls;

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t emit_now(void)
{
	return clock_ns(CLOCK_REALTIME);
}

bool emit_on(void)
{
	/* Pairs with the release in emit_start(): journal and epoch are visible. */
	return atomic_load_explicit(&shared->on, memory_order_acquire) != 0;
}

/*
 * Runs while the thread ends. A later destructor of the host may still use CUDA:
 * armed = false makes the next row arm the key again (glibc makes four rounds).
 */
static void lane_exit(void *arg)
{
	struct emit_lane *l = arg;

	l->armed = 0;
	if (l->epoch != epoch || !atomic_load_explicit(&shared->owner, memory_order_relaxed))
		return; /* the lane's chunk is the parent's, not ours */
	journal_lane_release(&l->lane);
}

/* Where the kernel cannot wipe (before 4.14, gVisor): forks that libc knows of. */
static void child_off(void)
{
	atomic_store_explicit(&shared->on, 0, memory_order_relaxed);
	atomic_store_explicit(&shared->owner, 0, memory_order_relaxed);
}

int emit_start(struct journal *j)
{
	struct emit_shared *page = shared;

	if (page == &emit_nothing) {
		page = mmap(NULL, EMIT_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
		if (page == MAP_FAILED)
			return -1;
		if (madvise(page, EMIT_PAGE, MADV_WIPEONFORK))
			(void)pthread_atfork(NULL, NULL, child_off);
	}
	/*
	 * As early as possible in the process: pthread_setspecific() allocates for
	 * keys from 32 on, and that would happen on the host's threads.
	 */
	if (!exit_key_made)
		exit_key_made = pthread_key_create(&exit_key, lane_exit) == 0;
	journal = j;
	epoch++;
	shared = page;
	atomic_store_explicit(&page->owner, 1, memory_order_relaxed);
	atomic_store_explicit(&page->on, 1, memory_order_release);
	return 0;
}

void emit_stop(void)
{
	if (shared != &emit_nothing)
		atomic_store_explicit(&shared->on, 0, memory_order_release);
}

static void lane_announce(struct emit_lane *l)
{
	char name[16] = "";
	uint64_t field[THREAD_N];

	prctl(PR_GET_NAME, (unsigned long)name, 0, 0, 0);
	field[THREAD_TIME] = emit_now();
	field[THREAD_TID] = l->tid;
	journal_append(journal, &l->lane, l->tid, EVENT_THREAD, field, THREAD_N, name,
		       strnlen(name, sizeof(name)));
}

static void lane_open(struct emit_lane *l)
{
	int saved_errno = errno;

	if (l->epoch != epoch) {
		/* First row of this thread, or the chunk belongs to the parent of a fork. */
		memset(&l->lane, 0, sizeof(l->lane));
		l->epoch = epoch;
		l->tid = (uint32_t)syscall(SYS_gettid);
		l->armed = 0;
		lane_announce(l);
	}
	if (!l->armed) {
		l->armed = 1;
		if (exit_key_made)
			(void)pthread_setspecific(exit_key, l);
	}
	errno = saved_errno;
}

bool emit(enum event_kind kind, const uint64_t *fields, unsigned n_fields, const void *blob,
	  size_t blob_len)
{
	struct emit_lane *l = &lane_tls;
	bool ok;

	if (!emit_on())
		return false;
	if (l->writing) {
		journal_lost(journal, LOST_BY_JOURNAL, 1);
		return false;
	}
	l->writing = 1;
	atomic_signal_fence(memory_order_seq_cst);
	if (l->epoch != epoch || !l->armed)
		lane_open(l);
	ok = journal_append(journal, &l->lane, l->tid, kind, fields, n_fields, blob, blob_len);
	atomic_signal_fence(memory_order_seq_cst);
	l->writing = 0;
	if (kind == EVENT_LAUNCH && ok)
		atomic_fetch_add_explicit(&shared->stripe[l->tid % EMIT_STRIPES].launches, 1,
					  memory_order_relaxed);
	return ok;
}

bool emit_whole(struct journal_place *ret, enum event_kind kind, const uint64_t *fields,
		unsigned n_fields)
{
	bool ok = emit(kind, fields, n_fields, NULL, 0);

	*ret = ok ? journal_last(&lane_tls.lane, journal_row_bytes(n_fields, 0)) :
		    (struct journal_place){ 0 };
	return ok;
}

bool emit_repeat(const struct journal_place *of, enum event_kind kind, const uint64_t *fields,
		 unsigned n_own)
{
	struct emit_lane *l = &lane_tls;
	bool ok;

	if (!emit_on() || l->writing || l->epoch != epoch || !l->armed)
		return false;
	l->writing = 1;
	atomic_signal_fence(memory_order_seq_cst);
	ok = journal_repeat(&l->lane, of, kind, fields, n_own);
	atomic_signal_fence(memory_order_seq_cst);
	l->writing = 0;
	return ok;
}

uint64_t emit_launches(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < EMIT_STRIPES; i++)
		sum += atomic_load_explicit(&shared->stripe[i].launches, memory_order_relaxed);
	return sum;
}

void emit_lost(enum lost_reason reason, uint64_t count)
{
	uint64_t field[LOST_N];

	if (!count || !emit_on())
		return;
	journal_lost(journal, reason, count);
	field[LOST_TIME] = emit_now();
	field[LOST_REASON] = reason;
	field[LOST_COUNT] = count;
	emit(EVENT_LOST, field, LOST_N, NULL, 0);
}

void emit_note(enum note_code code, const char *fmt, ...)
{
	char text[NOTE_MAX];
	uint64_t field[NOTE_N];
	int saved_errno = errno;
	va_list ap;
	int n;

	if (!emit_on())
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0)
		n = 0;
	if (n > (int)sizeof(text) - 1)
		n = (int)sizeof(text) - 1;
	field[NOTE_TIME] = emit_now();
	field[NOTE_CODE] = code;
	emit(EVENT_NOTE, field, NOTE_N, text, (size_t)n);
	errno = saved_errno;
}

void emit_info(const char *key, const void *value, size_t value_len)
{
	char small[INFO_STACK];
	char *pair = small;
	size_t key_len = strlen(key) + 1;
	uint64_t field[INFO_N];
	int saved_errno = errno;
	size_t len;

	if (!emit_on() || key_len > sizeof(small))
		return;
	if (value_len > EVENT_BLOB_MAX - key_len)
		value_len = EVENT_BLOB_MAX - key_len;
	len = key_len + value_len;
	if (len > sizeof(small)) {
		pair = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (pair == MAP_FAILED) {
			emit_lost(LOST_BY_MEMORY, 1);
			errno = saved_errno;
			return;
		}
	}
	memcpy(pair, key, key_len);
	if (value_len)
		memcpy(pair + key_len, value, value_len);
	field[INFO_TIME] = emit_now();
	emit(EVENT_INFO, field, INFO_N, pair, len);
	if (pair != small)
		munmap(pair, len);
	errno = saved_errno;
}

bool emit_enter(void)
{
	if (lane_tls.inside)
		return false;
	lane_tls.inside = 1;
	atomic_signal_fence(memory_order_seq_cst);
	return true;
}

void emit_leave(void)
{
	atomic_signal_fence(memory_order_seq_cst);
	lane_tls.inside = 0;
}
