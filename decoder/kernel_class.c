#include <string.h>

#include "decoder/origin.h"
#include "decoder/session_model.h"
#include "decoder/shape_mix.h"

/*
 * Which of PyTorch's kernels are what a compiler of models fuses: TensorIterator's elementwise kernels in
 * all their forms, reductions, softmax, normalisations, dropout, pooling and upsampling, the foreach kernels of
 * optimizers.
 */
static const char *const fused_by_compilers[] = {
	"elementwise_kernel", "reduce_kernel", "oft_max", "oftMax", "oftmax", "layer_norm",
	"LayerNorm", "GammaBeta", "RowwiseMoments", "GroupNorm", "group_norm", "rms_norm", "RMSNorm",
	"batch_norm", "dropout_kernel", "avg_pool", "max_pool", "upsample", "multi_tensor_apply", NULL
};

/*
 * Not these, though their names are of the same form. Copies, casts, fills and ranges: a program prepares
 * inputs and caches with them around a compiled graph. Gather, scatter, index and random numbers: the embedding's
 * lookup, the cache's update and the choice of a token stand outside compiled graphs as often as inside,
 * and compiled code calls the same kernels where the compiler has no better one. One of them proves nothing,
 * and an eager model has the others too.
 */
static const char *const around_compiled_code[] = {
	"copy_kernel", "FillFunctor", "CopyI", "RangeFactories", "index_elementwise_kernel",
	"scatter_gather_elementwise", "_scatter_", "distribution_elementwise", "DistributionNormal", NULL
};

static bool has(const char *name, const char *const *words)
{
	for (; *words; words++)
		if (strstr(name, *words))
			return true;
	return false;
}

enum kernel_class kernel_class_of(const struct session *s, uint32_t name)
{
	const char *text = names_text(&s->names, name);
	struct origin_kernel k;

	origin_of_kernel(&k, s, name);
	switch ((enum origin_id)k.verdict.id) {
	case ORIGIN_UNKNOWN:
		return KERNEL_CLASS_UNKNOWN;
	case ORIGIN_INDUCTOR:
	case ORIGIN_XLA:
	case ORIGIN_TVM:
	case ORIGIN_TENSORRT:
		return KERNEL_CLASS_COMPILER;
	case ORIGIN_TRITON:
	case ORIGIN_CUPY:
	case ORIGIN_NUMBA:
	case ORIGIN_CUTE_DSL:
	case ORIGIN_NVRTC:
	case ORIGIN_PTX_JIT:
	case ORIGIN_NVJITLINK:
	case ORIGIN_NVCC:
		return KERNEL_CLASS_WRITTEN;
	case ORIGIN_JITERATOR: /* an elementwise operation of PyTorch that it compiles when it is first used */
		return KERNEL_CLASS_EAGER;
	case ORIGIN_TORCH:
		return has(text, fused_by_compilers) && !has(text, around_compiled_code) ?
			       KERNEL_CLASS_EAGER :
			       KERNEL_CLASS_LIBRARY;
	case ORIGIN_CUBLAS:
	case ORIGIN_CUDNN:
	case ORIGIN_CUDNN_JIT:
	case ORIGIN_NVLIB:
	case ORIGIN_FLASHINFER:
	case ORIGIN_TORCH_EXT:
	case ORIGIN_LLAMA_CPP:
	case ORIGIN_APP:
	case ORIGIN_USER: /* a rule of the user's hides what made it: not a compiler's, so not compiled */
	case ORIGIN_COUNT:
		break;
	}
	return KERNEL_CLASS_LIBRARY;
}

const char *kernel_class_name(enum kernel_class cls)
{
	static const char *const names[] = {
#define X(N, s, t) s,
		KERNEL_CLASSES(X)
#undef X
	};

	return names[cls];
}

const char *kernel_class_text(enum kernel_class cls)
{
	static const char *const texts[] = {
#define X(N, s, t) t,
		KERNEL_CLASSES(X)
#undef X
	};

	return texts[cls];
}
