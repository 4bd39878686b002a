/*
 * compiler_calls: which functions of NVIDIA's compiler libraries are followed. One table
 * makes the exported functions, the wrappers for dlsym and the records.
 *
 * Every one of them takes at most six words and returns an int, so one C type forwards
 * them all exactly as they came. Constant data; any thread.
 */
#ifndef JITNESS_PRELOAD_COMPILER_CALLS_H
#define JITNESS_PRELOAD_COMPILER_CALLS_H

#include <stdbool.h>
#include <stddef.h>

#include "trace/event.h"

enum call_role {
	CALL_CREATE,  /* (program *, source, name, ...): the program has a name from now on */
	CALL_DESTROY, /* (program *) */
	CALL_COMPILE, /* (program, ...): COMPILE */
	CALL_RESULT,  /* (program, buffer): CODE */
};

/*
 * X(FUNCTION, compiler, role, image of the result (UNKNOWN: look at it), the library's own
 *   code for an internal error, for a call whose real function cannot be found)
 */
#define COMPILER_CALLS(X)                                                      \
	X(nvrtcCreateProgram, NVRTC, CREATE, UNKNOWN, 11)                      \
	X(nvrtcDestroyProgram, NVRTC, DESTROY, UNKNOWN, 11)                    \
	X(nvrtcCompileProgram, NVRTC, COMPILE, UNKNOWN, 11)                    \
	X(nvrtcGetCUBIN, NVRTC, RESULT, CUBIN, 11)                             \
	X(nvrtcGetPTX, NVRTC, RESULT, PTX, 11)                                 \
	X(nvrtcGetLTOIR, NVRTC, RESULT, LTOIR, 11)                             \
	X(nvJitLinkComplete, NVJITLINK, COMPILE, UNKNOWN, 6)                   \
	X(nvJitLinkGetLinkedCubin, NVJITLINK, RESULT, CUBIN, 6)                \
	X(nvJitLinkGetLinkedPtx, NVJITLINK, RESULT, PTX, 6)                    \
	X(nvvmCompileProgram, NVVM, COMPILE, UNKNOWN, 9)                       \
	X(nvvmGetCompiledResult, NVVM, RESULT, UNKNOWN, 9)                     \
	X(nvPTXCompilerCompile, NVPTX, COMPILE, UNKNOWN, 4)                    \
	X(nvPTXCompilerGetCompiledProgram, NVPTX, RESULT, CUBIN, 4)

/* nvJitLink.h makes nvJitLinkComplete a name like __nvJitLinkComplete_13_0. */
#define COMPILER_VERSIONS(V, f)                                                \
	V(f, 12_0) V(f, 12_1) V(f, 12_2) V(f, 12_3) V(f, 12_4)                 \
	V(f, 12_5) V(f, 12_6) V(f, 12_7) V(f, 12_8) V(f, 12_9)                 \
	V(f, 13_0) V(f, 13_1) V(f, 13_2) V(f, 13_3) V(f, 13_4)                 \
	V(f, 13_5) V(f, 13_6) V(f, 13_7) V(f, 13_8) V(f, 13_9)

enum call_id {
#define X(f, compiler, role, image, error) CALL_##f,
	COMPILER_CALLS(X)
#undef X
	CALL_COUNT
};

struct compiler_call {
	const char *name;
	enum compiler compiler;
	enum call_role role;
	enum image_kind image;
	int error;
};

const struct compiler_call *compiler_call_of(enum call_id id);

/* The call that a symbol of this name makes, also under a versioned name; CALL_COUNT: none. */
enum call_id compiler_call_find(const char *symbol);

/*
 * Name of the function that tells the size of this result: "Size" behind the name, before the
 * version. ret is NUL-terminated, "" when it does not fit.
 */
void compiler_call_size_name(char *ret, size_t n, enum call_id id, const char *symbol);

/* True for the file name of a library that is one of NVIDIA's compilers. */
bool compiler_call_is_library(const char *path);

#endif
