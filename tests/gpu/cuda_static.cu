/*
 * cuda_static: a CUDA C++ program with static cudart whose launches are known
 * exactly. Prints one JSON line with its own counts.
 *
 *   cuda_static [--eager N] [--nodes N] [--threads T] [--streams S] [--copies N]
 *               [--sets N] [--seconds S] [--end exit|_exit|quick_exit|abort|thread]
 *
 * --eager and --nodes are totals over all threads; a graph has 500 kernel nodes.
 * --seconds goes on launching until then (for being killed); those launches are not counted.
 */
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cuda_runtime.h>
#include <thread>
#include <time.h>
#include <unistd.h>
#include <vector>

#define GRAPH_NODES 500
#define OK(call)                                                                         \
	do {                                                                             \
		cudaError_t rc_ = (call);                                                \
		if (rc_ != cudaSuccess) {                                                \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call,    \
				cudaGetErrorString(rc_));                                \
			_exit(1);                                                        \
		}                                                                        \
	} while (0)

template <int N> __global__ void work(int *p)
{
	if (p && threadIdx.x == 0)
		p[blockIdx.x] = N;
}

static long eager = 0, nodes = 0, copies = 0, sets = 0, threads = 1, streams = 1, seconds = 0;
static const char *ending = "exit";

static std::vector<long long> longest; /* ns in one launch call, by thread */

static long long now_ns()
{
	timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void launch(int which, cudaStream_t s, int *p)
{
	switch (which & 3) {
	case 0: work<0><<<1, 32, 0, s>>>(p); break;
	case 1: work<1><<<2, 64, 0, s>>>(p); break;
	case 2: work<2><<<4, 128, 0, s>>>(p); break;
	default: work<3><<<1, 1, 0, s>>>(p); break;
	}
}

/* Share i of n things among t threads, so that the shares add up to n. */
static long share(long n, long t, long i)
{
	return n / t + (i < n % t);
}

static void body(long id)
{
	std::vector<cudaStream_t> s(share(streams, threads, id) ? share(streams, threads, id) : 1);
	long n_eager = share(eager, threads, id), n_copies = share(copies, threads, id);
	long n_sets = share(sets, threads, id), n_graphs = share(nodes / GRAPH_NODES, threads, id);
	time_t until = time(nullptr) + seconds;
	int *p, *q;

	for (auto &x : s)
		OK(cudaStreamCreateWithFlags(&x, cudaStreamNonBlocking));
	OK(cudaMalloc(&p, 4096));
	OK(cudaMallocHost(&q, 4096));
	if (n_graphs) {
		cudaGraph_t g;
		cudaGraphExec_t e;
		OK(cudaStreamBeginCapture(s[0], cudaStreamCaptureModeThreadLocal));
		for (int i = 0; i < GRAPH_NODES; i++)
			launch(i, s[0], p);
		OK(cudaStreamEndCapture(s[0], &g));
		OK(cudaGraphInstantiate(&e, g, 0));
		OK(cudaGraphDestroy(g));
		for (long i = 0; i < n_graphs; i++)
			OK(cudaGraphLaunch(e, s[i % s.size()]));
		for (auto &x : s)
			OK(cudaStreamSynchronize(x));
		OK(cudaGraphExecDestroy(e));
	}
	for (long i = 0; i < n_eager; i++) {
		long long t = now_ns();
		launch((int)i, s[i % s.size()], p);
		t = now_ns() - t;
		if (i >= 1000 && t > longest[id]) /* after the first use of every kernel and stream */
			longest[id] = t;
	}
	for (long i = 0; i < n_copies; i++)
		OK(cudaMemcpyAsync(i & 1 ? p : q, i & 1 ? q : p, 256, cudaMemcpyDefault, s[i % s.size()]));
	for (long i = 0; i < n_sets; i++)
		OK(cudaMemsetAsync(p, (int)i, 128, s[i % s.size()]));
	while (seconds && time(nullptr) < until) {
		for (int i = 0; i < 100; i++)
			launch(i, s[0], p);
		OK(cudaStreamSynchronize(s[0]));
		usleep(5000);
	}
	for (auto &x : s)
		OK(cudaStreamSynchronize(x));
	OK(cudaGetLastError());
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *o = argv[i], *v = i + 1 < argc ? argv[i + 1] : "";
		if (!strcmp(o, "--profile"))
			continue; /* the counts are known; nothing to profile */
		i++;
		if (!strcmp(o, "--eager")) eager = atol(v);
		else if (!strcmp(o, "--nodes")) nodes = atol(v);
		else if (!strcmp(o, "--threads")) threads = atol(v);
		else if (!strcmp(o, "--streams")) streams = atol(v);
		else if (!strcmp(o, "--copies")) copies = atol(v);
		else if (!strcmp(o, "--sets")) sets = atol(v);
		else if (!strcmp(o, "--seconds")) seconds = atol(v);
		else if (!strcmp(o, "--end")) ending = v;
		else {
			fprintf(stderr, "%s: unknown option %s\n", argv[0], o);
			return 2;
		}
	}
	if (threads < 1 || streams < 1)
		return 2;
	OK(cudaFree(nullptr));
	longest.resize(threads);
	std::vector<std::thread> t;
	for (long i = 1; i < threads; i++)
		t.emplace_back(body, i);
	body(0);
	for (auto &x : t)
		x.join();
	OK(cudaDeviceSynchronize());
	printf("{\"workload\": \"cuda_static\", \"kernels_expected\": %ld, \"eager\": %ld, \"graph_nodes\": %ld, "
	       "\"graph_launches\": %ld, \"memcpys\": %ld, \"memsets\": %ld}\n",
	       eager + nodes / GRAPH_NODES * GRAPH_NODES, eager, nodes / GRAPH_NODES * GRAPH_NODES,
	       nodes / GRAPH_NODES, copies, sets);
	fflush(stdout);
	fprintf(stderr, "longest launch call: %lld us\n", *std::max_element(longest.begin(), longest.end()) / 1000);
	if (!strcmp(ending, "_exit"))
		_exit(7);
	if (!strcmp(ending, "quick_exit"))
		quick_exit(7);
	if (!strcmp(ending, "abort")) {
		usleep(700000); /* longer than the tracer's flush period */
		abort();
	}
	if (!strcmp(ending, "thread")) {
		std::thread([] { exit(7); }).detach();
		pause();
	}
	return 0;
}
