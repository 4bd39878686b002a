/* provenance: where code and graphs came from: stacks, libraries, hashes, captures. */
#include "tests/unit/fake_driver.h"

#include <elf.h>
#include <unistd.h>

#include "trace/hash.h"

static unsigned graph_types_asked;

static CUresult node_type_counted(CUgraphNode node, CUgraphNodeType *type)
{
	graph_types_asked++;
	return node_type(node, type);
}

static void capture(uintptr_t stream, CUgraph *graph, uint32_t corr, int result)
{
	cuStreamBeginCapture_v2_params begin = { .hStream = HANDLE(CUstream, stream) };
	cuStreamEndCapture_params end = { .hStream = HANDLE(CUstream, stream), .phGraph = graph };

	DRIVER(ENTER, cuStreamBeginCapture_v2, corr, &begin, 0);
	DRIVER(EXIT, cuStreamBeginCapture_v2, corr, &begin, 0);
	usleep(2000);
	DRIVER(ENTER, cuStreamEndCapture, corr + 1, &end, 0);
	DRIVER(EXIT, cuStreamEndCapture, corr + 1, &end, result);
}

TEST(provenance_capture)
{
	CUgraph graph = HANDLE(CUgraph, 1), none = NULL;
	cuStreamEndCapture_params end = { .hStream = HANDLE(CUstream, 0x5000), .phGraph = &graph };
	cuStreamBeginCapture_params begin = { .hStream = HANDLE(CUstream, 0x5000) };
	struct row r;

	recording();
	driver_api.cuGraphNodeGetType = node_type_counted;
	capture(0x1000, &graph, 10, 0);
	CHECK(rows_of(EVENT_GRAPH) == 1 && row_find(&r, EVENT_GRAPH, 0));
	CHECK(r.field[GRAPH_OP] == GRAPH_OP_CAPTURE && r.field[GRAPH_CORR] == 11);
	CHECK(r.field[GRAPH_API] == API_CU_STREAM_END_CAPTURE && !r.field[GRAPH_RESULT]);
	CHECK(r.field[GRAPH_SOURCE_GRAPH] == 1 && !r.field[GRAPH_GRAPH]);
	CHECK(r.field[GRAPH_NODES] == 100006 && r.field[GRAPH_KERNEL_NODES] == 100003);
	CHECK(r.field[GRAPH_UNLISTED] == 1);
	CHECK(graph_types_asked == 100006 && !names_asked && !rows_of(EVENT_GRAPH_KERNEL));
	CHECK(r.field[GRAPH_END] - r.field[GRAPH_START] >= 2000000);
	CHECK(r.field[GRAPH_NATIVE] == 1 && r.field[GRAPH_PYTHON] == 101);

	/* Invalidated: no graph, but a row that says so, from its begin on. */
	capture(0x1000, &none, 20, CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
	CHECK(row_find(&r, EVENT_GRAPH, 1));
	CHECK(r.field[GRAPH_RESULT] == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
	CHECK(!r.field[GRAPH_SOURCE_GRAPH] && !r.field[GRAPH_NODES] && !r.field[GRAPH_UNLISTED]);
	CHECK(r.field[GRAPH_END] - r.field[GRAPH_START] >= 2000000);

	/* Never begun, or refused: the end's own start. */
	DRIVER(ENTER, cuStreamBeginCapture, 30, &begin, 0);
	DRIVER(EXIT, cuStreamBeginCapture, 30, &begin, CUDA_ERROR_ILLEGAL_STATE);
	usleep(2000);
	DRIVER(ENTER, cuStreamEndCapture_ptsz, 31, &end, 0);
	DRIVER(EXIT, cuStreamEndCapture_ptsz, 31, &end, CUDA_ERROR_ILLEGAL_STATE);
	CHECK(row_find(&r, EVENT_GRAPH, 2) && r.field[GRAPH_RESULT] == CUDA_ERROR_ILLEGAL_STATE);
	CHECK(r.field[GRAPH_END] - r.field[GRAPH_START] < 2000000);

	/* From the wrong thread: it goes on, and its real end still knows its start. */
	DRIVER(ENTER, cuStreamBeginCapture, 40, &begin, 0);
	DRIVER(EXIT, cuStreamBeginCapture, 40, &begin, 0);
	usleep(2000);
	for (uint32_t i = 0; i < 2; i++) {
		DRIVER(ENTER, cuStreamEndCapture, 41 + i, &end, 0);
		DRIVER(EXIT, cuStreamEndCapture, 41 + i, &end,
		       i ? 0 : CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD);
		CHECK(row_find(&r, EVENT_GRAPH, 3 + i));
		CHECK(r.field[GRAPH_END] - r.field[GRAPH_START] >= 2000000);
	}

	/* The thread's default stream, and more streams than there are slots. */
	capture(0, &graph, 50, 0);
	CHECK(row_find(&r, EVENT_GRAPH, 5) && r.field[GRAPH_END] - r.field[GRAPH_START] >= 2000000);
	for (uint32_t i = 0; i < 100; i++) {
		begin.hStream = HANDLE(CUstream, 0x10000 + 256 * i);
		DRIVER(ENTER, cuStreamBeginCapture, 60, &begin, 0);
		DRIVER(EXIT, cuStreamBeginCapture, 60, &begin, 0);
	}
	usleep(2000);
	for (uint32_t i = 0; i < 100; i++) {
		end.hStream = HANDLE(CUstream, 0x10000 + 256 * i);
		DRIVER(ENTER, cuStreamEndCapture, 61, &end, 0);
		DRIVER(EXIT, cuStreamEndCapture, 61, &end, CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
		CHECK(row_find(&r, EVENT_GRAPH, 6 + i));
		CHECK((r.field[GRAPH_END] - r.field[GRAPH_START] >= 2000000) == (i < 64));
	}
}

TEST(provenance_stack_for_what_matters)
{
	static const char ptx[] = ".version 8.0\n";
	CUmodule module = HANDLE(CUmodule, 0x1234);
	CUgraphExec exec = HANDLE(CUgraphExec, 77);
	CUgraph graph = HANDLE(CUgraph, 2);
	CUDA_KERNEL_NODE_PARAMS node = { .func = HANDLE(CUfunction, 12) };
	cuModuleLoadData_params load = { .module = &module, .image = ptx };
	cuLinkAddData_v2_params add = { .type = CU_JIT_INPUT_PTX, .size = 14 };
	cuLinkAddFile_v2_params add_file = { .type = CU_JIT_INPUT_PTX, .path = "/nowhere" };
	cuLinkComplete_params complete = { 0 };
	cuLaunchKernel_params launch = { .f = HANDLE(CUfunction, 5) };
	cuGraphInstantiateWithFlags_params make = { .phGraphExec = &exec, .hGraph = graph };
	cuGraphExecUpdate_v2_params update = { .hGraphExec = exec, .hGraph = graph };
	cuGraphExecKernelNodeSetParams_v2_params set = { .hGraphExec = exec, .nodeParams = &node };
	struct row r;

	recording();
	for (uint32_t i = 0; i < 1000; i++)
		CALL(cuLaunchKernel, &launch, 1000 + i, 0);
	CALL(cuGraphLaunch, NULL, 2, 0);
	CALL(cuKernelGetFunction, &launch, 3, 0);
	CALL(cuFuncGetAttribute, &launch, 4, 0);
	CALL(cuLinkCreate_v2, NULL, 5, 0);
	CALL(cuGraphExecKernelNodeSetParams_v2, &set, 6, 0);
	CALL(cuStreamBeginCapture_v2, NULL, 7, 0);
	CHECK(stacks == 0);

	/* Loads: one each, in the LOAD row and not once more in its module's. */
	CALL(cuModuleLoadData, &load, 10, 1);
	CHECK(stacks == 1 && row_find(&r, EVENT_LOAD, 0));
	CHECK(r.field[LOAD_NATIVE] == 1 && r.field[LOAD_PYTHON] == 101);
	CHECK(row_find(&r, EVENT_MODULE, 0) && r.field[MODULE_LIBRARY] == 0x1234);
	CHECK(!r.field[MODULE_NATIVE] && !r.field[MODULE_PYTHON]);
	CALL(cuLinkAddData_v2, &add, 11, 0);
	CALL(cuLinkAddFile_v2, &add_file, 12, 0);
	CALL(cuLinkComplete, &complete, 13, 0);
	CHECK(stacks == 4 && row_find(&r, EVENT_LOAD, 3) && r.field[LOAD_NATIVE] == 4);

	/* Graphs: a module inside has the stack that was taken anyway, however many they are. */
	CALL(cuGraphInstantiateWithFlags, &make, 20, 2);
	CHECK(stacks == 5 && row_find(&r, EVENT_GRAPH, 1) && r.field[GRAPH_NATIVE] == 5);
	CHECK(row_find(&r, EVENT_MODULE, 1) && r.field[MODULE_NATIVE] == 5);
	CHECK(r.field[MODULE_CALL_API] == API_CU_GRAPH_INSTANTIATE);
	CALL(cuGraphExecUpdate_v2, &update, 21, 0);
	CHECK(stacks == 6 && row_find(&r, EVENT_GRAPH, 2) && r.field[GRAPH_PYTHON] == 106);
	CHECK(row_find(&r, EVENT_GRAPH, 0) && !r.field[GRAPH_NATIVE]); /* the node update */

	/* A lazy load: at EXIT, once for all modules of the call. */
	DRIVER(ENTER, cuLaunchKernel, 30, &launch, 0);
	module_loaded(3);
	module_loaded(4);
	CHECK(stacks == 6);
	DRIVER(EXIT, cuLaunchKernel, 30, &launch, 0);
	CHECK(stacks == 7 && row_find(&r, EVENT_MODULE, 3));
	CHECK(r.field[MODULE_NATIVE] == 7 && r.field[MODULE_PYTHON] == 107);
	CALL(cuFuncGetAttribute, &launch, 31, 5);
	CHECK(stacks == 8 && row_find(&r, EVENT_MODULE, 4) && r.field[MODULE_NATIVE] == 8);
	/* Inside another call locks may be held: none; outside of all: neither. */
	DRIVER(ENTER, cuLaunchKernel, 32, &launch, 0);
	CALL(cuKernelGetFunction, &launch, 33, 6);
	DRIVER(EXIT, cuLaunchKernel, 32, &launch, 0);
	module_loaded(7);
	CHECK(stacks == 8 && row_find(&r, EVENT_MODULE, 6) && !r.field[MODULE_NATIVE]);
	/* Nobody wants them. */
	calls_start(NULL);
	CALL(cuModuleLoadData, &load, 40, 0);
	CHECK(stacks == 8 && row_find(&r, EVENT_LOAD, 4) && !r.field[LOAD_NATIVE]);
}

static unsigned kernels_listed;

/* A driver that loads a module when it is asked for the type of a node. */
static CUresult node_type_loading(CUgraphNode node, CUgraphNodeType *type)
{
	if (!kernels_listed++)
		module_loaded(9);
	return node_type(node, type);
}

TEST(provenance_module_of_our_own_listing_belongs_to_its_call)
{
	CUgraphExec exec = HANDLE(CUgraphExec, 77);
	cuGraphInstantiateWithFlags_params p = { .phGraphExec = &exec, .hGraph = HANDLE(CUgraph, 1) };
	struct row r;

	recording();
	driver_api.cuGraphNodeGetType = node_type_loading;
	CALL(cuGraphInstantiateWithFlags, &p, 1, 0);
	CHECK(rows_of(EVENT_MODULE) == 1 && row_find(&r, EVENT_MODULE, 0));
	CHECK(r.field[MODULE_CALL_API] == API_CU_GRAPH_INSTANTIATE && r.field[MODULE_CALL_CORR] == 1);
	CHECK(r.field[MODULE_NATIVE] == 1);
}

/* A module may come inside whatever is asked of its library first: each call leads there. */
TEST(provenance_lookups_name_the_library)
{
	cuLibraryGetGlobal_params global = { .library = HANDLE(CUlibrary, 0x77) };
	cuLibraryGetUnifiedFunction_params unified = { .library = HANDLE(CUlibrary, 0x78) };
	cuModuleGetGlobal_v2_params module_global = { .hmod = HANDLE(CUmodule, 0x79) };
	cuKernelGetAttribute_params get = { .kernel = HANDLE(CUkernel, 1) };
	cuKernelSetAttribute_params set = { .kernel = HANDLE(CUkernel, 2) };
	cuKernelSetCacheConfig_params cache = { .kernel = HANDLE(CUkernel, 3) };
	cuKernelGetParamInfo_params param = { .kernel = HANDLE(CUkernel, 4) };
	cuFuncGetAttribute_params f_get = { .hfunc = HANDLE(CUfunction, 5) };
	cuFuncSetAttribute_params f_set = { .hfunc = HANDLE(CUfunction, 6) };
	cuFuncSetCacheConfig_params f_cache = { .hfunc = HANDLE(CUfunction, 7) };
	cuFuncGetModule_params f_module = { .hfunc = HANDLE(CUfunction, 8) };
	cuFuncGetParamInfo_params f_param = { .func = HANDLE(CUfunction, 9) };
	cuFuncLoad_params f_load = { .function = HANDLE(CUfunction, 10) };
	cuOccupancyMaxActiveBlocksPerMultiprocessor_params blocks = { .func = HANDLE(CUfunction, 11) };
	cuOccupancyMaxPotentialBlockSize_params size = { .func = HANDLE(CUfunction, 12) };
	cuOccupancyAvailableDynamicSMemPerBlock_params shared = { .func = HANDLE(CUfunction, 13) };
	cuOccupancyMaxPotentialClusterSize_params cluster = { .func = HANDLE(CUfunction, 14) };
	cuOccupancyMaxActiveClusters_params clusters = { .func = HANDLE(CUfunction, 15) };
	const struct {
		CUpti_CallbackId cbid;
		const void *params;
		enum api_id api;
		uint64_t library;
	} lookup[] = {
#define L(name, params, api, library) { CUPTI_DRIVER_TRACE_CBID_##name, params, API_##api, library }
		L(cuLibraryGetGlobal, &global, CU_LIBRARY_GET_GLOBAL, 0x77),
		L(cuLibraryGetManaged, &global, CU_LIBRARY_GET_MANAGED, 0x77),
		L(cuLibraryGetUnifiedFunction, &unified, CU_LIBRARY_GET_UNIFIED, 0x78),
		L(cuModuleGetGlobal, &module_global, CU_MODULE_GET_GLOBAL, 0x79),
		L(cuModuleGetGlobal_v2, &module_global, CU_MODULE_GET_GLOBAL, 0x79),
		L(cuKernelGetAttribute, &get, CU_KERNEL_GET_ATTRIBUTE, 1001),
		L(cuKernelSetAttribute, &set, CU_KERNEL_SET_ATTRIBUTE, 1002),
		L(cuKernelSetCacheConfig, &cache, CU_KERNEL_SET_CACHE, 1003),
		L(cuKernelGetParamInfo, &param, CU_KERNEL_GET_PARAM, 1004),
		L(cuFuncGetAttribute, &f_get, CU_FUNC_GET_ATTRIBUTE, 1005),
		L(cuFuncSetAttribute, &f_set, CU_FUNC_SET_ATTRIBUTE, 1006),
		L(cuFuncSetCacheConfig, &f_cache, CU_FUNC_SET_CACHE, 1007),
		L(cuFuncGetModule, &f_module, CU_FUNC_GET_MODULE, 1008),
		L(cuFuncGetParamInfo, &f_param, CU_FUNC_GET_PARAM, 1009),
		L(cuFuncLoad, &f_load, CU_FUNC_LOAD, 1010),
		L(cuOccupancyMaxActiveBlocksPerMultiprocessor, &blocks, CU_OCCUPANCY_BLOCKS, 1011),
		L(cuOccupancyMaxPotentialBlockSize, &size, CU_OCCUPANCY_BLOCK_SIZE, 1012),
		L(cuOccupancyAvailableDynamicSMemPerBlock, &shared, CU_OCCUPANCY_SHARED, 1013),
		L(cuOccupancyMaxPotentialClusterSize, &cluster, CU_OCCUPANCY_CLUSTER_SIZE, 1014),
		L(cuOccupancyMaxActiveClusters, &clusters, CU_OCCUPANCY_CLUSTERS, 1015),
		L(cuLinkCreate_v2, NULL, CU_LINK_CREATE, 0),
#undef L
	};
	struct row r;

	recording();
	for (unsigned i = 0; i < sizeof(lookup) / sizeof(lookup[0]); i++) {
		call(lookup[i].cbid, lookup[i].params, 100 + i, 1 + i);
		CHECK(row_find(&r, EVENT_MODULE, i));
		CHECK(r.field[MODULE_CALL_API] == lookup[i].api && r.field[MODULE_CALL_CORR] == 100 + i);
		CHECK(r.field[MODULE_LIBRARY] == lookup[i].library);
	}
	CHECK(!rows_of(EVENT_LOAD) && !rows_of(EVENT_LAUNCH));
}

TEST(provenance_load_hash)
{
	static const char ptx[] = ".version 8.0\n.target sm_90\n";
	char path[] = "/tmp/jitness-load-XXXXXX";
	CUmodule module = HANDLE(CUmodule, 0x1234);
	cuModuleLoadData_params p = { .module = &module, .image = ptx };
	cuLinkAddData_v2_params add = { .type = CU_JIT_INPUT_PTX, .data = (void *)(uintptr_t)ptx,
					.size = sizeof(ptx) };
	cuModuleLoad_params file = { .module = &module, .fname = path };
	uint64_t hash = hash64(ptx, sizeof(ptx) - 1);
	int fd = mkstemp(path);
	struct row r;

	CHECK(fd >= 0 && write(fd, ptx, sizeof(ptx) - 1) == sizeof(ptx) - 1);
	recording();
	CALL(cuModuleLoadData, &p, 1, 0);
	CALL(cuLinkAddData_v2, &add, 2, 0); /* with its NUL: it does not count */
	add.size -= 1;
	CALL(cuLinkAddData_v2, &add, 3, 0);
	CALL(cuModuleLoad, &file, 4, 0);
	unlink(path);
	for (unsigned i = 0; i < 4; i++) {
		CHECK(row_find(&r, EVENT_LOAD, i));
		CHECK(r.field[LOAD_HASH] == hash && r.field[LOAD_BYTES] == sizeof(ptx) - 1);
	}
	close(fd);
}

/* A cubin of nothing but its headers and some bytes, on the heap even where malloc() takes from elsewhere. */
static uint8_t *cubin_make(size_t bytes)
{
	Elf64_Ehdr eh = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1 },
			  .e_machine = 190, .e_shoff = sizeof(eh), .e_shentsize = sizeof(Elf64_Shdr),
			  .e_shnum = 2 };
	Elf64_Shdr sh[2] = { { 0 }, { .sh_type = SHT_PROGBITS, .sh_offset = 256, .sh_size = bytes - 256 } };
	uint8_t *cubin = sbrk((intptr_t)(bytes + 15) & ~15);

	CHECK((intptr_t)cubin != -1);
	memcpy(cubin, &eh, sizeof(eh));
	memcpy(cubin + sizeof(eh), sh, sizeof(sh));
	return cubin;
}

/* One load of `image`, of which CUPTI shows `copy`; *later is written before the call returns. */
static void load_shown(const uint8_t *image, const uint8_t *copy, size_t bytes, uint32_t corr, uint8_t *later)
{
	CUmodule module = HANDLE(CUmodule, 0x1234);
	cuModuleLoadData_params p = { .module = &module, .image = image };
	CUpti_ModuleResourceData m = { .moduleId = corr, .cubinSize = bytes, .pCubin = (const char *)copy };

	DRIVER(ENTER, cuModuleLoadData, corr, &p, 0);
	resource(CUPTI_CBID_RESOURCE_MODULE_LOADED, &m);
	if (later)
		*later ^= 1;
	DRIVER(EXIT, cuModuleLoadData, corr, &p, 0);
}

TEST(provenance_hash_of_a_cubin_that_cupti_shows)
{
	const size_t bytes = 1000;
	uint8_t *image = cubin_make(bytes), *copy = cubin_make(bytes);
	struct row load, module;

	recording();
	load_shown(image, copy, bytes, 1, NULL);
	/* Compared inside the load: what happens to it then does not count. */
	load_shown(image, copy, bytes, 2, &image[700]);
	for (unsigned i = 0; i < 2; i++) {
		CHECK(row_find(&load, EVENT_LOAD, i) && row_find(&module, EVENT_MODULE, i));
		CHECK(load.field[LOAD_HASH] == hash64(copy, bytes) && load.field[LOAD_BYTES] == bytes);
		CHECK(load.field[LOAD_HASH] == module.field[MODULE_HASH]);
		CHECK(load.field[LOAD_IMAGE] == IMAGE_CUBIN && load.field[LOAD_SOURCE] == SOURCE_MEMORY);
		CHECK(load.field[LOAD_ADDRESS] == (uintptr_t)image && !load.head->blob_len);
		CHECK(load.field[LOAD_CORR] == i + 1 && load.field[LOAD_HANDLE] == 0x1234);
	}
	/* Other code came of it: both have their own hash. So has what is longer than its headers say. */
	load_shown(image, copy, bytes, 3, NULL);
	image[700] = 0;
	load_shown(image, copy, bytes - 8, 4, NULL);
	image[700] = 1;
	CHECK(row_find(&load, EVENT_LOAD, 2) && load.field[LOAD_HASH] == hash64(image, bytes));
	CHECK(row_find(&module, EVENT_MODULE, 2) && module.field[MODULE_HASH] == hash64(copy, bytes));
	image[700] = 0;
	CHECK(row_find(&load, EVENT_LOAD, 3) && load.field[LOAD_HASH] == hash64(image, bytes));
	CHECK(row_find(&module, EVENT_MODULE, 3) && module.field[MODULE_HASH] == hash64(copy, bytes - 8));
}
