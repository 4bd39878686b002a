/*
 * Activity buffers, as the real CUPTI was seen to handle them: asked for on the
 * application's thread; a record enters one when its GPU work is over; handed back by
 * CUPTI's own thread, when full, when its thread ends, or when somebody flushes (who
 * waits). A flush also hands back buffers that are not full; work still going on stays
 * behind, except that a forced flush delivers it with end = 0.
 */
#include "tests/sim/sc.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct full {
	struct full *next;
	uint8_t *buffer;
	size_t size, used;
	uint64_t before_flush;     /* the flush that must wait for this one */
};

static pthread_mutex_t worker_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t worker_cond = PTHREAD_COND_INITIALIZER;
static pthread_cond_t flushed_cond = PTHREAD_COND_INITIALIZER;
static struct full *full_first, **full_last = &full_first;   /* under worker_lock, as below */
static uint64_t flush_wanted, flush_done;
static bool flush_is_forced;
static uint32_t period_ms;
static bool has_worker;
static struct sc_thread shared = { .lock = PTHREAD_MUTEX_INITIALIZER }; /* PER_THREAD = 0 */

/* --- handing back: on CUPTI's thread only */
static void buffer_deliver(struct full *f)
{
	CUpti_BuffersCallbackCompleteFunc completed = atomic_load(&sc.completed);

	for (size_t at = 0; at < f->used;) {
		uint32_t kind = *(const uint32_t *)(f->buffer + at);

		atomic_fetch_add_explicit(&sc.delivered[kind], 1, memory_order_relaxed);
		at += layout_stride(kind);
	}
	atomic_fetch_add(&sc.buffers_completed, 1);
	sc_in_buffer++;
	if (completed)
		completed(NULL, 0, f->buffer, f->size, f->used);
	sc_in_buffer--;
	free(f);
}

static struct full *full_new(struct sc_thread *t)
{
	struct full *f = malloc(sizeof(*f));

	if (!f)
		abort();
	*f = (struct full){ NULL, t->buffer, t->size, t->used, 0 };
	t->buffer = NULL;
	return f;
}

static void full_queue(struct full *f)
{
	pthread_mutex_lock(&worker_lock);
	f->before_flush = flush_wanted;
	*full_last = f;
	full_last = &f->next;
	pthread_cond_signal(&worker_cond);
	pthread_mutex_unlock(&worker_lock);
}

/* --- asking for one */
static bool buffer_is_zero(const uint8_t *buffer, size_t size)
{
	return !size || (!*buffer && !memcmp(buffer, buffer + 1, size - 1));
}

static void worker_start(void);

/* A buffer from the client; no lock of ours is held. False: none to be had. */
static bool buffer_request(uint8_t **ret, size_t *ret_size, size_t *ret_max)
{
	CUpti_BuffersCallbackRequestFunc requested = atomic_load(&sc.requested);

	*ret = NULL;
	*ret_size = 0;
	*ret_max = 0;
	if (!requested)
		return false;
	worker_start();
	atomic_fetch_add(&sc.buffers_requested, 1);
	sc_in_buffer++;
	requested(ret, ret_size, ret_max);
	sc_in_buffer--;
	if (!*ret) {
		if (!sc_api_since(27))
			sc_violation(SC_V_null_buffer_before_12_9);
		return false;
	}
	if ((uintptr_t)*ret % 8) {
		sc_violation(SC_V_buffer_misaligned);
		return false;
	}
	if (!atomic_load_explicit(&sc.is_zeroed, memory_order_relaxed))
		memset(*ret, 0, *ret_size);
	else if (!buffer_is_zero(*ret, *ret_size))
		sc_violation(SC_V_buffer_not_zeroed);
	return *ret_size >= SC_RECORD_MAX;
}

static bool buffer_has_room(const struct sc_thread *t, size_t stride)
{
	return t->buffer && t->size - t->used >= stride &&
	       (!t->max_records || t->records < t->max_records);
}

static void buffer_append(struct sc_thread *t, const void *record, size_t stride)
{
	memcpy(t->buffer + t->used, record, stride);
	t->used += stride;
	t->records++;
}

/* --- pending records; the thread's lock is held */
static struct sc_pending *pending_at(struct sc_thread *t, size_t i)
{
	return &t->pending[(t->head + i) & (t->n_slots - 1)];
}

/* In order, up to the first whose work goes on, or until the buffer is full. */
static void pending_settle(struct sc_thread *t, uint64_t now)
{
	while (t->n_pending) {
		struct sc_pending *p = pending_at(t, 0);
		size_t stride = layout_stride(p->kind);

		if (p->end_ns > now || !buffer_has_room(t, stride))
			return;
		buffer_append(t, p->data, stride);
		t->head++;
		t->n_pending--;
	}
}

/* All that is over, in any order; with is_forced the rest too, without its end. */
static void pending_settle_all(struct sc_thread *t, uint64_t now, bool is_forced)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->n_pending; i++) {
		struct sc_pending *p = pending_at(t, i);
		size_t stride = layout_stride(p->kind);

		if ((p->end_ns > now && !is_forced) || !buffer_has_room(t, stride)) {
			if (kept != i)
				*pending_at(t, kept) = *p;
			kept++;
			continue;
		}
		if (p->end_ns > now)
			memset(p->data + layout_end_offset(p->kind), 0, sizeof(uint64_t));
		buffer_append(t, p->data, stride);
	}
	t->n_pending = kept;
}

static bool pending_waits(struct sc_thread *t, uint64_t now, bool is_forced)
{
	for (size_t i = 0; i < t->n_pending; i++)
		if (is_forced || pending_at(t, i)->end_ns <= now)
			return true;
	return false;
}

static void pending_grow(struct sc_thread *t)
{
	size_t n_slots = t->n_slots ? 2 * t->n_slots : 64;
	struct sc_pending *more = malloc(n_slots * sizeof(*more));

	if (!more)
		abort();
	for (size_t i = 0; i < t->n_pending; i++)
		more[i] = *pending_at(t, i);
	free(t->pending);
	t->pending = more;
	t->n_slots = n_slots;
	t->head = 0;
}

static void pending_push(struct sc_thread *t, const void *record, uint32_t kind, uint64_t end_ns)
{
	struct sc_pending *p;

	if (t->n_pending == t->n_slots)
		pending_settle_all(t, clock_now(), false);
	if (t->n_pending == t->n_slots)
		pending_grow(t);
	p = pending_at(t, t->n_pending++);
	p->kind = kind;
	p->end_ns = end_ns;
	memcpy(p->data, record, layout_stride(kind));
}

/* CUPTI tells of its own cost; the record goes into the new buffer itself. */
static void buffer_append_overhead(struct sc_thread *t, uint64_t start_ns, uint32_t correlation)
{
	CUpti_ActivityOverhead3 o = {
		.kind = CUPTI_ACTIVITY_KIND_OVERHEAD,
		.overheadKind = CUPTI_ACTIVITY_OVERHEAD_ACTIVITY_BUFFER_REQUEST,
		.objectKind = CUPTI_ACTIVITY_OBJECT_THREAD, .start = start_ns,
		.correlationId = correlation,
	};
	uint64_t wants = atomic_load(&sc_link()->want_activity);
	size_t stride = layout_stride(CUPTI_ACTIVITY_KIND_OVERHEAD);

	if (!(wants >> CUPTI_ACTIVITY_KIND_OVERHEAD & 1) || !buffer_has_room(t, stride))
		return;
	o.objectId.pt.processId = (uint32_t)getpid();
	o.objectId.pt.threadId = sc_tid();
	o.end = clock_now();
	buffer_append(t, &o, stride);
	sc_bump(&sc_thread()->written[CUPTI_ACTIVITY_KIND_OVERHEAD]);
}

/* A fresh buffer for the thread; a full one goes to the queue. False: none to be had. */
static bool buffer_renew(struct sc_thread *t)
{
	uint64_t start = clock_now();
	struct full *f = NULL;
	size_t size, max;
	uint8_t *buffer;

	if (!buffer_request(&buffer, &size, &max))
		return false;
	pthread_mutex_lock(&t->lock);
	if (t->buffer)
		f = full_new(t);
	t->buffer = buffer;
	t->size = size;
	t->max_records = max;
	t->used = t->records = 0;
	buffer_append_overhead(t, start, sc_link()->correlation());
	pthread_mutex_unlock(&t->lock);
	if (f)
		full_queue(f);
	return true;
}

/* --- taking a record */
static bool buffer_is_to_be_dropped(void)
{
	static _Atomic uint64_t count;

	return sim_knobs.drop && (atomic_fetch_add(&count, 1) + 1) % sim_knobs.drop == 0;
}

void buffer_put(const void *record, uint32_t kind, uint64_t end_ns)
{
	bool own = atomic_load_explicit(&sc.is_per_thread, memory_order_relaxed);
	struct sc_thread *t = own ? sc_thread() : &shared;
	bool has_room;

	if (buffer_is_to_be_dropped())
		goto drop;
	pthread_mutex_lock(&t->lock);
	pending_settle(t, clock_now());
	has_room = buffer_has_room(t, SC_RECORD_MAX);
	pthread_mutex_unlock(&t->lock);
	if (!has_room && !buffer_renew(t))
		goto drop;
	pthread_mutex_lock(&t->lock);
	pending_push(t, record, kind, end_ns);
	pending_settle(t, clock_now());
	pthread_mutex_unlock(&t->lock);
	sc_bump(&sc_thread()->written[kind]);
	return;
drop:
	atomic_fetch_add(&sc.dropped, 1);
	atomic_fetch_add(&sc.dropped_total, 1);
}

void buffer_thread_ends(struct sc_thread *t)
{
	struct full *f = NULL;

	pthread_mutex_lock(&t->lock);
	pending_settle_all(t, clock_now(), false);
	if (t->buffer && t->used)
		f = full_new(t);
	pthread_mutex_unlock(&t->lock);
	if (f)
		full_queue(f);
}

/* --- CUPTI's thread */
static void flush_thread(struct sc_thread *t, bool is_forced)
{
	struct full *f;
	bool waits;

	do {
		uint64_t now = clock_now();

		f = NULL;
		pthread_mutex_lock(&t->lock);
		pending_settle_all(t, now, is_forced);
		waits = pending_waits(t, now, is_forced);
		if (t->buffer && t->used)
			f = full_new(t);
		pthread_mutex_unlock(&t->lock);
		if (f) {
			atomic_fetch_add(&sc.flush_buffers, 1);
			buffer_deliver(f);
		}
	} while (waits && buffer_renew(t));
}

static void flush_all(bool is_forced)
{
	struct sc_thread *t;

	pthread_mutex_lock(&sc_threads_lock);
	t = sc_threads;
	pthread_mutex_unlock(&sc_threads_lock);
	for (; t; t = t->next)
		flush_thread(t, is_forced);
	flush_thread(&shared, is_forced);
}

static struct full *full_take(void)
{
	struct full *f = full_first;

	if (f) {
		full_first = f->next;
		if (!full_first)
			full_last = &full_first;
	}
	return f;
}

static void *buffer_worker(void *unused)
{
	uint64_t last_flush = clock_now();

	(void)unused;
	pthread_mutex_lock(&worker_lock);
	for (;;) {
		uint64_t ticket = flush_wanted, now = clock_now();
		bool is_forced = flush_is_forced;
		bool is_due = period_ms && now >= last_flush + period_ms * 1000000ull;
		struct full *f = full_first;

		/* Buffers that became full after the call for a flush do not delay it. */
		f = f && (ticket == flush_done || f->before_flush < ticket) ? full_take() : NULL;
		if (!f && ticket == flush_done && !is_due) {
			uint64_t next = last_flush + period_ms * 1000000ull;
			struct timespec until = { (time_t)(next / 1000000000u),
						  (long)(next % 1000000000u) };

			if (period_ms)
				pthread_cond_timedwait(&worker_cond, &worker_lock, &until);
			else
				pthread_cond_wait(&worker_cond, &worker_lock);
			continue;
		}
		if (!f)
			flush_is_forced = false;
		pthread_mutex_unlock(&worker_lock);
		if (f) {
			/* What was full before a flush is delivered before it ends. */
			buffer_deliver(f);
			pthread_mutex_lock(&worker_lock);
			continue;
		}
		flush_all(is_forced);
		last_flush = clock_now();
		pthread_mutex_lock(&worker_lock);
		flush_done = ticket;
		pthread_cond_broadcast(&flushed_cond);
	}
	return NULL;
}

static void worker_start(void)
{
	sigset_t all, before;
	pthread_t thread;

	pthread_mutex_lock(&worker_lock);
	if (!has_worker) {
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
		has_worker = !pthread_create(&thread, NULL, buffer_worker, NULL);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		if (has_worker) {
			pthread_setname_np(thread, "sim-cupti");
			pthread_detach(thread);
		}
	}
	pthread_mutex_unlock(&worker_lock);
}

void buffer_flush(bool is_forced)
{
	uint64_t ticket;

	pthread_mutex_lock(&worker_lock);
	if (has_worker) {
		ticket = ++flush_wanted;
		flush_is_forced = flush_is_forced || is_forced;
		pthread_cond_signal(&worker_cond);
		while (flush_done < ticket)
			pthread_cond_wait(&flushed_cond, &worker_lock);
	}
	pthread_mutex_unlock(&worker_lock);
}

void buffer_flush_period(uint32_t ms)
{
	if (ms)
		worker_start();
	pthread_mutex_lock(&worker_lock);
	period_ms = ms;
	pthread_cond_signal(&worker_cond);
	pthread_mutex_unlock(&worker_lock);
}
