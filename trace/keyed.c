#include "trace/keyed.h"

#include <string.h>

#include "trace/column.h"
#include "trace/keys.h"
#include "trace/ticks.h"
#include "trace/wire.h"

bool keyed_kind(unsigned kind)
{
	const struct event_type *t = event_type_of(kind);

	return t && t->n_fields > KEYED_FIELD && !t->blob && t->field[0].transform == XF_GAP &&
	       t->field[1].transform == XF_DIFF && t->field[2].transform == XF_DELTA;
}

unsigned keyed_rising(unsigned kind)
{
	const struct event_type *t = event_type_of(kind);

	for (unsigned i = KEYED_FIELD; t && i < t->n_fields; i++)
		if (t->field[i].transform == XF_DELTA)
			return i;
	return EVENT_FIELDS_MAX;
}

/* Times of the other keyed kinds are a GPU's. */
static bool host_kind(unsigned kind)
{
	return kind == EVENT_LAUNCH || kind == EVENT_SYNC;
}

/* The clock that made the times of s. */
static struct ticks_in clock_of(const struct keyed_in *s)
{
	struct ticks_in in = { .start = s->start, .end = s->end, .rows = s->rows, .rate = TICKS_ONE };

	if (s->kind == EVENT_LAUNCH)
		in.rate = TICKS_ONE * KEYED_LAUNCH_NS;
	else if (!host_kind(s->kind))
		in.rate = ticks_rate(s->start, s->end, s->rows);
	return in;
}

#define BLOCK 64 /* rows at a time, so that the compiler vectorises */

static inline __attribute__((always_inline)) void block_deltas(uint64_t *restrict out,
								const uint64_t *restrict v, size_t n)
{
	for (size_t k = 0; k < n; k++)
		out[k] = v[k] - v[k - 1];
}

/* The difference to the row before; the first is made to look like the second. */
static uint64_t deltas_of(uint64_t *out, const uint64_t *v, size_t rows)
{
	size_t i = 1;

	for (; i + BLOCK <= rows; i += BLOCK)
		block_deltas(out + i, v + i, BLOCK);
	block_deltas(out + i, v + i, rows - i);
	out[0] = rows > 1 ? out[1] : 0;
	return v[0] - out[0];
}

static uint8_t *keys_put(uint8_t *p, const struct keyed_in *s, struct cuts *cuts)
{
	struct column c = { .v32 = s->key, .transform = XF_NONE, .cuts = cuts };

	if (s->n_keys > 1 && s->n_keys <= 256)
		return column_put_bytes(p, s->key, s->rows, cuts);
	return column_put(p, &c, s->rows);
}

/* In memory of the caller's: work for the differences, rare for exceptions. */
static uint8_t *deltas_put(uint8_t *p, const struct keyed_in *s, const uint64_t *v, uint64_t *work,
			   uint64_t *rare, struct cuts *cuts)
{
	struct column_head head = { XF_DELTA, deltas_of(work, v, s->rows) };

	return column_put_rare(p, &head, work, s->rows, rare, cuts);
}

size_t keyed_put(uint8_t *out, const struct keyed_in *s)
{
	struct cuts *cuts = s->rows >= CUT_ROWS ? s->cuts : NULL;
	struct ticks_in clock = clock_of(s);
	struct ticks_out ticks = {
		.gap = s->work,
		.span = s->work + s->rows,
		.rest = s->work + 2 * (size_t)s->rows,
	};
	uint64_t *rare = s->work + 3 * (size_t)s->rows;
	struct column_head head = { XF_NONE, 0 };
	uint8_t *p = out;

	if (!ticks_put(&ticks, &clock))
		return 0;
	p = put_le16(p, s->kind);
	p = put_le16(p, s->n_cols | KEYED_COLUMNS);
	p = put_le32(p, s->rows);
	p = put_le32(p, s->tid);
	p = put_le32(p, s->n_keys);
	p = keys_put(p, s, cuts);
	if (ticks.no_rest)
		memset(ticks.rest, 0, TICKS_REST(s->rows) * sizeof(*ticks.rest));
	p = column_put_rare(p, &head, ticks.rest, TICKS_REST(s->rows), rare, cuts);
	head = (struct column_head){ XF_TICKS, ticks.first };
	p = column_put_rare(p, &head, ticks.gap, s->rows, rare, cuts);
	/* A kernel takes as long as last time; a call of the host is noise, and a mean adds to it. */
	head = (struct column_head){ host_kind(s->kind) ? XF_SPAN : XF_EXPECT, clock.rate };
	if (!host_kind(s->kind)) {
		memset(s->state, 0, s->n_keys * sizeof(*s->state));
		ticks_expect(ticks.span, s->key, s->rows, s->state);
	}
	p = column_put_rare(p, &head, ticks.span, s->rows, rare, cuts);
	p = deltas_put(p, s, s->corr, ticks.gap, rare, cuts);
	for (unsigned i = KEYED_FIELD; i < s->n_cols; i++) {
		/* What the rows with the same key have in common. */
		struct column c = { .v = s->col[i], .transform = XF_PICK };

		if (i == keyed_rising(s->kind))
			p = deltas_put(p, s, s->col[i], ticks.gap, rare, cuts);
		else
			p = column_put(p, &c, s->n_keys);
	}
	return (size_t)(p - out);
}
