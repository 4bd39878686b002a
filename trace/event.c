#include "trace/event.h"

#define FIELD_OF(k, NAME, text, ftype, xf) { text, FIELD_##ftype, XF_##xf },
#define X(NAME, id, text, blob_name)                   \
	_Static_assert((int)NAME##_N <= EVENT_FIELDS_MAX, text);
EVENT_KINDS(X)
#undef X

#define X(NAME, id, text, blob_name)                                                     \
	[id] = { .kind = (id), .n_fields = NAME##_N, .name = (text), .blob = (blob_name), \
		 .field = { EVENT_##NAME##_FIELDS(FIELD_OF, NAME) } },
static const struct event_type types[EVENT_KIND_COUNT] = { EVENT_KINDS(X) };
#undef X

/* values_NAME[] for each list of values. */
#define VALUE(N, v, s) { (v), (s) },
#define E(name, prefix, list) \
	static const struct event_value values_##name[] = { list(VALUE) { 0, NULL } };
EVENT_VALUE_ENUMS(E)
#undef E

/* Which list an ENUM field takes its values from; a test checks that each has one. */
static const struct {
	uint16_t kind, field;
	const struct event_value *values;
	const char *name;
} enums[] = {
#define F(KIND, FIELD, list) { EVENT_##KIND, KIND##_##FIELD, values_##list, #list }
	F(PROCESS, LEVEL, capture_level),
	F(CONTEXT, OP, lifetime_op),
	F(STREAM, OP, lifetime_op),
	F(LAUNCH, API, api_id),
	F(MEMCPY, COPY_KIND, copy_kind),
	F(SYNC, TYPE, sync_type),
	F(SYNC, API, api_id),
	F(OVERHEAD, KIND, overhead_kind),
	F(JIT, ENTRY, jit_entry),
	F(JIT, OP, jit_op),
	F(LOAD, API, api_id),
	F(LOAD, IMAGE, image_kind),
	F(LOAD, SOURCE, image_source),
	F(MODULE, IMAGE, image_kind),
	F(MODULE, CALL_API, api_id),
	F(GRAPH, API, api_id),
	F(GRAPH, OP, graph_op),
	F(LOST, REASON, lost_reason),
	F(NOTE, CODE, note_code),
	F(END, REASON, end_reason),
	F(FRAME, TYPE, frame_type),
	F(COMPILE, COMPILER, compiler),
	F(CODE, COMPILER, compiler),
	F(CODE, IMAGE, image_kind),
	F(RANGE, TYPE, range_type),
#undef F
};

const struct event_type *event_type_of(unsigned kind)
{
	return kind < EVENT_KIND_COUNT && types[kind].name ? &types[kind] : NULL;
}

const struct event_value *event_values_of(unsigned kind, unsigned i, const char **ret_name)
{
	for (size_t k = 0; k < sizeof(enums) / sizeof(enums[0]); k++) {
		if (enums[k].kind != kind || enums[k].field != i)
			continue;
		*ret_name = enums[k].name;
		return enums[k].values;
	}
	return NULL;
}

const char *event_enum_name(unsigned kind, unsigned i, uint64_t value)
{
	const char *list;
	const struct event_value *v = event_values_of(kind, i, &list);

	for (; v && v->name; v++)
		if (v->value == value)
			return v->name;
	return NULL;
}
