#include "decoder/session_json.h"

#include "decoder/json.h"
#include "decoder/session_model.h"

void session_json(cJSON *o, const struct session *s)
{
	json_uint(o, "processes", s->n);
	json_uint(o, "start_ns", s->first);
	json_uint(o, "end_ns", s->last);
	json_uint(o, "lost_records", s->lost);
	json_uint(o, "truncated_processes", s->truncated);
}
