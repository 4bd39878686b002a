/*
 * host: what the sample programs share. They use the CUDA driver API only, check every
 * return code, and run alike on the simulated device and on a real one.
 */
#ifndef JITNESS_TESTS_HOST_H
#define JITNESS_TESTS_HOST_H

#include <cuda.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every driver call goes through here; a failure ends the program with status 1. */
#define CHECK(call)                                                                   \
	do {                                                                          \
		CUresult check_result = (call);                                       \
		if (check_result)                                                     \
			host_fail(#call, __FILE__, __LINE__, (int)check_result);      \
	} while (0)

static inline void host_fail(const char *what, const char *file, int line, int code)
{
	const char *name = NULL;

#ifndef HOST_LATE /* lifetimes-late is not linked with libcuda */
	(void)cuGetErrorName((CUresult)code, &name);
#endif
	fprintf(stderr, "%s:%d: %s: %s (%d)\n", file, line, what, name ? name : "?", code);
	exit(1);
}

#define CHECK_TRUE(cond)                                                              \
	do {                                                                          \
		if (!(cond)) {                                                        \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #cond); \
			exit(1);                                                      \
		}                                                                     \
	} while (0)

/* PTX that the JIT of every driver since 11.0 takes, for GPUs since Volta. */
#define PTX_HEAD ".version 7.0\n.target sm_70\n.address_size 64\n"

#define PTX_NOP(name) ".visible .entry " name "()\n{\n\tret;\n}\n"

/* name(unsigned *out, unsigned value): out[i] = value for every thread i */
#define PTX_FILL(name)                                                                \
	".visible .entry " name "(.param .u64 out, .param .u32 value)\n{\n"           \
	"\t.reg .b32 %r<6>;\n\t.reg .b64 %rd<5>;\n"                                   \
	"\tld.param.u64 %rd1, [out];\n\tld.param.u32 %r1, [value];\n"                 \
	"\tcvta.to.global.u64 %rd2, %rd1;\n"                                          \
	"\tmov.u32 %r2, %ctaid.x;\n\tmov.u32 %r3, %ntid.x;\n\tmov.u32 %r4, %tid.x;\n" \
	"\tmad.lo.s32 %r5, %r2, %r3, %r4;\n\tmul.wide.u32 %rd3, %r5, 4;\n"            \
	"\tadd.s64 %rd4, %rd2, %rd3;\n\tst.global.u32 [%rd4], %r1;\n\tret;\n}\n"

/* The primary context of device 0, current on the calling thread. */
static inline CUcontext host_context(void)
{
	CUcontext ctx;
	CUdevice dev;

	CHECK(cuInit(0));
	CHECK(cuDeviceGet(&dev, 0));
	CHECK(cuDevicePrimaryCtxRetain(&ctx, dev));
	CHECK(cuCtxSetCurrent(ctx));
	return ctx;
}

/* Kernels do nothing on the simulated device: their results cannot be checked there. */
static inline int host_is_simulated(void)
{
	char name[128] = "";

	CHECK(cuDeviceGetName(name, sizeof(name), 0));
	return !strcmp(name, "simulated device");
}

static inline void host_launch(CUfunction f, unsigned int blocks, CUstream stream, void **params)
{
	CHECK(cuLaunchKernel(f, blocks, 1, 1, 32, 1, 1, 0, stream, params, NULL));
}

static inline long host_number(const char *text, long min, long max, const char *usage)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (*end || end == text || n < min || n > max) {
		fprintf(stderr, "usage: %s\n", usage);
		exit(2);
	}
	return n;
}

#endif
