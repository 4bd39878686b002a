/* Events to episodes: the rules (a), (b) and (c) of episodes.h. */
#include <string.h>

#include "decoder/episode_build.h"
#include "decoder/mem.h"
#include "decoder/name_table.h"
#include "decoder/near_log.h"
#include "decoder/process_model.h"
#include "decoder/session_model.h"
#include "decoder/tally.h"

static uint64_t length(uint64_t start, uint64_t end)
{
	return time_pair_valid(start, end) ? end - start : 0;
}

static void add_jit(struct episode *e, const struct jit_work *w)
{
	e->cost.jit += w->compile_ns;
	e->cost.cache += w->cache_load_ns + w->cache_store_ns;
	e->jit_requests += w->misses + w->hits;
}

static void add_span(struct episode *e, uint64_t start, uint64_t end)
{
	MEM_MORE(e->spans, e->n_spans, e->spans_cap);
	e->spans[e->n_spans++] = (struct episode_span){ start, end > start ? end : start };
}

static void add_module(struct episode_build *b, struct episode *e, const struct episode_event *ev)
{
	const struct module_table *t = &b->p->modules;
	const struct module *m = &t->modules[ev->index];
	const struct module_load *l = m->load == MODULES_NONE ? NULL : &t->loads[m->load];

	MEM_MORE(e->modules, e->n_modules, e->modules_cap);
	e->modules[e->n_modules++] = ev->index;
	e->by_how[m->how]++;
	add_jit(e, &m->jit);
	if (l && m->first) {
		uint64_t work = length(l->start, l->end);
		uint64_t jit = l->jit.compile_ns + l->jit.cache_load_ns + l->jit.cache_store_ns;

		/* The driver's JIT is told by itself when it ran inside the call. */
		if (jit && jit < work)
			work -= jit;
		e->cost.load += work;
		add_jit(e, &l->jit);
	}
	add_span(e, m->time, m->time);
	if (l && l->start >= ev->start)
		add_span(e, l->start, l->end);
	if (l && l->jit.start >= ev->start)
		add_span(e, l->jit.start, l->start);
	if (m->lazy || !l)
		e->cost.load += ev->end - (ev->start > m->time ? ev->start : m->time);
}

void episode_add(struct episode_build *b, struct episode *e, const struct episode_event *ev)
{
	const struct process *p = b->p;

	if (!e->start || ev->start < e->start)
		e->start = ev->start;
	if (ev->end > e->end)
		e->end = ev->end;
	if (!e->trigger.user && ev->trigger.user)
		e->trigger = ev->trigger;
	if (!e->trigger.caller && !e->trigger.user && ev->trigger.caller)
		e->trigger = ev->trigger;
	if (!e->trigger.generated)
		e->trigger.generated = ev->trigger.generated;
	if (ev->kind != EVENT_OF_MODULE)
		add_span(e, ev->start, ev->end);
	switch (ev->kind) {
	case EVENT_OF_MODULE:
		add_module(b, e, ev);
		break;
	case EVENT_OF_LOAD:
		e->cost.load += length(p->modules.loads[ev->index].start,
				       p->modules.loads[ev->index].end);
		add_jit(e, &p->modules.loads[ev->index].jit);
		break;
	case EVENT_OF_JIT: {
		const struct jit_record *j = &p->modules.jits[ev->index];

		*(j->op == JIT_IS_COMPILE ? &e->cost.jit : &e->cost.cache) +=
			length(j->start, j->end);
		e->jit_requests += j->first;
		break;
	}
	case EVENT_OF_COMPILE: {
		const struct compile_call *c = &p->compiles.calls[ev->index];

		e->compiler_calls++;
		e->cost.compiler += length(c->start, c->end);
		e->cost.nvrtc += c->compiler == COMPILER_NVRTC ? length(c->start, c->end) : 0;
		break;
	}
	case EVENT_OF_GRAPH: {
		const struct graph_recording *g = &p->graphs.recordings[ev->index];

		MEM_MORE(e->graphs, e->n_graphs, e->graphs_cap);
		e->graphs[e->n_graphs++] = ev->index;
		*(g->graph ? &e->cost.instantiate : &e->cost.capture) += length(g->start, g->end);
		break;
	}
	}
}

static int capture_order(const void *a, const void *b)
{
	const struct capture_span *x = a, *y = b;

	if (x->tid != y->tid)
		return x->tid < y->tid ? -1 : 1;
	return x->start < y->start ? -1 : x->start > y->start;
}

static void list_captures(struct episode_build *b)
{
	const struct graph_table *t = &b->p->graphs;

	b->captures = mem_zalloc(t->n_recordings, sizeof(*b->captures));
	for (size_t i = 0; i < t->n_recordings; i++)
		if (!t->recordings[i].graph)
			b->captures[b->n_captures++] = (struct capture_span){
				t->recordings[i].start, t->recordings[i].end, t->recordings[i].tid
			};
	if (b->n_captures)
		qsort(b->captures, b->n_captures, sizeof(*b->captures), capture_order);
}

/* Does a launch lie inside a recording of its thread? A thread rarely records two at once. */
static bool captured(const struct episode_build *b, uint32_t tid, uint64_t time)
{
	size_t lo = 0, hi = b->n_captures;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct capture_span *c = &b->captures[mid];

		if (c->tid < tid || (c->tid == tid && c->start <= time))
			lo = mid + 1;
		else
			hi = mid;
	}
	for (int back = 0; back < 8 && lo-- && b->captures[lo].tid == tid; back++)
		if (time <= b->captures[lo].end)
			return true;
	return false;
}

/* Is the launch one of code that was there before the episode? */
static bool ordinary(const struct episode_build *b, const struct episode *e, uint32_t tid,
		     const struct near_row *launch, bool own_counts)
{
	const struct near_row *w = near_work(&b->p->near_log, launch->corr);
	uint32_t name, event;

	if (!w) /* recorded into a graph, or its record is lost */
		return !captured(b, tid, launch->start);
	if (near_kind(w) != NEAR_KERNEL)
		return true;
	name = episode_name(b->p, near_string(w));
	event = name == IDMAP_NONE ? IDMAP_NONE : idmap_get(&b->made, name);
	return own_counts || event == IDMAP_NONE || b->events[event].start < e->start;
}

bool episode_launched_between(struct episode_build *b, const struct episode *e, uint32_t tid,
			      uint64_t from, uint64_t to)
{
	const struct tune_thread *t = episode_tune_of(b, tid);
	/* Without generated code a graph ends where its kernels run. */
	bool own_counts = e->origin.id == ORIGIN_INDUCTOR && !e->trigger.generated;

	if (!t)
		return false;
	for (size_t i = near_first(t->launches, from + 1);
	     i < t->launches->n && t->launches->list[i].start < to; i++)
		if (!(t->flags[i] & TUNE_BENCH) &&
		    ordinary(b, e, tid, &t->launches->list[i], own_counts))
			return true;
	return false;
}

static bool same_origin(const struct episode *e, const struct episode_event *ev)
{
	if ((e->kind == EPISODE_GRAPH) != (ev->kind == EVENT_OF_GRAPH))
		return false;
	return e->origin.id == ev->origin.id && e->origin.user_name == ev->origin.user_name;
}

static bool continues(struct episode_build *b, const struct episode *e,
		      const struct episode_event *ev)
{
	uint64_t gap = ev->start > e->end ? ev->start - e->end : 0;
	const struct stack_frame *ours = e->trigger.generated, *its = ev->trigger.generated;

	if (e->trigger.tid != ev->tid || !same_origin(e, ev) ||
	    !trigger_same(&e->trigger, &ev->trigger))
		return false;
	if (ours && its && ours->file != its->file)
		return false;
	if (gap > EPISODE_GAP_NS)
		return false;
	if (ours && its)
		return true;
	if (!b->launches)
		return gap <= EPISODE_GAP_BLIND_NS;
	/* Nobody waits between two loads of a library: only what follows at once is one act. */
	if (gap > EPISODE_GAP_SHIPPED_NS &&
	    origin_id_made((enum origin_id)e->origin.id) == ORIGIN_MADE_SHIPPED &&
	    e->kind == EPISODE_CODE)
		return false;
	return !episode_launched_between(b, e, ev->tid, e->end, ev->start);
}

/* Episodes of one thread, the latest of each origin. */
#define OPEN_MAX (ORIGIN_COUNT + 16)

static struct episode *begin(struct episode_build *b, const struct episode_event *ev)
{
	struct episode *e;

	if (b->out->n >= EPISODES_MAX) {
		b->out->unlisted++;
		return NULL;
	}
	MEM_MORE(b->out->list, b->out->n, b->out->cap);
	e = &b->out->list[b->out->n++];
	*e = (struct episode){ .kind = ev->kind == EVENT_OF_GRAPH ? EPISODE_GRAPH : EPISODE_CODE,
			       .p = b->p,
			       .origin = ev->origin,
			       .trigger = ev->trigger };
	return e;
}

static void group_threads(struct episode_build *b)
{
	uint32_t open[OPEN_MAX];
	size_t n_open = 0;

	for (size_t i = 0; i < b->n_events; i++) {
		struct episode_event *ev = &b->events[i];
		struct episode *e = NULL;
		size_t slot;

		if (i && b->events[i - 1].tid != ev->tid)
			n_open = 0;
		for (slot = 0; slot < n_open; slot++)
			if (same_origin(&b->out->list[open[slot]], ev))
				break;
		if (slot < n_open && continues(b, &b->out->list[open[slot]], ev))
			e = &b->out->list[open[slot]];
		if (!e)
			e = begin(b, ev);
		if (!e)
			continue;
		if (slot == n_open && n_open < OPEN_MAX)
			n_open++;
		if (slot < OPEN_MAX)
			open[slot] = (uint32_t)(e - b->out->list);
		episode_add(b, e, ev);
	}
}

static void append(struct episode *into, const struct episode *from)
{
	for (size_t i = 0; i < from->n_spans; i++)
		add_span(into, from->spans[i].start, from->spans[i].end);
	for (size_t i = 0; i < from->n_modules; i++) {
		MEM_MORE(into->modules, into->n_modules, into->modules_cap);
		into->modules[into->n_modules++] = from->modules[i];
	}
	for (size_t i = 0; i < MODULE_HOWS; i++)
		into->by_how[i] += from->by_how[i];
	into->compiler_calls += from->compiler_calls;
	into->jit_requests += from->jit_requests;
	into->cost.compiler += from->cost.compiler;
	into->cost.nvrtc += from->cost.nvrtc;
	into->cost.jit += from->cost.jit;
	into->cost.cache += from->cost.cache;
	into->cost.load += from->cost.load;
	if (from->start < into->start)
		into->start = from->start;
	if (from->end > into->end)
		into->end = from->end;
}

/*
 * Helper threads have no Python stack of their own, or one of nothing but machinery. Without any
 * stack the thread that the process began with is taken for the one that asked.
 */
static bool asked(const struct episode_build *b, const struct episode *e)
{
	return e->trigger.user || (!b->p->stacks.n_frames && e->trigger.tid == b->p->pid);
}

static const struct episode *sorted_list; /* qsort has no argument for its order */

static int origin_end_order(const void *a, const void *b)
{
	const struct episode *x = &sorted_list[*(const uint32_t *)a];
	const struct episode *y = &sorted_list[*(const uint32_t *)b];

	if (x->origin.id != y->origin.id)
		return x->origin.id < y->origin.id ? -1 : 1;
	if (x->origin.user_name != y->origin.user_name)
		return x->origin.user_name < y->origin.user_name ? -1 : 1;
	return x->end < y->end ? -1 : x->end > y->end;
}

/* The one of the same origin that ends next; NULL: none near enough. */
static struct episode *next_to_end(struct episode *list, const uint32_t *asking, size_t n,
				   const struct episode *h)
{
	size_t lo = 0, hi = n;
	struct episode *e;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		e = &list[asking[mid]];
		if (e->origin.id < h->origin.id ||
		    (e->origin.id == h->origin.id &&
		     (e->origin.user_name < h->origin.user_name ||
		      (e->origin.user_name == h->origin.user_name && e->end < h->end))))
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == n)
		return NULL;
	e = &list[asking[lo]];
	if (e->origin.id != h->origin.id || e->origin.user_name != h->origin.user_name ||
	    (e->start > h->end && e->start - h->end > EPISODE_GAP_NS))
		return NULL;
	return e;
}

static void join_helpers(struct episode_build *b)
{
	struct episode *list = b->out->list;
	uint32_t *asking = mem_zalloc(b->out->n - b->first, sizeof(*asking));
	size_t n = 0, kept = b->first;

	for (size_t i = b->first; i < b->out->n; i++)
		if (list[i].kind == EPISODE_CODE && asked(b, &list[i]))
			asking[n++] = (uint32_t)i;
	sorted_list = list;
	if (n)
		qsort(asking, n, sizeof(*asking), origin_end_order);
	for (size_t i = b->first; i < b->out->n; i++) {
		struct episode *h = &list[i], *best;

		if (h->kind != EPISODE_CODE || asked(b, h))
			continue;
		best = next_to_end(list, asking, n, h);
		if (!best)
			continue;
		append(best, h);
		free(h->modules);
		free(h->spans);
		*h = (struct episode){ 0 };
	}
	for (size_t i = b->first; i < b->out->n; i++)
		if (list[i].p)
			list[kept++] = list[i];
	b->out->n = kept;
	free(asking);
}

void episode_group(struct episode_build *b)
{
	list_captures(b);
	group_threads(b);
	join_helpers(b);
}
