#include "trace/encode.h"

#include <string.h>

#include "trace/column.h"
#include "trace/wire.h"

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
