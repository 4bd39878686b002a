/*
 * usage: reach WAY [THREADS [ROUNDS]]
 *
 * Loads code and records graphs with driver functions that are reached in one WAY:
 *   linked    by the linker (reach-linked only)
 *   dlsym     dlopen, then dlsym of each exact name
 *   default   dlopen with RTLD_GLOBAL, then dlsym(RTLD_DEFAULT)
 *   proc      dlsym of cuGetProcAddress_v2 alone, then that one for each: as the static runtime does
 *   proc_v1   the same by cuGetProcAddress
 *   ptsz      the same as proc, with per-thread default streams
 * Each round of each thread loads a cubin as a module and as a library, captures a stream, makes
 * an executable graph, updates it, replays it three times and gives all back. Every function is asked
 * for twice. Prints what it did, and whether libcupti is mapped, as one JSON object.
 *
 * usage: reach probe [local|global]: is there a driver? Prints what dlsym answers; calls nothing.
 */
#include "tests/host/host.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>

enum { THREADS_MAX = 64 };

/* X(name in cuda.h), which may be a macro for a newer version of it */
#define CALLS(X)                                                                       \
	X(cuInit) X(cuDeviceGet) X(cuDevicePrimaryCtxRetain) X(cuDevicePrimaryCtxRelease) \
	X(cuCtxSetCurrent)                                                             \
	X(cuLinkCreate) X(cuLinkAddData) X(cuLinkComplete) X(cuLinkDestroy)            \
	X(cuModuleLoadData) X(cuModuleUnload) X(cuModuleGetFunction)                   \
	X(cuLibraryLoadData) X(cuLibraryUnload) X(cuLibraryGetKernel)                  \
	X(cuLaunchKernel) X(cuStreamCreate) X(cuStreamDestroy) X(cuStreamSynchronize)  \
	X(cuStreamBeginCapture) X(cuStreamEndCapture)                                  \
	X(cuGraphInstantiate) X(cuGraphExecUpdate) X(cuGraphLaunch)                    \
	X(cuGraphExecDestroy) X(cuGraphDestroy)
#define SYMBOL(name)  SYMBOL_(name)
#define SYMBOL_(name) #name

static struct {
#define X(name) __typeof__(&name) p_##name;
	CALLS(X)
#undef X
} cu;

static CUcontext context;
static int rounds = 1;

static void *driver(int flags)
{
	void *lib = dlopen("libcuda.so.1", RTLD_NOW | flags);

	if (!lib) {
		fprintf(stderr, "reach: %s\n", dlerror());
		exit(1);
	}
	return lib;
}

#ifdef HOST_LINKED
static void bind(const char *way)
{
	CHECK_TRUE(!strcmp(way, "linked"));
#define X(name) cu.p_##name = name;
	CALLS(X)
#undef X
}
#else
static void bind_dlsym(void *handle)
{
#define X(name)                                                          \
	*(void **)&cu.p_##name = dlsym(handle, SYMBOL(name));            \
	CHECK_TRUE(cu.p_##name);                                         \
	CHECK_TRUE((void *)cu.p_##name == dlsym(handle, SYMBOL(name)));
	CALLS(X)
#undef X
}

static void *asked(void *get, const char *name, bool is_v1, cuuint64_t flags)
{
	CUresult (*v1)(const char *, void **, int, cuuint64_t);
	CUresult (*v2)(const char *, void **, int, cuuint64_t, CUdriverProcAddressQueryResult *);
	CUdriverProcAddressQueryResult status;
	void *p = NULL;

	*(void **)&v1 = get;
	*(void **)&v2 = get;
	CHECK(is_v1 ? v1(name, &p, 12000, flags) : v2(name, &p, 12000, flags, &status));
	CHECK_TRUE(p);
	return p;
}

static void bind_proc(bool is_v1, cuuint64_t flags)
{
	void *get = dlsym(driver(RTLD_LOCAL), is_v1 ? "cuGetProcAddress" : "cuGetProcAddress_v2");

	CHECK_TRUE(get);
#define X(name)                                                           \
	*(void **)&cu.p_##name = asked(get, #name, is_v1, flags);         \
	CHECK_TRUE((void *)cu.p_##name == asked(get, #name, is_v1, flags));
	CALLS(X)
#undef X
}

static void bind(const char *way)
{
	if (!strcmp(way, "dlsym"))
		bind_dlsym(driver(RTLD_LOCAL));
	else if (!strcmp(way, "default"))
		driver(RTLD_GLOBAL), bind_dlsym(RTLD_DEFAULT);
	else if (!strcmp(way, "proc_v1"))
		bind_proc(true, 0);
	else
		bind_proc(false, strcmp(way, "ptsz") ? CU_GET_PROC_ADDRESS_DEFAULT :
						       CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM);
}
#endif

static void run_once(CUfunction f, CUstream stream)
{
	CHECK(cu.p_cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 0, stream, NULL, NULL));
}

__attribute__((noinline)) static CUmodule load_module(const void *cubin)
{
	CUmodule m;

	CHECK(cu.p_cuModuleLoadData(&m, cubin));
	return m;
}

__attribute__((noinline)) static CUlibrary load_library(const void *cubin)
{
	CUlibrary l;

	CHECK(cu.p_cuLibraryLoadData(&l, cubin, NULL, NULL, 0, NULL, NULL, 0));
	return l;
}

__attribute__((noinline)) static CUgraph record(CUstream stream, CUfunction f)
{
	CUgraph graph;

	CHECK(cu.p_cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
	run_once(f, stream);
	run_once(f, stream);
	CHECK(cu.p_cuStreamEndCapture(stream, &graph));
	return graph;
}

static void replay(CUstream stream, CUfunction f)
{
	CUgraph graph = record(stream, f), again = record(stream, f);
	CUgraphExecUpdateResultInfo info;
	CUgraphExec exec;

	CHECK(cu.p_cuGraphInstantiate(&exec, graph, 0));
	CHECK(cu.p_cuGraphExecUpdate(exec, again, &info));
	for (int i = 0; i < 3; i++)
		CHECK(cu.p_cuGraphLaunch(exec, stream));
	CHECK(cu.p_cuStreamSynchronize(stream));
	CHECK(cu.p_cuGraphExecDestroy(exec));
	CHECK(cu.p_cuGraphDestroy(graph));
	CHECK(cu.p_cuGraphDestroy(again));
}

static void round_of(int thread, int round)
{
	char ptx[512], name[64];
	CUlinkState link;
	CUlibrary library;
	CUkernel kernel;
	CUmodule module;
	CUstream stream;
	CUfunction f;
	void *cubin;
	size_t bytes;

	snprintf(name, sizeof(name), "reach_%d_%d", thread, round);
	snprintf(ptx, sizeof(ptx), PTX_HEAD ".visible .entry %s()\n{\n\tret;\n}\n", name);
	CHECK(cu.p_cuLinkCreate(0, NULL, NULL, &link));
	CHECK(cu.p_cuLinkAddData(link, CU_JIT_INPUT_PTX, ptx, strlen(ptx) + 1, "reach", 0, NULL, NULL));
	CHECK(cu.p_cuLinkComplete(link, &cubin, &bytes));
	module = load_module(cubin);
	library = load_library(cubin);
	CHECK(cu.p_cuLinkDestroy(link));
	CHECK(cu.p_cuModuleGetFunction(&f, module, name));
	CHECK(cu.p_cuLibraryGetKernel(&kernel, library, name));
	CHECK(cu.p_cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
	run_once((CUfunction)kernel, stream);
	replay(stream, f);
	CHECK(cu.p_cuStreamDestroy(stream));
	CHECK(cu.p_cuLibraryUnload(library));
	CHECK(cu.p_cuModuleUnload(module));
}

static void *thread_main(void *index)
{
	CHECK(cu.p_cuCtxSetCurrent(context));
	for (int i = 0; i < rounds; i++)
		round_of((int)(size_t)index, i);
	return NULL;
}

static bool is_mapped(const char *what)
{
	char line[4096];
	bool found = false;
	FILE *f = fopen("/proc/self/maps", "re");

	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, what) != NULL;
	if (f)
		fclose(f);
	return found;
}

/* Nothing below may differ between a traced and an untraced process. */
static void probe(const char *how)
{
	static const char *const name[] = { "cuModuleLoadData", "cuGetProcAddress_v2", "cuInit",
					    "cuCtxCreate_v2", "cuNoSuchThing" };
	void *lib = NULL, *self = dlopen(NULL, RTLD_NOW);

	if (how)
		lib = driver(strcmp(how, "global") ? RTLD_LOCAL : RTLD_GLOBAL);
	for (unsigned i = 0; i < sizeof(name) / sizeof(*name); i++) {
		void *in_default = dlsym(RTLD_DEFAULT, name[i]);
		const char *why = in_default ? "" : dlerror();
		void *in_next = dlsym(RTLD_NEXT, name[i]), *in_self = dlsym(self, name[i]);
		void *in_lib = lib ? dlsym(lib, name[i]) : NULL;

		printf("%s: default %d%s next %d self %d lib %d equal %d %d\n", name[i], in_default != NULL,
		       why ? "" : " without a reason", in_next != NULL, in_self != NULL,
		       in_lib != NULL, in_lib == in_default, in_self == in_default);
	}
}

int main(int argc, char **argv)
{
	const char *usage = "reach WAY [THREADS [ROUNDS]]";
	pthread_t thread[THREADS_MAX];
	CUdevice device;
	int threads;

	if (argc > 1 && !strcmp(argv[1], "probe")) {
		probe(argc > 2 ? argv[2] : NULL);
		return 0;
	}
	threads = argc > 2 ? (int)host_number(argv[2], 1, THREADS_MAX, usage) : 1;
	rounds = argc > 3 ? (int)host_number(argv[3], 1, 100000, usage) : 1;
	if (argc < 2) {
		fprintf(stderr, "usage: %s\n", usage);
		return 2;
	}
	bind(argv[1]);
	CHECK(cu.p_cuInit(0));
	CHECK(cu.p_cuDeviceGet(&device, 0));
	CHECK(cu.p_cuDevicePrimaryCtxRetain(&context, device));
	for (int i = 0; i < threads; i++)
		CHECK_TRUE(!pthread_create(&thread[i], NULL, thread_main, (void *)(size_t)i));
	for (int i = 0; i < threads; i++)
		CHECK_TRUE(!pthread_join(thread[i], NULL));
	CHECK(cu.p_cuDevicePrimaryCtxRelease(device));
	printf("{\"modules\":%d,\"libraries\":%d,\"captures\":%d,\"graphs\":%d,\"cupti_mapped\":%s}\n",
	       threads * rounds, threads * rounds, 2 * threads * rounds, threads * rounds,
	       is_mapped("libcupti") ? "true" : "false");
	return 0;
}
