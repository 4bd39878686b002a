#include "decoder/episodes.h"

#include <string.h>

#include "decoder/children.h"
#include "decoder/episode_build.h"
#include "decoder/mem.h"
#include "decoder/near_log.h"
#include "decoder/process_model.h"
#include "decoder/session_model.h"

static void find_of_process(struct session *s, const struct process *p)
{
	struct episode_build b = {
		.s = s,
		.p = p,
		.out = &s->episodes,
		.first = s->episodes.n,
		.launches = p->level != LEVEL_CHURN && p->near_log.n_threads && p->near_log.work.n,
	};

	episode_events(&b);
	episode_group(&b);
	for (size_t i = b.first; i < b.out->n; i++)
		if (b.launches && b.out->list[i].kind == EPISODE_CODE)
			episode_tune_of(&b, b.out->list[i].trigger.tid);
	episode_tune(&b);
	b.out->near_dropped += near_dropped(&p->near_log);
	episode_tune_release(&b);
	idmap_release(&b.made);
	free(b.captures);
	free(b.events);
}

static bool made_by_run_time(const struct episode *e)
{
	return origin_id_made((enum origin_id)e->origin.id) == ORIGIN_MADE_RUNTIME;
}

/* The strongest of its modules, and that one's reason. */
static void decide_how(struct episode *e)
{
	static const enum module_how order[] = { MODULE_COMPILED, MODULE_UNKNOWN, MODULE_CACHED,
						 MODULE_LOADED };

	if (e->kind == EPISODE_GRAPH)
		return;
	if (e->kind == EPISODE_CHILDREN) {
		e->how = MODULE_COMPILED;
		return;
	}
	for (size_t k = 0; k < sizeof(order) / sizeof(*order); k++) {
		if (!e->by_how[order[k]])
			continue;
		e->how = order[k];
		for (size_t i = 0; i < e->n_modules && !e->how_why; i++) {
			const struct module *m = &e->p->modules.modules[e->modules[i]];

			if (m->how == order[k])
				e->how_why = m->how_why;
		}
		break;
	}
	if (!e->n_modules && (e->compiler_calls || e->cost.jit)) {
		e->how = MODULE_COMPILED;
		e->how_why = "compiled; nothing of it was loaded here";
	}
	/* Compilers that wrote something else for it (launchers, host code). */
	if (e->how == MODULE_CACHED && e->n_children && made_by_run_time(e)) {
		e->how = MODULE_COMPILED;
		e->how_why = "a compiler process ran for it";
	}
}

static const struct session *order_of; /* qsort has no argument for its order */

static int start_order(const void *a, const void *b)
{
	const struct episode *x = a, *y = b;
	uint64_t s = episode_start(order_of, x), t = episode_start(order_of, y);

	if (s != t)
		return s < t ? -1 : 1;
	if (x->trigger.tid != y->trigger.tid)
		return x->trigger.tid < y->trigger.tid ? -1 : 1;
	return x->origin.id < y->origin.id ? -1 : x->origin.id > y->origin.id;
}

void episodes_find(struct session *s)
{
	struct episodes *all = &s->episodes;

	for (size_t i = 0; i < s->n; i++)
		find_of_process(s, s->list[i]);
	episode_children(s);
	for (size_t i = 0; i < all->n; i++) {
		decide_how(&all->list[i]);
		stall_find(&all->list[i]);
	}
	order_of = s;
	if (all->n)
		qsort(all->list, all->n, sizeof(*all->list), start_order);
	for (size_t i = 0; i < all->n; i++)
		all->list[i].id = (uint32_t)i + 1;
}

void episodes_release(struct episodes *e)
{
	for (size_t i = 0; i < e->n; i++) {
		free(e->list[i].modules);
		free(e->list[i].children);
		free(e->list[i].graphs);
		free(e->list[i].spans);
	}
	free(e->list);
	free(e->tuned);
	idmap_release(&e->tuned_by_name);
	*e = (struct episodes){ 0 };
}

const char *episode_how_name(const struct episode *e)
{
	return e->kind == EPISODE_GRAPH ? "recorded" : module_how_name(e->how);
}

const char *episode_origin_name(const struct session *s, const struct episode *e)
{
	return e->kind == EPISODE_GRAPH ? "cuda_graph" : origin_name(s, &e->origin);
}

static uint64_t session_moment(const struct session *s, const struct episode *e, uint64_t time)
{
	const struct process *p = e->p ? e->p : s->n ? s->list[0] : NULL;

	return p ? session_time(s, p, time) : time;
}

uint64_t episode_start(const struct session *s, const struct episode *e)
{
	return session_moment(s, e, e->start);
}

uint64_t episode_end(const struct session *s, const struct episode *e)
{
	return session_moment(s, e, e->end);
}

uint64_t episodes_tuned(const struct episodes *e, uint32_t name)
{
	uint32_t i = idmap_get(&e->tuned_by_name, name);

	return i == IDMAP_NONE ? 0 : e->tuned[i];
}
