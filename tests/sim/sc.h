/*
 * sc: the inside of the simulated libcupti. State that CUPTI keeps per process and per
 * thread, and the counters that end up in JITNESS_SIM_REPORT.
 *
 * Locks: a thread's buffer has its own; no lock is held while a callback of the client
 * runs (the real CUPTI is less kind, and says so).
 */
#ifndef JITNESS_SIM_SC_H
#define JITNESS_SIM_SC_H

#include <cupti.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/clock.h"
#include "tests/sim/knobs.h"
#include "tests/sim/link.h"

enum { SC_KINDS = 64 };

/* What a client did that the real CUPTI forbids or punishes. */
#define SC_VIOLATIONS(X)                                                             \
	X(flush_in_resource_callback)                                                \
	X(flush_in_buffer_callback)                                                  \
	X(call_in_forked_child)                                                      \
	X(buffer_not_zeroed)                                                         \
	X(buffer_misaligned)                                                         \
	X(null_buffer_before_12_9)                                                   \
	X(per_thread_after_register)                                                 \
	X(thread_id_type_changed)

enum sc_violation {
#define X(name) SC_V_##name,
	SC_VIOLATIONS(X)
#undef X
	SC_V_COUNT
};

enum { SC_RECORD_MAX = sizeof(CUpti_ActivityKernel10) };

/* A record whose GPU work may still be going on. */
struct sc_pending {
	uint64_t end_ns;
	uint32_t kind;
	uint8_t data[SC_RECORD_MAX] __attribute__((aligned(8)));
};

/* Per thread, never freed: counters are read when the process ends. */
struct sc_thread {
	struct sc_thread *next;
	pthread_mutex_t lock;            /* of all but the counters */
	uint8_t *buffer;
	size_t size, used, records, max_records;
	struct sc_pending *pending;      /* ring; n_slots is a power of two */
	size_t n_slots, head, n_pending;
	uint32_t tid;
	_Atomic uint64_t written[SC_KINDS];
	_Atomic uint64_t callbacks[CUPTI_CB_DOMAIN_SIZE];
};

struct sc_state {
	_Atomic(CUpti_CallbackFunc) callback;
	void *userdata;
	char name[64];
	_Atomic(CUpti_BuffersCallbackRequestFunc) requested;
	_Atomic(CUpti_BuffersCallbackCompleteFunc) completed;
	_Atomic bool is_zeroed, is_per_thread, has_system_tid, is_registered;
	_Atomic uint64_t dropped, dropped_total, flushes, forced_flushes;
	_Atomic uint64_t buffers_requested, buffers_completed, flush_buffers;
	_Atomic uint64_t delivered[SC_KINDS];
	_Atomic uint64_t violations[SC_V_COUNT];
};

extern struct sc_state sc;
extern __thread int sc_in_resource, sc_in_buffer;

/* --- sc_link.c: the simulated driver behind us */
struct sim_link *sc_link(void);          /* NULL: no simulated libcuda.so.1 is loaded */
/* What every stateful call begins with; forced errors of JITNESS_SIM_FAIL included. */
CUptiResult sc_enter(const char *function, long kind);
CUptiResult sc_enter_activity(const char *function, long kind); /* another copy owns it: 39 */
bool sc_take_ownership(void);
void sc_violation(enum sc_violation v);
uint32_t sc_tid(void);
struct sc_thread *sc_thread(void);
bool sc_api_since(uint64_t version);     /* false: this symbol is too new for the skew */
extern struct sc_thread *sc_threads;     /* list; under sc_threads_lock */
extern pthread_mutex_t sc_threads_lock;

static inline void sc_bump(_Atomic uint64_t *counter)
{
	/* One writer per counter: no locked instruction is needed. */
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

/* --- sc_layout.c: record sizes of the version that we pretend to be */
size_t layout_stride(uint32_t kind);     /* 0: no such record */
bool layout_is_kind(uint32_t kind);      /* can be enabled */
size_t layout_end_offset(uint32_t kind); /* of the end time of GPU work, 0: none */

/* --- sc_buffer.c */
/* Copies the record, cut to its stride, into this thread's buffer. */
void buffer_put(const void *record, uint32_t kind, uint64_t end_ns);
void buffer_thread_ends(struct sc_thread *thread);
void buffer_flush(bool is_forced);       /* waits for CUPTI's thread to have done it */
void buffer_flush_period(uint32_t ms);

/* --- sc_record.c, sc_callback.c: what libcuda calls */
void record_op(const struct sim_op *op);
void record_jit(const struct sim_jit *jit);
void record_sync(const struct sim_sync *sync);
void record_overhead(const struct sim_overhead *overhead);
void record_context(const struct sim_context_info *info);
void record_stream(const struct sim_stream_info *info);
void record_api(const struct sim_api_call *call);
void callback_api(struct sim_api_call *call, int site);
void callback_resource(uint32_t cbid, void *context, void *stream, void *descriptor);
void callback_synchronized(uint32_t cbid, void *context, void *stream);

/* --- sc_report.c */
void report_write(void);

#define SC_EXPORT __attribute__((visibility("default")))

#endif
