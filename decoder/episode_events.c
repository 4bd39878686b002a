/* The records of a process as events with an origin and a trigger. */
#include <string.h>

#include "decoder/episode_build.h"
#include "decoder/mem.h"
#include "decoder/name_table.h"
#include "decoder/near_log.h"
#include "decoder/process_model.h"
#include "decoder/session_model.h"

/* A load that came this long before its module is not part of the same act. */
#define LAZY_APART_NS 1000000000u

static struct episode_event *add(struct episode_build *b, enum episode_event_kind kind,
				 size_t index, uint32_t tid, uint64_t start, uint64_t end)
{
	struct episode_event *e;

	MEM_MORE(b->events, b->n_events, b->events_cap);
	e = &b->events[b->n_events++];
	*e = (struct episode_event){ .start = start, .end = end > start ? end : start,
				     .kind = kind, .index = (uint32_t)index, .tid = tid };
	return e;
}

/* The launch in which a library's code came to the GPU. */
static const struct near_row *launch_around(const struct process *p, uint32_t tid, uint64_t time)
{
	const struct near_list *l = near_launches(&p->near_log, tid);
	size_t i = l ? near_first(l, time + 1) : 0;

	return i && l->list[i - 1].start + l->list[i - 1].ns >= time ? &l->list[i - 1] : NULL;
}

static void add_module(struct episode_build *b, size_t i)
{
	const struct process *p = b->p;
	const struct module *m = &p->modules.modules[i];
	const struct module_load *l = m->load == MODULES_NONE ? NULL : &p->modules.loads[m->load];
	bool near_load = l && l->start && l->start <= m->time &&
			 (!m->lazy || m->time - l->start < LAZY_APART_NS);
	const struct near_row *launch = m->lazy || !l ? launch_around(p, m->tid, m->time) : NULL;
	struct episode_event *e = add(b, EVENT_OF_MODULE, i, m->tid, m->time, m->time);

	if (launch) {
		e->start = launch->start;
		e->end = launch->start + launch->ns;
	}
	if (near_load && l->start < e->start)
		e->start = l->start;
	if (near_load && l->end > e->end)
		e->end = l->end;
	/* What the driver compiled just before the call belongs to it. */
	if (m->jit.start && m->jit.start < e->start)
		e->start = m->jit.start;
	if (near_load && l->jit.start && l->jit.start < e->start)
		e->start = l->jit.start;
	e->decided = true;
	if (p->origins)
		e->origin = p->origins[i];
	e->trigger = trigger_of(&p->stacks, &b->s->names, m->tid,
				m->python ? m->python : l ? l->python : 0,
				m->native ? m->native : l ? l->native : 0);
}

/* Loads without a module: links, and libraries that nothing was launched from. */
static void add_load(struct episode_build *b, size_t i)
{
	const struct module_load *l = &b->p->modules.loads[i];
	struct episode_event *e;

	if (l->modules || !l->start)
		return;
	e = add(b, EVENT_OF_LOAD, i, l->tid, l->start, l->end);
	e->trigger = trigger_of(&b->p->stacks, &b->s->names, l->tid, l->python, l->native);
}

static void add_compile(struct episode_build *b, size_t i)
{
	const struct compile_call *c = &b->p->compiles.calls[i];
	struct episode_event *e = add(b, EVENT_OF_COMPILE, i, c->tid, c->start, c->end);

	e->trigger = trigger_of(&b->p->stacks, &b->s->names, c->tid, c->python, c->native);
}

static void add_graph(struct episode_build *b, size_t i)
{
	const struct graph_recording *g = &b->p->graphs.recordings[i];
	struct episode_event *e = add(b, EVENT_OF_GRAPH, i, g->tid, g->start, g->end);

	e->decided = true;
	e->trigger = trigger_of(&b->p->stacks, &b->s->names, g->tid, g->python, g->native);
}

static int event_order(const void *a, const void *b)
{
	const struct episode_event *x = a, *y = b;

	if (x->tid != y->tid)
		return x->tid < y->tid ? -1 : 1;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* Whose code a compiler library made: of the module with these bytes. */
static void decide_compiles(struct episode_build *b)
{
	const struct process *p = b->p;
	struct idmap module_of_call = { 0 };

	for (size_t i = 0; i < p->modules.n_modules; i++) {
		const struct module *m = &p->modules.modules[i];
		const struct compile_code *c = compile_code_of(&p->compiles, m->hash, m->time);

		if (c && c->call != COMPILES_NONE &&
		    idmap_get(&module_of_call, c->call) == IDMAP_NONE)
			idmap_put(&module_of_call, c->call, (uint32_t)i);
	}
	for (size_t i = 0; i < b->n_events; i++) {
		struct episode_event *e = &b->events[i];
		uint32_t m = e->kind == EVENT_OF_COMPILE ? idmap_get(&module_of_call, e->index) :
							   IDMAP_NONE;

		if (m == IDMAP_NONE || !p->origins)
			continue;
		e->origin = p->origins[m];
		e->decided = true;
	}
	idmap_release(&module_of_call);
}

/* What a library or link is for shows in what the thread loads next. */
static void decide_neighbours(struct episode_build *b)
{
	const struct episode_event *next = NULL;

	for (size_t i = b->n_events; i--;) {
		struct episode_event *e = &b->events[i];

		if (e->kind == EVENT_OF_GRAPH)
			continue;
		if (e->decided) {
			next = e;
			continue;
		}
		if (!next || next->tid != e->tid || next->start > e->end + EPISODE_GAP_BLIND_NS)
			continue;
		if (!trigger_same(&next->trigger, &e->trigger))
			continue;
		e->origin = next->origin;
		e->decided = true;
		next = e;
	}
}

void episode_events(struct episode_build *b)
{
	const struct process *p = b->p;
	size_t kept = 0;

	for (size_t i = 0; i < p->modules.n_modules; i++)
		add_module(b, i);
	for (size_t i = 0; i < p->modules.n_loads; i++)
		add_load(b, i);
	for (size_t i = 0; i < p->compiles.n_calls; i++)
		add_compile(b, i);
	for (size_t i = 0; i < p->graphs.n_recordings; i++)
		add_graph(b, i);
	/* JIT work inside a load or a compiler call is told with it; the rest is an event. */
	for (size_t i = 0; i < p->modules.n_jits; i++) {
		const struct jit_record *j = &p->modules.jits[i];

		if (j->load != MODULES_NONE || j->module != MODULES_NONE || !j->start ||
		    compile_call_at(&p->compiles, j->tid, j->start) != COMPILES_NONE)
			continue;
		add(b, EVENT_OF_JIT, i, j->tid, j->start, j->end)->trigger =
			(struct trigger){ .tid = j->tid };
	}
	if (b->n_events)
		qsort(b->events, b->n_events, sizeof(*b->events), event_order);
	decide_compiles(b);
	decide_neighbours(b);
	for (size_t i = 0; i < b->n_events; i++) {
		struct episode_event *e = &b->events[i];

		if (!e->decided && e->kind == EVENT_OF_COMPILE &&
		    p->compiles.calls[e->index].compiler == COMPILER_NVRTC)
			e->origin = (struct origin_verdict){ .id = ORIGIN_NVRTC,
							     .basis = ORIGIN_BY_PROVENANCE,
							     .rule = ORIGIN_NO_RULE };
	}
	/* A load that nothing came of says nothing about compiling. */
	for (size_t i = 0; i < b->n_events; i++)
		if (b->events[i].decided || b->events[i].kind != EVENT_OF_LOAD)
			b->events[kept++] = b->events[i];
	b->n_events = kept;
	for (size_t i = 0; i < b->n_events; i++) {
		const struct episode_event *e = &b->events[i];
		const struct module_names *names;

		if (e->kind != EVENT_OF_MODULE)
			continue;
		names = module_kernels(&p->modules, &p->modules.modules[e->index]);
		for (size_t k = 0; names && k < names->n; k++) {
			uint32_t other = idmap_get(&b->made, names->kernels[k]);

			if (other == IDMAP_NONE || b->events[other].start > e->start)
				idmap_put(&b->made, names->kernels[k], (uint32_t)i);
		}
	}
}
