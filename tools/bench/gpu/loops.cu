/*
 * loops: loops that only launch, for the benchmark. Static cudart.
 *
 *   loops launch1 | launch8 | graph500 | loads CUBIN
 *
 * Says "ready"; then for each line "go N" on stdin it does N units and answers "ns UNIT_NS LONGEST_NS": mean wall time
 * of a unit, with one synchronisation at the end, and the longest single call. Ends at "end" or the end of stdin.
 * A unit: a launch; a launch (of all threads together); a graph node; a load, look-up and unload.
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

static void launches(long n, cudaStream_t s, long long *longest)
{
	for (long i = 0; i < n; i++) {
		long long t = now_ns();
		work<<<1, 32, 0, s>>>(nullptr);
		t = now_ns() - t;
		if (t > *longest)
			*longest = t;
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
	if (!strcmp(what, "graph500")) {
		cudaGraph_t g;
		OK(cudaStreamBeginCapture(stream[0], cudaStreamCaptureModeThreadLocal));
		for (int i = 0; i < NODES; i++)
			work<<<1, 32, 0, stream[0]>>>(nullptr);
		OK(cudaStreamEndCapture(stream[0], &g));
		OK(cudaGraphInstantiate(&exec, g, 0));
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
		long long longest[THREADS] = { 0 }, start = now_ns(), took;
		if (!strcmp(what, "launch8")) {
			std::vector<std::thread> t;
			for (int i = 0; i < THREADS; i++)
				t.emplace_back(launches, n / THREADS, stream[i], &longest[i]);
			for (auto &x : t)
				x.join();
			n = n / THREADS * THREADS;
		} else if (exec) {
			for (long i = 0; i < n / NODES; i++) {
				long long t = now_ns();
				OK(cudaGraphLaunch(exec, stream[0]));
				t = now_ns() - t;
				if (t > longest[0])
					longest[0] = t;
			}
			OK(cudaStreamSynchronize(stream[0]));
			n = n / NODES * NODES;
		} else if (!image.empty()) {
			for (long i = 0; i < n; i++) {
				CUmodule m;
				CUfunction f;
				long long t = now_ns();
				OK(cuModuleLoadData(&m, image.data()));
				OK(cuModuleGetFunction(&f, m, "work"));
				OK(cuModuleUnload(m));
				t = now_ns() - t;
				if (t > longest[0])
					longest[0] = t;
			}
		} else {
			launches(n, stream[0], &longest[0]);
		}
		took = now_ns() - start;
		for (int i = 1; i < THREADS; i++)
			if (longest[i] > longest[0])
				longest[0] = longest[i];
		printf("ns %.1f %lld\n", (double)took / (double)n, longest[0]);
		fflush(stdout);
	}
	return 0;
}
