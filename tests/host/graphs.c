/*
 * usage: graphs
 *
 * Executable graphs and what can happen to them: replay, an update that exchanges a
 * kernel, new parameters for one node (one kernel a hundred times), a refused update, a child graph with a copy and a
 * set, a capture over two streams, one of the thread's own stream, one that is
 * invalidated, destruction. Prints the truth as one JSON object: for every executable graph
 * and version of it, its kernels and how often it ran; the nodes of each capture.
 */
#include "tests/host/host.h"

enum { WORDS = 1024 };

static CUfunction a, b, c, d;
static CUstream stream;
static unsigned long launches, kernels, memcpys, memsets, instantiations, updates;
static int printed;

static CUDA_KERNEL_NODE_PARAMS params_of(CUfunction f)
{
	return (CUDA_KERNEL_NODE_PARAMS){
		.func = f, .gridDimX = 1, .gridDimY = 1, .gridDimZ = 1,
		.blockDimX = 32, .blockDimY = 1, .blockDimZ = 1,
	};
}

/* first -> second -> third; returns the graph, *ret is the second node. */
static CUgraph chain(CUfunction first, CUfunction second, CUfunction third, CUgraphNode *ret)
{
	CUDA_KERNEL_NODE_PARAMS p;
	CUgraphNode n[3];
	CUgraph g;

	CHECK(cuGraphCreate(&g, 0));
	p = params_of(first);
	CHECK(cuGraphAddKernelNode(&n[0], g, NULL, 0, &p));
	p = params_of(second);
	CHECK(cuGraphAddKernelNode(&n[1], g, &n[0], 1, &p));
	p = params_of(third);
	CHECK(cuGraphAddKernelNode(&n[2], g, &n[1], 1, &p));
	if (ret)
		*ret = n[1];
	return g;
}

static CUgraphExec instantiate(CUgraph g)
{
	CUgraphExec e;

	CHECK(cuGraphInstantiate(&e, g, 0));
	instantiations++;
	return e;
}

static void replay(CUgraphExec e, int n, unsigned int n_kernels, const char *name, int version,
		   const char *truth)
{
	for (int i = 0; i < n; i++)
		CHECK(cuGraphLaunch(e, stream));
	CHECK(cuStreamSynchronize(stream));
	launches += (unsigned long)n;
	kernels += (unsigned long)n * n_kernels;
	printf("%s{\"exec\":\"%s\",\"version\":%d,\"launches\":%d,\"kernels\":{%s}}",
	       printed++ ? "," : "", name, version, n, truth);
}

static void run_chain(void)
{
	CUgraphNode second;
	CUgraph g = chain(a, b, b, &second), changed = chain(c, b, b, NULL), other;
	CUgraphExecUpdateResultInfo info;
	CUDA_KERNEL_NODE_PARAMS p = params_of(d);
	CUgraphExec e = instantiate(g);

	replay(e, 10, 3, "chain", 1, "\"graphs_a\":1,\"graphs_b\":2");
	CHECK(cuGraphExecUpdate(e, changed, &info));
	CHECK_TRUE(info.result == CU_GRAPH_EXEC_UPDATE_SUCCESS);
	updates++;
	replay(e, 5, 3, "chain", 2, "\"graphs_b\":2,\"graphs_c\":1");
	CHECK(cuGraphExecKernelNodeSetParams(e, second, &p));
	updates++;
	replay(e, 3, 3, "chain", 3, "\"graphs_b\":1,\"graphs_c\":1,\"graphs_d\":1");

	for (int i = 0; i < 100; i++) /* the kernel that it has, as XLA does before each replay */
		CHECK(cuGraphExecKernelNodeSetParams(e, second, &p));
	updates += 100;
	replay(e, 1, 3, "chain", 103, "\"graphs_b\":1,\"graphs_c\":1,\"graphs_d\":1");

	/* Another shape is refused, and the executable graph stays what it was. */
	CHECK(cuGraphCreate(&other, 0));
	p = params_of(a);
	CHECK(cuGraphAddKernelNode(&second, other, NULL, 0, &p));
	CHECK_TRUE(cuGraphExecUpdate(e, other, &info) == CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE);
	CHECK_TRUE(info.result == CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED);
	replay(e, 1, 3, "chain", 103, "\"graphs_b\":1,\"graphs_c\":1,\"graphs_d\":1");
	CHECK(cuGraphExecDestroy(e));
	e = instantiate(other);
	replay(e, 2, 1, "single", 1, "\"graphs_a\":1");
	CHECK(cuGraphExecDestroy(e));
	CHECK(cuGraphDestroy(g));
	CHECK(cuGraphDestroy(changed));
	CHECK(cuGraphDestroy(other));
}

/* set -> copy -> child graph (a -> c -> d) -> b */
static void run_child(CUcontext ctx)
{
	static unsigned int host[WORDS];
	CUgraph g, child = chain(a, c, d, NULL), inner;
	CUDA_KERNEL_NODE_PARAMS p = params_of(b);
	CUgraphNode set, copy, sub, last, nodes[8];
	CUgraphNodeType type;
	CUgraphExec e;
	CUdeviceptr memory;
	size_t n = 8;

	CHECK(cuMemAlloc(&memory, sizeof(host)));
	CHECK(cuGraphCreate(&g, 0));
	CUDA_MEMSET_NODE_PARAMS s = {
		.dst = memory, .value = 0x01020304, .elementSize = 4, .width = WORDS, .height = 1,
	};
	CHECK(cuGraphAddMemsetNode(&set, g, NULL, 0, &s, ctx));
	CUDA_MEMCPY3D m = {
		.srcMemoryType = CU_MEMORYTYPE_DEVICE, .srcDevice = memory,
		.dstMemoryType = CU_MEMORYTYPE_HOST, .dstHost = host,
		.srcPitch = sizeof(host), .dstPitch = sizeof(host), .srcHeight = 1, .dstHeight = 1,
		.WidthInBytes = sizeof(host), .Height = 1, .Depth = 1,
	};
	CHECK(cuGraphAddMemcpyNode(&copy, g, &set, 1, &m, ctx));
	CHECK(cuGraphAddChildGraphNode(&sub, g, &copy, 1, child));
	CHECK(cuGraphAddKernelNode(&last, g, NULL, 0, &p));
	CHECK(cuGraphAddDependencies(g, &sub, &last, NULL, 1));
	CHECK(cuGraphGetNodes(g, nodes, &n));
	CHECK_TRUE(n == 4);
	CHECK(cuGraphNodeGetType(sub, &type));
	CHECK_TRUE(type == CU_GRAPH_NODE_TYPE_GRAPH);
	CHECK(cuGraphChildGraphNodeGetGraph(sub, &inner));
	CHECK(cuGraphGetNodes(inner, NULL, &n));
	CHECK_TRUE(n == 3);
	e = instantiate(g);
	replay(e, 4, 4, "child", 1,
	       "\"graphs_a\":1,\"graphs_b\":1,\"graphs_c\":1,\"graphs_d\":1");
	memcpys += 4;
	memsets += 4;
	CHECK_TRUE(host[0] == 0x01020304 && host[WORDS - 1] == 0x01020304);
	CHECK(cuGraphExecDestroy(e));
	CHECK(cuGraphDestroy(g));
	CHECK(cuGraphDestroy(child));
	CHECK(cuMemFree(memory));
}

/* a on one stream, then b there and c on another, then d joined again. */
static void run_capture(void)
{
	CUstreamCaptureStatus status;
	CUevent fork, join;
	CUstream side;
	CUgraphExec e;
	CUgraph g;

	CHECK(cuStreamCreate(&side, CU_STREAM_NON_BLOCKING));
	CHECK(cuEventCreate(&fork, CU_EVENT_DISABLE_TIMING));
	CHECK(cuEventCreate(&join, CU_EVENT_DISABLE_TIMING));
	CHECK(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
	host_launch(a, 1, stream, NULL);
	CHECK(cuEventRecord(fork, stream));
	CHECK(cuStreamWaitEvent(side, fork, 0));
	host_launch(b, 1, stream, NULL);
	host_launch(c, 1, side, NULL);
	CHECK(cuStreamIsCapturing(side, &status));
	CHECK_TRUE(status == CU_STREAM_CAPTURE_STATUS_ACTIVE);
	CHECK(cuEventRecord(join, side));
	CHECK(cuStreamWaitEvent(stream, join, 0));
	host_launch(d, 1, stream, NULL);
	CHECK(cuStreamEndCapture(stream, &g));
	CHECK(cuStreamIsCapturing(stream, &status));
	CHECK_TRUE(status == CU_STREAM_CAPTURE_STATUS_NONE);
	e = instantiate(g);
	CHECK(cuGraphUpload(e, stream));
	replay(e, 6, 4, "capture", 1,
	       "\"graphs_a\":1,\"graphs_b\":1,\"graphs_c\":1,\"graphs_d\":1");
	CHECK(cuGraphExecDestroy(e));
	CHECK(cuGraphDestroy(g));
	CHECK(cuEventDestroy(fork));
	CHECK(cuEventDestroy(join));
	CHECK(cuStreamDestroy(side));
}

/* Two kernels and a set, into a graph that has a kernel already; never instantiated. */
static void run_capture_to_graph(void)
{
	CUDA_KERNEL_NODE_PARAMS p = params_of(a);
	CUdeviceptr memory;
	CUgraphNode first;
	CUgraph g, same;

	CHECK(cuMemAlloc(&memory, 256));
	CHECK(cuGraphCreate(&g, 0));
	CHECK(cuGraphAddKernelNode(&first, g, NULL, 0, &p));
	CHECK(cuStreamBeginCaptureToGraph(CU_STREAM_PER_THREAD, g, &first, NULL, 1,
					  CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
	host_launch(b, 1, CU_STREAM_PER_THREAD, NULL);
	CHECK(cuMemsetD8Async(memory, 0, 256, CU_STREAM_PER_THREAD));
	host_launch(c, 1, CU_STREAM_PER_THREAD, NULL);
	CHECK(cuStreamEndCapture(CU_STREAM_PER_THREAD, &same));
	CHECK_TRUE(same == g);
	CHECK(cuGraphDestroy(g));
	CHECK(cuMemFree(memory));
}

/* Waiting for a stream that is captured is forbidden, and ends the capture's use. */
static void run_invalid_capture(void)
{
	CUgraph g = NULL;

	CHECK(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
	host_launch(a, 1, stream, NULL);
	CHECK_TRUE(cuStreamSynchronize(stream) == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
	CHECK_TRUE(cuStreamEndCapture(stream, &g) == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
	CHECK_TRUE(!g);
}

int main(void)
{
	static const char ptx[] = PTX_HEAD PTX_NOP("graphs_a") PTX_NOP("graphs_b")
		PTX_NOP("graphs_c") PTX_NOP("graphs_d");
	CUcontext ctx = host_context();
	CUmodule module;

	CHECK(cuModuleLoadData(&module, ptx));
	CHECK(cuModuleGetFunction(&a, module, "graphs_a"));
	CHECK(cuModuleGetFunction(&b, module, "graphs_b"));
	CHECK(cuModuleGetFunction(&c, module, "graphs_c"));
	CHECK(cuModuleGetFunction(&d, module, "graphs_d"));
	CHECK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
	printf("{\"execs\":[");
	run_chain();
	run_child(ctx);
	run_capture();
	run_capture_to_graph();
	run_invalid_capture();
	printf("],\"captures\":[[4,4],[4,3]],\"failed_captures\":1,");
	printf("\"graph_launches\":%lu,\"kernels\":%lu,\"memcpys\":%lu,\"memsets\":%lu,"
	       "\"instantiations\":%lu,\"updates\":%lu,\"modules\":1}\n", launches, kernels,
	       memcpys, memsets, instantiations, updates);
	CHECK(cuStreamDestroy(stream));
	CHECK(cuModuleUnload(module));
	return 0;
}
