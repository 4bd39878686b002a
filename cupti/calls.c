#include "cupti/calls.h"

#include <stddef.h>

/* C(name of the call as in the cbid's enumerator, api id, class) */
#define DRIVER_CBIDS(C)                                                          \
	C(cuLaunchKernel, CU_LAUNCH_KERNEL, LAUNCH)                              \
	C(cuLaunchKernel_ptsz, CU_LAUNCH_KERNEL, LAUNCH)                         \
	C(cuLaunchKernelEx, CU_LAUNCH_KERNEL_EX, LAUNCH)                         \
	C(cuLaunchKernelEx_ptsz, CU_LAUNCH_KERNEL_EX, LAUNCH)                    \
	C(cuLaunchCooperativeKernel, CU_LAUNCH_COOPERATIVE, LAUNCH)              \
	C(cuLaunchCooperativeKernel_ptsz, CU_LAUNCH_COOPERATIVE, LAUNCH)         \
	C(cuGraphLaunch, CU_GRAPH_LAUNCH, LAUNCH)                                \
	C(cuGraphLaunch_ptsz, CU_GRAPH_LAUNCH, LAUNCH)                           \
	C(cuModuleLoad, CU_MODULE_LOAD, LOAD)                                    \
	C(cuModuleLoadData, CU_MODULE_LOAD_DATA, LOAD)                           \
	C(cuModuleLoadDataEx, CU_MODULE_LOAD_DATA_EX, LOAD)                      \
	C(cuModuleLoadFatBinary, CU_MODULE_LOAD_FAT, LOAD)                       \
	C(cuLibraryLoadData, CU_LIBRARY_LOAD_DATA, LOAD)                         \
	C(cuLibraryLoadFromFile, CU_LIBRARY_LOAD_FILE, LOAD)                     \
	C(cuLinkAddData, CU_LINK_ADD_DATA, LOAD)                                 \
	C(cuLinkAddData_v2, CU_LINK_ADD_DATA, LOAD)                              \
	C(cuLinkAddFile, CU_LINK_ADD_FILE, LOAD)                                 \
	C(cuLinkAddFile_v2, CU_LINK_ADD_FILE, LOAD)                              \
	C(cuLinkComplete, CU_LINK_COMPLETE, LOAD)                                \
	C(cuModuleGetFunction, CU_MODULE_GET_FUNCTION, LOOKUP)                   \
	C(cuLibraryGetModule, CU_LIBRARY_GET_MODULE, LOOKUP)                     \
	C(cuKernelGetFunction, CU_KERNEL_GET_FUNCTION, LOOKUP)                   \
	C(cuGraphInstantiate, CU_GRAPH_INSTANTIATE, GRAPH)                       \
	C(cuGraphInstantiate_v2, CU_GRAPH_INSTANTIATE, GRAPH)                    \
	C(cuGraphInstantiateWithFlags, CU_GRAPH_INSTANTIATE, GRAPH)              \
	C(cuGraphInstantiateWithParams, CU_GRAPH_INSTANTIATE, GRAPH)             \
	C(cuGraphInstantiateWithParams_ptsz, CU_GRAPH_INSTANTIATE, GRAPH)        \
	C(cuGraphExecUpdate, CU_GRAPH_EXEC_UPDATE, GRAPH)                        \
	C(cuGraphExecUpdate_v2, CU_GRAPH_EXEC_UPDATE, GRAPH)                     \
	C(cuGraphExecKernelNodeSetParams, CU_GRAPH_EXEC_SET_NODE, GRAPH)         \
	C(cuGraphExecKernelNodeSetParams_v2, CU_GRAPH_EXEC_SET_NODE, GRAPH)

/* Numbers of calls are never reused by NVIDIA, so one table serves every version. */
static const struct call driver_calls[CUPTI_DRIVER_TRACE_CBID_SIZE] = {
#define C(name, api, class) [CUPTI_DRIVER_TRACE_CBID_##name] = { API_##api, CALL_##class },
	DRIVER_CBIDS(C)
#undef C
};

const struct call *call_of(CUpti_CallbackId cbid)
{
	if (cbid >= CUPTI_DRIVER_TRACE_CBID_SIZE || driver_calls[cbid].class == CALL_NONE)
		return NULL;
	return &driver_calls[cbid];
}
