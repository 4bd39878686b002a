#include "cupti/graphs.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "cupti/api.h"
#include "cupti/emit.h"
#include "cupti/ids.h"
#include "cupti/modules.h"
#include "trace/hash.h"

/* Bounds of one listing: 8 MiB of virtual memory, touched as far as it is used. */
#define NODES_MAX    (1u << 20) /* nodes of one (child) graph that are looked at */
#define GRAPHS_MAX   4096u      /* child graphs */
#define KERNELS_MAX  4096u      /* distinct kernels */
#define KERNEL_SLOTS 8192u
#define NAME_CUT     4096

/* Executable graphs alive at a time whose versions are counted. */
#define EXEC_SLOTS  8192u
#define EXEC_PROBES 64u

/* Nodes whose last kernel is remembered: XLA sets some dozen nodes before each replay. */
#define TOLD_SLOTS 8192u

/* Exec id in the high half, version in the low; 0: free (ids start at 1). */
static _Atomic uint64_t *execs;

/*
 * What the trace knows of nodes that were set one by one: a hash of graph, node and kernel in
 * the slot of graph and node; 0: nothing. Handles are used anew after an unload, and a
 * listing replaces what was told before: `listings` is part of the hash.
 */
static _Atomic uint64_t told[TOLD_SLOTS];
static _Atomic uint64_t listings;

int graphs_start(void)
{
	void *p = mmap(NULL, EXEC_SLOTS * sizeof(*execs), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	execs = p == MAP_FAILED ? NULL : p;
	atomic_fetch_add(&listings, 1); /* nothing is told yet in this trace */
	return execs ? 0 : -1;
}

static _Atomic uint64_t *exec_find(uint32_t id)
{
	_Atomic uint64_t *e;

	for (uint32_t i = 0; execs && id && i < EXEC_PROBES; i++) {
		e = &execs[(id * 2654435761u + i) % EXEC_SLOTS];
		if (atomic_load_explicit(e, memory_order_relaxed) >> 32 == id)
			return e;
	}
	return NULL;
}

/* Free slots may lie between: a destroyed graph leaves a hole, so the whole run is searched. */
static void exec_add(uint32_t id)
{
	_Atomic uint64_t *e = exec_find(id);
	uint64_t v;

	if (e) {
		atomic_store(e, (uint64_t)id << 32);
		return;
	}
	for (uint32_t i = 0; execs && id && i < EXEC_PROBES; i++) {
		v = 0;
		e = &execs[(id * 2654435761u + i) % EXEC_SLOTS];
		if (atomic_compare_exchange_strong(e, &v, (uint64_t)id << 32))
			return;
	}
}

static uint32_t exec_version(uint32_t id)
{
	_Atomic uint64_t *e = exec_find(id);

	return e ? (uint32_t)atomic_load(e) : 0;
}

static uint32_t exec_next_version(uint32_t id)
{
	_Atomic uint64_t *e = exec_find(id);

	return e ? (uint32_t)atomic_fetch_add(e, 1) + 1 : 0;
}

static void exec_remove(uint32_t id)
{
	_Atomic uint64_t *e = exec_find(id);

	if (e)
		atomic_store(e, 0);
}

static uint32_t graph_id(CUgraph graph)
{
	uint32_t id = 0;

	if (!graph || !cupti_api.GetGraphId || cupti_api.GetGraphId(graph, &id) != CUPTI_SUCCESS)
		return 0;
	return id;
}

struct kernel_count {
	const void *handle; /* CUfunction or CUkernel */
	const char *name;   /* the driver's */
	uint32_t name_len;
	uint32_t count;
	uint64_t hash;
};

/* Everything a listing needs; mapped for the call. */
struct listing {
	CUgraphNode nodes[NODES_MAX];
	CUgraph graphs[GRAPHS_MAX]; /* to be looked at; never recursion */
	uint32_t graph_count;
	struct kernel_count kernel[KERNELS_MAX];
	uint32_t kernel_count;
	uint16_t by_handle[KERNEL_SLOTS]; /* index + 1 into kernel[] */
	uint16_t by_name[KERNEL_SLOTS];
	uint64_t node_count, kernel_nodes, unlisted;
	bool is_count; /* names are not asked for */
};

static const char *kernel_name(CUfunction func, CUkernel kern)
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

/* Kernels of one name (in several contexts, say) become one row. */
static struct kernel_count *by_name(struct listing *l, const void *handle, const char *name)
{
	uint32_t len = (uint32_t)strnlen(name, NAME_CUT);
	uint64_t hash = hash64(name, len);
	struct kernel_count *k;
	uint32_t i = (uint32_t)hash % KERNEL_SLOTS;

	for (; l->by_name[i]; i = (i + 1) % KERNEL_SLOTS) {
		k = &l->kernel[l->by_name[i] - 1];
		if (k->hash == hash && k->name_len == len && !memcmp(k->name, name, len))
			return k;
	}
	if (l->kernel_count == KERNELS_MAX)
		return NULL;
	k = &l->kernel[l->kernel_count++];
	*k = (struct kernel_count){ handle, name, len, 0, hash };
	l->by_name[i] = (uint16_t)l->kernel_count;
	return k;
}

/* False: the kernel has no name that we can learn. */
static bool kernel_add(struct listing *l, CUfunction func, CUkernel kern)
{
	const void *handle = func ? (const void *)func : (const void *)kern;
	uint32_t at = (uint32_t)(((uintptr_t)handle >> 4) * 2654435761u) % KERNEL_SLOTS;
	struct kernel_count *k;
	const char *name;
	uint32_t i;

	/* Graphs repeat few functions over many nodes: ask for each name once. */
	for (i = 0; i < 16; i++) {
		uint16_t slot = l->by_handle[(at + i) % KERNEL_SLOTS];

		if (!slot)
			break;
		if (l->kernel[slot - 1].handle == handle) {
			l->kernel[slot - 1].count++;
			return true;
		}
	}
	name = kernel_name(func, kern);
	if (!name || !(k = by_name(l, handle, name)))
		return false;
	k->count++;
	if (i < 16 && k->handle == handle)
		l->by_handle[(at + i) % KERNEL_SLOTS] = (uint16_t)(k - l->kernel + 1);
	return true;
}

static void list_node(struct listing *l, CUgraphNode node)
{
	CUDA_KERNEL_NODE_PARAMS params;
	CUgraphNodeType type;
	CUgraph child;

	if (driver_api.cuGraphNodeGetType(node, &type) != CUDA_SUCCESS) {
		l->unlisted++;
		return;
	}
	if (type == CU_GRAPH_NODE_TYPE_KERNEL) {
		l->kernel_nodes++;
		if (l->is_count)
			return;
		memset(&params, 0, sizeof(params));
		if (!driver_api.cuGraphKernelNodeGetParams_v2 ||
		    driver_api.cuGraphKernelNodeGetParams_v2(node, &params) != CUDA_SUCCESS ||
		    !kernel_add(l, params.func, params.kern))
			l->unlisted++;
	} else if (type == CU_GRAPH_NODE_TYPE_GRAPH) {
		if (l->graph_count < GRAPHS_MAX && driver_api.cuGraphChildGraphNodeGetGraph &&
		    driver_api.cuGraphChildGraphNodeGetGraph(node, &child) == CUDA_SUCCESS)
			l->graphs[l->graph_count++] = child;
		else
			l->unlisted++;
	} else if (type >= CU_GRAPH_NODE_TYPE_CONDITIONAL) {
		l->unlisted++; /* its body cannot be asked for; newer types may hold one too */
	}
}

static void list_graph(struct listing *l, CUgraph graph)
{
	size_t total = 0, n;

	if (!driver_api.cuGraphGetNodes || !driver_api.cuGraphNodeGetType ||
	    driver_api.cuGraphGetNodes(graph, NULL, &total) != CUDA_SUCCESS) {
		l->unlisted++;
		return;
	}
	l->node_count += total;
	n = total < NODES_MAX ? total : NODES_MAX;
	if (n && driver_api.cuGraphGetNodes(graph, l->nodes, &n) != CUDA_SUCCESS)
		n = 0;
	if (n > NODES_MAX)
		n = NODES_MAX;
	l->unlisted += total - n;
	for (size_t i = 0; i < n; i++)
		list_node(l, l->nodes[i]);
}

static void list_tell(const struct listing *l, uint32_t exec, uint32_t version)
{
	uint64_t f[GRAPH_KERNEL_N];

	f[GRAPH_KERNEL_GRAPH] = exec;
	f[GRAPH_KERNEL_VERSION] = version;
	for (uint32_t i = 0; i < l->kernel_count; i++) {
		f[GRAPH_KERNEL_COUNT] = l->kernel[i].count;
		emit(EVENT_GRAPH_KERNEL, f, GRAPH_KERNEL_N, l->kernel[i].name,
		     l->kernel[i].name_len);
	}
}

/* What one call did to a whole executable graph. */
struct change {
	enum graph_op op;
	CUgraphExec exec;
	CUgraph graph;    /* its source */
	bool ok;
};

static bool change_of_call(struct change *c, const struct call_frame *frame,
			   const CUpti_CallbackData *data)
{
	/* Every version of instantiate starts with (exec *, graph). */
	const struct {
		CUgraphExec *exec;
		CUgraph graph;
	} *made = data->functionParams;
	const cuGraphExecUpdate_v2_params *update = data->functionParams;

	if (!data->functionParams || !data->functionReturnValue)
		return false;
	c->ok = *(const CUresult *)data->functionReturnValue == CUDA_SUCCESS;
	switch (frame->api) {
	case API_CU_GRAPH_INSTANTIATE:
		c->op = GRAPH_OP_INSTANTIATE;
		c->exec = c->ok && made->exec ? *made->exec : NULL;
		c->graph = made->graph;
		return true;
	case API_CU_GRAPH_EXEC_UPDATE:
		c->op = GRAPH_OP_UPDATE;
		c->exec = update->hGraphExec;
		c->graph = update->hGraph;
		return true;
	default:
		return false;
	}
}

/* Every node of the graph and its children. NULL: no memory for it. */
static struct listing *list_whole(CUgraph graph, bool is_count)
{
	struct listing *l = mmap(NULL, sizeof(*l), PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (l == MAP_FAILED)
		return NULL;
	l->graphs[0] = graph;
	l->graph_count = 1;
	l->is_count = is_count;
	for (uint32_t i = 0; i < l->graph_count; i++) /* grows while we walk */
		list_graph(l, l->graphs[i]);
	return l;
}

static void list_counts(const struct listing *l, uint64_t *f)
{
	if (!l) {
		f[GRAPH_UNLISTED] = 1;
		emit_lost(LOST_BY_MEMORY, 1);
		return;
	}
	f[GRAPH_NODES] = l->node_count;
	f[GRAPH_KERNEL_NODES] = l->kernel_nodes;
	f[GRAPH_UNLISTED] = l->unlisted;
}

void graphs_count(CUgraph graph, uint64_t *row)
{
	struct listing *l;

	row[GRAPH_SOURCE_GRAPH] = graph_id(graph);
	l = list_whole(graph, true);
	list_counts(l, row);
	if (l)
		munmap(l, sizeof(*l));
}

void graphs_exit(const struct call_frame *frame, const CUpti_CallbackData *data, uint64_t end_ns)
{
	struct change c = { .op = GRAPH_OP_INSTANTIATE };
	struct listing *l = NULL;
	uint64_t f[GRAPH_N] = { 0 };
	int saved_errno = errno;
	uint32_t exec, version = 0;

	if (!change_of_call(&c, frame, data))
		return;
	if (c.op == GRAPH_OP_INSTANTIATE)
		ids_forget(); /* an older executable may have had this handle */
	exec = ids_exec(c.exec);
	if (c.ok && c.op == GRAPH_OP_INSTANTIATE)
		exec_add(exec);
	else if (c.ok)
		version = exec_next_version(exec);
	else
		version = exec_version(exec);

	if (call_of(frame->cbid)->stack) {
		f[GRAPH_NATIVE] = frame->stack.native;
		f[GRAPH_PYTHON] = frame->stack.python;
	}
	f[GRAPH_START] = frame->start_ns;
	f[GRAPH_END] = end_ns;
	f[GRAPH_CORR] = frame->corr;
	f[GRAPH_API] = frame->api;
	f[GRAPH_RESULT] = *(const uint32_t *)data->functionReturnValue;
	f[GRAPH_OP] = c.op;
	f[GRAPH_GRAPH] = exec;
	f[GRAPH_SOURCE_GRAPH] = graph_id(c.graph);
	f[GRAPH_VERSION] = version;
	if (c.ok) {
		atomic_fetch_add(&listings, 1);
		l = list_whole(c.graph, false);
		list_counts(l, f);
	}
	emit(EVENT_GRAPH, f, GRAPH_N, NULL, 0);
	if (l) {
		list_tell(l, exec, version);
		munmap(l, sizeof(*l));
	}
	errno = saved_errno;
}

/* The kernel that one node of an executable graph runs from now on. */
struct node_kernel {
	uint32_t exec;
	CUgraphNode node;
	CUfunction func;
	CUkernel kern;
};

/* Each word moves every bit of the result: sums of addresses would be alike. */
static uint64_t mixed(uint64_t h, uint64_t word)
{
	h = (h ^ word) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 32;
}

/*
 * The other nodes stay as they were listed. The name is asked for and told when it is not the one that
 * was told last.
 */
static bool node_tell(const struct node_kernel *k, uint32_t version)
{
	const uint64_t node = mixed(mixed(0, k->exec), (uintptr_t)k->node);
	const uint64_t now = mixed(mixed(mixed(node, (uintptr_t)k->func), (uintptr_t)k->kern),
				   atomic_load(&listings) + modules_unloads());
	_Atomic uint64_t *slot = &told[node % TOLD_SLOTS];
	const char *name;
	const uint64_t f[GRAPH_KERNEL_N] = {
		[GRAPH_KERNEL_GRAPH] = k->exec,
		[GRAPH_KERNEL_VERSION] = version,
		[GRAPH_KERNEL_COUNT] = 0,
	};

	if (atomic_load_explicit(slot, memory_order_relaxed) == now)
		return true;
	name = kernel_name(k->func, k->kern);
	if (!name)
		return false;
	if (emit(EVENT_GRAPH_KERNEL, f, GRAPH_KERNEL_N, name, strnlen(name, NAME_CUT)))
		atomic_store_explicit(slot, now, memory_order_relaxed);
	return true;
}

void graphs_node_exit(const struct call_frame *frame, const CUpti_CallbackData *data, uint64_t end_ns)
{
	const cuGraphExecKernelNodeSetParams_v2_params *set = data->functionParams;
	struct node_kernel k = { 0 };
	uint64_t f[GRAPH_N];
	bool ok;

	if (!set || !data->functionReturnValue)
		return;
	ok = *(const CUresult *)data->functionReturnValue == CUDA_SUCCESS;
	k.exec = ids_exec(set->hGraphExec);
	k.node = set->hNode;
	if (set->nodeParams) {
		k.func = set->nodeParams->func;
		/* The first version of the call has the struct without kern. */
		if (frame->cbid == CUPTI_DRIVER_TRACE_CBID_cuGraphExecKernelNodeSetParams_v2)
			k.kern = set->nodeParams->kern;
	}
	f[GRAPH_START] = frame->start_ns;
	f[GRAPH_END] = end_ns;
	f[GRAPH_CORR] = frame->corr;
	f[GRAPH_API] = frame->api;
	f[GRAPH_RESULT] = *(const uint32_t *)data->functionReturnValue;
	f[GRAPH_OP] = GRAPH_OP_NODE_UPDATE;
	f[GRAPH_GRAPH] = k.exec;
	f[GRAPH_SOURCE_GRAPH] = 0;
	f[GRAPH_VERSION] = ok ? exec_next_version(k.exec) : exec_version(k.exec);
	f[GRAPH_NODES] = f[GRAPH_KERNEL_NODES] = ok;
	f[GRAPH_UNLISTED] = ok && !node_tell(&k, (uint32_t)f[GRAPH_VERSION]);
	f[GRAPH_NATIVE] = f[GRAPH_PYTHON] = 0;
	emit(EVENT_GRAPH, f, GRAPH_N, NULL, 0);
}

void graphs_ended(uint32_t exec)
{
	uint64_t f[GRAPH_N] = { 0 };

	f[GRAPH_START] = f[GRAPH_END] = emit_now();
	f[GRAPH_API] = API_CU_GRAPH_EXEC_DESTROY;
	f[GRAPH_OP] = GRAPH_OP_DESTROY;
	f[GRAPH_GRAPH] = exec;
	f[GRAPH_VERSION] = exec_version(exec);
	exec_remove(exec);
	emit(EVENT_GRAPH, f, GRAPH_N, NULL, 0);
}

void graphs_destroyed(const CUpti_ResourceData *data)
{
	const CUpti_GraphData *g = data->resourceDescriptor;

	if (g)
		graphs_ended(ids_exec(g->graphExec));
}
