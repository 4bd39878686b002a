#include "cupti/calls.h"

#include <stddef.h>

/*
 * C(name of the call as in the cbid's enumerator, api id, class, stack). No stack where the
 * call comes with every step: a library may set eleven graph nodes for each of its steps.
 */
#define DRIVER_CBIDS(C)                                                          \
	C(cuLaunchKernel, CU_LAUNCH_KERNEL, LAUNCH, 0)                           \
	C(cuLaunchKernel_ptsz, CU_LAUNCH_KERNEL, LAUNCH, 0)                      \
	C(cuLaunchKernelEx, CU_LAUNCH_KERNEL_EX, LAUNCH, 0)                      \
	C(cuLaunchKernelEx_ptsz, CU_LAUNCH_KERNEL_EX, LAUNCH, 0)                 \
	C(cuLaunchCooperativeKernel, CU_LAUNCH_COOPERATIVE, LAUNCH, 0)           \
	C(cuLaunchCooperativeKernel_ptsz, CU_LAUNCH_COOPERATIVE, LAUNCH, 0)      \
	C(cuGraphLaunch, CU_GRAPH_LAUNCH, LAUNCH, 0)                             \
	C(cuGraphLaunch_ptsz, CU_GRAPH_LAUNCH, LAUNCH, 0)                        \
	C(cuStreamSynchronize, CU_STREAM_SYNC, SYNC, 0)                          \
	C(cuStreamSynchronize_ptsz, CU_STREAM_SYNC, SYNC, 0)                     \
	C(cuEventSynchronize, CU_EVENT_SYNC, SYNC, 0)                            \
	C(cuCtxSynchronize, CU_CTX_SYNC, SYNC, 0)                                \
	C(cuCtxSynchronize_v2, CU_CTX_SYNC, SYNC, 0)                             \
	C(cuModuleLoad, CU_MODULE_LOAD, LOAD, 1)                                 \
	C(cuModuleLoadData, CU_MODULE_LOAD_DATA, LOAD, 1)                        \
	C(cuModuleLoadDataEx, CU_MODULE_LOAD_DATA_EX, LOAD, 1)                   \
	C(cuModuleLoadFatBinary, CU_MODULE_LOAD_FAT, LOAD, 1)                    \
	C(cuLibraryLoadData, CU_LIBRARY_LOAD_DATA, LOAD, 1)                      \
	C(cuLibraryLoadFromFile, CU_LIBRARY_LOAD_FILE, LOAD, 1)                  \
	C(cuLinkAddData, CU_LINK_ADD_DATA, LOAD, 1)                              \
	C(cuLinkAddData_v2, CU_LINK_ADD_DATA, LOAD, 1)                           \
	C(cuLinkAddFile, CU_LINK_ADD_FILE, LOAD, 1)                              \
	C(cuLinkAddFile_v2, CU_LINK_ADD_FILE, LOAD, 1)                           \
	C(cuLinkComplete, CU_LINK_COMPLETE, LOAD, 1)                             \
	C(cuLinkCreate, CU_LINK_CREATE, LOOKUP, 0)                               \
	C(cuLinkCreate_v2, CU_LINK_CREATE, LOOKUP, 0)                            \
	C(cuModuleGetFunction, CU_MODULE_GET_FUNCTION, LOOKUP, 0)                \
	C(cuModuleGetGlobal, CU_MODULE_GET_GLOBAL, LOOKUP, 0)                    \
	C(cuModuleGetGlobal_v2, CU_MODULE_GET_GLOBAL, LOOKUP, 0)                 \
	C(cuLibraryGetKernel, CU_LIBRARY_GET_KERNEL, LOOKUP, 0)                  \
	C(cuLibraryGetModule, CU_LIBRARY_GET_MODULE, LOOKUP, 0)                  \
	C(cuLibraryGetGlobal, CU_LIBRARY_GET_GLOBAL, LOOKUP, 0)                  \
	C(cuLibraryGetManaged, CU_LIBRARY_GET_MANAGED, LOOKUP, 0)                \
	C(cuLibraryGetUnifiedFunction, CU_LIBRARY_GET_UNIFIED, LOOKUP, 0)        \
	C(cuKernelGetFunction, CU_KERNEL_GET_FUNCTION, LOOKUP, 0)                \
	C(cuKernelGetAttribute, CU_KERNEL_GET_ATTRIBUTE, LOOKUP, 0)              \
	C(cuKernelSetAttribute, CU_KERNEL_SET_ATTRIBUTE, LOOKUP, 0)              \
	C(cuKernelSetCacheConfig, CU_KERNEL_SET_CACHE, LOOKUP, 0)                \
	C(cuKernelGetParamInfo, CU_KERNEL_GET_PARAM, LOOKUP, 0)                  \
	C(cuFuncGetAttribute, CU_FUNC_GET_ATTRIBUTE, LOOKUP, 0)                  \
	C(cuFuncSetAttribute, CU_FUNC_SET_ATTRIBUTE, LOOKUP, 0)                  \
	C(cuFuncSetCacheConfig, CU_FUNC_SET_CACHE, LOOKUP, 0)                    \
	C(cuFuncGetModule, CU_FUNC_GET_MODULE, LOOKUP, 0)                        \
	C(cuFuncGetParamInfo, CU_FUNC_GET_PARAM, LOOKUP, 0)                      \
	C(cuFuncLoad, CU_FUNC_LOAD, LOOKUP, 0)                                   \
	C(cuOccupancyMaxActiveBlocksPerMultiprocessor, CU_OCCUPANCY_BLOCKS, LOOKUP, 0) \
	C(cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags, CU_OCCUPANCY_BLOCKS, LOOKUP, 0) \
	C(cuOccupancyMaxPotentialBlockSize, CU_OCCUPANCY_BLOCK_SIZE, LOOKUP, 0)  \
	C(cuOccupancyMaxPotentialBlockSizeWithFlags, CU_OCCUPANCY_BLOCK_SIZE, LOOKUP, 0) \
	C(cuOccupancyAvailableDynamicSMemPerBlock, CU_OCCUPANCY_SHARED, LOOKUP, 0) \
	C(cuOccupancyMaxPotentialClusterSize, CU_OCCUPANCY_CLUSTER_SIZE, LOOKUP, 0) \
	C(cuOccupancyMaxActiveClusters, CU_OCCUPANCY_CLUSTERS, LOOKUP, 0)        \
	C(cuGraphInstantiate, CU_GRAPH_INSTANTIATE, GRAPH, 1)                    \
	C(cuGraphInstantiate_v2, CU_GRAPH_INSTANTIATE, GRAPH, 1)                 \
	C(cuGraphInstantiateWithFlags, CU_GRAPH_INSTANTIATE, GRAPH, 1)           \
	C(cuGraphInstantiateWithParams, CU_GRAPH_INSTANTIATE, GRAPH, 1)          \
	C(cuGraphInstantiateWithParams_ptsz, CU_GRAPH_INSTANTIATE, GRAPH, 1)     \
	C(cuGraphExecUpdate, CU_GRAPH_EXEC_UPDATE, GRAPH, 1)                     \
	C(cuGraphExecUpdate_v2, CU_GRAPH_EXEC_UPDATE, GRAPH, 1)                  \
	C(cuGraphExecKernelNodeSetParams, CU_GRAPH_EXEC_SET_NODE, SET_NODE, 0)   \
	C(cuGraphExecKernelNodeSetParams_v2, CU_GRAPH_EXEC_SET_NODE, SET_NODE, 0) \
	C(cuStreamBeginCapture, CU_STREAM_BEGIN_CAPTURE, CAPTURE_BEGIN, 0)       \
	C(cuStreamBeginCapture_ptsz, CU_STREAM_BEGIN_CAPTURE, CAPTURE_BEGIN, 0)  \
	C(cuStreamBeginCapture_v2, CU_STREAM_BEGIN_CAPTURE, CAPTURE_BEGIN, 0)    \
	C(cuStreamBeginCapture_v2_ptsz, CU_STREAM_BEGIN_CAPTURE, CAPTURE_BEGIN, 0) \
	C(cuStreamBeginCaptureToGraph, CU_STREAM_BEGIN_CAPTURE, CAPTURE_BEGIN, 0) \
	C(cuStreamBeginCaptureToGraph_ptsz, CU_STREAM_BEGIN_CAPTURE, CAPTURE_BEGIN, 0) \
	C(cuStreamEndCapture, CU_STREAM_END_CAPTURE, CAPTURE_END, 1)             \
	C(cuStreamEndCapture_ptsz, CU_STREAM_END_CAPTURE, CAPTURE_END, 1)

/* Numbers of calls are never reused by NVIDIA, so one table serves every version. */
static const struct call driver_calls[CUPTI_DRIVER_TRACE_CBID_SIZE] = {
#define C(name, api, class, stack) \
	[CUPTI_DRIVER_TRACE_CBID_##name] = { API_##api, CALL_##class, stack },
	DRIVER_CBIDS(C)
#undef C
};

static void (*take)(struct stack_ids *ret);

void calls_start(void (*stack)(struct stack_ids *ret))
{
	take = stack;
}

void calls_stack(struct stack_ids *ret)
{
	*ret = (struct stack_ids){ 0, 0 };
	if (take)
		take(ret);
}

const struct call *call_of(CUpti_CallbackId cbid)
{
	if (cbid >= CUPTI_DRIVER_TRACE_CBID_SIZE || driver_calls[cbid].class == CALL_NONE)
		return NULL;
	return &driver_calls[cbid];
}
