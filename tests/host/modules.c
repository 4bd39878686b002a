/*
 * usage: modules [THREADS [ROUNDS [DIR]]]
 *
 * Loads and unloads code in every way, from several threads: new PTX, the same PTX once
 * more, a cubin in memory and as a file, a library used through its kernel handle, and libraries
 * of which something else is asked first. Each round of each thread loads eight modules
 * and launches nine kernels, under names of its own. With DIR the PTX and cubins
 * handed to the driver stay there, as NAME.ptx and NAME.cubin. Prints what it did as one
 * JSON object.
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
static const char *directory; /* NULL: nothing stays */

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

/* Writes DIR/NAME.SUFFIX, or a file that the caller removes; *ret is its path. */
static void write_image(char *ret, size_t size, const char *name, const char *suffix,
			const void *data, size_t bytes)
{
	FILE *out;
	int fd;

	if (directory) {
		snprintf(ret, size, "%s/%s.%s", directory, name, suffix);
		out = fopen(ret, "w");
	} else {
		snprintf(ret, size, "/tmp/jitness-modules-XXXXXX");
		fd = mkstemp(ret);
		CHECK_TRUE(fd >= 0);
		out = fdopen(fd, "w");
	}
	CHECK_TRUE(out && fwrite(data, 1, bytes, out) == bytes && !fclose(out));
}

/* A cubin from the driver's own linker: right for whatever device this is. */
static void load_cubin(struct worker *w, const char *ptx, const char *name)
{
	CUlinkState link;
	CUfunction f;
	CUmodule m[2];
	char path[4096];
	void *cubin;
	size_t bytes;

	CHECK(cuLinkCreate(0, NULL, NULL, &link));
	CHECK(cuLinkAddData(link, CU_JIT_INPUT_PTX, (void *)(size_t)ptx, strlen(ptx) + 1, "modules",
			    0, NULL, NULL));
	CHECK(cuLinkComplete(link, &cubin, &bytes));
	w->done.links++;
	write_image(path, sizeof(path), name, "cubin", cubin, bytes);
	CHECK(cuModuleLoadData(&m[0], cubin));
	CHECK(cuLinkDestroy(link));
	CHECK(cuModuleLoad(&m[1], path));
	if (!directory)
		unlink(path);
	for (int i = 0; i < 2; i++) {
		w->done.loads++;
		CHECK(cuModuleGetFunction(&f, m[i], name));
		run_kernel(w, f);
		CHECK(cuStreamSynchronize(CU_STREAM_PER_THREAD));
		CHECK(cuModuleUnload(m[i]));
	}
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

/* What is asked of a library before anything runs; its module may come with the answer. */
enum question { ASK_GLOBAL, ASK_ATTRIBUTE, ASK_OCCUPANCY, QUESTIONS };

static void ask_library(struct worker *w, const char *ptx, const char *name, enum question question)
{
	CUdeviceptr address;
	CUlibrary library;
	CUkernel kernel;
	CUresult r;
	size_t bytes;
	int blocks;

	CHECK(cuLibraryLoadData(&library, ptx, NULL, NULL, 0, NULL, NULL, 0));
	w->done.libraries++;
	CHECK(cuLibraryGetKernel(&kernel, library, name));
	switch (question) {
	case ASK_GLOBAL:
		r = cuLibraryGetGlobal(&address, &bytes, library, "modules_value");
		/* The simulated device keeps no variables. */
		CHECK_TRUE(host_is_simulated() ? r == CUDA_ERROR_NOT_FOUND : !r && bytes == 4);
		break;
	case ASK_ATTRIBUTE:
		CHECK(cuKernelSetAttribute(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 1024,
					   kernel, 0));
		break;
	default:
		CHECK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, (CUfunction)kernel, 128, 0));
		CHECK_TRUE(blocks > 0);
		break;
	}
	run_kernel(w, (CUfunction)kernel);
	w->done.loads++;
	CHECK(cuStreamSynchronize(CU_STREAM_PER_THREAD));
	CHECK(cuLibraryUnload(library));
}

static void *run(void *arg)
{
	struct worker *w = arg;

	CHECK(cuCtxSetCurrent(context));
	for (int r = 0; r < w->rounds; r++) {
		char name[64], ptx[512], path[4096];

		snprintf(name, sizeof(name), "modules_kernel_%d_%d", w->index, r);
		snprintf(ptx, sizeof(ptx), PTX_HEAD
			 ".visible .global .align 4 .u32 modules_value;\n" PTX_NOP("%s"), name);
		if (directory)
			write_image(path, sizeof(path), name, "ptx", ptx, strlen(ptx));
		load_memory(w, ptx, name);
		load_memory(w, ptx, name);
		load_cubin(w, ptx, name);
		load_library(w, ptx, name);
		for (enum question q = 0; q < QUESTIONS; q++)
			ask_library(w, ptx, name, q);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static const char usage[] = "modules [THREADS [ROUNDS [DIR]]]";
	struct worker workers[THREADS_MAX] = { 0 };
	struct counts all = { 0 };
	int n = 4, rounds = 3;

	if (argc > 1)
		n = (int)host_number(argv[1], 1, THREADS_MAX, usage);
	if (argc > 2)
		rounds = (int)host_number(argv[2], 1, 10000, usage);
	if (argc > 3)
		directory = argv[3];
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
