/*
 * probe: the program probe.c is injected into. `probe SCENARIO`; each scenario is
 * one process with an alarm, so a hang costs seconds and is reported.
 */
#include <algorithm>
#include <cooperative_groups.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cuda.h>
#include <cuda_runtime.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <thread>
#include <time.h>
#include <unistd.h>
#include <vector>

__global__ void empty_k() {}
__global__ void second_k(int *p) { if (p) *p = 1; }
__global__ void third_k(int *p, int v) { if (p) *p = v; }
__global__ void coop_k() { cooperative_groups::this_grid().sync(); }
__global__ void spin_k(long long ns, volatile int *flag)
{
	long long t0, t;
	asm volatile("mov.u64 %0, %globaltimer;" : "=l"(t0));
	do
		asm volatile("mov.u64 %0, %globaltimer;" : "=l"(t));
	while (t - t0 < ns);
	if (flag) {
		*flag = 1;
		__threadfence_system();
	}
}

static const char *const ptx_text = ".version 8.0\n.target sm_80\n.address_size 64\n"
				    ".visible .entry NAME()\n{\n ret;\n}\n";
static const char *step = "start", *scenario = "?";
static void (*set)(int);
static void (*mode)(int, int, int);
static void (*take)(const char *);
static void (*counts)(const char *);
static void (*process)(const char *);
static unsigned long long (*flush)(int);
static unsigned (*kernels)(const char *, unsigned long long *, unsigned long long *);
static void *cu;
#define DRV(name) ((decltype(&name))dlsym(cu, #name))
#define OK(call)                                                               \
	do {                                                                   \
		step = #call;                                                  \
		int rc_ = (int)(call);                                         \
		if (rc_)                                                       \
			printf("fact: %s: %s -> %d\n", scenario, #call, rc_);  \
	} while (0)

static unsigned long long now()
{
	timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void on_signal(int sig)
{
	char line[512];
	int n = snprintf(line, sizeof(line), "fact: %s: %s in step %s\n", scenario,
			 sig == SIGALRM ? "HANG" : "CRASH", step);
	if (write(1, line, n)) {}
	_exit(99);
}

static void settle(const char *what)
{
	OK(cudaDeviceSynchronize());
	step = "flush";
	flush(0);
	usleep(20000);
	flush(0);
	take(what);
}

static CUmodule ptx_module(const char *name, CUlibrary *lib)
{
	char text[512], *at;
	CUmodule m = nullptr;
	strcpy(text, ptx_text);
	at = strstr(text, "NAME");
	memmove(at + strlen(name), at + 4, strlen(at + 4) + 1);
	memcpy(at, name, strlen(name));
	if (lib)
		OK(DRV(cuLibraryLoadData)(lib, text, 0, 0, 0, 0, 0, 0));
	else
		OK(DRV(cuModuleLoadData)(&m, text));
	return m;
}

static void op_launches(cudaStream_t s)
{
	char what[128];
	const char *names[] = { "none", "runtime", "driver", "both", "domains" };
	cudaGraph_t g, g2;
	cudaGraphExec_t e;
	CUfunction f;
	CUmodule m = ptx_module("driver_k", nullptr);
	OK(DRV(cuModuleGetFunction)(&f, m, "driver_k"));
	OK(cudaLaunchCooperativeKernel((const void *)coop_k, 1, 32, nullptr, 0, s));
	empty_k<<<1, 1, 0, s>>>();
	third_k<<<1, 1, 0, s>>>(nullptr, 0);
	OK(cudaDeviceSynchronize());
	for (int which : { 1, 2, 3, 4 }) {
		mode(0, 0, 0);
		settle("-");
		set(which);
		mode(1, 0, 0);
#define OP(label, call)                                                        \
		call;                                                          \
		mode(0, 0, 0);                                                 \
		snprintf(what, sizeof(what), "nest cbids=%s %s", names[which], label); \
		settle(what);                                                  \
		mode(1, 0, 0)
		step = "<<<>>>";
		OP("<<<>>>", (empty_k<<<1, 1, 0, s>>>()));
		OP("cudaLaunchKernel", OK(cudaLaunchKernel((const void *)empty_k, 1, 1, nullptr, 0, s)));
		cudaLaunchConfig_t c = {};
		c.gridDim = 1, c.blockDim = 1, c.stream = s;
		int *null = nullptr;
		int v = 7;
		OP("cudaLaunchKernelExC", OK(cudaLaunchKernelEx(&c, third_k, null, v)));
		OP("cudaLaunchCooperativeKernel",
		   OK(cudaLaunchCooperativeKernel((const void *)coop_k, 1, 32, nullptr, 0, s)));
		OP("cuLaunchKernel", OK(DRV(cuLaunchKernel)(f, 1, 1, 1, 1, 1, 1, 0, (CUstream)s, 0, 0)));
		OK(cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal));
		OP("<<<>>> while capturing (no record expected)", (empty_k<<<1, 1, 0, s>>>()); step = "x";
		   OK(cudaStreamEndCapture(s, &g)));
		OK(cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal));
		empty_k<<<2, 1, 0, s>>>();
		OK(cudaStreamEndCapture(s, &g2));
		OP("cudaGraphInstantiate", OK(cudaGraphInstantiate(&e, g, 0)));
		OP("cudaGraphLaunch", OK(cudaGraphLaunch(e, s)));
		cudaGraphExecUpdateResultInfo info;
		OP("cudaGraphExecUpdate", OK(cudaGraphExecUpdate(e, g2, &info)));
		OP("cuGraphLaunch", OK(DRV(cuGraphLaunch)((CUgraphExec)e, (CUstream)s)));
	}
}

static void cost(cudaStream_t s)
{
	const int N = 100000, REPS = 5;
	const char *names[] = { "none", "runtime", "driver", "both" };
	std::vector<double> t[4];
	for (int i = 0; i < 2000; i++)
		empty_k<<<1, 1, 0, s>>>();
	for (int rep = 0; rep < REPS; rep++)
		for (int which = 0; which < 4; which++) {
			set((which + rep) % 4);
			OK(cudaDeviceSynchronize());
			flush(0);
			unsigned long long t0 = now();
			for (int i = 0; i < N; i++)
				empty_k<<<1, 1, 0, s>>>();
			t[(which + rep) % 4].push_back((double)(now() - t0) / N);
			OK(cudaDeviceSynchronize());
		}
	for (int i = 0; i < 4; i++) {
		std::sort(t[i].begin(), t[i].end());
		printf("fact: cost kinds=%s cbids=%s: ns per launch min %.0f median %.0f max %.0f\n",
		       getenv("PROBE_KINDS"), names[i], t[i][0], t[i][REPS / 2], t[i][REPS - 1]);
	}
}

static cudaGraph_t capture(cudaStream_t s, int *buf, int grid, bool child)
{
	cudaGraph_t g, inner;
	OK(cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal));
	second_k<<<grid, 1, 0, s>>>(buf);
	third_k<<<grid, 1, 0, s>>>(buf, 3);
	OK(cudaMemsetAsync(buf, 0, 64, s));
	OK(cudaMemcpyAsync(buf + 64, buf, 64, cudaMemcpyDeviceToDevice, s));
	empty_k<<<grid, 1, 0, s>>>();
	OK(cudaStreamEndCapture(s, &g));
	if (child) {
		OK(cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal));
		spin_k<<<1, 1, 0, s>>>(1000, nullptr);
		OK(cudaStreamEndCapture(s, &inner));
		cudaGraphNode_t n;
		OK(cudaGraphAddChildGraphNode(&n, g, nullptr, 0, inner));
	}
	return g;
}

/* queries: 1 in API callbacks, 2 also cuGraphGetNodes inside the resource callback. */
static void graphs(cudaStream_t s, int queries)
{
	int *buf;
	cudaGraph_t g, g2;
	cudaGraphExec_t e, e2;
	OK(cudaMalloc(&buf, 4096));
	set(3);
	/* Warm up: modules load outside the capture. */
	second_k<<<1, 1, 0, s>>>(buf), third_k<<<1, 1, 0, s>>>(buf, 1), empty_k<<<1, 1, 0, s>>>();
	spin_k<<<1, 1, 0, s>>>(0, nullptr);
	settle("graph warm-up");
	g = capture(s, buf, 1, true);
	mode(0, queries, 0);
	OK(cudaGraphInstantiate(&e, g, 0));
	take("graph instantiate");
	OK(cudaGraphLaunch(e, s));
	settle("graph launch 1");
	OK(cudaGraphInstantiateWithFlags(&e2, g, 0));
	take("graph instantiate again (second exec of the same graph)");
	OK(cudaGraphLaunch(e2, s));
	settle("graph launch of second exec");
	g2 = capture(s, buf, 5, true);
	cudaGraphExecUpdateResultInfo info;
	OK(cudaGraphExecUpdate(e, g2, &info));
	printf("fact: graph update result %d\n", (int)info.result);
	take("graph exec update (new graph, grid 5)");
	OK(cudaGraphLaunch(e, s));
	settle("graph launch after update");
	/* Replace second_k by empty_k... in the exec only: node found by type, first kernel. */
	cudaGraphNode_t nodes[16];
	size_t n = 16;
	OK(cudaGraphGetNodes(g, nodes, &n));
	cudaKernelNodeParams p = {};
	void *args[1] = { &buf };
	p.func = (void *)second_k, p.gridDim = 9, p.blockDim = 1, p.kernelParams = args;
	OK(cudaGraphExecKernelNodeSetParams(e, nodes[0], &p));
	take("graph exec kernel node set params (grid 9)");
	OK(cudaGraphLaunch(e, s));
	settle("graph launch after node set");
	OK(cudaGraphDestroy(g));
	OK(cudaGraphLaunch(e, s));
	settle("graph launch after template destroyed");
	OK(cudaGraphExecDestroy(e));
	take("graph exec destroyed");
}

/* queries: 2 also asks the driver about params->f at each launch's EXIT. */
static void modules(cudaStream_t s, int queries)
{
	CUmodule m;
	CUfunction f;
	CUlibrary lib;
	CUkernel k;
	set(4);
	mode(0, 0, queries);
	step = "first <<<>>>";
	third_k<<<1, 1, 0, s>>>(nullptr, 1);
	take("modules: first runtime launch (lazy load)");
	empty_k<<<1, 1, 0, s>>>();
	take("modules: second runtime kernel of the same module");
	m = ptx_module("module_k", nullptr);
	take("modules: cuModuleLoadData(PTX)");
	OK(DRV(cuModuleGetFunction)(&f, m, "module_k"));
	take("modules: cuModuleGetFunction");
	OK(DRV(cuLaunchKernel)(f, 1, 1, 1, 1, 1, 1, 0, (CUstream)s, 0, 0));
	take("modules: cuLaunchKernel(CUfunction)");
	ptx_module("library_k", &lib);
	take("modules: cuLibraryLoadData(PTX)");
	OK(DRV(cuLibraryGetKernel)(&k, lib, "library_k"));
	take("modules: cuLibraryGetKernel");
	OK(DRV(cuLaunchKernel)((CUfunction)k, 1, 1, 1, 1, 1, 1, 0, (CUstream)s, 0, 0));
	take("modules: cuLaunchKernel(CUkernel)");
	ptx_module("library2_k", &lib);
	take("modules: cuLibraryLoadData(PTX) 2");
	OK(DRV(cuLibraryGetKernel)(&k, lib, "library2_k"));
	OK(DRV(cuKernelGetFunction)(&f, k));
	take("modules: cuLibraryGetKernel + cuKernelGetFunction");
	OK(DRV(cuLaunchKernel)(f, 1, 1, 1, 1, 1, 1, 0, (CUstream)s, 0, 0));
	take("modules: cuLaunchKernel(CUfunction of a CUkernel)");
	OK(cudaDeviceSynchronize());
}

static void flushing(cudaStream_t s)
{
	unsigned long long a = 0, b = 0, t[4] = {};
	volatile int *flag;
	unsigned n[4];
	OK(cudaHostAlloc((void **)&flag, 64, cudaHostAllocMapped));
	set(3);
	spin_k<<<1, 1, 0, s>>>(1000, nullptr);
	settle("flush warm-up");
	for (int forced = 0; forced < 2; forced++) {
		empty_k<<<1, 1, 0, s>>>();
		spin_k<<<1, 1, 0, s>>>(500000000, nullptr);
		usleep(50000);
		step = "flush while a kernel runs";
		std::thread([&] { t[0] = flush(forced); n[0] = kernels("empty", &a, &b); n[1] = kernels("spin", &a, &b);
		}).join();
		printf("fact: flush(%s) from a helper thread while spin_k runs: %llu us; records then: empty %u spin %u "
		       "(start %llu end %llu)\n", forced ? "FORCED" : "0", t[0] / 1000, n[0], n[1], a, b);
		OK(cudaDeviceSynchronize());
		flush(0);
		usleep(50000);
		t[1] = flush(0);
		n[2] = kernels("spin", &a, &b);
		printf("fact:     after sync + flush(0): spin records in all %u, last %llu ns long\n", n[2], b - a);
		take("flush records");
	}
	for (int synced = 0; synced < 2; synced++) {
		std::vector<double> delay, tries;
		for (int i = 0; i < 30; i++) {
			*flag = 0;
			unsigned before = kernels(nullptr, &a, &b), k = 0;
			spin_k<<<1, 1, 0, s>>>(200000, flag);
			step = "wait for the record";
			if (synced)
				OK(cudaStreamSynchronize(s));
			else
				while (!*flag)
					;
			unsigned long long t0 = now();
			do {
				flush(0);
				k++;
			} while (kernels(nullptr, &a, &b) == before && now() - t0 < 2000000000ull);
			delay.push_back((now() - t0) / 1e3);
			tries.push_back(k);
			OK(cudaDeviceSynchronize());
		}
		std::sort(delay.begin(), delay.end());
		std::sort(tries.begin(), tries.end());
		printf("fact: delay from %s to the record at flush(0): us min %.0f median %.0f max %.0f; flushes min "
		       "%.0f median %.0f max %.0f\n", synced ? "cudaStreamSynchronize" : "the kernel's last store",
		       delay[0], delay[15], delay[29], tries[0], tries[15], tries[29]);
	}
	take("delay records (last ones)");
}

static void buffers(int flush_ms)
{
	const int T = 8, N = 20000;
	std::vector<std::thread> th;
	unsigned long long worst[T] = {}, flush_worst = 0;
	volatile bool stop = false;
	long flushes = 0;
	set(3);
	for (int i = 0; i < T; i++)
		th.emplace_back([&, i] {
			cudaStream_t s;
			cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking);
			for (int k = 0; k < N; k++) {
				unsigned long long t0 = now();
				empty_k<<<1, 1, 0, s>>>();
				unsigned long long d = now() - t0;
				if (k > 100 && d > worst[i])
					worst[i] = d;
			}
			cudaStreamSynchronize(s);
		});
	std::thread flusher([&] {
		while (flush_ms && !stop) {
			usleep(flush_ms * 1000);
			unsigned long long d = flush(0);
			flushes++;
			if (d > flush_worst)
				flush_worst = d;
		}
	});
	step = "join";
	for (auto &x : th)
		x.join();
	stop = true;
	flusher.join();
	unsigned long long w = 0;
	for (int i = 0; i < T; i++)
		w = std::max(w, worst[i]);
	printf("fact: %d threads x %d launches, flush every %d ms: %ld flushes, longest flush %llu us, longest launch "
	       "%llu us\n", T, N, flush_ms, flushes, flush_worst / 1000, w / 1000);
	OK(cudaDeviceSynchronize());
	counts("  before the final flush");
	flush(0);
	counts("  after the final flush(0)");
	usleep(50000);
	flush(0);
	counts("  after another flush(0) 50 ms later");
}

int main(int argc, char **argv)
{
	cudaStream_t s;
	if (argc < 2)
		return 2;
	scenario = argv[1];
	for (int sig : { SIGALRM, SIGSEGV, SIGABRT, SIGBUS })
		signal(sig, on_signal);
	alarm(argc > 2 ? atoi(argv[2]) : 20);
	setvbuf(stdout, nullptr, _IOLBF, 0);
	step = "cuInit";
	cu = dlopen("libcuda.so.1", RTLD_NOW);
	if (!cu || DRV(cuInit)(0)) {
		printf("fact: no driver\n");
		return 77;
	}
	void *h = dlopen(getenv("CUDA_INJECTION64_PATH"), RTLD_NOW | RTLD_NOLOAD);
	if (!h) {
		printf("fact: %s: the injection library is not loaded after cuInit\n", scenario);
		return 1;
	}
#define FIND(var, name) var = (decltype(var))dlsym(h, name)
	FIND(set, "probe_set"), FIND(mode, "probe_mode"), FIND(take, "probe_take");
	FIND(counts, "probe_counts"), FIND(flush, "probe_flush"), FIND(kernels, "probe_kernels");
	FIND(process, "probe_process");
	if (!strcmp(scenario, "attrs"))
		process("after cuInit");
	if (strncmp(scenario, "modules", 7)) /* there the lazy load is the subject */
		OK(cudaFree(0));
	OK(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking));
	if (!strcmp(scenario, "attrs")) {
		int v = 0, r = 0;
		cudaDriverGetVersion(&v), cudaRuntimeGetVersion(&r);
		printf("fact: driver %d runtime %d\n", v, r);
		process("after context creation");
		set(3);
		for (int i = 0; i < 100000; i++)
			empty_k<<<1, 1, 0, s>>>();
		OK(cudaDeviceSynchronize());
		flush(0);
		process("after 100,000 launches");
		counts("one thread, 100,000 launches");
	} else if (!strcmp(scenario, "nest"))
		op_launches(s);
	else if (!strcmp(scenario, "cost"))
		cost(s);
	else if (!strcmp(scenario, "graph"))
		graphs(s, 1);
	else if (!strcmp(scenario, "graphres"))
		graphs(s, 2);
	else if (!strcmp(scenario, "modules"))
		modules(s, 1);
	else if (!strcmp(scenario, "modulesq"))
		modules(s, 2);
	else if (!strcmp(scenario, "flush"))
		flushing(s);
	else if (!strcmp(scenario, "buffers"))
		buffers(argc > 3 ? atoi(argv[3]) : 0);
	printf("fact: %s: done, last error %d\n", scenario, (int)cudaGetLastError());
	fflush(stdout);
	_exit(0); /* exit handlers are not the subject */
}
