/* event_table: trace/event.h as plain lines, for tools/check-format-doc to compare. */
#include <stdio.h>

#include "trace/encode.h"
#include "trace/event.h"
#include "trace/frame.h"
#include "trace/journal.h"
#include "trace/keys.h"

static const char *const types[] = { "UINT", "INT", "TIME", "HEX", "STRING", "ENUM" };
static const char *const transforms[] = { "NONE", "DELTA", "DIFF", "GAP" };

static void kind_print(const struct event_type *t)
{
	printf("kind %u %s %s\n", t->kind, t->name, t->blob ? t->blob : "-");
	for (unsigned i = 0; i < t->n_fields; i++) {
		const struct event_field *f = &t->field[i];
		const char *list = "-";

		event_values_of(t->kind, i, &list);
		printf("field %u %u %s %s %s %s\n", t->kind, i, f->name, types[f->type], list,
		       transforms[f->transform]);
	}
}

int main(void)
{
	for (unsigned kind = 0; kind < EVENT_KIND_COUNT; kind++)
		if (event_type_of(kind))
			kind_print(event_type_of(kind));
#define VALUE(N, v, s) printf("value %s %u %s\n", list, (unsigned)(v), s);
#define E(name, prefix, values)            \
	do {                               \
		const char *list = #name;  \
		values(VALUE)              \
	} while (0);
	EVENT_VALUE_ENUMS(E)
	printf("limit EVENT_FIELDS_MAX %u\n", EVENT_FIELDS_MAX);
	printf("limit EVENT_BLOB_MAX %u\n", EVENT_BLOB_MAX);
	printf("limit FRAME_BODY_MAX %u\n", FRAME_BODY_MAX);
	printf("limit FRAME_ROWS_MAX %u\n", FRAME_ROWS_MAX);
	printf("limit SECTION_ROWS_MAX %u\n", SECTION_ROWS_MAX);
	printf("limit JOURNAL_CHUNKS_MAX %u\n", JOURNAL_CHUNKS_MAX);
	printf("limit JOURNAL_CHUNK_BYTES_MAX %u\n", JOURNAL_CHUNK_BYTES_MAX);
	printf("limit KEYS_MAX %u\n", KEYS_MAX);
	return 0;
}
