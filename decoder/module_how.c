#include "decoder/module_how.h"

#include <string.h>

#include "decoder/idmap.h"
#include "decoder/mem.h"
#include "decoder/module_table.h"
#include "decoder/origin.h"
#include "decoder/process_model.h"
#include "decoder/session_model.h"

/* A session's knowledge that more than one module is asked about. */
struct evidence {
	const struct session *s;
	struct idmap built;  /* session's name of a path -> child that linked it */
	struct idmap before; /* hash -> 1: the image was loaded already, by any process */
};

struct verdict {
	enum module_how how;
	const char *why;
};

static bool links(enum child_tool tool)
{
	return tool == CHILD_TOOL_LD || tool == CHILD_TOOL_COLLECT2 || tool == CHILD_TOOL_NVCC ||
	       tool == CHILD_TOOL_GCC || tool == CHILD_TOOL_GXX || tool == CHILD_TOOL_CLANG;
}

static void index_built(struct evidence *e, struct names *names)
{
	const struct children *c = &e->s->children;

	for (size_t i = 0; i < c->n; i++) {
		const struct child *child = &c->list[i];
		SCOPED_FREE char *path = NULL;

		if (!links(child->tool) || !*child->output)
			continue;
		path = *child->output == '/' ? mem_text(child->output, strlen(child->output)) :
					       mem_printf("%s/%s", child->cwd, child->output);
		idmap_put(&e->built, names_put(names, path, strlen(path)), (uint32_t)i);
	}
}

bool module_jit_seen(const struct process *p)
{
	const char *reason;

	return !strcmp(process_gpu_records(p, &reason), "full") || p->modules.n_jits;
}

bool module_compilers_seen(const struct session *s, const struct process *p)
{
	return process_info(p, "compilers", NULL) || p->stacks.n_frames || p->compiles.n_calls ||
	       s->children.n;
}

static enum origin_id origin_of(const struct process *p, size_t module)
{
	return p->origins ? p->origins[module].id : ORIGIN_UNKNOWN;
}

static bool child_made(const struct session *s, const struct module *m)
{
	for (const struct child *c = NULL; (c = children_by_hash(&s->children, m->hash, c));)
		if (c->start <= m->time)
			return true;
	return false;
}

/* What the driver's cache said while compiler libraries worked. */
static void count_requests(struct process *p)
{
	for (size_t i = 0; i < p->modules.n_jits; i++) {
		const struct jit_record *j = &p->modules.jits[i];
		uint32_t call = j->first ? compile_call_at(&p->compiles, j->tid, j->start) :
					   COMPILES_NONE;

		if (call == COMPILES_NONE)
			continue;
		p->compiles.calls[call].jit_misses += j->miss;
		p->compiles.calls[call].jit_hits += !j->miss;
	}
}

static bool call_hit_cache(const struct process *p, uint32_t call)
{
	return call != COMPILES_NONE && p->compiles.calls[call].jit_hits &&
	       !p->compiles.calls[call].jit_misses;
}

static struct verdict by_compiler(const struct evidence *e, const struct process *p,
				  const struct module *m)
{
	const struct compile_code *code = compile_code_of(&p->compiles, m->hash, m->time);

	if (code && call_hit_cache(p, code->call))
		return (struct verdict){ MODULE_COMPILED,
					 "a compiler library made it, with the driver's cache" };
	if (code)
		return (struct verdict){ MODULE_COMPILED, "a compiler library made these bytes" };
	if (child_made(e->s, m))
		return (struct verdict){ MODULE_COMPILED, "a compiler process made these bytes" };
	return (struct verdict){ MODULE_UNKNOWN, NULL };
}

static struct verdict by_driver(const struct module *m, const struct module_load *l)
{
	if (m->jit.misses || (l && l->jit.misses))
		return (struct verdict){ MODULE_COMPILED, "the driver compiled it" };
	if (m->jit.hits || (l && l->jit.hits))
		return (struct verdict){ MODULE_CACHED, "the driver's compute cache had it" };
	return (struct verdict){ MODULE_UNKNOWN, NULL };
}

/* Code that came in a library or an application; NULL why: it did not. */
static struct verdict by_shipping(const struct evidence *e, const struct process *p,
				  const struct module_load *l, enum origin_made made)
{
	if (l && l->source == SOURCE_MAPPED && l->path != MODULES_NONE &&
	    idmap_get(&e->built, l->path) != IDMAP_NONE)
		return (struct verdict){ MODULE_COMPILED,
					 "the library that holds it was built in this session" };
	if (l && l->source == SOURCE_MAPPED && l->image == IMAGE_FATBIN && module_jit_seen(p))
		return (struct verdict){ MODULE_LOADED, "a fatbin in a library" };
	if (l && l->source == SOURCE_MAPPED && l->image == IMAGE_CUBIN)
		return (struct verdict){ MODULE_LOADED, "machine code in a library" };
	if (made == ORIGIN_MADE_SHIPPED)
		return (struct verdict){ MODULE_LOADED, "its library ships it" };
	return (struct verdict){ MODULE_UNKNOWN, NULL };
}

/* Origins that find their compiler library by dlsym. */
static bool by_dlsym(enum origin_id origin)
{
	return origin == ORIGIN_CUPY || origin == ORIGIN_JITERATOR || origin == ORIGIN_NUMBA ||
	       origin == ORIGIN_NVRTC;
}

static struct verdict by_absence(const struct evidence *e, const struct process *p,
				 const struct module *m, enum origin_id origin)
{
	const char *compilers = process_info(p, "compilers", NULL);

	if (m->hash && idmap_get(&e->before, m->hash) != IDMAP_NONE)
		return (struct verdict){ MODULE_CACHED,
					 "the same code was loaded before in this session" };
	if (origin == ORIGIN_XLA)
		return (struct verdict){ MODULE_UNKNOWN,
					 "no compiler seen; XLA can compile with a compiler linked "
					 "into itself" };
	if (origin == ORIGIN_TENSORRT || origin == ORIGIN_CUTE_DSL || origin == ORIGIN_TVM ||
	    origin == ORIGIN_CUDNN_JIT)
		return (struct verdict){ MODULE_UNKNOWN,
					 "no compiler seen; it can compile with a compiler linked "
					 "into itself" };
	if (p->compiles.unlisted || e->s->children.unlisted || p->lost)
		return (struct verdict){ MODULE_UNKNOWN,
					 "no compiler seen, but records were lost" };
	if (by_dlsym(origin) && compilers && !strcmp(compilers, "linked"))
		return (struct verdict){ MODULE_UNKNOWN,
					 "compilers found by dlsym were not watched (--dlsym 0)" };
	if (!module_compilers_seen(e->s, p))
		return (struct verdict){ MODULE_UNKNOWN,
					 "the trace does not say whether compilers ran" };
	return (struct verdict){ MODULE_CACHED, "no compiler ran for it in this session" };
}

/*
 * The driver had to compile it, or found it in its cache, and nobody saw which: what is known
 * is who made its text.
 */
static struct verdict by_text(const struct evidence *e, const struct process *p,
			      const struct module_load *l)
{
	const struct module text = { .hash = l->hash, .time = l->end };
	const struct verdict v = by_compiler(e, p, &text);

	if (v.how == MODULE_COMPILED)
		return (struct verdict){ MODULE_COMPILED, "a compiler library made its PTX" };
	return (struct verdict){ MODULE_UNKNOWN, "the driver's JIT was not recorded" };
}

static struct verdict decide(const struct evidence *e, const struct process *p, size_t i)
{
	const struct module *m = &p->modules.modules[i];
	const struct module_load *l = m->load == MODULES_NONE ? NULL : &p->modules.loads[m->load];
	enum origin_id origin = origin_of(p, i);
	enum origin_made made = origin_id_made(origin);
	struct verdict v = by_compiler(e, p, m);

	if (!v.why)
		v = by_driver(m, l);
	if (!v.why && l && l->image == IMAGE_PTX && !module_jit_seen(p))
		v = by_text(e, p, l);
	if (!v.why)
		v = by_shipping(e, p, l, made);
	if (!v.why && l && l->image == IMAGE_FATBIN && !module_jit_seen(p))
		v = by_text(e, p, l);
	if (!v.why && made == ORIGIN_MADE_RUNTIME)
		v = by_absence(e, p, m, origin);
	if (v.why)
		return v;
	if (l && l->image == IMAGE_CUBIN)
		return (struct verdict){ MODULE_LOADED, "the input was machine code" };
	if (l && l->image == IMAGE_FATBIN && module_jit_seen(p))
		return (struct verdict){ MODULE_LOADED, "a fatbin that needed no compiler" };
	return (struct verdict){ MODULE_UNKNOWN,
				 l ? "the driver's JIT was not recorded" : "its load was not seen" };
}

void module_how_find(struct session *s)
{
	struct evidence e = { .s = s };

	index_built(&e, &s->names);
	for (size_t i = 0; i < s->n; i++) {
		count_requests(s->list[i]);
		for (size_t k = 0; k < s->list[i]->modules.n_modules; k++) {
			struct module *m = &s->list[i]->modules.modules[k];
			struct verdict v = decide(&e, s->list[i], k);

			m->how = (uint8_t)v.how;
			m->how_why = v.why;
			if (m->hash)
				idmap_put(&e.before, m->hash, 1);
		}
	}
	idmap_release(&e.built);
	idmap_release(&e.before);
}

const char *module_how_name(enum module_how how)
{
	static const char *const name[MODULE_HOWS] = { "unknown", "compiled", "cached", "loaded" };

	return name[how];
}
