/* The arrays "phases" and "findings", and the object of jitness phases --json. */
#include <math.h>
#include <stdio.h>

#include "decoder/json.h"
#include "decoder/mem.h"
#include "decoder/phases.h"
#include "decoder/process_model.h"
#include "decoder/session_model.h"

static void ms(cJSON *o, const char *key, double ns)
{
	json_ms(o, key, (uint64_t)llround(ns > 0 ? ns : 0));
}

/* null: n is too small for a bound on this side. */
static void interval(cJSON *o, const char *key, const struct phase_quantile *q)
{
	cJSON *list = json_array(o, key);
	const double v[] = { q->lo, q->hi };
	const bool known[] = { q->lo_known, q->hi_known };

	for (int i = 0; i < 2; i++) {
		char text[32];

		snprintf(text, sizeof(text), "%.6f", v[i] / 1e6);
		cJSON_AddItemToArray(list, known[i] ? cJSON_CreateRaw(text) : cJSON_CreateNull());
	}
}

static void votes(cJSON *o, const struct phase_row *r)
{
	cJSON *list = json_array(o, "evidence");

	for (unsigned v = 0; v < VOTE_COUNT; v++)
		if (r->vote[v]) {
			SCOPED_FREE char *text = mem_printf("%s: %+d", pass_vote_name(v), r->vote[v]);

			cJSON_AddItemToArray(list, cJSON_CreateString(text));
		}
}

static void share(cJSON *o, const char *key, double v)
{
	char text[32];

	snprintf(text, sizeof(text), "%.4f", v);
	cJSON_AddRawToObject(o, key, text);
}

static void verdict(cJSON *o, const struct verdict *v)
{
	cJSON *list, *shares;

	json_string(o, "verdict", verdict_name(v->kind));
	json_bool(o, "replayed", v->replayed);
	shares = json_object(o, "shares");
	share(shares, "compiled", v->compiled);
	share(shares, "replay", v->replay);
	share(shares, "eager", v->eager);
	share(shares, "written", v->written);
	share(shares, "library", v->library);
	share(shares, "unknown", v->unknown);
	share(shares, "compiled_kernels", v->compiled_kernels);
	share(shares, "eager_kernels", v->eager_kernels);
	share(shares, "passes_compiled", v->passes_compiled);
	if (v->reference >= 0)
		share(shares, "reference", v->reference);
	else
		json_null(shares, "reference");
	list = json_array(o, "verdict_evidence");
	for (size_t i = 0; i < v->n_evidence; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(v->evidence[i]));
}

/* What the row's slow passes had in common. */
static void tail_sums(cJSON *o, const struct phases *v, size_t row)
{
	cJSON *tail = json_object(o, "tail"), *parts;
	double part[TAIL_REASON_COUNT] = { 0 }, excess = 0;
	size_t n = 0;

	for (size_t i = 0; i < v->tail.n; i++) {
		if (v->tail.list[i].row != row)
			continue;
		n++;
		excess += v->tail.list[i].excess;
		for (unsigned k = 0; k < TAIL_REASON_COUNT; k++)
			part[k] += v->tail.list[i].part[k];
	}
	json_uint(tail, "passes", n);
	ms(tail, "excess_ms", excess);
	parts = json_object(tail, "parts_ms");
	for (unsigned k = 0; k < TAIL_REASON_COUNT; k++)
		if (part[k] > 0)
			ms(parts, tail_reason_name((enum tail_reason)k), part[k]);
}

static void phase(cJSON *o, const struct phases *v, size_t row)
{
	const struct phase_row *r = &v->rows.list[row];
	const struct pass_table *t = &r->p->passes;

	json_uint(o, "pid", r->p->pid);
	json_string(o, "name", pass_label_name(r->label));
	json_string(o, "shape", phase_shape_name(r));
	json_uint(o, "passes", r->passes);
	json_uint(o, "warmup_passes", r->warmup);
	json_uint(o, "n", r->n);
	ms(o, "mean_ms", r->mean);
	ms(o, "mean_all_ms", r->mean_all);
	ms(o, "p50_ms", r->p50.value);
	interval(o, "p50_ci_ms", &r->p50);
	ms(o, "p95_ms", r->p95.value);
	interval(o, "p95_ci_ms", &r->p95);
	ms(o, "p99_ms", r->p99.value);
	interval(o, "p99_ci_ms", &r->p99);
	ms(o, "max_ms", r->max);
	ms(o, "gpu_busy_ms", r->busy);
	ms(o, "host_gap_ms", r->gap);
	ms(o, "queue_ms", r->queue);
	json_uint(o, "kernels", (uint64_t)llround(r->kernels));
	if (r->shape < t->n_shapes) {
		json_uint(o, "graph_launches", t->shapes[r->shape].graph_launches);
		json_uint(o, "blocks", t->shapes[r->shape].blocks);
		json_hex(o, "signature", t->shapes[r->shape].signature);
	}
	ms(o, "total_ms", r->total);
	json_uint(o, "confidence", r->confidence);
	verdict(o, &v->verdicts.list[row]);
	votes(o, r);
	tail_sums(o, v, row);
}

static void finding(cJSON *o, const struct phases *v, const struct finding *f)
{
	const struct phase_row *r = &v->rows.list[f->row];
	cJSON *list;

	json_string(o, "id", finding_id_name(f->id));
	json_string(o, "severity", finding_severity_name(f->id));
	json_string(o, "text", f->text);
	list = json_array(o, "evidence");
	for (size_t i = 0; i < f->n_evidence; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(f->evidence[i]));
	json_uint(o, "pid", r->p->pid);
	json_string(o, "phase", pass_label_name(r->label));
	json_string(o, "shape", phase_shape_name(r));
}

void phases_json_members(cJSON *root, const struct phases *v)
{
	cJSON *phases = json_array(root, "phases"), *findings = json_array(root, "findings");

	if (v && v->reference_unused)
		json_string(root, "reference_unused", v->reference_unused);
	for (size_t i = 0; v && i < v->rows.n; i++)
		phase(json_item(phases), v, i);
	for (size_t i = 0; v && i < v->findings.n; i++)
		finding(json_item(findings), v, &v->findings.list[i]);
}

static void tail_pass(cJSON *o, const struct phases *v, const struct tail_pass *t)
{
	const struct phase_row *r = &v->rows.list[t->row];
	const struct pass *x = &r->p->passes.list[t->pass];
	cJSON *parts;
	char ratio[32];

	json_uint(o, "pid", r->p->pid);
	json_string(o, "phase", pass_label_name(r->label));
	json_string(o, "shape", phase_shape_name(r));
	json_string(o, "against", phase_shape_name(&v->rows.list[t->against]));
	json_uint(o, "start_ns", session_time(v->session, r->p, x->wall_start));
	json_uint(o, "thread", x->tid);
	json_ms(o, "wall_ms", pass_wall(x));
	ms(o, "excess_ms", t->excess);
	json_string(o, "reason", tail_reason_name(t->reason));
	parts = json_object(o, "parts_ms");
	for (unsigned k = 0; k < TAIL_REASON_COUNT; k++)
		if (t->part[k] > 0)
			ms(parts, tail_reason_name((enum tail_reason)k), t->part[k]);
	if (t->episode)
		json_uint(o, "episode", t->episode);
	else
		json_null(o, "episode");
	snprintf(ratio, sizeof(ratio), "%.3f", t->stretch);
	cJSON_AddRawToObject(o, "gpu_busy_ratio", ratio);
}

int phases_json(const struct phases *v, size_t top)
{
	cJSON *root = cJSON_CreateObject(), *list;

	json_string(root, "schema", PHASES_SCHEMA);
	list = json_object(root, "session");
	json_string(list, "dir", v->session->path);
	json_uint(list, "start_ns", v->session->first);
	json_uint(list, "end_ns", v->session->last);
	json_uint(list, "lost_records", v->session->lost);
	list = json_array(root, "processes");
	for (size_t i = 0; i < v->session->n; i++) {
		const struct process *p = v->session->list[i];
		cJSON *o = json_item(list);

		json_uint(o, "pid", p->pid);
		json_uint(o, "passes", p->passes.n);
		json_uint(o, "shapes", p->passes.n_shapes);
		json_uint(o, "operations", p->passes.ops);
		json_uint(o, "outside", p->passes.ops_outside);
		json_uint(o, "unmatched", p->passes.reading.unmatched);
		json_uint(o, "orphans", p->passes.reading.orphans);
		json_uint(o, "late", p->passes.reading.late);
		json_uint(o, "unplaced", p->passes.reading.unplaced);
		json_string(o, "why_none", p->passes.n ? NULL : p->passes.why_none);
		json_uint(o, "lost_records", p->lost);
	}
	phases_json_members(root, v);
	list = json_array(root, "tail");
	for (size_t i = 0; i < v->tail.n && i < top; i++)
		tail_pass(json_item(list), v, &v->tail.list[i]);
	json_uint(root, "tail_passes", v->tail.n);
	return json_print(root);
}
