#include "tests/unit/trace_kit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/unit.h"
#include "trace/journal.h"

/* --- directories */

static char dir_path[64];

static void dir_remove(void)
{
	DIR *d = opendir(dir_path);

	for (struct dirent *e; d && (e = readdir(d)) != NULL;)
		unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	rmdir(dir_path);
}

int kit_dir(void)
{
	int fd;

	snprintf(dir_path, sizeof(dir_path), "/tmp/jitness-unit-XXXXXX");
	CHECK(mkdtemp(dir_path));
	atexit(dir_remove);
	fd = open(dir_path, O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0);
	return fd;
}

/* --- random */

uint64_t kit_random(void)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	return x ^= x << 17;
}

uint64_t kit_value(void)
{
	switch (kit_random() % 8) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX;
	case 2:
		return 1ull << (kit_random() % 64);
	case 3:
		return (1ull << (kit_random() % 64)) - 1;
	case 4:
		return 0 - (kit_random() % 1000);
	default:
		return kit_random() >> (kit_random() % 64);
	}
}

/* --- bytes */

struct bytes kit_copy(const void *p, size_t n)
{
	/* Exactly n: a sanitizer sees the first byte read beyond. */
	struct bytes b = { malloc(n ? n : 1), n };

	CHECK(b.p);
	memcpy(b.p, p, n);
	return b;
}

struct bytes kit_read_file(int dirfd_, const char *name)
{
	int fd = openat(dirfd_, name, O_RDONLY);
	struct stat st;
	struct bytes b;

	CHECK(fd >= 0 && !fstat(fd, &st));
	b.n = (size_t)st.st_size;
	b.p = malloc(b.n + 1);
	CHECK(b.p && pread(fd, b.p, b.n, 0) == (ssize_t)b.n);
	close(fd);
	return b;
}

struct bytes kit_copy_journal(const struct journal *j)
{
	return kit_copy(j->header,
			JOURNAL_HEADER_BYTES + (size_t)j->chunk_count * JOURNAL_CHUNK_BYTES);
}

static ssize_t bytes_read_at(void *arg, void *buf, size_t n, uint64_t offset)
{
	const struct bytes *b = arg;

	if (offset >= b->n)
		return 0;
	if (n > b->n - offset)
		n = b->n - offset;
	memcpy(buf, b->p + offset, n);
	return (ssize_t)n;
}

struct trace_source kit_source(struct bytes *b)
{
	return (struct trace_source){ bytes_read_at, b };
}

/* --- rows */

char *kit_line(unsigned kind, uint32_t tid, const uint64_t *fields, unsigned n_fields,
	       const void *blob, size_t blob_len)
{
	const uint8_t *p = blob;
	char *line = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&line, &size);

	CHECK(f);
	fprintf(f, "%u %u", kind, tid);
	for (unsigned i = 0; i < n_fields; i++)
		fprintf(f, " %llu", (unsigned long long)fields[i]);
	fputs(" |", f);
	for (size_t i = 0; i < blob_len; i++)
		fprintf(f, "%02x", p[i]);
	fclose(f);
	return line;
}

static void rows_add(struct rows *r, const struct section *s)
{
	r->line = realloc(r->line, (r->n + s->rows) * sizeof(*r->line));
	CHECK(r->line || !(r->n + s->rows));
	for (uint32_t i = 0; i < s->rows; i++) {
		uint64_t f[EVENT_FIELDS_MAX];

		for (unsigned k = 0; k < s->n_cols; k++)
			f[k] = s->col[k][i];
		r->line[r->n++] = kit_line(s->kind, s->tid, f, s->n_cols,
					   s->blob_at ? s->blob + s->blob_at[i] : NULL,
					   s->blob_at ? s->blob_at[i + 1] - s->blob_at[i] : 0);
	}
}

struct rows kit_decode(struct bytes trace, const struct bytes *journal)
{
	struct bytes journal_copy = journal ? *journal : (struct bytes){ NULL, 0 };
	struct trace_source t = kit_source(&trace), j = kit_source(&journal_copy);
	struct rows r = { .line = NULL };
	struct reader *reader;
	struct section s;

	r.err = reader_open_source(&reader, &t, journal ? &j : NULL);
	if (r.err)
		return r;
	while ((r.err = reader_next(reader, &s)) > 0)
		rows_add(&r, &s);
	r.status = *reader_status(reader);
	reader_close(reader);
	return r;
}

void kit_rows_free(struct rows *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->line[i]);
	free(r->line);
	*r = (struct rows){ .line = NULL };
}

/* --- faults: the executable's pwrite() comes before libc's */

struct kit_pwrite kit_pwrite = { .short_after = -1 };

ssize_t pwrite(int fd, const void *buf, size_t n, off_t offset)
{
	ssize_t got;

	if (kit_pwrite.before)
		kit_pwrite.before();
	if (kit_pwrite.short_after == 0) {
		errno = kit_pwrite.fail_errno;
		return -1;
	}
	if (kit_pwrite.short_after > 0 && n > (size_t)kit_pwrite.short_after)
		n = (size_t)kit_pwrite.short_after;
	got = syscall(SYS_pwrite64, fd, buf, n, offset);
	if (kit_pwrite.short_after > 0 && got > 0)
		kit_pwrite.short_after -= got;
	if (kit_pwrite.after)
		kit_pwrite.after();
	return got;
}

void kit_check_some(const uint8_t *p, size_t n)
{
	static struct section_scratch *all_of, *some_of; /* kept: what is left in them must not matter */
	const uint32_t want = (uint32_t)(kit_random() & kit_random()) | (uint32_t)(kit_random() % 8);
	uint32_t by_key = (uint32_t)(kit_random() & kit_random());
	struct section all, some;
	long used;

	all_of = all_of ? all_of : section_scratch_new();
	some_of = some_of ? some_of : section_scratch_new();
	used = section_get(&all, p, n, all_of);
	by_key = kit_random() % 4 ? by_key & ~7u : kit_random() % 2 ? by_key : 0; /* times and ids have no key */
	CHECK(used > 0 && section_get_keys(&some, p, n, want, by_key, some_of) == used);
	by_key &= want & ~SECTION_BLOBS;
	CHECK(!by_key || some.key);
	for (unsigned i = 0; i < EVENT_FIELDS_MAX; i++)
		for (uint32_t r = 0; r < all.rows && by_key >> i & 1; r++)
			CHECK(some.key[r] < some.n_keys &&
			      some.of_key[i][some.key[r]] == all.col[i][r]);
	CHECK(some.bytes == p && some.n_bytes == (size_t)used);
	CHECK(some.kind == all.kind && some.rows == all.rows && some.tid == all.tid &&
	      some.n_cols == all.n_cols);
	for (unsigned i = 0; i < EVENT_FIELDS_MAX; i++)
		CHECK(!((want & ~by_key) >> i & 1) || !memcmp(some.col[i], all.col[i], all.rows * sizeof(uint64_t)));
	if (!(want & SECTION_BLOBS) || !all.blob_at)
		return;
	CHECK(some.blob == all.blob && !memcmp(some.blob_at, all.blob_at,
					       (all.rows + 1) * sizeof(uint32_t)));
}
