/*
 * usage: modules [THREADS [ROUNDS]]
 *
 * Loads and unloads code in every way, from several threads: new PTX, the same PTX once
 * more, a cubin file, a library used through its kernel handle. Each round of each
 * thread loads four modules and launches five kernels, under names of its own. Prints
 * what it did as one JSON object.
 */
#include "tests/host/host.h"

#include <pthread.h>
#include <unistd.h>

enum { THREADS_MAX = 64 };

struct counts {
	unsigned long loads, launches, links, libraries;
};

struct worker {
	pthread_t thread;
	int index, rounds;
	struct counts done;
};

static CUcontext context;

static void run_kernel(struct worker *w, CUfunction f)
{
	CHECK(cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 0, CU_STREAM_PER_THREAD, NULL, NULL));
	w->done.launches++;
}

static void load_memory(struct worker *w, const char *ptx, const char *name)
{
	CUmodule m;
	CUfunction f;

	CHECK(cuModuleLoadData(&m, ptx));
	w->done.loads++;
	CHECK(cuModuleGetFunction(&f, m, name));
	run_kernel(w, f);
	CHECK(cuStreamSynchronize(CU_STREAM_PER_THREAD));
	CHECK(cuModuleUnload(m));
}

/* A cubin from the driver's own linker: right for whatever device this is. */
static void load_file(struct worker *w, const char *ptx, const char *name)
{
	char path[] = "/tmp/jitness-modules-XXXXXX";
	CUlinkState link;
	CUfunction f;
	CUmodule m;
	void *cubin;
	size_t bytes;
	FILE *out;
	int fd;

	CHECK(cuLinkCreate(0, NULL, NULL, &link));
	CHECK(cuLinkAddData(link, CU_JIT_INPUT_PTX, (void *)(size_t)ptx, strlen(ptx) + 1, "modules",
			    0, NULL, NULL));
	CHECK(cuLinkComplete(link, &cubin, &bytes));
	w->done.links++;
	fd = mkstemp(path);
	CHECK_TRUE(fd >= 0);
	out = fdopen(fd, "w");
	CHECK_TRUE(out && fwrite(cubin, 1, bytes, out) == bytes && !fclose(out));
	CHECK(cuLinkDestroy(link));
	CHECK(cuModuleLoad(&m, path));
	unlink(path);
	w->done.loads++;
	CHECK(cuModuleGetFunction(&f, m, name));
	run_kernel(w, f);
	CHECK(cuStreamSynchronize(CU_STREAM_PER_THREAD));
	CHECK(cuModuleUnload(m));
}

/* Loading a library loads no module; its first launch does. */
static void load_library(struct worker *w, const char *ptx, const char *name)
{
	const char *got = NULL;
	CUlibrary library;
	CUkernel kernel;
	CUfunction f;

	CHECK(cuLibraryLoadData(&library, ptx, NULL, NULL, 0, NULL, NULL, 0));
	w->done.libraries++;
	CHECK(cuLibraryGetKernel(&kernel, library, name));
	run_kernel(w, (CUfunction)kernel);
	w->done.loads++;
	CHECK(cuKernelGetFunction(&f, kernel));
	CHECK(cuFuncGetName(&got, f));
	CHECK_TRUE(got && !strcmp(got, name));
	run_kernel(w, f);
	CHECK(cuStreamSynchronize(CU_STREAM_PER_THREAD));
	CHECK(cuLibraryUnload(library));
}

static void *run(void *arg)
{
	struct worker *w = arg;

	CHECK(cuCtxSetCurrent(context));
	for (int r = 0; r < w->rounds; r++) {
		char name[64], ptx[512];

		snprintf(name, sizeof(name), "modules_kernel_%d_%d", w->index, r);
		snprintf(ptx, sizeof(ptx), PTX_HEAD PTX_NOP("%s"), name);
		load_memory(w, ptx, name);
		load_memory(w, ptx, name);
		load_file(w, ptx, name);
		load_library(w, ptx, name);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static const char usage[] = "modules [THREADS [ROUNDS]]";
	struct worker workers[THREADS_MAX] = { 0 };
	struct counts all = { 0 };
	int n = 4, rounds = 3;

	if (argc > 1)
		n = (int)host_number(argv[1], 1, THREADS_MAX, usage);
	if (argc > 2)
		rounds = (int)host_number(argv[2], 1, 10000, usage);
	context = host_context();
	for (int i = 0; i < n; i++) {
		workers[i].index = i;
		workers[i].rounds = rounds;
		CHECK_TRUE(!pthread_create(&workers[i].thread, NULL, run, &workers[i]));
	}
	for (int i = 0; i < n; i++) {
		CHECK_TRUE(!pthread_join(workers[i].thread, NULL));
		all.loads += workers[i].done.loads;
		all.launches += workers[i].done.launches;
		all.links += workers[i].done.links;
		all.libraries += workers[i].done.libraries;
	}
	printf("{\"modules\":%lu,\"kernels\":%lu,\"links\":%lu,\"libraries\":%lu,\"threads\":%d,"
	       "\"rounds\":%d,\"kernel_names\":%d}\n", all.loads, all.launches, all.links,
	       all.libraries, n, rounds, n * rounds);
	return 0;
}
