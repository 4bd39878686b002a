/* cuLink*: several inputs become one cubin with the kernels of all of them. */
#include "tests/sim/drv.h"

#include <stdlib.h>
#include <string.h>

struct CUlinkState_st {
	char *text;              /* PTX: one `.entry` per kernel of every input */
	size_t bytes;
	struct image image;
};

static CUresult linker_create(CUlinkState *ret)
{
	if (!ret)
		return CUDA_ERROR_INVALID_VALUE;
	if (!ctx_is_valid(ctx_current()))
		return CUDA_ERROR_INVALID_CONTEXT;
	*ret = calloc(1, sizeof(**ret));
	return *ret ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

ENTRY(cuLinkCreate_v2, (unsigned int n, CUjit_option *options, void **values, CUlinkState *ret),
      (n, options, values, ret))
{
	return linker_create(ret);
}

ENTRY_TWIN(cuLinkCreate, (unsigned int n, CUjit_option *options, void **values, CUlinkState *ret),
	   (n, options, values, ret), cuLinkCreate_v2)

static CUresult linker_append(CUlinkState state, const char *text, size_t bytes)
{
	char *more = realloc(state->text, state->bytes + bytes + 1);

	if (!more)
		return CUDA_ERROR_OUT_OF_MEMORY;
	memcpy(more + state->bytes, text, bytes);
	state->text = more;
	state->bytes += bytes;
	more[state->bytes] = '\0';
	return CUDA_SUCCESS;
}

/*
 * Each input is compiled when it is added; completing only links. To the cache, code to
 * be linked is another thing than the same PTX loaded as a module.
 */
static CUresult linker_compile(const struct source *ptx)
{
	static const char mark[] = "\n// to be linked\n";
	char *text = malloc(ptx->bytes + sizeof(mark));
	struct source marked = { .is_ptx = true, .data = text };
	struct image image;
	CUresult r;

	if (!text)
		return CUDA_ERROR_OUT_OF_MEMORY;
	memcpy(text, ptx->data, ptx->bytes);
	memcpy(text + ptx->bytes, mark, sizeof(mark));
	marked.bytes = ptx->bytes + sizeof(mark) - 1;
	r = jit_compile(&image, &marked, ctx_current() ? ctx_current()->device : 0);
	if (!r)
		image_release(&image);
	free(text);
	return r;
}

static CUresult linker_add(CUlinkState state, const struct source *source)
{
	const char **names;
	size_t n;
	CUresult r;

	if (source->is_ptx) {
		r = linker_compile(source);
		return r ? r : linker_append(state, source->data, source->bytes);
	}
	r = elf_kernels(source->data, &names, &n);
	for (size_t i = 0; !r && i < n; i++) {
		r = linker_append(state, ".entry ", 7);
		if (!r)
			r = linker_append(state, names[i], strlen(names[i]));
		if (!r)
			r = linker_append(state, "() {}\n", 6);
	}
	free(names);
	return r;
}

ENTRY(cuLinkAddData_v2, (CUlinkState state, CUjitInputType type, void *data, size_t size,
			 const char *name, unsigned int n, CUjit_option *options, void **values),
      (state, type, data, size, name, n, options, values))
{
	struct source source;
	char *copy;
	CUresult r;

	if (!state || !data || !size)
		return CUDA_ERROR_INVALID_VALUE;
	copy = calloc(1, size + 1);  /* PTX may come without its NUL */
	if (!copy)
		return CUDA_ERROR_OUT_OF_MEMORY;
	memcpy(copy, data, size);
	r = source_find(&source, copy);
	if (!r)
		r = linker_add(state, &source);
	free(copy);
	return r;
}

ENTRY_TWIN(cuLinkAddData, (CUlinkState state, CUjitInputType type, void *data, size_t size,
			   const char *name, unsigned int n, CUjit_option *options, void **values),
	   (state, type, data, size, name, n, options, values), cuLinkAddData_v2)

ENTRY(cuLinkAddFile_v2, (CUlinkState state, CUjitInputType type, const char *path, unsigned int n,
			 CUjit_option *options, void **values),
      (state, type, path, n, options, values))
{
	struct source source;
	CUresult r;

	if (!state)
		return CUDA_ERROR_INVALID_VALUE;
	r = source_read(&source, path);
	if (r)
		return r;
	r = linker_add(state, &source);
	free((void *)(uintptr_t)source.data);
	return r;
}

ENTRY_TWIN(cuLinkAddFile, (CUlinkState state, CUjitInputType type, const char *path,
			   unsigned int n, CUjit_option *options, void **values),
	   (state, type, path, n, options, values), cuLinkAddFile_v2)

ENTRY(cuLinkComplete, (CUlinkState state, void **cubin, size_t *size), (state, cubin, size))
{
	uint64_t seed = 1;
	CUresult r;

	if (!state || !cubin || !state->text)
		return CUDA_ERROR_INVALID_VALUE;
	image_release(&state->image);
	r = ptx_kernels(state->text, state->bytes, &state->image.kernels, &state->image.n_kernels);
	if (r)
		return r;
	for (size_t i = 0; i < state->bytes; i++)
		seed = seed * 31 + (unsigned char)state->text[i];
	state->image.elf = elf_build(state->image.kernels, state->image.n_kernels, seed,
				     &state->image.elf_bytes);
	if (!state->image.elf)
		return CUDA_ERROR_OUT_OF_MEMORY;
	*cubin = state->image.elf;
	if (size)
		*size = state->image.elf_bytes;
	return CUDA_SUCCESS;
}

ENTRY(cuLinkDestroy, (CUlinkState state), (state))
{
	if (!state)
		return CUDA_ERROR_INVALID_HANDLE;
	image_release(&state->image);
	free(state->text);
	free(state);
	return CUDA_SUCCESS;
}
