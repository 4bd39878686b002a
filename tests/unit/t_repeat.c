/* repeat: rows of the journal that say only what is different, on both of their ways. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/trace_kit.h"
#include "tests/unit/unit.h"
#include "trace/journal.h"
#include "trace/writer.h"

enum { SHAPES = 7, TID = 70 };

static struct {
	int dir;
	struct journal j;
	struct journal_lane lane;
	struct journal_place place[SHAPES];
	struct writer *w;
	char **want;
	size_t n, repeats;
} life = { .j = JOURNAL_INIT };

static void life_start(size_t journal_bytes)
{
	life.dir = kit_dir();
	CHECK(journal_create(&life.j, life.dir, "t.jnj", journal_bytes) == 0);
	CHECK(writer_open(&life.w, life.dir, "t.jnt", 1, 1, 0) == 0);
}

/* As cupti/records.c does: whole when the last whole row of this shape cannot be repeated. */
static void kernel(unsigned shape, uint64_t i)
{
	uint64_t f[KERNEL_N] = { 1000 + 100 * i, 1050 + 100 * i, i };

	for (unsigned k = KERNEL_NAME; k < KERNEL_N; k++)
		f[k] = shape * 100 + k;
	life.want = realloc(life.want, (life.n + 1) * sizeof(*life.want));
	CHECK(life.want);
	life.want[life.n++] = kit_line(EVENT_KERNEL, TID, f, KERNEL_N, NULL, 0);
	if (journal_repeat(&life.lane, &life.place[shape], EVENT_KERNEL, f, KERNEL_NAME)) {
		life.repeats++;
		return;
	}
	CHECK(journal_append(&life.j, &life.lane, TID, EVENT_KERNEL, f, KERNEL_N, NULL, 0));
	life.place[shape] = journal_last(&life.lane, journal_row_bytes(KERNEL_N, 0));
}

/* What a reader finds now is every row once, in its order. Returns those from the journal. */
static uint64_t life_check(void)
{
	struct bytes trace = kit_read_file(life.dir, "t.jnt"), j = kit_copy_journal(&life.j);
	struct rows got = kit_decode(trace, &j);
	uint64_t from_journal = got.status.journal_rows;

	CHECK(got.err == 0 && got.n == life.n && !got.status.bad_chunks);
	for (size_t i = 0; i < life.n; i++)
		CHECK(!strcmp(got.line[i], life.want[i]));
	kit_rows_free(&got);
	free(trace.p);
	free(j.p);
	return from_journal;
}

static void life_end(void)
{
	writer_close(life.w);
	journal_release(&life.j);
	for (size_t i = 0; i < life.n; i++)
		free(life.want[i]);
	free(life.want);
}

TEST(repeat_survives_in_the_journal_and_in_frames)
{
	uint64_t i = 0;

	life_start(1u << 20);
	for (; i < 5000; i++)
		kernel(i % SHAPES, i);
	/* Three chunks: each has all shapes once. */
	CHECK(life.repeats == 5000 - 3 * SHAPES);
	CHECK(life_check() == 5000);
	CHECK(writer_pump(life.w, &life.j, true) == 5000);
	CHECK(life_check() == 0);
	/* These repeat rows that are in a frame already. */
	for (; i < 5050; i++)
		kernel(i % SHAPES, i);
	CHECK(life.repeats == 5050 - 3 * SHAPES);
	CHECK(life_check() == 50);
	CHECK(writer_pump(life.w, &life.j, true) == 50);
	CHECK(life_check() == 0);
	life_end();
}

TEST(repeat_of_few_rows_is_a_plain_section)
{
	life_start(1u << 20);
	for (uint64_t i = 0; i < 20; i++)
		kernel(i % 3, i);
	CHECK(life.repeats == 17);
	CHECK(writer_pump(life.w, &life.j, true) == 20);
	CHECK(life_check() == 0);
	life_end();
}

TEST(repeat_only_in_the_chunk_of_the_row)
{
	uint64_t f[KERNEL_N] = { 1, 2, 3 };
	struct journal_place nowhere = { 0 }, place;

	life_start(4 * JOURNAL_CHUNK_BYTES);
	CHECK(!journal_repeat(&life.lane, &nowhere, EVENT_KERNEL, f, 3));
	kernel(0, 0);
	CHECK(!journal_repeat(&life.lane, &nowhere, EVENT_KERNEL, f, 3));
	place = life.place[0];
	while (journal_repeat(&life.lane, &place, EVENT_KERNEL, f, 3))
		life.repeats++;
	/* The chunk is full, and nothing was counted as lost. */
	CHECK(life.repeats == (JOURNAL_CHUNK_BYTES - JOURNAL_CHUNK_HEADER - 168) / 32);
	CHECK(journal_lost_total(&life.j) == 0);
	CHECK(journal_append(&life.j, &life.lane, TID, EVENT_KERNEL, f, KERNEL_N, NULL, 0));
	CHECK(!journal_repeat(&life.lane, &place, EVENT_KERNEL, f, 3));
	life_end();
}

/* Of what is no row of its kind before it: it and the rest of the chunk are not used. */
TEST(repeat_of_nothing_is_damage)
{
	struct bytes trace, j;

	life_start(4 * JOURNAL_CHUNK_BYTES);
	for (uint64_t i = 0; i < 10; i++)
		kernel(0, i);
	trace = kit_read_file(life.dir, "t.jnt");
	for (uint32_t bad = 0; bad < 64; bad++) {
		/* The third row: the second is a repeat, and the fourth comes later. */
		static const size_t third = JOURNAL_HEADER_BYTES + JOURNAL_CHUNK_HEADER + 168 + 32;
		uint32_t of = bad == 0 ? 0 : bad == 1 ? 168 : bad == 2 ? UINT32_MAX - 7 : 168 + 8 * bad;
		struct rows got;

		j = kit_copy_journal(&life.j);
		memcpy(j.p + third + 4, &of, sizeof(of));
		got = kit_decode(trace, &j);
		CHECK(got.err == 0 && got.n == (bad ? 2 : 10));
		CHECK(got.status.bad_chunks == (bad ? 1 : 0));
		kit_rows_free(&got);
		free(j.p);
	}
	free(trace.p);
	life_end();
}
