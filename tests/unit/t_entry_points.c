/* The driver's entry points: whom a wrapper is given for, what a call tells, and numbers for handles. */
#include <pthread.h>

#include "cupti/entry_calls.h"
#include "cupti/entry_points.h"
#include "cupti/graph_nodes.h"
#include "cupti/handles.h"
#include "cupti/resources.h"
#include "tests/unit/fake_driver.h"

/* --- a driver of a few functions, which is "unloaded" by a change of the generation */
static CUresult module_load_data(CUmodule *module, const void *image);
static CUresult module_unload(CUmodule module);
static CUresult get_proc_address(const char *symbol, void **ret, int version, cuuint64_t flags);
static CUresult module_load(CUmodule *module, const char *path);
static CUresult instantiate(CUgraphExec *exec, CUgraph graph, unsigned long long flags);
static CUresult set_params(CUgraphExec exec, CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS *params);
static CUresult unknown_version(void) { return CUDA_ERROR_UNKNOWN; }

static uint64_t generation;
static bool present = true;
static unsigned searches;

static void *in_driver(const char *symbol)
{
	searches++;
	if (!present)
		return NULL;
	if (!strcmp(symbol, "cuModuleLoadData"))
		return (void *)module_load_data;
	if (!strcmp(symbol, "cuModuleUnload"))
		return (void *)module_unload;
	if (!strcmp(symbol, "cuGetProcAddress"))
		return (void *)get_proc_address;
	if (!strcmp(symbol, "cuGraphInstantiateWithFlags"))
		return (void *)instantiate;
	if (!strcmp(symbol, "cuGraphExecKernelNodeSetParams_v2"))
		return (void *)set_params;
	return !strcmp(symbol, "cuModuleLoad") ? (void *)module_load : NULL;
}

static void *beside(const void *address, const char *symbol)
{
	CHECK(address);
	return in_driver(symbol);
}

static uint64_t generation_now(void)
{
	return generation;
}

static void *meant_by(unsigned id, const char *symbol, const void *caller)
{
	CHECK(id == entry_point_find(symbol) && caller);
	return in_driver(symbol);
}

const struct entry_finder entry_finder = { in_driver, beside, generation_now, meant_by };

static unsigned nested; /* a load that makes another one inside */

static CUresult module_load_data(CUmodule *module, const void *image)
{
	if (nested && nested--) {
		CUmodule inner;

		CHECK((cuModuleLoadData(&inner, image)) == 0);
	}
	errno = ENXIO; /* the application's: it must arrive */
	*module = HANDLE(CUmodule, 0x5000);
	return image ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

static CUresult module_load(CUmodule *module, const char *path)
{
	return module_load_data(module, path);
}

static CUresult module_unload(CUmodule module)
{
	return module == HANDLE(CUmodule, 0x5000) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

static CUresult instantiate(CUgraphExec *exec, CUgraph graph, unsigned long long flags)
{
	(void)graph;
	*exec = HANDLE(CUgraphExec, 0x7000 + flags);
	return CUDA_SUCCESS;
}

/* Node 9 refuses. */
static CUresult set_params(CUgraphExec exec, CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS *params)
{
	CHECK(exec && params);
	return node == HANDLE(CUgraphNode, 9) ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

static CUresult get_proc_address(const char *symbol, void **ret, int version, cuuint64_t flags)
{
	(void)flags;
	*ret = !strcmp(symbol, "cuModuleLoadData") && version ? (void *)module_load_data :
	       (void *)unknown_version;
	return CUDA_SUCCESS;
}

TEST(entry_points_wrap_what_they_know)
{
	unsigned load = entry_point_find("cuModuleLoadData");
	void *wrapper;

	CHECK(load != ENTRY_NONE && entry_point_find("cuModuleLoadDat") == ENTRY_NONE);
	CHECK(entry_point_find("cuLaunchKernel") == ENTRY_NONE);
	/* Nothing is given out while calls are not followed. */
	CHECK(entry_point_wrap(load, (void *)module_load_data) == (void *)module_load_data);
	entry_points_load();
	wrapper = entry_point_wrap(load, (void *)module_load_data);
	CHECK(wrapper && wrapper != (void *)module_load_data);
	CHECK(wrapper == entry_point_wrap(load, (void *)module_load_data));
	/* Another version, another tool's function, nothing at all: untouched. */
	CHECK(entry_point_wrap(load, (void *)unknown_version) == (void *)unknown_version);
	CHECK(entry_point_wrap(load, NULL) == NULL);
	/* The driver is looked through once, and again after a library was unloaded. */
	searches = 0;
	CHECK(entry_point_wrap(load, (void *)module_load_data) == wrapper && !searches);
	generation++;
	CHECK(entry_point_wrap(load, (void *)module_load_data) == wrapper && searches);
}

TEST(entry_points_missing_driver)
{
	CUmodule module;

	present = false;
	CHECK((cuModuleLoadData(&module, "x")) == CUDA_ERROR_NOT_INITIALIZED);
	present = true;
	CHECK((cuLinkComplete(NULL, NULL, NULL)) == CUDA_ERROR_NOT_FOUND);
}

static void *asked(const char *name, int version)
{
	CUresult (*get)(const char *, void **, int, cuuint64_t);
	void *ret = NULL;

	*(void **)&get = entry_point_wrap(entry_point_find("cuGetProcAddress"), (void *)get_proc_address);
	CHECK((void *)get != (void *)get_proc_address);
	CHECK((get(name, &ret, version, 0)) == 0);
	return ret;
}

TEST(entry_points_answers)
{
	entry_points_load();
	CHECK(asked("cuModuleLoadData", 12000) ==
	      entry_point_wrap(entry_point_find("cuModuleLoadData"), (void *)module_load_data));
	/* Not one of ours: nobody's concern. */
	CHECK(asked("cuLaunchKernel", 12000) == (void *)unknown_version);
	recording_start();
	entry_points_start();
	CHECK(!rows_of(EVENT_NOTE));
	/* A version of a name of ours that we do not know is left alone, and said once. */
	CHECK(asked("cuModuleUnload", 0) == (void *)unknown_version);
	CHECK(asked("cuModuleUnload", 0) == (void *)unknown_version);
	CHECK(rows_of(EVENT_NOTE) == 1);
}

static CUresult function_count(unsigned int *n, CUmodule module)
{
	*n = module ? 100 : 0;
	return CUDA_SUCCESS;
}

static CUresult function_list(CUfunction *ret, unsigned int n, CUmodule module)
{
	CHECK(n <= 64 && module); /* bounded, whatever the module has */
	for (unsigned i = 0; i < n; i++)
		ret[i] = HANDLE(CUfunction, i + 1);
	return CUDA_SUCCESS;
}

static void following(void)
{
	recording();
	entry_points_load();
	(void)resources_start();
	driver_api.cuModuleGetFunctionCount = function_count;
	driver_api.cuModuleEnumerateFunctions = function_list;
	entry_points_start();
}

TEST(entry_points_tell_a_module)
{
	CUmodule module;
	struct row r;

	following();
	errno = 5;
	CHECK(cuModuleLoadData(&module, ".version 8.0\n") == 0);
	CHECK(errno == ENXIO && module == HANDLE(CUmodule, 0x5000));
	CHECK(stacks == 1 && rows_of(EVENT_LOAD) == 1 && rows_of(EVENT_MODULE) == 1);
	CHECK(row_find(&r, EVENT_LOAD, 0) && r.field[LOAD_CORR] == 1 && r.field[LOAD_NATIVE] == 1);
	CHECK(r.field[LOAD_API] == API_CU_MODULE_LOAD_DATA && r.field[LOAD_IMAGE] == IMAGE_PTX);
	CHECK(row_find(&r, EVENT_MODULE, 0) && r.field[MODULE_CALL_CORR] == 1);
	CHECK(r.field[MODULE_LIBRARY] == 0x5000 && r.field[MODULE_MODULE] == 1);
	CHECK(!r.field[MODULE_HASH] && r.field[MODULE_KERNELS] == 100);
	CHECK(rows_of(EVENT_MODULE_KERNELS) == 1 && row_find(&r, EVENT_MODULE_KERNELS, 0));
	CHECK(!r.field[MODULE_KERNELS_HASH] && r.field[MODULE_KERNELS_MODULE] == 1);
	CHECK(!strcmp(r.blob, "kernel_1") && names_asked == 64);

	/* A failure is a LOAD and no MODULE; an unload that fails ends nothing. */
	CHECK(cuModuleLoadData(&module, NULL) == CUDA_ERROR_INVALID_VALUE);
	CHECK(rows_of(EVENT_LOAD) == 2 && rows_of(EVENT_MODULE) == 1);
	CHECK(cuModuleUnload(HANDLE(CUmodule, 0x6000)) == CUDA_ERROR_INVALID_HANDLE);
	CHECK(!rows_of(EVENT_UNLOAD));
	CHECK(cuModuleUnload(HANDLE(CUmodule, 0x5000)) == 0);
	CHECK(rows_of(EVENT_UNLOAD) == 1 && row_find(&r, EVENT_UNLOAD, 0));
	CHECK(r.field[UNLOAD_MODULE] == 1);
	/* Of a module that we do not know nothing is said. */
	CHECK(cuModuleUnload(HANDLE(CUmodule, 0x5000)) == 0 && rows_of(EVENT_UNLOAD) == 1);
}

TEST(entry_points_nested_calls_count_once)
{
	CUmodule module;

	following();
	nested = 2;
	CHECK(cuModuleLoadData(&module, ".version 8.0\n") == 0);
	CHECK(rows_of(EVENT_LOAD) == 1 && rows_of(EVENT_MODULE) == 1);
	CHECK(cuModuleLoadData(&module, ".version 8.0\n") == 0);
	CHECK(rows_of(EVENT_LOAD) == 2 && rows_of(EVENT_MODULE) == 2);
}

static CUresult set(CUgraphExec exec, uintptr_t node, uintptr_t func)
{
	CUDA_KERNEL_NODE_PARAMS params = { .func = HANDLE(CUfunction, func) };

	return cuGraphExecKernelNodeSetParams(exec, HANDLE(CUgraphNode, node), &params);
}

/* The n-th row: how many sets it stands for, of which version on, with a call of its own or without. */
static void check_sets(size_t n, uint64_t sets, uint64_t version, bool call)
{
	struct row r;

	CHECK(row_find(&r, EVENT_GRAPH, n) && r.field[GRAPH_OP] == GRAPH_OP_NODE_UPDATE);
	CHECK(r.field[GRAPH_NODES] == sets && r.field[GRAPH_KERNEL_NODES] == sets);
	CHECK(r.field[GRAPH_VERSION] == version && (r.field[GRAPH_CORR] != 0) == call);
	CHECK(r.field[GRAPH_END] >= r.field[GRAPH_START] && r.field[GRAPH_START]);
}

TEST(entry_points_count_sets_that_change_no_kernel)
{
	CUgraphExec exec, other;
	struct row r;

	following();
	CHECK(cuGraphInstantiateWithFlags(&exec, HANDLE(CUgraph, 1), 1) == 0);
	CHECK(cuGraphInstantiateWithFlags(&other, HANDLE(CUgraph, 1), 2) == 0);
	CHECK(rows_of(EVENT_GRAPH) == 2);
	for (unsigned i = 0; i < 5; i++)
		CHECK(set(exec, 1, 12) == 0 && set(exec, 2, 13) == 0);
	CHECK(set(other, 1, 12) == 0); /* the same node and kernel, of another */
	CHECK(rows_of(EVENT_GRAPH) == 5);
	check_sets(2, 1, 1, true);
	check_sets(3, 1, 2, true);
	check_sets(4, 1, 1, true);
	/* What was counted comes before a change, and once. */
	CHECK(set(exec, 1, 14) == 0);
	CHECK(rows_of(EVENT_GRAPH) == 7);
	check_sets(5, 8, 10, false);
	check_sets(6, 1, 11, true);
	CHECK(set(exec, 1, 14) == 0 && set(exec, 1, 14) == 0 && rows_of(EVENT_GRAPH) == 7);
	graph_nodes_tell_all();
	graph_nodes_tell_all();
	CHECK(rows_of(EVENT_GRAPH) == 8);
	check_sets(7, 2, 13, false);
	CHECK(set(other, 1, 12) == 0 && rows_of(EVENT_GRAPH) == 8);
	graph_nodes_tell_all();
	CHECK(rows_of(EVENT_GRAPH) == 9);
	check_sets(8, 1, 2, false);
	/* One that fails is told, whatever was known before. */
	CHECK(set(exec, 9, 12) == CUDA_ERROR_INVALID_VALUE && rows_of(EVENT_GRAPH) == 10);
	CHECK(row_find(&r, EVENT_GRAPH, 9) && r.field[GRAPH_RESULT] == CUDA_ERROR_INVALID_VALUE);
	CHECK(!r.field[GRAPH_NODES] && r.field[GRAPH_VERSION] == 13);
	/* After an instantiation the trace knows no node. */
	CHECK(cuGraphInstantiateWithFlags(&other, HANDLE(CUgraph, 1), 3) == 0);
	CHECK(set(exec, 1, 14) == 0 && rows_of(EVENT_GRAPH) == 12);
	check_sets(11, 1, 14, true);
}

TEST(entry_points_our_own_calls_are_not_told)
{
	CUmodule module;

	following();
	CHECK(emit_enter());
	CHECK(cuModuleLoadData(&module, ".version 8.0\n") == 0 && cuModuleUnload(module) == 0);
	emit_leave();
	emit_stop();
	CHECK(cuModuleLoadData(&module, ".version 8.0\n") == 0);
	CHECK(!rows_of(EVENT_LOAD) && !rows_of(EVENT_UNLOAD));
}

TEST(handles_are_numbered_once)
{
	struct handles h = { 0 };
	uint32_t owner = 0;
	uintptr_t handle;
	bool kept;

	CHECK(!handles_start(&h, 256));
	CHECK(handles_add(&h, 0x1000, 7, &kept) == 1 && kept);
	CHECK(handles_add(&h, 0x1040, 8, &kept) == 2 && kept);
	CHECK(handles_find(&h, 0x1000) == 1 && handles_find(&h, 0x1040) == 2 && !handles_find(&h, 0x2000));
	/* The driver uses an address again: another number. */
	CHECK(handles_take(&h, 0x1000, &owner) == 1 && owner == 7 && !handles_take(&h, 0x1000, NULL));
	CHECK(handles_add(&h, 0x1000, 8, &kept) == 3 && handles_find(&h, 0x1000) == 3);
	/* What did not end keeps its own. */
	CHECK(handles_take(&h, 0x1000, &owner) == 3);
	handles_restore(&h, 0x1000, 3, owner);
	CHECK(handles_find(&h, 0x1000) == 3);
	CHECK(handles_take_of(&h, 8, &handle) && handles_take_of(&h, 8, &handle) && !handles_take_of(&h, 8, &handle));
	CHECK(!handles_find(&h, 0x1000) && !handles_find(&h, 0x1040));
	/* Full: numbers go on, and the caller is told. */
	for (uint32_t i = 0; i < 256; i++)
		(void)handles_add(&h, 0x100000 + 64 * i, 0, &kept);
	for (uint32_t i = 0; i < 64; i++)
		(void)handles_add(&h, 0x900000 + 64 * i, 0, &kept);
	CHECK(!kept && atomic_load(&h.last) == 3 + 256 + 64);
}

/* Four places, so that most lie behind others: what is taken leaves a hole that hides nothing. */
TEST(handles_behind_holes)
{
	static const uintptr_t handle[4] = { 0x1000, 0x2040, 0x3080, 0x40c0 };
	struct handles h = { 0 };
	uint32_t id[4];
	bool kept;

	CHECK(!handles_start(&h, 4));
	for (unsigned i = 0; i < 4; i++)
		id[i] = handles_add(&h, handle[i], 0, &kept);
	for (unsigned round = 0; round < 200; round++) {
		const unsigned gone = (round * 2654435761u >> 13) % 4;

		CHECK(handles_take(&h, handle[gone], NULL) == id[gone]);
		for (unsigned i = 0; i < 4; i++)
			CHECK(handles_find(&h, handle[i]) == (i == gone ? 0 : id[i]));
		id[gone] = handles_add(&h, handle[gone], 0, &kept);
		CHECK(kept);
	}
}

enum { HANDLE_THREADS = 4, HANDLE_ROUNDS = 20000 };
static struct handles shared_handles;

static void *use_handles(void *arg)
{
	uintptr_t handle = (uintptr_t)arg;
	bool kept;

	for (int i = 0; i < HANDLE_ROUNDS; i++) {
		uint32_t id = handles_add(&shared_handles, handle, 1, &kept);

		CHECK(kept && handles_find(&shared_handles, handle) == id);
		CHECK(handles_take(&shared_handles, handle, NULL) == id);
	}
	return NULL;
}

TEST_THREADS(handles_in_threads)
{
	pthread_t thread[HANDLE_THREADS];

	CHECK(!handles_start(&shared_handles, 4)); /* one run: all collide */
	for (uintptr_t i = 0; i < HANDLE_THREADS; i++)
		CHECK(!pthread_create(&thread[i], NULL, use_handles, (void *)(0x1000 + 64 * i)));
	for (int i = 0; i < HANDLE_THREADS; i++)
		CHECK(!pthread_join(thread[i], NULL));
	CHECK(atomic_load(&shared_handles.last) == HANDLE_THREADS * HANDLE_ROUNDS);
}
