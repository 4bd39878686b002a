/* Episodes as JSON: docs/report-schema.md, "compiles". Keys are only ever added. */
#include <string.h>

#include "decoder/children.h"
#include "decoder/json.h"
#include "decoder/mem.h"
#include "decoder/name_table.h"
#include "decoder/phase_stats.h"
#include "decoder/process_model.h"
#include "decoder/report_stack.h"
#include "decoder/session_json.h"
#include "decoder/session_model.h"
#include "decoder/timeline.h"

static void children_json(cJSON *o, const struct episode *e)
{
	cJSON *list = json_array(o, "children");

	for (size_t i = 0; i < e->n_children; i++) {
		const struct child *c = e->children[i];
		cJSON *item = json_item(list);

		json_string(item, "tool", child_tool_name(c->tool));
		json_text(item, "exe", c->exe, strlen(c->exe));
		json_text(item, "argv", c->args, strlen(c->args));
		json_uint(item, "pid", c->pid);
		if (c->ended && c->end >= c->start)
			json_ms(item, "wall_ms", c->end - c->start);
		else
			json_null(item, "wall_ms");
		if (c->ended)
			json_ms(item, "cpu_ms", c->user_ns + c->sys_ns);
		else
			json_null(item, "cpu_ms");
	}
}

static void frame_json(cJSON *o, const char *key, const struct session *s,
		       const struct stack_frame *f)
{
	cJSON *item;

	if (!f || f->type != FRAME_IS_PYTHON || f->file == STACK_NONE) {
		json_null(o, key);
		return;
	}
	item = json_object(o, key);
	json_string(item, "file", names_text(&s->names, f->file));
	json_uint(item, "line", f->line);
	json_string(item, "function", names_text(&s->names, f->function));
}

static void trigger_json(cJSON *o, const struct session *s, const struct episode *e,
			 struct report_stacks *stacks)
{
	cJSON *item = json_object(o, "trigger");
	struct episode native = *e;
	SCOPED_FREE char *caller = NULL;

	if (e->kind == EPISODE_CHILDREN)
		json_null(item, "thread");
	else
		json_uint(item, "thread", e->trigger.tid);
	frame_json(item, "python", s, e->trigger.user);
	frame_json(item, "innermost", s,
		   e->p ? stack_frame_of(&e->p->stacks, e->trigger.python) : NULL);
	json_string(item, "generated", e->trigger.generated ?
			    names_text(&s->names, e->trigger.generated->file) : NULL);
	native.trigger.user = NULL;
	native.trigger.python = 0;
	caller = timeline_trigger(&native, s, stacks, false);
	json_string(item, "native", caller);
}

static const char *kind_name(enum episode_kind kind)
{
	static const char *const name[] = { "code", "graph", "children" };

	return name[kind];
}

static void numbers_json(cJSON *o, const char *key,
			 uint64_t (*value)(const struct episode *, size_t),
			 const struct episode *e, size_t n)
{
	cJSON *list = json_array(o, key);

	for (size_t i = 0; i < n; i++)
		cJSON_AddItemToArray(list, cJSON_CreateNumber((double)value(e, i)));
}

static uint64_t module_at(const struct episode *e, size_t i)
{
	return e->p->modules.modules[e->modules[i]].module;
}

/* Only those that made an executable graph. */
static void graphs_json(cJSON *o, const struct episode *e)
{
	cJSON *list = json_array(o, "graphs");
	size_t captures = 0;

	for (size_t i = 0; i < e->n_graphs; i++) {
		const struct graph_recording *g = &e->p->graphs.recordings[e->graphs[i]];

		captures += !g->graph;
		if (g->graph)
			cJSON_AddItemToArray(list, cJSON_CreateNumber((double)g->graph));
	}
	json_uint(o, "captures", captures);
}

/* The pass of the triggering thread that it lies in, if passes were found; a pass may begin with it. */
static void pass_json(cJSON *o, const struct episode *e)
{
	const struct pass_table *t = e->p ? &e->p->passes : NULL;

	for (size_t i = 0; t && i < t->n && t->list[i].wall_start <= e->end; i++) {
		const struct pass *x = &t->list[i];

		if (x->tid != e->trigger.tid || x->wall_start > e->start || x->end < e->end)
			continue;
		json_uint(o, "pass", i);
		json_string(o, "phase", pass_label_name(x->label));
		return;
	}
	json_null(o, "pass");
	json_null(o, "phase");
}

static void episode_json(cJSON *o, const struct session *s, const struct episode *e,
			 struct report_stacks *stacks)
{
	cJSON *item;

	json_uint(o, "id", e->id);
	json_string(o, "kind", kind_name(e->kind));
	if (e->p)
		json_uint(o, "pid", e->p->pid);
	else
		json_null(o, "pid");
	json_uint(o, "start_ns", episode_start(s, e));
	json_uint(o, "end_ns", episode_end(s, e));
	json_ms(o, "wall_ms", e->end - e->start);
	json_string(o, "origin", episode_origin_name(s, e));
	json_string(o, "how", episode_how_name(e));
	json_string(o, "how_why", e->how_why);
	numbers_json(o, "modules", module_at, e, e->n_modules);
	json_ms(o, "driver_jit_ms", e->cost.jit);
	json_ms(o, "driver_cache_ms", e->cost.cache);
	json_ms(o, "nvrtc_ms", e->cost.compiler);
	json_ms(o, "nvrtc_alone_ms", e->cost.nvrtc);
	json_ms(o, "child_ms", e->cost.child);
	json_ms(o, "load_ms", e->cost.load);
	json_ms(o, "instantiate_ms", e->cost.instantiate);
	json_ms(o, "capture_ms", e->cost.capture);
	json_uint(o, "compiler_calls", e->compiler_calls);
	children_json(o, e);
	graphs_json(o, e);
	trigger_json(o, s, e, stacks);
	item = json_object(o, "autotune");
	json_uint(item, "launches", e->autotune_launches);
	json_uint(item, "kernels", e->autotune_kernels);
	json_ms(item, "gpu_ms", e->autotune_gpu_ns);
	pass_json(o, e);
	if (e->stall_known)
		json_ms(o, "stall_ms", e->stall_ns);
	else
		json_null(o, "stall_ms");
	json_string(o, "stall_why", e->stall_why);
}

void timeline_compiles_json(cJSON *root, const struct session *s, struct report_stacks *stacks)
{
	cJSON *list = json_array(root, "compiles");

	for (size_t i = 0; i < s->episodes.n; i++)
		episode_json(json_item(list), s, &s->episodes.list[i], stacks);
}

static void sum_json(cJSON *o, const struct timeline_sum *t)
{
	if (t->origin)
		json_string(o, "origin", t->origin);
	json_uint(o, "episodes", t->episodes);
	json_uint(o, "modules", t->modules);
	for (unsigned i = 0; i < MODULE_HOWS; i++)
		json_uint(o, module_how_name((enum module_how)i), t->by_how[i]);
	json_uint(o, "recorded", t->recorded);
	json_ms(o, "wall_ms", t->wall_ns);
	if (t->episodes && t->stalls_unknown == t->episodes)
		json_null(o, "stall_ms");
	else
		json_ms(o, "stall_ms", t->stall_ns);
	json_uint(o, "stalls_unknown", t->stalls_unknown);
}

int timeline_json(const struct session *s)
{
	struct report_stacks stacks = { .session = s };
	cJSON *root = cJSON_CreateObject(), *o, *list;
	struct timeline_totals t;

	timeline_totals(&t, s);
	json_string(root, "schema", TIMELINE_SCHEMA);
	o = json_object(root, "session");
	json_string(o, "dir", s->path);
	session_json(o, s);
	json_uint(o, "failed_files", s->failed_files);
	json_uint(o, "children", s->children.n);
	json_uint(o, "unfinished_children", s->children.unfinished);
	json_uint(o, "unlisted", s->episodes.unlisted);
	json_uint(o, "launches_not_kept", s->episodes.near_dropped);
	timeline_compiles_json(root, s, &stacks);
	list = json_array(root, "origins");
	for (size_t i = 0; i < t.n; i++)
		sum_json(json_item(list), &t.origins[i]);
	sum_json(json_object(root, "all"), &t.all);
	json_uint(root, "middle_ns", t.middle_ns);
	sum_json(json_object(root, "first_half"), &t.half[0]);
	sum_json(json_object(root, "second_half"), &t.half[1]);
	timeline_totals_release(&t);
	report_stacks_release(&stacks);
	return json_print(root);
}
