/*
 * Executable graphs: instantiation, replay, updates. A replay runs every node one after
 * the other on its stream; node records or one graph record, as CUPTI was asked.
 */
#include "tests/sim/drv_graph.h"

#include <stdlib.h>
#include <string.h>

enum { NODE_GAP_NS = 300 };

/* Children are dissolved: their nodes get numbers after those of the graph itself. */
static size_t exec_flatten(CUgraphExec e, CUgraph g, CUgraphNode *out, size_t n)
{
	CUgraphNode *order = graph_order(g);

	for (size_t i = 0; order && i < g->n_nodes; i++) {
		if (order[i]->child)
			n = exec_flatten(e, order[i]->child, out, n);
		else if (out)
			out[n++] = order[i];
		else
			n++;
		if (out)
			order[i]->exec_index = g == e->graph ? order[i]->index :
							       e->graph->next_index++;
	}
	free(order);
	return n;
}

/* Kernels of libraries are loaded when a graph that uses them is instantiated. */
static CUresult exec_load(CUgraphExec e, CUcontext ctx)
{
	for (size_t i = 0; i < e->n_order; i++) {
		CUfunction f;
		CUresult r;

		if (e->order[i]->type != CU_GRAPH_NODE_TYPE_KERNEL)
			continue;
		r = function_resolve(e->order[i]->launch.handle, ctx, &f);
		if (r)
			return r;
		launch_first_use(f);
	}
	return CUDA_SUCCESS;
}

static void exec_free(CUgraphExec e)
{
	if (e->graph)
		graph_destroy(e->graph);
	if (e->shadow)
		graph_destroy(e->shadow);
	free(e->order);
	e->magic = 0;
	free(e);
}

static CUresult exec_create(CUgraphExec *ret, CUgraph g)
{
	CUcontext ctx = ctx_current();
	CUgraphExec e;
	CUresult r;

	if (!ret || !graph_is_valid(g))
		return CUDA_ERROR_INVALID_VALUE;
	if (!ctx_is_valid(ctx))
		return CUDA_ERROR_INVALID_CONTEXT;
	e = calloc(1, sizeof(*e));
	if (!e)
		return CUDA_ERROR_OUT_OF_MEMORY;
	e->magic = EXEC_MAGIC;
	e->graph = graph_clone(g);
	e->shadow = graph_create(NULL);
	if (!e->graph || !e->shadow)
		goto no_memory;
	e->id = e->graph->id;
	/* After the clones, and the executable graph has its number already. */
	graph_tell(RES_GRAPHEXEC_CREATE_STARTING,
		   &(struct sim_graph_info){ .graph = g, .graph_exec = e });
	e->n_order = exec_flatten(e, e->graph, NULL, 0);
	e->order = calloc(e->n_order + 1, sizeof(CUgraphNode));
	if (!e->order)
		goto no_memory;
	exec_flatten(e, e->graph, e->order, 0);
	r = exec_load(e, ctx);
	if (r) {
		exec_free(e);
		return r;
	}
	*ret = e;
	graph_tell(RES_GRAPHEXEC_CREATED,
		   &(struct sim_graph_info){ .graph = g, .graph_exec = e });
	return CUDA_SUCCESS;
no_memory:
	exec_free(e);
	return CUDA_ERROR_OUT_OF_MEMORY;
}

ENTRY(cuGraphInstantiate, (CUgraphExec *ret, CUgraph g, CUgraphNode *error_node, char *log,
			   size_t bytes), (ret, g, error_node, log, bytes))
{
	return exec_create(ret, g);
}

ENTRY(cuGraphInstantiate_v2, (CUgraphExec *ret, CUgraph g, CUgraphNode *error_node, char *log,
			      size_t bytes), (ret, g, error_node, log, bytes))
{
	return exec_create(ret, g);
}

ENTRY(cuGraphInstantiateWithFlags, (CUgraphExec *ret, CUgraph g, unsigned long long flags),
      (ret, g, flags))
{
	return exec_create(ret, g);
}

ENTRY_PT(cuGraphInstantiateWithParams, _ptsz,
	 (CUgraphExec *ret, CUgraph g, CUDA_GRAPH_INSTANTIATE_PARAMS *params), (ret, g, params))
{
	CUresult r;

	if (!params)
		return CUDA_ERROR_INVALID_VALUE;
	r = exec_create(ret, g);
	params->hErrNode_out = NULL;
	params->result_out = r ? CUDA_GRAPH_INSTANTIATE_ERROR : CUDA_GRAPH_INSTANTIATE_SUCCESS;
	return r;
}

ENTRY(cuGraphExecDestroy, (CUgraphExec e), (e))
{
	if (!e || e->magic != EXEC_MAGIC)
		return CUDA_ERROR_INVALID_VALUE;
	graph_tell(RES_GRAPHEXEC_DESTROY_STARTING, &(struct sim_graph_info){ .graph_exec = e });
	exec_free(e);
	return CUDA_SUCCESS;
}

ENTRY(cuGraphExecGetFlags, (CUgraphExec e, cuuint64_t *flags), (e, flags))
{
	if (!e || e->magic != EXEC_MAGIC || !flags)
		return CUDA_ERROR_INVALID_VALUE;
	*flags = 0;
	return CUDA_SUCCESS;
}

/* --- replay */
static uint64_t node_op(CUgraphNode n, CUstream s, struct sim_op *op)
{
	switch ((int)n->type) {
	case CU_GRAPH_NODE_TYPE_KERNEL:
		launch_op(op, s, &n->launch, function_name(n->launch.handle));
		return launch_duration(n->launch.grid);
	case CU_GRAPH_NODE_TYPE_MEMCPY:
		return copy_op(op, &n->copy);
	case CU_GRAPH_NODE_TYPE_MEMSET:
		return set_op(op, &n->set);
	default:
		return 0;
	}
}

static uint64_t exec_duration(CUgraphExec e, CUstream s)
{
	uint64_t ns = 0;

	for (size_t i = 0; i < e->n_order; i++) {
		struct sim_op op;

		ns += NODE_GAP_NS + node_op(e->order[i], s, &op);
	}
	return ns;
}

static void exec_run_memory(CUgraphExec e)
{
	for (size_t i = 0; i < e->n_order; i++) {
		if (e->order[i]->type == CU_GRAPH_NODE_TYPE_MEMCPY)
			copy_run(&e->order[i]->copy);
		else if (e->order[i]->type == CU_GRAPH_NODE_TYPE_MEMSET)
			set_run(&e->order[i]->set);
	}
}

static void exec_report_nodes(CUgraphExec e, CUstream s, uint64_t start_ns, uint32_t correlation)
{
	const struct sim_tracer *tracer = drv_tracer();

	for (size_t i = 0; tracer && i < e->n_order; i++) {
		struct sim_op op;
		uint64_t ns = node_op(e->order[i], s, &op);

		start_ns += NODE_GAP_NS;
		if (ns) {
			op.device = (uint32_t)s->ctx->device;
			op.context_uid = s->ctx->uid;
			op.stream_id = s->id;
			op.graph_id = e->id;
			op.node_id = (uint64_t)e->id << 32 | e->order[i]->exec_index;
			op.correlation = correlation;
			op.start_ns = start_ns;
			op.end_ns = start_ns + ns;
			tracer->op(&op);
		}
		start_ns += ns;
	}
}

ENTRY_PT(cuGraphLaunch, _ptsz, (CUgraphExec e, CUstream handle), (e, handle))
{
	struct sim_op op = { .kind = SIM_OP_GRAPH };
	CUstream s = stream_find(handle);
	bool nodes_traced;

	if (!e || e->magic != EXEC_MAGIC)
		return CUDA_ERROR_INVALID_VALUE;
	if (!s)
		return handle ? CUDA_ERROR_INVALID_HANDLE : CUDA_ERROR_INVALID_CONTEXT;
	if (s->capture)
		return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
	op.graph_id = e->id;
	exec_run_memory(e);
	atomic_fetch_add_explicit(&drv_link.node_runs, e->n_order, memory_order_relaxed);
	nodes_traced = drv_tracer() && !drv_wants(ACT_GRAPH_TRACE);
	/* As on a real device, a replay whose nodes are recorded costs the host half a launch a node. */
	op_run(&op, s, sim_knobs.launch_ns + (nodes_traced ? sim_knobs.launch_ns / 2 * e->n_order : 0),
	       exec_duration(e, s));
	if (nodes_traced)
		exec_report_nodes(e, s, op.start_ns, op.correlation);
	return CUDA_SUCCESS;
}

ENTRY_PT(cuGraphUpload, _ptsz, (CUgraphExec e, CUstream handle), (e, handle))
{
	if (!e || e->magic != EXEC_MAGIC || !stream_find(handle))
		return CUDA_ERROR_INVALID_VALUE;
	return CUDA_SUCCESS;
}

/* --- updates */
static CUgraphNode exec_find(CUgraph g, CUgraphNode original)
{
	for (size_t i = 0; i < g->n_nodes; i++) {
		CUgraphNode n = g->nodes[i];
		CUgraphNode found;

		if (n->original == original)
			return n;
		/* A child graph is cloned twice: into its node, then into the executable. */
		found = n->child ? exec_find(n->child, original) : NULL;
		if (found)
			return found;
	}
	return NULL;
}

static void exec_tell_params(CUgraphExec e, CUgraphNode n)
{
	graph_tell(RES_GRAPH_NODE_SET_PARAMS,
		   &(struct sim_graph_info){ .original_graph = n->graph->original, .node = n,
					     .original_node = n->original, .graph_exec = e });
}

static CUresult exec_set(CUgraphExec e, CUgraphNode original, const CUDA_KERNEL_NODE_PARAMS *p)
{
	CUcontext ctx = ctx_current();
	CUgraphNode n;
	CUfunction f;
	CUresult r;

	if (!e || e->magic != EXEC_MAGIC)
		return CUDA_ERROR_INVALID_VALUE;
	n = exec_find(e->graph, original);
	if (!node_is_valid(n, CU_GRAPH_NODE_TYPE_KERNEL))
		return CUDA_ERROR_INVALID_VALUE;
	r = node_set_kernel(n, p);
	if (!r)
		r = function_resolve(n->launch.handle, ctx, &f);
	if (r)
		return r;
	launch_first_use(f);
	exec_tell_params(e, n);
	return CUDA_SUCCESS;
}

ENTRY(cuGraphExecKernelNodeSetParams_v2, (CUgraphExec e, CUgraphNode node,
					  const CUDA_KERNEL_NODE_PARAMS *params),
      (e, node, params))
{
	return exec_set(e, node, params);
}

ENTRY(cuGraphExecKernelNodeSetParams, (CUgraphExec e, CUgraphNode node,
				       const CUDA_KERNEL_NODE_PARAMS_v1 *params),
      (e, node, params))
{
	CUDA_KERNEL_NODE_PARAMS p = { 0 };

	if (!params)
		return CUDA_ERROR_INVALID_VALUE;
	memcpy(&p, params, sizeof(*params));
	return exec_set(e, node, &p);
}

/* Nodes are paired by position, as the driver does for graphs built the same way. */
static CUgraphExecUpdateResult graph_compare(CUgraph have, CUgraph want, CUgraphNode *ret_error)
{
	*ret_error = NULL;
	if (have->n_nodes != want->n_nodes)
		return CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
	for (size_t i = 0; i < have->n_nodes; i++) {
		CUgraphNode a = have->nodes[i], b = want->nodes[i];
		CUgraphExecUpdateResult r = CU_GRAPH_EXEC_UPDATE_SUCCESS;

		*ret_error = b;
		if (a->type != b->type)
			return CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED;
		if (a->n_deps != b->n_deps)
			return CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
		if (a->child)
			r = graph_compare(a->child, b->child, ret_error);
		if (r)
			return r;
	}
	*ret_error = NULL;
	return CU_GRAPH_EXEC_UPDATE_SUCCESS;
}

static bool launch_differs(const struct launch *a, const struct launch *b)
{
	return a->handle != b->handle || memcmp(a->grid, b->grid, sizeof(a->grid)) ||
	       memcmp(a->block, b->block, sizeof(a->block)) ||
	       a->shared_bytes != b->shared_bytes || a->is_cooperative != b->is_cooperative;
}

static bool node_differs(CUgraphNode a, CUgraphNode b)
{
	return launch_differs(&a->launch, &b->launch) || a->params != b->params ||
	       a->extra != b->extra || a->copy.dst != b->copy.dst ||
	       a->copy.src != b->copy.src || a->copy.bytes != b->copy.bytes ||
	       a->set.dst != b->set.dst || a->set.value != b->set.value ||
	       a->set.count != b->set.count;
}

static void graph_take(CUgraph have, CUgraph want, CUgraphExec e)
{
	for (size_t i = 0; i < have->n_nodes; i++) {
		CUgraphNode a = have->nodes[i], b = want->nodes[i];

		if (a->child)
			graph_take(a->child, b->child, e);
		if (!node_differs(a, b))
			continue;
		a->launch = b->launch;
		a->params = b->params;
		a->extra = b->extra;
		a->copy = b->copy;
		a->copy_params = b->copy_params;
		a->set = b->set;
		a->set_params = b->set_params;
		graph_tell(RES_GRAPH_NODE_UPDATED,
			   &(struct sim_graph_info){ .node = b, .original_node = a,
						     .graph_exec = e });
		exec_tell_params(e, a);
	}
}

static CUresult exec_update(CUgraphExec e, CUgraph g, CUgraphExecUpdateResult *ret,
			    CUgraphNode *ret_error)
{
	if (!e || e->magic != EXEC_MAGIC || !graph_is_valid(g))
		return CUDA_ERROR_INVALID_VALUE;
	*ret = graph_compare(e->graph, g, ret_error);
	if (*ret)
		return CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
	graph_take(e->graph, g, e);
	return exec_load(e, ctx_current());
}

ENTRY(cuGraphExecUpdate_v2, (CUgraphExec e, CUgraph g, CUgraphExecUpdateResultInfo *ret),
      (e, g, ret))
{
	CUgraphNode error_node = NULL;
	CUgraphExecUpdateResult result = CU_GRAPH_EXEC_UPDATE_ERROR;
	CUresult r;

	if (!ret)
		return CUDA_ERROR_INVALID_VALUE;
	r = exec_update(e, g, &result, &error_node);
	*ret = (CUgraphExecUpdateResultInfo){ .result = result, .errorNode = error_node };
	return r;
}

ENTRY(cuGraphExecUpdate, (CUgraphExec e, CUgraph g, CUgraphNode *error_node,
			  CUgraphExecUpdateResult *ret), (e, g, error_node, ret))
{
	CUgraphNode node = NULL;
	CUgraphExecUpdateResult result = CU_GRAPH_EXEC_UPDATE_ERROR;
	CUresult r = exec_update(e, g, &result, &node);

	if (error_node)
		*error_node = node;
	if (ret)
		*ret = result;
	return r;
}
