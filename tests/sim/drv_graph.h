/* drv_graph: graphs, their nodes, and executable graphs, as the graph files share them. */
#ifndef JITNESS_SIM_DRV_GRAPH_H
#define JITNESS_SIM_DRV_GRAPH_H

#include "tests/sim/drv.h"

enum { GRAPH_MAGIC = 0x67726170, NODE_MAGIC = 0x6e6f6465, EXEC_MAGIC = 0x65786563 };

struct CUgraphNode_st {
	uint32_t magic;
	struct CUgraph_st *graph;
	uint32_t index;                  /* unique in its graph */
	uint32_t exec_index;             /* in an executable graph, which is flat */
	CUgraphNodeType type;
	struct launch launch;            /* kernel nodes */
	void **params, **extra;
	struct copy copy;
	CUDA_MEMCPY3D copy_params;
	struct set set;
	CUDA_MEMSET_NODE_PARAMS set_params;
	CUevent event;
	struct CUgraph_st *child;        /* child graph nodes own it */
	struct CUgraphNode_st *original; /* the node that this one was cloned from */
	struct CUgraphNode_st **deps;
	size_t n_deps;
	int mark;                        /* topological walk */
};

struct CUgraph_st {
	uint32_t magic, id, next_index;
	struct CUgraph_st *original;
	struct CUgraphNode_st **nodes;
	size_t n_nodes;
};

struct CUgraphExec_st {
	uint32_t magic, id;
	struct CUgraph_st *graph;        /* a private clone; its id is ours */
	struct CUgraph_st *shadow;       /* the driver makes two; this one only takes an id */
	struct CUgraphNode_st **order;   /* leaf nodes of all levels, in execution order */
	size_t n_order;
};

/* Adds a node; copies the dependencies. Owns nothing of `node` but what it allocates. */
CUresult graph_add(CUgraphNode *ret, CUgraph graph, const CUgraphNode *deps, size_t n_deps,
		   const struct CUgraphNode_st *node);
CUgraph graph_create(CUgraph original);
CUgraph graph_clone(CUgraph graph);
void graph_destroy(CUgraph graph);
bool graph_is_valid(CUgraph graph);
bool node_is_valid(CUgraphNode node, CUgraphNodeType type);
CUresult node_add_dep(CUgraphNode node, CUgraphNode dep);
/* Nodes of one graph in dependency order; caller frees. */
CUgraphNode *graph_order(CUgraph graph);
uint64_t node_id(CUgraphNode node);
void graph_tell(uint32_t cbid, const struct sim_graph_info *info);
CUresult node_set_kernel(CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS *params);
CUresult node_set_copy(CUgraphNode node, const CUDA_MEMCPY3D *params);
CUresult node_set_memset(CUgraphNode node, const CUDA_MEMSET_NODE_PARAMS *params);

#endif
