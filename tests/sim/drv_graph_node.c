/* Graph nodes: the parameters that a program gives them and reads back. */
#include "tests/sim/drv_graph.h"

#include <string.h>

/* --- kernels. Version 1 is version 2 without its last two fields. */
CUresult node_set_kernel(CUgraphNode n, const CUDA_KERNEL_NODE_PARAMS *p)
{
	struct launch l;
	CUresult r;

	if (!p)
		return CUDA_ERROR_INVALID_VALUE;
	l = (struct launch){
		p->func ? p->func : (CUfunction)p->kern,
		{ p->gridDimX, p->gridDimY, p->gridDimZ },
		{ p->blockDimX, p->blockDimY, p->blockDimZ }, p->sharedMemBytes, false };
	r = launch_check(&l);
	if (r)
		return r;
	n->type = CU_GRAPH_NODE_TYPE_KERNEL;
	n->launch = l;
	n->params = p->kernelParams;
	n->extra = p->extra;
	return CUDA_SUCCESS;
}

static CUDA_KERNEL_NODE_PARAMS kernel_from_v1(const CUDA_KERNEL_NODE_PARAMS_v1 *v1)
{
	CUDA_KERNEL_NODE_PARAMS p = { 0 };

	memcpy(&p, v1, sizeof(*v1));
	return p;
}

static void kernel_params(CUgraphNode n, CUDA_KERNEL_NODE_PARAMS *ret)
{
	*ret = (CUDA_KERNEL_NODE_PARAMS){
		.gridDimX = n->launch.grid[0], .gridDimY = n->launch.grid[1],
		.gridDimZ = n->launch.grid[2], .blockDimX = n->launch.block[0],
		.blockDimY = n->launch.block[1], .blockDimZ = n->launch.block[2],
		.sharedMemBytes = n->launch.shared_bytes, .kernelParams = n->params,
		.extra = n->extra,
	};
	if (n->launch.handle->magic == KERN_MAGIC)
		ret->kern = (CUkernel)n->launch.handle;
	else
		ret->func = n->launch.handle;
}

static CUresult kernel_add(CUgraphNode *ret, CUgraph g, const CUgraphNode *deps, size_t n,
			   const CUDA_KERNEL_NODE_PARAMS *p)
{
	struct CUgraphNode_st node = { 0 };
	CUresult r = node_set_kernel(&node, p);

	return r ? r : graph_add(ret, g, deps, n, &node);
}

ENTRY(cuGraphAddKernelNode_v2, (CUgraphNode *ret, CUgraph g, const CUgraphNode *deps, size_t n,
				const CUDA_KERNEL_NODE_PARAMS *params),
      (ret, g, deps, n, params))
{
	return kernel_add(ret, g, deps, n, params);
}

ENTRY(cuGraphAddKernelNode, (CUgraphNode *ret, CUgraph g, const CUgraphNode *deps, size_t n,
			     const CUDA_KERNEL_NODE_PARAMS_v1 *params),
      (ret, g, deps, n, params))
{
	CUDA_KERNEL_NODE_PARAMS p;

	if (!params)
		return CUDA_ERROR_INVALID_VALUE;
	p = kernel_from_v1(params);
	return kernel_add(ret, g, deps, n, &p);
}

ENTRY(cuGraphKernelNodeGetParams_v2, (CUgraphNode n, CUDA_KERNEL_NODE_PARAMS *ret), (n, ret))
{
	if (!node_is_valid(n, CU_GRAPH_NODE_TYPE_KERNEL) || !ret)
		return CUDA_ERROR_INVALID_VALUE;
	kernel_params(n, ret);
	return CUDA_SUCCESS;
}

ENTRY(cuGraphKernelNodeGetParams, (CUgraphNode n, CUDA_KERNEL_NODE_PARAMS_v1 *ret), (n, ret))
{
	CUDA_KERNEL_NODE_PARAMS p;

	if (!node_is_valid(n, CU_GRAPH_NODE_TYPE_KERNEL) || !ret)
		return CUDA_ERROR_INVALID_VALUE;
	kernel_params(n, &p);
	memcpy(ret, &p, sizeof(*ret));
	return CUDA_SUCCESS;
}

ENTRY(cuGraphKernelNodeSetParams_v2, (CUgraphNode n, const CUDA_KERNEL_NODE_PARAMS *params),
      (n, params))
{
	if (!node_is_valid(n, CU_GRAPH_NODE_TYPE_KERNEL))
		return CUDA_ERROR_INVALID_VALUE;
	return node_set_kernel(n, params);
}

ENTRY(cuGraphKernelNodeSetParams, (CUgraphNode n, const CUDA_KERNEL_NODE_PARAMS_v1 *params),
      (n, params))
{
	CUDA_KERNEL_NODE_PARAMS p;

	if (!node_is_valid(n, CU_GRAPH_NODE_TYPE_KERNEL) || !params)
		return CUDA_ERROR_INVALID_VALUE;
	p = kernel_from_v1(params);
	return node_set_kernel(n, &p);
}

/* --- copies: one row, host or device on either side */
static CUresult copy_side(CUmemorytype type, const void *host, CUdeviceptr device, size_t x,
			  uint64_t *ret)
{
	if (type != CU_MEMORYTYPE_HOST && type != CU_MEMORYTYPE_DEVICE &&
	    type != CU_MEMORYTYPE_UNIFIED)
		return CUDA_ERROR_NOT_SUPPORTED;
	*ret = (type == CU_MEMORYTYPE_HOST ? (uint64_t)host : device) + x;
	return *ret ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult node_set_copy(CUgraphNode n, const CUDA_MEMCPY3D *p)
{
	struct copy c = { .is_async = true };
	CUresult r;

	if (!p || !p->WidthInBytes)
		return CUDA_ERROR_INVALID_VALUE;
	if (p->Height > 1 || p->Depth > 1)
		return CUDA_ERROR_NOT_SUPPORTED;
	r = copy_side(p->srcMemoryType, p->srcHost, p->srcDevice, p->srcXInBytes, &c.src);
	if (!r)
		r = copy_side(p->dstMemoryType, p->dstHost, p->dstDevice, p->dstXInBytes, &c.dst);
	if (r)
		return r;
	c.bytes = p->WidthInBytes;
	n->type = CU_GRAPH_NODE_TYPE_MEMCPY;
	n->copy = c;
	n->copy_params = *p;
	return CUDA_SUCCESS;
}

ENTRY(cuGraphAddMemcpyNode, (CUgraphNode *ret, CUgraph g, const CUgraphNode *deps, size_t n,
			     const CUDA_MEMCPY3D *params, CUcontext ctx),
      (ret, g, deps, n, params, ctx))
{
	struct CUgraphNode_st node = { 0 };
	CUresult r = node_set_copy(&node, params);

	return r ? r : graph_add(ret, g, deps, n, &node);
}

ENTRY(cuGraphMemcpyNodeGetParams, (CUgraphNode n, CUDA_MEMCPY3D *ret), (n, ret))
{
	if (!node_is_valid(n, CU_GRAPH_NODE_TYPE_MEMCPY) || !ret)
		return CUDA_ERROR_INVALID_VALUE;
	*ret = n->copy_params;
	return CUDA_SUCCESS;
}

/* --- sets: one row */
CUresult node_set_memset(CUgraphNode n, const CUDA_MEMSET_NODE_PARAMS *p)
{
	if (!p || !p->dst || !p->width ||
	    (p->elementSize != 1 && p->elementSize != 2 && p->elementSize != 4))
		return CUDA_ERROR_INVALID_VALUE;
	if (p->height > 1)
		return CUDA_ERROR_NOT_SUPPORTED;
	n->type = CU_GRAPH_NODE_TYPE_MEMSET;
	n->set = (struct set){ p->dst, p->value, p->elementSize, p->width };
	n->set_params = *p;
	return CUDA_SUCCESS;
}

ENTRY(cuGraphAddMemsetNode, (CUgraphNode *ret, CUgraph g, const CUgraphNode *deps, size_t n,
			     const CUDA_MEMSET_NODE_PARAMS *params, CUcontext ctx),
      (ret, g, deps, n, params, ctx))
{
	struct CUgraphNode_st node = { 0 };
	CUresult r = node_set_memset(&node, params);

	return r ? r : graph_add(ret, g, deps, n, &node);
}

ENTRY(cuGraphMemsetNodeGetParams, (CUgraphNode n, CUDA_MEMSET_NODE_PARAMS *ret), (n, ret))
{
	if (!node_is_valid(n, CU_GRAPH_NODE_TYPE_MEMSET) || !ret)
		return CUDA_ERROR_INVALID_VALUE;
	*ret = n->set_params;
	return CUDA_SUCCESS;
}

/* --- nothing, and graphs within graphs */
ENTRY(cuGraphAddEmptyNode, (CUgraphNode *ret, CUgraph g, const CUgraphNode *deps, size_t n),
      (ret, g, deps, n))
{
	struct CUgraphNode_st node = { .type = CU_GRAPH_NODE_TYPE_EMPTY };

	return graph_add(ret, g, deps, n, &node);
}

ENTRY(cuGraphAddChildGraphNode, (CUgraphNode *ret, CUgraph g, const CUgraphNode *deps, size_t n,
				 CUgraph child), (ret, g, deps, n, child))
{
	struct CUgraphNode_st node = { .type = CU_GRAPH_NODE_TYPE_GRAPH };

	if (!graph_is_valid(child) || child == g)
		return CUDA_ERROR_INVALID_VALUE;
	node.child = graph_clone(child);
	return node.child ? graph_add(ret, g, deps, n, &node) : CUDA_ERROR_OUT_OF_MEMORY;
}
