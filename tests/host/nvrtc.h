/* nvrtc: the functions of NVRTC that the sample programs use, as NVIDIA's nvrtc.h has them. */
#ifndef JITNESS_TESTS_NVRTC_H
#define JITNESS_TESTS_NVRTC_H

#include <stddef.h>

typedef struct nvrtc_program *nvrtcProgram;

#define NVRTC_CALLS(X)                                                                     \
	X(CreateProgram, (nvrtcProgram *, const char *, const char *, int,                 \
			  const char *const *, const char *const *))                       \
	X(DestroyProgram, (nvrtcProgram *))                                                \
	X(CompileProgram, (nvrtcProgram, int, const char *const *))                        \
	X(GetPTXSize, (nvrtcProgram, size_t *))                                            \
	X(GetPTX, (nvrtcProgram, char *))                                                  \
	X(GetCUBINSize, (nvrtcProgram, size_t *))                                          \
	X(GetCUBIN, (nvrtcProgram, char *))                                                \
	X(Version, (int *, int *))

struct nvrtc_api {
#define X(name, params) int (*name) params;
	NVRTC_CALLS(X)
#undef X
};

#define NVRTC_DECLARE(name, params) int nvrtc##name params;
#define NVRTC_TAKE(name, params)    .name = nvrtc##name,

#endif
