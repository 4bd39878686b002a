/*
 * The simulated NVRTC: nvrtc.h's functions for programs and their results, for CUDA C whose kernels
 * look like `void NAME(` behind __global__. "#error" in a source fails. A cubin only with
 * --gpu-architecture=sm_*, as the real one.
 */
#include "tests/sim/compiler.h"

#include <stdlib.h>
#include <string.h>

#ifndef NVRTC_MAJOR
#define NVRTC_MAJOR 13
#endif
#define KERNEL_MARK "__global__ void"

enum { SUCCESS = 0, ERROR_OUT_OF_MEMORY = 1, ERROR_INVALID_INPUT = 3, ERROR_INVALID_PROGRAM = 4,
       ERROR_COMPILATION = 6 };

struct program {
	char *source, *ptx;
	unsigned char *cubin;
	size_t ptx_bytes, cubin_bytes;
};

COMPILER_API int nvrtcVersion(int *major, int *minor);
int nvrtcVersion(int *major, int *minor)
{
	*major = NVRTC_MAJOR;
	*minor = 0;
	return SUCCESS;
}

COMPILER_API int nvrtcCreateProgram(struct program **ret, const char *source, const char *name,
				    int n_headers, const char *const *headers,
				    const char *const *includes);
int nvrtcCreateProgram(struct program **ret, const char *source, const char *name, int n_headers,
		       const char *const *headers, const char *const *includes)
{
	/* The words of the call must arrive as they were. */
	if (!ret || !source || n_headers || headers || includes)
		return ERROR_INVALID_INPUT;
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return ERROR_OUT_OF_MEMORY;
	(*ret)->source = strdup(source);
	return SUCCESS;
}

COMPILER_API int nvrtcDestroyProgram(struct program **program);
int nvrtcDestroyProgram(struct program **program)
{
	if (!program || !*program)
		return ERROR_INVALID_PROGRAM;
	free((*program)->source);
	free((*program)->ptx);
	free((*program)->cubin);
	free(*program);
	*program = NULL;
	return SUCCESS;
}

COMPILER_API int nvrtcCompileProgram(struct program *p, int n, const char *const *options);
int nvrtcCompileProgram(struct program *p, int n, const char *const *options)
{
	if (!p)
		return ERROR_INVALID_PROGRAM;
	compiler_wait();
	if (strstr(p->source, "#error"))
		return ERROR_COMPILATION;
	p->ptx = compiler_ptx(p->source, KERNEL_MARK, &p->ptx_bytes);
	for (int i = 0; i < n; i++)
		if (strstr(options[i], "=sm_"))
			p->cubin = compiler_cubin(p->source, KERNEL_MARK, &p->cubin_bytes);
	return SUCCESS;
}

#define RESULT(Name, field, bytes)                                                \
	COMPILER_API int nvrtcGet##Name##Size(struct program *p, size_t *ret);    \
	COMPILER_API int nvrtcGet##Name(struct program *p, char *ret);            \
	int nvrtcGet##Name##Size(struct program *p, size_t *ret)                  \
	{                                                                         \
		if (!p)                                                           \
			return ERROR_INVALID_PROGRAM;                             \
		*ret = bytes;                                                     \
		return SUCCESS;                                                   \
	}                                                                         \
	int nvrtcGet##Name(struct program *p, char *ret)                          \
	{                                                                         \
		if (!p || !p->field)                                              \
			return ERROR_INVALID_PROGRAM;                             \
		memcpy(ret, p->field, bytes);                                     \
		return SUCCESS;                                                   \
	}
RESULT(PTX, ptx, p->ptx_bytes + 1)
RESULT(CUBIN, cubin, p->cubin_bytes)
