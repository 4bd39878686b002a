#include "trace/packed.h"

#include <string.h>

#include "trace/encode.h"
#include "trace/err.h"
#include "trace/wire.h"

#define RARE_HEADER_BYTES 12

/* The exceptions at p: bytes used, or an error. */
static long rare_get(struct packed *c, const uint8_t *p, size_t n)
{
	if (n < RARE_HEADER_BYTES)
		return TRACE_E_TRUNC;
	c->rare = get_le32(p);
	c->rare_low = get_le64(p + 4);
	c->rare_planes = p + RARE_HEADER_BYTES;
	if ((uint64_t)c->rare_width * c->rare > n - RARE_HEADER_BYTES)
		return TRACE_E_TRUNC;
	return (long)(RARE_HEADER_BYTES + (size_t)c->rare_width * c->rare);
}

long packed_get(struct packed *ret, const uint8_t *p, size_t n, uint32_t rows, bool keyed)
{
	struct packed c = { .rare_width = 0 };
	size_t used;
	long rare = 0;

	if (n < COLUMN_HEADER_BYTES)
		return TRACE_E_TRUNC;
	c.transform = p[0];
	c.width = keyed ? p[1] & 15 : p[1];
	c.rare_width = keyed ? p[1] >> 4 : 0;
	c.ref = get_le16(p + 2);
	c.first = get_le64(p + 4);
	c.low = get_le64(p + 12);
	c.planes = p + COLUMN_HEADER_BYTES;
	if (c.width > 8 || c.rare_width > 8 || c.transform > (keyed ? XF_EXPECT : XF_GAP) ||
	    (c.rare_width && (c.width < 1 || c.width > 7)))
		return TRACE_E_CORRUPT;
	if ((uint64_t)c.width * rows > n - COLUMN_HEADER_BYTES)
		return TRACE_E_TRUNC;
	used = COLUMN_HEADER_BYTES + (size_t)c.width * rows;
	if (c.rare_width)
		rare = rare_get(&c, p + used, n - used);
	*ret = c;
	return rare < 0 ? rare : (long)used + rare;
}

/* The first row from i on whose packed value has all bits set, or rows. */
static size_t rare_find(const struct packed *c, size_t rows, size_t i)
{
	const uint8_t *top = c->planes + (c->width - 1) * rows;

	for (; i < rows; i++) {
		const uint8_t *hit = memchr(top + i, 0xff, rows - i);
		unsigned b = 0;

		if (!hit)
			return rows;
		i = (size_t)(hit - top);
		while (b + 1 < c->width && c->planes[b * rows + i] == 0xff)
			b++;
		if (b + 1u == c->width)
			return i;
	}
	return rows;
}

/* Puts the exceptions where they belong. */
static void rare_undo(uint64_t *out, const struct packed *c, size_t rows)
{
	size_t i = 0;

	for (uint32_t k = 0; k < c->rare; k++, i++) {
		i = rare_find(c, rows, i);
		if (i >= rows)
			return;
		out[i] = c->rare_low + planes_at(c->rare_planes, c->rare_width, c->rare, k);
	}
}

static inline __attribute__((always_inline)) void planes_get_w(uint64_t *out, const struct packed *c,
								size_t rows, bool sum,
								unsigned width)
{
	const uint8_t *p = c->planes;
	const uint64_t low = c->low;
	uint64_t at = c->first;

#pragma GCC unroll 4
	for (size_t i = 0; i < rows; i++) {
		uint64_t v = 0;

#pragma GCC unroll 8
		for (unsigned b = 0; b < width; b++)
			v |= (uint64_t)p[b * rows + i] << (8 * b);
		v += low;
		out[i] = sum ? at += v : v;
	}
}

/* One loop for each width, so that the inner one unrolls. */
static inline __attribute__((always_inline)) void planes_get(uint64_t *out, const struct packed *c,
							      size_t rows, bool sum)
{
	switch (c->width) {
#define W(n) \
	case n: \
		planes_get_w(out, c, rows, sum, n); \
		break;
		W(0) W(1) W(2) W(3) W(4) W(5) W(6) W(7) W(8)
#undef W
	}
}

void packed_unpack(uint64_t *out, const struct packed *c, size_t rows)
{
	planes_get(out, c, rows, false);
	if (c->rare_width)
		rare_undo(out, c, rows);
}

void packed_unpack_sums(uint64_t *out, const struct packed *c, size_t rows)
{
	uint64_t at = c->first;

	if (!c->rare_width) {
		planes_get(out, c, rows, true);
		return;
	}
	packed_unpack(out, c, rows);
	for (size_t i = 0; i < rows; i++)
		out[i] = at += out[i];
}
