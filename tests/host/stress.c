/*
 * usage: stress [SECONDS [THREADS]]
 *
 * THREADS threads for SECONDS: three in four load, use and unload a module; one in four opens and
 * closes libraries, whose constructors hold the loader's lock for a while. Stacks are taken
 * at every load, so a tracer that asks for the loader's lock there stands still sooner or
 * later. A watchdog ends the program with status 3 when a thread makes no progress for ten
 * seconds. Prints what it did as one JSON object.
 */
#include "tests/host/host.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

enum { THREADS_MAX = 256, STALL_SECONDS = 10 };

struct worker {
	pthread_t thread;
	int index;
	_Atomic unsigned long done;
};

static CUcontext context;
static _Atomic int stop;
static struct worker workers[THREADS_MAX];
/* In every C system; none is used by the program or the tracer. */
static const char *const libraries[] = { "libresolv.so.2", "libnss_files.so.2", "libutil.so.1",
					 "libanl.so.1", "libBrokenLocale.so.1" };

static void *load(void *arg)
{
	struct worker *w = arg;
	char name[32], ptx[256];

	CHECK(cuCtxSetCurrent(context));
	snprintf(name, sizeof(name), "stress_%d", w->index);
	snprintf(ptx, sizeof(ptx), PTX_HEAD ".visible .entry %s()\n{\n\tret;\n}\n", name);
	while (!atomic_load(&stop)) {
		CUfunction f;
		CUmodule m;

		CHECK(cuModuleLoadData(&m, ptx));
		CHECK(cuModuleGetFunction(&f, m, name));
		host_launch(f, 1, CU_STREAM_PER_THREAD, NULL);
		CHECK(cuStreamSynchronize(CU_STREAM_PER_THREAD));
		CHECK(cuModuleUnload(m));
		atomic_fetch_add(&w->done, 1);
	}
	return NULL;
}

static void *open_libraries(void *arg)
{
	struct worker *w = arg;

	while (!atomic_load(&stop)) {
		unsigned long i = atomic_fetch_add(&w->done, 1) + (unsigned)w->index;
		void *h = dlopen(libraries[i % (sizeof(libraries) / sizeof(*libraries))], RTLD_NOW);

		if (h)
			dlclose(h);
		else
			usleep(1000);
	}
	return NULL;
}

/* Every thread has to move: a deadlock of two is one of all sooner or later, or of those two. */
static void watch(int threads, double seconds)
{
	unsigned long last[THREADS_MAX] = { 0 };
	int quiet[THREADS_MAX] = { 0 };

	for (double t = 0; t < seconds; t += 0.5) {
		usleep(500000);
		for (int i = 0; i < threads; i++) {
			unsigned long now = atomic_load(&workers[i].done);

			quiet[i] = now == last[i] ? quiet[i] + 1 : 0;
			last[i] = now;
			if (quiet[i] > 2 * STALL_SECONDS) {
				fprintf(stderr, "thread %d stands still\n", i);
				_exit(3);
			}
		}
	}
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 10;
	int threads = argc > 2 ? atoi(argv[2]) : 64;
	unsigned long loads = 0, opens = 0;

	CHECK_TRUE(threads > 0 && threads <= THREADS_MAX && seconds > 0);
	context = host_context();
	for (int i = 0; i < threads; i++) {
		workers[i].index = i;
		CHECK_TRUE(!pthread_create(&workers[i].thread, NULL, i % 4 == 3 ? open_libraries : load,
					   &workers[i]));
	}
	watch(threads, seconds);
	atomic_store(&stop, 1);
	for (int i = 0; i < threads; i++) {
		CHECK_TRUE(!pthread_join(workers[i].thread, NULL));
		*(i % 4 == 3 ? &opens : &loads) += atomic_load(&workers[i].done);
	}
	printf("{\"loads\": %lu, \"opens\": %lu}\n", loads, opens);
	return 0;
}
