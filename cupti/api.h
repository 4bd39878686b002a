/*
 * api: the vendor calls we use, bound at run time. The .so links neither libcupti
 * nor libcuda: what the process has decides, and one binary serves CUDA 11.8 to 13.
 *
 * Prototypes come from the headers, so a header change is a compile error.
 * Filled once by cupti_start(), read-only afterwards; tests fill them by hand.
 */
#ifndef JITNESS_CUPTI_API_H
#define JITNESS_CUPTI_API_H

#include <cupti.h>

#if CUPTI_API_VERSION < 130000
#error "jitness is built with the headers of CUDA 13.0 or newer (it runs with older libraries)"
#endif

/* Without one of these there is nothing to record. */
#define CUPTI_REQUIRED(X)                                                    \
	X(GetVersion) X(Subscribe) X(EnableCallback)                         \
	X(ActivityRegisterCallbacks) X(ActivityEnable) X(ActivityFlushAll)   \
	X(ActivityGetNextRecord)
/* NULL when the library is too old. */
#define CUPTI_OPTIONAL(X)                                                    \
	X(Subscribe_v2) X(GetResultString) X(GetTimestamp)                   \
	X(SetThreadIdType) X(ActivitySetAttribute)                           \
	X(ActivityGetNumDroppedRecords)                                      \
	X(GetContextId) X(GetDeviceId) X(GetStreamIdEx)                      \
	X(GetGraphId) X(GetGraphExecId)

struct cupti_api {
#define X(name) __typeof__(&cupti##name) name;
	CUPTI_REQUIRED(X)
	CUPTI_OPTIONAL(X)
#undef X
};
extern struct cupti_api cupti_api;

/* 0, or -1 with *missing naming the first required symbol that lib does not have. */
int cupti_api_bind(struct cupti_api *ret, void *lib, const char **missing);

/* Text of a result, never NULL; the string is static. */
const char *cupti_result_text(CUptiResult rc);

/* Driver calls, each NULL when the driver does not have it. */
#define DRIVER_CALLS(X)                                                      \
	X(cuDriverGetVersion)                                                \
	X(cuGraphGetNodes) X(cuGraphNodeGetType)                             \
	X(cuGraphKernelNodeGetParams_v2) X(cuGraphChildGraphNodeGetGraph)    \
	X(cuFuncGetName) X(cuKernelGetName) X(cuKernelGetLibrary)            \
	X(cuModuleGetFunctionCount) X(cuModuleEnumerateFunctions)            \
	X(cuLibraryGetKernelCount) X(cuLibraryEnumerateKernels)              \
	X(cuCtxGetCurrent) X(cuDevicePrimaryCtxGetState)                     \
	X(cuDeviceGetCount) X(cuDeviceGet) X(cuDeviceGetName)                \
	X(cuDeviceGetAttribute) X(cuDeviceGetUuid_v2)

struct driver_api {
#define X(name) __typeof__(&name) name;
	DRIVER_CALLS(X)
#undef X
};
extern struct driver_api driver_api;

/*
 * Binds to the libcuda.so.1 that is already mapped; loads nothing. 0, or -1 when
 * there is none. Takes the loader's lock: from cupti_start() only, never in a callback.
 */
int driver_api_bind(struct driver_api *ret);

#endif
