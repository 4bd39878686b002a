/* callbacks: what the application's calls leave in the trace. */
#include "tests/unit/fake_driver.h"

TEST(callbacks_launch)
{
	cuLaunchKernel_params p = { .f = HANDLE(CUfunction, 5) };
	struct row r;

	recording();
	DRIVER(ENTER, cuLaunchKernel, 100, &p, 0);
	DRIVER(EXIT, cuLaunchKernel, 100, &p, 0);
	DRIVER(ENTER, cuLaunchKernelEx_ptsz, 101, &p, 0);
	DRIVER(EXIT, cuLaunchKernelEx_ptsz, 101, &p, 719);
	CHECK(row_find(&r, EVENT_LAUNCH, 0));
	CHECK(r.field[LAUNCH_CORR] == 100 && r.field[LAUNCH_API] == API_CU_LAUNCH_KERNEL);
	CHECK(r.field[LAUNCH_START] && r.field[LAUNCH_START] <= r.field[LAUNCH_END]);
	CHECK(row_find(&r, EVENT_LAUNCH, 1) && r.field[LAUNCH_RESULT] == 719);
	CHECK(r.field[LAUNCH_API] == API_CU_LAUNCH_KERNEL_EX);
	CHECK(emit_launches() == 2);
	/* An EXIT without its ENTER, and a call that is not followed. */
	DRIVER(EXIT, cuLaunchKernel, 102, &p, 0);
	DRIVER(ENTER, cuMemAlloc_v2, 103, &p, 0);
	DRIVER(EXIT, cuMemAlloc_v2, 103, &p, 0);
	CHECK(!row_find(&r, EVENT_LAUNCH, 2));
}

TEST(callbacks_survive_calls_that_do_not_return)
{
	struct row r;

	recording();
	for (uint32_t corr = 1; corr <= 50; corr++)
		DRIVER(ENTER, cuLaunchKernel, corr, NULL, 0);
	module_loaded(1); /* waits for a call that never ends */
	for (uint32_t corr = 51; corr <= 60; corr++) {
		DRIVER(ENTER, cuLaunchKernel, corr, NULL, 0);
		DRIVER(EXIT, cuLaunchKernel, corr, NULL, 0);
	}
	for (unsigned i = 0; i < 10; i++)
		CHECK(row_find(&r, EVENT_LAUNCH, i) && r.field[LAUNCH_CORR] == 51 + i);
	for (uint32_t corr = 61; corr <= 80; corr++)
		DRIVER(ENTER, cuLaunchKernel, corr, NULL, 0);
	CHECK(row_find(&r, EVENT_MODULE, 0) && !r.field[MODULE_LIBRARY]);
}

TEST(callbacks_load)
{
	static const char ptx[] = ".version 8.0\n.target sm_90\n";
	CUmodule module = HANDLE(CUmodule, 0x1234);
	cuModuleLoadData_params p = { .module = &module, .image = ptx };
	cuModuleLoadData_params bad = { .module = NULL, .image = NULL };
	cuModuleLoad_params file = { .module = &module, .fname = "/nowhere/x.cubin" };
	struct row r;

	recording();
	DRIVER(ENTER, cuModuleLoadData, 1, &p, 0);
	module_loaded(3);
	CHECK(!row_find(&r, EVENT_MODULE, 0)); /* waits for the handle */
	DRIVER(EXIT, cuModuleLoadData, 1, &p, 0);
	CHECK(row_find(&r, EVENT_LOAD, 0));
	CHECK(r.field[LOAD_HANDLE] == 0x1234 && r.field[LOAD_IMAGE] == IMAGE_PTX);
	CHECK(r.field[LOAD_SOURCE] == SOURCE_MAPPED && r.head->blob_len && r.blob[0] == '/');
	CHECK(r.field[LOAD_API] == API_CU_MODULE_LOAD_DATA && r.field[LOAD_CORR] == 1);
	CHECK(row_find(&r, EVENT_MODULE, 0) && r.field[MODULE_LIBRARY] == 0x1234);
	CHECK(r.field[MODULE_MODULE] == 3 && r.field[MODULE_CONTEXT] == 1);
	CHECK(r.field[MODULE_CALL_API] == API_CU_MODULE_LOAD_DATA && r.field[MODULE_CALL_CORR] == 1);
	CHECK(r.field[MODULE_BYTES] == 256 && r.field[MODULE_HASH]);

	/* A load that fails has no handle, and its arguments may be anything. */
	DRIVER(ENTER, cuModuleLoadData, 2, &bad, 0);
	DRIVER(EXIT, cuModuleLoadData, 2, &bad, CUDA_ERROR_INVALID_VALUE);
	CHECK(row_find(&r, EVENT_LOAD, 1) && !r.field[LOAD_HANDLE] && r.field[LOAD_RESULT] == 1);

	DRIVER(ENTER, cuModuleLoad, 3, &file, 0);
	DRIVER(EXIT, cuModuleLoad, 3, &file, 0);
	CHECK(row_find(&r, EVENT_LOAD, 2) && r.field[LOAD_SOURCE] == SOURCE_PATH);
	CHECK(r.head->blob_len == 16 && !memcmp(r.blob, "/nowhere/x.cubin", 16));
	CHECK(modules_total() == 1);
}

TEST(callbacks_lazy_module)
{
	cuLaunchKernel_params p = { .f = HANDLE(CUfunction, 42) };
	cuKernelGetFunction_params get = { .kernel = HANDLE(CUkernel, 43) };
	CUpti_ModuleResourceData gone = { .moduleId = 5 };
	struct row r;

	recording();
	DRIVER(ENTER, cuLaunchKernel, 7, &p, 0);
	module_loaded(5);
	DRIVER(EXIT, cuLaunchKernel, 7, &p, 0);
	CHECK(row_find(&r, EVENT_MODULE, 0) && r.field[MODULE_LIBRARY] == 1042);
	CHECK(r.field[MODULE_CALL_API] == API_CU_LAUNCH_KERNEL && r.field[MODULE_CALL_CORR] == 7);
	/* A look-up inside a launch: the innermost call is named. */
	DRIVER(ENTER, cuLaunchKernel, 8, &p, 0);
	DRIVER(ENTER, cuKernelGetFunction, 9, &get, 0);
	module_loaded(6);
	DRIVER(EXIT, cuKernelGetFunction, 9, &get, 0);
	DRIVER(EXIT, cuLaunchKernel, 8, &p, 0);
	CHECK(row_find(&r, EVENT_MODULE, 1) && r.field[MODULE_LIBRARY] == 1043);
	CHECK(r.field[MODULE_CALL_API] == API_CU_KERNEL_GET_FUNCTION);
	/* Outside every call it is told at once. */
	module_loaded(7);
	CHECK(row_find(&r, EVENT_MODULE, 2) && !r.field[MODULE_CALL_API]);
	/* More than can wait. */
	DRIVER(ENTER, cuLaunchKernel, 10, &p, 0);
	for (uint32_t i = 0; i < 10; i++)
		module_loaded(100 + i);
	DRIVER(EXIT, cuLaunchKernel, 10, &p, 0);
	CHECK(modules_total() == 13);
	resource(CUPTI_CBID_RESOURCE_MODULE_UNLOAD_STARTING, &gone);
	CHECK(row_find(&r, EVENT_UNLOAD, 0) && r.field[UNLOAD_MODULE] == 5);
}

static uint64_t kernels_of(const char *name, uint64_t version)
{
	struct row r;

	for (unsigned i = 0; row_find(&r, EVENT_GRAPH_KERNEL, i); i++)
		if (r.field[GRAPH_KERNEL_VERSION] == version && r.head->blob_len == strlen(name) &&
		    !memcmp(r.blob, name, strlen(name)))
			return r.field[GRAPH_KERNEL_COUNT];
	return UINT64_MAX;
}

static void set_node(CUgraphExec exec, uintptr_t node, uintptr_t func)
{
	CUDA_KERNEL_NODE_PARAMS params = { .func = HANDLE(CUfunction, func) };
	cuGraphExecKernelNodeSetParams_v2_params set = {
		.hGraphExec = exec, .hNode = HANDLE(CUgraphNode, node), .nodeParams = &params,
	};

	DRIVER(ENTER, cuGraphExecKernelNodeSetParams_v2, 4, &set, 0);
	DRIVER(EXIT, cuGraphExecKernelNodeSetParams_v2, 4, &set, 0);
}

/* A library sets the same nodes to the same kernels before every replay: they are named once. */
TEST(callbacks_node_updates_name_what_is_new)
{
	CUgraphExec exec = HANDLE(CUgraphExec, 78);
	cuGraphInstantiateWithFlags_params p = { .phGraphExec = &exec, .hGraph = HANDLE(CUgraph, 1) };
	cuGraphExecUpdate_v2_params update = { .hGraphExec = exec, .hGraph = HANDLE(CUgraph, 2) };
	CUpti_ModuleResourceData gone = { .moduleId = 5 };
	struct row r;

	recording();
	DRIVER(ENTER, cuGraphInstantiateWithFlags, 1, &p, 0);
	DRIVER(EXIT, cuGraphInstantiateWithFlags, 1, &p, 0);
	set_node(exec, 1, 12); /* version 1 */
	set_node(exec, 2, 12);
	set_node(exec, 1, 12);
	set_node(exec, 1, 13);
	set_node(exec, 1, 12); /* 5 */
	CHECK(kernels_of("kernel_12", 1) == 0 && kernels_of("kernel_12", 2) == 0);
	CHECK(kernels_of("kernel_12", 3) == UINT64_MAX);
	CHECK(kernels_of("kernel_13", 4) == 0 && kernels_of("kernel_12", 5) == 0);
	CHECK(row_find(&r, EVENT_GRAPH, 3) && !r.field[GRAPH_UNLISTED] && r.field[GRAPH_VERSION] == 3);
	/* The handle may be another kernel's now. */
	resource(CUPTI_CBID_RESOURCE_MODULE_UNLOAD_STARTING, &gone);
	set_node(exec, 1, 12);
	CHECK(kernels_of("kernel_12", 6) == 0);
	/* The whole is listed anew, as another graph has it. */
	DRIVER(ENTER, cuGraphExecUpdate_v2, 3, &update, 0);
	DRIVER(EXIT, cuGraphExecUpdate_v2, 3, &update, 0);
	set_node(exec, 1, 12);
	CHECK(kernels_of("kernel_12", 8) == 0);
}

static unsigned ids_asked, id_base;

static CUptiResult exec_id_counted(CUgraphExec exec, uint32_t *id)
{
	ids_asked++;
	*id = id_base + (uint32_t)(uintptr_t)exec;
	return CUPTI_SUCCESS;
}

static CUptiResult context_id_counted(CUcontext context, uint32_t *id)
{
	ids_asked++;
	*id = id_base + (uint32_t)(uintptr_t)context;
	return CUPTI_SUCCESS;
}

/* A handle is asked about again when another object may have it. */
TEST(callbacks_remember_ids_until_something_ends)
{
	CUgraphExec exec = HANDLE(CUgraphExec, 78);
	cuGraphInstantiateWithFlags_params p = { .phGraphExec = &exec, .hGraph = HANDLE(CUgraph, 3) };
	CUpti_GraphData ends = { .graphExec = exec };
	CUpti_ModuleResourceData gone = { .moduleId = 5 };
	struct row r;

	recording();
	cupti_api.GetGraphExecId = exec_id_counted;
	cupti_api.GetContextId = context_id_counted;
	CALL(cuGraphInstantiateWithFlags, &p, 1, 0);
	set_node(exec, 1, 12);
	set_node(exec, 2, 12);
	CHECK(ids_asked == 1 && row_find(&r, EVENT_GRAPH, 2) && r.field[GRAPH_GRAPH] == 78);
	set_node(HANDLE(CUgraphExec, 79), 1, 12);
	set_node(exec, 1, 12);
	CHECK(row_find(&r, EVENT_GRAPH, 3) && r.field[GRAPH_GRAPH] == 79);
	CHECK(row_find(&r, EVENT_GRAPH, 4) && r.field[GRAPH_GRAPH] == 78);
	/* The same handle, of another executable: its end was told, or only its successor. */
	resource(CUPTI_CBID_RESOURCE_GRAPHEXEC_DESTROY_STARTING, &ends);
	id_base = 100;
	set_node(exec, 1, 12);
	CHECK(row_find(&r, EVENT_GRAPH, 6) && r.field[GRAPH_GRAPH] == 178);
	id_base = 200;
	CALL(cuGraphInstantiateWithFlags, &p, 5, 0);
	set_node(exec, 1, 12);
	CHECK(row_find(&r, EVENT_GRAPH, 7) && r.field[GRAPH_GRAPH] == 278);
	CHECK(row_find(&r, EVENT_GRAPH, 8) && r.field[GRAPH_GRAPH] == 278);

	ids_asked = 0;
	resource(CUPTI_CBID_RESOURCE_MODULE_UNLOAD_STARTING, &gone);
	resource(CUPTI_CBID_RESOURCE_MODULE_UNLOAD_STARTING, &gone);
	CHECK(ids_asked == 1 && row_find(&r, EVENT_UNLOAD, 1) && r.field[UNLOAD_CONTEXT] == 201);
	resource(CUPTI_CBID_RESOURCE_CONTEXT_DESTROY_STARTING, NULL);
	id_base = 300;
	resource(CUPTI_CBID_RESOURCE_MODULE_UNLOAD_STARTING, &gone);
	CHECK(row_find(&r, EVENT_UNLOAD, 2) && r.field[UNLOAD_CONTEXT] == 301);
}

TEST(callbacks_graph)
{
	CUgraphExec exec = HANDLE(CUgraphExec, 77);
	cuGraphInstantiateWithFlags_params p = { .phGraphExec = &exec, .hGraph = HANDLE(CUgraph, 1) };
	cuGraphExecUpdate_v2_params update = { .hGraphExec = exec, .hGraph = HANDLE(CUgraph, 2) };
	CUDA_KERNEL_NODE_PARAMS node = { .func = HANDLE(CUfunction, 12) };
	cuGraphExecKernelNodeSetParams_v2_params set = { .hGraphExec = exec, .nodeParams = &node };
	CUpti_GraphData gone = { .graphExec = exec };
	struct row r;

	recording();
	DRIVER(ENTER, cuGraphInstantiateWithFlags, 1, &p, 0);
	DRIVER(EXIT, cuGraphInstantiateWithFlags, 1, &p, 0);
	CHECK(row_find(&r, EVENT_GRAPH, 0) && !row_find(&r, EVENT_GRAPH, 1));
	row_find(&r, EVENT_GRAPH, 0);
	CHECK(r.field[GRAPH_OP] == GRAPH_OP_INSTANTIATE && r.field[GRAPH_VERSION] == 0);
	CHECK(r.field[GRAPH_GRAPH] == 77 && r.field[GRAPH_SOURCE_GRAPH] == 1);
	CHECK(r.field[GRAPH_NODES] == 100006 && r.field[GRAPH_KERNEL_NODES] == 100003);
	CHECK(r.field[GRAPH_UNLISTED] == 1);
	CHECK(kernels_of("kernel_10", 0) == 5002 && kernels_of("kernel_11", 0) == 5001);
	CHECK(kernels_of("kernel_29", 0) == 5000);
	CHECK(names_asked == 20); /* not once for each of 100,003 nodes */

	DRIVER(ENTER, cuGraphExecUpdate_v2, 2, &update, 0);
	DRIVER(EXIT, cuGraphExecUpdate_v2, 2, &update, 910);
	CHECK(row_find(&r, EVENT_GRAPH, 1) && r.field[GRAPH_RESULT] == 910);
	CHECK(r.field[GRAPH_VERSION] == 0 && !r.field[GRAPH_NODES]);
	DRIVER(ENTER, cuGraphExecUpdate_v2, 3, &update, 0);
	DRIVER(EXIT, cuGraphExecUpdate_v2, 3, &update, 0);
	CHECK(row_find(&r, EVENT_GRAPH, 2) && r.field[GRAPH_VERSION] == 1);
	CHECK(r.field[GRAPH_OP] == GRAPH_OP_UPDATE && kernels_of("kernel_10", 1) == 5000);
	DRIVER(ENTER, cuGraphExecKernelNodeSetParams_v2, 4, &set, 0);
	DRIVER(EXIT, cuGraphExecKernelNodeSetParams_v2, 4, &set, 0);
	CHECK(row_find(&r, EVENT_GRAPH, 3) && r.field[GRAPH_VERSION] == 2);
	CHECK(r.field[GRAPH_OP] == GRAPH_OP_NODE_UPDATE && kernels_of("kernel_12", 2) == 0);
	resource(CUPTI_CBID_RESOURCE_GRAPHEXEC_DESTROY_STARTING, &gone);
	CHECK(row_find(&r, EVENT_GRAPH, 4) && r.field[GRAPH_OP] == GRAPH_OP_DESTROY);
	CHECK(r.field[GRAPH_VERSION] == 2);

	/* Only the runtime's callback: it tells. And an instantiation that failed. */
	DRIVER(ENTER, cuGraphInstantiateWithFlags, 5, &p, 0);
	DRIVER(EXIT, cuGraphInstantiateWithFlags, 5, &p, 0);
	CHECK(row_find(&r, EVENT_GRAPH, 5) && r.field[GRAPH_API] == API_CU_GRAPH_INSTANTIATE);
	CHECK(r.field[GRAPH_VERSION] == 0);
	p.phGraphExec = NULL;
	DRIVER(ENTER, cuGraphInstantiate, 6, &p, 0);
	DRIVER(EXIT, cuGraphInstantiate, 6, &p, 1);
	CHECK(row_find(&r, EVENT_GRAPH, 6) && !r.field[GRAPH_GRAPH]);
}

TEST(callbacks_do_nothing_when_off)
{
	struct row r;

	recording();
	emit_stop();
	DRIVER(ENTER, cuLaunchKernel, 100, NULL, 0);
	DRIVER(EXIT, cuLaunchKernel, 100, NULL, 0);
	module_loaded(1);
	CHECK(!row_find(&r, EVENT_LAUNCH, 0) && !row_find(&r, EVENT_MODULE, 0));
}
