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

#include "decoder/idmap.h"

struct origin_matcher;
struct origin_rules;
struct process;
struct session;

/* X(NAME, "name in reports", how it comes to be, "what it is"); append-only: scripts use names. */
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
	X(USER, "user", EITHER, "a rule of --origin-rules; its name is the user's")       \
	X(NVJITLINK, "nvjitlink", RUNTIME, "nvJitLink, nvPTXCompiler called by anything else") \
	X(NVCC, "nvcc", RUNTIME, "code that nvcc or ptxas wrote for anything else")

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

/* What a verdict rests on, the most trusted first. */
enum origin_basis {
	ORIGIN_BY_NOTHING,    /* unknown */
	ORIGIN_BY_USER,       /* a rule of --origin-rules */
	ORIGIN_BY_PROVENANCE, /* image, calling library, Python stack, compiler */
	ORIGIN_BY_NAME,       /* kernel names alone */
	ORIGIN_BY_NEIGHBOUR,  /* what the same thread loaded just before */
};

#define ORIGIN_NO_RULE UINT16_MAX

struct origin_verdict {
	uint8_t id;         /* enum origin_id */
	uint8_t basis;      /* enum origin_basis */
	uint16_t rule;      /* the user's rules, then origin_table; or ORIGIN_NO_RULE */
	uint32_t user_name; /* session's names, when id is ORIGIN_USER */
};

/* Of a kernel's name in a session: the verdict on the module that was loaded last with it. */
struct origin_kernel {
	struct origin_verdict verdict;
	uint64_t time; /* of that module */
	bool mixed;    /* modules of several origins hold a kernel of this name */
};

/* Of a session; all zeros: nothing decided yet. */
struct origins {
	const struct origin_rules *user; /* borrowed; NULL: none */
	uint32_t *user_names; /* session's names, by user rule */
	struct origin_matcher *matcher;
	struct origin_kernel *kernels;
	size_t n_kernels, kernels_cap;
	struct idmap kernel_by_name;
};

/*
 * Decides for every module of every process: p->origins[i] belongs to p->modules.modules[i].
 * Once, after session_load(). The user's rules (origin_rules.h; NULL: none) come before the
 * table and must outlive the session.
 */
void origins_decide(struct session *s, const struct origin_rules *user);
void origins_release(struct origins *o);

/* "inductor", or the user's name for it. Borrowed from the session, or static. */
const char *origin_name(const struct session *s, const struct origin_verdict *v);
/* "provenance", "name", "neighbour", "user"; NULL for unknown. */
const char *origin_basis_name(enum origin_basis basis);
/* The id of the rule that decided ("cublas-caller"); NULL: none did. */
const char *origin_rule_id(const struct session *s, const struct origin_verdict *v);

/*
 * Of a kernel by its name (session's names): from the modules that hold it; when no module is
 * known, from the rules about names alone (basis ORIGIN_BY_NAME). ret->time is 0 then.
 */
void origin_of_kernel(struct origin_kernel *ret, const struct session *s, uint32_t name);

/*
 * Why: short sentences about what decided, or, for unknown, what is missing. At most max;
 * returns how many. Caller frees each.
 */
#define ORIGIN_EVIDENCE_MAX 8
size_t origin_evidence(char **ret, size_t max, const struct session *s, const struct process *p,
		       size_t module);
/*
 * One line for each rule up to the one that decided: its id and the first condition that did
 * not hold. Calls tell() for each; the texts are valid only meanwhile.
 */
void origin_tried(const struct session *s, const struct process *p, size_t module,
		  void (*tell)(void *arg, const char *rule, const char *why), void *arg);

const char *origin_id_name(enum origin_id id);
const char *origin_id_text(enum origin_id id);
enum origin_made origin_id_made(enum origin_id id);

#endif
