/*
 * usage: selftest DIR     (DIR holds inject.so and the simulated libraries)
 *
 * The simulated device against itself: every case runs this program again as a CUDA
 * program, with inject.so as the CUPTI client, and compares what the client counted with
 * what the program did. Prints `ok NAME` or `not ok NAME` for each.
 */
#include "tests/host/host.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LAUNCHES = 100, COPIES = 3, SETS = 2, THREADS = 4, NODES = 5, REPLAYS = 10 };

static const char ptx[] = PTX_HEAD PTX_NOP("self_nop") PTX_FILL("self_fill");
static CUcontext context;
static CUfunction nop;
static CUmodule module;

/* --- the programs: what runs inside a case */
static void open_module(void)
{
	context = host_context();
	CHECK(cuModuleLoadData(&module, ptx));
	CHECK(cuModuleGetFunction(&nop, module, "self_nop"));
}

static int program_launch(void)
{
	unsigned int data[64] = { 7 }, back[64] = { 0 };
	CUstream s[2];
	CUdeviceptr p;

	open_module();
	CHECK(cuStreamCreate(&s[0], CU_STREAM_NON_BLOCKING));
	CHECK(cuStreamCreate(&s[1], CU_STREAM_DEFAULT));
	CHECK(cuMemAlloc(&p, sizeof(data)));
	for (int i = 0; i < LAUNCHES; i++)
		host_launch(nop, 1, s[i % 2], NULL);
	CHECK(cuMemsetD8(p, 1, sizeof(data)));
	CHECK(cuMemsetD32Async(p, 2, 64, s[0]));
	CHECK(cuStreamSynchronize(s[0]));
	CHECK(cuMemcpyDtoH(back, p, sizeof(back)));
	CHECK_TRUE(back[0] == 2 && back[63] == 2);
	CHECK(cuMemcpyHtoD(p, data, sizeof(data)));
	CHECK(cuMemcpyDtoHAsync(back, p, sizeof(back), s[1]));
	CHECK(cuStreamSynchronize(s[1]));
	CHECK_TRUE(back[0] == 7 && back[1] == 0);
	CHECK_TRUE(cuMemcpyHtoD(p, data, 4096) == CUDA_ERROR_INVALID_VALUE);
	CHECK(cuCtxSynchronize());
	CHECK(cuModuleUnload(module));
	return 0;
}

static void *thread_launches(void *unused)
{
	(void)unused;
	CHECK(cuCtxSetCurrent(context));
	for (int i = 0; i < LAUNCHES; i++)
		host_launch(nop, 1, CU_STREAM_PER_THREAD, NULL);
	CHECK(cuStreamSynchronize(CU_STREAM_PER_THREAD));
	return NULL;
}

static int program_threads(void)
{
	pthread_t t[THREADS];

	open_module();
	for (int i = 0; i < THREADS; i++)
		CHECK_TRUE(!pthread_create(&t[i], NULL, thread_launches, NULL));
	for (int i = 0; i < THREADS; i++)
		CHECK_TRUE(!pthread_join(t[i], NULL));
	return 0;
}

static int program_graph(void)
{
	CUgraphExec e;
	CUstream s;
	CUgraph g;

	open_module();
	CHECK(cuStreamCreate(&s, CU_STREAM_NON_BLOCKING));
	CHECK(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
	for (int i = 0; i < NODES; i++)
		host_launch(nop, 1, s, NULL);
	CHECK(cuStreamEndCapture(s, &g));
	CHECK(cuGraphInstantiate(&e, g, 0));
	for (int i = 0; i < REPLAYS; i++)
		CHECK(cuGraphLaunch(e, s));
	CHECK(cuStreamSynchronize(s));
	CHECK(cuGraphExecDestroy(e));
	CHECK(cuGraphDestroy(g));
	return 0;
}

static int library(bool use)
{
	CUlibrary lib;
	CUkernel k;

	(void)host_context();
	CHECK(cuLibraryLoadData(&lib, ptx, NULL, NULL, 0, NULL, NULL, 0));
	CHECK(cuLibraryGetKernel(&k, lib, "self_fill"));
	if (use)
		host_launch((CUfunction)k, 1, NULL, NULL);
	CHECK(cuCtxSynchronize());
	return 0;
}

static int program_library_unused(void)
{
	return library(false);
}

static int program_library(void)
{
	return library(true);
}

/* A cubin of the linker inside a fatbin inside a wrapper, after entries we must skip. */
static int program_fatbin(void)
{
	struct {
		struct { uint32_t magic; uint16_t version, header; uint64_t bytes; } head;
		struct {
			uint16_t kind, version;
			uint32_t header;
			uint64_t bytes;
			uint32_t compressed, options;
			uint16_t minor, major;
			uint32_t arch, name_at, name_bytes;
			uint64_t flags, reserved, full_bytes;
		} entry;
		char elf[4096];
	} fat = { 0 };
	struct { uint32_t magic, version; const void *data; void *file; } wrapper = {
		0x466243b1, 1, &fat, NULL };
	CUlinkState link;
	CUmodule m[2];
	CUfunction f;
	void *cubin;
	size_t bytes;

	(void)host_context();
	CHECK(cuLinkCreate(0, NULL, NULL, &link));
	CHECK(cuLinkAddData(link, CU_JIT_INPUT_PTX, (void *)(uintptr_t)ptx, sizeof(ptx), "self", 0,
			    NULL, NULL));
	CHECK(cuLinkComplete(link, &cubin, &bytes));
	CHECK_TRUE(bytes <= sizeof(fat.elf) && !memcmp(cubin, "\177ELF", 4));
	fat.head.magic = 0xba55ed50;
	fat.head.version = 1;
	fat.head.header = sizeof(fat.head);
	fat.head.bytes = sizeof(fat) - sizeof(fat.head);
	fat.entry.kind = 2;
	fat.entry.header = sizeof(fat.entry);
	fat.entry.bytes = sizeof(fat.elf);
	memcpy(fat.elf, cubin, bytes);
	CHECK(cuModuleLoadData(&m[0], cubin));
	CHECK(cuModuleLoadFatBinary(&m[1], &wrapper));
	for (int i = 0; i < 2; i++) {
		CHECK(cuModuleGetFunction(&f, m[i], "self_fill"));
		CHECK_TRUE(cuModuleGetFunction(&f, m[i], "absent") == CUDA_ERROR_NOT_FOUND);
	}
	CHECK_TRUE(cuModuleLoadData(&m[0], "not an image") == CUDA_ERROR_INVALID_IMAGE);
	CHECK_TRUE(cuModuleLoadData(&m[0], ".version 7.0 .entry x {") == CUDA_ERROR_INVALID_PTX);
	CHECK(cuLinkDestroy(link));
	return 0;
}

static int program_no_device(void)
{
	CHECK_TRUE(cuInit(0) == CUDA_ERROR_NO_DEVICE);
	return 0;
}

static int program_fork(void)
{
	int status;
	pid_t pid;

	open_module();
	host_launch(nop, 1, NULL, NULL);
	CHECK(cuCtxSynchronize());
	pid = fork();
	if (!pid)
		_exit(cuInit(0) == CUDA_ERROR_NOT_INITIALIZED &&
				      cuCtxSynchronize() == CUDA_ERROR_NOT_INITIALIZED ? 0 : 1);
	CHECK_TRUE(waitpid(pid, &status, 0) == pid && !status);
	return 0;
}

static int program_unsynced(void)
{
	open_module();
	for (int i = 0; i < 10; i++)
		host_launch(nop, 132 * 100000, NULL, NULL);
	return 0;
}

static void check_torn_down(void)
{
	if (cuCtxSynchronize() != CUDA_ERROR_DEINITIALIZED)
		_exit(9);
}

static int program_exit_order(void)
{
	atexit(check_torn_down);
	open_module();
	host_launch(nop, 1, NULL, NULL);
	CHECK(cuCtxSynchronize());
	return 0;
}

static int program_proc_address(void)
{
	static const struct { const char *name, *symbol; int version; uint64_t flags; } want[] = {
		{ "cuMemAlloc", "cuMemAlloc_v2", 12000, 0 },
		{ "cuLaunchKernel", "cuLaunchKernel", 12000, 0 },
		{ "cuLaunchKernel", "cuLaunchKernel_ptsz", 12000, 2 },
		{ "cuMemcpyHtoD", "cuMemcpyHtoD_v2_ptds", 12000, 2 },
		{ "cuMemcpyHtoD", "cuMemcpyHtoD_v2", 12000, 1 },
		{ "cuStreamGetCaptureInfo", "cuStreamGetCaptureInfo_v2", 12000, 0 },
		{ "cuStreamGetCaptureInfo", "cuStreamGetCaptureInfo_v3", 13000, 0 },
		{ "cuGraphInstantiate", "cuGraphInstantiateWithFlags", 12000, 0 },
		{ "cuGraphInstantiate", "cuGraphInstantiate", 10000, 0 },
		{ "cuGetProcAddress", "cuGetProcAddress_v2", 12000, 0 },
		{ "cuCtxCreate", "cuCtxCreate_v2", 11000, 0 },
		{ "cuInit", "cuInit", 2000, 0 },
		{ "cuAbsent", NULL, 13000, 0 },
	};
	void *lib = dlopen("libcuda.so.1", RTLD_NOW);

	CHECK_TRUE(lib);
	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
		CUdriverProcAddressQueryResult status;
		void *p = NULL, *q = want[i].symbol ? dlsym(lib, want[i].symbol) : NULL;

		CHECK(cuGetProcAddress(want[i].name, &p, want[i].version, want[i].flags, &status));
		if (p != q) {
			fprintf(stderr, "cuGetProcAddress: %s (%d)\n", want[i].name,
				want[i].version);
			return 1;
		}
	}
	return 0;
}

static const struct {
	const char *name;
	int (*run)(void);
} programs[] = {
	{ "launch", program_launch },
	{ "threads", program_threads },
	{ "graph", program_graph },
	{ "library", program_library },
	{ "library-unused", program_library_unused },
	{ "fatbin", program_fatbin },
	{ "no-device", program_no_device },
	{ "fork", program_fork },
	{ "unsynced", program_unsynced },
	{ "exit-order", program_exit_order },
	{ "proc-address", program_proc_address },
};

/* --- the cases */
struct test {
	const char *name, *program;
	const char *kinds, *cbids;      /* NULL: nothing is injected */
	const char *knobs;              /* NAME=VALUE, separated by blanks */
	const char *want;               /* `name value` lines of inject.so, separated by commas;
					   value `+` is: more than none */
	int kill_after_ms;              /* it must still be running then */
};

static const struct test tests[] = {
	{ "records", "launch", "10,1,2,38", "1:307,3:6,3:7,3:5,3:1", NULL,
	  "init 1,subscribe 0,version 130001,kind10 100,kind1 3,kind2 2,kind38 3,enters 100,"
	  "exits 100,resource5 1,resource1 1,resource6 1,resource7 1,elf_modules 1,bad_times 0,"
	  "dropped 0,no_correlation 0", 0 },
	{ "callbacks-alone", "launch", "", "1:307", NULL,
	  "enters 100,exits 100,buffers 0,resource6 0", 0 },
	{ "nothing-asked-for", "launch", "", "", NULL, "init 1,enters 0,exits 0,buffers 0", 0 },
	{ "no-tracer", "launch", NULL, NULL, NULL, "init 0", 0 },
	{ "whole-resource-domain", "launch", "", "3:0", NULL, "resource8 100,resource3 2", 0 },
	{ "driver-records", "launch", "4", "", NULL, "cbid307 0,kind4 +", 0 },
	{ "threads", "threads", "10", "1:307", NULL, "kind10 400,exits 400,bad_times 0", 0 },
	{ "graph-nodes", "graph", "10", "1:514,3:17,3:18,3:19", NULL,
	  "kind10 50,cbid514 10,resource17 1,resource18 1,resource19 1", 0 },
	{ "graph-trace", "graph", "10,51", "", NULL, "kind10 0,kind51 10", 0 },
	{ "library-is-lazy", "library-unused", "", "3:6", NULL, "resource6 0", 0 },
	{ "library-at-first-launch", "library", "10,17", "3:6", NULL,
	  "resource6 1,kind10 1,kind17 +", 0 },
	{ "jit-cold", "launch", "52", "", "JITNESS_SIM_CACHE=@/cache", "kind52 2", 0 },
	{ "jit-warm", "launch", "52", "", "JITNESS_SIM_CACHE=@/cache", "kind52 1", 0 },
	{ "jit-no-cache", "launch", "52", "", "JITNESS_SIM_CACHE=@/cache CUDA_CACHE_DISABLE=1",
	  "kind52 1", 0 },
	{ "fatbin-and-cubin", "fatbin", "", "3:6", NULL, "resource6 2,elf_modules 2", 0 },
	{ "version-11.8", "launch", "10,1,2,38,17,52", "1:307", "JITNESS_SIM_CUPTI_API=18",
	  "version 18,kind10 100,kind1 3,kind2 2,kind38 3", 0 },
	{ "version-12.4", "graph", "10,51,17,52", "", "JITNESS_SIM_CUPTI_API=22",
	  "version 22,kind51 10", 0 },
	{ "version-12.8", "launch", "10,1,2,38", "", "JITNESS_SIM_CUPTI_API=26",
	  "version 26,kind10 100,kind1 3", 0 },
	{ "somebody-holds-cupti", "launch", "10", "1:307", "JITNESS_SIM_SUBSCRIBED=Nsight",
	  "subscribe 39,kind10 0,enters 0", 0 },
	{ "drops", "launch", "10", "", "JITNESS_SIM_DROP=10", "kind10 90,dropped 10", 0 },
	{ "bad-times", "launch", "10", "", "JITNESS_SIM_BAD_TIME=10",
	  "kind10 100,bad_times 10", 0 },
	{ "forced-error", "launch", "10,1", "", "JITNESS_SIM_FAIL=cuptiActivityEnable:10=15",
	  "kind10 0,kind1 3", 0 },
	{ "no-device", "no-device", "10", "", "JITNESS_SIM_NO_DEVICE=1", "init 0", 0 },
	{ "fork-after-init", "fork", "10", "", NULL, "kind10 1", 0 },
	{ "forced-flush", "unsynced", "10", "", NULL, "kind10 10,bad_times +", 0 },
	{ "flush-hang", "launch", "10", "", "JITNESS_SIM_FLUSH_HANG=1", "init 0", 1000 },
	{ "driver-gone-at-exit", "exit-order", "10", "", NULL, "kind10 1", 0 },
	{ "proc-address", "proc-address", NULL, NULL, NULL, "init 0", 0 },
	{ "nested-call", "launch", "", "1:307,1:16", "INJECT_NEST=1", "cbid307 100", 0 },
	{ "flush-where-forbidden", "launch", "10", "3:6",
	  "INJECT_BAD=1 JITNESS_SIM_REPORT=@/report", "resource6 1", 0 },
};

static char work_dir[] = "/tmp/sim-selftest-XXXXXX";

static void set_knobs(const char *list)
{
	char copy[512], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", list ? list : "");
	for (char *at = strtok_r(copy, " ", &save); at; at = strtok_r(NULL, " ", &save)) {
		char value[512], *equals = strchr(at, '=');

		*equals++ = '\0';
		if (*equals == '@')
			snprintf(value, sizeof(value), "%s%s", work_dir, equals + 1);
		else
			snprintf(value, sizeof(value), "%s", equals);
		setenv(at, value, 1);
	}
}

static pid_t test_start(const struct test *t, const char *self, const char *dir)
{
	char path[4096], out[128];
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid)
		return pid;
	snprintf(path, sizeof(path), "%s/inject.so", dir);
	snprintf(out, sizeof(out), "%s/out", work_dir);
	unlink(out);
	if (t->kinds) {
		setenv("CUDA_INJECTION64_PATH", path, 1);
		setenv("INJECT_KINDS", t->kinds, 1);
		setenv("INJECT_CBIDS", t->cbids, 1);
		setenv("INJECT_OUT", out, 1);
	}
	set_knobs(t->knobs);
	execl(self, self, "--run", t->program, (char *)NULL);
	_exit(127);
}

/* The child's status; -1 when it had to be killed. */
static int test_wait(pid_t pid, int limit_ms)
{
	int status;

	for (int ms = 0; ms < limit_ms; ms += 10) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return -1;
}

static long out_value(const char *wanted)
{
	char path[128], name[64];
	long value;
	FILE *f;

	snprintf(path, sizeof(path), "%s/out", work_dir);
	f = fopen(path, "r");
	while (f && fscanf(f, "%63s %ld", name, &value) == 2) {
		if (!strcmp(name, wanted)) {
			fclose(f);
			return value;
		}
	}
	if (f)
		fclose(f);
	return 0;
}

static bool test_counts(const struct test *t)
{
	char copy[512], *save = NULL;
	bool ok = true;

	snprintf(copy, sizeof(copy), "%s", t->want);
	for (char *at = strtok_r(copy, ",", &save); at; at = strtok_r(NULL, ",", &save)) {
		char name[64], want[32];
		long got;

		if (sscanf(at, "%63s %31s", name, want) != 2)
			return false;
		got = out_value(name);
		if (*want == '+' ? got > 0 : got == atol(want))
			continue;
		printf("# %s: %s is %ld, not %s\n", t->name, name, got, want);
		ok = false;
	}
	return ok;
}

static bool report_has(const char *text)
{
	char path[128], line[16384];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "%s/report", work_dir);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		found = found || strstr(line, text);
	if (f)
		fclose(f);
	return found;
}

static bool test_run(const struct test *t, const char *self, const char *dir)
{
	int limit = t->kill_after_ms ? t->kill_after_ms : 60000;
	int status = test_wait(test_start(t, self, dir), limit);

	if (t->kill_after_ms ? status != -1 : status != 0) {
		printf("# %s: status %d\n", t->name, status);
		return false;
	}
	if (t->knobs && strstr(t->knobs, "REPORT") &&
	    !report_has("\"flush_in_resource_callback\":1")) {
		printf("# %s: not in the report\n", t->name);
		return false;
	}
	return test_counts(t);
}

int main(int argc, char **argv)
{
	char command[64];
	int failed = 0;

	if (argc == 3 && !strcmp(argv[1], "--run"))
		for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++)
			if (!strcmp(programs[i].name, argv[2]))
				return programs[i].run();
	if (argc != 2 || !mkdtemp(work_dir)) {
		fprintf(stderr, "usage: selftest DIR\n");
		return 2;
	}
	unsetenv("CUDA_INJECTION64_PATH");
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		bool ok = test_run(&tests[i], argv[0], argv[1]);

		printf("%s %s\n", ok ? "ok" : "not ok", tests[i].name);
		failed += !ok;
	}
	snprintf(command, sizeof(command), "rm -rf %s", work_dir);
	if (system(command))
		failed++;
	return failed ? 1 : 0;
}
