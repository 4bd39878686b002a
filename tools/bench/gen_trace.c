/*
 * gen_trace LAUNCHES DIR [SEED]: writes DIR/gen.jnt, the trace of a server that answers requests with
 * a small transformer, through the tracer's own writer, and DIR/truth.json, what is in it. LAUNCHES
 * (100,000,000 are two hours of it) are kernel launches and graph replays together; nothing but
 * SEED (1) chooses the rest.
 *
 * A request is a prompt of one of five lengths: one prefill pass, then 32 to 160 decode steps. A
 * pass is LAYERS times the same kernels between an embedding and a head; in decode steps the grids
 * of attention grow with the cache. One request of four decodes by replaying a graph. Each pass ends
 * with a copy of one token to the host, which waits for it. Libraries are loaded at the start; a
 * kernel is compiled anew every EPISODE launches. Host and GPU times are what a launch-bound
 * PyTorch server has on an H100: GPU clock ticks of 32 ns, correlation ids that skip the calls which
 * are not recorded, GPU records that come in a lump every 200 ms.
 *
 * Exit: 0, 1 with a sentence on stderr. Built by `make bench`; not installed.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace/err.h"
#include "trace/event.h"
#include "trace/writer.h"

#define LAYERS     8
#define GRAPH_ID   7001u
#define EPISODE    5000000u /* launches from one recompile to the next */
#define FLUSH_NS   200000000u
#define WAITING    16384u /* GPU records between two flushes: as many as two CUPTI buffers hold */
#define TICK_NS    32u
#define START_NS   1763849000000000000u
#define MONO_NS    431724088591u
#define TID        7001u
#define TID_WRITER 7003u
#define STREAM     7u

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* How a grid follows from the pass. */
enum grid { GRID_FIXED, GRID_ROWS, GRID_CACHE };

struct op {
	const char *name;
	uint8_t grid;      /* enum grid */
	uint16_t blocks;   /* fixed, or for each row, or for each 64 rows of the cache */
	uint16_t threads;
	uint16_t registers;
	uint32_t shared;   /* dynamic, bytes */
	uint32_t ns;       /* for one row */
	uint32_t row_ns;   /* and for each more */
	uint8_t skip;      /* correlation ids up to the next launch */
};

#define NATIVE "_ZN2at6native"
static const struct op prologue[] = {
	{ "_ZN50_GLOBAL__N__fa15d16e_17_RangeFactories_cu_38772b0829elementwise_kernel_with_indexIiEEvT_",
	  GRID_ROWS, 1, 64, 16, 0, 960, 0, 12 },
	{ NATIVE "44_GLOBAL__N__50c743a2_11_Indexing_cu_89862edb21indexSelectSmallIndexIN3c104HalfEljEEvv",
	  GRID_ROWS, 6, 128, 32, 0, 6900, 2, 18 },
	{ NATIVE "29vectorized_elementwise_kernelILi8ENS0_15CUDAFunctor_addIN3c104HalfEEESt5arrayIPcLm3EEEEviT0_T1_",
	  GRID_ROWS, 1, 128, 34, 0, 1500, 1, 14 },
};
static const struct op layer_decode[] = {
	{ NATIVE "53_GLOBAL__N__21739cd4_28vectorized_layer_norm_kernelIN3c104HalfEfLb0EEEviT0_PKT_",
	  GRID_ROWS, 1, 128, 32, 24, 3200, 8, 11 },
	{ "nvjet_sm90_hsh_64x8_64x16_4x2_h_bz_bias_TNT", GRID_FIXED, 36, 384, 168, 164308, 41000, 0, 9 },
	{ NATIVE "49_GLOBAL__N__9a2cf3fb_8_Shape_cu_49f7391c35CatArrayBatchedCopy_alignedK_contigINS1_10OpaqueTypeILj2EEEEEvv",
	  GRID_CACHE, 2, 256, 40, 0, 2600, 1, 16 },
	{ "_ZN5flash24flash_fwd_splitkv_kernelI23Flash_fwd_kernel_traitsILi64ELi64ELi256EEEEvNS_16Flash_fwd_paramsE",
	  GRID_CACHE, 12, 128, 255, 81920, 61000, 12, 13 },
	{ "_ZN5flash32flash_fwd_splitkv_combine_kernelI23Flash_fwd_kernel_traitsILi64EEEEvNS_16Flash_fwd_paramsE",
	  GRID_FIXED, 3, 128, 64, 0, 4100, 0, 9 },
	{ "nvjet_sm90_hsh_64x8_64x16_4x2_h_bz_NNT", GRID_FIXED, 24, 384, 168, 164308, 37000, 0, 10 },
	{ NATIVE "29vectorized_elementwise_kernelILi4ENS0_15CUDAFunctor_addIN3c104HalfEEESt5arrayIPcLm3EEEEviT0_T1_",
	  GRID_ROWS, 1, 128, 34, 0, 1500, 1, 11 },
	{ "nvjet_sm90_hsh_64x8_64x16_2x4_h_bz_bias_TNT", GRID_FIXED, 48, 384, 168, 164308, 68000, 0, 12 },
	{ "triton_poi_fused_gelu_0", GRID_ROWS, 2, 128, 22, 0, 1900, 2, 10 },
};
static const struct op layer_prefill[] = {
	{ NATIVE "53_GLOBAL__N__21739cd4_28vectorized_layer_norm_kernelIN3c104HalfEfLb0EEEviT0_PKT_",
	  GRID_ROWS, 1, 128, 32, 24, 3200, 8, 11 },
	{ "nvjet_sm90_hsh_128x256_64x4_2x1_v_bz_coopA_bias_TNT", GRID_ROWS, 3, 384, 168, 213460, 70000, 310, 9 },
	{ NATIVE "49_GLOBAL__N__9a2cf3fb_8_Shape_cu_49f7391c35CatArrayBatchedCopy_alignedK_contigINS1_10OpaqueTypeILj2EEEEEvv",
	  GRID_ROWS, 2, 256, 40, 0, 2600, 9, 16 },
	{ "_ZN5flash16flash_fwd_kernelI23Flash_fwd_kernel_traitsILi64ELi128ELi128EEEEvNS_16Flash_fwd_paramsE",
	  GRID_ROWS, 12, 128, 255, 49152, 55000, 240, 13 },
	{ "nvjet_sm90_hsh_128x256_64x4_2x1_v_bz_coopA_NNT", GRID_ROWS, 1, 384, 168, 213460, 52000, 130, 10 },
	{ NATIVE "29vectorized_elementwise_kernelILi4ENS0_15CUDAFunctor_addIN3c104HalfEEESt5arrayIPcLm3EEEEviT0_T1_",
	  GRID_ROWS, 1, 128, 34, 0, 1500, 4, 11 },
	{ "nvjet_sm90_hsh_256x128_64x4_1x2_h_bz_coopA_bias_TNT", GRID_ROWS, 4, 384, 168, 213460, 90000, 420, 12 },
	{ "triton_poi_fused_gelu_0", GRID_ROWS, 2, 128, 22, 0, 1900, 12, 10 },
};
static const struct op epilogue[] = {
	{ NATIVE "53_GLOBAL__N__21739cd4_28vectorized_layer_norm_kernelIN3c104HalfEfLb0EEEviT0_PKT_",
	  GRID_ROWS, 1, 128, 32, 24, 3200, 8, 11 },
	{ "nvjet_sm90_hsh_64x16_64x16_4x1_v_bz_TNN", GRID_FIXED, 786, 384, 168, 164308, 96000, 0, 14 },
};
/* What chooses the token; eager after a replay, too. */
static const struct op sampling[] = {
	{ NATIVE "13reduce_kernelILi512ELi1ENS0_8ReduceOpIN3c104HalfENS0_9ArgMaxOpsIfEEjlLi4EEEEEvT1_",
	  GRID_FIXED, 1, 512, 48, 4112, 21000, 0, 15 },
	{ NATIVE "29vectorized_elementwise_kernelILi2ENS0_21CUDAFunctorOnSelf_addIlEESt5arrayIPcLm2EEEEviT0_T1_",
	  GRID_FIXED, 1, 128, 38, 0, 1200, 0, 13 },
	{ NATIVE "29vectorized_elementwise_kernelILi8ENS0_11FillFunctorIlEESt5arrayIPcLm1EEEEviT0_T1_", GRID_FIXED, 1,
	  256, 20, 0, 1100, 0, 12 },
};

/* All of a pass. */
struct pass_plan {
	const struct op *op[16 + LAYERS * 9];
	uint64_t string[16 + LAYERS * 9];
	unsigned n;
};

struct gpu_row {
	uint64_t f[KERNEL_N];
	uint8_t kind, n;
};

struct gen {
	struct writer *w;
	uint64_t random;
	uint64_t host, gpu; /* realtime: where the thread is; when the stream is free */
	uint64_t corr, flushed;
	uint64_t strings, modules, gelu; /* gelu: string of the kernel that is compiled anew */
	const char *names[256];
	uint64_t launches, kernels, graph_runs, rows, requests, prefills, eager_steps, graph_steps;
	uint64_t episodes;
	struct pass_plan prefill, decode, sample;
	struct gpu_row waiting[WAITING];
	unsigned n_waiting;
};

static uint64_t rnd(struct gen *g, uint64_t below)
{
	g->random ^= g->random << 13;
	g->random ^= g->random >> 7;
	g->random ^= g->random << 17;
	return (g->random >> 11) % below;
}

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "gen_trace: %s: %s\n", what, why);
	exit(1);
}

static void add_blob(struct gen *g, uint32_t tid, enum event_kind kind, const uint64_t *f, unsigned n,
		     const void *blob, size_t len)
{
	int err = writer_add(g->w, tid, kind, f, n, blob, len);

	if (err)
		die("cannot write", trace_strerror(err));
	g->rows++;
}

static void add(struct gen *g, uint32_t tid, enum event_kind kind, const uint64_t *f, unsigned n)
{
	add_blob(g, tid, kind, f, n, NULL, 0);
}

static void add_info(struct gen *g, const char *key, const char *value)
{
	const uint64_t f[INFO_N] = { g->host };
	char pair[256];
	int n = snprintf(pair, sizeof(pair), "%s%c%s", key, 0, value);

	add_blob(g, TID, EVENT_INFO, f, INFO_N, pair, (size_t)n);
}

/* Its number; the text of a new one is written. */
static uint64_t string_of(struct gen *g, const char *text)
{
	for (uint64_t i = 0; i < g->strings && i < COUNT(g->names); i++)
		if (!strcmp(g->names[i], text))
			return i + 1;
	if (g->strings < COUNT(g->names))
		g->names[g->strings] = strdup(text);
	g->strings++;
	add_blob(g, TID_WRITER, EVENT_STRING, &g->strings, STRING_N, text, strlen(text));
	return g->strings;
}

/* --- the GPU's records */

static void flush(struct gen *g)
{
	const uint64_t clock[CLOCK_N] = { g->host, g->host - START_NS + MONO_NS, g->host + 900 };

	for (unsigned i = 0; i < g->n_waiting; i++)
		add(g, TID_WRITER, g->waiting[i].kind, g->waiting[i].f, g->waiting[i].n);
	g->n_waiting = 0;
	add(g, TID_WRITER + 1, EVENT_CLOCK, clock, CLOCK_N);
	g->flushed = g->host;
}

static struct gpu_row *wait_row(struct gen *g, enum event_kind kind, unsigned n)
{
	struct gpu_row *r;

	if (g->n_waiting == WAITING || g->host - g->flushed >= FLUSH_NS)
		flush(g);
	r = &g->waiting[g->n_waiting++];
	memset(r->f, 0, sizeof(r->f));
	r->kind = (uint8_t)kind;
	r->n = (uint8_t)n;
	return r;
}

/* Work of about ns: in the order of the stream, and not before the host has asked for it. */
static void run(struct gen *g, uint64_t ns, uint64_t *ret_start, uint64_t *ret_end)
{
	uint64_t ready = g->host + 3500 + rnd(g, 900), free = g->gpu + 700 + rnd(g, 8) * TICK_NS;
	uint64_t start = ready > free ? ready : free;

	ns += rnd(g, ns / 24 + 3 * TICK_NS);
	*ret_start = start - start % TICK_NS;
	*ret_end = *ret_start + ns - ns % TICK_NS + TICK_NS;
	g->gpu = *ret_end;
}

/* --- the host's calls */

/* One launch call; the interpreter works before it. */
static void call(struct gen *g, enum api_id api, unsigned skip)
{
	uint64_t before = 3800 + rnd(g, 2600), in = 1900 + rnd(g, 500);

	if (!rnd(g, 4000)) /* a collection, an interrupt */
		before += 20000 + rnd(g, 300000);
	g->host += before;
	g->corr += skip;
	add(g, TID, EVENT_LAUNCH,
	    (const uint64_t[LAUNCH_N]){ g->host, g->host + in, g->corr, api, 0 }, LAUNCH_N);
	g->host += in;
	g->launches++;
}

static void launch(struct gen *g, const struct op *op, uint64_t string, uint32_t rows, uint32_t cache)
{
	uint32_t work = op->grid == GRID_CACHE ? cache : rows;
	uint32_t blocks = op->blocks;
	struct gpu_row *r;

	if (op->grid == GRID_ROWS)
		blocks *= (rows + 7) / 8;
	else if (op->grid == GRID_CACHE)
		blocks *= (cache + 63) / 64;
	call(g, op->registers > 100 ? API_CU_LAUNCH_KERNEL_EX : API_CU_LAUNCH_KERNEL, op->skip);
	r = wait_row(g, EVENT_KERNEL, KERNEL_N);
	run(g, op->ns + (uint64_t)op->row_ns * (work - 1), &r->f[KERNEL_START], &r->f[KERNEL_END]);
	r->f[KERNEL_CORR] = g->corr;
	r->f[KERNEL_NAME] = string;
	r->f[KERNEL_CONTEXT] = 1;
	r->f[KERNEL_STREAM] = STREAM;
	r->f[KERNEL_GRID_X] = blocks;
	r->f[KERNEL_GRID_Y] = r->f[KERNEL_GRID_Z] = 1;
	r->f[KERNEL_BLOCK_X] = op->threads;
	r->f[KERNEL_BLOCK_Y] = r->f[KERNEL_BLOCK_Z] = 1;
	r->f[KERNEL_DYNAMIC_SHARED] = op->shared;
	r->f[KERNEL_REGISTERS] = op->registers;
	g->kernels++;
}

static void replay(struct gen *g, uint32_t cache)
{
	struct gpu_row *r;

	call(g, API_CU_GRAPH_LAUNCH, 8);
	r = wait_row(g, EVENT_GRAPH_RUN, GRAPH_RUN_N);
	run(g, 1900000 + 90ull * cache, &r->f[GRAPH_RUN_START], &r->f[GRAPH_RUN_END]);
	r->f[GRAPH_RUN_CORR] = g->corr;
	r->f[GRAPH_RUN_GRAPH] = GRAPH_ID;
	r->f[GRAPH_RUN_CONTEXT] = 1;
	r->f[GRAPH_RUN_STREAM] = STREAM;
	g->graph_runs++;
}

static void copy(struct gen *g, enum copy_kind kind, uint64_t bytes)
{
	struct gpu_row *r;

	g->host += 6000 + rnd(g, 2500);
	g->corr += 17;
	r = wait_row(g, EVENT_MEMCPY, MEMCPY_N);
	run(g, 900 + bytes / 20, &r->f[MEMCPY_START], &r->f[MEMCPY_END]);
	r->f[MEMCPY_CORR] = g->corr;
	r->f[MEMCPY_BYTES] = bytes;
	r->f[MEMCPY_COPY_KIND] = kind;
	r->f[MEMCPY_SRC_KIND] = kind == COPY_HTOD ? 1 : 3;
	r->f[MEMCPY_DST_KIND] = kind == COPY_HTOD ? 3 : 1;
	r->f[MEMCPY_CONTEXT] = 1;
	r->f[MEMCPY_STREAM] = STREAM;
}

static void wait_stream(struct gen *g)
{
	struct gpu_row *r = wait_row(g, EVENT_SYNC, SYNC_N);
	uint64_t start = g->host + 700, end = g->gpu > start ? g->gpu + 2500 : start + 1500;

	r->f[SYNC_START] = start;
	r->f[SYNC_END] = end;
	r->f[SYNC_CORR] = ++g->corr;
	r->f[SYNC_TYPE] = SYNC_OF_STREAM;
	r->f[SYNC_CONTEXT] = 1;
	r->f[SYNC_STREAM] = STREAM;
	g->host = end + 1200 + rnd(g, 400);
}

/* --- passes */

static void plan_add(struct gen *g, struct pass_plan *p, const struct op *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		p->string[p->n] = string_of(g, list[i].name);
		p->op[p->n++] = &list[i];
	}
}

static void plan_run(struct gen *g, const struct pass_plan *p, uint32_t rows, uint32_t cache)
{
	uint64_t old = string_of(g, "triton_poi_fused_gelu_0");

	for (unsigned i = 0; i < p->n; i++)
		launch(g, p->op[i], p->string[i] == old ? g->gelu : p->string[i], rows, cache);
}

static void finish_pass(struct gen *g)
{
	plan_run(g, &g->sample, 1, 1);
	copy(g, COPY_DTOH, 8);
	wait_stream(g);
}

static void add_module(struct gen *g, const char *names, size_t len, uint64_t handle, uint64_t kernels)
{
	const uint64_t module[MODULE_N] = {
		[MODULE_TIME] = g->host,
		[MODULE_CONTEXT] = 1,
		[MODULE_MODULE] = ++g->modules,
		[MODULE_BYTES] = 4096 * kernels,
		[MODULE_HASH] = 0x9e3779b97f4a7c15u * g->modules,
		[MODULE_IMAGE] = IMAGE_CUBIN,
		[MODULE_KERNELS] = kernels,
		[MODULE_CALL_API] = API_CU_LAUNCH_KERNEL,
		[MODULE_CALL_CORR] = g->corr,
		[MODULE_LIBRARY] = handle,
	};
	const uint64_t list[MODULE_KERNELS_N] = { module[MODULE_HASH], 0 };

	add(g, TID, EVENT_MODULE, module, MODULE_N);
	add_blob(g, TID, EVENT_MODULE_KERNELS, list, MODULE_KERNELS_N, names, len);
}

static void add_load(struct gen *g, enum api_id api, enum image_source source, uint64_t ns,
		     uint64_t handle, uint64_t bytes, const char *path)
{
	const uint64_t load[LOAD_N] = {
		[LOAD_START] = g->host, [LOAD_END] = g->host + ns, [LOAD_CORR] = ++g->corr,
		[LOAD_API] = api, [LOAD_HANDLE] = handle,
		[LOAD_IMAGE] = source == SOURCE_MAPPED ? IMAGE_FATBIN : IMAGE_CUBIN,
		[LOAD_SOURCE] = source, [LOAD_ADDRESS] = 0x7f5a5f2b6388, [LOAD_BYTES] = bytes,
	};

	add_blob(g, TID, EVENT_LOAD, load, LOAD_N, path, strlen(path));
	g->host += ns + 20000;
}

/* The gelu is compiled for something new: 70 ms in which nothing is launched. */
static void recompile(struct gen *g)
{
	const uint64_t jit[JIT_N] = { [JIT_START] = g->host, [JIT_END] = g->host + 61000000,
				      [JIT_CORR] = ++g->corr, [JIT_ENTRY] = JIT_FROM_PTX,
				      [JIT_OP] = JIT_IS_COMPILE, [JIT_TID] = TID };
	char name[64];
	int n = snprintf(name, sizeof(name), "triton_poi_fused_gelu_%" PRIu64, ++g->episodes);

	add_blob(g, TID_WRITER, EVENT_JIT, jit, JIT_N, "", 0);
	g->host += 61000000;
	add_load(g, API_CU_MODULE_LOAD_DATA, SOURCE_MEMORY, 9000000, 0x30000000 + g->episodes * 64,
		 9000, "");
	add_module(g, name, (size_t)n + 1, 0x30000000 + g->episodes * 64, 1);
	g->gelu = string_of(g, name);
}

/* --- the session */

static void load_library(struct gen *g, const char *path, const struct op *list, size_t n)
{
	uint64_t handle = 0x20000000 + g->modules * 4096;
	char names[4096];
	size_t len = 0;

	add_load(g, API_CU_LIBRARY_LOAD_DATA, SOURCE_MAPPED, 12000000, handle, 2000000, path);
	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s", list[i].name) + 1;
	add_module(g, names, len, handle, n);
}

static void instantiate(struct gen *g)
{
	const uint64_t graph[GRAPH_N] = {
		[GRAPH_START] = g->host, [GRAPH_END] = g->host + 1800000, [GRAPH_CORR] = ++g->corr,
		[GRAPH_API] = API_CU_GRAPH_INSTANTIATE, [GRAPH_OP] = GRAPH_OP_INSTANTIATE,
		[GRAPH_GRAPH] = GRAPH_ID, [GRAPH_NODES] = LAYERS * COUNT(layer_decode),
		[GRAPH_KERNEL_NODES] = LAYERS * COUNT(layer_decode),
	};

	add(g, TID, EVENT_GRAPH, graph, GRAPH_N);
	for (size_t i = 0; i < COUNT(layer_decode); i++)
		add_blob(g, TID, EVENT_GRAPH_KERNEL,
			 (const uint64_t[GRAPH_KERNEL_N]){ GRAPH_ID, 0, LAYERS }, GRAPH_KERNEL_N,
			 layer_decode[i].name, strlen(layer_decode[i].name));
	g->host += 2000000;
}

static void begin(struct gen *g)
{
	add(g, TID, EVENT_PROCESS,
	    (const uint64_t[PROCESS_N]){ g->host, TID, 1, LEVEL_GRAPH, 0 }, PROCESS_N);
	add_info(g, "tracer_version", JITNESS_VERSION);
	add_info(g, "exe", "/usr/bin/python3.12");
	add_info(g, "host", "generated");
	add_info(g, "gpu_records", "full");
	add_blob(g, TID, EVENT_THREAD, (const uint64_t[THREAD_N]){ g->host, TID }, THREAD_N, "server", 6);
	add_blob(g, TID, EVENT_DEVICE, (const uint64_t[DEVICE_N]){ 0, 9, 0, 132, 1, 2 }, DEVICE_N,
		 "generated device", 16);
	add(g, TID, EVENT_CONTEXT,
	    (const uint64_t[CONTEXT_N]){ g->host, 1, 0, STREAM, LIFETIME_CREATE }, CONTEXT_N);
	g->gelu = string_of(g, "triton_poi_fused_gelu_0");
	plan_add(g, &g->prefill, prologue, COUNT(prologue));
	plan_add(g, &g->decode, prologue, COUNT(prologue));
	for (unsigned l = 0; l < LAYERS; l++) {
		plan_add(g, &g->prefill, layer_prefill, COUNT(layer_prefill));
		plan_add(g, &g->decode, layer_decode, COUNT(layer_decode));
	}
	plan_add(g, &g->prefill, epilogue, COUNT(epilogue));
	plan_add(g, &g->decode, epilogue, COUNT(epilogue));
	plan_add(g, &g->sample, sampling, COUNT(sampling));
	flush(g);
	load_library(g, "/opt/torch/lib/libtorch_cuda.so", prologue, COUNT(prologue));
	load_library(g, "/opt/torch/lib/libtorch_cuda.so", sampling, COUNT(sampling));
	load_library(g, "/opt/torch/lib/libtorch_cuda.so", layer_prefill, COUNT(layer_prefill));
	load_library(g, "/opt/cuda/lib64/libcublasLt.so.13", layer_decode, COUNT(layer_decode));
	instantiate(g);
}

static void request(struct gen *g, uint64_t most)
{
	static const uint32_t lengths[] = { 16, 48, 128, 256, 512 };
	const uint32_t prompt = lengths[rnd(g, COUNT(lengths))];
	const uint32_t tokens = 32 + (uint32_t)rnd(g, 129);
	const bool graph = rnd(g, 4) == 0;

	copy(g, COPY_HTOD, prompt * 8);
	plan_run(g, &g->prefill, prompt, prompt);
	finish_pass(g);
	g->prefills++;
	for (uint32_t t = 1; t < tokens && g->launches < most; t++) {
		if (graph)
			replay(g, prompt + t);
		else
			plan_run(g, &g->decode, 1, prompt + t);
		finish_pass(g);
		*(graph ? &g->graph_steps : &g->eager_steps) += 1;
	}
	g->requests++;
	g->host += 20000000 + rnd(g, 490000000);
}

static void end(struct gen *g)
{
	const uint64_t f[END_N] = {
		[END_TIME] = g->host, [END_REASON] = END_BY_EXIT, [END_LAUNCHES] = g->launches,
		[END_KERNELS] = g->kernels, [END_GRAPH_RUNS] = g->graph_runs,
		[END_MODULES] = g->modules, [END_JIT_COMPILES] = g->episodes,
	};
	int err;

	flush(g);
	add(g, TID, EVENT_END, f, END_N);
	err = writer_flush(g->w, 0);
	if (err)
		die("cannot write", trace_strerror(err));
}

static void tell(const struct gen *g, int dir)
{
	int fd = openat(dir, "truth.json", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	if (fd < 0 ||
	    dprintf(fd,
		    "{\"rows\": %" PRIu64 ", \"launches\": %" PRIu64 ", \"kernels\": %" PRIu64
		    ", \"graph_runs\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"seconds\": %.1f,\n"
		    " \"requests\": %" PRIu64 ", \"passes\": {\"prefill\": %" PRIu64
		    ", \"decode_eager\": %" PRIu64 ", \"decode_graph\": %" PRIu64
		    "}, \"episodes\": %" PRIu64 "}\n",
		    g->rows, g->launches, g->kernels, g->graph_runs, writer_bytes(g->w),
		    (double)(g->host - START_NS) * 1e-9, g->requests, g->prefills, g->eager_steps,
		    g->graph_steps, g->episodes) < 0 ||
	    close(fd))
		die("cannot write", "truth.json");
}

int main(int argc, char **argv)
{
	static struct gen g = { .host = START_NS, .gpu = START_NS, .flushed = START_NS };
	const uint64_t launches = argc > 2 ? strtoull(argv[1], NULL, 10) : 0;
	int dir = argc > 2 ? open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1, err;

	g.random = 0x2545f4914f6cdd1du * (argc > 3 ? strtoull(argv[3], NULL, 10) : 1) | 1;
	if (!launches)
		die("usage", "gen_trace LAUNCHES DIR [SEED]");
	if (dir < 0)
		die(argv[2], "not a directory");
	err = writer_open(&g.w, dir, "gen.jnt", TID, START_NS, 0);
	if (err)
		die("gen.jnt", trace_strerror(err));
	begin(&g);
	while (g.launches < launches) {
		if (g.launches / EPISODE > g.episodes)
			recompile(&g);
		request(&g, launches);
	}
	end(&g);
	tell(&g, dir);
	writer_close(g.w);
	close(dir);
	return 0;
}
