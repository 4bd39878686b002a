#include "cupti/graph_nodes.h"

#include <stdatomic.h>
#include <string.h>

#include "cupti/api.h"
#include "cupti/emit.h"
#include "cupti/execs.h"
#include "cupti/ids.h"

/* Nodes whose last kernel is remembered. */
#define TOLD_SLOTS 8192u

/*
 * What the trace knows of nodes that were set one by one: a hash of graph, node and kernel in
 * the slot of graph and node; 0: nothing. Handles are used anew after an unload, and a
 * listing replaces what was told before: `forgotten` is part of the hash.
 */
static _Atomic uint64_t told[TOLD_SLOTS];
static _Atomic uint64_t forgotten;

static _Atomic bool counted; /* since graph_nodes_tell_all() */

/* The kernel that one node of an executable graph runs from now on. */
struct node_kernel {
	uint32_t exec;
	CUfunction func;
	CUkernel kern;
	uint64_t node; /* hash of executable and node */
	uint64_t now;  /* and of the kernel */
};

const char *graph_kernel_name(CUfunction func, CUkernel kern)
{
	const char *name = NULL;

	if (func && driver_api.cuFuncGetName &&
	    driver_api.cuFuncGetName(&name, func) == CUDA_SUCCESS && name)
		return name;
	name = NULL;
	if (kern && driver_api.cuKernelGetName &&
	    driver_api.cuKernelGetName(&name, kern) == CUDA_SUCCESS)
		return name;
	return NULL;
}

void graph_nodes_forget(void)
{
	atomic_fetch_add(&forgotten, 1);
}

/* Each word moves every bit of the result: sums of addresses would be alike. */
static uint64_t mixed(uint64_t h, uint64_t word)
{
	h = (h ^ word) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 32;
}

static struct node_kernel kernel_of_call(uint32_t cbid, const cuGraphExecKernelNodeSetParams_v2_params *set)
{
	struct node_kernel k = { .exec = ids_exec(set->hGraphExec) };

	if (set->nodeParams) {
		k.func = set->nodeParams->func;
		/* The first version of the call has the struct without kern. */
		if (cbid == CUPTI_DRIVER_TRACE_CBID_cuGraphExecKernelNodeSetParams_v2)
			k.kern = set->nodeParams->kern;
	}
	k.node = mixed(mixed(0, k.exec), (uintptr_t)set->hNode);
	k.now = mixed(mixed(mixed(k.node, (uintptr_t)k.func), (uintptr_t)k.kern),
		      atomic_load(&forgotten));
	return k;
}

static _Atomic uint64_t *told_of(const struct node_kernel *k)
{
	return &told[k->node % TOLD_SLOTS];
}

static bool is_told(const struct node_kernel *k)
{
	return atomic_load_explicit(told_of(k), memory_order_relaxed) == k->now;
}

/* The other nodes stay as they were listed. False: the kernel has no name. */
static bool kernel_tell(const struct node_kernel *k, uint32_t version)
{
	const char *name;
	const uint64_t f[GRAPH_KERNEL_N] = {
		[GRAPH_KERNEL_GRAPH] = k->exec,
		[GRAPH_KERNEL_VERSION] = version,
		[GRAPH_KERNEL_COUNT] = 0,
	};

	if (is_told(k))
		return true;
	name = graph_kernel_name(k->func, k->kern);
	if (!name)
		return false;
	if (emit(EVENT_GRAPH_KERNEL, f, GRAPH_KERNEL_N, name, strnlen(name, GRAPH_NAME_CUT)))
		atomic_store_explicit(told_of(k), k->now, memory_order_relaxed);
	return true;
}

void graph_nodes_exit(const struct call_frame *frame, const CUpti_CallbackData *data, uint64_t end_ns)
{
	uint64_t f[GRAPH_N] = { 0 };
	struct node_kernel k;
	struct exec *e;
	bool ok;

	if (!data->functionParams || !data->functionReturnValue)
		return;
	ok = *(const CUresult *)data->functionReturnValue == CUDA_SUCCESS;
	k = kernel_of_call(frame->cbid, data->functionParams);
	e = execs_find(k.exec);
	graph_nodes_tell(e);
	f[GRAPH_START] = frame->start_ns;
	f[GRAPH_END] = end_ns;
	f[GRAPH_CORR] = frame->corr;
	f[GRAPH_API] = frame->api;
	f[GRAPH_RESULT] = *(const uint32_t *)data->functionReturnValue;
	f[GRAPH_OP] = GRAPH_OP_NODE_UPDATE;
	f[GRAPH_GRAPH] = k.exec;
	f[GRAPH_VERSION] = ok ? exec_changed(e, 1) : exec_version(e);
	f[GRAPH_NODES] = f[GRAPH_KERNEL_NODES] = ok;
	f[GRAPH_UNLISTED] = ok && !kernel_tell(&k, (uint32_t)f[GRAPH_VERSION]);
	emit(EVENT_GRAPH, f, GRAPH_N, NULL, 0);
}

struct exec *graph_nodes_same(uint32_t cbid, const void *params)
{
	const struct node_kernel k = kernel_of_call(cbid, params);

	return is_told(&k) ? execs_find(k.exec) : NULL;
}

/* Either the flush thread sees the count, or we see that it has taken the flag back. */
void graph_nodes_count(struct exec *e)
{
	atomic_fetch_add(&e->sets, 1);
	if (!atomic_load(&counted))
		atomic_store(&counted, true);
}

void graph_nodes_tell(struct exec *e)
{
	uint64_t f[GRAPH_N] = { 0 };
	uint64_t sets;

	if (!e || !atomic_load(&e->sets))
		return;
	f[GRAPH_GRAPH] = atomic_load(&e->id); /* first: once the sets are taken, it may end */
	sets = atomic_exchange(&e->sets, 0);
	if (!sets)
		return; /* by the other thread */
	f[GRAPH_START] = f[GRAPH_END] = emit_now();
	f[GRAPH_API] = API_CU_GRAPH_EXEC_SET_NODE;
	f[GRAPH_OP] = GRAPH_OP_NODE_UPDATE;
	f[GRAPH_VERSION] = exec_changed(e, (uint32_t)sets);
	f[GRAPH_NODES] = f[GRAPH_KERNEL_NODES] = sets;
	emit(EVENT_GRAPH, f, GRAPH_N, NULL, 0);
}

void graph_nodes_tell_all(void)
{
	struct exec *e;

	if (!atomic_exchange(&counted, false))
		return;
	for (uint32_t i = 0; (e = execs_nth(i)); i++)
		graph_nodes_tell(e);
}
