/*
 * shape_mix: what the passes of each shape are made of: kernels by name and by class, run one by one or
 * inside replays. Summed up from what each pass ran (pass_work.h), after passes_find(). Passes of one shape ran the
 * same kernels, so the mix is kept by shape and memory does not follow the number of passes.
 *
 * Times ns, sums over the passes of the shape. No errors; one thread.
 */
#ifndef JITNESS_DECODER_SHAPE_MIX_H
#define JITNESS_DECODER_SHAPE_MIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct process;
struct session;

/*
 * What running a kernel says about how the model was run. X(NAME, "name in reports", "what it is").
 * From the kernel's origin (origin.h) and, for EAGER, its name. Append-only: names reach scripts.
 */
#define KERNEL_CLASSES(X)                                                                          \
	X(UNKNOWN, "unknown", "its origin is unknown")                                             \
	X(COMPILER, "compiler", "written by a compiler of models: Inductor, XLA, TVM, TensorRT")  \
	X(WRITTEN, "written", "compiled at run time from code that someone wrote: Triton, CuPy, NVRTC ...") \
	X(EAGER, "eager", "a framework's own elementwise kernel or reduction, which a compiler would fuse") \
	X(LIBRARY, "library", "any other kernel that was shipped: GEMM, attention, copies, the application's")
enum kernel_class {
#define X(N, s, t) KERNEL_CLASS_##N,
	KERNEL_CLASSES(X)
#undef X
	KERNEL_CLASS_COUNT
};

struct shape_kernel {
	uint32_t name;     /* session's names */
	uint8_t cls;       /* enum kernel_class */
	uint64_t count;    /* launches of its own */
	uint64_t ns;       /* of those, GPU time; 0: not known */
	uint64_t replayed; /* executions inside replays; their time is known at level node only */
};

struct shape_mix {
	uint64_t passes;                       /* that were read */
	uint64_t kernels[KERNEL_CLASS_COUNT];  /* launched one by one */
	uint64_t ns[KERNEL_CLASS_COUNT];       /* of these */
	uint64_t replayed[KERNEL_CLASS_COUNT]; /* inside replays */
	uint64_t replays, replay_ns;           /* of whole graphs */
	uint64_t compiler_replays, compiler_replay_ns; /* of these, graphs with a COMPILER kernel */
	uint64_t unlisted_replays;             /* of graphs whose kernels are not known */
	struct shape_kernel *list;             /* by total time, then count, then name */
	size_t n, cap;
};

/* Of a process: by shape, as in p->passes.shapes. */
struct shape_mixes {
	struct shape_mix *list;
	size_t n;
};

/* *ret must be released with shape_mixes_release(). Empty when there are no passes. */
void shape_mixes_find(struct shape_mixes *ret, const struct session *s, size_t process);
void shape_mixes_release(struct shape_mixes *m);

/* Of a kernel by its name (session's names). */
enum kernel_class kernel_class_of(const struct session *s, uint32_t name);
const char *kernel_class_name(enum kernel_class cls);
const char *kernel_class_text(enum kernel_class cls);

/*
 * How alike what two shapes run is: the weight of kernels common to both by name, min(count) over max(count) per
 * pass, summed over names; 0..1. For matching a shape with the reference's or another session's. classes: bits
 * 1 << enum kernel_class of the kernels that are looked at.
 */
double shape_mix_alike_in(const struct session *a, const struct shape_mix *x, const struct session *b,
			  const struct shape_mix *y, unsigned classes);
double shape_mix_alike(const struct session *a, const struct shape_mix *x, const struct session *b,
		       const struct shape_mix *y);

#endif
