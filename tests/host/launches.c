/*
 * usage: launches N THREADS STREAMS [graph K]
 *
 * Runs exactly N kernels, shared out over THREADS threads and STREAMS streams per
 * thread. With `graph K`, every thread replays a graph of K kernel nodes until its share
 * is used up and launches the rest eagerly. Prints what it did as one JSON object.
 */
#include "tests/host/host.h"

#include <pthread.h>

static const char usage[] = "launches N THREADS STREAMS [graph K]";
static const char ptx[] = PTX_HEAD PTX_NOP("launches_nop") PTX_FILL("launches_fill");

enum { THREADS_MAX = 1024, STREAMS_MAX = 64, FILL_VALUE = 0x5a5a5a5a };

static CUcontext context;
static CUfunction nop, fill;

struct worker {
	pthread_t thread;
	unsigned long share, eager, node_runs, graph_launches, nops, fills;
	int n_streams, graph_nodes;
	CUstream streams[STREAMS_MAX];
	CUdeviceptr out;
	CUdeviceptr fill_out;
	unsigned int fill_value;
	void *fill_params[2];
};

/* Even kernels do nothing, odd ones write. */
static void run_one(struct worker *w, unsigned long i, CUstream stream)
{
	if (i % 2)
		host_launch(fill, 1, stream, w->fill_params);
	else
		host_launch(nop, 1, stream, NULL);
}

static void count_one(struct worker *w, unsigned long i)
{
	if (i % 2)
		w->fills++;
	else
		w->nops++;
}

static void run_graphs(struct worker *w, unsigned long runs)
{
	CUgraphExec exec;
	CUgraph graph;

	CHECK(cuStreamBeginCapture(w->streams[0], CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
	for (int i = 0; i < w->graph_nodes; i++)
		run_one(w, (unsigned long)i, w->streams[0]);
	CHECK(cuStreamEndCapture(w->streams[0], &graph));
	CHECK(cuGraphInstantiate(&exec, graph, 0));
	for (unsigned long r = 0; r < runs; r++) {
		CHECK(cuGraphLaunch(exec, w->streams[r % (unsigned long)w->n_streams]));
		w->graph_launches++;
		for (int i = 0; i < w->graph_nodes; i++)
			count_one(w, (unsigned long)i);
	}
	w->node_runs = runs * (unsigned long)w->graph_nodes;
	for (int i = 0; i < w->n_streams; i++)
		CHECK(cuStreamSynchronize(w->streams[i]));
	CHECK(cuGraphExecDestroy(exec));
	CHECK(cuGraphDestroy(graph));
}

static void *run(void *arg)
{
	struct worker *w = arg;
	unsigned int got = 0;

	CHECK(cuCtxSetCurrent(context));
	CHECK(cuMemAlloc(&w->out, 32 * sizeof(unsigned int)));
	w->fill_out = w->out;
	w->fill_value = FILL_VALUE;
	w->fill_params[0] = &w->fill_out;
	w->fill_params[1] = &w->fill_value;
	for (int i = 0; i < w->n_streams; i++)
		CHECK(cuStreamCreate(&w->streams[i], CU_STREAM_NON_BLOCKING));
	if (w->graph_nodes)
		run_graphs(w, w->share / (unsigned long)w->graph_nodes);
	for (unsigned long i = w->node_runs; i < w->share; i++) {
		run_one(w, i, w->streams[i % (unsigned long)w->n_streams]);
		count_one(w, i);
		w->eager++;
	}
	for (int i = 0; i < w->n_streams; i++) {
		CHECK(cuStreamSynchronize(w->streams[i]));
		CHECK(cuStreamDestroy(w->streams[i]));
	}
	CHECK(cuMemcpyDtoH(&got, w->out, sizeof(got)));
	if (w->fills && !host_is_simulated())
		CHECK_TRUE(got == FILL_VALUE);
	CHECK(cuMemFree(w->out));
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned long n, eager = 0, node_runs = 0, graph_launches = 0, nops = 0, fills = 0;
	long n_threads, n_streams, nodes = 0;
	struct worker *workers;
	CUmodule module;

	if ((argc != 4 && argc != 6) || (argc == 6 && strcmp(argv[4], "graph"))) {
		fprintf(stderr, "usage: %s\n", usage);
		return 2;
	}
	n = (unsigned long)host_number(argv[1], 1, 1000000000, usage);
	n_threads = host_number(argv[2], 1, THREADS_MAX, usage);
	n_streams = host_number(argv[3], 1, STREAMS_MAX, usage);
	if (argc == 6)
		nodes = host_number(argv[5], 1, 100000, usage);
	context = host_context();
	CHECK(cuModuleLoadData(&module, ptx));
	CHECK(cuModuleGetFunction(&nop, module, "launches_nop"));
	CHECK(cuModuleGetFunction(&fill, module, "launches_fill"));
	workers = calloc((size_t)n_threads, sizeof(*workers));
	CHECK_TRUE(workers);
	for (long i = 0; i < n_threads; i++) {
		workers[i].share = n / (unsigned long)n_threads +
				   ((unsigned long)i < n % (unsigned long)n_threads);
		workers[i].n_streams = (int)n_streams;
		workers[i].graph_nodes = (int)nodes;
		CHECK_TRUE(!pthread_create(&workers[i].thread, NULL, run, &workers[i]));
	}
	for (long i = 0; i < n_threads; i++) {
		CHECK_TRUE(!pthread_join(workers[i].thread, NULL));
		eager += workers[i].eager;
		node_runs += workers[i].node_runs;
		graph_launches += workers[i].graph_launches;
		nops += workers[i].nops;
		fills += workers[i].fills;
	}
	CHECK(cuCtxSynchronize());
	CHECK(cuModuleUnload(module));
	CHECK_TRUE(nops + fills == n);
	printf("{\"kernels\":%lu,\"launches\":%lu,\"graph_launches\":%lu,\"node_runs\":%lu,"
	       "\"launches_nop\":%lu,\"launches_fill\":%lu,\"threads\":%ld,\"streams\":%ld,"
	       "\"graph_nodes\":%ld,\"memcpys\":%ld,\"modules\":1}\n",
	       n, eager, graph_launches, node_runs, nops, fills, n_threads, n_streams, nodes,
	       n_threads);
	free(workers);
	return 0;
}
