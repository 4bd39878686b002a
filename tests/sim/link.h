/*
 * link: what the simulated libcuda and the simulated libcupti say to each other.
 * libcuda exports sim_cuda_link(); libcupti finds it with dlsym in the libcuda.so.1
 * that is already loaded, sets `tracer` and says through the want_* fields what it
 * wishes to hear. A tracer built for the real libraries never sees any of this.
 *
 * Every function behind a pointer here may be called from any thread.
 */
#ifndef JITNESS_SIM_LINK_H
#define JITNESS_SIM_LINK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SIM_LINK_VERSION = 1,
	SIM_CBID_MAX = 1024,     /* above CUPTI_DRIVER_TRACE_CBID_SIZE */
};

/* One driver call as CUPTI tells of it; lives on the caller's stack. */
struct sim_api_call {
	struct sim_api_call *outer;
	const char *name;
	const void *params;
	const char *symbol;
	void *context;
	uint64_t start_ns;
	uint64_t user_data;      /* *correlationData */
	uint32_t context_uid;
	uint32_t correlation;    /* 0 until somebody asks */
	uint32_t cbid;
	int result;
	bool is_traced;
	bool is_per_thread;      /* the _ptsz / _ptds entry point */
};

enum sim_op_kind { SIM_OP_KERNEL, SIM_OP_MEMCPY, SIM_OP_MEMCPY_PEER, SIM_OP_MEMSET, SIM_OP_GRAPH };

/* One thing that the simulated GPU does. Times are known when it is enqueued. */
struct sim_op {
	enum sim_op_kind kind;
	uint64_t start_ns, end_ns;
	uint32_t device, context_uid, stream_id, correlation;
	uint32_t graph_id;       /* 0: not part of a graph */
	uint64_t node_id;
	const char *name;        /* kernels; interned for ever */
	uint32_t grid[3], block[3], shared_bytes;
	uint64_t bytes;
	uint32_t value;
	uint8_t copy_kind, src_kind, dst_kind;
	bool is_async, is_cooperative, is_device_set;
};

enum sim_jit_operation { SIM_JIT_CACHE_LOAD = 1, SIM_JIT_CACHE_STORE = 2, SIM_JIT_COMPILE = 3 };

struct sim_jit {
	enum sim_jit_operation operation;
	uint32_t device, correlation;
	uint64_t start_ns, end_ns;
	uint64_t operation_id, cache_bytes;
	const char *cache_path;  /* interned for ever */
};

struct sim_sync {
	uint32_t type;           /* CUpti_ActivitySynchronizationType */
	uint64_t start_ns, end_ns;
	uint32_t correlation, context_uid, stream_id, event_id;
	int result;
};

struct sim_overhead {
	uint32_t kind;           /* CUpti_ActivityOverheadKind */
	uint64_t start_ns, end_ns;
	uint32_t correlation;
};

struct sim_context_info {
	uint32_t uid, device, null_stream_id, correlation;
};

struct sim_stream_info {
	uint32_t context_uid, id, flags, correlation;
	int priority;
};

/* Descriptors of resource callbacks; libcupti turns them into CUPTI's own. */
struct sim_module_info {
	uint32_t id;
	const void *elf;
	size_t bytes;
};

struct sim_graph_info {
	void *graph, *original_graph, *node, *original_node, *dependency, *graph_exec;
	int node_type;
};

/* What libcupti gives. */
struct sim_tracer {
	void (*api)(struct sim_api_call *call, int site);
	void (*resource)(uint32_t cbid, void *context, void *stream, void *descriptor);
	void (*synchronized)(uint32_t cbid, void *context, void *stream);
	void (*op)(const struct sim_op *op);
	void (*jit)(const struct sim_jit *jit);
	void (*sync)(const struct sim_sync *sync);
	void (*overhead)(const struct sim_overhead *overhead);
	void (*context)(const struct sim_context_info *info);
	void (*stream)(const struct sim_stream_info *info);
	bool (*in_resource_callback)(void); /* this thread, now */
};

/* What libcuda gives. */
struct sim_link {
	uint32_t version;
	_Atomic(const struct sim_tracer *) tracer;
	_Atomic(const void *) owner;            /* the copy of libcupti that subscribed first */
	_Atomic uint8_t want_api[SIM_CBID_MAX]; /* bit 0 callbacks, bit 1 records */
	_Atomic uint64_t want_resource;         /* bit per CUpti_CallbackIdResource */
	_Atomic uint64_t want_sync_callback;
	_Atomic uint64_t want_activity;         /* bit per CUpti_ActivityKind */
	_Atomic uint64_t driver_calls_in_resource_callback;
	_Atomic uint64_t launches, node_runs, graph_launches, memcpys, memsets, module_loads;
	_Atomic uint64_t injections;

	uint32_t (*next_correlation)(void);
	uint32_t (*correlation)(void);          /* of the driver call this thread is in, or 0 */
	bool (*was_forked)(void);               /* child of a parent that had called cuInit */
	uint32_t (*context_uid)(void *context);
	int (*context_device)(void *context);
	int (*stream_id)(void *context, void *stream, bool per_thread, uint32_t *ret);
	int (*graph_id)(void *graph, uint32_t *ret);
	int (*graph_exec_id)(void *graph_exec, uint32_t *ret);
	int (*graph_node_id)(void *node, uint64_t *ret);
	int device_count;
	size_t device_bytes;
	const uint8_t *device_uuid;             /* 16 bytes; +1 on the last one per device */
};

struct sim_link *sim_cuda_link(void);

#endif
