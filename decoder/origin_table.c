/*
 * THE rules of docs/origins.md, in order: the first one that holds decides. Provenance comes
 * before names; among provenance, a library that loads only code of its own before a stack that
 * may belong to its caller. tests/unit/t_origin.c has an example and a near miss for each rule.
 */
#include "decoder/origin_rules.h"
#include "trace/event.h"

#define PATH(p)      .pattern[ORIGIN_PATTERN_path] = (p)
#define CALLER(p)    .pattern[ORIGIN_PATTERN_caller] = (p)
#define PYTHON(p)    .pattern[ORIGIN_PATTERN_python] = (p)
#define COMPILER(p)  .pattern[ORIGIN_PATTERN_compiler] = (p)
#define NEIGHBOUR(p) .pattern[ORIGIN_PATTERN_neighbour] = (p)
#define KERNEL(p)    .pattern[ORIGIN_PATTERN_kernel] = (p)
#define IMAGE(N)     .images = 1u << IMAGE_##N
#define SOURCE(bits) .sources = (bits)
#define MADE(bits)   .made = (bits)
#define NEEDS(bits)  .needs = (bits)
#define RULE(id_, origin_, ...) { .id = id_, .origin = ORIGIN_##origin_, __VA_ARGS__ },

#define IN_MEMORY (1u << SOURCE_MEMORY | 1u << SOURCE_STACK)
#define AS_FILE   (1u << SOURCE_PATH)
#define MAPPED    (1u << SOURCE_MAPPED)
#define MADE_BY(N)   ORIGIN_MADE_BY_##N
#define NEED(N)      ORIGIN_NEED_##N
/* No stack, no compiler and no file: only the names are left. */
#define NAMES_LEFT   (NEED(NO_NATIVE) | NEED(NO_PLACE) | NEED(NOT_MADE))

/* Libraries; wheels that were repaired are called libcublas-0a1b2c3d.so. */
#define LIB_CUBLAS "(^|/)libcublas(Lt)?[-.]"
#define LIB_CUDNN  "(^|/)libcudnn[A-Za-z0-9_]*[-.]"
#define LIB_TENSORRT "(^|/)libnvinfer[A-Za-z0-9_]*[-.]|(^|/)libnvonnxparser|/tensorrt(_libs|_llm)?/"
#define LIB_NVIDIA                                                                        \
	"(^|/)lib(nccl|nccl-net|cufft|cufftw|cusparse|cusparseLt|cusolver|cusolverMg|curand|"\
	"npp[a-z]*|nvjpeg[0-9k]*|cutensor[A-Za-z]*|custatevec|cudss|nvshmem[A-Za-z0-9_]*|"\
	"nvcomp[a-z_]*|nvtiff[a-z0-9]*)[-.]"
#define LIB_XLA                                                                           \
	"(^|/)xla_cuda_plugin\\.so|/(jaxlib|jax_plugins|jax_cuda[0-9]+_plugin|"           \
	"jax_cuda[0-9]+_pjrt)/|(^|/)pjrt_[A-Za-z0-9_]*\\.so|(^|/)libpjrt|"               \
	"(^|/)xla_extension|(^|/)lib(jax|tensorflow)[A-Za-z_]*\\.so|"                     \
	"(^|/)_pywrap_tensorflow|/tensorflow/(python|compiler)/"
#define LIB_TORCH                                                                         \
	"(^|/)lib(torch_cuda|torch_cuda_cpp|torch_cuda_cu|torch_cuda_linalg|torch|c10_cuda|"\
	"torch_nvshmem|caffe2_detectron_ops_gpu)[-.]"
#define LIB_LLAMA  "(^|/)lib(ggml|llama)[A-Za-z0-9_-]*\\.so|/llama_cpp/lib/"
#define LIB_TVM    "(^|/)libtvm[A-Za-z0-9_]*[-.]|(^|/)libmlc_llm|/(mlc_llm|tvm_ffi)/"
#define LIB_CUPY   "/cupy(_backends)?/([a-z_]+/)*[a-z_]+\\.(cpython-[^/]+|abi3)\\.so$"
#define LIB_CUTE   "(^|/)libcute_dsl|/nvidia_cutlass_dsl/"
#define LIB_FLASHINFER "/\\.cache/flashinfer/|/flashinfer(_jit_cache|_cubin)?/"

/* Python files. */
#define PY_INDUCTOR "(^|/)torch/_inductor/|/[a-z0-9]{2}/c[a-z2-7]{51}\\.py$"
#define PY_TRITON   "(^|/)triton/(compiler/compiler|backends/[a-z]+/driver)\\.py$"
#define PY_TEMPLATE "(^|/)torch/_inductor/(select_algorithm|autotune_process|kernel/)"

/* <cache>/<SHA-256 in base 32>/<kernel>.cubin */
#define TRITON_CACHE "/[A-Z2-7]{52}/[^/]+\\.cubin$|/\\.triton/cache/|/torchinductor_[^/]*/triton/"

/* Kernels. Names in images are mangled: both forms. */
#define K_INDUCTOR                                                                        \
	"^([A-Za-z0-9_]+_)?triton_(poi|red|per|tem|for|spl|unk)_fused(_[A-Za-z0-9_]+)?_"  \
	"[0-9]+(_([0-9]+[dec]+)+)?$"
#define K_UNNAMED  "^triton_(_([0-9]+[dec]*)+)?$"
#define K_TEMPLATE                                                                        \
	"^triton_((mm|bmm|addmm|baddbmm|plus_mm|mm_plus_mm|int_mm|b2b_gemm|grouped_mm|"   \
	"scaled_[a-z_]*mm[a-z_]*|mm_[a-z_]*tma[a-z_]*|conv[a-z]*[23]?d?|flex_[a-z_]+)"     \
	"(_[0-9]+)?)?$"
#define K_CUBLAS                                                                          \
	"^nvjet_|cublas(Lt)?::|_ZN[0-9]+([a-z]+__[0-9a-z]+_)?cublas|gemv(NSP|2[TN])_kernel|"\
	"gemvx::kernel|gemvx6kernel|"                                                    \
	"gemmSN_[TN]{2}_kernel|splitKreduce_kernel|"                                     \
	"^(ampere|volta|turing|maxwell|pascal|hopper|sm[0-9]+)_[a-z0-9_]*gemm"
#define K_CUTLASS  "cutlass_[0-9]+_|cutlass::(Kernel|device_kernel)|_ZN7cutlass"
#define K_TORCH                                                                           \
	"at::native|_ZN2at6native|cunn_Soft[Mm]ax|CatArrayBatchedCopy|at_cuda_detail|"     \
	"at::cuda::|_ZN2at4cuda|^_ZN3c10|c10::cuda|fmha_cutlass[FB]_|pytorch_flash"
#define K_XLA                                                                             \
	"^(loop|input|output)_[a-z0-9_]*fusion(_[0-9]+)?$|^gemm_fusion_dot(_[0-9]+)*$|"   \
	"^wrapped_[a-z0-9_]+$|^triton_softmax_[0-9]+$|^fusion(_[0-9]+)?$|"             \
	"stream_executor::gpu|_ZN15stream_executor3gpu"
#define K_NVLIB                                                                           \
	"^ncclDevKernel|^ncclKernel|^(regular|vector|multi_bluestein)_fft|cufft|cusparse|"\
	"cusolver|_ZN6curand|curand::|^_Z[0-9]+npp|_ZN6cudss"

#define K_LLAMA "mul_mat_(vec_)?q|quantize_(mmq_)?q8_1"

const struct origin_rule origin_table[] = {
	/* Files that hold an image. */
	RULE("xla-library", XLA, PATH(LIB_XLA))
	RULE("cudnn-library", CUDNN, PATH(LIB_CUDNN))
	RULE("cublas-library", CUBLAS, PATH(LIB_CUBLAS))
	RULE("tensorrt-library", TENSORRT, PATH(LIB_TENSORRT))
	RULE("nvidia-library", NVLIB, PATH(LIB_NVIDIA))
	RULE("flashinfer-library", FLASHINFER, PATH(LIB_FLASHINFER))
	RULE("llama-library", LLAMA_CPP, PATH(LIB_LLAMA))
	RULE("tvm-library", TVM, PATH(LIB_TVM))
	RULE("cupy-library", CUPY, PATH(LIB_CUPY))
	RULE("torch-library", TORCH, PATH(LIB_TORCH))
	RULE("extension-directory", TORCH_EXT, PATH("/torch_extensions/"))
	RULE("extension-package", TORCH_EXT,
	     PATH("/(_[A-Za-z0-9_]*C|flash_attn[A-Za-z0-9_]*|[A-Za-z0-9_]+_torch_extension)"
		  "\\.(abi3|cpython-[^/]*)\\.so$|/(torchvision|torchaudio|xformers)/_C\\.so$"))
	RULE("llama-program", LLAMA_CPP, KERNEL(K_LLAMA), NEEDS(NEED(PROGRAM)))
	RULE("program", APP, NEEDS(NEED(PROGRAM)))
	RULE("extension-linked", TORCH_EXT, IMAGE(FATBIN), SOURCE(MAPPED), NEEDS(NEED(LINKED)))

	/* Libraries that load what they unpacked, generated or compiled themselves. */
	RULE("xla-caller", XLA, CALLER(LIB_XLA))
	RULE("cudnn-engine", CUDNN_JIT, CALLER(LIB_CUDNN), KERNEL("^cudnn_generated_"))
	RULE("cudnn-runtime-compiled", CUDNN_JIT,
	     CALLER("(^|/)libcudnn_engines_runtime_compiled"), IMAGE(CUBIN))
	RULE("cudnn-compiled", CUDNN_JIT, CALLER(LIB_CUDNN), IMAGE(CUBIN),
	     MADE(MADE_BY(NVRTC) | MADE_BY(NVJITLINK) | MADE_BY(NVVM) | MADE_BY(NVPTX) |
		  MADE_BY(DRIVER) | MADE_BY(DRIVER_NVVM)))
	RULE("cudnn-caller", CUDNN, CALLER(LIB_CUDNN))
	RULE("cublas-caller", CUBLAS, CALLER(LIB_CUBLAS))
	RULE("tensorrt-caller", TENSORRT, CALLER(LIB_TENSORRT))
	RULE("nvidia-caller", NVLIB, CALLER(LIB_NVIDIA))
	RULE("llama-caller", LLAMA_CPP, CALLER(LIB_LLAMA))
	RULE("tvm-caller", TVM, CALLER(LIB_TVM))
	RULE("cute-caller", CUTE_DSL, CALLER(LIB_CUTE))
	RULE("cupy-caller", CUPY, CALLER(LIB_CUPY))
	RULE("flashinfer-caller", FLASHINFER, CALLER(LIB_FLASHINFER))

	/* Vendors' images when only their names tell: before a Python stack that is their user's. */
	RULE("cudnn-generated-name", CUDNN_JIT, KERNEL("^cudnn_generated_"),
	     NEEDS(NEED(NO_NATIVE) | NEED(NO_PLACE)))
	RULE("cudnn-name", CUDNN, KERNEL("^nopCudnn|cudnn::|_ZN5cudnn"),
	     NEEDS(NEED(NO_NATIVE) | NEED(NO_PLACE)))
	RULE("tensorrt-name", TENSORRT, KERNEL("^__myl_|_xmma_[A-Za-z0-9_]*_trt$|"
					       "masked_multihead_attention_kernel"),
	     NEEDS(NAMES_LEFT))
	RULE("cublas-name", CUBLAS, KERNEL(K_CUBLAS), NEEDS(NAMES_LEFT))
	RULE("cutlass-name", CUBLAS, KERNEL(K_CUTLASS), NEEDS(NAMES_LEFT))
	RULE("nvidia-name", NVLIB, KERNEL(K_NVLIB), NEEDS(NAMES_LEFT))

	/* torch.compile: the name that Inductor gives, and a trace of Inductor. */
	RULE("inductor-python", INDUCTOR, PYTHON(PY_INDUCTOR), KERNEL(K_INDUCTOR), IMAGE(CUBIN),
	     NEEDS(NEED(ONE_KERNEL)))
	RULE("inductor-unnamed", INDUCTOR, PYTHON(PY_INDUCTOR), KERNEL(K_UNNAMED), IMAGE(CUBIN),
	     NEEDS(NEED(ONE_KERNEL)))
	RULE("inductor-template", INDUCTOR, PYTHON(PY_TEMPLATE), KERNEL(K_TEMPLATE),
	     IMAGE(CUBIN), NEEDS(NEED(ONE_KERNEL)))
	RULE("inductor-cache", INDUCTOR, PATH(TRITON_CACHE), KERNEL(K_INDUCTOR),
	     SOURCE(AS_FILE), NEEDS(NEED(ONE_KERNEL)))
	RULE("inductor-launcher", INDUCTOR, CALLER("(^|/)libtorch_(python|cuda)[-.]"),
	     KERNEL(K_INDUCTOR), IMAGE(CUBIN), NEEDS(NEED(ONE_KERNEL)))
	RULE("inductor-utils", INDUCTOR, CALLER("/cuda_utils[^/]*\\.so$"), KERNEL(K_INDUCTOR),
	     NEEDS(NEED(ONE_KERNEL) | NEED(NO_PYTHON)))
	RULE("inductor-aot", INDUCTOR, KERNEL(K_INDUCTOR), IMAGE(CUBIN), SOURCE(MAPPED),
	     NEEDS(NEED(ONE_KERNEL)))

	/* Triton: its loader, whatever the kernel is called, also for kernels of a user that
	   Inductor compiles in. */
	RULE("triton-python", TRITON, PYTHON(PY_TRITON), IMAGE(CUBIN))
	RULE("triton-utils", TRITON, CALLER("/cuda_utils[^/]*\\.so$"))
	RULE("triton-cache", TRITON, PATH(TRITON_CACHE), SOURCE(AS_FILE))
	RULE("triton-launcher", TRITON, CALLER("(^|/)libtorch_python[-.]"), IMAGE(CUBIN),
	     SOURCE(AS_FILE), NEEDS(NEED(ONE_KERNEL)))
	RULE("inductor-ptxas", INDUCTOR, COMPILER("/triton/"), KERNEL(K_INDUCTOR),
	     MADE(MADE_BY(CHILD)), NEEDS(NEED(ONE_KERNEL) | NEED(NO_PYTHON)))
	RULE("triton-ptxas", TRITON, COMPILER("/triton/"), MADE(MADE_BY(CHILD)))

	/* Run-time compilers of other frameworks, by who called and by the Python stack. */
	RULE("jiterator-caller", JITERATOR, CALLER("(^|/)libtorch_cuda[-.]"),
	     KERNEL("_kernel$"), SOURCE(IN_MEMORY), NEEDS(NEED(ONE_KERNEL)))
	RULE("cute-python", CUTE_DSL,
	     PYTHON("/nvidia_cutlass_dsl/|(^|/)cutlass/(base_dsl|cutlass_dsl|cute)/"))
	RULE("numba-python", NUMBA, PYTHON("(^|/)(numba/cuda|numba_cuda/numba/cuda)/"))
	RULE("tvm-python", TVM, PYTHON("(^|/)(tvm|mlc_llm)/"))
	RULE("cupy-python", CUPY, PYTHON("(^|/)cupy/"), IMAGE(CUBIN), NEEDS(NEED(NO_NATIVE)))
	RULE("xla-python", XLA, PYTHON("(^|/)(jax|jaxlib)/"), IMAGE(CUBIN),
	     NEEDS(NEED(NO_NATIVE)))

	/* Names, where nothing above spoke. */
	RULE("numba-name", NUMBA, KERNEL("^_ZN6cudapy|cudapy::"), NEEDS(NEED(NO_PLACE)))
	RULE("cute-name", CUTE_DSL, KERNEL("^kernel_cutlass_"), NEEDS(NEED(NO_PLACE)))
	RULE("cupy-name", CUPY, KERNEL("^cupy_[a-z0-9_]+"),
	     NEEDS(NEED(NO_NATIVE) | NEED(NO_PLACE)))
	RULE("xla-name", XLA, KERNEL(K_XLA), NEEDS(NEED(NO_NATIVE) | NEED(NO_PLACE)))
	RULE("inductor-name", INDUCTOR, KERNEL(K_INDUCTOR),
	     NEEDS(NEED(ONE_KERNEL) | NEED(NO_PLACE)))
	RULE("inductor-file-name", INDUCTOR, KERNEL(K_INDUCTOR), SOURCE(AS_FILE),
	     NEEDS(NEED(ONE_KERNEL)))
	RULE("inductor-old-name", INDUCTOR, KERNEL(K_UNNAMED),
	     NEEDS(NEED(ONE_KERNEL) | NEED(NO_PLACE)))
	RULE("jiterator-name", JITERATOR, KERNEL("^[A-Za-z0-9_]+_vectorized[0-9]+_kernel$"),
	     NEEDS(NEED(ONE_KERNEL) | NEED(NO_NATIVE) | NEED(NO_PLACE)))
	RULE("torch-name", TORCH, KERNEL(K_TORCH), NEEDS(NEED(NO_NATIVE) | NEED(NO_PLACE)))
	RULE("flashinfer-name", FLASHINFER,
	     KERNEL("flashinfer::|_ZN10flashinfer|Batch(Prefill|Decode)With(Paged|Ragged)KVCache"),
	     NEEDS(NEED(NO_NATIVE) | NEED(NO_PLACE)))
	RULE("flash-attention-name", TORCH_EXT,
	     KERNEL("_ZN5flash|flash::|flash_(fwd|bwd)_|FlashAttn(Fwd|Bwd)Sm|"
		    "FlashAttentionForwardSm"),
	     NEEDS(NEED(NO_NATIVE) | NEED(NO_PLACE)))
	RULE("vllm-triton-name", TRITON,
	     KERNEL("^kernel_unified_attention_[23]d$|^reduce_segments$"),
	     NEEDS(NEED(NO_NATIVE) | NEED(NO_PLACE)))
	RULE("tvm-name", TVM,
	     KERNEL("_NT_matmul[0-9]*[a-z0-9_]*_kernel$|batch_(decode|prefill)_paged_kv_kernel|"
		    "^fused_[a-z0-9_]*dequantize"),
	     NEEDS(NEED(NO_NATIVE) | NEED(NO_PLACE)))
	RULE("llama-name", LLAMA_CPP,
	     KERNEL(K_LLAMA),
	     NEEDS(NEED(NO_NATIVE) | NEED(NO_PLACE)))

	/* A compiler, called by nobody above. */
	RULE("nvrtc", NVRTC, MADE(MADE_BY(NVRTC)))
	RULE("nvjitlink", NVJITLINK, MADE(MADE_BY(NVJITLINK) | MADE_BY(NVPTX) | MADE_BY(NVVM)))
	RULE("compiler-child", NVCC, MADE(MADE_BY(CHILD)))
	RULE("ptx", PTX_JIT, IMAGE(PTX))
	RULE("driver-nvvm", NVRTC, CALLER("."), MADE(MADE_BY(DRIVER_NVVM)), SOURCE(IN_MEMORY),
	     IMAGE(CUBIN))
	RULE("driver-jit", PTX_JIT, MADE(MADE_BY(DRIVER)), SOURCE(IN_MEMORY), IMAGE(CUBIN))

	/* The application. */
	RULE("library", APP, PATH("."), SOURCE(MAPPED))
	RULE("file", APP, PATH("^/"), SOURCE(AS_FILE))
	RULE("application-caller", APP,
	     CALLER("."), NEEDS(NEED(NOT_MADE)))

	RULE("cublas-neighbour", CUBLAS, NEIGHBOUR(LIB_CUBLAS),
	     NEEDS(NEED(NO_LOAD) | NEED(NO_NATIVE) | NEED(NO_KERNELS)))
};

const size_t origin_table_count = sizeof(origin_table) / sizeof(origin_table[0]);
