/* decode: the reading half of encode.h. May use malloc: it never runs in the host. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "trace/encode.h"
#include "trace/err.h"
#include "trace/wire.h"

/* By kind, so that a column which does not change keeps its contents from section to section. */
#define KINDS 32u
struct columns {
	uint64_t *col[EVENT_FIELDS_MAX];
	size_t room[EVENT_FIELDS_MAX];
	uint64_t value[EVENT_FIELDS_MAX];
	size_t same[EVENT_FIELDS_MAX]; /* the first rows of col[i] hold value[i]; 0: not known */
};

struct section_scratch {
	struct columns of[KINDS];
	uint64_t *zero; /* for columns that the file does not have */
	size_t zero_room;
	uint32_t *blob_at;
	size_t blob_at_room;
};

struct section_scratch *section_scratch_new(void)
{
	return calloc(1, sizeof(struct section_scratch));
}

void section_scratch_free(struct section_scratch *m)
{
	if (!m)
		return;
	for (unsigned k = 0; k < KINDS; k++)
		for (unsigned i = 0; i < EVENT_FIELDS_MAX; i++)
			free(m->of[k].col[i]);
	free(m->zero);
	free(m->blob_at);
	free(m);
}

/* Makes room for n items; their old contents are not kept. `n` is bounded by the caller. */
static bool scratch_fit(void **p, size_t *room, size_t n, size_t item_bytes)
{
	void *fresh;

	if (n <= *room)
		return true;
	n += n / 2;
	fresh = calloc(n, item_bytes);
	if (!fresh)
		return false;
	free(*p);
	*p = fresh;
	*room = n;
	return true;
}

/* A column as it stands in the file; bounds and transform are checked. */
struct packed {
	uint8_t transform, width;
	uint16_t ref;
	uint64_t first, low;
	const uint8_t *planes;
};

/* Bytes used, or an error; what the transform refers to is not checked. */
static long packed_get(struct packed *ret, const uint8_t *p, size_t n, uint32_t rows)
{
	struct packed c;

	if (n < COLUMN_HEADER_BYTES)
		return TRACE_E_TRUNC;
	c.transform = p[0];
	c.width = p[1];
	c.ref = get_le16(p + 2);
	c.first = get_le64(p + 4);
	c.low = get_le64(p + 12);
	c.planes = p + COLUMN_HEADER_BYTES;
	if (c.width > 8 || c.transform > XF_GAP)
		return TRACE_E_CORRUPT;
	if ((uint64_t)c.width * rows > n - COLUMN_HEADER_BYTES)
		return TRACE_E_TRUNC;
	*ret = c;
	return (long)(COLUMN_HEADER_BYTES + (size_t)c.width * rows);
}

static inline __attribute__((always_inline)) void planes_get_w(uint64_t *out, const uint8_t *p,
								size_t rows, uint64_t low,
								unsigned width)
{
	for (size_t i = 0; i < rows; i++) {
		uint64_t v = 0;

#pragma GCC unroll 8
		for (unsigned b = 0; b < width; b++)
			v |= (uint64_t)p[b * rows + i] << (8 * b);
		out[i] = low + v;
	}
}

/* Most columns of a kernel hardly ever change, and what they hold is still there from last time. */
static void same_get(struct columns *m, unsigned i, uint64_t value, size_t rows)
{
	size_t have = m->value[i] == value ? m->same[i] : 0;

	if (have >= rows)
		return;
	for (size_t k = have; k < rows; k++)
		m->col[i][k] = value;
	m->value[i] = value;
	m->same[i] = rows;
}

/* One loop for each width, so that the inner one unrolls. */
static void planes_get(uint64_t *out, const struct packed *c, size_t rows)
{
	switch (c->width) {
#define W(n) \
	case n: \
		planes_get_w(out, c->planes, rows, c->low, n); \
		break;
		W(0) W(1) W(2) W(3) W(4) W(5) W(6) W(7) W(8)
#undef W
	}
}

static void delta_undo(uint64_t *v, uint64_t first, size_t rows)
{
	for (size_t i = 0; i < rows; i++)
		v[i] = first += v[i];
}

static void diff_undo(uint64_t *v, const uint64_t *ref, size_t rows)
{
	for (size_t i = 0; i < rows; i++)
		v[i] += ref[i];
}

/* Gaps and durations, alternating, add up to starts and ends. */
static void gap_undo(uint64_t *start, uint64_t *end, uint64_t first, size_t rows)
{
	for (size_t i = 0; i < rows; i++) {
		start[i] = first += start[i];
		end[i] = first += end[i];
	}
}

/* The plain integer i of a column that is not transformed. */
static uint64_t packed_at(const struct packed *c, uint32_t rows, uint32_t i)
{
	uint64_t v = 0;

	for (unsigned b = 0; b < c->width; b++)
		v |= (uint64_t)c->planes[(size_t)b * rows + i] << (8 * b);
	return c->low + v;
}

struct section_head {
	uint16_t kind, n_cols;
	uint32_t rows, tid, blob_bytes;
};

static int head_get(struct section_head *ret, const uint8_t *p, size_t n)
{
	if (n < SECTION_HEADER_BYTES)
		return TRACE_E_TRUNC;
	ret->kind = get_le16(p);
	ret->n_cols = get_le16(p + 2);
	ret->rows = get_le32(p + 4);
	ret->tid = get_le32(p + 8);
	ret->blob_bytes = get_le32(p + 12);
	return ret->rows > SECTION_ROWS_MAX ? TRACE_E_LIMIT : 0;
}

/* The blob lengths and blobs at p: bytes used, or an error. */
static long blobs_check(const struct section_head *h, const uint8_t *p, size_t n)
{
	struct packed len;
	uint64_t sum = 0;
	long used = packed_get(&len, p, n, h->rows);

	if (used < 0)
		return used;
	if (len.transform != XF_NONE)
		return TRACE_E_CORRUPT;
	if (h->blob_bytes > n - (size_t)used)
		return TRACE_E_TRUNC;
	for (uint32_t i = 0; i < h->rows; i++) {
		uint64_t one = packed_at(&len, h->rows, i);

		if (one > h->blob_bytes - sum)
			return TRACE_E_CORRUPT;
		sum += one;
	}
	return sum == h->blob_bytes ? used + (long)h->blob_bytes : TRACE_E_CORRUPT;
}

/* A DIFF may only look back; a GAP stands right before the DIFF that it refers to. */
static bool refs_check(const struct packed *c, unsigned i, const struct packed *before)
{
	bool after_gap = i > 0 && before->transform == XF_GAP;

	if (after_gap && (c->transform != XF_DIFF || c->ref != i - 1))
		return false;
	if (c->transform == XF_GAP)
		return c->ref == i + 1 && i + 1 < EVENT_FIELDS_MAX;
	return c->transform != XF_DIFF || c->ref < i;
}

long section_check(uint16_t *ret_kind, uint32_t *ret_rows, const uint8_t *p, size_t n)
{
	struct section_head h;
	struct packed c, before = { .transform = XF_NONE };
	size_t at = SECTION_HEADER_BYTES;
	long used;
	int err;

	if (n == 0)
		return 0;
	err = head_get(&h, p, n);
	if (err)
		return err;
	for (unsigned i = 0; i < h.n_cols; i++) {
		used = packed_get(&c, p + at, n - at, h.rows);
		if (used < 0)
			return used;
		if (!refs_check(&c, i, &before))
			return TRACE_E_CORRUPT;
		before = c;
		at += (size_t)used;
	}
	if (before.transform == XF_GAP) /* nothing follows it */
		return TRACE_E_CORRUPT;
	if (h.blob_bytes) {
		used = blobs_check(&h, p + at, n - at);
		if (used < 0)
			return used;
		at += (size_t)used;
	}
	*ret_kind = h.kind;
	*ret_rows = h.rows;
	return (long)at;
}

/*
 * Decodes column i; `before` is the column before it. A GAP stays packed until the
 * DIFF after it. rows is at most SECTION_ROWS_MAX; the bytes were checked.
 */
static int column_get(struct section *s, unsigned i, const struct packed *c,
		      const struct packed *before, struct columns *m)
{
	uint64_t *v;

	if (s->rows > m->room[i])
		m->same[i] = 0;
	if (!scratch_fit((void **)&m->col[i], &m->room[i], s->rows, sizeof(*v)))
		return TRACE_E_NOMEM;
	s->col[i] = v = m->col[i];
	if (c->width == 0 && c->transform == XF_NONE) {
		same_get(m, i, c->low, s->rows);
		return 0;
	}
	m->same[i] = 0;
	planes_get(v, c, s->rows);
	if (c->transform == XF_DELTA)
		delta_undo(v, c->first, s->rows);
	else if (c->transform == XF_DIFF && before->transform == XF_GAP)
		gap_undo(m->col[i - 1], v, before->first, s->rows);
	else if (c->transform == XF_DIFF)
		diff_undo(v, s->col[c->ref], s->rows);
	return 0;
}

static int blobs_get(struct section *s, const uint8_t *p, size_t n, struct section_scratch *m)
{
	struct packed len;
	long used = packed_get(&len, p, n, s->rows);
	uint32_t at = 0;

	if (used < 0)
		return (int)used;
	if (!scratch_fit((void **)&m->blob_at, &m->blob_at_room, (size_t)s->rows + 1,
			 sizeof(uint32_t)))
		return TRACE_E_NOMEM;
	for (uint32_t i = 0; i < s->rows; i++) {
		m->blob_at[i] = at;
		at += (uint32_t)packed_at(&len, s->rows, i);
	}
	m->blob_at[s->rows] = at;
	s->blob_at = m->blob_at;
	s->blob = p + used;
	return 0;
}

/* Everything section_get() fills from bytes that section_check() has seen. */
static int columns_get(struct section *s, const uint8_t *p, size_t n, struct section_scratch *m)
{
	unsigned n_cols = get_le16(p + 2);
	size_t at = SECTION_HEADER_BYTES;
	struct packed c, before = { .transform = XF_NONE };

	for (unsigned i = 0; i < n_cols; i++) {
		long used = packed_get(&c, p + at, n - at, s->rows);
		int err = used < 0 ? (int)used : 0;

		if (!err && i < EVENT_FIELDS_MAX)
			err = column_get(s, i, &c, &before, &m->of[s->kind % KINDS]);
		if (err)
			return err;
		before = c;
		at += (size_t)used;
	}
	return get_le32(p + 12) ? blobs_get(s, p + at, n - at, m) : 0;
}

long section_get(struct section *ret, const uint8_t *p, size_t n, struct section_scratch *m)
{
	struct section s = { .blob_at = NULL };
	long used = section_check(&s.kind, &s.rows, p, n);
	unsigned n_cols;
	int err;

	if (used <= 0)
		return used;
	n_cols = get_le16(p + 2);
	s.n_cols = (uint16_t)(n_cols < EVENT_FIELDS_MAX ? n_cols : EVENT_FIELDS_MAX);
	s.tid = get_le32(p + 8);
	/* At least one, so that no column is ever NULL. */
	if (!scratch_fit((void **)&m->zero, &m->zero_room, s.rows ? s.rows : 1, sizeof(uint64_t)))
		return TRACE_E_NOMEM;
	for (unsigned i = 0; i < EVENT_FIELDS_MAX; i++)
		s.col[i] = m->zero;
	err = columns_get(&s, p, n, m);
	if (err)
		return err;
	*ret = s;
	return used;
}
