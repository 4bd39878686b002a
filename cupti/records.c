#include "cupti/records.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "cupti/emit.h"
#include "cupti/names.h"
#include "cupti/shapes.h"
#include "trace/redact.h"

#define PATH_CUT 4096
#define AHEAD_BYTES 1024 /* another CPU wrote the buffer: each line comes from far away */

static struct {
	const struct layout *layout;
	layout_next_fn next;
	bool redact;
	uint64_t lost_names;  /* records whose kernel name did not fit into memory */
	uint64_t lost_layout; /* buffers or records that could not be walked */
} state;

/* Written by the drain thread only; read by whoever writes the END record. */
static _Atomic uint64_t kernels, graph_runs, jit_compiles;

/*
 * The order rule of the trace (a STRING before its first use) holds within one
 * lane. Should another thread drain, at exit say, it announces the names anew.
 */
static __thread char drain_identity;
static const void *drain_owner;

static void count(_Atomic uint64_t *n)
{
	atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

static void decode_kernel(const struct layout_record *r)
{
	const uint8_t *p = r->p;
	struct shape *shape = shapes_of(r);
	uint64_t f[KERNEL_N];

	if (!shapes_fresh(shape)) {
		bool full = false;

		shapes_name(shape, names_id(rec_ptr(p + KERNEL_REC_NAME), &full));
		state.lost_names += full;
	}
	f[KERNEL_START] = rec_u64(p + KERNEL_REC_START);
	f[KERNEL_END] = rec_u64(p + KERNEL_REC_END);
	f[KERNEL_CORR] = rec_u32(p + KERNEL_REC_CORR);
	if (emit_repeat(&shape->row, EVENT_KERNEL, f, KERNEL_NAME)) {
		count(&kernels);
		return;
	}
	f[KERNEL_NAME] = shape->name;
	f[KERNEL_DEVICE] = rec_u32(p + KERNEL_REC_DEVICE);
	f[KERNEL_CONTEXT] = rec_u32(p + KERNEL_REC_CONTEXT);
	f[KERNEL_STREAM] = rec_u32(p + KERNEL_REC_STREAM);
	f[KERNEL_GRID_X] = rec_u32(p + KERNEL_REC_GRID_X);
	f[KERNEL_GRID_Y] = rec_u32(p + KERNEL_REC_GRID_Y);
	f[KERNEL_GRID_Z] = rec_u32(p + KERNEL_REC_GRID_Z);
	f[KERNEL_BLOCK_X] = rec_u32(p + KERNEL_REC_BLOCK_X);
	f[KERNEL_BLOCK_Y] = rec_u32(p + KERNEL_REC_BLOCK_Y);
	f[KERNEL_BLOCK_Z] = rec_u32(p + KERNEL_REC_BLOCK_Z);
	f[KERNEL_STATIC_SHARED] = rec_u32(p + KERNEL_REC_STATIC_SHARED);
	f[KERNEL_DYNAMIC_SHARED] = rec_u32(p + KERNEL_REC_DYNAMIC_SHARED);
	f[KERNEL_REGISTERS] = rec_u16(p + KERNEL_REC_REGISTERS);
	f[KERNEL_LOCAL] = rec_u32(p + KERNEL_REC_LOCAL);
	f[KERNEL_GRAPH] = rec_tail_u32(r, KERNEL_REC_GRAPH);
	f[KERNEL_NODE] = rec_tail_u64(r, KERNEL_REC_NODE);
	f[KERNEL_LAUNCH_TYPE] = p[KERNEL_REC_LAUNCH_TYPE];
	if (emit_whole(&shape->row, EVENT_KERNEL, f, KERNEL_N))
		count(&kernels);
}

/* Plain and peer copies agree up to the stream. */
static void decode_memcpy(const struct layout_record *r)
{
	const uint8_t *p = r->p;
	bool peer = r->kind == CUPTI_ACTIVITY_KIND_MEMCPY2;
	uint64_t f[MEMCPY_N];

	f[MEMCPY_START] = rec_u64(p + MEMCPY_REC_START);
	f[MEMCPY_END] = rec_u64(p + MEMCPY_REC_END);
	f[MEMCPY_CORR] = rec_u32(p + (peer ? (int)PEER_REC_CORR : (int)MEMCPY_REC_CORR));
	f[MEMCPY_BYTES] = rec_u64(p + MEMCPY_REC_BYTES);
	f[MEMCPY_COPY_KIND] = p[MEMCPY_REC_KIND];
	f[MEMCPY_SRC_KIND] = p[MEMCPY_REC_SRC_KIND];
	f[MEMCPY_DST_KIND] = p[MEMCPY_REC_DST_KIND];
	f[MEMCPY_FLAGS] = p[MEMCPY_REC_FLAGS];
	f[MEMCPY_DEVICE] = rec_u32(p + MEMCPY_REC_DEVICE);
	f[MEMCPY_CONTEXT] = rec_u32(p + MEMCPY_REC_CONTEXT);
	f[MEMCPY_STREAM] = rec_u32(p + MEMCPY_REC_STREAM);
	f[MEMCPY_GRAPH] = rec_tail_u32(r, peer ? PEER_REC_GRAPH : MEMCPY_REC_GRAPH);
	f[MEMCPY_NODE] = rec_tail_u64(r, peer ? PEER_REC_NODE : MEMCPY_REC_NODE);
	f[MEMCPY_SRC_DEVICE] = peer ? rec_u32(p + PEER_REC_SRC_DEVICE) : 0;
	f[MEMCPY_DST_DEVICE] = peer ? rec_u32(p + PEER_REC_DST_DEVICE) : 0;
	emit(EVENT_MEMCPY, f, MEMCPY_N, NULL, 0);
}

static void decode_memset(const struct layout_record *r)
{
	const uint8_t *p = r->p;
	uint64_t f[MEMSET_N];

	f[MEMSET_START] = rec_u64(p + MEMSET_REC_START);
	f[MEMSET_END] = rec_u64(p + MEMSET_REC_END);
	f[MEMSET_CORR] = rec_u32(p + MEMSET_REC_CORR);
	f[MEMSET_BYTES] = rec_u64(p + MEMSET_REC_BYTES);
	f[MEMSET_VALUE] = rec_u32(p + MEMSET_REC_VALUE);
	f[MEMSET_MEMORY_KIND] = rec_u16(p + MEMSET_REC_MEMORY_KIND);
	f[MEMSET_DEVICE] = rec_u32(p + MEMSET_REC_DEVICE);
	f[MEMSET_CONTEXT] = rec_u32(p + MEMSET_REC_CONTEXT);
	f[MEMSET_STREAM] = rec_u32(p + MEMSET_REC_STREAM);
	f[MEMSET_GRAPH] = rec_tail_u32(r, MEMSET_REC_GRAPH);
	f[MEMSET_NODE] = rec_tail_u64(r, MEMSET_REC_NODE);
	emit(EVENT_MEMSET, f, MEMSET_N, NULL, 0);
}

static void decode_graph_run(const struct layout_record *r)
{
	const uint8_t *p = r->p;
	uint64_t f[GRAPH_RUN_N];

	f[GRAPH_RUN_START] = rec_u64(p + GRAPH_REC_START);
	f[GRAPH_RUN_END] = rec_u64(p + GRAPH_REC_END);
	f[GRAPH_RUN_CORR] = rec_u32(p + GRAPH_REC_CORR);
	f[GRAPH_RUN_GRAPH] = rec_u32(p + GRAPH_REC_GRAPH);
	f[GRAPH_RUN_DEVICE] = rec_u32(p + GRAPH_REC_DEVICE);
	f[GRAPH_RUN_CONTEXT] = rec_u32(p + GRAPH_REC_CONTEXT);
	f[GRAPH_RUN_STREAM] = rec_u32(p + GRAPH_REC_STREAM);
	if (emit(EVENT_GRAPH_RUN, f, GRAPH_RUN_N, NULL, 0))
		count(&graph_runs);
}

static void decode_overhead(const struct layout_record *r)
{
	const uint8_t *p = r->p;
	uint64_t f[OVERHEAD_N];

	f[OVERHEAD_START] = rec_u64(p + OVERHEAD_REC_START);
	f[OVERHEAD_END] = rec_u64(p + OVERHEAD_REC_END);
	f[OVERHEAD_CORR] = rec_tail_u32(r, OVERHEAD_REC_CORR);
	f[OVERHEAD_KIND] = rec_u32(p + OVERHEAD_REC_KIND);
	f[OVERHEAD_OBJECT_KIND] = rec_u32(p + OVERHEAD_REC_OBJECT_KIND);
	f[OVERHEAD_OBJECT_A] = rec_u32(p + OVERHEAD_REC_OBJECT_A);
	f[OVERHEAD_OBJECT_B] = rec_u32(p + OVERHEAD_REC_OBJECT_B);
	emit(EVENT_OVERHEAD, f, OVERHEAD_N, NULL, 0);
	/* "Client is responsible for freeing this memory using the free function" */
	if (f[OVERHEAD_KIND] == CUPTI_ACTIVITY_OVERHEAD_COMMAND_BUFFER_FULL)
		free((void *)(uintptr_t)rec_tail_u64(r, OVERHEAD_REC_DATA));
}

static void decode_jit(const struct layout_record *r)
{
	const uint8_t *p = r->p;
	const char *path = rec_ptr(p + JIT_REC_CACHE_PATH);
	size_t path_len = path ? strnlen(path, PATH_CUT) : 0;
	char shareable[PATH_CUT];
	uint64_t f[JIT_N];

	if (path_len && state.redact) {
		path_len = redact_path(shareable, sizeof(shareable), path, path_len);
		path = shareable;
	}
	f[JIT_START] = rec_u64(p + JIT_REC_START);
	f[JIT_END] = rec_u64(p + JIT_REC_END);
	f[JIT_CORR] = rec_u32(p + JIT_REC_CORR);
	f[JIT_ENTRY] = rec_u32(p + JIT_REC_ENTRY);
	f[JIT_OP] = rec_u32(p + JIT_REC_OP);
	f[JIT_DEVICE] = rec_u32(p + JIT_REC_DEVICE);
	f[JIT_JIT_CORR] = rec_u64(p + JIT_REC_JIT_CORR);
	f[JIT_CACHE_BYTES] = rec_u64(p + JIT_REC_CACHE_BYTES);
	f[JIT_TID] = rec_tail_u32(r, JIT_REC_TID);
	if (emit(EVENT_JIT, f, JIT_N, path, path_len) &&
	    f[JIT_OP] == CUPTI_ACTIVITY_JIT_OPERATION_COMPILE)
		count(&jit_compiles);
}

static uint64_t big_endian_u64(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

static void decode_device(const struct layout_record *r)
{
	const uint8_t *p = r->p;
	char *name = (char *)(uintptr_t)rec_u64(p + DEVICE_REC_NAME);
	uint64_t f[DEVICE_N];

	f[DEVICE_DEVICE] = rec_u32(p + DEVICE_REC_ID);
	f[DEVICE_CC_MAJOR] = rec_u32(p + DEVICE_REC_CC_MAJOR);
	f[DEVICE_CC_MINOR] = rec_u32(p + DEVICE_REC_CC_MINOR);
	f[DEVICE_SMS] = rec_u32(p + DEVICE_REC_SMS);
	f[DEVICE_UUID_HI] = big_endian_u64(p + DEVICE_REC_UUID);
	f[DEVICE_UUID_LO] = big_endian_u64(p + DEVICE_REC_UUID + 8);
	emit(EVENT_DEVICE, f, DEVICE_N, name, name ? strnlen(name, 256) : 0);
	/* cupti_activity.h: the name is allocated for the client, who frees it. */
	free(name);
}

/* The record has no time; CONTEXT_CREATED gives it (callbacks.c). */
static void decode_context(const struct layout_record *r)
{
	const uint8_t *p = r->p;
	uint64_t f[CONTEXT_N];

	f[CONTEXT_TIME] = 0;
	f[CONTEXT_CONTEXT] = rec_u32(p + CONTEXT_REC_ID);
	f[CONTEXT_DEVICE] = rec_u32(p + CONTEXT_REC_DEVICE);
	f[CONTEXT_NULL_STREAM] = rec_u16(p + CONTEXT_REC_NULL_STREAM);
	f[CONTEXT_OP] = LIFETIME_CREATE;
	emit(EVENT_CONTEXT, f, CONTEXT_N, NULL, 0);
}

static void decode(const struct layout_record *r)
{
	switch (r->kind) {
	case CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL:
		decode_kernel(r);
		break;
	case CUPTI_ACTIVITY_KIND_MEMCPY:
	case CUPTI_ACTIVITY_KIND_MEMCPY2:
		decode_memcpy(r);
		break;
	case CUPTI_ACTIVITY_KIND_MEMSET:
		decode_memset(r);
		break;
	case CUPTI_ACTIVITY_KIND_GRAPH_TRACE:
		decode_graph_run(r);
		break;
	case CUPTI_ACTIVITY_KIND_OVERHEAD:
		decode_overhead(r);
		break;
	case CUPTI_ACTIVITY_KIND_JIT:
		decode_jit(r);
		break;
	case CUPTI_ACTIVITY_KIND_DEVICE:
		decode_device(r);
		break;
	case CUPTI_ACTIVITY_KIND_CONTEXT:
		decode_context(r);
		break;
	default:
		break;
	}
}

int records_start(const struct layout *layout, layout_next_fn next, bool redact)
{
	state.layout = layout;
	state.next = next;
	state.redact = redact;
	state.lost_names = state.lost_layout = 0;
	atomic_store(&kernels, 0);
	atomic_store(&graph_runs, 0);
	atomic_store(&jit_compiles, 0);
	drain_owner = NULL;
	shapes_reset();
	return names_reset();
}

void records_decode(uint8_t *buffer, size_t valid)
{
	struct layout_walk w = { state.layout, state.next, buffer, valid, 0 };
	struct layout_record r;
	int more;

	shapes_buffer();
	if (drain_owner != &drain_identity) {
		if (drain_owner)
			(void)names_reset();
		drain_owner = &drain_identity;
	}
	while ((more = layout_walk_next(&w, &r)) > 0) {
		/* Kinds below their base size were not enabled; somebody else may have. */
		if (layout_base(r.kind) && layout_base(r.kind) <= r.bytes)
			decode(&r);
		__builtin_prefetch(r.p + AHEAD_BYTES);
		__builtin_prefetch(r.p + AHEAD_BYTES + 64);
		__builtin_prefetch(r.p + AHEAD_BYTES + 128);
	}
	state.lost_layout += more < 0;
}

void records_settle(void)
{
	emit_lost(LOST_BY_MEMORY, state.lost_names);
	emit_lost(LOST_BY_LAYOUT, state.lost_layout);
	state.lost_names = state.lost_layout = 0;
}

void records_totals(struct records_count *ret)
{
	ret->kernels = atomic_load_explicit(&kernels, memory_order_relaxed);
	ret->graph_runs = atomic_load_explicit(&graph_runs, memory_order_relaxed);
	ret->jit_compiles = atomic_load_explicit(&jit_compiles, memory_order_relaxed);
}
