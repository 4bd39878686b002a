/* Graphs as a program builds them: nodes, dependencies, clones. */
#include "tests/sim/drv_graph.h"

#include <stdlib.h>
#include <string.h>

bool graph_is_valid(CUgraph g)
{
	return g && g->magic == GRAPH_MAGIC;
}

bool node_is_valid(CUgraphNode n, CUgraphNodeType type)
{
	return n && n->magic == NODE_MAGIC && n->type == type;
}

uint64_t node_id(CUgraphNode n)
{
	return (uint64_t)n->graph->id << 32 | n->index;
}

int graph_id_of(void *graph, uint32_t *ret);
int graph_exec_id_of(void *graph_exec, uint32_t *ret);
int graph_node_id_of(void *node, uint64_t *ret);

int graph_id_of(void *graph, uint32_t *ret)
{
	CUgraph g = graph;

	if (!graph_is_valid(g))
		return -1;
	*ret = g->id;
	return 0;
}

int graph_exec_id_of(void *graph_exec, uint32_t *ret)
{
	CUgraphExec e = graph_exec;

	if (!e || e->magic != EXEC_MAGIC)
		return -1;
	*ret = e->id;
	return 0;
}

int graph_node_id_of(void *node, uint64_t *ret)
{
	CUgraphNode n = node;

	if (!n || n->magic != NODE_MAGIC)
		return -1;
	*ret = node_id(n);
	return 0;
}

void graph_tell(uint32_t cbid, const struct sim_graph_info *info)
{
	struct sim_graph_info copy = *info;

	drv_resource(cbid, ctx_current(), NULL, &copy);
}

CUgraph graph_create(CUgraph original)
{
	static _Atomic uint32_t next_id = 1;
	CUgraph g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->magic = GRAPH_MAGIC;
	g->id = atomic_fetch_add(&next_id, 1);
	g->original = original;
	return g;
}

void graph_destroy(CUgraph g)
{
	graph_tell(RES_GRAPH_DESTROY_STARTING, &(struct sim_graph_info){ .graph = g });
	for (size_t i = 0; i < g->n_nodes; i++) {
		CUgraphNode n = g->nodes[i];

		graph_tell(RES_GRAPHNODE_DESTROY_STARTING,
			   &(struct sim_graph_info){ .graph = g, .node = n });
		if (n->child)
			graph_destroy(n->child);
		n->magic = 0;
		free(n->deps);
		free(n);
	}
	free(g->nodes);
	g->magic = 0;
	free(g);
}

/* --- adding */
CUresult node_add_dep(CUgraphNode n, CUgraphNode dep)
{
	CUgraphNode *more = realloc(n->deps, (n->n_deps + 1) * sizeof(CUgraphNode));

	if (!more)
		return CUDA_ERROR_OUT_OF_MEMORY;
	n->deps = more;
	n->deps[n->n_deps++] = dep;
	return CUDA_SUCCESS;
}

static void node_tell_dep(CUgraphNode n, CUgraphNode dep)
{
	graph_tell(RES_GRAPHNODE_DEPENDENCY_CREATED,
		   &(struct sim_graph_info){ .graph = n->graph, .node = n, .dependency = dep });
}

CUresult graph_add(CUgraphNode *ret, CUgraph g, const CUgraphNode *deps, size_t n_deps,
		   const struct CUgraphNode_st *node)
{
	CUgraphNode *more;
	CUgraphNode n;

	if (!ret || !graph_is_valid(g) || (n_deps && !deps))
		return CUDA_ERROR_INVALID_VALUE;
	for (size_t i = 0; i < n_deps; i++)
		if (!deps[i] || deps[i]->magic != NODE_MAGIC || deps[i]->graph != g)
			return CUDA_ERROR_INVALID_VALUE;
	n = malloc(sizeof(*n));
	more = realloc(g->nodes, (g->n_nodes + 1) * sizeof(CUgraphNode));
	if (more)
		g->nodes = more;
	if (!n || !more) {
		free(n);
		return CUDA_ERROR_OUT_OF_MEMORY;
	}
	*n = *node;
	n->magic = NODE_MAGIC;
	n->graph = g;
	n->index = g->next_index++;
	n->deps = NULL;
	n->n_deps = 0;
	graph_tell(RES_GRAPHNODE_CREATE_STARTING,
		   &(struct sim_graph_info){ .graph = g, .node = n, .node_type = (int)n->type });
	for (size_t i = 0; i < n_deps; i++) {
		(void)node_add_dep(n, deps[i]);
		node_tell_dep(n, deps[i]);
	}
	g->nodes[g->n_nodes++] = n;
	*ret = n;
	/* Only CREATE_STARTING carries the type. */
	graph_tell(RES_GRAPHNODE_CREATED, &(struct sim_graph_info){ .graph = g, .node = n });
	return CUDA_SUCCESS;
}

/* --- cloning and walking */
CUgraph graph_clone(CUgraph g)
{
	CUgraph clone = graph_create(g);

	if (!clone)
		return NULL;
	graph_tell(RES_GRAPH_CREATED, &(struct sim_graph_info){ .graph = clone });
	clone->next_index = g->next_index;
	clone->nodes = calloc(g->n_nodes + 1, sizeof(CUgraphNode));
	for (size_t i = 0; clone->nodes && i < g->n_nodes; i++) {
		CUgraphNode from = g->nodes[i], n = malloc(sizeof(*n));

		if (!n)
			abort();
		*n = *from;
		n->graph = clone;
		n->original = from;
		n->deps = NULL;
		n->n_deps = 0;
		graph_tell(RES_GRAPHNODE_CREATE_STARTING,
			   &(struct sim_graph_info){ .graph = clone, .node = n,
						     .node_type = (int)n->type });
		n->child = from->child ? graph_clone(from->child) : NULL;
		clone->nodes[clone->n_nodes++] = n;
		graph_tell(RES_GRAPHNODE_CREATED,
			   &(struct sim_graph_info){ .graph = clone, .node = n });
		graph_tell(RES_GRAPHNODE_CLONED,
			   &(struct sim_graph_info){ .graph = clone, .original_graph = g,
						     .node = n, .original_node = from });
	}
	for (size_t i = 0; i < g->n_nodes; i++)
		g->nodes[i]->mark = (int)i;
	for (size_t i = 0; i < clone->n_nodes; i++) {
		CUgraphNode from = g->nodes[i];

		for (size_t k = 0; k < from->n_deps; k++) {
			CUgraphNode dep = clone->nodes[from->deps[k]->mark];

			(void)node_add_dep(clone->nodes[i], dep);
			node_tell_dep(clone->nodes[i], dep);
		}
	}
	return clone;
}

/* Depth first by an explicit stack: chains of many thousand nodes are usual. */
static size_t order_from(CUgraphNode root, CUgraphNode *order, size_t n, CUgraphNode *stack)
{
	size_t depth = 0;

	if (root->mark)
		return n;
	root->mark = 1;
	stack[depth++] = root;
	while (depth) {
		CUgraphNode at = stack[depth - 1];
		bool is_ready = true;

		for (size_t i = 0; i < at->n_deps; i++) {
			if (at->deps[i]->mark)
				continue;
			at->deps[i]->mark = 1;
			stack[depth++] = at->deps[i];
			is_ready = false;
			break;
		}
		if (is_ready) {
			order[n++] = at;
			depth--;
		}
	}
	return n;
}

CUgraphNode *graph_order(CUgraph g)
{
	CUgraphNode *order = calloc(g->n_nodes + 1, sizeof(CUgraphNode));
	CUgraphNode *stack = calloc(g->n_nodes + 1, sizeof(CUgraphNode));
	size_t n = 0;

	if (order && stack) {
		for (size_t i = 0; i < g->n_nodes; i++)
			g->nodes[i]->mark = 0;
		for (size_t i = 0; i < g->n_nodes; i++)
			n = order_from(g->nodes[i], order, n, stack);
	}
	free(stack);
	return order;
}

/* --- entry points */
ENTRY(cuGraphCreate, (CUgraph *ret, unsigned int flags), (ret, flags))
{
	if (!ret || flags)
		return CUDA_ERROR_INVALID_VALUE;
	*ret = graph_create(NULL);
	if (!*ret)
		return CUDA_ERROR_OUT_OF_MEMORY;
	graph_tell(RES_GRAPH_CREATED, &(struct sim_graph_info){ .graph = *ret });
	return CUDA_SUCCESS;
}

ENTRY(cuGraphDestroy, (CUgraph g), (g))
{
	if (!graph_is_valid(g))
		return CUDA_ERROR_INVALID_VALUE;
	graph_destroy(g);
	return CUDA_SUCCESS;
}

ENTRY(cuGraphClone, (CUgraph *ret, CUgraph g), (ret, g))
{
	if (!ret || !graph_is_valid(g))
		return CUDA_ERROR_INVALID_VALUE;
	*ret = graph_clone(g);
	if (!*ret)
		return CUDA_ERROR_OUT_OF_MEMORY;
	graph_tell(RES_GRAPH_CLONED,
		   &(struct sim_graph_info){ .graph = *ret, .original_graph = g });
	return CUDA_SUCCESS;
}

ENTRY(cuGraphGetNodes, (CUgraph g, CUgraphNode *nodes, size_t *n), (g, nodes, n))
{
	if (!graph_is_valid(g) || !n)
		return CUDA_ERROR_INVALID_VALUE;
	if (!nodes) {
		*n = g->n_nodes;
		return CUDA_SUCCESS;
	}
	for (size_t i = 0; i < *n; i++)
		nodes[i] = i < g->n_nodes ? g->nodes[i] : NULL;
	if (*n > g->n_nodes)
		*n = g->n_nodes;
	return CUDA_SUCCESS;
}

ENTRY(cuGraphGetRootNodes, (CUgraph g, CUgraphNode *nodes, size_t *n), (g, nodes, n))
{
	size_t found = 0;

	if (!graph_is_valid(g) || !n)
		return CUDA_ERROR_INVALID_VALUE;
	for (size_t i = 0; i < g->n_nodes; i++) {
		if (g->nodes[i]->n_deps)
			continue;
		if (nodes && found < *n)
			nodes[found] = g->nodes[i];
		found++;
	}
	if (!nodes || *n > found)
		*n = found;
	return CUDA_SUCCESS;
}

ENTRY(cuGraphNodeGetType, (CUgraphNode n, CUgraphNodeType *ret), (n, ret))
{
	if (!n || n->magic != NODE_MAGIC || !ret)
		return CUDA_ERROR_INVALID_VALUE;
	*ret = n->type;
	return CUDA_SUCCESS;
}

ENTRY(cuGraphChildGraphNodeGetGraph, (CUgraphNode n, CUgraph *ret), (n, ret))
{
	if (!node_is_valid(n, CU_GRAPH_NODE_TYPE_GRAPH) || !ret)
		return CUDA_ERROR_INVALID_VALUE;
	*ret = n->child;
	return CUDA_SUCCESS;
}

static CUresult graph_depend(CUgraph g, const CUgraphNode *from, const CUgraphNode *to, size_t n)
{
	if (!graph_is_valid(g) || (n && (!from || !to)))
		return CUDA_ERROR_INVALID_VALUE;
	for (size_t i = 0; i < n; i++) {
		if (!from[i] || !to[i] || from[i]->graph != g || to[i]->graph != g)
			return CUDA_ERROR_INVALID_VALUE;
		if (node_add_dep(to[i], from[i]))
			return CUDA_ERROR_OUT_OF_MEMORY;
		node_tell_dep(to[i], from[i]);
	}
	return CUDA_SUCCESS;
}

ENTRY(cuGraphAddDependencies, (CUgraph g, const CUgraphNode *from, const CUgraphNode *to,
			       size_t n), (g, from, to, n))
{
	return graph_depend(g, from, to, n);
}

ENTRY(cuGraphAddDependencies_v2, (CUgraph g, const CUgraphNode *from, const CUgraphNode *to,
				  const CUgraphEdgeData *data, size_t n), (g, from, to, data, n))
{
	return graph_depend(g, from, to, n);
}
