/* decoder/origin_*: every rule of the table has an input that it decides, and one it must not. */
#include <string.h>

#include "decoder/cmd.h"
#include "decoder/origin_input.h"
#include "decoder/origin_match.h"
#include "tests/unit/unit.h"
#include "trace/event.h"

/* What a module looks like; what is left out is not known. */
struct example {
	const char *rule; /* that decides; NULL: none does */
	const char *path, *caller, *python[3], *compiler, *neighbour, *kernel;
	unsigned image, source, made, more_kernels;
	bool program, linked, redacted, no_kernels, no_load;
};

#define PACKAGES "/v/lib/python3.12/site-packages"
#define TORCH_LIB PACKAGES "/torch/lib/libtorch_cuda.so"
#define UTILS "/h/.triton/cache/x/cuda_utils.cpython-312-x86_64-linux-gnu.so"
#define XLA_LIB PACKAGES "/jax_plugins/xla_cuda13/xla_cuda_plugin.so"
#define CUPY_LIB PACKAGES "/cupy_backends/cuda/api/driver.cpython-312-x86_64-linux-gnu.so"
#define CUBLAS_LIB PACKAGES "/nvidia/cu13/lib/libcublasLt.so.13"
#define CUDNN_LIB PACKAGES "/nvidia/cudnn/lib/libcudnn_graph.so.9"
#define HASH52 "BIAZHXOKKSBLMKEH6VQUUNFGICSFMOT7ISDKQ7IDYLB5YO5Q7EVQ"
#define INDUCTOR_PY PACKAGES "/torch/_inductor/runtime/triton_heuristics.py"
#define TRITON_PY PACKAGES "/triton/compiler/compiler.py"
#define GENERATED_PY "/c/hs/chs5nxsdlydflqvmwuyw7nxuxxzv3uxrmq5pqmmzkpgnx3tfvdpy.py"
#define FUSED "triton_poi_fused_add_sin_0"

#define MEM  .source = SOURCE_MEMORY
#define FILE_ .source = SOURCE_PATH
#define MAP  .source = SOURCE_MAPPED, .image = IMAGE_FATBIN
#define CUBIN .image = IMAGE_CUBIN
#define PTX  .image = IMAGE_PTX
#define BY(N) .made = ORIGIN_MADE_BY_##N

static const struct example examples[] = {
	/* Each rule, and beside it what is nearly the same. */
	{ "xla-library", .path = XLA_LIB, MAP, .kernel = "_ZN15stream_executor3gpu1kEv" },
	{ "library", .path = "/x/my_xla_plugin.so", MAP, .kernel = "k" },
	{ "cudnn-library", .path = PACKAGES "/libcudnn_ops.so.9", MAP, .kernel = "k" },
	{ "library", .path = "/x/notcudnn.so", MAP, .kernel = "k" },
	{ "cublas-library", .path = CUBLAS_LIB, MAP, .kernel = "k" },
	{ "cublas-library", .path = "/w/lib/libcublas-0a1b2c3d.so.12", MAP },
	{ "library", .path = "/x/libcublasfoo.so", MAP, .kernel = "k" },
	{ "tensorrt-library", .path = "/usr/lib/libnvinfer_plugin.so.10", MAP },
	{ "nvidia-library", .path = "/usr/lib/libnccl.so.2", MAP, .kernel = "ncclDevKernel_x" },
	{ "nvidia-library", .path = "/usr/lib/libnppig.so.12", MAP },
	{ "nvidia-library", .path = "/usr/lib/libcusparseLt.so.0", MAP },
	{ "library", .path = "/usr/lib/libncclient.so", MAP },
	{ "flashinfer-library", .path = "/h/.cache/flashinfer/90/cached_ops/a/a.so", MAP },
	{ "llama-library", .path = "/l/bin/libggml-cuda.so", MAP, .kernel = "k" },
	{ "tvm-library", .path = "/l/libtvm_runtime.so", MAP },
	{ "cupy-library", .path = PACKAGES "/cupy/cuda/cub.cpython-312-x86_64-linux-gnu.so", MAP },
	{ "library", .path = "/home/cupy/libmine.so", MAP, .kernel = "k" },
	{ "torch-library", .path = TORCH_LIB, MAP, .kernel = "_ZN2at6native1kEv" },
	{ "torch-library", .path = TORCH_LIB, MAP, .kernel = "_ZN7cutlass1kEv" },
	{ "library", .path = "/x/libtorch_cudax.so", MAP, .kernel = "_ZN2at6native1kEv" },
	{ "extension-directory", .path = "/h/.cache/torch_extensions/py312/a/a.so", MAP },
	{ "extension-package", .path = PACKAGES "/vllm/_C.abi3.so", MAP },
	{ "extension-package", .path = PACKAGES "/flash_attn_2_cuda.cpython-312-x86.so", MAP },
	{ "llama-program", .path = "/l/llama-cli", MAP, .program = true,
	  .kernel = "_Z13mul_mat_vec_qIfEvv" },
	{ "program", .path = "/a/app", MAP, .program = true, .linked = true, .kernel = "work" },
	{ "program", .path = "<path>", MAP, .program = true, .redacted = true, .kernel = "work" },
	{ "extension-linked", .path = "/b/ext.so", MAP, .linked = true },
	{ "inductor-aot", .path = "/b/aot.so", .source = SOURCE_MAPPED, CUBIN, .linked = true,
	  .kernel = FUSED },
	{ "library", .path = "/b/ext.so", MAP, .kernel = FUSED },

	{ "xla-caller", .caller = XLA_LIB, MEM, CUBIN, .kernel = FUSED },
	{ "xla-caller", .caller = XLA_LIB, MEM, CUBIN, .kernel = "triton_softmax_4",
	  .compiler = "/cuda/bin/ptxas", BY(CHILD) },
	{ "cudnn-engine", .caller = CUDNN_LIB, MEM, CUBIN, .kernel = "cudnn_generated_fort_x" },
	{ "cudnn-runtime-compiled", .caller = "/c/libcudnn_engines_runtime_compiled.so.9", MEM,
	  CUBIN, .kernel = "k" },
	{ "cudnn-compiled", .caller = CUDNN_LIB, MEM, CUBIN, .kernel = "k", BY(DRIVER_NVVM) },
	{ "cudnn-caller", .caller = CUDNN_LIB, PTX, .source = SOURCE_STACK,
	  .kernel = "nopCudnnHardwareDetection", BY(DRIVER) },
	{ "cublas-caller", .caller = CUBLAS_LIB, MEM, CUBIN, .kernel = "_ZN7cutlass1kEv",
	  .more_kernels = 51 },
	{ "cublas-caller", .caller = CUBLAS_LIB, MEM, CUBIN, .kernel = FUSED,
	  .python = { INDUCTOR_PY } },
	{ "tensorrt-caller", .caller = "/t/libnvinfer.so.10", MEM, CUBIN, .kernel = "__myl_x" },
	{ "nvidia-caller", .caller = "/t/libcufft.so.12", MEM, CUBIN, .kernel = "k", BY(NVRTC) },
	{ "llama-caller", .caller = "/l/libggml-cuda.so", MEM, CUBIN },
	{ "tvm-caller", .caller = "/l/libtvm.so", MEM, CUBIN, .kernel = "k" },
	{ "cute-caller", .caller = PACKAGES "/nvidia_cutlass_dsl/lib/libcute_dsl_runtime.so", MEM,
	  CUBIN, .kernel = "k" },
	{ "cupy-caller", .caller = CUPY_LIB, MEM, CUBIN, .kernel = "my_raw", BY(NVRTC) },
	{ "flashinfer-caller", .caller = PACKAGES "/flashinfer/a.so", MEM, CUBIN, .kernel = "k" },

	{ "cudnn-generated-name", MEM, CUBIN, .kernel = "cudnn_generated_fort_x" },
	{ "cudnn-name", PTX, .source = SOURCE_STACK, .kernel = "nopCudnnHardwareDetection" },
	{ "tensorrt-name", MEM, CUBIN, .kernel = "__myl_Fc_0x1" },
	{ "tensorrt-name", MEM, CUBIN, .kernel = "sm80_xmma_gemm_f16_trt" },
	{ "cublas-name", MEM, CUBIN, .kernel = "nvjet_sm90_hsh_64x8",
	  .python = { PACKAGES "/cupy/_core/core.py" } },
	{ "cublas-name", CUBIN, .kernel = "_Z13gemv2N_kernelIiEvv" },
	{ "cublas-name", MEM, CUBIN, .kernel = "sm90_xmma_gemm_f32f32_tilesize1" },
	{ "cutlass-name", MEM, CUBIN, .kernel = "_ZN7cutlass7Kernel2I66cutlass_75_wmma_E" },
	{ "nvrtc", MEM, CUBIN, .kernel = "_ZN7cutlass7Kernel2I66cutlass_75_wmma_E", BY(NVRTC) },
	{ "nvidia-name", MEM, CUBIN, .kernel = "ncclDevKernel_AllReduce" },

	{ "inductor-python", MEM, CUBIN, .caller = UTILS, .kernel = FUSED,
	  .python = { TRITON_PY, INDUCTOR_PY, "/u/me.py" } },
	{ "inductor-python", FILE_, .path = "<path>.cubin", .redacted = true, CUBIN,
	  .kernel = "triton_red_fused_3", .python = { GENERATED_PY } },
	/* A user's kernel, also inside a compiled function, also with a name that looks alike. */
	{ "triton-python", MEM, CUBIN, .caller = UTILS, .kernel = "my_add",
	  .python = { TRITON_PY, INDUCTOR_PY } },
	{ "triton-python", MEM, CUBIN, .caller = UTILS, .kernel = "triton_poi_fused_x",
	  .python = { TRITON_PY, INDUCTOR_PY } },
	{ "triton-python", MEM, CUBIN, .caller = UTILS, .kernel = FUSED,
	  .python = { TRITON_PY, "/u/me.py" } },
	{ "triton-cache", FILE_, .path = "/i/triton/0/" HASH52 "/my_add.cubin", CUBIN,
	  .kernel = "my_add", .python = { INDUCTOR_PY } },
	{ "inductor-unnamed", FILE_, .path = "/x/a.cubin", CUBIN, .kernel = "triton_",
	  .python = { INDUCTOR_PY } },
	{ "inductor-template", MEM, CUBIN, .kernel = "triton_mm",
	  .python = { TRITON_PY, PACKAGES "/torch/_inductor/select_algorithm.py" } },
	{ "triton-python", MEM, CUBIN, .kernel = "triton_mm", .python = { TRITON_PY } },
	{ "inductor-cache", FILE_, .path = "/i/triton/0/" HASH52 "/" FUSED ".cubin", CUBIN,
	  .kernel = FUSED },
	{ "inductor-file-name", FILE_, .path = "/i/short/" FUSED ".cubin", CUBIN,
	  .kernel = FUSED },
	{ "inductor-launcher", FILE_, .path = "/i/a.cubin", CUBIN, .kernel = FUSED,
	  .caller = PACKAGES "/torch/lib/libtorch_python.so" },
	{ "triton-launcher", FILE_, .path = "/i/a.cubin", CUBIN, .kernel = "my_add",
	  .caller = PACKAGES "/torch/lib/libtorch_python.so" },
	{ "inductor-utils", MEM, CUBIN, .caller = UTILS, .kernel = FUSED },
	{ "triton-utils", MEM, CUBIN, .caller = UTILS, .kernel = "my_add" },
	{ "triton-utils", MEM, CUBIN, .caller = UTILS, .kernel = "nvjet_mine" },
	{ "application-caller", MEM, CUBIN, .caller = "/u/libmine.so", .kernel = "my_add" },
	{ "inductor-ptxas", MEM, CUBIN, .kernel = FUSED, BY(CHILD),
	  .compiler = PACKAGES "/triton/backends/nvidia/bin/ptxas" },
	{ "triton-ptxas", MEM, CUBIN, .kernel = "my_add", BY(CHILD),
	  .compiler = PACKAGES "/triton/backends/nvidia/bin/ptxas" },
	{ "compiler-child", MEM, CUBIN, .kernel = "my_add", BY(CHILD),
	  .compiler = "/usr/local/cuda/bin/ptxas" },

	{ "jiterator-caller", MEM, CUBIN, .caller = TORCH_LIB,
	  .kernel = "my_kernel_vectorized8_kernel" },
	{ "nvrtc", MEM, CUBIN, .caller = TORCH_LIB, .kernel = "fused_add", BY(NVRTC) },
	{ "cute-python", MEM, CUBIN, .kernel = "k",
	  .python = { PACKAGES "/nvidia_cutlass_dsl/python_packages/cutlass/base_dsl/dsl.py" } },
	{ "numba-python", MEM, CUBIN, .kernel = "k", .caller = "/usr/lib/libffi.so.8",
	  .python = { PACKAGES "/numba/cuda/cudadrv/driver.py" } },
	{ "tvm-python", MEM, CUBIN, .kernel = "k", .python = { PACKAGES "/tvm/runtime/module.py" } },
	{ "cupy-python", MEM, CUBIN, .kernel = "my_raw",
	  .python = { PACKAGES "/cupy/_core/raw.py" } },
	{ "application-caller", MEM, CUBIN, .kernel = "my_raw", .caller = "/u/libmine.so",
	  .python = { PACKAGES "/cupy/_core/raw.py" } },
	{ "xla-python", MEM, CUBIN, .kernel = "my_pallas",
	  .python = { PACKAGES "/jax/_src/compiler.py" } },

	{ "numba-name", MEM, CUBIN, .kernel = "_ZN6cudapy8__main__1kEv" },
	{ "cute-name", MEM, CUBIN, .kernel = "kernel_cutlass_gemm_x" },
	{ "cupy-name", MEM, CUBIN, .kernel = "cupy_add__float32_float_float32" },
	{ "triton-utils", MEM, CUBIN, .caller = UTILS, .kernel = "cupy_add__float32" },
	{ "xla-name", MEM, CUBIN, .kernel = "loop_dynamic_slice_fusion" },
	{ "xla-name", MEM, CUBIN, .kernel = "triton_softmax_4" },
	{ NULL, MEM, CUBIN, .kernel = "triton_softmax" },
	{ NULL, MEM, CUBIN, .kernel = "confusion" },
	{ "inductor-name", MEM, CUBIN, .kernel = "model_" FUSED },
	{ NULL, MEM, CUBIN, .kernel = FUSED, .more_kernels = 1 },
	{ NULL, MEM, CUBIN, .kernel = "triton_poi_fused_x" },
	{ "inductor-old-name", MEM, CUBIN, .kernel = "triton__0d1d2de" },
	{ "jiterator-name", MEM, CUBIN, .kernel = "my_kernel_vectorized8_kernel" },
	{ NULL, MEM, CUBIN, .kernel = "my_kernel" },
	{ "torch-name", .path = "<path>.so", .redacted = true, MAP,
	  .kernel = "_ZN2at6native1kEv" },
	{ "torch-name", CUBIN, .kernel = "_ZN2at6native1kEv" },
	{ "flashinfer-name", CUBIN, .kernel = "_ZN10flashinfer1kEv" },
	{ "flash-attention-name", CUBIN, .kernel = "_ZN5flash16flash_fwd_kernelEv" },
	{ "vllm-triton-name", MEM, CUBIN, .kernel = "kernel_unified_attention_2d" },
	{ "tvm-name", CUBIN, .kernel = "fused_NT_matmul3_kernel" },
	{ "llama-name", CUBIN, .kernel = "_Z9mul_mat_qIfEvv" },

	{ "nvrtc", PTX, MEM, .kernel = "k", BY(NVRTC), .caller = "/u/libmine.so" },
	{ "nvjitlink", MEM, CUBIN, .kernel = "k", BY(NVJITLINK) },
	{ "ptx", PTX, MEM, .kernel = "k", .caller = "/u/libmine.so", BY(DRIVER) },
	{ "driver-nvvm", MEM, CUBIN, .kernel = "k", .caller = "/u/m.so", BY(DRIVER_NVVM) },
	{ NULL, MEM, CUBIN, .kernel = "k", BY(DRIVER_NVVM) },
	{ "driver-jit", MEM, CUBIN, .kernel = "k", BY(DRIVER) },
	{ "library", .path = "/u/m.so", MAP, BY(DRIVER), .kernel = "k" },
	{ "file", .path = "/u/mine.cubin", FILE_, CUBIN, .kernel = "k" },
	{ NULL, .path = "<path>.cubin", FILE_, .redacted = true, CUBIN, .kernel = "k" },
	{ "application-caller", MEM, CUBIN, .kernel = "k", .caller = "/usr/bin/app" },
	{ NULL, MEM, CUBIN, .kernel = "k" },
	{ "cublas-neighbour", CUBIN, .neighbour = CUBLAS_LIB, .no_kernels = true,
	  .no_load = true },
	{ NULL, CUBIN, .neighbour = CUBLAS_LIB, .kernel = "k", .no_load = true },
	{ NULL, CUBIN, .neighbour = TORCH_LIB, .no_kernels = true, .no_load = true },
};
#define N_EXAMPLES (sizeof(examples) / sizeof(examples[0]))

static struct origin_text text(const char *t)
{
	return (struct origin_text){ t ? t : "", ORIGIN_NO_KEY };
}

static void input(struct origin_input *in, const struct example *e)
{
	*in = (struct origin_input){
		.path = text(e->path),
		.caller = text(e->caller),
		.compiler = text(e->compiler),
		.neighbour = text(e->neighbour),
		.python_key = ORIGIN_NO_KEY,
		.image = e->image,
		.source = e->source,
		.made = e->made,
		.redacted = e->redacted,
		.kernel_count = e->no_kernels ? 0 : 1 + e->more_kernels,
	};
	while (in->n_python < 3 && e->python[in->n_python]) {
		in->python[in->n_python] = text(e->python[in->n_python]);
		in->n_python++;
	}
	if (e->kernel)
		in->kernels[in->n_kernels++] = text(e->kernel);
	in->needs = origin_input_needs(in, !e->no_load, e->program, e->linked);
}

TEST(origin_examples)
{
	struct origin_matcher *m = origin_matcher_new(NULL);
	struct origin_input in;

	for (size_t i = 0; i < N_EXAMPLES; i++) {
		const struct example *e = &examples[i];
		size_t rule;
		const char *got;

		input(&in, e);
		rule = origin_match_first(m, &in);
		got = rule < origin_matcher_count(m) ? origin_matcher_rule(m, rule)->id : "none";
		if (strcmp(got, e->rule ? e->rule : "none"))
			unit_fail(got, (int)i, e->rule ? e->rule : "none"); /* got, example: wanted */
	}
	origin_matcher_free(m);
}

TEST(origin_every_rule_has_an_example)
{
	for (size_t i = 0; i < origin_table_count; i++) {
		size_t k = 0;

		while (k < N_EXAMPLES &&
		       (!examples[k].rule || strcmp(examples[k].rule, origin_table[i].id)))
			k++;
		if (k == N_EXAMPLES)
			unit_fail(__FILE__, __LINE__, origin_table[i].id);
		for (k = 0; k < i; k++)
			CHECK(strcmp(origin_table[k].id, origin_table[i].id));
	}
}

/* A rule does not hold any more when a text that it has a pattern for is another one. */
TEST(origin_every_condition_counts)
{
	struct origin_matcher *m = origin_matcher_new(NULL);
	struct origin_input in;

	for (size_t i = 0; i < N_EXAMPLES; i++) {
		size_t rule;

		if (!examples[i].rule)
			continue;
		input(&in, &examples[i]);
		rule = origin_match_first(m, &in);
		for (unsigned p = 0; p < ORIGIN_PATTERN_COUNT; p++) {
			struct example without = examples[i];

			if (!origin_matcher_rule(m, rule)->pattern[p])
				continue;
			switch (p) {
			case ORIGIN_PATTERN_path:
				without.path = NULL;
				break;
			case ORIGIN_PATTERN_caller:
				without.caller = NULL;
				break;
			case ORIGIN_PATTERN_python:
				without.python[0] = NULL;
				break;
			case ORIGIN_PATTERN_compiler:
				without.compiler = "/bin/true";
				break;
			case ORIGIN_PATTERN_neighbour:
				without.neighbour = NULL;
				break;
			default:
				without.kernel = "quite_different";
				break;
			}
			input(&in, &without);
			if (origin_match(m, rule, &in, NULL))
				unit_fail("example", (int)i, examples[i].rule);
		}
	}
	origin_matcher_free(m);
}

TEST(origin_user_rule_comes_first)
{
	struct origin_rule mine = { .id = "mine", .origin = ORIGIN_USER };
	struct origin_rules rules = { .list = &mine, .n = 1 };
	struct origin_matcher *m;
	struct origin_input in;

	mine.pattern[ORIGIN_PATTERN_kernel] = "at::native::k"; /* demangled */
	mine.images = 1u << IMAGE_FATBIN;
	m = origin_matcher_new(&rules);
	input(&in, &(struct example){ .path = TORCH_LIB, MAP, .kernel = "_ZN2at6native1kEv" });
	CHECK(origin_match_first(m, &in) == 0);
	CHECK(origin_match_verdict(m, 0).basis == ORIGIN_BY_USER);
	in.image = IMAGE_CUBIN;
	CHECK(!strcmp(origin_matcher_rule(m, origin_match_first(m, &in))->id, "torch-library"));
	origin_matcher_free(m);
}

TEST(origin_names_alone)
{
	struct origin_matcher *m = origin_matcher_new(NULL);
	static const struct {
		const char *kernel, *rule;
	} want[] = {
		{ FUSED, "inductor-name" },
		{ "_ZN2at6native13reduce_kernelEv", "torch-name" },
		{ "nvjet_sm90_x", "cublas-name" },
		{ "_Z4workPi", NULL },
	};

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		size_t rule = origin_match_name(m, want[i].kernel);

		CHECK((rule == origin_matcher_count(m)) == !want[i].rule);
		CHECK(!want[i].rule || !strcmp(origin_matcher_rule(m, rule)->id, want[i].rule));
	}
	origin_matcher_free(m);
}

TEST(origin_driver_libraries)
{
	CHECK(origin_library_is_driver("/usr/lib/x86_64-linux-gnu/libcuda.so.580.1"));
	CHECK(origin_library_is_driver("libcudart.so.13") && origin_library_is_driver("libcupti.so.13"));
	CHECK(!origin_library_is_driver(TORCH_LIB) && !origin_library_is_driver(CUDNN_LIB));
}
