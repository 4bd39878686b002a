/* decoder/range_table: what RANGE rows become, their order, the bound. */
#include "decoder/name_table.h"
#include "decoder/range_table.h"
#include "tests/unit/unit.h"
#include "trace/encode.h"
#include "trace/event.h"

#include <string.h>

#define ROWS 4

/* message NUL domain; the third has no domain at all, as a damaged trace may. */
static const char texts[] = "step\0torch" "mark\0" "odd" "outer\0";
static uint32_t text_at[ROWS + 1] = { 0, 10, 15, 18, 24 };
static uint64_t column[RANGE_N][ROWS] = {
	[RANGE_START] = { 300, 100, 200, 200 },
	[RANGE_END] = { 400, 100, 250, 0 },
	[RANGE_TYPE] = { RANGE_IS_PUSH, RANGE_IS_MARK, RANGE_IS_PUSH, RANGE_IS_START },
	[RANGE_DEPTH] = { 2, 0, 1, 0 },
	[RANGE_CATEGORY] = { 7, 0, 0, 0 },
	[RANGE_PAYLOAD] = { UINT64_MAX, 0, 0, 0 },
};

static struct section section_of(void)
{
	struct section s = { .kind = EVENT_RANGE, .tid = 42, .rows = ROWS, .n_cols = RANGE_N };

	for (unsigned f = 0; f < RANGE_N; f++)
		s.col[f] = column[f];
	s.blob = (const uint8_t *)texts;
	s.blob_at = text_at;
	return s;
}

TEST(range_table_rows_and_order)
{
	struct range_table t = { 0 };
	struct names names = { 0 };
	struct section s = section_of();
	const struct range *r;

	range_table_join(&t); /* nothing yet */
	range_table_fold(&t, &s, &names);
	range_table_join(&t);
	CHECK(t.n_ranges == ROWS && t.unlisted == 0);
	r = t.ranges;
	CHECK(!strcmp(names_text(&names, r[0].message), "mark") && r[0].end == 100);
	/* Of two that begin together the one without an end is around the other. */
	CHECK(!strcmp(names_text(&names, r[1].message), "outer") && r[1].end == 0);
	CHECK(!strcmp(names_text(&names, r[2].message), "odd"));
	CHECK(!strcmp(names_text(&names, r[2].domain), ""));
	CHECK(!strcmp(names_text(&names, r[3].message), "step"));
	CHECK(!strcmp(names_text(&names, r[3].domain), "torch"));
	CHECK(r[3].tid == 42 && r[3].depth == 2 && r[3].category == 7 &&
	      r[3].payload == UINT64_MAX && r[3].type == RANGE_IS_PUSH);
	range_table_release(&t);
	CHECK(!t.ranges && !t.n_ranges);
	names_release(&names);
}

TEST(range_table_is_bounded)
{
	struct range_table t = { 0 };
	struct names names = { 0 };
	struct section s = section_of();

	for (uint32_t i = 0; i < RANGES_MAX / ROWS; i++)
		range_table_fold(&t, &s, &names);
	CHECK(t.n_ranges == RANGES_MAX && t.unlisted == 0);
	range_table_fold(&t, &s, &names);
	CHECK(t.n_ranges == RANGES_MAX && t.unlisted == ROWS);
	CHECK(names.n == 6); /* interned */
	range_table_release(&t);
	names_release(&names);
}
