/* The sentences behind a verdict. */
#include <inttypes.h>
#include <string.h>

#include "decoder/mem.h"
#include "decoder/origin.h"
#include "decoder/origin_input.h"
#include "decoder/origin_match.h"
#include "decoder/process_model.h"
#include "decoder/session_model.h"

struct evidence {
	char **list;
	size_t n, max;
};

/* Takes text. */
static void add(struct evidence *e, char *text)
{
	if (e->n < e->max)
		e->list[e->n++] = text;
	else
		free(text);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* What is installed from its package on, generated files by their name. */
static const char *python_name(const char *path)
{
	const char *packages = strstr(path, "-packages/");

	return packages ? packages + strlen("-packages/") : base_name(path);
}

static void say_place(struct evidence *e, const struct origin_input *in)
{
	if (in->source == SOURCE_MAPPED)
		add(e, mem_printf("image in %s at %" PRIu64, base_name(in->path.text), in->offset));
	else
		add(e, mem_printf("image is the file %s", base_name(in->path.text)));
}

static void say_compiler(struct evidence *e, const struct origin_input *in)
{
	const char *by = *in->compiler.text && !in->child_pid ? base_name(in->compiler.text) : NULL;
	static const char *const library[] = {
#define X(N, s) s,
		ORIGIN_COMPILERS(X)
#undef X
	};

	if (in->child_pid)
		add(e, mem_printf("%s pid %" PRIu64 " wrote these bytes", in->tool, in->child_pid));
	for (unsigned i = 0; i < ORIGIN_COMPILER_INDEX_CHILD; i++)
		if (in->made & 1u << i)
			add(e, mem_printf("%s gave these bytes%s%s", library[i],
					  by ? ", called from " : "", by ? by : ""));
	if (in->made & ORIGIN_MADE_BY_DRIVER_NVVM)
		add(e, mem_printf("the driver's JIT %s, from NVVM IR as NVRTC does it",
				  in->jit_compiled ? "compiled it" : "had it in its cache"));
	if (in->made & ORIGIN_MADE_BY_DRIVER)
		add(e, mem_printf("the driver's JIT %s", in->jit_compiled ? "compiled it" :
							 "had it in its cache"));
}

static void say_pattern(struct evidence *e, struct origin_matcher *m, size_t rule,
			enum origin_pattern p, const struct origin_input *in)
{
	const char *text = origin_match_text(m, rule, in, p);
	const char *pattern = origin_matcher_rule(m, rule)->pattern[p];

	switch (p) {
	case ORIGIN_PATTERN_path:
		say_place(e, in);
		break;
	case ORIGIN_PATTERN_caller:
		add(e, mem_printf("called from %s", base_name(text)));
		break;
	case ORIGIN_PATTERN_python:
		add(e, mem_printf("%s on the Python stack", python_name(text)));
		break;
	case ORIGIN_PATTERN_neighbour:
		add(e, mem_printf("loaded right after an image of %s", base_name(text)));
		break;
	case ORIGIN_PATTERN_kernel:
		add(e, mem_printf("kernel name %.80s%s matches %s", text,
				  strlen(text) > 80 ? "..." : "", pattern));
		break;
	default:
		break;
	}
}

static void say_rule(struct evidence *e, struct origin_matcher *m, size_t rule,
		     const struct origin_input *in)
{
	const struct origin_rule *r = origin_matcher_rule(m, rule);

	for (unsigned p = 0; p < ORIGIN_PATTERN_COUNT; p++)
		if (r->pattern[p])
			say_pattern(e, m, rule, (enum origin_pattern)p, in);
	if (!r->pattern[ORIGIN_PATTERN_path] &&
	    r->needs & (ORIGIN_NEED_PROGRAM | ORIGIN_NEED_LINKED))
		say_place(e, in);
	if (r->needs & ORIGIN_NEED_PROGRAM)
		add(e, mem_printf("that is the main program"));
	if (r->needs & ORIGIN_NEED_LINKED)
		add(e, mem_printf("ld wrote that file in this session"));
	say_compiler(e, in);
	if (origin_rule_by_name(r) && r->needs & ORIGIN_NEED_NO_NATIVE)
		add(e, mem_printf("no calling library is known: by name only"));
	if (r->images == 1u << IMAGE_PTX)
		add(e, mem_printf("the image is PTX, and no library above is known for it"));
}

/* Everything is known that could be, and yet no rule held: what was missing. */
static void say_unknown(struct evidence *e, const struct process *p, const struct origin_input *in)
{
	bool stacks = p->stacks.n_frames != 0;

	if (in->needs & ORIGIN_NEED_NO_LOAD)
		add(e, mem_printf("the call that loaded it is not known"));
	else if (in->redacted)
		add(e, mem_printf("the path of the image was redacted"));
	else if (in->source == SOURCE_MEMORY || in->source == SOURCE_STACK)
		add(e, mem_printf("the image was in memory"));
	if (!stacks)
		add(e, mem_printf("no stack was recorded in this process (--stacks off, or an "
				  "older tracer)"));
	else if (in->needs & ORIGIN_NEED_NO_NATIVE)
		add(e, mem_printf("no library above libcuda is known"));
	if (!in->kernel_count)
		add(e, mem_printf("it has no kernels"));
	else if (!in->n_kernels)
		add(e, mem_printf("the names of its kernels are not known"));
	else
		add(e, mem_printf("its kernel names match no rule"));
	say_compiler(e, in);
}

size_t origin_evidence(char **ret, size_t max, const struct session *s, const struct process *p,
		       size_t module)
{
	struct evidence e = { .list = ret, .max = max };
	struct origin_matcher *m = s->origins.matcher;
	struct origin_input in;

	if (!m || !p->origins)
		return 0;
	origin_input_of(&in, origin_matcher_collector(m, s, p), module);
	if (p->origins[module].rule == ORIGIN_NO_RULE)
		say_unknown(&e, p, &in);
	else
		say_rule(&e, m, p->origins[module].rule, &in);
	return e.n;
}
