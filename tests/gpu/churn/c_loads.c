/*
 * c_loads nvrtc|ptx FILE|launches FILE: code from C. nvrtc: compiles a kernel with NVRTC, loads its cubin. ptx FILE:
 * loads PTX text, which the driver compiles. Prints one JSON line as work.py does. launches FILE: loads it and prints
 * what a launch costs the host, {"ns": [...]}: 40 batches of 5,000.
 */
#include <cuda.h>
#include <nvrtc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CU(call)                                                                   \
	do {                                                                       \
		int rc_ = (int)(call);                                             \
		if (rc_) {                                                         \
			fprintf(stderr, "%s: error %d\n", #call, rc_);             \
			exit(1);                                                   \
		}                                                                  \
	} while (0)

static char *from_nvrtc(void)
{
	static const char src[] = "extern \"C\" __global__ void c_kernel(int *p) { if (p) *p = 1; }";
	const char *opt[] = { "--gpu-architecture=sm_" ARCH };
	nvrtcProgram prog;
	size_t n;
	char *cubin;

	CU(nvrtcCreateProgram(&prog, src, "c_kernel.cu", 0, NULL, NULL));
	CU(nvrtcCompileProgram(prog, 1, opt));
	CU(nvrtcGetCUBINSize(prog, &n));
	cubin = malloc(n);
	CU(nvrtcGetCUBIN(prog, cubin));
	CU(nvrtcDestroyProgram(&prog));
	return cubin;
}

static char *from_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	char *text = calloc(1, 1 << 20);

	if (!f || !text || !fread(text, 1, (1 << 20) - 1, f))
		exit(1);
	fclose(f);
	return text;
}

static void time_launches(CUfunction fn, void **args)
{
	struct timespec a, b;

	printf("{\"ns\": [");
	for (int batch = 0; batch < 40; batch++) {
		clock_gettime(CLOCK_MONOTONIC, &a);
		for (int i = 0; i < 5000; i++)
			CU(cuLaunchKernel(fn, 1, 1, 1, 1, 1, 1, 0, 0, args, NULL));
		clock_gettime(CLOCK_MONOTONIC, &b);
		CU(cuCtxSynchronize());
		printf("%s%.1f", batch ? ", " : "",
		       ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / 5000);
	}
	printf("]}\n");
}

int main(int argc, char **argv)
{
	int nvrtc = argc > 1 && !strcmp(argv[1], "nvrtc");
	void *arg = NULL, *args[] = { &arg };
	char *image;
	CUdevice dev;
	CUcontext ctx;
	CUmodule mod;
	CUfunction fn;

	CU(cuInit(0));
	CU(cuDeviceGet(&dev, 0));
	CU(cuDevicePrimaryCtxRetain(&ctx, dev));
	CU(cuCtxSetCurrent(ctx));
	image = nvrtc ? from_nvrtc() : from_file(argc > 2 ? argv[2] : "");
	CU(cuModuleLoadData(&mod, image));
	CU(cuModuleGetFunction(&fn, mod, "c_kernel"));
	CU(cuLaunchKernel(fn, 1, 1, 1, 1, 1, 1, 0, 0, args, NULL));
	CU(cuCtxSynchronize());
	if (argc > 1 && !strcmp(argv[1], "launches")) {
		time_launches(fn, args);
		return 0;
	}
	printf("{\"may\": [\"%s\"], \"must\": {\"c_kernel\": \"%s\"}}\n", nvrtc ? "nvrtc" : "ptx_jit",
	       nvrtc ? "nvrtc" : "ptx_jit");
	return 0;
}
