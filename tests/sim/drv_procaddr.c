/* cuGetProcAddress: the newest form of a name that the caller's version may know. */
#include "tests/sim/drv.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* Names whose newer forms came late; every other _v2 is as old as CUDA 3.2. */
static const struct {
	const char *name, *symbol;
	int since;
} newer[] = {
	{ "cuCtxCreate", "cuCtxCreate_v4", 12050 },
	{ "cuCtxCreate", "cuCtxCreate_v3", 11040 },
	{ "cuCtxSynchronize", "cuCtxSynchronize_v2", 13000 },
	{ "cuCtxSynchronize", "cuCtxSynchronize", 2000 },
	{ "cuDeviceGetUuid", "cuDeviceGetUuid_v2", 11040 },
	{ "cuDeviceGetUuid", "cuDeviceGetUuid", 9020 },
	{ "cuEventElapsedTime", "cuEventElapsedTime_v2", 12080 },
	{ "cuEventElapsedTime", "cuEventElapsedTime", 2000 },
	{ "cuGetProcAddress", "cuGetProcAddress_v2", 12000 },
	{ "cuGetProcAddress", "cuGetProcAddress", 11030 },
	{ "cuGraphAddDependencies", "cuGraphAddDependencies_v2", 12030 },
	{ "cuGraphAddDependencies", "cuGraphAddDependencies", 10000 },
	{ "cuGraphAddKernelNode", "cuGraphAddKernelNode_v2", 12000 },
	{ "cuGraphAddKernelNode", "cuGraphAddKernelNode", 10000 },
	{ "cuGraphExecKernelNodeSetParams", "cuGraphExecKernelNodeSetParams_v2", 12000 },
	{ "cuGraphExecKernelNodeSetParams", "cuGraphExecKernelNodeSetParams", 10010 },
	{ "cuGraphExecUpdate", "cuGraphExecUpdate_v2", 12000 },
	{ "cuGraphExecUpdate", "cuGraphExecUpdate", 10020 },
	{ "cuGraphInstantiate", "cuGraphInstantiateWithFlags", 12000 },
	{ "cuGraphInstantiate", "cuGraphInstantiate_v2", 11000 },
	{ "cuGraphInstantiate", "cuGraphInstantiate", 10000 },
	{ "cuGraphKernelNodeGetParams", "cuGraphKernelNodeGetParams_v2", 12000 },
	{ "cuGraphKernelNodeGetParams", "cuGraphKernelNodeGetParams", 10000 },
	{ "cuGraphKernelNodeSetParams", "cuGraphKernelNodeSetParams_v2", 12000 },
	{ "cuGraphKernelNodeSetParams", "cuGraphKernelNodeSetParams", 10000 },
	{ "cuStreamGetCaptureInfo", "cuStreamGetCaptureInfo_v3", 12030 },
	{ "cuStreamGetCaptureInfo", "cuStreamGetCaptureInfo_v2", 11030 },
	{ "cuStreamGetCaptureInfo", "cuStreamGetCaptureInfo", 10010 },
};

static void *proc_lookup(void *self, const char *symbol, bool per_thread)
{
	static const char *const suffixes[] = { "_ptsz", "_ptds" };
	char name[256];
	void *p;

	for (size_t i = 0; per_thread && i < 2; i++) {
		snprintf(name, sizeof(name), "%s%s", symbol, suffixes[i]);
		p = dlsym(self, name);
		if (p)
			return p;
	}
	return dlsym(self, symbol);
}

static void *proc_find(const char *symbol, int version, bool per_thread)
{
	char name[240];
	bool listed = false;
	void *self, *p = NULL;
	Dl_info info;

	if (!dladdr((void *)&drv_link, &info))
		return NULL;
	self = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
	if (!self)
		return NULL;
	for (size_t i = 0; !p && i < sizeof(newer) / sizeof(*newer); i++) {
		if (strcmp(newer[i].name, symbol))
			continue;
		listed = true;
		if (version >= newer[i].since)
			p = proc_lookup(self, newer[i].symbol, per_thread);
	}
	if (!p && !(listed && version >= 3020 && !strncmp(symbol, "cuGraph", 7))) {
		snprintf(name, sizeof(name), "%s_v2", symbol);
		p = proc_lookup(self, name, per_thread);
	}
	if (!p && !listed)
		p = proc_lookup(self, symbol, per_thread);
	dlclose(self);
	return p;
}

static CUresult proc_address(const char *symbol, void **ret, int version, cuuint64_t flags,
			     CUdriverProcAddressQueryResult *status)
{
	if (!symbol || !ret)
		return CUDA_ERROR_INVALID_VALUE;
	*ret = strncmp(symbol, "cu", 2) ? NULL :
	       proc_find(symbol, version,
			 (flags & CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM) != 0);
	if (status)
		*status = *ret ? CU_GET_PROC_ADDRESS_SUCCESS :
				 CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
	return *ret || status ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}

/* Both work before cuInit, and are how a program may come to cuInit. */
DRV_EXPORT CUresult CUDAAPI cuGetProcAddress_v2(const char *symbol, void **ret, int version,
						cuuint64_t flags,
						CUdriverProcAddressQueryResult *status)
{
	return proc_address(symbol, ret, version, flags, status);
}

DRV_EXPORT CUresult CUDAAPI cuGetProcAddress(const char *symbol, void **ret, int version,
					     cuuint64_t flags)
{
	return proc_address(symbol, ret, version, flags, NULL);
}
