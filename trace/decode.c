/* decode: the reading half of encode.h. May use malloc: it never runs in the host. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "trace/encode.h"
#include "trace/err.h"
#include "trace/keyed.h"
#include "trace/keys.h"
#include "trace/packed.h"
#include "trace/ticks.h"
#include "trace/wire.h"

/* Start and end, and corr, of keyed sections. */
#define COLUMNS_TIMES 3u
#define COLUMN_CORR   4u

/* By kind, so that a column which does not change keeps its contents from section to section. */
#define KINDS 32u
struct columns {
	uint64_t *col[EVENT_FIELDS_MAX];
	size_t room[EVENT_FIELDS_MAX];
	uint64_t value[EVENT_FIELDS_MAX];
	size_t same[EVENT_FIELDS_MAX]; /* the first rows of col[i] hold value[i]; 0: not known */
	/* By key. */
	uint64_t *of_key[EVENT_FIELDS_MAX];
	size_t key_room[EVENT_FIELDS_MAX];
};

struct section_scratch {
	struct columns of[KINDS];
	uint64_t *zero; /* for columns that the file does not have */
	size_t zero_room;
	uint32_t *blob_at;
	size_t blob_at_room;
	/* Of keyed sections: rows values each, then n_keys values. */
	uint32_t *key;
	uint64_t *rest, *table;
	size_t key_room, rest_room, table_room;
	uint32_t *own_key; /* 0, 1, 2, ... */
	size_t own_key_room;
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
		for (unsigned i = 0; i < EVENT_FIELDS_MAX; i++) {
			free(m->of[k].col[i]);
			free(m->of[k].of_key[i]);
		}
	free(m->zero);
	free(m->own_key);
	free(m->blob_at);
	free(m->key);
	free(m->rest);
	free(m->table);
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

struct section_head {
	uint16_t kind, n_cols;
	uint32_t rows, tid, blob_bytes;
	uint32_t n_keys; /* 0: not a keyed section */
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
	ret->n_keys = 0;
	if (ret->n_cols & KEYED_COLUMNS) {
		ret->n_cols &= (uint16_t)~KEYED_COLUMNS;
		ret->n_keys = ret->blob_bytes;
		ret->blob_bytes = 0;
		if (!ret->n_keys || ret->n_cols < 2)
			return TRACE_E_CORRUPT;
	}
	return ret->rows > SECTION_ROWS_MAX || ret->n_keys > KEYS_MAX ? TRACE_E_LIMIT : 0;
}

/* The blob lengths and blobs at p: bytes used, or an error. */
static long blobs_check(const struct section_head *h, const uint8_t *p, size_t n)
{
	struct packed len;
	uint64_t sum = 0;
	long used = packed_get(&len, p, n, h->rows, false);

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

/* Keys and remainders, which are no fields, then times, then others; none refers to another. */
static bool keyed_transform(const struct packed *c, unsigned i)
{
	switch (i) {
	case 0:
	case 1:
		return c->transform == XF_NONE;
	case 2:
		return c->transform == XF_TICKS;
	case 3:
		return (c->transform == XF_SPAN || c->transform == XF_EXPECT) && !(c->first >> 63);
	default:
		return c->transform == XF_NONE || c->transform == XF_DELTA || c->transform == XF_PICK;
	}
}

/* How many values column i of a keyed section has; what it picks from is told by its first byte. */
static uint32_t keyed_rows(const struct section_head *h, unsigned i, const uint8_t *p, size_t n)
{
	if (i == 1)
		return (uint32_t)TICKS_REST(h->rows);
	return n && *p == XF_PICK ? h->n_keys : h->rows;
}

/* Bytes of the columns at p, or an error. */
static long keyed_check(const struct section_head *h, const uint8_t *p, size_t n)
{
	size_t at = 0;

	for (unsigned i = 0; i < h->n_cols + 2u; i++) {
		struct packed c;
		long used = packed_get(&c, p + at, n - at, keyed_rows(h, i, p + at, n - at), true);

		if (used < 0)
			return used;
		if (!keyed_transform(&c, i))
			return TRACE_E_CORRUPT;
		at += (size_t)used;
	}
	return (long)at;
}

/* Bytes of the columns at p, or an error. */
static long plain_check(const struct section_head *h, const uint8_t *p, size_t n)
{
	struct packed c, before = { .transform = XF_NONE };
	size_t at = 0;

	for (unsigned i = 0; i < h->n_cols; i++) {
		long used = packed_get(&c, p + at, n - at, h->rows, false);

		if (used < 0)
			return used;
		if (!refs_check(&c, i, &before))
			return TRACE_E_CORRUPT;
		before = c;
		at += (size_t)used;
	}
	return before.transform == XF_GAP ? TRACE_E_CORRUPT : (long)at; /* nothing follows it */
}

long section_check(uint16_t *ret_kind, uint32_t *ret_rows, const uint8_t *p, size_t n)
{
	struct section_head h;
	size_t at = SECTION_HEADER_BYTES;
	long used;
	int err;

	if (n == 0)
		return 0;
	err = head_get(&h, p, n);
	if (err)
		return err;
	used = h.n_keys ? keyed_check(&h, p + at, n - at) : plain_check(&h, p + at, n - at);
	if (used < 0)
		return used;
	at += (size_t)used;
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

/* Memory for column i of s. */
static uint64_t *column_fit(struct section *s, unsigned i, struct columns *m)
{
	if (s->rows > m->room[i])
		m->same[i] = 0;
	/* At least one, so that the answer is not NULL. */
	if (!scratch_fit((void **)&m->col[i], &m->room[i], s->rows ? s->rows : 1, sizeof(uint64_t)))
		return NULL;
	s->col[i] = m->col[i];
	return m->col[i];
}

/*
 * Decodes column i; `before` is the column before it. A GAP stays packed until the
 * DIFF after it. rows is at most SECTION_ROWS_MAX; the bytes were checked.
 */
static int column_get(struct section *s, unsigned i, const struct packed *c,
		      const struct packed *before, struct columns *m)
{
	uint64_t *v = column_fit(s, i, m);

	if (!v)
		return TRACE_E_NOMEM;
	if (c->width == 0 && c->transform == XF_NONE) {
		same_get(m, i, c->low, s->rows);
		return 0;
	}
	m->same[i] = 0;
	if (c->transform == XF_DELTA) {
		packed_unpack_sums(v, c, s->rows);
		return 0;
	}
	packed_unpack(v, c, s->rows);
	if (c->transform == XF_DIFF && before->transform == XF_GAP)
		gap_undo(m->col[i - 1], v, before->first, s->rows);
	else if (c->transform == XF_DIFF)
		diff_undo(v, s->col[c->ref], s->rows);
	return 0;
}

static int blobs_get(struct section *s, const uint8_t *p, size_t n, struct section_scratch *m)
{
	struct packed len;
	long used = packed_get(&len, p, n, s->rows, false);
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

/* The columns in `want`, and those that they refer to. */
static uint32_t with_refs(uint32_t want, const struct packed *c, unsigned n)
{
	for (unsigned i = n; i-- > 0;) {
		if (!(want >> i & 1))
			continue;
		if (c[i].transform == XF_DIFF)
			want |= 1u << c[i].ref;
		if (c[i].transform == XF_GAP)
			want |= 1u << (i + 1);
	}
	return want;
}

/* Everything section_get() fills from bytes that section_check() has seen. */
static int plain_get(struct section *s, const struct section_head *h, const uint8_t *p, size_t n,
		     uint32_t want, struct section_scratch *m)
{
	size_t at = SECTION_HEADER_BYTES;
	struct packed c[EVENT_FIELDS_MAX], other;

	for (unsigned i = 0; i < h->n_cols; i++) {
		long used = packed_get(i < EVENT_FIELDS_MAX ? &c[i] : &other, p + at, n - at, s->rows,
				       false);

		if (used < 0)
			return (int)used;
		at += (size_t)used;
	}
	want = with_refs(want, c, s->n_cols);
	for (unsigned i = 0; i < s->n_cols; i++) {
		int err = 0;

		if (want >> i & 1)
			err = column_get(s, i, &c[i], i ? &c[i - 1] : NULL, &m->of[s->kind % KINDS]);
		if (err)
			return err;
	}
	return h->blob_bytes && want & SECTION_BLOBS ? blobs_get(s, p + at, n - at, m) : 0;
}

/* A key that is too large is damage; it must not lead out of the table. */
static void keys_get(uint32_t *key, const struct packed *c, size_t rows, uint32_t n_keys)
{
	const uint8_t *p = c->planes;

	if (c->width == 1 && !c->low && !c->rare_width) {
		for (size_t i = 0; i < rows; i++)
			key[i] = p[i] < n_keys ? p[i] : 0;
		return;
	}
	for (size_t i = 0; i < rows; i++) {
		uint64_t v = c->low + planes_at(p, c->width, rows, i);

		key[i] = v < n_keys ? (uint32_t)v : 0;
	}
}

static void picks_get(uint64_t *out, const uint64_t *table, const uint32_t *key, size_t rows)
{
	for (size_t i = 0; i < rows; i++)
		out[i] = table[key[i]];
}

/* Both times, from the packed ticks of the first in column 0 and those of the second in c. */
static int times_get(struct section *s, const struct packed *gap, const struct packed *c,
		     const uint64_t *rest, const struct section_head *h, struct section_scratch *m)
{
	struct columns *columns = &m->of[s->kind % KINDS];
	uint64_t *start = columns->col[0], *end = column_fit(s, 1, columns);

	if (!end)
		return TRACE_E_NOMEM;
	columns->same[1] = 0;
	packed_unpack(end, c, s->rows);
	if (c->transform == XF_EXPECT) {
		memset(m->table, 0, h->n_keys * sizeof(*m->table));
		ticks_expect_undo(end, m->key, s->rows, m->table);
	}
	ticks_undo(start, end, rest, s->rows, c->first, gap->first);
	return 0;
}

/* Column i from the third field on. */
static int keyed_column_get(struct section *s, unsigned i, const struct packed *c,
			    const struct section_head *h, struct section_scratch *m)
{
	struct columns *columns = &m->of[s->kind % KINDS];

	if (c->transform != XF_PICK)
		return column_get(s, i, c, NULL, columns);
	if (!column_fit(s, i, columns))
		return TRACE_E_NOMEM;
	packed_unpack(m->table, c, h->n_keys);
	if (h->n_keys == 1 || (c->width == 0 && !c->rare_width)) {
		same_get(columns, i, m->table[0], s->rows);
		return 0;
	}
	columns->same[i] = 0;
	picks_get(columns->col[i], m->table, m->key, s->rows);
	return 0;
}

/* A column that comes by key. */
static int key_column_get(struct section *s, unsigned i, const struct packed *c, struct columns *m)
{
	if (!scratch_fit((void **)&m->of_key[i], &m->key_room[i], s->n_keys, sizeof(uint64_t)))
		return TRACE_E_NOMEM;
	packed_unpack(m->of_key[i], c, s->n_keys);
	s->of_key[i] = m->of_key[i];
	return 0;
}

/* Whether all columns in by_key, of those that are there, pick from what belongs to a key. */
static bool picks_only(const struct packed *c, unsigned n, uint32_t by_key)
{
	for (unsigned i = 0; i < n; i++)
		if (by_key >> i & 1 && c[i].transform != XF_PICK)
			return false;
	return true;
}

/* Key, remainders, start and end, which are decoded together. */
static int keyed_times_get(struct section *s, const struct packed *c, const struct section_head *h,
			   uint32_t want, struct section_scratch *m)
{
	struct columns *columns = &m->of[s->kind % KINDS];
	const bool rest = c[1].width || c[1].low;

	if (want & ~COLUMN_CORR)
		keys_get(m->key, &c[0], s->rows, h->n_keys);
	if (!(want & COLUMNS_TIMES))
		return 0;
	if (rest)
		packed_unpack(m->rest, &c[1], TICKS_REST(s->rows));
	if (!column_fit(s, 0, columns))
		return TRACE_E_NOMEM;
	columns->same[0] = 0;
	packed_unpack(columns->col[0], &c[2], s->rows);
	return times_get(s, &c[2], &c[3], rest ? m->rest : NULL, h, m);
}

static int keyed_get(struct section *s, const struct section_head *h, const uint8_t *p, size_t n,
		     uint32_t want, uint32_t by_key, struct section_scratch *m)
{
	size_t at = SECTION_HEADER_BYTES, rows = s->rows;
	struct packed c[EVENT_FIELDS_MAX + 2], other;
	int err;

	if (!scratch_fit((void **)&m->key, &m->key_room, rows ? rows : 1, sizeof(*m->key)) ||
	    !scratch_fit((void **)&m->rest, &m->rest_room, rows ? rows : 1, sizeof(*m->rest)) ||
	    !scratch_fit((void **)&m->table, &m->table_room, h->n_keys, sizeof(*m->table)))
		return TRACE_E_NOMEM;
	for (unsigned i = 0; i < h->n_cols + 2u; i++) {
		long used = packed_get(i < s->n_cols + 2u ? &c[i] : &other, p + at, n - at,
				       keyed_rows(h, i, p + at, n - at), true);

		if (used < 0)
			return (int)used;
		at += (size_t)used;
	}
	err = keyed_times_get(s, c, h, want, m);
	if (want & by_key && picks_only(&c[2], s->n_cols, by_key)) {
		s->key = m->key;
		s->n_keys = h->n_keys;
		for (unsigned i = 0; i < EVENT_FIELDS_MAX; i++)
			s->of_key[i] = m->zero;
	}
	for (unsigned i = 2; i < s->n_cols && !err; i++) {
		if (!(want >> i & 1))
			continue;
		if (s->key && by_key >> i & 1)
			err = key_column_get(s, i, &c[i + 2], &m->of[s->kind % KINDS]);
		else
			err = keyed_column_get(s, i, &c[i + 2], h, m);
	}
	return err;
}

int section_own_keys(struct section *s, struct section_scratch *m)
{
	if (s->rows > m->own_key_room || !m->own_key) {
		if (!scratch_fit((void **)&m->own_key, &m->own_key_room, s->rows ? s->rows : 1,
				 sizeof(*m->own_key)))
			return TRACE_E_NOMEM;
		for (uint32_t i = 0; i < m->own_key_room; i++)
			m->own_key[i] = i;
	}
	s->key = m->own_key;
	s->n_keys = s->rows;
	memcpy(s->of_key, s->col, sizeof(s->of_key));
	return 0;
}

long section_get_keys(struct section *ret, const uint8_t *p, size_t n, uint32_t want, uint32_t by_key,
		      struct section_scratch *m)
{
	struct section s = { .blob_at = NULL };
	long used = section_check(&s.kind, &s.rows, p, n);
	struct section_head h;
	uint32_t zeros;
	int err = 0;

	if (used <= 0)
		return used;
	(void)head_get(&h, p, n);
	s.n_cols = (uint16_t)(h.n_cols < EVENT_FIELDS_MAX ? h.n_cols : EVENT_FIELDS_MAX);
	s.tid = h.tid;
	s.bytes = p;
	s.n_bytes = (size_t)used;
	/* At least one, so that no column is ever NULL. */
	zeros = s.rows > h.n_keys ? s.rows : h.n_keys;
	if (!scratch_fit((void **)&m->zero, &m->zero_room, zeros ? zeros : 1, sizeof(uint64_t)))
		return TRACE_E_NOMEM;
	for (unsigned i = 0; i < EVENT_FIELDS_MAX; i++)
		s.col[i] = m->zero;
	if (want && h.n_keys)
		err = keyed_get(&s, &h, p, n, want, by_key, m);
	else if (want)
		err = plain_get(&s, &h, p, n, want, m);
	if (!err && want & by_key && !s.key)
		err = section_own_keys(&s, m);
	if (err)
		return err;
	*ret = s;
	return used;
}

long section_get_some(struct section *ret, const uint8_t *p, size_t n, uint32_t want,
		      struct section_scratch *m)
{
	return section_get_keys(ret, p, n, want, 0, m);
}

long section_get(struct section *ret, const uint8_t *p, size_t n, struct section_scratch *m)
{
	return section_get_some(ret, p, n, SECTION_ALL, m);
}
