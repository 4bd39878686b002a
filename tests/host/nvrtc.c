/*
 * usage: nvrtc MODE [PROGRAMS [THREADS]]
 *
 * Compiles PROGRAMS programs a thread with NVRTC, takes their PTX (and a cubin once the device is
 * known), loads and launches them; then one that does not compile. MODE is how NVRTC is found:
 *   linked   by the linker (nvrtc-linked only)
 *   dlopen   dlopen and dlsym
 *   default  dlopen with RTLD_GLOBAL, then dlsym(RTLD_DEFAULT)
 *   table    addresses from a library that links it, loaded with RTLD_LOCAL
 *   mixed    as table, with a libnvrtc.so.12 loaded before
 *   plugin   create and compile inside that library
 *   two      libnvrtc.so.13 and .12, in turn
 *   early    as dlopen, compiling before cuInit
 *   probe    is there an NVRTC? Compiles nothing
 *   link     PTX to cubin by nvJitLink, under its versioned names
 *   nvvm     a module by libNVVM
 * Prints the truth as one JSON object.
 */
#include "tests/host/host.h"
#include "tests/host/nvrtc.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <unistd.h>

enum { THREADS_MAX = 64, NVRTC_ERROR_COMPILATION = 6 };

static struct nvrtc_api apis[2];
static int n_apis = 1, programs = 3;
static int (*plugin_compile)(nvrtcProgram *, const char *, const char *);
static CUcontext context;
static char arch[64];

struct worker {
	pthread_t thread;
	int index;
	unsigned long compiles, results, loads;
};

static void *open_library(const char *name, int flags)
{
	void *lib = dlopen(name, RTLD_NOW | flags);

	if (!lib) {
		fprintf(stderr, "nvrtc: %s\n", dlerror());
		exit(1);
	}
	return lib;
}

static void bind_api(struct nvrtc_api *api, void *handle)
{
#define X(name, params) *(void **)&api->name = dlsym(handle, "nvrtc" #name); CHECK_TRUE(api->name);
	NVRTC_CALLS(X)
#undef X
}

/* Beside this program. */
static void *open_plugin(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 64);

	CHECK_TRUE(n > 0);
	path[n] = 0;
	strcpy(strrchr(path, '/') + 1, "libnvrtc_plugin.so");
	return open_library(path, RTLD_LOCAL);
}

static void launch_image(struct worker *w, const void *image, const char *kernel)
{
	CUfunction f;
	CUmodule m;

	CHECK(cuModuleLoadData(&m, image));
	w->loads++;
	CHECK(cuModuleGetFunction(&f, m, kernel));
	host_launch(f, 1, CU_STREAM_PER_THREAD, NULL);
	CHECK(cuStreamSynchronize(CU_STREAM_PER_THREAD));
	CHECK(cuModuleUnload(m));
}

static void take_results(struct worker *w, const struct nvrtc_api *api, nvrtcProgram p,
			 const char *kernel)
{
	size_t bytes;
	char *image;

	CHECK_TRUE(!api->GetPTXSize(p, &bytes) && bytes > 1);
	image = malloc(bytes);
	CHECK_TRUE(!api->GetPTX(p, image) && strlen(image) + 1 == bytes);
	w->results++;
	if (context)
		launch_image(w, image, kernel);
	free(image);
	if (!context || !arch[0] || plugin_compile)
		return;
	CHECK_TRUE(!api->GetCUBINSize(p, &bytes) && bytes > 1);
	image = malloc(bytes);
	CHECK_TRUE(!api->GetCUBIN(p, image));
	w->results++;
	launch_image(w, image, kernel);
	free(image);
}

static void *run(void *arg)
{
	struct worker *w = arg;
	const char *const options[] = { arch };
	nvrtcProgram p;

	if (context)
		CHECK(cuCtxSetCurrent(context));
	for (int i = 0; i < programs; i++) {
		const struct nvrtc_api *api = &apis[i % n_apis];
		char kernel[64], source[256], name[128];

		snprintf(kernel, sizeof(kernel), "nvrtc_kernel_%d_%d", w->index, i);
		snprintf(name, sizeof(name), "/home/someone/%s.cu", kernel);
		snprintf(source, sizeof(source), "extern \"C\" __global__ void %s() {}\n", kernel);
		if (plugin_compile) {
			CHECK_TRUE(!plugin_compile(&p, source, name));
		} else {
			CHECK_TRUE(!api->CreateProgram(&p, source, name, 0, NULL, NULL));
			CHECK_TRUE(!api->CompileProgram(p, arch[0] ? 1 : 0, options));
		}
		w->compiles++;
		take_results(w, api, p, kernel);
		CHECK_TRUE(!api->DestroyProgram(&p) && !p);
	}
	return NULL;
}

static void fail_once(const struct nvrtc_api *api)
{
	nvrtcProgram p;

	CHECK_TRUE(!api->CreateProgram(&p, "#error no\n", NULL, 0, NULL, NULL));
	CHECK_TRUE(api->CompileProgram(p, 0, NULL) == NVRTC_ERROR_COMPILATION);
	CHECK_TRUE(!api->DestroyProgram(&p));
	CHECK_TRUE(api->DestroyProgram(&p));
}

/* What a program sees that asks for NVRTC where there is none. */
static int probe(void)
{
	static const char *const name[] = { "nvrtcVersion", "nvrtcCompileProgram",
					    "__nvJitLinkComplete_13_0", "nvvmCompileProgram" };
	void *plugin = dlopen("libz.so.1", RTLD_NOW), *self = dlopen(NULL, RTLD_NOW);

	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
		printf("%s default %d", name[i], dlsym(RTLD_DEFAULT, name[i]) != NULL);
		printf(" next %d", dlsym(RTLD_NEXT, name[i]) != NULL);
		printf(" program %d", dlsym(self, name[i]) != NULL);
		printf(" error %d", dlerror() != NULL);
		printf(" again %d", dlerror() != NULL);
		if (plugin) {
			printf(" library %d", dlsym(plugin, name[i]) != NULL);
			printf(" %s", dlerror());
		}
		putchar('\n');
	}
	printf("dlsym of itself: %d\n", dlsym(RTLD_DEFAULT, "dlsym") != NULL);
	return 0;
}

#define NEED(type, var, lib, symbol)                                                \
	type;                                                                       \
	*(void **)&var = dlsym(lib, symbol);                                        \
	CHECK_TRUE(var)

static void link_once(void *lib, struct worker *w)
{
	NEED(int (*create)(void **, unsigned, const char **), create, lib,
	     "__nvJitLinkCreate_13_0");
	NEED(int (*add)(void *, int, const void *, size_t, const char *), add, lib,
	     "__nvJitLinkAddData_13_0");
	NEED(int (*complete)(void *), complete, lib, "__nvJitLinkComplete_13_0");
	NEED(int (*size)(void *, size_t *), size, lib, "__nvJitLinkGetLinkedCubinSize_13_0");
	NEED(int (*cubin)(void *, void *), cubin, lib, "__nvJitLinkGetLinkedCubin_13_0");
	NEED(int (*destroy)(void **), destroy, lib, "__nvJitLinkDestroy_13_0");
	static const char ptx[] = PTX_HEAD PTX_NOP("linked_kernel");
	char option[80];
	const char *options[] = { option };
	size_t bytes;
	void *job, *image;

	snprintf(option, sizeof(option), "-arch=%s", strchr(arch, '=') + 1);
	CHECK_TRUE(!create(&job, 1, options));
	CHECK_TRUE(!add(job, 2, ptx, sizeof(ptx), "linked.ptx")); /* NVJITLINK_INPUT_PTX */
	CHECK_TRUE(!complete(job));
	w->compiles++;
	CHECK_TRUE(!size(job, &bytes));
	image = malloc(bytes);
	CHECK_TRUE(!cubin(job, image));
	w->results++;
	launch_image(w, image, "linked_kernel");
	free(image);
	CHECK_TRUE(!destroy(&job));
}

static void nvvm_once(void *lib, struct worker *w)
{
	NEED(int (*create)(void **), create, lib, "nvvmCreateProgram");
	NEED(int (*add)(void *, const char *, size_t, const char *), add, lib,
	     "nvvmAddModuleToProgram");
	NEED(int (*compile)(void *, int, const char **), compile, lib, "nvvmCompileProgram");
	NEED(int (*size)(void *, size_t *), size, lib, "nvvmGetCompiledResultSize");
	NEED(int (*result)(void *, char *), result, lib, "nvvmGetCompiledResult");
	NEED(int (*destroy)(void **), destroy, lib, "nvvmDestroyProgram");
	static const char ir[] =
		"target triple = \"nvptx64-nvidia-cuda\"\n"
		"target datalayout = \"e-p:64:64:64-i1:8:8-i8:8:8-i16:16:16-i32:32:32-i64:64:64-"
		"i128:128:128-f32:32:32-f64:64:64-v16:16:16-v32:32:32-v64:64:64-v128:128:128-"
		"n16:32:64\"\n"
		"define void @nvvm_kernel() {\n  ret void\n}\n"
		"!nvvmir.version = !{!0}\n!0 = !{i32 2, i32 0, i32 3, i32 1}\n"
		"!nvvm.annotations = !{!1}\n"
		"!1 = !{void ()* @nvvm_kernel, !\"kernel\", i32 1}\n";
	size_t bytes;
	char *image;
	void *p;

	CHECK_TRUE(!create(&p) && !add(p, ir, sizeof(ir) - 1, "nvvm.ll"));
	CHECK_TRUE(!compile(p, 0, NULL));
	w->compiles++;
	CHECK_TRUE(!size(p, &bytes));
	image = malloc(bytes);
	CHECK_TRUE(!result(p, image));
	w->results++;
	launch_image(w, image, "nvvm_kernel");
	free(image);
	CHECK_TRUE(!destroy(&p));
}

static void find_nvrtc(const char *mode)
{
#ifdef HOST_LINKED
	NVRTC_CALLS(NVRTC_DECLARE)
	if (!strcmp(mode, "linked")) {
		apis[0] = (struct nvrtc_api){ NVRTC_CALLS(NVRTC_TAKE) };
		return;
	}
#endif
	if (!strcmp(mode, "mixed"))
		open_library("libnvrtc.so.12", RTLD_LOCAL);
	if (!strcmp(mode, "table") || !strcmp(mode, "mixed") || !strcmp(mode, "plugin")) {
		const struct nvrtc_api *(*table)(void);
		void *lib = open_plugin();

		*(void **)&table = dlsym(lib, "plugin_table");
		apis[0] = *table();
		if (!strcmp(mode, "plugin"))
			*(void **)&plugin_compile = dlsym(lib, "plugin_compile");
	} else if (!strcmp(mode, "default")) {
		open_library("libnvrtc.so.13", RTLD_GLOBAL);
		bind_api(&apis[0], RTLD_DEFAULT);
	} else if (!strcmp(mode, "two")) {
		bind_api(&apis[0], open_library("libnvrtc.so.12", RTLD_LOCAL));
		bind_api(&apis[1], open_library("libnvrtc.so.13", RTLD_LOCAL));
		n_apis = 2;
	} else {
		bind_api(&apis[0], open_library("libnvrtc.so.13", RTLD_LOCAL));
	}
}

static void find_device(void)
{
	CUdevice dev;
	int major, minor;

	context = host_context();
	CHECK(cuDeviceGet(&dev, 0));
	CHECK(cuDeviceGetAttribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, dev));
	CHECK(cuDeviceGetAttribute(&minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, dev));
	snprintf(arch, sizeof(arch), "--gpu-architecture=sm_%d%d", major, minor);
}

int main(int argc, char **argv)
{
	static const char usage[] = "nvrtc MODE [PROGRAMS [THREADS]]";
	static struct worker workers[THREADS_MAX];
	struct worker all = { 0 };
	int n = 1, major = 0, version = 0, minor;
	const char *mode = argc > 1 ? argv[1] : "dlopen";

	if (argc > 2)
		programs = (int)host_number(argv[2], 1, 100000, usage);
	if (argc > 3)
		n = (int)host_number(argv[3], 1, THREADS_MAX, usage);
	if (!strcmp(mode, "probe"))
		return probe();
	if (strcmp(mode, "early"))
		find_device();
	if (!strcmp(mode, "link") || !strcmp(mode, "nvvm")) {
		if (!strcmp(mode, "link"))
			link_once(open_library("libnvJitLink.so.13", RTLD_LOCAL), &all);
		else
			nvvm_once(open_library("libnvvm.so.4", RTLD_LOCAL), &all);
	} else {
		find_nvrtc(mode);
		for (int i = 0; i < n; i++) {
			workers[i].index = i;
			CHECK_TRUE(!pthread_create(&workers[i].thread, NULL, run, &workers[i]));
		}
		for (int i = 0; i < n; i++) {
			CHECK_TRUE(!pthread_join(workers[i].thread, NULL));
			all.compiles += workers[i].compiles;
			all.results += workers[i].results;
			all.loads += workers[i].loads;
		}
		for (int i = 0; i < n_apis; i++) {
			fail_once(&apis[i]);
			all.compiles++;
			CHECK_TRUE(!apis[i].Version(&major, &minor));
			version = version * 100 + major;
		}
		if (!context)
			find_device();
	}
	printf("{\"compiles\":%lu,\"results\":%lu,\"loads\":%lu,\"version\":%d}\n", all.compiles,
	       all.results, all.loads, version);
	return 0;
}
