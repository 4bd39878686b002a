/*
 * bench_encode ROWS TRACE.jnt...: encodes recorded traces again. The rows of each trace are read into memory,
 * then appended to a journal and written by the tracer's own writer (columns, zstd, checksum, pwrite to
 * memory) as often as it takes to make ROWS of them. Prints for each trace its rows, launches, ns of CPU
 * a row in the writer (writer_pump(): also what to count under callgrind), bytes a row and bytes of the file
 * for each launch. Strings and the like are written once each round, so bytes are those of a trace as short
 * as the recorded one.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "trace/err.h"
#include "trace/event.h"
#include "trace/hash.h"
#include "trace/journal.h"
#include "trace/reader.h"
#include "trace/writer.h"

#define JOURNAL_BYTES (16u << 20)
#define WAITING_BYTES WRITER_BATCH_BYTES
#define TIDS_MAX      64

struct row {
	uint64_t field[EVENT_FIELDS_MAX];
	uint32_t tid, blob_len;
	uint16_t kind, n;
	uint8_t *blob;
	uint64_t time; /* when it was recorded, about */
	size_t at;     /* its place in the trace */
};

static size_t waiting; /* bytes in the journal */

struct rows {
	struct row *list;
	size_t n, cap, launches;
};

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "bench_encode: %s: %s\n", what, why);
	exit(1);
}

/* The end of what the row is about; of one without times or from CUPTI, that of the row before it. */
static uint64_t time_of(const struct row *row, uint64_t before)
{
	const struct event_type *t = event_type_of(row->kind);
	uint64_t time = 0;

	if (row->kind >= EVENT_KERNEL && row->kind <= EVENT_JIT && row->kind != EVENT_SYNC)
		return before;

	for (unsigned i = 0; t && i < 2 && i < row->n && t->field[i].type == FIELD_TIME; i++)
		time = row->field[i] > time ? row->field[i] : time;
	return time ? time : before;
}

static void keep(struct rows *r, const struct section *s, uint32_t i)
{
	struct row *row;

	if (r->n == r->cap) {
		r->cap = r->cap * 2 + 1024;
		r->list = realloc(r->list, r->cap * sizeof(*r->list));
		if (!r->list)
			die("rows", "out of memory");
	}
	row = &r->list[r->n++];
	*row = (struct row){ .tid = s->tid, .kind = s->kind, .n = s->n_cols };
	for (unsigned c = 0; c < s->n_cols; c++)
		row->field[c] = s->col[c][i];
	if (s->blob_at) {
		row->blob_len = s->blob_at[i + 1] - s->blob_at[i];
		row->blob = malloc(row->blob_len + 1u);
		if (!row->blob)
			die("blob", "out of memory");
		memcpy(row->blob, s->blob + s->blob_at[i], row->blob_len);
	}
	row->at = r->n - 1;
	row->time = time_of(row, r->n > 1 ? row[-1].time : 0);
	r->launches += s->kind == EVENT_LAUNCH;
}

static int row_order(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static void load(struct rows *ret, const char *path)
{
	struct reader *r;
	struct section s;
	size_t from = 0;
	int err = reader_open(&r, AT_FDCWD, path);

	if (err)
		die(path, trace_strerror(err));
	while ((err = reader_next(r, &s)) == 1) {
		/* A frame has the rows of a thread by kind: back to the order in which they were made. */
		if (from < ret->n && ret->list[from].tid != s.tid) {
			qsort(ret->list + from, ret->n - from, sizeof(*ret->list), row_order);
			from = ret->n;
		}
		for (uint32_t i = 0; i < s.rows; i++)
			keep(ret, &s, i);
	}
	qsort(ret->list + from, ret->n - from, sizeof(*ret->list), row_order);
	reader_close(r);
	if (err)
		die(path, trace_strerror(err));
}

static void unload(struct rows *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->list[i].blob);
	free(r->list);
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

/* Rows are appended as threads do it; the writer works when there is enough for a frame. Adds its CPU time. */
static void pump(struct writer *w, struct journal *j, bool all, double *ret_ns)
{
	double start = now_ns();
	long rows = writer_pump(w, j, all);

	*ret_ns += now_ns() - start;
	if (rows < 0)
		die("b.jnt", trace_strerror((int)rows));
}

static struct journal_lane *lane_of(uint32_t tid)
{
	static uint32_t tids[TIDS_MAX];
	static struct journal_lane lanes[TIDS_MAX];
	unsigned i = 0;

	while (i < TIDS_MAX && tids[i] && tids[i] != tid)
		i++;
	if (i == TIDS_MAX)
		die("rows", "too many threads");
	tids[i] = tid;
	return &lanes[i];
}

static struct seen {
	uint64_t field[EVENT_FIELDS_MAX];
	struct journal_place at;
} seen[4096];

/* As the tracer does with kernels (cupti/records.c): the same one again is a repeat of its last whole row. */
static void append(struct journal *j, const struct row *row)
{
	struct journal_lane *lane = lane_of(row->tid);
	struct seen *s = &seen[hash64(row->field + KERNEL_NAME, 8 * (KERNEL_N - KERNEL_NAME)) % 4096];
	bool kernel = row->kind == EVENT_KERNEL && row->n == KERNEL_N;
	size_t own = 8 * KERNEL_NAME, all = 8 * KERNEL_N;

	if (kernel && !memcmp(s->field + KERNEL_NAME, row->field + KERNEL_NAME, all - own) &&
	    journal_repeat(lane, &s->at, EVENT_KERNEL, row->field, KERNEL_NAME)) {
		waiting += journal_row_bytes(KERNEL_NAME, 0);
		return;
	}
	if (!journal_append(j, lane, row->tid, (enum event_kind)row->kind, row->field, row->n, row->blob,
			    row->blob_len))
		die("b.jnj", "is full");
	waiting += journal_row_bytes(row->n, row->blob_len);
	if (kernel) {
		memcpy(s->field, row->field, all);
		s->at = journal_last(lane, journal_row_bytes(KERNEL_N, 0));
	}
}

/* Once; the bytes of the file. */
static uint64_t encode(const struct rows *r, int dir, double *ret_ns)
{
	struct journal j = JOURNAL_INIT;
	struct writer *w;
	uint64_t bytes;
	int err = journal_create(&j, dir, "b.jnj", JOURNAL_BYTES);

	memset(seen, 0, sizeof(seen));
	err = err ? err : writer_open(&w, dir, "b.jnt", 1, 1, 0);
	if (err)
		die("b.jnt", trace_strerror(err));
	for (size_t i = 0; i < r->n; i++) {
		const struct row *row = &r->list[i];

		append(&j, row);
		if (waiting < WAITING_BYTES && i + 1 < r->n)
			continue;
		waiting = 0;
		pump(w, &j, i + 1 == r->n, ret_ns);
	}
	for (size_t i = 0; i < r->n; i++)
		journal_lane_release(lane_of(r->list[i].tid));
	bytes = writer_bytes(w);
	writer_close(w);
	journal_release(&j);
	unlinkat(dir, "b.jnt", 0);
	unlinkat(dir, "b.jnj", 0);
	return bytes;
}

int main(int argc, char **argv)
{
	char dir_name[] = "/dev/shm/bench-encode-XXXXXX", *made = mkdtemp(dir_name);
	int dir = made ? open(made, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	uint64_t most = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;

	if (argc < 3 || !most)
		die("usage", "bench_encode ROWS TRACE.jnt...");
	if (dir < 0)
		die("/dev/shm", "no directory can be made");
	for (int a = 2; a < argc; a++) {
		struct rows r = { 0 };
		uint64_t bytes = 0, rounds, n;
		double ns = 0;

		load(&r, argv[a]);
		n = r.n ? r.n : 1;
		rounds = 1 + most / n;
		for (uint64_t i = 0; i < rounds; i++)
			bytes = encode(&r, dir, &ns);
		printf("%s %zu %zu %.1f %.2f %.2f\n", argv[a], r.n, r.launches,
		       ns / (double)(rounds * n), (double)bytes / (double)n,
		       r.launches ? (double)bytes / (double)r.launches : 0.0);
		unload(&r);
	}
	close(dir);
	rmdir(made);
	return 0;
}
