#include "cupti/modules.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "cupti/api.h"
#include "cupti/emit.h"
#include "cupti/graph_nodes.h"
#include "cupti/ids.h"
#include "cupti/image.h"
#include "cupti/kernel_names.h"
#include "cupti/resources.h"
#include "trace/hash.h"
#include "trace/redact.h"

#define PATH_BYTES  4096
#define WAITING_MAX 4

static _Atomic uint64_t modules;
static bool redact;

/* MODULE records that wait for their call to end. */
static __thread struct module_row waiting_tls[WAITING_MAX];
static __thread uint8_t waiting_count_tls;

int modules_start(bool redact_paths)
{
	redact = redact_paths;
	atomic_store(&modules, 0);
	return kernel_names_start();
}

void modules_tell(const struct module_row *w, uint64_t library, struct stack_ids stack)
{
	uint64_t f[MODULE_N];

	f[MODULE_TIME] = w->time_ns;
	f[MODULE_CONTEXT] = w->context;
	f[MODULE_MODULE] = w->module;
	f[MODULE_BYTES] = w->bytes;
	f[MODULE_HASH] = w->hash;
	f[MODULE_IMAGE] = w->image;
	f[MODULE_KERNELS] = w->kernels;
	f[MODULE_CALL_API] = w->api;
	f[MODULE_CALL_CORR] = w->corr;
	f[MODULE_LIBRARY] = library;
	f[MODULE_NATIVE] = stack.native;
	f[MODULE_PYTHON] = stack.python;
	if (emit(EVENT_MODULE, f, MODULE_N, NULL, 0))
		atomic_fetch_add_explicit(&modules, 1, memory_order_relaxed);
}

static const struct stack_ids no_stack = { 0, 0 };

/* What was taken at ENTER and is not in a LOAD record already. */
static struct stack_ids stack_of_frame(const struct call_frame *frame)
{
	return frame->class != CALL_LOAD && call_of(frame->cbid)->stack ? frame->stack : no_stack;
}

void modules_loaded(const CUpti_ResourceData *data, const struct call_frame *frame)
{
	const CUpti_ModuleResourceData *m = data->resourceDescriptor;
	struct module_row w = { .time_ns = emit_now(), .context = ids_context(data->context) };
	int saved_errno = errno;

	if (!m)
		return;
	w.module = m->moduleId;
	if (m->pCubin && m->cubinSize) {
		/* The bytes are CUPTI's and go away with this callback. */
		w.bytes = m->cubinSize;
		w.hash = hash64(m->pCubin, m->cubinSize);
		w.image = (uint8_t)image_classify((const uint8_t *)m->pCubin,
						  m->cubinSize < IMAGE_HEAD_BYTES ?
							  m->cubinSize : IMAGE_HEAD_BYTES);
		w.kernels = image_kernels(m->pCubin, m->cubinSize, NULL, NULL);
		kernel_names_of_image(m->pCubin, m->cubinSize, w.hash, w.kernels);
		if (frame && frame->class == CALL_LOAD && frame->image && w.image == IMAGE_CUBIN &&
		    image_is_copied(frame->image, m->pCubin, m->cubinSize))
			w.input = frame->image;
	}
	if (frame) {
		w.api = frame->api;
		w.corr = frame->corr;
	}
	if (frame && waiting_count_tls < WAITING_MAX)
		waiting_tls[waiting_count_tls++] = w;
	else
		modules_tell(&w, 0, frame ? stack_of_frame(frame) : no_stack);
	errno = saved_errno;
}

void modules_unloaded(uint32_t module, uint32_t context, uint64_t time_ns)
{
	uint64_t f[UNLOAD_N];

	graph_nodes_forget();
	f[UNLOAD_TIME] = time_ns;
	f[UNLOAD_CONTEXT] = context;
	f[UNLOAD_MODULE] = module;
	emit(EVENT_UNLOAD, f, UNLOAD_N, NULL, 0);
}

void modules_unloading(const CUpti_ResourceData *data)
{
	const CUpti_ModuleResourceData *m = data->resourceDescriptor;

	if (m)
		modules_unloaded(m->moduleId, ids_context(data->context), emit_now());
}

/*
 * Of a CUkernel, which cuLaunchKernel takes in place of a CUfunction. A real CUfunction
 * is refused with CUDA_ERROR_INVALID_HANDLE (driver 580): no need to tell them apart.
 */
static uint64_t library_of_kernel(CUkernel kernel)
{
	CUlibrary library = NULL;

	if (!kernel || !driver_api.cuKernelGetLibrary ||
	    driver_api.cuKernelGetLibrary(&library, kernel) != CUDA_SUCCESS)
		return 0;
	return (uintptr_t)library;
}

/*
 * What a call was asked about: a CUkernel, or a CUfunction that may be one; NULL: neither. A
 * library's module is loaded by whichever of these comes first.
 */
static CUkernel kernel_of_call(CUpti_CallbackId cbid, const void *p)
{
	switch (cbid) {
	case CUPTI_DRIVER_TRACE_CBID_cuLaunchKernel:
	case CUPTI_DRIVER_TRACE_CBID_cuLaunchKernel_ptsz:
	case CUPTI_DRIVER_TRACE_CBID_cuLaunchCooperativeKernel:
	case CUPTI_DRIVER_TRACE_CBID_cuLaunchCooperativeKernel_ptsz:
		return (CUkernel)((const cuLaunchKernel_params *)p)->f;
	case CUPTI_DRIVER_TRACE_CBID_cuLaunchKernelEx:
	case CUPTI_DRIVER_TRACE_CBID_cuLaunchKernelEx_ptsz:
		return (CUkernel)((const cuLaunchKernelEx_params *)p)->f;
	case CUPTI_DRIVER_TRACE_CBID_cuKernelGetFunction:
		return ((const cuKernelGetFunction_params *)p)->kernel;
	case CUPTI_DRIVER_TRACE_CBID_cuKernelGetAttribute:
		return ((const cuKernelGetAttribute_params *)p)->kernel;
	case CUPTI_DRIVER_TRACE_CBID_cuKernelSetAttribute:
		return ((const cuKernelSetAttribute_params *)p)->kernel;
	case CUPTI_DRIVER_TRACE_CBID_cuKernelSetCacheConfig:
		return ((const cuKernelSetCacheConfig_params *)p)->kernel;
	case CUPTI_DRIVER_TRACE_CBID_cuKernelGetParamInfo:
		return ((const cuKernelGetParamInfo_params *)p)->kernel;
	case CUPTI_DRIVER_TRACE_CBID_cuFuncGetAttribute:
		return (CUkernel)((const cuFuncGetAttribute_params *)p)->hfunc;
	case CUPTI_DRIVER_TRACE_CBID_cuFuncSetAttribute:
		return (CUkernel)((const cuFuncSetAttribute_params *)p)->hfunc;
	case CUPTI_DRIVER_TRACE_CBID_cuFuncSetCacheConfig:
		return (CUkernel)((const cuFuncSetCacheConfig_params *)p)->hfunc;
	case CUPTI_DRIVER_TRACE_CBID_cuFuncGetModule:
		return (CUkernel)((const cuFuncGetModule_params *)p)->hfunc;
	case CUPTI_DRIVER_TRACE_CBID_cuFuncGetParamInfo:
		return (CUkernel)((const cuFuncGetParamInfo_params *)p)->func;
	case CUPTI_DRIVER_TRACE_CBID_cuFuncLoad:
		return (CUkernel)((const cuFuncLoad_params *)p)->function;
	case CUPTI_DRIVER_TRACE_CBID_cuOccupancyMaxActiveBlocksPerMultiprocessor:
	case CUPTI_DRIVER_TRACE_CBID_cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags:
		return (CUkernel)((const cuOccupancyMaxActiveBlocksPerMultiprocessor_params *)p)->func;
	case CUPTI_DRIVER_TRACE_CBID_cuOccupancyMaxPotentialBlockSize:
	case CUPTI_DRIVER_TRACE_CBID_cuOccupancyMaxPotentialBlockSizeWithFlags:
		return (CUkernel)((const cuOccupancyMaxPotentialBlockSize_params *)p)->func;
	case CUPTI_DRIVER_TRACE_CBID_cuOccupancyAvailableDynamicSMemPerBlock:
		return (CUkernel)((const cuOccupancyAvailableDynamicSMemPerBlock_params *)p)->func;
	case CUPTI_DRIVER_TRACE_CBID_cuOccupancyMaxPotentialClusterSize:
		return (CUkernel)((const cuOccupancyMaxPotentialClusterSize_params *)p)->func;
	case CUPTI_DRIVER_TRACE_CBID_cuOccupancyMaxActiveClusters:
		return (CUkernel)((const cuOccupancyMaxActiveClusters_params *)p)->func;
	case CUPTI_DRIVER_TRACE_CBID_cuGraphExecKernelNodeSetParams_v2: {
		const CUDA_KERNEL_NODE_PARAMS *node =
			((const cuGraphExecKernelNodeSetParams_v2_params *)p)->nodeParams;

		return node ? node->func ? (CUkernel)node->func : node->kern : NULL;
	}
	default:
		return NULL;
	}
}

static bool succeeded(const CUpti_CallbackData *data)
{
	return data->functionReturnValue && *(const CUresult *)data->functionReturnValue == 0;
}

/* The handle that a LOAD record of this library or module carries; 0: not to be known. */
static uint64_t library_of_call(CUpti_CallbackId cbid, const CUpti_CallbackData *data)
{
	const void *p = data->functionParams;

	switch (cbid) {
	case CUPTI_DRIVER_TRACE_CBID_cuModuleLoad:
	case CUPTI_DRIVER_TRACE_CBID_cuModuleLoadData:
	case CUPTI_DRIVER_TRACE_CBID_cuModuleLoadDataEx:
	case CUPTI_DRIVER_TRACE_CBID_cuModuleLoadFatBinary:
	case CUPTI_DRIVER_TRACE_CBID_cuLibraryLoadData:
	case CUPTI_DRIVER_TRACE_CBID_cuLibraryLoadFromFile:
		/* All of them start with a pointer to the new handle. */
		return succeeded(data) ? **(const uintptr_t *const *)p : 0;
	case CUPTI_DRIVER_TRACE_CBID_cuModuleGetFunction:
		return (uintptr_t)((const cuModuleGetFunction_params *)p)->hmod;
	case CUPTI_DRIVER_TRACE_CBID_cuModuleGetGlobal:
	case CUPTI_DRIVER_TRACE_CBID_cuModuleGetGlobal_v2:
		return (uintptr_t)((const cuModuleGetGlobal_v2_params *)p)->hmod;
	case CUPTI_DRIVER_TRACE_CBID_cuLibraryGetModule:
		return (uintptr_t)((const cuLibraryGetModule_params *)p)->library;
	case CUPTI_DRIVER_TRACE_CBID_cuLibraryGetKernel:
		return (uintptr_t)((const cuLibraryGetKernel_params *)p)->library;
	case CUPTI_DRIVER_TRACE_CBID_cuLibraryGetGlobal:
	case CUPTI_DRIVER_TRACE_CBID_cuLibraryGetManaged:
		return (uintptr_t)((const cuLibraryGetGlobal_params *)p)->library;
	case CUPTI_DRIVER_TRACE_CBID_cuLibraryGetUnifiedFunction:
		return (uintptr_t)((const cuLibraryGetUnifiedFunction_params *)p)->library;
	default:
		return library_of_kernel(kernel_of_call(cbid, p));
	}
}

/* Inside another call driver locks may be held: there we do with what ENTER took. */
static struct stack_ids stack_at_exit(const struct call_frame *frame, unsigned outer)
{
	struct stack_ids stack = stack_of_frame(frame);

	if (frame->class == CALL_LOAD || call_of(frame->cbid)->stack)
		return stack;
	if (!outer)
		calls_stack(&stack);
	else if (call_of(frame[-1].cbid)->stack)
		stack = frame[-1].stack;
	return stack;
}

static __attribute__((noinline)) void waiting_tell(const struct call_frame *frame, unsigned outer,
						   const CUpti_CallbackData *data)
{
	struct stack_ids stack = no_stack;
	uint64_t library = 0;
	uint8_t kept = 0;
	bool first = true;

	if (data->functionParams)
		library = library_of_call(frame->cbid, data);
	for (uint8_t i = 0; i < waiting_count_tls; i++) {
		struct module_row *w = &waiting_tls[i];

		/* Those of an outer call go on waiting. */
		if (w->corr != data->correlationId) {
			waiting_tls[kept++] = *w;
			continue;
		}
		if (first)
			stack = stack_at_exit(frame, outer);
		first = false;
		modules_tell(w, library, stack);
	}
	waiting_count_tls = kept;
}

/* Both are called for every launch. */
void modules_exit(const struct call_frame *frame, unsigned outer, const CUpti_CallbackData *data)
{
	if (waiting_count_tls)
		waiting_tell(frame, outer, data);
}

static __attribute__((noinline)) void waiting_abandon(void)
{
	for (uint8_t i = 0; i < waiting_count_tls; i++)
		modules_tell(&waiting_tls[i], 0, no_stack);
	waiting_count_tls = 0;
}

void modules_abandon(void)
{
	if (waiting_count_tls)
		waiting_abandon();
}

uint64_t modules_total(void)
{
	return atomic_load_explicit(&modules, memory_order_relaxed);
}

/* What a load call was given. */
struct load {
	uint64_t handle;
	const void *image; /* or */
	const char *path;
	uint64_t bytes;    /* when the call says it */
	enum image_kind kind; /* when the call says it and the bytes do not */
};

static enum image_kind kind_of_input(CUjitInputType type)
{
	switch (type) {
	case CU_JIT_INPUT_CUBIN:
		return IMAGE_CUBIN;
	case CU_JIT_INPUT_PTX:
		return IMAGE_PTX;
	case CU_JIT_INPUT_FATBINARY:
		return IMAGE_FATBIN;
	case CU_JIT_INPUT_NVVM:
		return IMAGE_LTOIR;
	default:
		return IMAGE_OTHER;
	}
}

const void *modules_image(CUpti_CallbackId cbid, const void *params)
{
	switch (cbid) {
	case CUPTI_DRIVER_TRACE_CBID_cuModuleLoadData:
		return ((const cuModuleLoadData_params *)params)->image;
	case CUPTI_DRIVER_TRACE_CBID_cuModuleLoadDataEx:
		return ((const cuModuleLoadDataEx_params *)params)->image;
	case CUPTI_DRIVER_TRACE_CBID_cuModuleLoadFatBinary:
		return ((const cuModuleLoadFatBinary_params *)params)->fatCubin;
	case CUPTI_DRIVER_TRACE_CBID_cuLibraryLoadData:
		return ((const cuLibraryLoadData_params *)params)->code;
	default:
		return NULL;
	}
}

static void load_of_call(struct load *l, const struct call_frame *frame, const CUpti_CallbackData *data)
{
	const CUpti_CallbackId cbid = frame->cbid;
	const void *p = data->functionParams;

	switch (cbid) {
	case CUPTI_DRIVER_TRACE_CBID_cuModuleLoad:
		l->path = ((const cuModuleLoad_params *)p)->fname;
		break;
	case CUPTI_DRIVER_TRACE_CBID_cuLibraryLoadFromFile:
		l->path = ((const cuLibraryLoadFromFile_params *)p)->fileName;
		break;
	case CUPTI_DRIVER_TRACE_CBID_cuLinkAddData:
	case CUPTI_DRIVER_TRACE_CBID_cuLinkAddData_v2: {
		const cuLinkAddData_v2_params *add = p;

		l->image = add->data;
		l->bytes = add->size;
		l->kind = kind_of_input(add->type);
		l->handle = (uintptr_t)add->state;
		return;
	}
	case CUPTI_DRIVER_TRACE_CBID_cuLinkAddFile:
	case CUPTI_DRIVER_TRACE_CBID_cuLinkAddFile_v2: {
		const cuLinkAddFile_v2_params *add = p;

		l->path = add->path;
		l->kind = kind_of_input(add->type);
		l->handle = (uintptr_t)add->state;
		return;
	}
	case CUPTI_DRIVER_TRACE_CBID_cuLinkComplete: {
		const cuLinkComplete_params *done = p;

		if (succeeded(data) && done->cubinOut)
			l->image = *done->cubinOut; /* the linked code, which a load gets next */
		if (succeeded(data) && done->sizeOut)
			l->bytes = *done->sizeOut;
		l->handle = (uintptr_t)done->state;
		return;
	}
	default:
		l->image = frame->image;
		break;
	}
	l->handle = library_of_call(cbid, data);
}

static void load_tell(const struct call_frame *frame, const CUpti_CallbackData *data, uint64_t end_ns,
		      const struct load *l, const struct image *img, const char *path, size_t path_len)
{
	uint64_t f[LOAD_N];

	f[LOAD_START] = frame->start_ns;
	f[LOAD_END] = end_ns;
	f[LOAD_CORR] = frame->corr;
	f[LOAD_API] = frame->api;
	f[LOAD_RESULT] = data->functionReturnValue ?
				 *(const uint32_t *)data->functionReturnValue : 0;
	f[LOAD_HANDLE] = l->handle;
	f[LOAD_IMAGE] = img->kind;
	f[LOAD_SOURCE] = img->source;
	f[LOAD_ADDRESS] = img->address;
	f[LOAD_OFFSET] = img->offset;
	/* Of PTX what was hashed: a size that was told may count a NUL. */
	f[LOAD_BYTES] = l->bytes && !(img->kind == IMAGE_PTX && img->hash) ? l->bytes : img->bytes;
	f[LOAD_HASH] = img->hash;
	f[LOAD_NATIVE] = frame->stack.native;
	f[LOAD_PYTHON] = frame->stack.python;
	emit(EVENT_LOAD, f, LOAD_N, path, path_len);
}

/* What nothing is known of yet. A function of its own for its buffers. */
static __attribute__((noinline)) void load_inspect(const struct call_frame *frame,
						   const CUpti_CallbackData *data, uint64_t end_ns,
						   const struct load *l)
{
	struct image img = { .kind = IMAGE_UNKNOWN };
	char path[PATH_BYTES], shareable[PATH_BYTES];
	const char *blob = path;
	size_t blob_len;

	path[0] = 0;
	if (l->path && image_peek_string(path, l->path, sizeof(path)))
		image_inspect_file(&img, path);
	else if (l->image)
		image_inspect(&img, l->image, succeeded(data), path, sizeof(path));
	if (img.kind == IMAGE_UNKNOWN || (img.kind == IMAGE_OTHER && l->kind != IMAGE_UNKNOWN))
		img.kind = l->kind;
	if (l->image)
		image_hash(&img, l->bytes);
	blob_len = strlen(path);
	if (redact && blob_len) {
		blob_len = redact_path(shareable, sizeof(shareable), path, blob_len);
		blob = shareable;
	}
	load_tell(frame, data, end_ns, l, &img, blob, blob_len);
	if (succeeded(data))
		resources_loaded(frame, l->handle, &img, end_ns);
}

void modules_load_exit(const struct call_frame *frame, const CUpti_CallbackData *data,
		       uint64_t end_ns)
{
	struct load l = { .kind = IMAGE_UNKNOWN };
	const struct module_row *w;
	struct image img;

	if (data->functionParams)
		load_of_call(&l, frame, data);
	/* CUPTI has shown the module that came of it, and it was the same: it is not read again. */
	for (w = waiting_tls; l.image && succeeded(data) && w < waiting_tls + waiting_count_tls; w++) {
		if (w->input != l.image || w->corr != frame->corr)
			continue;
		image_copied(&img, l.image, w->bytes, w->hash);
		load_tell(frame, data, end_ns, &l, &img, NULL, 0);
		return;
	}
	load_inspect(frame, data, end_ns, &l);
}
