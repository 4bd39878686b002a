/*
 * Libraries: loading one compiles its PTX but gives no MODULE_LOADED; the first use on
 * a context loads it there and does, as measured on the real driver.
 */
#include "tests/sim/drv.h"

#include <stdlib.h>
#include <string.h>

static struct CUlib_st *libraries;   /* under drv_lock */

/* The code is compiled here already, but loaded nowhere: both measured. */
static CUresult library_create(CUlibrary *ret, const struct source *source)
{
	CUcontext ctx = ctx_current();
	CUlibrary lib;
	CUresult r;

	if (!ret)
		return CUDA_ERROR_INVALID_VALUE;
	lib = calloc(1, sizeof(*lib));
	if (!lib)
		return CUDA_ERROR_OUT_OF_MEMORY;
	r = image_load(&lib->image, source, ctx ? ctx->device : 0);
	if (r)
		goto free_lib;
	lib->kernels = calloc(lib->image.n_kernels + 1, sizeof(*lib->kernels));
	if (!lib->kernels) {
		r = CUDA_ERROR_OUT_OF_MEMORY;
		goto release_image;
	}
	pthread_mutex_init(&lib->lock, NULL);
	for (size_t i = 0; i < lib->image.n_kernels; i++)
		lib->kernels[i] = (struct CUkern_st){ KERN_MAGIC, lib, lib->image.kernels[i], i };
	lib->is_fatbin = source->is_fatbin;
	pthread_mutex_lock(&drv_lock);
	lib->next = libraries;
	libraries = lib;
	pthread_mutex_unlock(&drv_lock);
	*ret = lib;
	return CUDA_SUCCESS;
release_image:
	image_release(&lib->image);
free_lib:
	free(lib);
	return r;
}

ENTRY(cuLibraryLoadData, (CUlibrary *ret, const void *code, CUjit_option *jit, void **jit_values,
			  unsigned int n_jit, CUlibraryOption *options, void **values,
			  unsigned int n_options),
      (ret, code, jit, jit_values, n_jit, options, values, n_options))
{
	struct source source;
	CUresult r = source_find(&source, code);

	return r ? r : library_create(ret, &source);
}

ENTRY(cuLibraryLoadFromFile, (CUlibrary *ret, const char *path, CUjit_option *jit,
			      void **jit_values, unsigned int n_jit, CUlibraryOption *options,
			      void **values, unsigned int n_options),
      (ret, path, jit, jit_values, n_jit, options, values, n_options))
{
	struct source source;
	CUresult r = source_read(&source, path);

	if (r)
		return r;
	r = library_create(ret, &source);
	free((void *)(uintptr_t)source.data);
	return r;
}

ENTRY(cuLibraryUnload, (CUlibrary lib), (lib))
{
	struct CUlib_st **at;

	if (!lib)
		return CUDA_ERROR_INVALID_HANDLE;
	pthread_mutex_lock(&drv_lock);
	for (at = &libraries; *at && *at != lib; at = &(*at)->next)
		;
	if (!*at) {
		pthread_mutex_unlock(&drv_lock);
		return CUDA_ERROR_INVALID_HANDLE;
	}
	*at = lib->next;
	pthread_mutex_unlock(&drv_lock);
	while (lib->n_modules)
		module_destroy(lib->modules[lib->n_modules - 1]);
	image_release(&lib->image);
	free(lib->kernels);
	pthread_mutex_destroy(&lib->lock);
	free(lib);
	return CUDA_SUCCESS;
}

void library_forget_module(CUmodule m)
{
	struct CUlib_st *lib = m->library;

	pthread_mutex_lock(&lib->lock);
	for (size_t i = 0; i < lib->n_modules; i++) {
		if (lib->modules[i] == m) {
			lib->modules[i] = lib->modules[--lib->n_modules];
			break;
		}
	}
	pthread_mutex_unlock(&lib->lock);
}

/* The library's module on the context; loads it there when it is the first use. */
static CUresult library_module(struct CUlib_st *lib, CUcontext ctx, CUmodule *ret)
{
	uint64_t start = clock_now();
	struct image image;
	CUresult r = CUDA_SUCCESS;

	if (!ctx_is_valid(ctx))
		return CUDA_ERROR_INVALID_CONTEXT;
	pthread_mutex_lock(&lib->lock);
	for (size_t i = 0; i < lib->n_modules; i++) {
		if (lib->modules[i]->ctx == ctx) {
			*ret = lib->modules[i];
			goto unlock;
		}
	}
	if (lib->n_modules == sizeof(lib->modules) / sizeof(*lib->modules)) {
		r = CUDA_ERROR_NOT_SUPPORTED;
		goto unlock;
	}
	r = image_copy(&image, &lib->image);
	if (r)
		goto unlock;
	r = module_create(ret, ctx, &image, lib);
	if (r) {
		image_release(&image);
		goto unlock;
	}
	lib->modules[lib->n_modules++] = *ret;
	if (lib->is_fatbin) /* stands in for the runtime library, whose record this is */
		drv_overhead(OVERHEAD_MODULE_LOADING, start, clock_now());
unlock:
	pthread_mutex_unlock(&lib->lock);
	return r;
}

CUresult library_function(CUkernel kernel, CUcontext ctx, CUfunction *ret)
{
	CUmodule m;
	CUresult r = library_module(kernel->library, ctx, &m);

	if (!r)
		*ret = &m->functions[kernel->index];
	return r;
}

ENTRY(cuLibraryGetKernel, (CUkernel *ret, CUlibrary lib, const char *name), (ret, lib, name))
{
	if (!ret || !name)
		return CUDA_ERROR_INVALID_VALUE;
	if (!lib)
		return CUDA_ERROR_INVALID_HANDLE;
	for (size_t i = 0; i < lib->image.n_kernels; i++) {
		if (!strcmp(lib->kernels[i].name, name)) {
			*ret = &lib->kernels[i];
			return CUDA_SUCCESS;
		}
	}
	return CUDA_ERROR_NOT_FOUND;
}

ENTRY(cuLibraryGetKernelCount, (unsigned int *ret, CUlibrary lib), (ret, lib))
{
	if (!ret || !lib)
		return CUDA_ERROR_INVALID_VALUE;
	*ret = (unsigned int)lib->image.n_kernels;
	return CUDA_SUCCESS;
}

ENTRY(cuLibraryEnumerateKernels, (CUkernel *ret, unsigned int n, CUlibrary lib), (ret, n, lib))
{
	if (!ret || !lib)
		return CUDA_ERROR_INVALID_VALUE;
	for (size_t i = 0; i < n && i < lib->image.n_kernels; i++)
		ret[i] = &lib->kernels[i];
	return CUDA_SUCCESS;
}

ENTRY(cuLibraryGetModule, (CUmodule *ret, CUlibrary lib), (ret, lib))
{
	if (!ret || !lib)
		return CUDA_ERROR_INVALID_VALUE;
	return library_module(lib, ctx_current(), ret);
}

/* No image of the simulated device has variables; looking for one loads the module. */
static CUresult library_variable(CUlibrary lib, const char *name)
{
	CUmodule m;
	CUresult r;

	if (!name)
		return CUDA_ERROR_INVALID_VALUE;
	if (!lib)
		return CUDA_ERROR_INVALID_HANDLE;
	r = library_module(lib, ctx_current(), &m);
	return r ? r : CUDA_ERROR_NOT_FOUND;
}

ENTRY(cuLibraryGetGlobal, (CUdeviceptr *ret, size_t *bytes, CUlibrary lib, const char *name),
      (ret, bytes, lib, name))
{
	return library_variable(lib, name);
}

ENTRY(cuLibraryGetManaged, (CUdeviceptr *ret, size_t *bytes, CUlibrary lib, const char *name),
      (ret, bytes, lib, name))
{
	return library_variable(lib, name);
}

/* --- kernels: a question about one loads its module, as its first launch does */
ENTRY(cuKernelGetFunction, (CUfunction *ret, CUkernel k), (ret, k))
{
	CUresult r;

	if (!ret || !k || k->magic != KERN_MAGIC)
		return CUDA_ERROR_INVALID_HANDLE;
	r = library_function(k, ctx_current(), ret);
	if (!r)
		launch_first_use(*ret);
	return r;
}

ENTRY(cuKernelGetName, (const char **ret, CUkernel k), (ret, k))
{
	if (!ret || !k)
		return CUDA_ERROR_INVALID_VALUE;
	*ret = function_name((CUfunction)k);
	return *ret ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

ENTRY(cuKernelGetLibrary, (CUlibrary *ret, CUkernel k), (ret, k))
{
	if (!ret || !k || k->magic != KERN_MAGIC)
		return CUDA_ERROR_INVALID_HANDLE;
	*ret = k->library;
	return CUDA_SUCCESS;
}

static CUresult kernel_load(CUkernel k)
{
	CUfunction f;

	if (!k || k->magic != KERN_MAGIC)
		return CUDA_ERROR_INVALID_HANDLE;
	return library_function(k, ctx_current(), &f);
}

ENTRY(cuKernelGetAttribute, (int *ret, CUfunction_attribute attribute, CUkernel k, CUdevice device),
      (ret, attribute, k, device))
{
	CUresult r = ret ? kernel_load(k) : CUDA_ERROR_INVALID_VALUE;

	if (!r)
		*ret = function_attribute(attribute);
	return r;
}

ENTRY(cuKernelSetAttribute,
      (CUfunction_attribute attribute, int value, CUkernel k, CUdevice device),
      (attribute, value, k, device))
{
	return kernel_load(k);
}

ENTRY(cuKernelSetCacheConfig, (CUkernel k, CUfunc_cache config, CUdevice device),
      (k, config, device))
{
	return kernel_load(k);
}

/* No kernel of the simulated device knows its parameters. */
ENTRY(cuKernelGetParamInfo, (CUkernel k, size_t index, size_t *offset, size_t *bytes),
      (k, index, offset, bytes))
{
	CUresult r = kernel_load(k);

	return r ? r : CUDA_ERROR_INVALID_VALUE;
}
