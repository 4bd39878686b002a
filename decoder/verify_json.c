/* The object of jitness verify --json: docs/report-schema.md. */
#include <string.h>

#include "decoder/json.h"
#include "decoder/session_json.h"
#include "decoder/session_model.h"
#include "decoder/verify.h"

void verify_result_json(cJSON *o, const struct session *s, const struct expect_result *r)
{
	cJSON *list;

	json_string(o, "result", expect_state_name(r->state));
	json_string(o, "text", r->sentence);
	list = json_array(o, "evidence");
	for (size_t i = 0; i < r->n_evidence; i++)
		json_item_text(list, r->evidence[i], strlen(r->evidence[i]));
	list = json_array(o, "passes");
	for (size_t i = 0; i < r->n_passes; i++) {
		const struct expect_pass *p = &r->passes[i];
		cJSON *x = json_item(list);

		json_uint(x, "pid", p->pid);
		json_string(x, "phase", p->label);
		json_string(x, "shape", p->shape);
		json_uint(x, "start_ns", s->first + p->start);
		json_ms(x, "wall_ms", p->wall);
	}
	json_uint(o, "all_passes", r->all_passes);
}

int verify_json(const struct verify *v)
{
	const struct session *s = v->session;
	cJSON *root = cJSON_CreateObject(), *o;

	json_string(root, "schema", VERIFY_SCHEMA);
	o = json_object(root, "session");
	json_string(o, "dir", s->path);
	session_json(o, s);
	json_uint(o, "failed_files", s->failed_files);
	if (v->reference_unused)
		json_string(root, "reference_unused", v->reference_unused);
	json_bool(root, "strict", v->strict);
	json_bool(root, "passed", !verify_code(v));
	for (unsigned i = 0; i < 3; i++)
		json_uint(root, expect_state_name((enum expect_state)i), v->count[i]);
	o = json_array(root, "expectations");
	for (size_t i = 0; i < v->n; i++) {
		cJSON *x = json_item(o);

		json_string(x, "expr", v->list[i].e.text);
		json_string(x, "name", v->list[i].name);
		json_string(x, "why", v->list[i].why);
		verify_result_json(x, s, &v->list[i].result);
	}
	return json_print(root);
}
