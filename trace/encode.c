#include "trace/encode.h"

#include <string.h>

#include "trace/wire.h"

/*
 * Columns are worked through in blocks that stay in the first-level cache, with
 * constant trip counts so that the compiler vectorises the byte planes.
 */
#define BLOCK 256

/* Rows of a noisy plane that are worth codes of their own: a block and its table take 100 bytes. */
#define CUT_ROWS 512

/* A column to be packed: v or v32 is set; ref only for XF_DIFF. */
struct column {
	const uint64_t *v, *ref;
	const uint64_t *before; /* the column whose previous row counts: XF_DELTA, XF_GAP */
	const uint32_t *v32;
	uint8_t transform;
	uint16_t ref_index;
	struct cuts *cuts; /* NULL: none wanted */
};

/* Wraps on purpose: undoing it wraps back, whatever the values are. */
static void block_fetch(uint64_t *t, const struct column *c, size_t i, size_t n)
{
	size_t k = 0;

	if (c->v32) {
		for (; k < n; k++)
			t[k] = c->v32[i + k];
	} else if (c->before) {
		if (i == 0)
			t[k++] = c->v[0]; /* replaced by the caller */
		for (; k < n; k++)
			t[k] = c->v[i + k] - c->before[i + k - 1];
	} else if (c->transform == XF_DIFF) {
		for (; k < n; k++)
			t[k] = c->v[i + k] - c->ref[i + k];
	} else {
		memcpy(t, c->v + i, n * sizeof(*t));
	}
}

struct range {
	uint64_t low, high;
};

/* Differences are compared as signed: a clock that steps back must not cost 8 bytes. */
static void range_add(struct range *r, const uint64_t *t, size_t n, uint64_t bias)
{
	uint64_t low = r->low ^ bias, high = r->high ^ bias;

	for (size_t k = 0; k < n; k++) {
		uint64_t v = t[k] ^ bias;

		low = v < low ? v : low;
		high = v > high ? v : high;
	}
	r->low = low ^ bias;
	r->high = high ^ bias;
}

static struct range column_range(const struct column *c, size_t rows)
{
	uint64_t bias = c->transform == XF_NONE ? 0 : 1ull << 63;
	uint64_t t[BLOCK];
	struct range r = { 0, 0 };

	for (size_t i = 0; i < rows; i += BLOCK) {
		size_t n = rows - i < BLOCK ? rows - i : BLOCK;
		uint64_t differ = 0;

		block_fetch(t, c, i, n);
		if (i == 0) {
			if (c->before)
				t[0] = rows > 1 ? t[1] : 0; /* `first` takes the real one */
			r.low = r.high = t[0];
		}
		/* Most columns hardly ever change: this pass is several times cheaper. */
		for (size_t k = 0; k < n; k++)
			differ |= t[k] ^ r.low;
		if (differ)
			range_add(&r, t, n, bias);
	}
	return r;
}

static unsigned bytes_for(uint64_t v)
{
	return v ? (unsigned)(71 - __builtin_clzll(v)) / 8 : 0;
}

static inline __attribute__((always_inline)) void plane_put(uint8_t *out, const uint64_t *t,
							     size_t n, unsigned shift)
{
	for (size_t k = 0; k < n; k++)
		out[k] = (uint8_t)(t[k] >> shift);
}

static void block_put(uint8_t *out, size_t rows, uint64_t *t, size_t n, unsigned width)
{
	for (unsigned b = 0; b < width; b++) {
		if (n == BLOCK)
			plane_put(out + b * rows, t, BLOCK, b * 8);
		else
			plane_put(out + b * rows, t, n, b * 8);
	}
}

/* Before each plane and after the last. */
static void cuts_add(struct cuts *cuts, const uint8_t *p, size_t rows, unsigned width)
{
	for (unsigned b = 0; b <= width && cuts->n < CUTS_MAX; b++)
		cuts->at[cuts->n++] = (uint32_t)(p + b * rows - cuts->from);
}

static uint8_t *column_put(uint8_t *p, const struct column *c, size_t rows)
{
	struct range r = column_range(c, rows);
	unsigned width = bytes_for(r.high - r.low);
	uint64_t first = c->before && rows ? c->v[0] - r.low : 0;
	uint64_t t[BLOCK];

	*p++ = c->transform;
	*p++ = (uint8_t)width;
	p = put_le16(p, c->ref_index);
	p = put_le64(p, first);
	p = put_le64(p, r.low);
	for (size_t i = 0; width && i < rows; i += BLOCK) {
		size_t n = rows - i < BLOCK ? rows - i : BLOCK;

		block_fetch(t, c, i, n);
		if (i == 0 && c->before)
			t[0] = r.low;
		for (size_t k = 0; k < n; k++)
			t[k] -= r.low;
		block_put(p + i, rows, t, n, width);
	}
	if (c->cuts && width)
		cuts_add(c->cuts, p, rows, width);
	return p + width * rows;
}

size_t section_bound(const struct section_in *s)
{
	size_t columns = (size_t)s->n_cols + (s->blob_bytes ? 1 : 0);

	return SECTION_HEADER_BYTES + columns * (COLUMN_HEADER_BYTES + 8 * (size_t)s->rows) +
	       s->blob_bytes;
}

/* Column i of s with the transform that the event table names. */
static struct column column_of(const struct section_in *s, const struct event_type *type,
			       unsigned i)
{
	struct column c = { .v = s->col[i], .transform = XF_NONE };

	if (!type || i >= type->n_fields)
		return c;
	c.transform = (uint8_t)type->field[i].transform;
	/* Starts and durations. The planes of other columns are alike: apart they only grow. */
	if (s->rows >= CUT_ROWS && (c.transform == XF_GAP || c.transform == XF_DIFF))
		c.cuts = s->cuts;
	/* Fewer fields than the table has: the end of the interval may be missing. */
	if (c.transform == XF_GAP && i + 1 >= s->n_cols)
		c.transform = XF_DELTA;
	if (c.transform == XF_DELTA) {
		c.before = s->col[i];
	} else if (c.transform == XF_GAP) {
		c.ref_index = (uint16_t)(i + 1);
		c.before = s->col[i + 1];
	} else if (c.transform == XF_DIFF) {
		c.ref_index = (uint16_t)(i - 1);
		c.ref = s->col[i - 1];
	}
	return c;
}

size_t section_put(uint8_t *out, const struct section_in *s)
{
	const struct event_type *type = event_type_of(s->kind);
	uint8_t *p = put_le16(out, s->kind);

	p = put_le16(p, s->n_cols);
	p = put_le32(p, s->rows);
	p = put_le32(p, s->tid);
	p = put_le32(p, (uint32_t)s->blob_bytes);
	for (unsigned i = 0; i < s->n_cols; i++) {
		struct column c = column_of(s, type, i);

		p = column_put(p, &c, s->rows);
	}
	if (s->blob_bytes) {
		struct column c = { .v32 = s->blob_len, .transform = XF_NONE };

		p = column_put(p, &c, s->rows);
		memcpy(p, s->blob, s->blob_bytes);
		p += s->blob_bytes;
	}
	return (size_t)(p - out);
}
