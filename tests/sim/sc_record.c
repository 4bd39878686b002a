/* Records: from what the simulated driver says to the structures of cupti_activity.h. */
#include "tests/sim/sc.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool wants(uint32_t kind)
{
	struct sim_link *link = sc_link();

	return link && atomic_load_explicit(&link->want_activity, memory_order_relaxed) >>
		       kind & 1;
}

/* JITNESS_SIM_BAD_TIME: turns by turns, no end, an end before the start, no times. */
static void record_spoil(uint64_t *start, uint64_t *end)
{
	static _Atomic uint64_t count;
	uint64_t n;

	if (!sim_knobs.bad_time)
		return;
	n = atomic_fetch_add(&count, 1) + 1;
	if (n % sim_knobs.bad_time)
		return;
	switch (n / sim_knobs.bad_time % 3) {
	case 0:
		*start = 0;
		*end = 0;
		break;
	case 1:
		*end = 0;
		break;
	default:
		*end = *start - 1;
	}
}

static void record_kernel(const struct sim_op *op)
{
	static _Atomic int64_t grid_id = 1;
	uint32_t kind = wants(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL) ?
				CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL :
				CUPTI_ACTIVITY_KIND_KERNEL;
	CUpti_ActivityKernel10 k;

	if (!wants(kind))
		return;
	memset(&k, 0, sizeof(k));
	k.kind = (CUpti_ActivityKind)kind;
	k.registersPerThread = 32;
	k.start = op->start_ns;
	k.end = op->end_ns;
	record_spoil(&k.start, &k.end);
	k.completed = k.end;
	k.deviceId = op->device;
	k.contextId = op->context_uid;
	k.streamId = op->stream_id;
	k.gridX = (int32_t)op->grid[0];
	k.gridY = (int32_t)op->grid[1];
	k.gridZ = (int32_t)op->grid[2];
	k.blockX = (int32_t)op->block[0];
	k.blockY = (int32_t)op->block[1];
	k.blockZ = (int32_t)op->block[2];
	k.dynamicSharedMemory = (int32_t)op->shared_bytes;
	k.sharedMemoryExecuted = op->shared_bytes;
	k.correlationId = op->correlation;
	k.gridId = atomic_fetch_add_explicit(&grid_id, 1, memory_order_relaxed);
	k.name = op->name;
	k.launchType = op->is_cooperative ? CUPTI_ACTIVITY_LAUNCH_TYPE_COOPERATIVE_SINGLE_DEVICE :
					    CUPTI_ACTIVITY_LAUNCH_TYPE_REGULAR;
	k.graphNodeId = op->node_id;
	k.graphId = op->graph_id;
	k.channelID = op->stream_id;
	k.channelType = CUPTI_CHANNEL_TYPE_COMPUTE;
	buffer_put(&k, kind, op->end_ns);
}

static void record_memcpy(const struct sim_op *op)
{
	CUpti_ActivityMemcpy6 m;

	if (!wants(CUPTI_ACTIVITY_KIND_MEMCPY))
		return;
	memset(&m, 0, sizeof(m));
	m.kind = CUPTI_ACTIVITY_KIND_MEMCPY;
	m.copyKind = op->copy_kind;
	m.srcKind = op->src_kind;
	m.dstKind = op->dst_kind;
	m.flags = op->is_async ? CUPTI_ACTIVITY_FLAG_MEMCPY_ASYNC : 0;
	m.bytes = op->bytes;
	m.start = op->start_ns;
	m.end = op->end_ns;
	record_spoil(&m.start, &m.end);
	m.deviceId = op->device;
	m.contextId = op->context_uid;
	m.streamId = op->stream_id;
	m.correlationId = op->correlation;
	m.graphNodeId = op->node_id;
	m.graphId = op->graph_id;
	m.channelID = op->stream_id;
	m.channelType = CUPTI_CHANNEL_TYPE_ASYNC_MEMCPY;
	m.copyCount = 1;
	buffer_put(&m, CUPTI_ACTIVITY_KIND_MEMCPY, op->end_ns);
}

static void record_memcpy_peer(const struct sim_op *op)
{
	CUpti_ActivityMemcpyPtoP4 m;

	if (!wants(CUPTI_ACTIVITY_KIND_MEMCPY2))
		return;
	memset(&m, 0, sizeof(m));
	m.kind = CUPTI_ACTIVITY_KIND_MEMCPY2;
	m.copyKind = op->copy_kind;
	m.srcKind = op->src_kind;
	m.dstKind = op->dst_kind;
	m.flags = op->is_async ? CUPTI_ACTIVITY_FLAG_MEMCPY_ASYNC : 0;
	m.bytes = op->bytes;
	m.start = op->start_ns;
	m.end = op->end_ns;
	record_spoil(&m.start, &m.end);
	m.deviceId = m.srcDeviceId = m.dstDeviceId = op->device;
	m.contextId = m.srcContextId = m.dstContextId = op->context_uid;
	m.streamId = op->stream_id;
	m.correlationId = op->correlation;
	m.graphNodeId = op->node_id;
	m.graphId = op->graph_id;
	buffer_put(&m, CUPTI_ACTIVITY_KIND_MEMCPY2, op->end_ns);
}

static void record_memset(const struct sim_op *op)
{
	CUpti_ActivityMemset4 m;

	if (!wants(CUPTI_ACTIVITY_KIND_MEMSET))
		return;
	memset(&m, 0, sizeof(m));
	m.kind = CUPTI_ACTIVITY_KIND_MEMSET;
	m.value = op->value;
	m.bytes = op->bytes;
	m.start = op->start_ns;
	m.end = op->end_ns;
	record_spoil(&m.start, &m.end);
	m.deviceId = op->device;
	m.contextId = op->context_uid;
	m.streamId = op->stream_id;
	m.correlationId = op->correlation;
	m.flags = op->is_async ? CUPTI_ACTIVITY_FLAG_MEMSET_ASYNC : 0;
	m.memoryKind = op->dst_kind;
	m.graphNodeId = op->node_id;
	m.graphId = op->graph_id;
	buffer_put(&m, CUPTI_ACTIVITY_KIND_MEMSET, op->end_ns);
}

static void record_graph(const struct sim_op *op)
{
	CUpti_ActivityGraphTrace2 g;

	if (!wants(CUPTI_ACTIVITY_KIND_GRAPH_TRACE))
		return;
	memset(&g, 0, sizeof(g));
	g.kind = CUPTI_ACTIVITY_KIND_GRAPH_TRACE;
	g.correlationId = op->correlation;
	g.start = op->start_ns;
	g.end = op->end_ns;
	g.deviceId = g.endDeviceId = op->device;
	g.graphId = op->graph_id;
	g.contextId = g.endContextId = op->context_uid;
	g.streamId = op->stream_id;
	buffer_put(&g, CUPTI_ACTIVITY_KIND_GRAPH_TRACE, op->end_ns);
}

void record_op(const struct sim_op *op)
{
	switch (op->kind) {
	case SIM_OP_KERNEL:
		record_kernel(op);
		break;
	case SIM_OP_MEMCPY:
		record_memcpy(op);
		break;
	case SIM_OP_MEMCPY_PEER:
		record_memcpy_peer(op);
		break;
	case SIM_OP_MEMSET:
		record_memset(op);
		break;
	case SIM_OP_GRAPH:
		record_graph(op);
	}
}

void record_jit(const struct sim_jit *jit)
{
	CUpti_ActivityJit2 j;

	memset(&j, 0, sizeof(j));
	j.kind = CUPTI_ACTIVITY_KIND_JIT;
	j.jitEntryType = CUPTI_ACTIVITY_JIT_ENTRY_PTX_TO_CUBIN;
	j.jitOperationType = (CUpti_ActivityJitOperationType)jit->operation;
	j.deviceId = jit->device;
	j.start = jit->start_ns;
	j.end = jit->end_ns;
	j.correlationId = jit->correlation;
	j.jitOperationCorrelationId = jit->operation_id;
	j.cacheSize = jit->cache_bytes;
	j.cachePath = jit->cache_path;
	j.processId = (uint32_t)getpid();
	j.threadId = sc_tid();
	buffer_put(&j, CUPTI_ACTIVITY_KIND_JIT, jit->end_ns);
}

void record_sync(const struct sim_sync *sync)
{
	CUpti_ActivitySynchronization2 s;

	memset(&s, 0, sizeof(s));
	s.kind = CUPTI_ACTIVITY_KIND_SYNCHRONIZATION;
	s.type = (CUpti_ActivitySynchronizationType)sync->type;
	s.start = sync->start_ns;
	s.end = sync->end_ns;
	s.correlationId = sync->correlation;
	s.contextId = sync->context_uid;
	s.streamId = sync->stream_id;
	s.cudaEventId = sync->event_id ? sync->event_id :
					 (uint32_t)CUPTI_SYNCHRONIZATION_INVALID_VALUE;
	s.returnValue = (uint32_t)sync->result;
	buffer_put(&s, CUPTI_ACTIVITY_KIND_SYNCHRONIZATION, sync->end_ns);
}

void record_overhead(const struct sim_overhead *overhead)
{
	CUpti_ActivityOverhead3 o;

	memset(&o, 0, sizeof(o));
	o.kind = CUPTI_ACTIVITY_KIND_OVERHEAD;
	o.overheadKind = (CUpti_ActivityOverheadKind)overhead->kind;
	o.objectKind = CUPTI_ACTIVITY_OBJECT_THREAD;
	o.objectId.pt.processId = (uint32_t)getpid();
	o.objectId.pt.threadId = sc_tid();
	o.start = overhead->start_ns;
	o.end = overhead->end_ns;
	o.correlationId = overhead->correlation;
	buffer_put(&o, CUPTI_ACTIVITY_KIND_OVERHEAD, overhead->end_ns);
}

static void record_device(uint32_t device)
{
	struct sim_link *link = sc_link();
	CUpti_ActivityDevice5 d;

	memset(&d, 0, sizeof(d));
	d.kind = CUPTI_ACTIVITY_KIND_DEVICE;
	d.globalMemorySize = link->device_bytes;
	d.numThreadsPerWarp = 32;
	d.numMultiprocessors = 132;
	d.maxThreadsPerBlock = 1024;
	d.computeCapabilityMajor = 9;
	d.id = device;
	memcpy(&d.uuid, link->device_uuid, sizeof(d.uuid));
	d.uuid.bytes[15] = (char)(d.uuid.bytes[15] + (int)device);
	d.name = strdup("simulated device"); /* the client frees it, says the header */
	d.isCudaVisible = 1;
	buffer_put(&d, CUPTI_ACTIVITY_KIND_DEVICE, 0);
}

/* What CUPTI itself does when a context appears; here it costs nothing. */
static void record_context_overhead(uint32_t correlation)
{
	static const uint32_t kinds[] = {
		CUPTI_ACTIVITY_OVERHEAD_CUPTI_INSTRUMENTATION,
		CUPTI_ACTIVITY_OVERHEAD_CUPTI_INSTRUMENTATION,
		CUPTI_ACTIVITY_OVERHEAD_CUPTI_RESOURCE, CUPTI_ACTIVITY_OVERHEAD_CUPTI_RESOURCE,
		CUPTI_ACTIVITY_OVERHEAD_CUPTI_RESOURCE, CUPTI_ACTIVITY_OVERHEAD_CUPTI_RESOURCE,
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		uint64_t now = clock_now();

		record_overhead(&(struct sim_overhead){ kinds[i], now, now + 1, correlation });
	}
}

void record_context(const struct sim_context_info *info)
{
	static _Atomic uint64_t devices_told;
	CUpti_ActivityContext3 c;

	if (wants(CUPTI_ACTIVITY_KIND_DEVICE) &&
	    !(atomic_fetch_or(&devices_told, 1ull << info->device) >> info->device & 1))
		record_device(info->device);
	if (wants(CUPTI_ACTIVITY_KIND_OVERHEAD))
		record_context_overhead(info->correlation);
	if (!wants(CUPTI_ACTIVITY_KIND_CONTEXT))
		return;
	memset(&c, 0, sizeof(c));
	c.kind = CUPTI_ACTIVITY_KIND_CONTEXT;
	c.contextId = info->uid;
	c.deviceId = info->device;
	c.computeApiKind = CUPTI_ACTIVITY_COMPUTE_API_CUDA;
	c.nullStreamId = (uint16_t)info->null_stream_id;
	buffer_put(&c, CUPTI_ACTIVITY_KIND_CONTEXT, 0);
}

void record_stream(const struct sim_stream_info *info)
{
	CUpti_ActivityStream s;

	memset(&s, 0, sizeof(s));
	s.kind = CUPTI_ACTIVITY_KIND_STREAM;
	s.contextId = info->context_uid;
	s.streamId = info->id;
	s.priority = (uint32_t)info->priority;
	s.flag = info->flags ? CUPTI_ACTIVITY_STREAM_CREATE_FLAG_NON_BLOCKING :
			       CUPTI_ACTIVITY_STREAM_CREATE_FLAG_DEFAULT;
	s.correlationId = info->correlation;
	buffer_put(&s, CUPTI_ACTIVITY_KIND_STREAM, 0);
}

void record_api(const struct sim_api_call *call)
{
	CUpti_ActivityAPI a;

	memset(&a, 0, sizeof(a));
	a.kind = CUPTI_ACTIVITY_KIND_DRIVER;
	a.cbid = call->cbid;
	a.start = call->start_ns;
	a.end = clock_now();
	a.processId = (uint32_t)getpid();
	a.threadId = sc_tid();
	a.correlationId = call->correlation;
	a.returnValue = (uint32_t)call->result;
	buffer_put(&a, CUPTI_ACTIVITY_KIND_DRIVER, a.end);
}
