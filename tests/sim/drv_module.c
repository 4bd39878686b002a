/* Modules and their functions. MODULE_LOADED is told inside the loading call. */
#include "tests/sim/drv.h"

#include <stdlib.h>
#include <string.h>

static bool module_is_eager(void)
{
	return sim_knobs.cuda_module_loading && !strcmp(sim_knobs.cuda_module_loading, "EAGER");
}

CUresult module_create(CUmodule *ret, CUcontext ctx, struct image *image, struct CUlib_st *lib)
{
	static _Atomic uint32_t next_id = 1;
	CUmodule m = calloc(1, sizeof(*m));

	if (!m || !(m->functions = calloc(image->n_kernels + 1, sizeof(*m->functions)))) {
		free(m);
		return CUDA_ERROR_OUT_OF_MEMORY;
	}
	m->ctx = ctx;
	m->library = lib;
	m->image = *image;
	m->id = atomic_fetch_add(&next_id, 1);
	for (size_t i = 0; i < image->n_kernels; i++) {
		m->functions[i].magic = FUNC_MAGIC;
		m->functions[i].module = m;
		m->functions[i].name = image->kernels[i];
		m->functions[i].kernel = lib ? &lib->kernels[i] : NULL;
		atomic_init(&m->functions[i].is_loaded, module_is_eager());
	}
	pthread_mutex_lock(&ctx->lock);
	m->next = ctx->modules;
	ctx->modules = m;
	pthread_mutex_unlock(&ctx->lock);
	clock_wait(clock_now() + sim_knobs.load_ns);
	atomic_fetch_add(&drv_link.module_loads, 1);
	drv_resource(RES_MODULE_LOADED, ctx, NULL,
		     &(struct sim_module_info){ m->id, m->image.elf, m->image.elf_bytes });
	*ret = m;
	return CUDA_SUCCESS;
}

void module_destroy(CUmodule m)
{
	struct CUmod_st **at;

	drv_resource(RES_MODULE_UNLOAD_STARTING, m->ctx, NULL,
		     &(struct sim_module_info){ m->id, m->image.elf, m->image.elf_bytes });
	pthread_mutex_lock(&m->ctx->lock);
	for (at = &m->ctx->modules; *at && *at != m; at = &(*at)->next)
		;
	if (*at)
		*at = m->next;
	pthread_mutex_unlock(&m->ctx->lock);
	if (m->library)
		library_forget_module(m);
	for (size_t i = 0; i < m->image.n_kernels; i++)
		m->functions[i].magic = 0;
	free(m->functions);
	image_release(&m->image);
	free(m);
}

static CUresult module_load(CUmodule *ret, const struct source *source)
{
	CUcontext ctx = ctx_current();
	struct image image;
	CUresult r;

	if (!ret)
		return CUDA_ERROR_INVALID_VALUE;
	if (!ctx_is_valid(ctx))
		return CUDA_ERROR_INVALID_CONTEXT;
	r = image_load(&image, source, ctx->device);
	if (r)
		return r;
	r = module_create(ret, ctx, &image, NULL);
	if (r)
		image_release(&image);
	return r;
}

static CUresult module_load_data(CUmodule *ret, const void *data)
{
	struct source source;
	CUresult r = source_find(&source, data);

	return r ? r : module_load(ret, &source);
}

ENTRY(cuModuleLoad, (CUmodule *ret, const char *path), (ret, path))
{
	struct source source;
	CUresult r = source_read(&source, path);

	if (r)
		return r;
	r = module_load(ret, &source);
	free((void *)(uintptr_t)source.data);
	return r;
}

ENTRY(cuModuleLoadData, (CUmodule *ret, const void *data), (ret, data))
{
	return module_load_data(ret, data);
}

ENTRY(cuModuleLoadDataEx, (CUmodule *ret, const void *data, unsigned int n, CUjit_option *options,
			   void **values), (ret, data, n, options, values))
{
	return module_load_data(ret, data);
}

ENTRY(cuModuleLoadFatBinary, (CUmodule *ret, const void *data), (ret, data))
{
	return module_load_data(ret, data);
}

ENTRY(cuModuleUnload, (CUmodule m), (m))
{
	if (!m || m->library)
		return CUDA_ERROR_INVALID_HANDLE;
	module_destroy(m);
	return CUDA_SUCCESS;
}

ENTRY(cuModuleGetLoadingMode, (CUmoduleLoadingMode *ret), (ret))
{
	if (!ret)
		return CUDA_ERROR_INVALID_VALUE;
	*ret = module_is_eager() ? CU_MODULE_EAGER_LOADING : CU_MODULE_LAZY_LOADING;
	return CUDA_SUCCESS;
}

/* --- functions */
ENTRY(cuModuleGetFunction, (CUfunction *ret, CUmodule m, const char *name), (ret, m, name))
{
	if (!ret || !name)
		return CUDA_ERROR_INVALID_VALUE;
	if (!m)
		return CUDA_ERROR_INVALID_HANDLE;
	for (size_t i = 0; i < m->image.n_kernels; i++) {
		if (!strcmp(m->image.kernels[i], name)) {
			launch_first_use(&m->functions[i]);
			*ret = &m->functions[i];
			return CUDA_SUCCESS;
		}
	}
	return CUDA_ERROR_NOT_FOUND;
}

ENTRY(cuModuleGetFunctionCount, (unsigned int *ret, CUmodule m), (ret, m))
{
	if (!ret || !m)
		return CUDA_ERROR_INVALID_VALUE;
	*ret = (unsigned int)m->image.n_kernels;
	return CUDA_SUCCESS;
}

ENTRY(cuModuleEnumerateFunctions, (CUfunction *ret, unsigned int n, CUmodule m), (ret, n, m))
{
	if (!ret || !m)
		return CUDA_ERROR_INVALID_VALUE;
	for (size_t i = 0; i < n && i < m->image.n_kernels; i++)
		ret[i] = &m->functions[i];
	return CUDA_SUCCESS;
}

/* No image of the simulated device has variables. */
ENTRY(cuModuleGetGlobal_v2, (CUdeviceptr *ret, size_t *bytes, CUmodule m, const char *name),
      (ret, bytes, m, name))
{
	return name && m ? CUDA_ERROR_NOT_FOUND : CUDA_ERROR_INVALID_VALUE;
}

CUresult function_resolve(CUfunction handle, CUcontext ctx, CUfunction *ret)
{
	if (!handle)
		return CUDA_ERROR_INVALID_HANDLE;
	if (handle->magic == KERN_MAGIC)
		return library_function((CUkernel)handle, ctx, ret);
	if (handle->magic != FUNC_MAGIC)
		return CUDA_ERROR_INVALID_HANDLE;
	*ret = handle;
	return CUDA_SUCCESS;
}

const char *function_name(CUfunction handle)
{
	if (!handle)
		return NULL;
	if (handle->magic == KERN_MAGIC)
		return ((CUkernel)handle)->name;
	return handle->magic == FUNC_MAGIC ? handle->name : NULL;
}

ENTRY(cuFuncGetName, (const char **ret, CUfunction f), (ret, f))
{
	if (!ret)
		return CUDA_ERROR_INVALID_VALUE;
	*ret = function_name(f);
	return *ret ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

ENTRY(cuFuncGetModule, (CUmodule *ret, CUfunction handle), (ret, handle))
{
	CUfunction f;
	CUresult r = function_resolve(handle, ctx_current(), &f);

	if (!r)
		*ret = f->module;
	return r;
}

int function_attribute(CUfunction_attribute attribute)
{
	return attribute == CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK ? 1024 :
	       attribute == CU_FUNC_ATTRIBUTE_NUM_REGS ? 32 :
	       attribute == CU_FUNC_ATTRIBUTE_PTX_VERSION ? 70 :
	       attribute == CU_FUNC_ATTRIBUTE_BINARY_VERSION ? 90 : 0;
}

/* Any of these loads the module of a library's kernel. */
ENTRY(cuFuncGetAttribute, (int *ret, CUfunction_attribute attribute, CUfunction handle),
      (ret, attribute, handle))
{
	CUfunction f;
	CUresult r = ret ? function_resolve(handle, ctx_current(), &f) : CUDA_ERROR_INVALID_VALUE;

	if (!r)
		*ret = function_attribute(attribute);
	return r;
}

ENTRY(cuFuncSetAttribute, (CUfunction handle, CUfunction_attribute attribute, int value),
      (handle, attribute, value))
{
	CUfunction f;

	return function_resolve(handle, ctx_current(), &f);
}

ENTRY(cuFuncSetCacheConfig, (CUfunction handle, CUfunc_cache config), (handle, config))
{
	CUfunction f;

	return function_resolve(handle, ctx_current(), &f);
}

static CUresult occupancy(int *ret, CUfunction handle, int block)
{
	CUfunction f;
	CUresult r = ret && block > 0 ? function_resolve(handle, ctx_current(), &f) :
					CUDA_ERROR_INVALID_VALUE;

	if (!r)
		*ret = block > 1024 ? 0 : 2048 / block;
	return r;
}

ENTRY(cuOccupancyMaxActiveBlocksPerMultiprocessor,
      (int *ret, CUfunction handle, int block, size_t shared), (ret, handle, block, shared))
{
	return occupancy(ret, handle, block);
}

ENTRY(cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags,
      (int *ret, CUfunction handle, int block, size_t shared, unsigned int flags),
      (ret, handle, block, shared, flags))
{
	return occupancy(ret, handle, block);
}

ENTRY(cuFuncIsLoaded, (CUfunctionLoadingState *ret, CUfunction f), (ret, f))
{
	if (!ret || !f || f->magic != FUNC_MAGIC)
		return CUDA_ERROR_INVALID_VALUE;
	*ret = atomic_load(&f->is_loaded) ? CU_FUNCTION_LOADING_STATE_LOADED :
					    CU_FUNCTION_LOADING_STATE_UNLOADED;
	return CUDA_SUCCESS;
}

ENTRY(cuFuncLoad, (CUfunction handle), (handle))
{
	CUfunction f;
	CUresult r = function_resolve(handle, ctx_current(), &f);

	if (!r)
		launch_first_use(f);
	return r;
}
