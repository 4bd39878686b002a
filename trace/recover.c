#include "trace/recover.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "trace/err.h"
#include "trace/reader.h"
#include "trace/wire.h"

/* A live process may reclaim a chunk while we read it; what it held is then in a frame. */
#define SNAPSHOT_TRIES 3

struct chunk {
	uint64_t gen;
	uint32_t tid;
	uint32_t from, to; /* of the rows kept; below `from` is only what they repeat */
	uint32_t consumed, strings; /* rows below are in a frame */
	uint8_t *rows;     /* the chunk's row area, up to `to` */
};

/* A row to be given out, sorted by kind and then by place. */
struct row_ref {
	uint32_t kind, at;
};

struct recovery {
	struct recovery_info info;
	uint32_t chunk_bytes, header_bytes, chunk_count;
	uint64_t next_gen; /* when the snapshot began */
	struct chunk *chunks; /* by gen at first, then by (tid, gen) */
	size_t n_chunks;

	/* Where recovery_next() is. */
	bool started, strings_done;
	size_t chunk;
	struct row_ref *refs;
	size_t n_refs, next_ref, refs_room;

	/* Memory of the section given out last. */
	uint64_t *cols;
	uint32_t *blob_at;
	uint8_t *blob;
	size_t rows_room, blob_room;
};

long source_read(const struct trace_source *src, void *buf, size_t n, uint64_t offset)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = src->read_at(src->arg, (uint8_t *)buf + done, n - done, offset + done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return TRACE_E_IO;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (long)done;
}

/* --- snapshot */

static int header_load(struct recovery *r, const struct trace_source *src)
{
	uint8_t h[176];
	long got = source_read(src, h, sizeof(h), 0);

	if (got < 0)
		return (int)got;
	if ((size_t)got < sizeof(h) || memcmp(h, JOURNAL_MAGIC, 8))
		return TRACE_E_FORMAT;
	if (get_le32(h + 8) > JOURNAL_VERSION)
		return TRACE_E_VERSION;
	r->header_bytes = get_le32(h + 12);
	r->chunk_bytes = get_le32(h + 16);
	r->chunk_count = get_le32(h + 20);
	if (r->header_bytes < sizeof(h) || r->header_bytes > JOURNAL_CHUNK_BYTES_MAX ||
	    r->chunk_bytes < JOURNAL_CHUNK_HEADER + 8 || r->chunk_bytes > JOURNAL_CHUNK_BYTES_MAX ||
	    r->chunk_bytes % 8 || r->chunk_count > JOURNAL_CHUNKS_MAX)
		return TRACE_E_FORMAT;
	r->info.pid = get_le64(h + 24);
	r->next_gen = get_le64(h + 32);
	for (unsigned i = 0; i < JOURNAL_LOST_SLOTS; i++)
		r->info.lost_by[i] = get_le64(h + 40 + 8 * i);
	r->info.stop_errno = get_le32(h + 168);
	return 0;
}

struct chunk_head {
	uint64_t gen;
	uint32_t tid, committed, consumed;
};

/* 1, 0 when the file ends before it, or TRACE_E_IO. */
static int chunk_head_load(struct chunk_head *ret, const struct trace_source *src, uint64_t at)
{
	uint8_t h[JOURNAL_CHUNK_HEADER];
	long got = source_read(src, h, sizeof(h), at);

	if (got < (long)sizeof(h))
		return got < 0 ? (int)got : 0;
	ret->tid = get_le32(h + 4);
	ret->gen = get_le64(h + 8);
	ret->committed = get_le32(h + 16);
	ret->consumed = get_le32(h + 20);
	return 1;
}

/* Bytes of the row at rows + at when all of it lies before `to`, or 0. */
static size_t row_check(const uint8_t *rows, size_t at, size_t to)
{
	struct journal_row row, of;
	size_t need;

	if (to - at < sizeof(row))
		return 0;
	row = journal_row_head(rows + at);
	/* Kind 0 does not exist: memory that was never written is not a row. */
	if (!(row.kind & ~JOURNAL_REPEAT))
		return 0;
	if (row.kind & JOURNAL_REPEAT) {
		if (row.blob_len % 8 || row.blob_len >= at)
			return 0;
		of = journal_row_head(rows + row.blob_len);
		if (of.kind != (row.kind & ~JOURNAL_REPEAT) || of.blob_len ||
		    journal_head_bytes(&of) > at - row.blob_len)
			return 0;
	} else if (row.blob_len > to) {
		return 0;
	}
	need = journal_head_bytes(&row);
	return need <= to - at ? need : 0;
}

/* How far there are whole rows from `from` on. */
static uint32_t rows_check(const uint8_t *rows, size_t from, size_t to)
{
	size_t one;

	while (from < to && (one = row_check(rows, from, to)) > 0)
		from += one;
	return (uint32_t)from;
}

/* Keeps the unconsumed rows of a chunk. 1, 0, or an error; _CORRUPT: it was reclaimed meanwhile. */
static int chunk_load(struct chunk *ret, struct recovery *r, const struct trace_source *src,
		      uint64_t at, const struct chunk_head *h)
{
	uint32_t room = r->chunk_bytes - JOURNAL_CHUNK_HEADER;
	struct chunk c = { .gen = h->gen, .tid = h->tid, .from = h->consumed };
	struct chunk_head again = { .gen = 0 };
	long got;
	int found;

	if (h->committed > room || h->consumed % 8) {
		r->info.bad_chunks++;
		return 0;
	}
	c.rows = malloc(h->committed); /* at most JOURNAL_CHUNK_BYTES_MAX */
	if (!c.rows)
		return TRACE_E_NOMEM;
	got = source_read(src, c.rows, h->committed, at + JOURNAL_CHUNK_HEADER);
	found = got < 0 ? (int)got : chunk_head_load(&again, src, at);
	if (found <= 0 || again.gen != h->gen || again.tid != h->tid ||
	    again.committed < h->committed) {
		free(c.rows);
		return found <= 0 ? found : TRACE_E_CORRUPT;
	}
	c.to = rows_check(c.rows, c.from, (size_t)got);
	c.consumed = c.strings = c.from;
	if (c.to < h->committed)
		r->info.bad_chunks++;
	*ret = c;
	return 1;
}

/* Like chunk_load(), for the chunk at `at`, whatever it is. 0 also when there is nothing. */
static int chunk_snapshot(struct chunk *ret, struct recovery *r, const struct trace_source *src,
			  uint64_t at, bool *ret_end)
{
	for (unsigned i = 0; i < SNAPSHOT_TRIES; i++) {
		struct chunk_head h = { .gen = 0 };
		int found = chunk_head_load(&h, src, at);

		if (found <= 0) {
			*ret_end = true;
			return found;
		}
		/*
		 * A chunk claimed since we began is newer than ones we have passed: taking it
		 * could leave a hole in its thread's rows. Its rows are not seen yet.
		 */
		if (h.gen == 0 || h.gen >= r->next_gen || h.committed <= h.consumed)
			return 0;
		found = chunk_load(ret, r, src, at, &h);
		if (found != TRACE_E_CORRUPT)
			return found;
	}
	r->info.bad_chunks++;
	return 0;
}

static int chunks_load(struct recovery *r, const struct trace_source *src)
{
	size_t room = 0;
	bool end = false;

	for (uint32_t i = 0; i < r->chunk_count && !end; i++) {
		uint64_t at = r->header_bytes + (uint64_t)i * r->chunk_bytes;
		struct chunk c;
		int found = chunk_snapshot(&c, r, src, at, &end);

		if (found < 0)
			return found;
		if (!found)
			continue;
		if (r->n_chunks == room) {
			struct chunk *more = realloc(r->chunks, (room + 16) * 2 * sizeof(*more));

			if (!more) {
				free(c.rows);
				return TRACE_E_NOMEM;
			}
			r->chunks = more;
			room = (room + 16) * 2;
		}
		r->chunks[r->n_chunks++] = c;
	}
	return 0;
}

static int chunk_by_gen(const void *a, const void *b)
{
	const struct chunk *x = a, *y = b;

	return (x->gen > y->gen) - (x->gen < y->gen);
}

static int chunk_by_tid(const void *a, const void *b)
{
	const struct chunk *x = a, *y = b;

	if (x->tid != y->tid)
		return x->tid < y->tid ? -1 : 1;
	return chunk_by_gen(a, b);
}

int recovery_load(struct recovery **ret, const struct trace_source *src)
{
	struct recovery *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return TRACE_E_NOMEM;
	err = header_load(r, src);
	if (!err)
		err = chunks_load(r, src);
	if (err) {
		recovery_free(r);
		return err;
	}
	if (r->n_chunks)
		qsort(r->chunks, r->n_chunks, sizeof(*r->chunks), chunk_by_gen);
	*ret = r;
	return 0;
}

const struct recovery_info *recovery_info(const struct recovery *r)
{
	return &r->info;
}

void recovery_free(struct recovery *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n_chunks; i++)
		free(r->chunks[i].rows);
	free(r->chunks);
	free(r->refs);
	free(r->cols);
	free(r->blob_at);
	free(r->blob);
	free(r);
}

void recovery_cover(struct recovery *r, const struct section *s)
{
	for (uint32_t i = 0; i < s->rows && !r->started; i++) {
		const struct chunk key = { .gen = s->col[COVERAGE_GEN][i] };
		uint64_t end = s->col[COVERAGE_END][i], strings = s->col[COVERAGE_STRINGS][i];
		struct chunk *c = r->n_chunks ? bsearch(&key, r->chunks, r->n_chunks, sizeof(key),
							chunk_by_gen) : NULL;

		if (!c)
			continue;
		if (end > JOURNAL_CHUNK_BYTES_MAX)
			end = JOURNAL_CHUNK_BYTES_MAX;
		if (strings > JOURNAL_CHUNK_BYTES_MAX)
			strings = JOURNAL_CHUNK_BYTES_MAX;
		if (end > c->consumed)
			c->consumed = (uint32_t)end;
		if (strings > c->strings)
			c->strings = (uint32_t)strings;
		if (c->strings < c->consumed)
			c->strings = c->consumed;
	}
}

/* --- giving out */

static int ref_by_kind(const void *a, const void *b)
{
	const struct row_ref *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return (x->at > y->at) - (x->at < y->at);
}

/* Lists the rows of the chunk that belong to this pass and are in no frame. */
static int refs_collect(struct recovery *r, const struct chunk *c)
{
	uint32_t n = c->to - c->from, at = c->from;

	r->n_refs = r->next_ref = 0;
	if (n / 8 > r->refs_room) {
		free(r->refs);
		r->refs_room = n / 8;
		r->refs = malloc(r->refs_room * sizeof(*r->refs));
		if (!r->refs) {
			r->refs_room = 0;
			return TRACE_E_NOMEM;
		}
	}
	while (at < c->to) {
		uint32_t kind = journal_row_head(c->rows + at).kind & ~JOURNAL_REPEAT;
		bool is_string = kind == EVENT_STRING;
		uint32_t done = is_string ? c->strings : c->consumed;

		if (is_string == !r->strings_done && kind != EVENT_COVERAGE && at >= done)
			r->refs[r->n_refs++] = (struct row_ref){ kind, at };
		at += (uint32_t)row_check(c->rows, at, c->to);
	}
	if (r->n_refs)
		qsort(r->refs, r->n_refs, sizeof(*r->refs), ref_by_kind);
	return 0;
}

static int section_fit(struct recovery *r, size_t rows, size_t blob_bytes)
{
	if (rows > r->rows_room) {
		free(r->cols);
		free(r->blob_at);
		r->cols = calloc(rows, EVENT_FIELDS_MAX * sizeof(*r->cols));
		r->blob_at = calloc(rows + 1, sizeof(*r->blob_at));
		r->rows_room = r->cols && r->blob_at ? rows : 0;
		if (!r->rows_room)
			return TRACE_E_NOMEM;
	}
	if (blob_bytes > r->blob_room) {
		free(r->blob);
		r->blob = malloc(blob_bytes);
		r->blob_room = r->blob ? blob_bytes : 0;
		if (!r->blob)
			return TRACE_E_NOMEM;
	}
	return 0;
}

/* The row at c->rows + at into row i of the columns; returns its number of fields. */
static unsigned row_unpack(struct recovery *r, const struct chunk *c, uint32_t at, size_t rows,
			   size_t i, uint32_t blob_at)
{
	const uint8_t *p = c->rows + at;
	struct journal_row row = journal_row_head(p);
	unsigned own = row.n_fields;

	if (row.kind & JOURNAL_REPEAT) {
		p = c->rows + row.blob_len;
		row = journal_row_head(p);
	}
	if (own > row.n_fields)
		row.n_fields = (uint16_t)own;
	for (unsigned k = 0; k < EVENT_FIELDS_MAX; k++) {
		const uint8_t *of = k < own ? c->rows + at : p;

		r->cols[k * rows + i] = k < row.n_fields ? get_le64(of + 8 + 8 * k) : 0;
	}
	r->blob_at[i] = blob_at;
	if (row.blob_len)
		memcpy(r->blob + blob_at, p + 8 + 8 * (size_t)row.n_fields, row.blob_len);
	return row.n_fields < EVENT_FIELDS_MAX ? row.n_fields : EVENT_FIELDS_MAX;
}

static uint32_t blob_len(const struct chunk *c, uint32_t at)
{
	struct journal_row row = journal_row_head(c->rows + at);

	return row.kind & JOURNAL_REPEAT ? 0 : row.blob_len;
}

/* A section of the refs [next_ref..end): rows of one kind. */
static int section_build(struct section *ret, struct recovery *r, const struct chunk *c, size_t end)
{
	const struct row_ref *refs = r->refs + r->next_ref;
	size_t rows = end - r->next_ref, blob_bytes = 0;
	struct section s = { .kind = (uint16_t)refs[0].kind, .rows = (uint32_t)rows, .tid = c->tid };
	int err;

	for (size_t i = 0; i < rows; i++)
		blob_bytes += blob_len(c, refs[i].at); /* at most the chunk */
	err = section_fit(r, rows, blob_bytes);
	if (err)
		return err;
	blob_bytes = 0;
	for (size_t i = 0; i < rows; i++) {
		unsigned n = row_unpack(r, c, refs[i].at, rows, i, (uint32_t)blob_bytes);

		s.n_cols = (uint16_t)(n > s.n_cols ? n : s.n_cols);
		blob_bytes += blob_len(c, refs[i].at);
	}
	r->blob_at[rows] = (uint32_t)blob_bytes;
	for (unsigned k = 0; k < EVENT_FIELDS_MAX; k++)
		s.col[k] = r->cols + k * rows;
	if (blob_bytes) {
		s.blob_at = r->blob_at;
		s.blob = r->blob;
	}
	r->next_ref = end;
	*ret = s;
	return 1;
}

int recovery_next(struct recovery *r, struct section *ret)
{
	if (!r->started && r->n_chunks)
		qsort(r->chunks, r->n_chunks, sizeof(*r->chunks), chunk_by_tid);
	r->started = true;
	while (r->next_ref == r->n_refs) {
		int err;

		if (r->chunk == r->n_chunks) {
			if (r->strings_done)
				return 0;
			r->strings_done = true;
			r->chunk = 0;
			continue;
		}
		err = refs_collect(r, &r->chunks[r->chunk++]);
		if (err)
			return err;
	}
	for (size_t end = r->next_ref;; end++)
		if (end == r->n_refs || r->refs[end].kind != r->refs[r->next_ref].kind)
			return section_build(ret, r, &r->chunks[r->chunk - 1], end);
}
