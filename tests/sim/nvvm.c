/* The simulated libNVVM: kernels are `define void @NAME(` of the last module that was added. */
#include "tests/sim/compiler.h"

#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, ERROR_INVALID_PROGRAM = 5, ERROR_NO_MODULE = 8 };

struct nvvm_program {
	char *text, *ptx;
	size_t bytes;
};

COMPILER_API int nvvmCreateProgram(struct nvvm_program **ret);
int nvvmCreateProgram(struct nvvm_program **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? SUCCESS : 1;
}

COMPILER_API int nvvmDestroyProgram(struct nvvm_program **p);
int nvvmDestroyProgram(struct nvvm_program **p)
{
	free((*p)->text);
	free((*p)->ptx);
	free(*p);
	*p = NULL;
	return SUCCESS;
}

COMPILER_API int nvvmAddModuleToProgram(struct nvvm_program *p, const char *text, size_t n,
					const char *name);
int nvvmAddModuleToProgram(struct nvvm_program *p, const char *text, size_t n, const char *name)
{
	(void)name;
	free(p->text);
	p->text = strndup(text, n);
	return SUCCESS;
}

COMPILER_API int nvvmCompileProgram(struct nvvm_program *p, int n, const char **options);
int nvvmCompileProgram(struct nvvm_program *p, int n, const char **options)
{
	(void)n;
	(void)options;
	if (!p || !p->text)
		return p ? ERROR_NO_MODULE : ERROR_INVALID_PROGRAM;
	compiler_wait();
	p->ptx = compiler_ptx(p->text, "define void @", &p->bytes);
	return SUCCESS;
}

COMPILER_API int nvvmGetCompiledResultSize(struct nvvm_program *p, size_t *ret);
int nvvmGetCompiledResultSize(struct nvvm_program *p, size_t *ret)
{
	*ret = p->bytes + 1;
	return SUCCESS;
}

COMPILER_API int nvvmGetCompiledResult(struct nvvm_program *p, char *ret);
int nvvmGetCompiledResult(struct nvvm_program *p, char *ret)
{
	if (!p->ptx)
		return ERROR_INVALID_PROGRAM;
	memcpy(ret, p->ptx, p->bytes + 1);
	return SUCCESS;
}
