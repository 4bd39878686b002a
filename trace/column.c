#include "trace/column.h"

#include <stdbool.h>
#include <string.h>

#include "trace/encode.h"
#include "trace/wire.h"

/*
 * Columns are worked through in blocks that stay in the first-level cache, with
 * constant trip counts so that the compiler vectorises the byte planes.
 */
#define BLOCK 256

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

uint8_t *column_put_bytes(uint8_t *p, const uint32_t *v, size_t rows, struct cuts *cuts)
{
	memset(p, 0, COLUMN_HEADER_BYTES);
	p[1] = 1;
	p += COLUMN_HEADER_BYTES;
	for (size_t i = 0; i < rows; i++)
		p[i] = (uint8_t)v[i];
	if (cuts)
		cuts_add(cuts, p, rows, 1);
	return p + rows;
}

uint8_t *column_put(uint8_t *p, const struct column *c, size_t rows)
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

size_t column_bound(size_t rows)
{
	/* Exceptions are taken only when they are fewer than the bytes that they save. */
	return COLUMN_HEADER_BYTES + 8 * rows;
}

/* --- with exceptions */

#define SAMPLES  128
#define RARE_MAX 3 /* planes; with more, exceptions would save little */

/* Where most of the values are: low <= v < low + 256^width - 1. width 0: nowhere. */
struct window {
	uint64_t low;
	unsigned width;
};

/* Shell sort, as signed. */
static void samples_sort(int64_t *s, size_t n)
{
	for (size_t gap = 40; gap; gap /= 3) {
		for (size_t i = gap; i < n; i++) {
			int64_t x = s[i];
			size_t k = i;

			for (; k >= gap && s[k - gap] > x; k -= gap)
				s[k] = s[k - gap];
			s[k] = x;
		}
	}
}

static struct window window_find(const uint64_t *v, size_t rows)
{
	size_t n = rows < SAMPLES ? rows : SAMPLES;
	int64_t s[SAMPLES];

	for (size_t i = 0; i < n; i++)
		s[i] = (int64_t)v[i * rows / n];
	samples_sort(s, n);
	for (unsigned width = 1; width <= RARE_MAX; width++) {
		uint64_t span = (1ull << 8 * width) - 1, spare;
		size_t from = 0, best = 0, most = 0;

		for (size_t to = 0; to < n; to++) {
			while ((uint64_t)s[to] - (uint64_t)s[from] >= span)
				from++;
			if (to - from + 1 > most) {
				most = to - from + 1;
				best = from;
			}
		}
		if (most < n - n / 8)
			continue;
		/* Room on both sides, but not for what never happens. */
		spare = span - 1 - ((uint64_t)s[best + most - 1] - (uint64_t)s[best]);
		spare = s[best] >= 0 && (uint64_t)s[best] < spare / 4 ? (uint64_t)s[best] : spare / 4;
		return (struct window){ (uint64_t)s[best] - spare, width };
	}
	return (struct window){ 0, 0 };
}

/* Values that are all in the window or, seldom, not. */
#define PATCH 32

/* Packs n values; those outside the window go to rare[]. Returns how many these are. */
static inline __attribute__((always_inline)) size_t patch_put(uint8_t *out, size_t rows, const uint64_t *v,
							       size_t n, struct window w, uint64_t *rare)
{
	uint64_t none = (1ull << 8 * w.width) - 1, t[PATCH], wide = 0;
	size_t n_rare = 0;

	for (size_t k = 0; k < n; k++) {
		t[k] = v[k] - w.low;
		wide |= t[k] | (t[k] + 1); /* also of `none` itself */
	}
	for (size_t k = 0; wide > none && k < n; k++) {
		rare[n_rare] = v[k];
		n_rare += t[k] >= none;
		t[k] = t[k] < none ? t[k] : none;
	}
	for (unsigned b = 0; b < w.width; b++)
		plane_put(out + b * rows, t, n, 8 * b);
	return n_rare;
}

static inline __attribute__((always_inline)) size_t window_put(uint8_t *out, const uint64_t *v, size_t rows,
								struct window w, uint64_t *rare)
{
	size_t n = 0, i = 0;

	for (; i + PATCH <= rows; i += PATCH)
		n += patch_put(out + i, rows, v + i, PATCH, w, rare + n);
	return n + patch_put(out + i, rows, v + i, rows - i, w, rare + n);
}

static uint8_t *rare_put(uint8_t *p, const uint64_t *rare, size_t n, uint8_t *ret_width)
{
	struct range r = { rare[0], rare[0] };
	unsigned width;

	range_add(&r, rare, n, 1ull << 63);
	width = r.high == r.low ? 1 : bytes_for(r.high - r.low);
	p = put_le32(p, (uint32_t)n);
	p = put_le64(p, r.low);
	for (size_t i = 0; i < n; i++)
		for (unsigned b = 0; b < width; b++)
			p[b * n + i] = (uint8_t)((rare[i] - r.low) >> 8 * b);
	*ret_width = (uint8_t)width;
	return p + width * n;
}

static bool all_same(const uint64_t *v, size_t rows)
{
	uint64_t differ = 0;

	for (size_t i = 0; i < rows && !differ; i++)
		differ = v[i] ^ v[0];
	return !differ;
}

uint8_t *column_put_rare(uint8_t *p, const struct column_head *h, const uint64_t *v, size_t rows,
			 uint64_t *rare, struct cuts *cuts)
{
	struct column plain = { .v = v, .transform = h->transform, .cuts = cuts };
	struct window w = { 0, 0 };
	uint8_t *at = p + COLUMN_HEADER_BYTES, rare_width = 0;
	size_t n = 0;

	if (!all_same(v, rows))
		w = window_find(v, rows);
	switch (w.width) {
#define W(width) \
	case width: \
		n = window_put(at, v, rows, (struct window){ w.low, width }, rare); \
		break;
		W(1) W(2) W(3)
#undef W
	}
	if (!w.width || n > rows / 8) {
		at = column_put(p, &plain, rows);
		put_le64(p + 4, h->first);
		return at;
	}
	if (cuts)
		cuts_add(cuts, at, rows, w.width);
	at += w.width * rows;
	if (n)
		at = rare_put(at, rare, n, &rare_width);
	p[0] = h->transform;
	p[1] = (uint8_t)(w.width | rare_width << 4);
	put_le16(p + 2, 0);
	put_le64(p + 4, h->first);
	put_le64(p + 12, w.low);
	return at;
}
