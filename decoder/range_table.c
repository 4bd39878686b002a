#include "decoder/range_table.h"

#include <string.h>

#include "decoder/mem.h"
#include "decoder/name_table.h"
#include "trace/encode.h"
#include "trace/event.h"

void range_table_fold(struct range_table *t, const struct section *s, struct names *names)
{
	for (uint32_t i = 0; i < s->rows; i++) {
		const uint8_t *text = (const uint8_t *)"";
		size_t len = 0, message;

		if (t->n_ranges >= RANGES_MAX) {
			t->unlisted += s->rows - i;
			return;
		}
		if (s->blob_at) {
			text = s->blob + s->blob_at[i];
			len = s->blob_at[i + 1] - s->blob_at[i];
		}
		message = strnlen((const char *)text, len);
		MEM_MORE(t->ranges, t->n_ranges, t->ranges_cap);
		t->ranges[t->n_ranges++] = (struct range){
			.start = s->col[RANGE_START][i],
			.end = s->col[RANGE_END][i],
			.payload = s->col[RANGE_PAYLOAD][i],
			.message = names_put(names, text, message),
			.domain = message < len ? names_put(names, text + message + 1,
							    len - message - 1)
						: names_put(names, "", 0),
			.tid = s->tid,
			.type = (uint32_t)s->col[RANGE_TYPE][i],
			.depth = (uint32_t)s->col[RANGE_DEPTH][i],
			.category = (uint32_t)s->col[RANGE_CATEGORY][i],
		};
	}
}

static int by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;
	uint64_t x_end = x->end ? x->end : UINT64_MAX, y_end = y->end ? y->end : UINT64_MAX;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x_end != y_end)
		return x_end > y_end ? -1 : 1;
	if (x->tid != y->tid)
		return x->tid < y->tid ? -1 : 1;
	return x->depth < y->depth ? -1 : x->depth > y->depth;
}

void range_table_join(struct range_table *t)
{
	if (t->n_ranges)
		qsort(t->ranges, t->n_ranges, sizeof(*t->ranges), by_start);
}

void range_table_release(struct range_table *t)
{
	free(t->ranges);
	*t = (struct range_table){ 0 };
}
