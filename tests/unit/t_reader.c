#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/trace_kit.h"
#include "tests/unit/unit.h"
#include "trace/encode.h"
#include "trace/err.h"
#include "trace/frame.h"
#include "trace/hash.h"
#include "trace/journal.h"
#include "trace/wire.h"
#include "trace/writer.h"

/* --- a small trace of several frames */

#define FRAMES     5
#define FRAME_ROWS 7

/* Launches, strings and names, in FRAMES frames. Caller frees .p. */
static struct bytes small_trace(void)
{
	int dir = kit_dir();
	struct writer *w;
	struct bytes b;

	CHECK(writer_open(&w, dir, "s.jnt", 4711, 1763849000000000000ull, 0) == 0);
	for (uint64_t i = 0; i < FRAMES * FRAME_ROWS; i++) {
		uint64_t f[LAUNCH_N] = { 5000 * i, 5000 * i + kit_random() % 900, i, 1001, 0 };
		uint64_t id = i;

		if (i % 3 == 0)
			CHECK(!writer_add(w, 9, EVENT_STRING, &id, STRING_N, "kernel<int>", 11));
		else
			CHECK(!writer_add(w, (uint32_t)(i % 2), EVENT_LAUNCH, f, LAUNCH_N, NULL, 0));
		if (i % FRAME_ROWS == FRAME_ROWS - 1)
			CHECK(!writer_flush(w, i));
	}
	writer_close(w);
	b = kit_read_file(dir, "s.jnt");
	close(dir);
	return b;
}

/* Offsets of the frames, and the end of the last. */
static void frames_find(size_t at[FRAMES + 1], struct bytes b)
{
	size_t p = FILE_HEADER_BYTES;

	for (int i = 0; i < FRAMES; i++) {
		struct frame_header h;

		CHECK(!frame_header_get(&h, b.p + p, b.n - p));
		CHECK(h.seq == (uint64_t)i && h.rows == FRAME_ROWS);
		at[i] = p;
		p += FRAME_HEADER_BYTES + h.stored_len;
	}
	CHECK(p == b.n);
	at[FRAMES] = p;
}

static void rows_check_same(const struct rows *got, size_t got_at, const struct rows *want,
			    size_t want_at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		CHECK(!strcmp(got->line[got_at + i], want->line[want_at + i]));
}

TEST(reader_status_of_a_whole_trace)
{
	struct bytes b = small_trace();
	struct rows r = kit_decode(b, NULL);

	CHECK(r.err == 0 && r.n == FRAMES * FRAME_ROWS && r.status.rows == r.n);
	CHECK(r.status.pid == 4711 && r.status.created_ns == 1763849000000000000ull);
	CHECK(r.status.frames == FRAMES && !r.status.bad_frames && !r.status.missing_frames);
	CHECK(!r.status.truncated && !r.status.has_journal && !r.status.ended);
	CHECK(r.status.lost == FRAMES * FRAME_ROWS - 1);
	kit_rows_free(&r);
	free(b.p);
}

TEST(reader_every_cut_gives_a_prefix)
{
	struct bytes b = small_trace();
	struct rows all = kit_decode(b, NULL);
	size_t at[FRAMES + 1], whole = 0;

	frames_find(at, b);
	for (size_t n = 0; n <= b.n; n++) {
		struct bytes cut = kit_copy(b.p, n);
		struct rows got = kit_decode(cut, NULL);

		while (whole < FRAMES && at[whole + 1] <= n)
			whole++;
		CHECK(got.err == (n < FILE_HEADER_BYTES ? TRACE_E_TRUNC : 0));
		CHECK(got.n == whole * FRAME_ROWS);
		rows_check_same(&got, 0, &all, 0, got.n);
		CHECK(got.status.truncated == (n > FILE_HEADER_BYTES && n != at[whole]));
		CHECK(got.status.bad_frames == 0 && got.status.missing_frames == 0);
		kit_rows_free(&got);
		free(cut.p);
	}
	kit_rows_free(&all);
	free(b.p);
}

TEST(reader_every_flipped_bit_costs_one_frame_at_most)
{
	struct bytes b = small_trace();
	struct rows all = kit_decode(b, NULL);
	size_t at[FRAMES + 1];

	frames_find(at, b);
	for (size_t bit = 0; bit < 8 * b.n; bit++) {
		struct bytes bad = kit_copy(b.p, b.n);
		struct rows got;
		size_t hit = 0;

		bad.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		got = kit_decode(bad, NULL);
		CHECK(got.err == 0 && got.status.bad_frames == 1 && !got.status.missing_frames);
		CHECK(!got.status.truncated);
		if (bit / 8 < FILE_HEADER_BYTES) { /* only what the header says is lost */
			CHECK(got.n == all.n && got.status.pid == 0);
			hit = FRAMES;
		}
		while (hit < FRAMES && at[hit + 1] <= bit / 8)
			hit++;
		CHECK(got.n == all.n - (hit < FRAMES ? FRAME_ROWS : 0));
		rows_check_same(&got, 0, &all, 0, hit * FRAME_ROWS);
		if (hit < FRAMES)
			rows_check_same(&got, hit * FRAME_ROWS, &all, (hit + 1) * FRAME_ROWS,
					(FRAMES - 1 - hit) * FRAME_ROWS);
		kit_rows_free(&got);
		free(bad.p);
	}
	kit_rows_free(&all);
	free(b.p);
}

TEST_THREADS(reader_finds_frames_after_rubbish)
{
	struct bytes b = small_trace(), with;
	struct rows all = kit_decode(b, NULL), got;
	size_t at[FRAMES + 1];
	const size_t rubbish = 200001; /* more than the window of the search */

	frames_find(at, b);
	with.n = b.n + rubbish;
	with.p = malloc(with.n);
	memcpy(with.p, b.p, at[2]);
	for (size_t i = 0; i < rubbish; i++) /* full of magics whose headers are wrong */
		with.p[at[2] + i] = (uint8_t)"JFR1"[i % 4];
	memcpy(with.p + at[2] + rubbish, b.p + at[2], b.n - at[2]);
	got = kit_decode(with, NULL);
	CHECK(got.n == all.n && got.status.bad_frames == 1 && got.status.skipped_bytes == rubbish);
	CHECK(got.status.missing_frames == 0);
	rows_check_same(&got, 0, &all, 0, all.n);
	kit_rows_free(&got);
	kit_rows_free(&all);
	free(with.p);
	free(b.p);
}

TEST(reader_counts_missing_frames)
{
	struct bytes b = small_trace(), with = { malloc(b.n), 0 };
	size_t at[FRAMES + 1];
	struct rows got;

	frames_find(at, b);
	memcpy(with.p, b.p, at[1]);
	memcpy(with.p + at[1], b.p + at[3], b.n - at[3]);
	with.n = b.n - (at[3] - at[1]);
	got = kit_decode(with, NULL);
	CHECK(got.n == (FRAMES - 2) * FRAME_ROWS && got.status.missing_frames == 2);
	CHECK(got.status.bad_frames == 0);
	kit_rows_free(&got);
	free(with.p);
	free(b.p);
}

/* --- what a newer writer may do */

/* A frame of our own making: `body` is stored as it is. */
static size_t frame_append(uint8_t *out, unsigned kind, unsigned flags, uint64_t seq, uint32_t rows,
			   const uint8_t *body, size_t n)
{
	struct frame_header h = {
		.kind = (uint16_t)kind, .flags = (uint16_t)flags, .stored_len = (uint32_t)n,
		.raw_len = (uint32_t)n, .seq = seq, .body_hash = hash64(body, n), .rows = rows,
	};

	frame_header_put(out, &h);
	memcpy(out + FRAME_HEADER_BYTES, body, n);
	return FRAME_HEADER_BYTES + n;
}

static size_t section_of(uint8_t *out, unsigned kind, unsigned n_cols, uint64_t value)
{
	struct section_in s = { .kind = (uint16_t)kind, .n_cols = (uint16_t)n_cols, .rows = 1 };

	for (unsigned i = 0; i < n_cols; i++)
		s.col[i] = &value;
	return section_put(out, &s);
}

TEST(reader_takes_what_it_does_not_know)
{
	struct file_header fh = { .version = 1, .header_bytes = FILE_HEADER_BYTES + 8 };
	uint8_t file[4000] = { 0 }, body[2000];
	struct rows got;
	size_t at, n;

	file_header_put(file, &fh); /* 8 bytes more than we know */
	at = FILE_HEADER_BYTES + 8;
	n = section_of(body, 999, 3, 5); /* a kind of the future */
	n += section_of(body + n, EVENT_STREAM, STREAM_N + 3, 6); /* columns of the future */
	n += section_of(body + n, EVENT_STREAM, 2, 7); /* columns of the past */
	at += frame_append(file + at, FRAME_EVENTS, 0, 0, 3, body, n);
	at += frame_append(file + at, 77, 0, 1, 3, body, n);      /* a frame kind of the future */
	at += frame_append(file + at, FRAME_EVENTS, 8, 2, 3, body, n); /* a flag of the future */
	at += frame_append(file + at, FRAME_EVENTS, 0, 3, 2, body, n); /* rows do not add up */
	at += frame_append(file + at, FRAME_EVENTS, 0, 4, 3, body, n - 1); /* cut inside */
	at += frame_append(file + at, FRAME_EVENTS, 0, 5, 0, body, 0); /* nothing in it */
	got = kit_decode((struct bytes){ file, at }, NULL);
	CHECK(got.err == 0 && got.n == 3);
	CHECK(!strcmp(got.line[0], "999 0 5 5 5 |"));
	CHECK(!strcmp(got.line[1], "9 0 6 6 6 6 6 6 6 |"));
	CHECK(!strcmp(got.line[2], "9 0 7 7 |"));
	CHECK(got.status.unknown_frames == 2 && got.status.bad_frames == 2);
	CHECK(got.status.frames == 2 && got.status.missing_frames == 0);
	kit_rows_free(&got);
}

TEST(reader_refuses_what_is_no_trace)
{
	static uint8_t other[500] = "#!/bin/sh\n";
	struct file_header newer = { .version = 2, .header_bytes = 32 };
	struct rows r = kit_decode((struct bytes){ other, sizeof(other) }, NULL);

	CHECK(r.err == TRACE_E_FORMAT);
	r = kit_decode((struct bytes){ other, 0 }, NULL);
	CHECK(r.err == TRACE_E_TRUNC);
	file_header_put(other, &newer);
	r = kit_decode((struct bytes){ other, sizeof(other) }, NULL);
	CHECK(r.err == TRACE_E_VERSION);
}

/* --- exactly once, wherever the process was killed */

static struct {
	int dir;
	struct journal j;
	struct journal_lane lane[2];
	struct writer *w;
	char **want;
	size_t n_want;
	unsigned checks;
} life = { .j = JOURNAL_INIT };

static void life_append(uint32_t tid, unsigned kind, const uint64_t *f, unsigned n,
			const void *blob, size_t blob_len)
{
	CHECK(journal_append(&life.j, &life.lane[tid], tid, (enum event_kind)kind, f, n, blob,
			     blob_len));
	life.want = realloc(life.want, (life.n_want + 1) * sizeof(*life.want));
	life.want[life.n_want++] = kit_line(kind, tid, f, n, blob, blob_len);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* As if SIGKILL came now: what is in the two files holds each row once. */
static void life_check(void)
{
	struct bytes trace = kit_read_file(life.dir, "t.jnt"), j = kit_copy_journal(&life.j);
	struct rows got = kit_decode(trace, &j);
	char **want = malloc(life.n_want * sizeof(*want));

	CHECK(got.err == 0 && got.n == life.n_want && got.status.bad_chunks == 0);
	memcpy(want, life.want, life.n_want * sizeof(*want));
	qsort(want, life.n_want, sizeof(*want), by_text);
	qsort(got.line, got.n, sizeof(*got.line), by_text);
	for (size_t i = 0; i < got.n; i++)
		CHECK(!strcmp(got.line[i], want[i]));
	life.checks++;
	free(want);
	kit_rows_free(&got);
	free(trace.p);
	free(j.p);
}

static void life_start(size_t journal_bytes)
{
	life.dir = kit_dir();
	CHECK(journal_create(&life.j, life.dir, "t.jnj", journal_bytes) == 0);
	CHECK(writer_open(&life.w, life.dir, "t.jnt", 1, 2, 0) == 0);
}

static void life_end(void)
{
	for (size_t i = 0; i < life.n_want; i++)
		free(life.want[i]);
	free(life.want);
	writer_close(life.w);
	journal_release(&life.j);
}

TEST(reader_exactly_once_around_each_write)
{
	uint64_t i = 0;

	life_start(1u << 20);
	for (int round = 0; round < 6; round++) {
		for (int k = 0; k < 300 + 1500 * (round == 3); k++, i++) {
			uint64_t f[LAUNCH_N] = { 64 * i, 64 * i + 64, i, 1001, 0 };

			life_append((uint32_t)(i % 2), EVENT_LAUNCH, f, LAUNCH_N, NULL, 0);
			if (i % 50 == 0)
				life_append((uint32_t)(i % 3 == 0), EVENT_STRING, &i, 1, "name", 4);
		}
		life_check(); /* before anything is written */
		kit_pwrite.before = life_check;
		kit_pwrite.after = life_check; /* written, not yet consumed */
		CHECK(writer_pump(life.w, &life.j, true) > 0);
		kit_pwrite.before = kit_pwrite.after = NULL;
		life_check(); /* consumed */
	}
	CHECK(life.checks >= 24);
	life_end();
}

/* Strings of later frames' chunks go into the first: they must not come again from the journal. */
TEST(reader_exactly_once_in_a_pump_of_several_frames)
{
	life_start(8u << 20);
	for (uint64_t i = 0; i < 120000; i++) {
		uint64_t f[LAUNCH_N] = { 64 * i, 64 * i + 64, i, 1001, 0 };

		life_append(0, EVENT_LAUNCH, f, LAUNCH_N, NULL, 0);
		if (i % 1000 == 0)
			life_append((uint32_t)(i % 3 == 0), EVENT_STRING, &i, 1, "name", 4);
	}
	kit_pwrite.before = kit_pwrite.after = life_check;
	CHECK(writer_pump(life.w, &life.j, true) == 120120);
	kit_pwrite.before = kit_pwrite.after = NULL;
	CHECK(life.checks >= 4); /* two frames at least */
	life_check();
	life_end();
}

TEST(reader_exactly_once_with_half_a_frame)
{
	life_start(1u << 20);
	for (uint64_t i = 0; i < 400; i++) {
		uint64_t f[LAUNCH_N] = { 64 * i, 64 * i + 64, i, 1001, 0 };

		life_append(0, EVENT_LAUNCH, f, LAUNCH_N, NULL, 0);
		if (i != 150)
			continue;
		CHECK(writer_pump(life.w, &life.j, true) > 0);
	}
	for (int n = 1; n < 120; n += 17) {
		kit_pwrite.short_after = n;
		kit_pwrite.fail_errno = 28 /* ENOSPC */;
		kit_pwrite.after = life_check; /* half a frame is in the file */
		CHECK(writer_pump(life.w, &life.j, true) < 0);
		kit_pwrite.after = NULL;
		life_check();
	}
	life_end();
}

TEST(reader_exactly_once_when_chunks_are_reused)
{
	uint64_t i = 0;

	life_start(4 * JOURNAL_CHUNK_BYTES);
	kit_pwrite.before = kit_pwrite.after = life_check;
	for (int round = 0; round < 12; round++) {
		for (int k = 0; k < 1000; k++, i++) {
			uint64_t f[LAUNCH_N] = { 64 * i, 64 * i + 64, i, 1001, 0 };

			life_append((uint32_t)(round % 2), EVENT_LAUNCH, f, LAUNCH_N, NULL, 0);
		}
		CHECK(writer_pump(life.w, &life.j, true) > 0);
	}
	CHECK(life.j.header->next_gen > 6); /* more lives than chunks */
	life_end();
}

/* A kill inside journal_append(): bytes of a row beyond `committed` are not a row. */
TEST(reader_ignores_rows_that_were_not_committed)
{
	uint64_t f[LAUNCH_N] = { 1, 2, 3, 4, 5 };
	struct journal_chunk *c;

	life_start(1u << 20);
	for (int k = 0; k < 3; k++)
		life_append(0, EVENT_LAUNCH, f, LAUNCH_N, NULL, 0);
	c = life.lane[0].chunk;
	for (size_t n = 0; n <= 48; n++) {
		uint8_t row[48];

		journal_row_put(row, EVENT_LAUNCH, f, LAUNCH_N, NULL, 0);
		memcpy(c->rows + c->committed, row, n);
		life_check();
	}
	life_end();
}

/* A kill inside a claim: between the stores of chunk_start(), in their order. */
TEST(reader_exactly_once_inside_a_claim)
{
	uint64_t f[LAUNCH_N] = { 1, 2, 3, 4, 5 };
	struct journal_chunk *c;

	life_start(1u << 20);
	for (int k = 0; k < 3; k++)
		life_append(0, EVENT_LAUNCH, f, LAUNCH_N, NULL, 0);
	c = life.lane[0].chunk;
	journal_lane_release(&life.lane[0]);
	CHECK(writer_pump(life.w, &life.j, true) == 3);
	CHECK(c->state == CHUNK_FREE);
	life_check();
	c->state = CHUNK_OWNED;
	life_check();
	c->committed = 0;
	life_check();
	c->consumed = 0;
	life_check();
	c->tid = 99;
	life_check();
	c->gen = life.j.header->next_gen++;
	life_check();
	life_end();
}

/* A frame that is lost on disk does not take rows with it that the journal still has. */
TEST(reader_takes_from_the_journal_what_a_bad_frame_held)
{
	struct bytes trace, j;
	struct rows got;

	life_start(1u << 20);
	for (uint64_t i = 0; i < 100; i++) {
		uint64_t f[LAUNCH_N] = { 64 * i, 64 * i + 64, i, 1001, 0 };

		life_append(0, EVENT_LAUNCH, f, LAUNCH_N, NULL, 0);
	}
	j = kit_copy_journal(&life.j);
	CHECK(writer_pump(life.w, &life.j, true) == 100);
	trace = kit_read_file(life.dir, "t.jnt");
	got = kit_decode(trace, &j);
	CHECK(got.n == 100 && got.status.journal_rows == 0 && got.status.has_journal);
	kit_rows_free(&got);
	trace.p[trace.n - 1] ^= 1;
	got = kit_decode(trace, &j);
	CHECK(got.n == 100 && got.status.journal_rows == 100 && got.status.bad_frames == 1);
	kit_rows_free(&got);
	free(trace.p);
	free(j.p);
	life_end();
}

/* --- damage in the journal */

TEST(reader_survives_a_damaged_journal)
{
	struct bytes trace, j;
	struct rows got;

	life_start(2 * JOURNAL_CHUNK_BYTES);
	for (uint64_t i = 0; i < 20; i++)
		life_append(0, EVENT_STRING, &i, 1, "some text", 9);
	trace = kit_read_file(life.dir, "t.jnt");
	j = kit_copy_journal(&life.j);
	for (size_t at = 0; at < JOURNAL_HEADER_BYTES + 64 + 20 * 40; at++) {
		if (at == 176)
			at = JOURNAL_HEADER_BYTES; /* the rest of the header is empty */
		for (int k = 0; k < 3; k++) {
			uint8_t was = j.p[at];

			j.p[at] = (uint8_t[]){ 0xff, (uint8_t)~was, (uint8_t)(was + 1) }[k];
			got = kit_decode(trace, &j);
			/* Rows have no checksum: a field may pass for a row. */
			CHECK(got.err == 0 && got.n <= 20 * 4 && got.status.has_journal);
			kit_rows_free(&got);
			j.p[at] = was;
		}
	}
	for (size_t n = 0; n < JOURNAL_HEADER_BYTES + 2000; n += n < 300 ? 1 : 97) {
		struct bytes cut = kit_copy(j.p, n);

		got = kit_decode(trace, &cut);
		CHECK(got.err == 0 && got.n <= 20);
		CHECK(n >= 176 || got.status.bad_chunks == 1);
		kit_rows_free(&got);
		free(cut.p);
	}
	/* In the fourth row: the three before it are whole. */
	put_le32(j.p + JOURNAL_HEADER_BYTES + 64 + 3 * 32 + 4, 0x7fffffff);
	got = kit_decode(trace, &j);
	CHECK(got.n == 3 && got.status.bad_chunks == 1);
	kit_rows_free(&got);
	free(trace.p);
	free(j.p);
	life_end();
}

/* --- while the process runs */

#define LIVE_ROWS 100000

static atomic_bool life_stop;

static void *live_producer(void *arg)
{
	uint32_t tid = (uint32_t)(uintptr_t)arg;

	for (uint64_t i = 0; i < LIVE_ROWS; i++) {
		uint64_t f[LAUNCH_N] = { 64 * i, 64 * i + 64, i, 1001, 0 };

		while (atomic_load(&life.j.free_chunks) < 4)
			usleep(20);
		CHECK(journal_append(&life.j, &life.lane[tid], tid, EVENT_LAUNCH, f, LAUNCH_N, NULL, 0));
	}
	return NULL;
}

static void *live_writer(void *arg)
{
	(void)arg;
	while (!atomic_load(&life_stop)) {
		CHECK(writer_pump(life.w, &life.j, kit_random() % 2) >= 0);
		usleep(300);
	}
	return NULL;
}

/* Each look at a running process sees each thread's rows without holes and doubles. */
TEST_THREADS(reader_sees_a_running_process_whole)
{
	pthread_t thread[3];
	uint64_t rows = 0;

	life_start(12 * JOURNAL_CHUNK_BYTES);
	for (uintptr_t i = 0; i < 2; i++)
		CHECK(!pthread_create(&thread[i], NULL, live_producer, (void *)i));
	CHECK(!pthread_create(&thread[2], NULL, live_writer, NULL));
	while (rows < 2 * LIVE_ROWS) {
		uint64_t next[2] = { 0 };
		struct reader *r;
		struct section s;

		CHECK(reader_open(&r, life.dir, "t.jnt") == 0);
		while (reader_next(r, &s) > 0)
			for (uint32_t i = 0; i < s.rows; i++)
				CHECK(s.col[LAUNCH_CORR][i] == next[s.tid]++);
		CHECK(reader_status(r)->has_journal && !reader_status(r)->bad_frames);
		rows = reader_status(r)->rows;
		reader_close(r);
	}
	atomic_store(&life_stop, true);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	life_end();
}

/* --- files */

TEST(reader_open_looks_beside_the_trace)
{
	uint64_t f[END_N] = { 1, END_BY_EXIT, 0 };
	struct reader *r;
	struct section s;

	life_start(1u << 20);
	life_append(0, EVENT_END, f, END_N, NULL, 0);
	CHECK(reader_open(&r, life.dir, "none.jnt") == TRACE_E_IO);
	CHECK(reader_open(&r, life.dir, ".") == TRACE_E_IO);
	CHECK(reader_open(&r, life.dir, "t.jnt") == 0);
	CHECK(reader_next(r, &s) == 1 && s.kind == EVENT_END && reader_next(r, &s) == 0);
	CHECK(reader_next(r, &s) == 0); /* stays at the end */
	CHECK(reader_status(r)->ended && reader_status(r)->journal_rows == 1);
	reader_close(r);
	CHECK(!unlinkat(life.dir, "t.jnj", 0));
	CHECK(reader_open(&r, life.dir, "t.jnt") == 0);
	CHECK(reader_next(r, &s) == 0 && !reader_status(r)->has_journal);
	reader_close(r);
	reader_close(NULL);
	life_end();
}
