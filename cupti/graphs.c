#include "cupti/graphs.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "cupti/api.h"
#include "cupti/emit.h"
#include "cupti/execs.h"
#include "cupti/graph_nodes.h"
#include "cupti/ids.h"
#include "trace/hash.h"

/* Bounds of one listing: 8 MiB of virtual memory, touched as far as it is used. */
#define NODES_MAX    (1u << 20) /* nodes of one (child) graph that are looked at */
#define GRAPHS_MAX   4096u      /* child graphs */
#define KERNELS_MAX  4096u      /* distinct kernels */
#define KERNEL_SLOTS 8192u

int graphs_start(void)
{
	graph_nodes_forget();
	return execs_start();
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

/* Kernels of one name (in several contexts, say) become one row. */
static struct kernel_count *by_name(struct listing *l, const void *handle, const char *name)
{
	uint32_t len = (uint32_t)strnlen(name, GRAPH_NAME_CUT);
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
	name = graph_kernel_name(func, kern);
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
	struct exec *alive;
	uint32_t exec, version = 0;

	if (!change_of_call(&c, frame, data))
		return;
	if (c.op == GRAPH_OP_INSTANTIATE)
		ids_forget(); /* an older executable may have had this handle */
	exec = ids_exec(c.exec);
	alive = execs_find(exec);
	graph_nodes_tell(alive);
	if (c.ok && c.op == GRAPH_OP_INSTANTIATE)
		execs_add(exec);
	else
		version = c.ok ? exec_changed(alive, 1) : exec_version(alive);

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
		graph_nodes_forget();
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

void graphs_ended(uint32_t exec)
{
	struct exec *e = execs_find(exec);
	uint64_t f[GRAPH_N] = { 0 };

	graph_nodes_tell(e);
	f[GRAPH_START] = f[GRAPH_END] = emit_now();
	f[GRAPH_API] = API_CU_GRAPH_EXEC_DESTROY;
	f[GRAPH_OP] = GRAPH_OP_DESTROY;
	f[GRAPH_GRAPH] = exec;
	f[GRAPH_VERSION] = exec_version(e);
	exec_remove(e);
	emit(EVENT_GRAPH, f, GRAPH_N, NULL, 0);
}

void graphs_destroyed(const CUpti_ResourceData *data)
{
	const CUpti_GraphData *g = data->resourceDescriptor;

	if (g)
		graphs_ended(ids_exec(g->graphExec));
}
