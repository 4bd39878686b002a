/* DIFF_SCHEMA: the object of jitness diff --json (docs/report-schema.md). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "decoder/analysis.h"
#include "decoder/diff.h"
#include "decoder/json.h"
#include "decoder/process_model.h"

/* Digits enough for what is known. */
static void number(cJSON *o, const char *key, double v)
{
	char text[40];

	snprintf(text, sizeof(text), "%.6g", v);
	if (isfinite(v))
		cJSON_AddRawToObject(o, key, text);
	else
		json_null(o, key);
}

static void ms(cJSON *o, const char *key, double ns)
{
	char text[40];

	snprintf(text, sizeof(text), "%.6f", ns / 1e6);
	cJSON_AddRawToObject(o, key, text);
}

/* ci and p null: n is too small. */
static void interval(cJSON *o, const char *key, const struct ratio_interval *r)
{
	cJSON *x = json_object(o, key);

	number(x, "ratio", r->ratio);
	if (!r->known) {
		json_null(x, "ci");
		json_null(x, "p");
		return;
	}
	cJSON *ci = json_array(x, "ci");
	char text[40];

	snprintf(text, sizeof(text), "%.6g", r->lo);
	cJSON_AddItemToArray(ci, cJSON_CreateRaw(text));
	snprintf(text, sizeof(text), "%.6g", r->hi);
	cJSON_AddItemToArray(ci, cJSON_CreateRaw(text));
	number(x, "p", r->p);
}

static void measured(cJSON *o, const char *key, const struct ratio *r, double p, enum diff_verdict verdict,
		     bool comparable)
{
	cJSON *x = json_object(o, key);

	interval(x, "median", &r->p50);
	interval(x, "p95", &r->p95);
	number(x, "p_holm", p);
	ms(x, "shift_ms", r->shift);
	number(x, "mann_whitney_p", r->mann_whitney_p);
	number(x, "spread_a", r->spread_a);
	number(x, "spread_b", r->spread_b);
	json_string(x, "units", r->by_run ? "runs" : "parts");
	json_string(x, "verdict", diff_verdict_name(comparable ? verdict : DIFF_NOT_COMPARABLE));
}

static void row_side(cJSON *o, const char *key, const struct diff *d, const struct diff_row *r, unsigned side)
{
	const struct diff_group *g = side ? &d->match.b.list[r->pair->b] : &d->match.a.list[r->pair->a];
	cJSON *x = json_object(o, key), *pids = json_array(x, "pids");

	for (size_t i = 0; i < g->n; i++) {
		char text[24];

		snprintf(text, sizeof(text), "%llu",
			 (unsigned long long)d->side[side]->phases.rows.list[g->rows[i]].p->pid);
		cJSON_AddItemToArray(pids, cJSON_CreateRaw(text));
	}
	json_string(x, "shape", phase_shape_name(r->row[side]));
	json_uint(x, "n", r->n[side]);
	json_uint(x, "warmup_passes", r->warmup[side]);
	json_bool(x, "all_warmup", r->all_warmup[side]);
	json_uint(x, "runs", r->runs[side]);
	ms(x, "mean_ms", r->mean[side]);
	ms(x, "p50_ms", r->p50[side]);
	ms(x, "p95_ms", r->p95[side]);
	json_string(x, "verdict", r->how[side] ? verdict_name(r->how[side]->kind) : NULL);
	number(x, "graph_replays", r->mix.replays[side]);
}

static void parts(cJSON *o, const char *key, const struct diff_parts *p)
{
	cJSON *list = json_array(o, key);

	for (size_t i = 0; i < p->n; i++) {
		cJSON *x = json_item(list);

		json_text(x, "name", p->list[i].name, strlen(p->list[i].name));
		number(x, "a_launches", p->list[i].count[0]);
		number(x, "b_launches", p->list[i].count[1]);
		ms(x, "a_ms", p->list[i].ns[0]);
		ms(x, "b_ms", p->list[i].ns[1]);
	}
}

static void flip(cJSON *o, const struct coldstart_flip *f)
{
	cJSON *x = json_object(o, "mean_and_median"), *cures;

	ms(x, "mean_delta_ms", f->all.mean);
	ms(x, "median_delta_ms", f->all.median);
	json_bool(x, "contradict", f->all.flip);
	cures = json_array(x, "removed_by");
	for (unsigned c = 0; c < COLDSTART_CURE_COUNT; c++)
		if (f->cure[c].removes)
			cJSON_AddItemToArray(cures, cJSON_CreateString(coldstart_cure_name(c)));
}

static void row(cJSON *o, const struct diff *d, const struct diff_row *r)
{
	const bool comparable = d->verdict != DIFF_NOT_COMPARABLE;

	json_string(o, "name", pass_label_name(r->row[0]->label));
	json_string(o, "matched_by", diff_match_name(r->pair->how));
	number(o, "alike", r->pair->alike);
	row_side(o, "a", d, r, 0);
	row_side(o, "b", d, r, 1);
	measured(o, "latency", &r->wall, r->wall_p, r->verdict, comparable);
	if (r->gpu_known)
		measured(o, "gpu_busy", &r->gpu, r->gpu_p, r->gpu_verdict, comparable);
	else
		json_null(o, "gpu_busy");
	flip(o, &r->flip);
	parts(o, "classes", &r->mix.classes);
	parts(o, "origins", &r->mix.origins);
	parts(o, "kernels", &r->mix.kernels);
}

static void side(cJSON *o, const char *key, const struct diff *d, unsigned i)
{
	const struct diff_cost *c = &d->cost[i];
	const struct session *s = &d->side[i]->s;
	cJSON *x = json_object(o, key), *cost;

	json_string(x, "dir", s->path);
	json_uint(x, "processes", d->runs[i].processes);
	json_uint(x, "runs", d->runs[i].n);
	json_uint(x, "lost_records", s->lost);
	json_uint(x, "truncated_processes", s->truncated);
	cost = json_object(x, "compiles");
	json_uint(cost, "episodes", c->episodes);
	json_uint(cost, "compiled", c->compiled);
	json_uint(cost, "cached", c->cached);
	json_uint(cost, "loaded", c->loaded);
	json_uint(cost, "graphs", c->graphs);
	json_ms(cost, "stall_ms", c->stall_ns);
	json_uint(cost, "stall_unknown", c->stall_unknown);
	json_ms(cost, "child_ms", c->child_ns);
	json_ms(cost, "compiler_ms", c->compiler_ns);
	json_ms(cost, "driver_jit_ms", c->jit_ns);
	json_ms(cost, "load_ms", c->load_ns);
	json_ms(cost, "graph_ms", c->graph_ns);
}

static void left(cJSON *o, const char *key, const struct diff *d, unsigned i)
{
	const struct diff_match *m = &d->match;
	const struct diff_groups *g = i ? &m->b : &m->a;
	cJSON *list = json_array(o, key);

	for (size_t k = 0; k < (i ? m->n_left_b : m->n_left_a); k++) {
		const struct diff_group *x = &g->list[(i ? m->left_b : m->left_a)[k]];
		cJSON *item = json_item(list);

		json_string(item, "name", pass_label_name(x->label));
		json_string(item, "shape", phase_shape_name(&d->side[i]->phases.rows.list[x->rows[0]]));
		json_uint(item, "passes", x->passes);
	}
}

cJSON *diff_json(const struct diff *d, size_t top)
{
	cJSON *root = cJSON_CreateObject(), *list;

	json_string(root, "schema", DIFF_SCHEMA);
	side(root, "a", d, 0);
	side(root, "b", d, 1);
	json_string(root, "verdict", diff_verdict_name(d->verdict));
	json_string(root, "gpu_verdict", diff_verdict_name(d->gpu_verdict));
	json_bool(root, "certain", !d->incomplete && d->verdict != DIFF_NOT_COMPARABLE);
	list = json_array(root, "reasons");
	for (size_t i = 0; i < d->n_reasons; i++)
		json_item_text(list, d->reasons[i], strlen(d->reasons[i]));
	list = json_array(root, "findings");
	for (size_t i = 0; i < d->n_notes; i++) {
		cJSON *x = json_item(list);

		json_string(x, "severity", d->notes[i].severity);
		json_text(x, "text", d->notes[i].text, strlen(d->notes[i].text));
	}
	list = json_object(root, "method");
	number(list, "level", RATIO_LEVEL);
	number(list, "least_effect", RATIO_EFFECT);
	json_uint(list, "seed", d->seed);
	json_bool(list, "by_run", d->runs[0].n >= RATIO_RUNS && d->runs[1].n >= RATIO_RUNS);
	list = json_array(root, "rows");
	for (size_t i = 0; i < d->n && i < top; i++)
		row(json_item(list), d, &d->rows[i]);
	left(root, "only_in_a", d, 0);
	left(root, "only_in_b", d, 1);
	return root;
}
