/*
 * origin: which compiler or library a module comes from. One table of rules (origin_table.c,
 * told in docs/origins.md): provenance first (where the image lay, what kind it was, which
 * library called, what was compiled just before), names second. Every decision keeps the
 * evidence that made it; what no rule proves is `unknown`.
 */
#ifndef JITNESS_DECODER_ORIGIN_H
#define JITNESS_DECODER_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(NAME, "name in reports", how it comes to be, "what it is"); append-only: names reach scripts. */
#define ORIGIN_MADE(X) X(RUNTIME) X(SHIPPED) X(EITHER)
#define ORIGINS(X)                                                                       \
	X(UNKNOWN, "unknown", EITHER, "no rule applies")                                 \
	X(INDUCTOR, "inductor", RUNTIME, "torch.compile's Inductor")                     \
	X(TRITON, "triton", RUNTIME, "a Triton kernel of the user or a library")         \
	X(TORCH, "torch", SHIPPED, "PyTorch's own kernels (eager)")                      \
	X(JITERATOR, "jiterator", RUNTIME, "PyTorch's jiterator (NVRTC)")                \
	X(XLA, "xla", RUNTIME, "JAX, TensorFlow")                                        \
	X(CUPY, "cupy", RUNTIME, "CuPy, its RawKernels too")                             \
	X(NUMBA, "numba", RUNTIME, "Numba")                                              \
	X(CUTE_DSL, "cute_dsl", RUNTIME, "CUTLASS Python DSL")                           \
	X(NVRTC, "nvrtc", RUNTIME, "NVRTC called by anything else")                      \
	X(CUBLAS, "cublas", SHIPPED, "cuBLAS and cuBLASLt, also images they unpack")     \
	X(CUDNN, "cudnn", SHIPPED, "cuDNN's precompiled kernels")                        \
	X(CUDNN_JIT, "cudnn_jit", RUNTIME, "cuDNN's run-time compiled engines")          \
	X(NVLIB, "nvlib", SHIPPED, "another NVIDIA library (NCCL, cuFFT, NPP ...)")      \
	X(FLASHINFER, "flashinfer", EITHER, "FlashInfer")                                \
	X(TORCH_EXT, "torch_ext", EITHER, "an extension built with torch.utils.cpp_extension") \
	X(TENSORRT, "tensorrt", EITHER, "TensorRT")                                      \
	X(TVM, "tvm", RUNTIME, "TVM, MLC")                                               \
	X(LLAMA_CPP, "llama_cpp", SHIPPED, "llama.cpp, ggml")                            \
	X(PTX_JIT, "ptx_jit", RUNTIME, "PTX of anything else, compiled by the driver")   \
	X(APP, "app", SHIPPED, "the application's own fatbin")                           \
	X(USER, "user", EITHER, "a rule of --origin-rules; its name is the user's")

enum origin_made {
#define X(N) ORIGIN_MADE_##N,
	ORIGIN_MADE(X)
#undef X
};
enum origin_id {
#define X(N, s, made, text) ORIGIN_##N,
	ORIGINS(X)
#undef X
	ORIGIN_COUNT
};

#endif
