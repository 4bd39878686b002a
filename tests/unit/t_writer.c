#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/trace_kit.h"
#include "tests/unit/unit.h"
#include "trace/err.h"
#include "trace/journal.h"
#include "trace/writer.h"

#define N_THREADS 8
#define N_ROWS    100000

struct rig {
	int dir;
	struct journal j;
	struct writer *w;
};

static void rig_open(struct rig *r, size_t journal_bytes)
{
	*r = (struct rig){ .dir = kit_dir(), .j = JOURNAL_INIT };
	CHECK(journal_create(&r->j, r->dir, "t.jnj", journal_bytes) == 0);
	CHECK(writer_open(&r->w, r->dir, "t.jnt", 11, 22, 0) == 0);
}

static void rig_close(struct rig *r)
{
	writer_close(r->w);
	journal_release(&r->j);
}

static void rig_launch(struct rig *r, struct journal_lane *lane, uint32_t tid, uint64_t i)
{
	uint64_t f[LAUNCH_N] = { 1024 * i, 1024 * i + 64, i, API_CU_LAUNCH_KERNEL, 0 };

	CHECK(journal_append(&r->j, lane, tid, EVENT_LAUNCH, f, LAUNCH_N, NULL, 0));
}

static struct rows rig_decode(struct rig *r, bool with_journal)
{
	struct bytes trace = kit_read_file(r->dir, "t.jnt"), j = kit_copy_journal(&r->j);
	struct rows rows = kit_decode(trace, with_journal ? &j : NULL);

	free(trace.p);
	free(j.p);
	return rows;
}

/* --- many threads */

struct producer {
	struct rig *rig;
	uint32_t tid;
	pthread_t thread;
};

static atomic_bool producers_done;

static void *produce(void *arg)
{
	struct producer *p = arg;
	struct journal_lane lane = { NULL };

	for (uint64_t i = 0; i < N_ROWS; i++) {
		/* The host does not wait; the test does, so that a slow machine loses nothing. */
		while (atomic_load(&p->rig->j.free_chunks) <= N_THREADS)
			usleep(50);
		if (i % 3 == 2) {
			uint64_t f[] = { i, p->tid };

			CHECK(journal_append(&p->rig->j, &lane, p->tid, EVENT_THREAD, f, THREAD_N,
					     "name", i % 5));
		} else {
			rig_launch(p->rig, &lane, p->tid, i);
		}
	}
	journal_lane_release(&lane);
	return NULL;
}

static void *pump(void *arg)
{
	struct rig *r = arg;

	while (!atomic_load(&producers_done)) {
		CHECK(writer_pump(r->w, &r->j, false) >= 0);
		usleep(200);
	}
	CHECK(writer_pump(r->w, &r->j, true) >= 0);
	return NULL;
}

static uint32_t blob_len(const struct section *s, uint32_t i)
{
	return s->blob_at ? s->blob_at[i + 1] - s->blob_at[i] : 0;
}

/* Rows of both kinds of each thread, in the order in which they were appended. */
static void threads_check(struct rig *r)
{
	struct bytes trace = kit_read_file(r->dir, "t.jnt");
	struct trace_source source = kit_source(&trace);
	uint64_t next[N_THREADS][2] = { { 0 } }, launches = 0, names = 0;
	struct reader *reader;
	struct section s;

	for (int t = 0; t < N_THREADS; t++)
		next[t][1] = 2;
	CHECK(reader_open_source(&reader, &source, NULL) == 0);
	while (reader_next(reader, &s) > 0) {
		bool is_name = s.kind == EVENT_THREAD;

		CHECK(s.tid >= 100 && s.tid < 100 + N_THREADS);
		for (uint32_t i = 0; i < s.rows; i++) {
			uint64_t *n = &next[s.tid - 100][is_name];
			uint64_t at = is_name ? s.col[THREAD_TIME][i] : s.col[LAUNCH_CORR][i];

			CHECK(at == *n);
			*n += is_name ? 3 : at % 3 == 0 ? 1 : 2;
			CHECK(is_name || s.col[LAUNCH_END][i] == 1024 * at + 64);
			CHECK(!is_name || blob_len(&s, i) == at % 5);
			is_name ? names++ : launches++;
		}
	}
	CHECK(names == N_THREADS * (uint64_t)(N_ROWS / 3));
	CHECK(names + launches == N_THREADS * (uint64_t)N_ROWS);
	CHECK(reader_status(reader)->lost == 0 && reader_status(reader)->bad_frames == 0);
	CHECK(reader_status(reader)->frames > 4);
	reader_close(reader);
	free(trace.p);
}

TEST_THREADS(writer_eight_threads_lose_nothing)
{
	struct producer p[N_THREADS];
	pthread_t writer;
	struct rig r;

	rig_open(&r, 4u << 20); /* 63 chunks: each is used about ten times */
	CHECK(!pthread_create(&writer, NULL, pump, &r));
	for (uint32_t i = 0; i < N_THREADS; i++) {
		p[i] = (struct producer){ .rig = &r, .tid = 100 + i };
		CHECK(!pthread_create(&p[i].thread, NULL, produce, &p[i]));
	}
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(p[i].thread, NULL);
	atomic_store(&producers_done, true);
	pthread_join(writer, NULL);
	CHECK(journal_lost_total(&r.j) == 0);
	CHECK(atomic_load(&r.j.free_chunks) == (int32_t)r.j.chunk_count);
	threads_check(&r);
	rig_close(&r);
}

/* --- strings come before their use, whatever thread used them */

#define N_STRINGS 4000
static _Atomic uint64_t strings_ready;
static pthread_mutex_t intern_lock = PTHREAD_MUTEX_INITIALIZER;

static void *intern_and_use(void *arg)
{
	struct producer *p = arg;
	struct journal_lane lane = { NULL };
	uint64_t id = 0;

	while (id < N_STRINGS) {
		uint64_t f[KERNEL_N] = { 0 };

		while (atomic_load(&p->rig->j.free_chunks) <= N_THREADS)
			usleep(50);
		pthread_mutex_lock(&intern_lock);
		id = atomic_load(&strings_ready);
		if (id < N_STRINGS) {
			id++;
			CHECK(journal_append(&p->rig->j, &lane, p->tid, EVENT_STRING, &id, 1, "kernel", 6));
			atomic_store(&strings_ready, id);
		}
		pthread_mutex_unlock(&intern_lock);
		/* Fill up quickly: several frames a pump. */
		for (int i = 0; i < 20; i++) {
			f[KERNEL_NAME] = atomic_load(&strings_ready);
			CHECK(journal_append(&p->rig->j, &lane, p->tid, EVENT_KERNEL, f, KERNEL_N, NULL, 0));
		}
	}
	journal_lane_release(&lane);
	return NULL;
}

TEST_THREADS(writer_strings_come_before_their_use)
{
	struct producer p[N_THREADS];
	static bool known[N_STRINGS + 1];
	uint64_t strings = 0, uses = 0;
	struct trace_source source;
	struct reader *reader;
	struct bytes trace;
	struct section s;
	pthread_t writer;
	struct rig r;

	rig_open(&r, 16u << 20);
	CHECK(!pthread_create(&writer, NULL, pump, &r));
	for (uint32_t i = 0; i < N_THREADS; i++) {
		p[i] = (struct producer){ .rig = &r, .tid = 200 - i };
		CHECK(!pthread_create(&p[i].thread, NULL, intern_and_use, &p[i]));
	}
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(p[i].thread, NULL);
	atomic_store(&producers_done, true);
	pthread_join(writer, NULL);
	trace = kit_read_file(r.dir, "t.jnt");
	source = kit_source(&trace);
	CHECK(reader_open_source(&reader, &source, NULL) == 0);
	while (reader_next(reader, &s) > 0) {
		for (uint32_t i = 0; i < s.rows; i++) {
			if (s.kind == EVENT_STRING) {
				CHECK(!known[s.col[STRING_ID][i]]); /* once each */
				known[s.col[STRING_ID][i]] = true;
				strings++;
			} else {
				CHECK(known[s.col[KERNEL_NAME][i]]);
				uses++;
			}
		}
	}
	CHECK(strings == N_STRINGS && uses >= 20 * N_STRINGS);
	reader_close(reader);
	free(trace.p);
	rig_close(&r);
}

/* A chunk claimed while the writer looks at all of them must wait, or rows change places. */
TEST(writer_leaves_chunks_that_are_newer_than_its_look)
{
	struct journal_lane lane = { NULL };
	struct rig r;

	rig_open(&r, 1u << 20);
	rig_launch(&r, &lane, 1, 0);
	journal_lane_release(&lane);
	rig_launch(&r, &lane, 1, 1);
	CHECK(r.j.header->next_gen == 3);
	r.j.header->next_gen = 2; /* as if the second chunk was claimed after the look began */
	CHECK(writer_pump(r.w, &r.j, true) == 1);
	r.j.header->next_gen = 3;
	CHECK(writer_pump(r.w, &r.j, true) == 1);
	rig_close(&r);
}

/* --- when to act */

TEST(writer_waits_for_a_worthwhile_batch)
{
	struct journal_lane lane = { NULL };
	struct rig r;

	rig_open(&r, 8u << 20);
	CHECK(writer_pump(r.w, &r.j, true) == 0);
	for (uint64_t i = 0; i < 100; i++)
		rig_launch(&r, &lane, 1, i);
	CHECK(writer_pump(r.w, &r.j, false) == 0 && writer_bytes(r.w) == 32);
	CHECK(writer_pump(r.w, &r.j, true) == 100 && writer_bytes(r.w) > 32);
	CHECK(lane.chunk->consumed == 4800 && lane.chunk->committed == 4800);
	CHECK(writer_pump(r.w, &r.j, true) == 0);
	for (uint64_t i = 0; i < 66000; i++)
		rig_launch(&r, &lane, 1, i);
	CHECK(writer_pump(r.w, &r.j, false) == 66000);
	CHECK(atomic_load(&r.j.free_chunks) == (int32_t)r.j.chunk_count - 1); /* the lane's own */
	rig_close(&r);
}

TEST(writer_drops_reach_the_frame_header)
{
	struct journal_lane lane = { NULL };
	struct rows rows;
	uint64_t i = 0;
	struct rig r;

	rig_open(&r, 3 * JOURNAL_CHUNK_BYTES);
	for (; i < 2 * 1364; i++) /* both chunks, to the last byte */
		rig_launch(&r, &lane, 1, i);
	while (journal_append(&r.j, &lane, 1, EVENT_LAUNCH, &i, 1, NULL, 0))
		;
	journal_lost(&r.j, LOST_BY_POOL, 6);
	CHECK(writer_pump(r.w, &r.j, true) > 0);
	rows = rig_decode(&r, false);
	CHECK(rows.status.lost == 7);
	kit_rows_free(&rows);
	rows = rig_decode(&r, true);
	CHECK(rows.status.lost == 7 && rows.status.lost_by[LOST_BY_POOL] == 6);
	CHECK(rows.status.lost_by[LOST_BY_JOURNAL] == 1 && rows.status.journal_rows == 0);
	kit_rows_free(&rows);
	rig_close(&r);
}

/* --- a disk that fills */

TEST(writer_full_disk_leaves_whole_frames_and_consumes_nothing)
{
	struct journal_lane lane = { NULL };
	struct rows rows;
	uint64_t bytes;
	struct rig r;

	rig_open(&r, 1u << 20);
	for (uint64_t i = 0; i < 500; i++)
		rig_launch(&r, &lane, 1, i);
	CHECK(writer_pump(r.w, &r.j, true) == 500);
	bytes = writer_bytes(r.w);
	for (uint64_t i = 500; i < 900; i++)
		rig_launch(&r, &lane, 1, i);
	for (long after = 0; after < 70; after += 23) {
		struct bytes trace;

		kit_pwrite.short_after = after;
		kit_pwrite.fail_errno = after % 2 ? ENOSPC : EDQUOT;
		CHECK(writer_pump(r.w, &r.j, true) == TRACE_E_FULL);
		CHECK(errno == kit_pwrite.fail_errno);
		trace = kit_read_file(r.dir, "t.jnt");
		CHECK(trace.n == bytes && writer_bytes(r.w) == bytes);
		free(trace.p);
		rows = rig_decode(&r, true);
		CHECK(rows.n == 900 && rows.status.journal_rows == 400 && !rows.status.truncated);
		kit_rows_free(&rows);
	}
	kit_pwrite.short_after = 5;
	kit_pwrite.fail_errno = EIO;
	CHECK(writer_pump(r.w, &r.j, true) == TRACE_E_IO && errno == EIO);
	kit_pwrite.short_after = -1; /* room again: nothing was lost */
	CHECK(writer_pump(r.w, &r.j, true) == 400);
	rows = rig_decode(&r, true);
	CHECK(rows.n == 900 && rows.status.journal_rows == 0 && rows.status.missing_frames == 0);
	kit_rows_free(&rows);
	rig_close(&r);
}

static long pwrite_calls;

static void interrupted_once(void)
{
	kit_pwrite.short_after = ++pwrite_calls == 1 ? 0 : pwrite_calls == 2 ? 10 : -1;
	kit_pwrite.fail_errno = EINTR;
}

TEST(writer_goes_on_after_short_and_interrupted_writes)
{
	struct journal_lane lane = { NULL };
	struct rows rows;
	struct rig r;

	rig_open(&r, 1u << 20);
	for (uint64_t i = 0; i < 500; i++)
		rig_launch(&r, &lane, 1, i);
	kit_pwrite.before = interrupted_once;
	CHECK(writer_pump(r.w, &r.j, true) == 500 && pwrite_calls == 3);
	rows = rig_decode(&r, false);
	CHECK(rows.n == 500 && rows.status.bad_frames == 0);
	kit_rows_free(&rows);
	rig_close(&r);
}

TEST(writer_stops_at_its_own_and_the_process_limit)
{
	struct rlimit limit = { 100, 100 };
	uint64_t f[LAUNCH_N] = { 1, 2, 3 };
	int dir = kit_dir();
	struct writer *w;

	CHECK(writer_open(&w, dir, "small.jnt", 1, 2, 31) == TRACE_E_FULL);
	CHECK(writer_open(&w, dir, "small.jnt", 1, 2, 33) == 0); /* the first left nothing */
	CHECK(writer_add(w, 1, EVENT_LAUNCH, f, LAUNCH_N, NULL, 0) == 0);
	CHECK(writer_flush(w, 0) == TRACE_E_FULL && errno == EFBIG && writer_bytes(w) == 32);
	writer_close(w);
	CHECK(writer_open(&w, dir, "small.jnt", 1, 2, 0) == TRACE_E_EXISTS);
	CHECK(writer_open(&w, dir, "other.jnt", 1, 2, 0) == 0);
	CHECK(!setrlimit(RLIMIT_FSIZE, &limit)); /* later, by the host: SIGXFSZ must not come */
	CHECK(writer_add(w, 1, EVENT_LAUNCH, f, LAUNCH_N, NULL, 0) == 0);
	CHECK(writer_flush(w, 0) == TRACE_E_FULL);
	writer_close(w);
	writer_close(NULL);
}

/* --- without a journal */

TEST_THREADS(writer_add_keeps_order_and_contents)
{
	enum { N = 60000 };
	char **want = malloc(N * sizeof(*want));
	struct bytes trace;
	struct rows got;
	int dir = kit_dir();
	struct writer *w;
	size_t at = 0;

	CHECK(writer_open(&w, dir, "t.jnt", 1, 2, 0) == 0);
	for (uint64_t i = 0; i < N; i++) {
		/* Threads alternate rarely at first, then with each row. */
		uint32_t tid = i < N / 2 ? (uint32_t)(i / 1000 % 3) : (uint32_t)(i % 7);
		uint64_t f[] = { i, kit_value() };

		CHECK(writer_add(w, tid, EVENT_THREAD, f, 2, "abcdefgh", i % 9) == 0);
		want[i] = kit_line(EVENT_THREAD, tid, f, 2, "abcdefgh", i % 9);
	}
	CHECK(writer_add(w, 1, (enum event_kind)64, NULL, 0, NULL, 0) == TRACE_E_LIMIT);
	CHECK(writer_flush(w, 17) == 0 && writer_flush(w, 17) == 0);
	trace = kit_read_file(dir, "t.jnt");
	CHECK(trace.n == writer_bytes(w));
	got = kit_decode(trace, NULL);
	CHECK(got.n == N && got.status.lost == 17 && got.status.frames > 1);
	for (uint32_t tid = 0; tid < 7; tid++) { /* thread by thread, both are in the same order */
		char prefix[16];

		snprintf(prefix, sizeof(prefix), "%d %u ", EVENT_THREAD, tid);
		at = 0;
		for (size_t i = 0; i < N; i++) {
			if (strncmp(want[i], prefix, strlen(prefix)))
				continue;
			while (at < N && strncmp(got.line[at], prefix, strlen(prefix)))
				at++;
			CHECK(at < N && !strcmp(got.line[at], want[i]));
			at++;
		}
	}
	for (size_t i = 0; i < N; i++)
		free(want[i]);
	free(want);
	kit_rows_free(&got);
	free(trace.p);
	writer_close(w);
}

/* Every kind, the largest blob, and a section that does not compress. */
TEST_THREADS(writer_noise_is_stored_and_read_back)
{
	static uint8_t blob[EVENT_BLOB_MAX];
	struct journal_lane lane = { NULL };
	struct rows got;
	struct rig r;
	char *want[200];

	rig_open(&r, 8u << 20);
	for (int i = 0; i < 200; i++) {
		unsigned kind = 3 + (unsigned)(kit_random() % 60), n = (unsigned)(kit_random() % 25);
		size_t blob_len = kit_random() % 3 ? 0 : kit_random() % (EVENT_BLOB_MAX + 1);
		uint64_t f[EVENT_FIELDS_MAX];

		for (unsigned k = 0; k < n; k++)
			f[k] = kit_value();
		for (size_t k = 0; k < blob_len; k++)
			blob[k] = (uint8_t)kit_random();
		CHECK(journal_append(&r.j, &lane, 5, (enum event_kind)kind, f, n, blob, blob_len));
		/* Rows of a kind share a section; one with fewer fields reads as zeros there. */
		memset(f + n, 0, sizeof(f) - n * sizeof(*f));
		want[i] = kit_line(kind, 5, f, EVENT_FIELDS_MAX, blob, blob_len);
	}
	for (int pass = 0; pass < 2; pass++) { /* from the journal, then from frames */
		got = rig_decode(&r, true);
		CHECK(got.n == 200 && got.status.journal_rows == (pass ? 0 : 200));
		for (int i = 0; i < 200; i++) {
			size_t found = 0;

			for (size_t k = 0; k < got.n; k++) {
				/* Compare as far as the section has columns, and the blob. */
				size_t fields = strlen(got.line[k]) - strlen(strchr(got.line[k], '|'));

				found += !strncmp(got.line[k], want[i], fields) &&
					 !strcmp(strchr(got.line[k], '|'), strchr(want[i], '|'));
			}
			CHECK(found >= 1);
		}
		kit_rows_free(&got);
		CHECK(writer_pump(r.w, &r.j, true) == (pass ? 0 : 200));
	}
	for (int i = 0; i < 200; i++)
		free(want[i]);
	rig_close(&r);
}
