#include "decoder/trigger.h"

#include <ctype.h>
#include <string.h>

#include "decoder/name_table.h"
#include "decoder/stack_table.h"
#include "trace/event.h"

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* What a shared trace has in place of the user's directories (trace/redact.h). */
#define REDACTED "<path>"

/* 'c' and a hash in base 32 (51 characters), ".py", in a directory of its first two letters. */
#define HASH_MIN 40

bool trigger_generated(const char *file)
{
	const char *base = base_of(file);
	size_t n = 0;

	while (islower((unsigned char)base[n]) || isdigit((unsigned char)base[n]))
		n++;
	if (*base != 'c' || n < HASH_MIN || strcmp(base + n, ".py"))
		return false;
	if (!strncmp(file, REDACTED, sizeof(REDACTED) - 1))
		return true; /* without the directory */
	return base - file >= 4 && base[-4] == '/' && base[-3] == base[1] && base[-2] == base[2];
}

/* Whole packages: nobody edits what is installed there. */
static bool in_package(const char *file)
{
	static const char *const roots[] = { "/site-packages/", "/dist-packages/" };
	static const char *const packages[] = { "torch",	 "functorch", "triton", "jax",
						"jaxlib",	 "cupy",      "cupyx",  "numba",
						"cupy_backends", "jax_plugins", "numba_cuda",
						"cutlass",	 "nvidia_cutlass_dsl" };

	for (size_t r = 0; r < sizeof(roots) / sizeof(*roots); r++) {
		const char *p = strstr(file, roots[r]);

		if (!p)
			continue;
		p += strlen(roots[r]);
		for (size_t i = 0; i < sizeof(packages) / sizeof(*packages); i++) {
			size_t n = strlen(packages[i]);

			if (!strncmp(p, packages[i], n) && p[n] == '/')
				return true;
		}
	}
	return false;
}

bool trigger_machinery(const char *file)
{
	static const char *const bases[] = { "contextlib.py", "functools.py", "threading.py",
					     "_bootstrap.py", "_bootstrap_external.py" };
	/* From a source tree rather than an installed package. */
	static const char *const parts[] = { "/torch/_dynamo/",	   "/torch/_inductor/",
					     "/torch/_functorch/", "/torch/nn/modules/",
					     "/torch/utils/",	   "/triton/runtime/",
					     "/triton/compiler/",  "/importlib/",
					     "/concurrent/futures/" };

	if (!*file || trigger_generated(file) || in_package(file))
		return true;
	if (*file == '<') /* <string>, <frozen importlib._bootstrap> ... */
		return strncmp(file, REDACTED, sizeof(REDACTED) - 1) != 0;
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (strstr(file, parts[i]))
			return true;
	for (size_t i = 0; i < sizeof(bases) / sizeof(*bases); i++)
		if (!strcmp(base_of(file), bases[i]))
			return true;
	return false;
}

/* What is between the caller and the driver. */
static bool cuda_library(const char *path)
{
	static const char *const names[] = { "libcuda.so", "libcudart", "libjitness",
					     "libnvrtc", "libcupti" };
	const char *base = base_of(path);

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strncmp(base, names[i], strlen(names[i])))
			return true;
	return false;
}

static const struct stack_frame *native_caller(const struct stack_table *t,
					       const struct names *names, uint64_t native)
{
	const struct stack_frame *frame[STACK_DEPTH_MAX];
	size_t n = stack_walk(t, native, frame, STACK_DEPTH_MAX);

	for (size_t i = 0; i < n; i++)
		if (frame[i]->object != STACK_NONE &&
		    !cuda_library(names_text(names, t->objects[frame[i]->object].path)))
			return frame[i];
	return n ? frame[0] : NULL;
}

/* Does Dynamo start a compiled function here? (Its other wrapper there switches itself off.) */
static bool enters_compiled(const struct names *names, const struct stack_frame *f)
{
	return strstr(names_text(names, f->file), "/torch/_dynamo/eval_frame.py") &&
	       strncmp(names_text(names, f->function), "DisableContext", 14) != 0;
}

struct trigger trigger_of(const struct stack_table *t, const struct names *names, uint32_t tid,
			  uint64_t python, uint64_t native)
{
	struct trigger ret = { .tid = tid, .python = python, .native = native };
	const struct stack_frame *frame[STACK_DEPTH_MAX];
	size_t n = stack_walk(t, python, frame, STACK_DEPTH_MAX);
	bool outside = true; /* of every compiled function */

	for (size_t i = 0; i < n; i++) {
		const char *file;

		if (frame[i]->type != FRAME_IS_PYTHON)
			continue;
		file = names_text(names, frame[i]->file);
		/* The outermost is the graph's; inside it may be those of its kernels. */
		if (!ret.user && trigger_generated(file))
			ret.generated = frame[i];
		if ((!ret.user || !outside) && !trigger_machinery(file)) {
			ret.user = frame[i];
			outside = true;
		}
		if (enters_compiled(names, frame[i]))
			outside = false;
	}
	ret.caller = native_caller(t, names, native);
	return ret;
}

bool trigger_same(const struct trigger *a, const struct trigger *b)
{
	if (!a->user || !b->user)
		return true;
	return a->user->file == b->user->file && a->user->line == b->user->line &&
	       a->user->function == b->user->function;
}
