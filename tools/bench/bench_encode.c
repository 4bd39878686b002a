/*
 * bench_encode ROWS TRACE.jnt...: encodes recorded traces again. The rows of each trace are read into memory,
 * then written by the tracer's own writer (columns, zstd, checksum, pwrite to memory) as often as it takes
 * to make ROWS of them. Prints for each trace its rows, launches, ns of CPU a row, bytes a row and bytes
 * of the file for each launch. Strings and the like are written once each round, so bytes are those of a
 * trace as short as the recorded one.
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
#include "trace/reader.h"
#include "trace/writer.h"

struct row {
	uint64_t field[EVENT_FIELDS_MAX];
	uint32_t tid, blob_len;
	uint16_t kind, n;
	uint8_t *blob;
};

struct rows {
	struct row *list;
	size_t n, cap, launches;
};

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "bench_encode: %s: %s\n", what, why);
	exit(1);
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
	r->launches += s->kind == EVENT_LAUNCH;
}

static void load(struct rows *ret, const char *path)
{
	struct reader *r;
	struct section s;
	int err = reader_open(&r, AT_FDCWD, path);

	if (err)
		die(path, trace_strerror(err));
	while ((err = reader_next(r, &s)) == 1)
		for (uint32_t i = 0; i < s.rows; i++)
			keep(ret, &s, i);
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

/* Once; the bytes of the file. A function of its own: callgrind counts what it does. */
static __attribute__((noinline, noclone)) uint64_t encode(const struct rows *r, int dir)
{
	struct writer *w;
	uint64_t bytes;
	int err = writer_open(&w, dir, "b.jnt", 1, 1, 0);

	for (size_t i = 0; i < r->n && !err; i++) {
		const struct row *row = &r->list[i];

		err = writer_add(w, row->tid, (enum event_kind)row->kind, row->field, row->n, row->blob,
				 row->blob_len);
	}
	err = err ? err : writer_flush(w, 0);
	if (err)
		die("b.jnt", trace_strerror(err));
	bytes = writer_bytes(w);
	writer_close(w);
	unlinkat(dir, "b.jnt", 0);
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
		double start;

		load(&r, argv[a]);
		n = r.n ? r.n : 1;
		rounds = 1 + most / n;
		start = now_ns();
		for (uint64_t i = 0; i < rounds; i++)
			bytes = encode(&r, dir);
		printf("%s %zu %zu %.1f %.2f %.2f\n", argv[a], r.n, r.launches,
		       (now_ns() - start) / (double)(rounds * n), (double)bytes / (double)n,
		       r.launches ? (double)bytes / (double)r.launches : 0.0);
		unload(&r);
	}
	close(dir);
	rmdir(made);
	return 0;
}
