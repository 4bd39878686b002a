/*
 * fake_driver: a driver and a CUPTI made of tables, for tests of callbacks: calls with modules
 * inside them, a graph, stacks that are numbers. One test a process: nothing is reset.
 */
#ifndef JITNESS_TESTS_UNIT_FAKE_DRIVER_H
#define JITNESS_TESTS_UNIT_FAKE_DRIVER_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cupti/api.h"
#include "cupti/callbacks.h"
#include "cupti/captures.h"
#include "cupti/graphs.h"
#include "cupti/modules.h"
#include "tests/unit/recorded.h"

/* Handles are small integers; ids are the handles. */
#define HANDLE(type, n) ((type)(uintptr_t)(n))

static inline CUptiResult get_context_id(CUcontext context, uint32_t *id)
{
	*id = (uint32_t)(uintptr_t)context;
	return CUPTI_SUCCESS;
}

static inline CUptiResult get_exec_id(CUgraphExec exec, uint32_t *id)
{
	*id = (uint32_t)(uintptr_t)exec;
	return CUPTI_SUCCESS;
}

static inline CUptiResult get_graph_id(CUgraph graph, uint32_t *id)
{
	*id = (uint32_t)(uintptr_t)graph;
	return CUPTI_SUCCESS;
}

static inline CUresult get_library(CUlibrary *library, CUkernel kernel)
{
	CHECK(!emit_enter()); /* our own call: the guard is held */
	*library = HANDLE(CUlibrary, (uintptr_t)kernel + 1000);
	return CUDA_SUCCESS;
}

/* Graph 1: three kernel nodes of two functions, a memcpy, a child (graph 2), a conditional. */
static inline CUresult graph_nodes(CUgraph graph, CUgraphNode *nodes, size_t *n)
{
	static const uintptr_t one[] = { 10, 11, 10, 30, 40, 50 };
	size_t count = HANDLE(uintptr_t, graph) == 1 ? 6 : HANDLE(uintptr_t, graph) == 2 ? 100000 : 0;

	if (HANDLE(uintptr_t, graph) > 2)
		return CUDA_ERROR_INVALID_VALUE;
	if (!nodes) {
		*n = count;
		return CUDA_SUCCESS;
	}
	for (size_t i = 0; i < *n && i < count; i++)
		nodes[i] = HANDLE(CUgraphNode, HANDLE(uintptr_t, graph) == 1 ? one[i] : 10 + i % 20);
	return CUDA_SUCCESS;
}

static inline CUresult node_type(CUgraphNode node, CUgraphNodeType *type)
{
	switch ((uintptr_t)node) {
	case 30: *type = CU_GRAPH_NODE_TYPE_MEMCPY; break;
	case 40: *type = CU_GRAPH_NODE_TYPE_GRAPH; break;
	case 50: *type = CU_GRAPH_NODE_TYPE_CONDITIONAL; break;
	default: *type = CU_GRAPH_NODE_TYPE_KERNEL; break;
	}
	return CUDA_SUCCESS;
}

static inline CUresult node_params(CUgraphNode node, CUDA_KERNEL_NODE_PARAMS *params)
{
	/* Odd ones come as a CUkernel without a function. */
	if ((uintptr_t)node & 1)
		params->kern = HANDLE(CUkernel, node);
	else
		params->func = HANDLE(CUfunction, node);
	return CUDA_SUCCESS;
}

static inline CUresult child_graph(CUgraphNode node, CUgraph *graph)
{
	CHECK((uintptr_t)node == 40);
	*graph = HANDLE(CUgraph, 2);
	return CUDA_SUCCESS;
}

static unsigned names_asked;

static inline CUresult func_name(const char **name, CUfunction func)
{
	static char text[64][16];

	names_asked++;
	snprintf(text[(uintptr_t)func % 64], 16, "kernel_%u", (unsigned)(uintptr_t)func);
	*name = text[(uintptr_t)func % 64];
	return CUDA_SUCCESS;
}

static inline CUresult kernel_name(const char **name, CUkernel kernel)
{
	return func_name(name, HANDLE(CUfunction, kernel));
}

/* Stacks are numbers: the n-th that was taken is n and n + 100. */
static unsigned stacks, in_resource;

static inline void stack(struct stack_ids *ret)
{
	CHECK(!in_resource); /* driver locks may be held */
	CHECK(!emit_enter());
	stacks++;
	*ret = (struct stack_ids){ stacks, stacks + 100 };
}

static inline void recording(void)
{
	recording_start();
	calls_start(stack);
	captures_start();
	CHECK(!modules_start(false) && !graphs_start());
	cupti_api.GetContextId = get_context_id;
	cupti_api.GetGraphExecId = get_exec_id;
	cupti_api.GetGraphId = get_graph_id;
	driver_api.cuKernelGetLibrary = get_library;
	driver_api.cuGraphGetNodes = graph_nodes;
	driver_api.cuGraphNodeGetType = node_type;
	driver_api.cuGraphKernelNodeGetParams_v2 = node_params;
	driver_api.cuGraphChildGraphNodeGetGraph = child_graph;
	driver_api.cuFuncGetName = func_name;
	driver_api.cuKernelGetName = kernel_name;
}

static inline void site(CUpti_ApiCallbackSite where, CUpti_CallbackDomain domain, CUpti_CallbackId cbid,
		 uint32_t corr, const void *params, int result)
{
	uint64_t shared = 0;
	CUpti_CallbackData d = {
		.callbackSite = where,
		.functionParams = params,
		.functionReturnValue = where == CUPTI_API_EXIT ? &result : NULL,
		.correlationData = &shared,
		.correlationId = corr,
	};

	errno = 77;
	callbacks_receive(NULL, domain, cbid, &d);
	CHECK(errno == 77);
}
#define DRIVER(where, name, corr, params, result)                                        \
	site(CUPTI_API_##where, CUPTI_CB_DOMAIN_DRIVER_API, CUPTI_DRIVER_TRACE_CBID_##name, \
	     corr, params, result)

static inline void resource(CUpti_CallbackId cbid, void *descriptor)
{
	CUpti_ResourceData d = { .context = HANDLE(CUcontext, 1), .resourceDescriptor = descriptor };

	in_resource++;
	callbacks_receive(NULL, CUPTI_CB_DOMAIN_RESOURCE, cbid, &d);
	in_resource--;
}

static inline void module_loaded(uint32_t id)
{
	static char cubin[256] = "\x7f" "ELF";
	CUpti_ModuleResourceData m = { .moduleId = id, .cubinSize = sizeof(cubin), .pCubin = cubin };

	resource(CUPTI_CBID_RESOURCE_MODULE_LOADED, &m);
}

/* One call, from ENTER to EXIT, with a module inside it when `id` is not 0. */
static inline void call(CUpti_CallbackId cbid, const void *params, uint32_t corr, uint32_t id)
{
	site(CUPTI_API_ENTER, CUPTI_CB_DOMAIN_DRIVER_API, cbid, corr, params, 0);
	if (id)
		module_loaded(id);
	site(CUPTI_API_EXIT, CUPTI_CB_DOMAIN_DRIVER_API, cbid, corr, params, 0);
}
#define CALL(name, params, corr, id) call(CUPTI_DRIVER_TRACE_CBID_##name, params, corr, id)

#endif
