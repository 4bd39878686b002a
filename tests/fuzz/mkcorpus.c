/*
 * mkcorpus DIR: writes small traces with their journals. For each, NAME.jnt and NAME.jnj (for
 * tools/jnt.py and jitness dump), and NAME.seed (both, as fuzz_reader takes them). The same
 * bytes in each run.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "trace/encode.h"
#include "trace/frame.h"
#include "trace/hash.h"
#include "trace/journal.h"
#include "trace/wire.h"
#include "trace/writer.h"

#define PID     4711
#define CREATED 1763849000000000000ull

static int dir;

#define MUST(cond)                                                                  \
	do {                                                                        \
		if (!(cond)) {                                                      \
			fprintf(stderr, "mkcorpus: line %d: %s (errno %d)\n", __LINE__, #cond, errno); \
			exit(1);                                                    \
		}                                                                   \
	} while (0)

static uint64_t rnd(void)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	return x ^= x << 17;
}

static const char *name_of(const char *name, const char *suffix)
{
	static char path[2][100];
	static unsigned i;
	char *p = path[i++ % 2];

	snprintf(p, sizeof(path[0]), "%s%s", name, suffix);
	return p;
}

/* Appends a whole file to out; a file that does not exist is empty. */
static size_t file_append_to(int out, const char *path)
{
	int fd = openat(dir, path, O_RDONLY);
	char buf[65536];
	ssize_t n;
	size_t total = 0;

	while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0) {
		MUST(write(out, buf, (size_t)n) == n);
		total += (size_t)n;
	}
	if (fd >= 0)
		close(fd);
	return total;
}

static void seed_write(const char *name)
{
	int out = openat(dir, name_of(name, ".seed"), O_WRONLY | O_CREAT | O_TRUNC, 0644);
	uint8_t len[4] = { 0 };
	size_t n;

	MUST(out >= 0 && write(out, len, 4) == 4);
	n = file_append_to(out, name_of(name, ".jnt"));
	file_append_to(out, name_of(name, ".jnj"));
	put_le32(len, (uint32_t)n);
	MUST(pwrite(out, len, 4, 0) == 4);
	close(out);
}

/* --- rows of every kind */

#define B(text) { text, sizeof(text) - 1 }
static const struct {
	const char *p;
	size_t n;
} blobs[] = {
	B(""),
	B("axpy"),
	B("_ZN7cutlass6KernelI4GemmEEv"),
	B("key\0value\0more"),
	B("\xc3\xa9t\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
	/* Bad, cut off, a surrogate, too long a form, beyond the last. */
	B("\xff bad \xe2\x82 utf \xf0\x9f\x98 \xed\xa0\x80 \xc0\xaf \xf4\x90\x80\x80 \xe2"),
	B("\"quoted\"\\\t\n\r\b\f\x01\x1f\x7f\0"),
};

static uint64_t value_of(uint64_t i, const struct event_field *f)
{
	switch (f->type) {
	case FIELD_TIME:
		return rnd() % 20 ? CREATED + 3000 * i + rnd() % 900 : 0;
	case FIELD_HEX:
		return rnd();
	case FIELD_INT:
		return 0 - rnd() % 3;
	case FIELD_STRING:
		return 1 + rnd() % 5;
	case FIELD_UINT:
	case FIELD_ENUM:
	default:
		return rnd() % 30 ? rnd() % 2000 : UINT64_MAX - rnd() % 3;
	}
}

struct row {
	unsigned kind, n_fields;
	uint64_t f[EVENT_FIELDS_MAX];
	const char *blob;
	size_t blob_len;
};

static struct row row_make(unsigned kind, uint64_t i)
{
	const struct event_type *t = event_type_of(kind);
	struct row r = { .kind = kind, .n_fields = t ? t->n_fields : 3 };
	size_t b = rnd() % (sizeof(blobs) / sizeof(blobs[0]));

	for (unsigned k = 0; k < r.n_fields; k++)
		r.f[k] = t ? value_of(i, &t->field[k]) : rnd() >> (rnd() % 64);
	if (kind == EVENT_STRING)
		r.f[STRING_ID] = i;
	if (!t || t->blob) {
		r.blob = blobs[b].p;
		r.blob_len = blobs[b].n;
	}
	return r;
}

static void add(struct writer *w, uint32_t tid, unsigned kind, uint64_t i)
{
	struct row r = row_make(kind, i);

	MUST(!writer_add(w, tid, (enum event_kind)r.kind, r.f, r.n_fields, r.blob, r.blob_len));
}

static void append(struct journal *j, struct journal_lane *lane, uint32_t tid, unsigned kind,
		   uint64_t i)
{
	struct row r = row_make(kind, i);

	MUST(journal_append(j, lane, tid, (enum event_kind)r.kind, r.f, r.n_fields, r.blob,
			    r.blob_len));
}

static struct writer *writer_make(const char *name)
{
	struct writer *w;

	unlinkat(dir, name_of(name, ".jnt"), 0);
	unlinkat(dir, name_of(name, ".jnj"), 0);
	MUST(!writer_open(&w, dir, name_of(name, ".jnt"), PID, CREATED, 0));
	return w;
}

static void make_empty(void)
{
	writer_close(writer_make("empty"));
	seed_write("empty");
}

static void make_every_kind(void)
{
	struct writer *w = writer_make("every_kind");

	for (unsigned kind = EVENT_STRING; kind < EVENT_KIND_COUNT + 2; kind++)
		for (uint64_t i = 1; i < 6; i++)
			add(w, PID + i % 2, kind, i);
	MUST(!writer_flush(w, 3));
	writer_close(w);
	seed_write("every_kind");
}

static void make_frames(const char *name, int frames, uint64_t rows)
{
	struct writer *w = writer_make(name);

	for (int k = 0; k < frames; k++) {
		for (uint64_t i = 0; i < rows; i++)
			add(w, PID + i % 3, i % 7 ? EVENT_LAUNCH : EVENT_KERNEL, i);
		MUST(!writer_flush(w, (uint64_t)k));
	}
	writer_close(w);
	seed_write(name);
}

/* Launches and kernels as they come: few shapes, a clock of 32 ns, remainders, some wide values. */
static void make_keyed(void)
{
	struct writer *w = writer_make("keyed");
	uint64_t launch[LAUNCH_N] = { 0 }, kernel[KERNEL_N] = { 0 }, at = CREATED;

	for (uint64_t i = 0; i < 300; i++) {
		launch[LAUNCH_START] = at += 3000 + rnd() % 900 + (rnd() % 50 ? 0 : 1u << 30);
		launch[LAUNCH_END] = at += 2000;
		launch[LAUNCH_CORR] = kernel[KERNEL_CORR] += 1 + rnd() % 3;
		launch[LAUNCH_API] = 1001 + rnd() % 2;
		add(w, PID, EVENT_SYNC, i);
		MUST(!writer_add(w, PID, EVENT_LAUNCH, launch, LAUNCH_N, NULL, 0));
		for (unsigned k = KERNEL_NAME; k < KERNEL_N; k++)
			kernel[k] = i % 7 * k;
		kernel[KERNEL_START] = at / 32 * 32 + i % 9 / 8;
		kernel[KERNEL_END] = kernel[KERNEL_START] + 32 * (40 + rnd() % 9) + rnd() % 2;
		MUST(!writer_add(w, PID + 1, EVENT_KERNEL, kernel, KERNEL_N, NULL, 0));
	}
	MUST(!writer_flush(w, 0));
	writer_close(w);
	seed_write("keyed");
}

/* A file with its last bytes cut off, or with one damaged. */
static void make_damaged(const char *name, off_t cut, off_t flip)
{
	struct stat st;
	uint8_t byte;
	int fd;

	make_frames(name, 4, 12);
	fd = openat(dir, name_of(name, ".jnt"), O_RDWR);
	MUST(fd >= 0 && !fstat(fd, &st));
	MUST(!ftruncate(fd, st.st_size - cut));
	if (flip) {
		MUST(pread(fd, &byte, 1, flip) == 1);
		byte ^= 0x40;
		MUST(pwrite(fd, &byte, 1, flip) == 1);
	}
	close(fd);
	seed_write(name);
}

/* The same trace with its bodies as they are: what a fuzzer changes there reaches the sections. */
static void make_plain(const char *name, const char *from)
{
	static uint8_t file[1u << 20], body[1u << 20];
	int fd = openat(dir, name_of(from, ".jnt"), O_RDONLY);
	ssize_t n = read(fd, file, sizeof(file));
	struct frame_header h;

	MUST(fd >= 0 && n > FILE_HEADER_BYTES);
	close(fd);
	unlinkat(dir, name_of(name, ".jnt"), 0);
	fd = openat(dir, name_of(name, ".jnt"), O_WRONLY | O_CREAT | O_TRUNC, 0644);
	MUST(fd >= 0 && write(fd, file, FILE_HEADER_BYTES) == FILE_HEADER_BYTES);
	for (ssize_t at = FILE_HEADER_BYTES; at < n; at += FRAME_HEADER_BYTES + h.stored_len) {
		uint8_t out[FRAME_HEADER_BYTES];
		struct frame_header plain;

		MUST(!frame_header_get(&h, file + at, (size_t)(n - at)));
		plain = h;
		if (h.flags & FRAME_ZSTD)
			MUST(ZSTD_decompress(body, sizeof(body), file + at + FRAME_HEADER_BYTES,
					     h.stored_len) == h.raw_len);
		else
			memcpy(body, file + at + FRAME_HEADER_BYTES, h.raw_len);
		plain.flags = 0;
		plain.stored_len = h.raw_len;
		plain.body_hash = hash64(body, h.raw_len);
		frame_header_put(out, &plain);
		MUST(write(fd, out, sizeof(out)) == (ssize_t)sizeof(out));
		MUST(write(fd, body, h.raw_len) == (ssize_t)h.raw_len);
	}
	close(fd);
	seed_write(name);
}

/* What a newer writer may do: longer header, unknown frames and kinds, more columns. */
static void make_future(void)
{
	struct file_header fh = { .version = 1, .header_bytes = 40, .created_ns = CREATED, .pid = PID };
	uint64_t v[2] = { 5, UINT64_MAX };
	struct section_in s = { .kind = 999, .n_cols = 3, .rows = 2, .tid = 7, .col = { v, v, v } };
	uint8_t file[4000] = { 0 }, body[1000];
	struct frame_header h = { .seq = 0 };
	size_t at = 40, n;
	int fd;

	file_header_put(file, &fh);
	n = section_put(body, &s);
	s.kind = EVENT_STREAM;
	for (unsigned i = 0; i < EVENT_FIELDS_MAX; i++)
		s.col[i] = v;
	s.n_cols = STREAM_N + 4;
	n += section_put(body + n, &s);
	s.n_cols = 1;
	n += section_put(body + n, &s);
	for (h.seq = 0; h.seq < 3; h.seq++) {
		h.kind = h.seq == 1 ? 50 : FRAME_EVENTS;
		h.stored_len = h.raw_len = (uint32_t)n;
		h.body_hash = hash64(body, n);
		h.rows = 6;
		frame_header_put(file + at, &h);
		memcpy(file + at + FRAME_HEADER_BYTES, body, n);
		at += FRAME_HEADER_BYTES + n;
	}
	unlinkat(dir, "future.jnt", 0);
	fd = openat(dir, "future.jnt", O_WRONLY | O_CREAT | O_TRUNC, 0644);
	MUST(fd >= 0 && write(fd, file, at) == (ssize_t)at);
	close(fd);
	seed_write("future");
}

/* A kernel and what differs in its times only. */
static void append_repeats(struct journal *j, struct journal_lane *lane)
{
	uint64_t f[KERNEL_N] = { 1, 2, 3, 4, 5, 6, 7 };
	struct journal_place place;

	MUST(journal_append(j, lane, PID, EVENT_KERNEL, f, KERNEL_N, NULL, 0));
	place = journal_last(lane, journal_row_bytes(KERNEL_N, 0));
	for (f[0] = 10; f[0] < 13; f[0]++)
		MUST(journal_repeat(lane, &place, EVENT_KERNEL, f, KERNEL_NAME));
}

/*
 * Cut off: some rows in frames, some consumed, some not, some in frames and not consumed.
 * The pid in the journal and its unused chunks are wiped, so that the bytes are the same each time.
 */
static void make_cut_off(const char *name, bool stale)
{
	struct writer *w = writer_make(name);
	struct journal_lane lane[2] = { { NULL }, { NULL } };
	struct journal j = JOURNAL_INIT;
	uint8_t *before;
	size_t bytes;

	MUST(!journal_create(&j, dir, name_of(name, ".jnj"), 3 * JOURNAL_CHUNK_BYTES));
	bytes = JOURNAL_HEADER_BYTES + (size_t)j.chunk_count * JOURNAL_CHUNK_BYTES;
	j.header->pid = PID;
	for (uint64_t i = 1; i < 10; i++)
		append(&j, &lane[i % 2], PID + i % 2, i % 4 ? EVENT_LAUNCH : EVENT_STRING, i);
	MUST(writer_pump(w, &j, true) > 0);
	for (uint64_t i = 10; i < 20; i++)
		append(&j, &lane[i % 2], PID + i % 2, i % 4 ? EVENT_INFO : EVENT_STRING, i);
	before = malloc(bytes);
	MUST(before);
	memcpy(before, j.header, bytes);
	if (stale) { /* killed between write() and the mark in the journal */
		MUST(writer_pump(w, &j, true) > 0);
		memcpy(j.header, before, bytes);
	}
	for (uint64_t i = 20; i < 25; i++)
		append(&j, &lane[0], PID, i % 2 ? EVENT_NOTE : 40 /* unknown */, i);
	append_repeats(&j, &lane[0]);
	journal_lost(&j, LOST_BY_POOL, 7);
	free(before);
	/* Only chunks that were used: a seed should be small. */
	MUST(!ftruncate(j.fd, JOURNAL_HEADER_BYTES + JOURNAL_CHUNK_BYTES + 4096));
	close(j.fd); /* stays mapped; the process ends soon */
	writer_close(w);
	seed_write(name);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fputs("usage: mkcorpus DIR\n", stderr);
		return 2;
	}
	mkdir(argv[1], 0755);
	dir = open(argv[1], O_RDONLY | O_DIRECTORY);
	MUST(dir >= 0);
	make_empty();
	make_every_kind();
	make_frames("frames", 3, 20);
	make_frames("long", 2, 3000);
	make_keyed();
	make_plain("keyed_plain", "keyed");
	make_plain("every_kind_plain", "every_kind");
	make_plain("frames_plain", "frames");
	make_damaged("truncated", 17, 0);
	make_damaged("bad_header", 0, 600);
	make_damaged("bad_file_header", 0, 13);
	make_damaged("bad_body", 0, 32 + FRAME_HEADER_BYTES + 30);
	make_future();
	make_cut_off("cut_off", false);
	make_cut_off("cut_off_stale", true);
	return 0;
}
