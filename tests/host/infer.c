/*
 * usage: infer [EAGER_STEPS [GRAPH_STEPS]]
 *
 * Behaves like an inference server with a model of 12 layers: loads its code as PTX,
 * warms up, runs prefill passes of several prompt lengths, then decode steps, first one
 * launch at a time, then as the replay of a captured graph. Half-way through the graph
 * steps new code is compiled again and again, as a server with dynamic shapes does.
 * The kernels compute nothing; names, order and shapes are what matters. Prints what it
 * did as one JSON object.
 */
#include "tests/host/host.h"

#include <time.h>

enum {
	LAYERS = 12, HIDDEN = 4096, HEADS = 32, VOCABULARY = 128256,
	WARM_UPS = 3, PREFILLS = 6, CHURN = 4, TOKEN = 42,
};

static const int prompts[] = { 128, 512, 1024, 2048 };
enum { PROMPTS = sizeof(prompts) / sizeof(*prompts) };

enum layer_kernel {
	RMS_NORM, QKV_GEMM, ROPE_EMBED, PAGED_ATTENTION, OUT_PROJ_GEMM, GATE_UP_GEMM, SILU_MUL,
	DOWN_GEMM, LAYER_KERNELS
};

static const char *const layer_kernels[LAYER_KERNELS] = {
	"rms_norm", "qkv_gemm", "rope_embed", "paged_attention", "out_proj_gemm", "gate_up_gemm",
	"silu_mul", "down_gemm",
};

static CUfunction layer[LAYERS][LAYER_KERNELS];
static CUfunction embed_gather, final_norm, lm_head_gemm, argmax_sample;
static CUstream stream;
static CUdeviceptr token_out, prompt_in;
static unsigned int sampled;
static unsigned int token = TOKEN;
static void *sample_params[2] = { &token_out, &token };
static unsigned long eager_kernels, graph_kernels, memcpys, modules, syncs;

/* PTX with one empty kernel per name; the note makes the text, hence the code, its own. */
static CUmodule load(const char *note, const char *const *names, int n)
{
	char text[8192];
	size_t at = (size_t)snprintf(text, sizeof(text), "// %s\n" PTX_HEAD, note);
	CUmodule module;

	for (int i = 0; i < n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, PTX_NOP("%s"), names[i]);
	CHECK_TRUE(at < sizeof(text));
	CHECK(cuModuleLoadData(&module, text));
	modules++;
	return module;
}

static void load_model(void)
{
	static const char *const edge_names[] = { "embed_gather", "final_norm", "lm_head_gemm" };
	CUmodule edge, sampler;
	char note[64];

	edge = load("model edge", edge_names, 3);
	CHECK(cuModuleGetFunction(&embed_gather, edge, "embed_gather"));
	CHECK(cuModuleGetFunction(&final_norm, edge, "final_norm"));
	CHECK(cuModuleGetFunction(&lm_head_gemm, edge, "lm_head_gemm"));
	CHECK(cuModuleLoadData(&sampler, PTX_HEAD PTX_FILL("argmax_sample")));
	modules++;
	CHECK(cuModuleGetFunction(&argmax_sample, sampler, "argmax_sample"));
	for (int l = 0; l < LAYERS; l++) {
		CUmodule m;

		snprintf(note, sizeof(note), "layer %d", l);
		m = load(note, layer_kernels, LAYER_KERNELS);
		for (int k = 0; k < LAYER_KERNELS; k++)
			CHECK(cuModuleGetFunction(&layer[l][k], m, layer_kernels[k]));
	}
}

static void launch(CUfunction f, unsigned int x, unsigned int y, void **params)
{
	CHECK(cuLaunchKernel(f, x, y, 1, 128, 1, 1, 0, stream, params, NULL));
}

/* One forward pass over `tokens` positions; returns how many kernels it launched. */
static unsigned int forward(int tokens)
{
	unsigned int t = (unsigned int)tokens, tiles = (t + 127) / 128, n = 0;

	launch(embed_gather, t, 1, NULL);
	for (int l = 0; l < LAYERS; l++) {
		launch(layer[l][RMS_NORM], t, 1, NULL);
		launch(layer[l][QKV_GEMM], 3 * HIDDEN / 128, tiles, NULL);
		launch(layer[l][ROPE_EMBED], t, 2, NULL);
		launch(layer[l][PAGED_ATTENTION], HEADS, t, NULL);
		launch(layer[l][OUT_PROJ_GEMM], HIDDEN / 128, tiles, NULL);
		launch(layer[l][GATE_UP_GEMM], 7 * HIDDEN / 128, tiles, NULL);
		launch(layer[l][SILU_MUL], t, 4, NULL);
		launch(layer[l][DOWN_GEMM], HIDDEN / 128, tiles, NULL);
		n += LAYER_KERNELS;
	}
	launch(final_norm, t, 1, NULL);
	launch(lm_head_gemm, VOCABULARY / 128, 1, NULL);
	CHECK(cuLaunchKernel(argmax_sample, 1, 1, 1, 1, 1, 1, 0, stream, sample_params, NULL));
	return n + 4;
}

/* What ends every pass: the sampled token comes back to the host. */
static void finish_pass(void)
{
	CHECK(cuMemcpyDtoHAsync(&sampled, token_out, sizeof(sampled), stream));
	CHECK(cuStreamSynchronize(stream));
	memcpys++;
	syncs++;
	if (!host_is_simulated())
		CHECK_TRUE(sampled == TOKEN);
}

/* What the server does between passes: scheduling, detokenising, the network. */
static void pause_us(long us)
{
	struct timespec t = { 0, us * 1000 };

	nanosleep(&t, NULL);
}

static void prefill(int tokens)
{
	static int ids[4096];

	CHECK(cuMemcpyHtoDAsync(prompt_in, ids, (size_t)tokens * sizeof(*ids), stream));
	memcpys++;
	eager_kernels += forward(tokens);
	finish_pass();
}

/* New code in the middle of serving: a kernel for a shape that was not seen before. */
static void churn(int round)
{
	static const char *const names[] = { "grammar_mask" };
	CUfunction f;
	CUmodule m;
	char note[64];

	snprintf(note, sizeof(note), "grammar mask for shape %d", round);
	m = load(note, names, 1);
	CHECK(cuModuleGetFunction(&f, m, "grammar_mask"));
	launch(f, VOCABULARY / 128, 1, NULL);
	eager_kernels++;
	CHECK(cuStreamSynchronize(stream));
	syncs++;
	CHECK(cuModuleUnload(m));
}

static unsigned long decode_graph(unsigned long steps)
{
	unsigned long launches = 0, every = steps / (2 * CHURN) + 1;
	unsigned int per_replay;
	CUgraphExec exec;
	CUgraph graph;
	int round = 0;

	CHECK(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
	per_replay = forward(1);
	CHECK(cuStreamEndCapture(stream, &graph));
	CHECK(cuGraphInstantiate(&exec, graph, 0));
	for (unsigned long i = 0; i < steps; i++) {
		if (i >= steps / 2 && round < CHURN && (i - steps / 2) % every == 0)
			churn(round++);
		CHECK(cuGraphLaunch(exec, stream));
		launches++;
		graph_kernels += per_replay;
		finish_pass();
		pause_us(1000);
	}
	CHECK(cuGraphExecDestroy(exec));
	CHECK(cuGraphDestroy(graph));
	return launches;
}

int main(int argc, char **argv)
{
	static const char usage[] = "infer [EAGER_STEPS [GRAPH_STEPS]]";
	unsigned long eager_steps = 192, graph_steps = 768, launches;

	if (argc > 1)
		eager_steps = (unsigned long)host_number(argv[1], 0, 1000000, usage);
	if (argc > 2)
		graph_steps = (unsigned long)host_number(argv[2], 0, 1000000, usage);
	(void)host_context();
	CHECK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
	CHECK(cuMemAlloc(&token_out, 128 * sizeof(unsigned int)));
	CHECK(cuMemAlloc(&prompt_in, 4096 * sizeof(int)));
	load_model();
	for (int i = 0; i < WARM_UPS; i++)
		prefill(prompts[0]);
	for (int i = 0; i < PREFILLS; i++)
		for (int p = 0; p < PROMPTS; p++) {
			prefill(prompts[p]);
			pause_us(4000);
		}
	for (unsigned long i = 0; i < eager_steps; i++) {
		eager_kernels += forward(1);
		finish_pass();
		pause_us(1000);
	}
	launches = decode_graph(graph_steps);
	CHECK(cuStreamDestroy(stream));
	CHECK(cuMemFree(token_out));
	CHECK(cuMemFree(prompt_in));
	printf("{\"layers\":%d,\"modules\":%lu,\"warm_up_passes\":%d,\"prefill_passes\":%d,"
	       "\"prompt_lengths\":[128,512,1024,2048],\"decode_eager_steps\":%lu,"
	       "\"decode_graph_steps\":%lu,\"kernels_per_pass\":%d,\"eager_kernels\":%lu,"
	       "\"graph_launches\":%lu,\"graph_kernels\":%lu,\"memcpys\":%lu,"
	       "\"stream_syncs\":%lu}\n",
	       LAYERS, modules, WARM_UPS, PREFILLS * PROMPTS, eager_steps, graph_steps,
	       LAYERS * LAYER_KERNELS + 4, eager_kernels, launches, graph_kernels, memcpys, syncs);
	return 0;
}
