#include "cupti/resources.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "cupti/api.h"
#include "cupti/emit.h"
#include "cupti/entry_calls.h"
#include "cupti/graphs.h"
#include "cupti/handles.h"
#include "cupti/ids.h"
#include "cupti/kernel_names.h"
#include "cupti/modules.h"

/* Alive at a time; 16 bytes of virtual memory each. */
#define MODULE_SLOTS  16384u
#define GRAPH_SLOTS   8192u
#define CONTEXT_SLOTS 256u

/* Asking for a name costs the host; more of an image that does not list them itself tell little. */
#define NAMES_MAX 64u

/* Owner of a module: its context's number, 0 for a library. Owner of a context: */
#define PRIMARY_OF(device) (2u * (uint32_t)(device) + 1u)
#define CREATED_ON(device) (2u * (uint32_t)(device) + 2u)
#define DEVICE_OF(owner)   (((owner) - 1u) / 2u)

static struct handles modules, graphs, execs, contexts;
static bool on;
static atomic_flag devices_told = ATOMIC_FLAG_INIT;

static uint32_t new_number(struct handles *h, uintptr_t handle, uint32_t owner)
{
	bool kept;
	uint32_t id = handles_add(h, handle, owner, &kept);

	if (!kept)
		emit_lost(LOST_BY_MEMORY, 1); /* its end will not be told */
	return id;
}

static uint32_t number(struct handles *h, const void *handle)
{
	uint32_t id = handles_find(h, (uintptr_t)handle);

	return id ? id : new_number(h, (uintptr_t)handle, 0);
}

/* --- CUPTI's questions */
static CUptiResult CUPTIAPI context_number(CUcontext context, uint32_t *ret)
{
	*ret = handles_find(&contexts, (uintptr_t)context);
	return *ret ? CUPTI_SUCCESS : CUPTI_ERROR_INVALID_CONTEXT;
}

static CUptiResult CUPTIAPI graph_number(CUgraph graph, uint32_t *ret)
{
	*ret = number(&graphs, graph);
	return CUPTI_SUCCESS;
}

static CUptiResult CUPTIAPI exec_number(CUgraphExec exec, uint32_t *ret)
{
	*ret = number(&execs, exec);
	return CUPTI_SUCCESS;
}

int resources_start(void)
{
	int failed;

	cupti_api = (struct cupti_api){
		.GetContextId = context_number,
		.GetGraphId = graph_number,
		.GetGraphExecId = exec_number,
	};
	ids_forget();
	atomic_flag_clear(&devices_told);
	failed = handles_start(&modules, MODULE_SLOTS) | handles_start(&graphs, GRAPH_SLOTS) |
		 handles_start(&execs, GRAPH_SLOTS) | handles_start(&contexts, CONTEXT_SLOTS);
	on = true;
	return failed ? -1 : 0;
}

void resources_off(void)
{
	on = false;
}

/* --- devices: once, at the first call that succeeded; inside cuInit they cannot be asked for */
static void device_tell(int ordinal)
{
	static const CUdevice_attribute attribute[] = {
		CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
		CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
		CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT,
	};
	uint64_t f[DEVICE_N] = { [DEVICE_DEVICE] = (uint64_t)ordinal };
	char name[128] = "";
	int value[3] = { 0, 0, 0 };
	CUuuid uuid;
	CUdevice device;

	if (driver_api.cuDeviceGet(&device, ordinal) != CUDA_SUCCESS ||
	    driver_api.cuDeviceGetName(name, sizeof(name), device) != CUDA_SUCCESS)
		return;
	for (unsigned i = 0; i < 3 && driver_api.cuDeviceGetAttribute; i++)
		(void)driver_api.cuDeviceGetAttribute(&value[i], attribute[i], device);
	f[DEVICE_CC_MAJOR] = (uint64_t)value[0];
	f[DEVICE_CC_MINOR] = (uint64_t)value[1];
	f[DEVICE_SMS] = (uint64_t)value[2];
	memset(&uuid, 0, sizeof(uuid));
	if (driver_api.cuDeviceGetUuid_v2)
		(void)driver_api.cuDeviceGetUuid_v2(&uuid, device);
	for (unsigned i = 0; i < 16; i++)
		f[i < 8 ? DEVICE_UUID_HI : DEVICE_UUID_LO] =
			f[i < 8 ? DEVICE_UUID_HI : DEVICE_UUID_LO] << 8 | (uint8_t)uuid.bytes[i];
	name[sizeof(name) - 1] = 0;
	emit(EVENT_DEVICE, f, DEVICE_N, name, strlen(name));
}

static void devices_tell(void)
{
	int n = 0;

	if (!driver_api.cuDeviceGetCount || !driver_api.cuDeviceGet || !driver_api.cuDeviceGetName ||
	    atomic_flag_test_and_set(&devices_told) ||
	    driver_api.cuDeviceGetCount(&n) != CUDA_SUCCESS)
		return;
	for (int i = 0; i < n; i++)
		device_tell(i);
}

/* --- modules */
struct kernel_handles {
	bool of_library;
	union {
		CUkernel kernel[NAMES_MAX];
		CUfunction function[NAMES_MAX];
	};
};

static const char *name_of(const void *arg, unsigned i)
{
	const struct kernel_handles *k = arg;
	const char *name = NULL;
	CUresult r = k->of_library ? driver_api.cuKernelGetName(&name, k->kernel[i]) :
				     driver_api.cuFuncGetName(&name, k->function[i]);

	return r == CUDA_SUCCESS ? name : NULL;
}

/* As many as the driver says there are; *ret_named: as many as it gave. These calls load nothing. */
static unsigned driver_lists(struct kernel_handles *ret, unsigned *ret_named, uint64_t handle)
{
	const struct driver_api *d = &driver_api;
	unsigned n = 0;

	*ret_named = 0;
	if (ret->of_library ? !d->cuLibraryGetKernelCount || !d->cuLibraryEnumerateKernels ||
				      !d->cuKernelGetName :
			      !d->cuModuleGetFunctionCount || !d->cuModuleEnumerateFunctions ||
				      !d->cuFuncGetName)
		return 0;
	if (ret->of_library) {
		const CUlibrary library = (CUlibrary)(uintptr_t)handle;

		if (d->cuLibraryGetKernelCount(&n, library) != CUDA_SUCCESS)
			return 0;
		*ret_named = n < NAMES_MAX ? n : NAMES_MAX;
		if (n && d->cuLibraryEnumerateKernels(ret->kernel, *ret_named, library) != CUDA_SUCCESS)
			*ret_named = 0;
	} else {
		const CUmodule module = (CUmodule)(uintptr_t)handle;

		if (d->cuModuleGetFunctionCount(&n, module) != CUDA_SUCCESS)
			return 0;
		*ret_named = n < NAMES_MAX ? n : NAMES_MAX;
		if (n && d->cuModuleEnumerateFunctions(ret->function, *ret_named, module) != CUDA_SUCCESS)
			*ret_named = 0;
	}
	return n;
}

static uint32_t current_context(void)
{
	CUcontext context = NULL;

	if (!driver_api.cuCtxGetCurrent || driver_api.cuCtxGetCurrent(&context) != CUDA_SUCCESS ||
	    !context)
		return 0;
	return number(&contexts, context);
}

void resources_loaded(const struct call_frame *frame, uint64_t handle, const struct image *img,
		    uint64_t end_ns)
{
	struct module_row row = { .time_ns = end_ns, .api = frame->api, .corr = frame->corr,
				  .image = (uint8_t)img->kind };
	struct kernel_handles kernels;
	unsigned named;

	if (!on || !handle)
		return;
	switch (frame->api) {
	case API_CU_MODULE_LOAD:
	case API_CU_MODULE_LOAD_DATA:
	case API_CU_MODULE_LOAD_DATA_EX:
	case API_CU_MODULE_LOAD_FAT:
		kernels.of_library = false;
		row.context = current_context();
		break;
	case API_CU_LIBRARY_LOAD_DATA:
	case API_CU_LIBRARY_LOAD_FILE:
		kernels.of_library = true;
		break;
	default:
		return; /* a linker's input: what it makes is loaded by another call */
	}
	devices_tell();
	row.module = new_number(&modules, handle, row.context);
	if (img->kind == IMAGE_CUBIN && img->hash) {
		row.hash = img->hash;
		row.bytes = img->bytes;
	}
	if (row.hash && img->address >= img->readable &&
	    img->address + img->bytes <= img->readable_end) {
		const void *elf = (const void *)(uintptr_t)img->address;

		row.kernels = image_kernels(elf, img->bytes, NULL, NULL);
		kernel_names_of_image(elf, img->bytes, row.hash, row.kernels);
	} else {
		row.kernels = driver_lists(&kernels, &named, handle);
		kernel_names_listed(row.hash, row.module, named, name_of, &kernels);
	}
	modules_tell(&row, handle, (struct stack_ids){ 0, 0 });
}

/* --- contexts */
static void context_tell(uint32_t id, uint32_t owner, enum lifetime_op op)
{
	uint64_t f[CONTEXT_N] = { 0 };

	f[CONTEXT_TIME] = emit_now();
	f[CONTEXT_CONTEXT] = id;
	f[CONTEXT_DEVICE] = owner ? DEVICE_OF(owner) : 0;
	f[CONTEXT_OP] = op;
	emit(EVENT_CONTEXT, f, CONTEXT_N, NULL, 0);
}

static void context_made(CUcontext context, uint32_t owner)
{
	devices_tell();
	if (!context || handles_find(&contexts, (uintptr_t)context))
		return; /* retained once more */
	context_tell(new_number(&contexts, (uintptr_t)context, owner), owner, LIFETIME_CREATE);
}

/* Its modules end with it. */
static void context_ended(uint32_t id, uint32_t owner)
{
	const uint64_t now = emit_now();
	uintptr_t handle;
	uint32_t module;

	while ((module = handles_take_of(&modules, id, &handle)))
		modules_unloaded(module, id, now);
	context_tell(id, owner, LIFETIME_DESTROY);
}

static void primary_ended(CUdevice device)
{
	unsigned int flags;
	uintptr_t handle;
	int active = 1;
	uint32_t id;

	if (!driver_api.cuDevicePrimaryCtxGetState ||
	    driver_api.cuDevicePrimaryCtxGetState(device, &flags, &active) != CUDA_SUCCESS || active)
		return;
	id = handles_take_of(&contexts, PRIMARY_OF(device), &handle);
	if (id)
		context_ended(id, PRIMARY_OF(device));
}

/* --- the calls */
static struct handles *table_of(CUpti_CallbackId cbid)
{
	switch (cbid) {
	case CUPTI_DRIVER_TRACE_CBID_cuModuleUnload:
	case CUPTI_DRIVER_TRACE_CBID_cuLibraryUnload:
		return &modules;
	case CUPTI_DRIVER_TRACE_CBID_cuGraphDestroy:
		return &graphs;
	case CUPTI_DRIVER_TRACE_CBID_cuGraphExecDestroy:
		return &execs;
	case CUPTI_DRIVER_TRACE_CBID_cuCtxDestroy:
	case CUPTI_DRIVER_TRACE_CBID_cuCtxDestroy_v2:
		return &contexts;
	default:
		return NULL;
	}
}

void resources_enter(struct entry_call *call)
{
	struct handles *ends = table_of(call->cbid);

	call->start_ns = emit_now();
	/*
	 * Before the call: after it another thread may be given the same handle. The handle is
	 * all that these calls take.
	 */
	if (ends) {
		call->id = handles_take(ends, *(const uintptr_t *)call->params, &call->owner);
		ids_forget();
	}
}

static void end_tell(const struct entry_call *call)
{
	switch (call->cbid) {
	case CUPTI_DRIVER_TRACE_CBID_cuModuleUnload:
	case CUPTI_DRIVER_TRACE_CBID_cuLibraryUnload:
		modules_unloaded(call->id, call->owner, call->start_ns);
		break;
	case CUPTI_DRIVER_TRACE_CBID_cuGraphExecDestroy:
		graphs_ended(call->id);
		break;
	case CUPTI_DRIVER_TRACE_CBID_cuCtxDestroy:
	case CUPTI_DRIVER_TRACE_CBID_cuCtxDestroy_v2:
		context_ended(call->id, call->owner);
		break;
	default:
		break; /* of a graph nobody asks */
	}
}

void resources_exit(const struct entry_call *call)
{
	struct handles *ends = table_of(call->cbid);
	const void *params = call->params;

	if (ends && call->id) {
		if (call->result == CUDA_SUCCESS)
			end_tell(call);
		else
			handles_restore(ends, *(const uintptr_t *)params, call->id, call->owner);
	}
	if (call->result != CUDA_SUCCESS)
		return;
	switch (call->cbid) {
	case CUPTI_DRIVER_TRACE_CBID_cuCtxCreate:
	case CUPTI_DRIVER_TRACE_CBID_cuCtxCreate_v2:
		context_made(*((const cuCtxCreate_v2_params *)params)->pctx,
			     CREATED_ON(((const cuCtxCreate_v2_params *)params)->dev));
		break;
	case CUPTI_DRIVER_TRACE_CBID_cuCtxCreate_v3:
		context_made(*((const cuCtxCreate_v3_params *)params)->pctx,
			     CREATED_ON(((const cuCtxCreate_v3_params *)params)->dev));
		break;
	case CUPTI_DRIVER_TRACE_CBID_cuCtxCreate_v4:
		context_made(*((const cuCtxCreate_v4_params *)params)->pctx,
			     CREATED_ON(((const cuCtxCreate_v4_params *)params)->dev));
		break;
	case CUPTI_DRIVER_TRACE_CBID_cuDevicePrimaryCtxRetain:
		context_made(*((const cuDevicePrimaryCtxRetain_params *)params)->pctx,
			     PRIMARY_OF(((const cuDevicePrimaryCtxRetain_params *)params)->dev));
		break;
	case CUPTI_DRIVER_TRACE_CBID_cuDevicePrimaryCtxRelease:
	case CUPTI_DRIVER_TRACE_CBID_cuDevicePrimaryCtxRelease_v2:
	case CUPTI_DRIVER_TRACE_CBID_cuDevicePrimaryCtxReset:
	case CUPTI_DRIVER_TRACE_CBID_cuDevicePrimaryCtxReset_v2:
		primary_ended(((const cuDevicePrimaryCtxRelease_v2_params *)params)->dev);
		break;
	default:
		break;
	}
}
