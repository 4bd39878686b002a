/*
 * entry_list: the driver's functions that are seen at their entry points, without CUPTI: what
 * brings code in, makes and changes graphs, captures streams, makes and ends objects. Never a launch,
 * a copy or a wait: what is not here costs nothing.
 *
 * E(exported name, (parameters), (arguments)): the prototype is checked against cuda.h. A name
 * with another version or suffix is another function with other parameters.
 * The two that answer with functions (cuGetProcAddress) have bodies of their own: ENTRY_ASKED.
 */
#ifndef JITNESS_CUPTI_ENTRY_LIST_H
#define JITNESS_CUPTI_ENTRY_LIST_H

#define ENTRY_FOLLOWED(E)                                                                        \
	E(cuModuleLoad, (CUmodule *a, const char *b), (a, b))                                    \
	E(cuModuleLoadData, (CUmodule *a, const void *b), (a, b))                                \
	E(cuModuleLoadDataEx,                                                                    \
	  (CUmodule *a, const void *b, unsigned int c, CUjit_option *d, void **e), (a, b, c, d, e)) \
	E(cuModuleLoadFatBinary, (CUmodule *a, const void *b), (a, b))                           \
	E(cuModuleUnload, (CUmodule a), (a))                                                     \
	E(cuLibraryLoadData,                                                                     \
	  (CUlibrary *a, const void *b, CUjit_option *c, void **d, unsigned int e,               \
	   CUlibraryOption *f, void **g, unsigned int h), (a, b, c, d, e, f, g, h))              \
	E(cuLibraryLoadFromFile,                                                                 \
	  (CUlibrary *a, const char *b, CUjit_option *c, void **d, unsigned int e,               \
	   CUlibraryOption *f, void **g, unsigned int h), (a, b, c, d, e, f, g, h))              \
	E(cuLibraryUnload, (CUlibrary a), (a))                                                   \
	E(cuLinkAddData,                                                                         \
	  (CUlinkState a, CUjitInputType b, void *c, size_t d, const char *e, unsigned int f,    \
	   CUjit_option *g, void **h), (a, b, c, d, e, f, g, h))                                 \
	E(cuLinkAddData_v2,                                                                      \
	  (CUlinkState a, CUjitInputType b, void *c, size_t d, const char *e, unsigned int f,    \
	   CUjit_option *g, void **h), (a, b, c, d, e, f, g, h))                                 \
	E(cuLinkAddFile,                                                                         \
	  (CUlinkState a, CUjitInputType b, const char *c, unsigned int d, CUjit_option *e,      \
	   void **f), (a, b, c, d, e, f))                                                        \
	E(cuLinkAddFile_v2,                                                                      \
	  (CUlinkState a, CUjitInputType b, const char *c, unsigned int d, CUjit_option *e,      \
	   void **f), (a, b, c, d, e, f))                                                        \
	E(cuLinkComplete, (CUlinkState a, void **b, size_t *c), (a, b, c))                       \
	E(cuGraphInstantiate,                                                                    \
	  (CUgraphExec *a, CUgraph b, CUgraphNode *c, char *d, size_t e), (a, b, c, d, e))       \
	E(cuGraphInstantiate_v2,                                                                 \
	  (CUgraphExec *a, CUgraph b, CUgraphNode *c, char *d, size_t e), (a, b, c, d, e))       \
	E(cuGraphInstantiateWithFlags,                                                           \
	  (CUgraphExec *a, CUgraph b, unsigned long long c), (a, b, c))                          \
	E(cuGraphInstantiateWithParams,                                                          \
	  (CUgraphExec *a, CUgraph b, CUDA_GRAPH_INSTANTIATE_PARAMS *c), (a, b, c))              \
	E(cuGraphInstantiateWithParams_ptsz,                                                     \
	  (CUgraphExec *a, CUgraph b, CUDA_GRAPH_INSTANTIATE_PARAMS *c), (a, b, c))              \
	E(cuGraphExecUpdate,                                                                     \
	  (CUgraphExec a, CUgraph b, CUgraphNode *c, CUgraphExecUpdateResult *d), (a, b, c, d))  \
	E(cuGraphExecUpdate_v2,                                                                  \
	  (CUgraphExec a, CUgraph b, CUgraphExecUpdateResultInfo *c), (a, b, c))                 \
	E(cuGraphExecKernelNodeSetParams,                                                        \
	  (CUgraphExec a, CUgraphNode b, const CUDA_KERNEL_NODE_PARAMS_v1 *c), (a, b, c))        \
	E(cuGraphExecKernelNodeSetParams_v2,                                                     \
	  (CUgraphExec a, CUgraphNode b, const CUDA_KERNEL_NODE_PARAMS *c), (a, b, c))           \
	E(cuGraphExecDestroy, (CUgraphExec a), (a))                                              \
	E(cuGraphDestroy, (CUgraph a), (a))                                                      \
	E(cuStreamBeginCapture, (CUstream a), (a))                                               \
	E(cuStreamBeginCapture_ptsz, (CUstream a), (a))                                          \
	E(cuStreamBeginCapture_v2, (CUstream a, CUstreamCaptureMode b), (a, b))                  \
	E(cuStreamBeginCapture_v2_ptsz, (CUstream a, CUstreamCaptureMode b), (a, b))             \
	E(cuStreamBeginCaptureToGraph,                                                           \
	  (CUstream a, CUgraph b, const CUgraphNode *c, const CUgraphEdgeData *d, size_t e,      \
	   CUstreamCaptureMode f), (a, b, c, d, e, f))                                           \
	E(cuStreamBeginCaptureToGraph_ptsz,                                                      \
	  (CUstream a, CUgraph b, const CUgraphNode *c, const CUgraphEdgeData *d, size_t e,      \
	   CUstreamCaptureMode f), (a, b, c, d, e, f))                                           \
	E(cuStreamEndCapture, (CUstream a, CUgraph *b), (a, b))                                  \
	E(cuStreamEndCapture_ptsz, (CUstream a, CUgraph *b), (a, b))                             \
	E(cuCtxCreate, (CUcontext *a, unsigned int b, CUdevice c), (a, b, c))                    \
	E(cuCtxCreate_v2, (CUcontext *a, unsigned int b, CUdevice c), (a, b, c))                 \
	E(cuCtxCreate_v3,                                                                        \
	  (CUcontext *a, CUexecAffinityParam *b, int c, unsigned int d, CUdevice e),             \
	  (a, b, c, d, e))                                                                       \
	E(cuCtxCreate_v4,                                                                        \
	  (CUcontext *a, CUctxCreateParams *b, unsigned int c, CUdevice d), (a, b, c, d))        \
	E(cuCtxDestroy, (CUcontext a), (a))                                                      \
	E(cuCtxDestroy_v2, (CUcontext a), (a))                                                   \
	E(cuDevicePrimaryCtxRetain, (CUcontext *a, CUdevice b), (a, b))                          \
	E(cuDevicePrimaryCtxRelease, (CUdevice a), (a))                                          \
	E(cuDevicePrimaryCtxRelease_v2, (CUdevice a), (a))                                       \
	E(cuDevicePrimaryCtxReset, (CUdevice a), (a))                                            \
	E(cuDevicePrimaryCtxReset_v2, (CUdevice a), (a))

#define ENTRY_ASKED(E)                                                                           \
	E(cuGetProcAddress,                                                                      \
	  (const char *a, void **b, int c, cuuint64_t d), (a, b, c, d))                          \
	E(cuGetProcAddress_v2,                                                                   \
	  (const char *a, void **b, int c, cuuint64_t d, CUdriverProcAddressQueryResult *e),     \
	  (a, b, c, d, e))

#endif
