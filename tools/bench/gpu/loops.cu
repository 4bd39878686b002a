/*
 * loops: loops that only launch, for the benchmark. Static cudart.
 *
 *   loops launch1 | launch8 | graph500 | sets | loads CUBIN
 *
 * Says "ready"; then for each line "go N" on stdin it does N units and answers "ns UNIT_NS LONGEST_NS OVER_100US OVER_1MS":
 * mean wall time of a unit, with one synchronisation at the end, the longest single call, and how many took longer than
 * 0.1 and 1 ms. Ends at "end" or the end of stdin.
 * A unit: a launch; a launch (of all threads together); a graph node; a replay of a graph and a wait, before which each of its
 * 12 nodes is set, as XLA does; a load, look-up and unload.
 */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cuda.h>
#include <cuda_runtime.h>
#include <thread>
#include <time.h>
#include <vector>

#define NODES 500
#define SETS 12
#define THREADS 8
#define OK(call)                                                                        \
	do {                                                                            \
		int rc_ = (int)(call);                                                  \
		if (rc_) {                                                              \
			fprintf(stderr, "loops: %s: error %d\n", #call, rc_);           \
			exit(1);                                                        \
		}                                                                       \
	} while (0)

__global__ void work(int *p)
{
	if (p)
		*p = 1;
}

static long long now_ns()
{
	timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

struct calls {
	long long longest;
	long over_100us, over_1ms;

	void add(long long since)
	{
		const long long t = now_ns() - since;

		longest = t > longest ? t : longest;
		over_100us += t > 100000;
		over_1ms += t > 1000000;
	}
};

static void launches(long n, cudaStream_t s, calls *c)
{
	for (long i = 0; i < n; i++) {
		const long long t = now_ns();

		work<<<1, 32, 0, s>>>(nullptr);
		c->add(t);
	}
	OK(cudaStreamSynchronize(s));
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "launch1";
	cudaStream_t stream[THREADS];
	cudaGraphExec_t exec = nullptr;
	std::vector<char> image;
	char line[64];
	long n;

	for (auto &s : stream)
		OK(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking));
	const bool sets = !strcmp(what, "sets");
	cudaGraphNode_t node[SETS];
	cudaKernelNodeParams params[SETS];
	if (sets || !strcmp(what, "graph500")) {
		const int nodes = sets ? SETS : NODES;
		size_t got = SETS;
		cudaGraph_t g;

		OK(cudaStreamBeginCapture(stream[0], cudaStreamCaptureModeThreadLocal));
		for (int i = 0; i < nodes; i++)
			work<<<1, 32, 0, stream[0]>>>(nullptr);
		OK(cudaStreamEndCapture(stream[0], &g));
		OK(cudaGraphInstantiate(&exec, g, 0));
		OK(cudaGraphGetNodes(g, node, &got));
		for (int i = 0; i < SETS; i++)
			OK(cudaGraphKernelNodeGetParams(node[i], &params[i]));
	}
	if (!strcmp(what, "loads")) {
		FILE *f = argc > 2 ? fopen(argv[2], "rb") : nullptr;
		int c;
		if (!f)
			return fprintf(stderr, "loops: loads needs a cubin\n"), 2;
		while ((c = getc(f)) != EOF)
			image.push_back((char)c);
		fclose(f);
	}
	work<<<1, 32>>>(nullptr);
	OK(cudaDeviceSynchronize());
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin) && sscanf(line, "go %ld", &n) == 1) {
		const long long start = now_ns();
		calls c[THREADS] = {};
		long long took;
		if (!strcmp(what, "launch8")) {
			std::vector<std::thread> t;
			for (int i = 0; i < THREADS; i++)
				t.emplace_back(launches, n / THREADS, stream[i], &c[i]);
			for (auto &x : t)
				x.join();
			n = n / THREADS * THREADS;
		} else if (sets) {
			for (long i = 0; i < n; i++) {
				const long long t = now_ns();

				for (int k = 0; k < SETS; k++)
					OK(cudaGraphExecKernelNodeSetParams(exec, node[k], &params[k]));
				OK(cudaGraphLaunch(exec, stream[0]));
				OK(cudaStreamSynchronize(stream[0]));
				c[0].add(t);
			}
		} else if (exec) {
			for (long i = 0; i < n / NODES; i++) {
				const long long t = now_ns();

				OK(cudaGraphLaunch(exec, stream[0]));
				c[0].add(t);
			}
			OK(cudaStreamSynchronize(stream[0]));
			n = n / NODES * NODES;
		} else if (!image.empty()) {
			for (long i = 0; i < n; i++) {
				CUmodule m;
				CUfunction f;
				const long long t = now_ns();

				OK(cuModuleLoadData(&m, image.data()));
				OK(cuModuleGetFunction(&f, m, "work"));
				OK(cuModuleUnload(m));
				c[0].add(t);
			}
		} else {
			launches(n, stream[0], &c[0]);
		}
		took = now_ns() - start;
		for (int i = 1; i < THREADS; i++) {
			c[0].longest = c[i].longest > c[0].longest ? c[i].longest : c[0].longest;
			c[0].over_100us += c[i].over_100us;
			c[0].over_1ms += c[i].over_1ms;
		}
		printf("ns %.1f %lld %ld %ld\n", (double)took / (double)n, c[0].longest, c[0].over_100us, c[0].over_1ms);
		fflush(stdout);
	}
	return 0;
}
