#include "decoder/origin_input.h"

#include <string.h>

#include "decoder/mem.h"
#include "decoder/name_table.h"
#include "decoder/process_model.h"
#include "decoder/session_model.h"

/* A module that no load call is known for: how long before it the call may have ended. */
#define NEIGHBOUR_NS 10000000u

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool origin_library_is_driver(const char *path)
{
	static const char *const begins[] = {
		"libcuda.so", "libcuda-", "libcudart", "libcupti", "libjitness",
		"libnvidia-ptxjitcompiler", "libnvidia-nvvm", "libcudadebugger",
		"libcheckpoint",
	};
	const char *base = base_name(path);

	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		if (!strncmp(base, begins[i], strlen(begins[i])))
			return true;
	return false;
}

static int by_thread_and_time(const void *a, const void *b)
{
	const struct origin_by_time *x = a, *y = b;

	if (x->tid != y->tid)
		return x->tid < y->tid ? -1 : 1;
	return x->start < y->start ? -1 : x->start > y->start;
}

void origin_collector_init(struct origin_collector *c, const struct session *s,
			   const struct process *p)
{
	const struct module_table *t = &p->modules;
	const char *exe = process_info(p, "exe", NULL);

	*c = (struct origin_collector){ .session = s, .process = p, .program = exe ? exe : "" };
	c->by_time = mem_zalloc(t->n_loads, sizeof(*c->by_time));
	for (size_t i = 0; i < t->n_loads; i++)
		c->by_time[i] = (struct origin_by_time){ t->loads[i].start, t->loads[i].tid,
							 (uint32_t)i };
	c->load_nvvm = mem_zalloc(t->n_loads, sizeof(bool));
	c->module_nvvm = mem_zalloc(t->n_modules, sizeof(bool));
	for (size_t i = 0; i < t->n_jits; i++) {
		const struct jit_record *j = &t->jits[i];

		if (j->entry == JIT_FROM_NVVM && j->load < t->n_loads)
			c->load_nvvm[j->load] = true;
		if (j->entry == JIT_FROM_NVVM && j->module < t->n_modules)
			c->module_nvvm[j->module] = true;
	}
	if (t->n_loads)
		qsort(c->by_time, t->n_loads, sizeof(*c->by_time), by_thread_and_time);
}

void origin_collector_release(struct origin_collector *c)
{
	free(c->by_time);
	free(c->load_nvvm);
	free(c->module_nvvm);
	idmap_release(&c->linked);
	idmap_release(&c->callers);
	*c = (struct origin_collector){ 0 };
}

static struct origin_text text_of(const struct origin_collector *c, uint32_t name)
{
	if (name == MODULES_NONE)
		return (struct origin_text){ "", ORIGIN_NO_KEY };
	return (struct origin_text){ names_text(&c->session->names, name), name };
}

/* The load before on the module's thread, when it ended just before; NULL: none. */
static const struct module_load *neighbour_of(const struct origin_collector *c,
					      const struct module *m)
{
	const struct module_table *t = &c->process->modules;
	size_t lo = 0, hi = t->n_loads;
	const struct module_load *l;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct origin_by_time *x = &c->by_time[mid];

		if (x->tid < m->tid || (x->tid == m->tid && x->start <= m->time))
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || c->by_time[lo - 1].tid != m->tid)
		return NULL;
	l = &t->loads[c->by_time[lo - 1].load];
	return m->time <= l->end || m->time - l->end <= NEIGHBOUR_NS ? l : NULL;
}

static struct origin_text caller_of(struct origin_collector *c, uint64_t native)
{
	const struct stack_table *t = &c->process->stacks;
	const struct stack_frame *frames[STACK_DEPTH_MAX];
	uint32_t at = native ? idmap_get(&c->callers, native) : 0;

	if (at == IDMAP_NONE) {
		size_t n = stack_walk(t, native, frames, STACK_DEPTH_MAX);

		at = 0;
		for (size_t i = 0; i < n && !at; i++) {
			uint32_t object = frames[i]->object;

			if (frames[i]->type == FRAME_IS_NATIVE && object < t->n_objects &&
			    !origin_library_is_driver(names_text(&c->session->names,
								 t->objects[object].path)))
				at = object + 1;
		}
		idmap_put(&c->callers, native, at);
	}
	return text_of(c, at ? t->objects[at - 1].path : MODULES_NONE);
}

static void python_of(struct origin_input *in, const struct origin_collector *c, uint64_t python)
{
	const struct stack_table *t = &c->process->stacks;
	const struct stack_frame *frames[ORIGIN_PYTHON_MAX];
	size_t n = stack_walk(t, python, frames, ORIGIN_PYTHON_MAX);

	in->python_key = n ? (uint32_t)(frames[0] - t->frames) : ORIGIN_NO_KEY;
	for (size_t i = 0; i < n; i++)
		if (frames[i]->type == FRAME_IS_PYTHON && frames[i]->file != STACK_NONE)
			in->python[in->n_python++] = text_of(c, frames[i]->file);
}

static bool wrote(const struct child *child, const char *path)
{
	size_t n = strlen(child->cwd);

	if (child->tool != CHILD_TOOL_LD && child->tool != CHILD_TOOL_COLLECT2 &&
	    child->tool != CHILD_TOOL_GXX && child->tool != CHILD_TOOL_NVCC)
		return false;
	if (!*child->output || child->output[0] == '/')
		return !strcmp(child->output, path);
	return n && !strncmp(path, child->cwd, n) && path[n] == '/' &&
	       !strcmp(path + n + 1, child->output);
}

static bool linked_here(struct origin_collector *c, const struct origin_text *path)
{
	const struct children *list = &c->session->children;
	uint32_t known = idmap_get(&c->linked, path->key);

	if (known == IDMAP_NONE) {
		known = 0;
		for (size_t i = 0; i < list->n && !known; i++)
			known = wrote(&list->list[i], path->text);
		idmap_put(&c->linked, path->key, known);
	}
	return known;
}

static uint32_t compiler_bit(uint32_t compiler)
{
	switch (compiler) {
	case COMPILER_NVRTC:
		return ORIGIN_MADE_BY_NVRTC;
	case COMPILER_NVJITLINK:
		return ORIGIN_MADE_BY_NVJITLINK;
	case COMPILER_NVVM:
		return ORIGIN_MADE_BY_NVVM;
	case COMPILER_NVPTX:
		return ORIGIN_MADE_BY_NVPTX;
	default:
		return 0;
	}
}

/* Bytes with the same hash that a compiler wrote or gave back. */
static void maker_of_bytes(struct origin_input *in, struct origin_collector *c, uint64_t hash,
			   uint64_t time)
{
	const struct compile_table *t = &c->process->compiles;
	const struct compile_code *code = compile_code_of(t, hash, time);
	const struct child *child = children_by_hash(&c->session->children, hash, NULL);

	if (code && compiler_bit(code->compiler)) {
		in->made |= compiler_bit(code->compiler);
		if (code->call < t->n_calls)
			in->compiler = caller_of(c, t->calls[code->call].native);
	}
	if (child) {
		in->made |= ORIGIN_MADE_BY_CHILD;
		in->compiler = (struct origin_text){ child->exe, ORIGIN_NO_KEY };
		in->child_pid = child->pid;
		in->tool = child_tool_name(child->tool);
	}
}

static bool jit_did(struct origin_input *in, const struct jit_work *w)
{
	in->jit_compiled |= w->misses != 0;
	return w->misses || w->hits;
}

static void makers_of(struct origin_input *in, struct origin_collector *c, const struct module *m,
		      const struct module_load *l)
{
	const struct module_table *t = &c->process->modules;

	maker_of_bytes(in, c, m->hash, m->time);
	if (l && l->hash != m->hash)
		maker_of_bytes(in, c, l->hash, m->time);
	if (jit_did(in, &m->jit) | (l && jit_did(in, &l->jit)))
		in->made |= c->module_nvvm[m - t->modules] || (l && c->load_nvvm[l - t->loads]) ?
				    ORIGIN_MADE_BY_DRIVER_NVVM : ORIGIN_MADE_BY_DRIVER;
}

static void kernels_of(struct origin_input *in, const struct origin_collector *c,
		       const struct module *m)
{
	const struct module_names *names = module_kernels(&c->process->modules, m);

	in->kernel_count = m->kernels;
	for (size_t i = 0; names && i < names->n && i < ORIGIN_KERNELS_MAX; i++)
		in->kernels[in->n_kernels++] = text_of(c, names->kernels[i]);
	if (!in->kernel_count && names)
		in->kernel_count = names->n;
}

/* A path that redaction left nothing of but its extension. */
static bool taken_out(const char *path)
{
	return !strncmp(path, "<path>", 6);
}

uint32_t origin_input_needs(const struct origin_input *in, bool loaded, bool program, bool linked)
{
	uint32_t needs = 0;
	bool file = *in->path.text && (in->source == SOURCE_MAPPED || in->source == SOURCE_PATH);

	if (!*in->caller.text)
		needs |= ORIGIN_NEED_NO_NATIVE;
	if (!in->n_python)
		needs |= ORIGIN_NEED_NO_PYTHON;
	if (!loaded)
		needs |= ORIGIN_NEED_NO_LOAD;
	if (!in->kernel_count)
		needs |= ORIGIN_NEED_NO_KERNELS;
	if (in->kernel_count == 1)
		needs |= ORIGIN_NEED_ONE_KERNEL;
	if (!in->made)
		needs |= ORIGIN_NEED_NOT_MADE;
	if (!file || in->redacted)
		needs |= ORIGIN_NEED_NO_PLACE;
	if (program)
		needs |= ORIGIN_NEED_PROGRAM;
	if (linked)
		needs |= ORIGIN_NEED_LINKED;
	return needs;
}

void origin_input_of(struct origin_input *ret, struct origin_collector *c, size_t module)
{
	const struct module_table *t = &c->process->modules;
	const struct module *m = &t->modules[module];
	const struct module_load *l = m->load == MODULES_NONE ? NULL : &t->loads[m->load];
	const struct module_load *near = l ? NULL : neighbour_of(c, m);
	const struct origin_text none = { "", ORIGIN_NO_KEY };
	uint32_t image = l ? l->image : m->image;
	bool mapped;

	/* Not = {0}: the lists are 2 KiB. */
	ret->n_python = ret->n_kernels = 0;
	ret->made = 0;
	ret->child_pid = 0;
	ret->tool = NULL;
	ret->jit_compiled = false;
	ret->compiler = none;
	ret->offset = l ? l->offset : 0;
	ret->image = image <= IMAGE_OTHER ? image : IMAGE_OTHER;
	ret->source = l && l->source <= SOURCE_STACK ? l->source : SOURCE_UNKNOWN;
	ret->path = text_of(c, l ? l->path : MODULES_NONE);
	ret->neighbour = text_of(c, near ? near->path : MODULES_NONE);
	ret->redacted = taken_out(ret->path.text);
	ret->caller = caller_of(c, l && l->native ? l->native : m->native);
	python_of(ret, c, l && l->python ? l->python : m->python);
	kernels_of(ret, c, m);
	makers_of(ret, c, m, l);
	mapped = *ret->path.text && ret->source == SOURCE_MAPPED;
	ret->needs = origin_input_needs(
		ret, l != NULL,
		mapped && !strcmp(ret->path.text, ret->redacted ? "<path>" : c->program),
		mapped && c->session->children.n && linked_here(c, &ret->path));
}
