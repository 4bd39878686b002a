/*
 * usage: lifetimes MODE
 *
 * Launches 1000 kernels, then ends its life in the way that MODE names. Prints one line
 * saying what it launched, flushed before the end. Built twice: `lifetimes` is linked
 * with libcuda.so.1, `lifetimes-late` opens it with dlopen, as static cudart does.
 */
#include "tests/host/host.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef HOST_LATE
/* The same names, found at run time. */
#define LATE(X)                                                                       \
	X(cuInit, cuInit) X(cuDeviceGet, cuDeviceGet)                                 \
	X(cuDevicePrimaryCtxRetain, cuDevicePrimaryCtxRetain)                         \
	X(cuDevicePrimaryCtxReset, cuDevicePrimaryCtxReset_v2)                        \
	X(cuCtxSetCurrent, cuCtxSetCurrent) X(cuCtxCreate, cuCtxCreate_v4)            \
	X(cuCtxDestroy, cuCtxDestroy_v2) X(cuCtxSynchronize, cuCtxSynchronize)        \
	X(cuModuleLoadData, cuModuleLoadData) X(cuModuleGetFunction, cuModuleGetFunction) \
	X(cuLaunchKernel, cuLaunchKernel)
#define X(name, symbol) static __typeof__(&symbol) late_##symbol;
LATE(X)
#undef X
#undef cuDevicePrimaryCtxReset
#undef cuCtxCreate
#undef cuCtxDestroy
#define cuInit late_cuInit
#define cuDevicePrimaryCtxRetain late_cuDevicePrimaryCtxRetain
#define cuDevicePrimaryCtxReset late_cuDevicePrimaryCtxReset_v2
#define cuCtxSetCurrent late_cuCtxSetCurrent
#define cuCtxCreate late_cuCtxCreate_v4
#define cuCtxDestroy late_cuCtxDestroy_v2
#define cuCtxSynchronize late_cuCtxSynchronize
#define cuModuleLoadData late_cuModuleLoadData
#define cuModuleGetFunction late_cuModuleGetFunction
#define cuLaunchKernel late_cuLaunchKernel
#endif

enum { LAUNCHES = 1000, MANY_THREADS = 300, MANY_LAUNCHES = 10, LONG_GRID = 132 * 40 };

static const char ptx[] = PTX_HEAD PTX_NOP("lifetimes_nop");
static const char *mode;
static CUcontext context;
static CUfunction nop;

int main(int argc, char **argv);

static void open_cuda(void)
{
#ifdef HOST_LATE
	void *lib;

	usleep(50000);
	lib = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!lib) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
#define X(name, symbol)                                                               \
	*(void **)&late_##symbol = dlsym(lib, #symbol);                               \
	CHECK_TRUE(late_##symbol);
	LATE(X)
#undef X
#endif
}

static void start(void)
{
	CUmodule module;
	CUdevice dev = 0;

	open_cuda();
	CHECK(cuInit(0));
	if (!strcmp(mode, "destroy-ctx")) {
		CHECK(cuCtxCreate(&context, NULL, 0, dev));
	} else {
		CHECK(cuDevicePrimaryCtxRetain(&context, dev));
		CHECK(cuCtxSetCurrent(context));
	}
	CHECK(cuModuleLoadData(&module, ptx));
	CHECK(cuModuleGetFunction(&nop, module, "lifetimes_nop"));
}

static void launch(int n, unsigned int blocks)
{
	for (int i = 0; i < n; i++)
		CHECK(cuLaunchKernel(nop, blocks, 1, 1, 32, 1, 1, 0, NULL, NULL, NULL));
}

static void launch_and_sync(int n)
{
	launch(n, 1);
	CHECK(cuCtxSynchronize());
}

static void say(const char *who, int launched)
{
	printf("lifetimes mode=%s process=%s pid=%d launched=%d\n", mode, who, (int)getpid(),
	       launched);
	fflush(stdout);
}

/* --- ends; each returns the exit status or does not return */
static int end_return(void)
{
	say("parent", LAUNCHES);
	return 0;
}

static int end_exit(void)
{
	say("parent", LAUNCHES);
	exit(0);
}

static void *exit_here(void *unused)
{
	(void)unused;
	say("parent", LAUNCHES);
	exit(0);
}

static int end_thread_exit(void)
{
	pthread_t t;

	CHECK_TRUE(!pthread_create(&t, NULL, exit_here, NULL));
	for (;;)
		pause();
}

static void *go_on(void *unused)
{
	(void)unused;
	usleep(200000); /* the main thread is gone by then */
	CHECK(cuCtxSetCurrent(context));
	launch_and_sync(LAUNCHES);
	say("parent", 2 * LAUNCHES);
	exit(0); /* returning would not end the process: the real driver has threads of its own */
}

static int end_pthread_exit(void)
{
	pthread_t t;

	CHECK_TRUE(!pthread_create(&t, NULL, go_on, NULL));
	pthread_exit(NULL);
}

static int end_underscore_exit(void)
{
	say("parent", LAUNCHES);
	_exit(0);
}

static int end_quick_exit(void)
{
	say("parent", LAUNCHES);
	quick_exit(0);
}

static int end_abort(void)
{
	say("parent", LAUNCHES);
	abort();
}

static int end_segv(void)
{
	volatile int *nowhere = NULL;

	say("parent", LAUNCHES);
	*nowhere = 1;
	return 1;
}

static int end_sigterm(void)
{
	say("parent", LAUNCHES);
	raise(SIGTERM);
	return 1;
}

static int end_sigkill(void)
{
	say("parent", LAUNCHES);
	sleep(1);
	kill(getpid(), SIGKILL);
	return 1;
}

static char *const true_argv[] = { (char[]){ "/bin/true" }, NULL };

static int end_exec(void)
{
	say("parent", LAUNCHES);
	execv("/bin/true", true_argv);
	return 1;
}

static int end_exec_fail(void)
{
	CHECK_TRUE(execv("/nonexistent/program", true_argv) == -1);
	launch_and_sync(LAUNCHES);
	say("parent", 2 * LAUNCHES);
	return 0;
}

static void wait_ok(pid_t pid)
{
	int status;

	CHECK_TRUE(waitpid(pid, &status, 0) == pid);
	CHECK_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int end_fork_after(void)
{
	pid_t quiet, usual;

	fflush(stdout);
	quiet = fork();
	if (!quiet)
		_exit(0);
	wait_ok(quiet);
	usual = fork();
	if (!usual)
		exit(0);
	wait_ok(usual);
	launch_and_sync(LAUNCHES);
	say("parent", 2 * LAUNCHES);
	return 0;
}

static int end_vfork_exec(void)
{
	pid_t pid = vfork();

	if (!pid) {
		execv("/bin/true", true_argv);
		_exit(127);
	}
	wait_ok(pid);
	launch_and_sync(LAUNCHES);
	say("parent", 2 * LAUNCHES);
	return 0;
}

static void *few_launches(void *unused)
{
	(void)unused;
	CHECK(cuCtxSetCurrent(context));
	launch_and_sync(MANY_LAUNCHES);
	return NULL;
}

static int end_threads_many(void)
{
	pthread_t threads[MANY_THREADS];

	for (int i = 0; i < MANY_THREADS; i++)
		CHECK_TRUE(!pthread_create(&threads[i], NULL, few_launches, NULL));
	for (int i = 0; i < MANY_THREADS; i++)
		CHECK_TRUE(!pthread_join(threads[i], NULL));
	say("parent", LAUNCHES + MANY_THREADS * MANY_LAUNCHES);
	return 0;
}

static int end_unsynced(void)
{
	launch(LAUNCHES, LONG_GRID);
	say("parent", 2 * LAUNCHES);
	return 0;
}

static int end_reset(void)
{
	CHECK(cuDevicePrimaryCtxReset(0));
	say("parent", LAUNCHES);
	return 0;
}

static int end_destroy_ctx(void)
{
	CHECK(cuCtxDestroy(context));
	say("parent", LAUNCHES);
	return 0;
}

static int end_second_subscriber(void)
{
	void *lib = dlopen("libcupti.so.13", RTLD_NOW), *subscriber = NULL;
	int (*subscribe)(void **, void *, void *);
	int r = -1;

	if (lib) {
		*(void **)&subscribe = dlsym(lib, "cuptiSubscribe");
		CHECK_TRUE(subscribe);
		r = subscribe(&subscriber, NULL, NULL);
	}
	launch_and_sync(LAUNCHES);
	printf("lifetimes subscribe=%d\n", r);
	say("parent", 2 * LAUNCHES);
	return 0;
}

/* --- modes that do not begin with 1000 launches */
static int end_nocuda(void)
{
	say("parent", 0);
	return 0;
}

static int end_fork_before(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	start();
	launch_and_sync(LAUNCHES);
	say(pid ? "parent" : "child", LAUNCHES);
	if (pid)
		wait_ok(pid);
	return 0;
}

static const struct {
	const char *name;
	int (*end)(void);
	int starts;       /* 1: 1000 launches and a sync come first */
} modes[] = {
	{ "return", end_return, 1 },
	{ "exit", end_exit, 1 },
	{ "thread-exit", end_thread_exit, 1 },
	{ "pthread_exit", end_pthread_exit, 1 },
	{ "_exit", end_underscore_exit, 1 },
	{ "quick_exit", end_quick_exit, 1 },
	{ "abort", end_abort, 1 },
	{ "segv", end_segv, 1 },
	{ "sigterm", end_sigterm, 1 },
	{ "sigkill", end_sigkill, 1 },
	{ "exec", end_exec, 1 },
	{ "exec-fail", end_exec_fail, 1 },
	{ "fork-after", end_fork_after, 1 },
	{ "fork-before", end_fork_before, 0 },
	{ "dlopen", end_return, 1 },
	{ "nocuda", end_nocuda, 0 },
	{ "vfork-exec", end_vfork_exec, 1 },
	{ "threads-many", end_threads_many, 1 },
	{ "unsynced", end_unsynced, 1 },
	{ "reset", end_reset, 1 },
	{ "destroy-ctx", end_destroy_ctx, 1 },
	{ "second-subscriber", end_second_subscriber, 1 },
};

int main(int argc, char **argv)
{
	mode = argc == 2 ? argv[1] : "";
#ifndef HOST_LATE
	if (!strcmp(mode, "dlopen")) {
		char path[4096];

		/* This image has libcuda from the start; the other one opens it late. */
		snprintf(path, sizeof(path), "%s-late", argv[0]);
		execv(path, argv);
		perror(path);
		return 1;
	}
#endif
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		if (strcmp(modes[i].name, mode))
			continue;
		if (modes[i].starts) {
			start();
			launch_and_sync(LAUNCHES);
		}
		return modes[i].end();
	}
	fprintf(stderr, "usage: lifetimes MODE; MODE is one of:");
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++)
		fprintf(stderr, " %s", modes[i].name);
	fputc('\n', stderr);
	return 2;
}
