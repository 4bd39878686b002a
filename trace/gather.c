#include "trace/gather.h"

#include <stdbool.h>
#include <string.h>

#include "trace/encode.h"
#include "trace/keyed.h"
#include "trace/keys.h"
#include "trace/wire.h"

#define KNOWN_ROOM (JOURNAL_CHUNK_BYTES / 8) /* places where a row can begin */

#define AHEAD 1024u /* bytes: other cores have written them */

/* The offset behind the rows from `at` on that are like the first, with the head *row; and their number. */
static inline uint32_t run_end(uint32_t *ret_rows, const struct gather_part *part, uint32_t at,
			       const struct journal_row *row)
{
	uint32_t bytes = (uint32_t)journal_head_bytes(row);
	/* Repeats of different rows are one run. */
	uint64_t same = row->kind & JOURNAL_REPEAT ? UINT32_MAX : UINT64_MAX;
	uint64_t head = get_le64(part->rows + at);
	uint32_t from = at;

	do {
		at += bytes;
		__builtin_prefetch(part->rows + at + AHEAD);
	} while (at < part->to && !((get_le64(part->rows + at) ^ head) & same));
	*ret_rows = (at - from) / bytes;
	return at;
}

void gather_count(struct gather_counts *t, const struct gather_part *part)
{
	uint32_t at = part->from;

	while (at < part->to) {
		struct journal_row row = journal_row_head(part->rows + at);
		struct gather_kind *k;
		uint32_t n;

		at = run_end(&n, part, at, &row);
		if (row.kind & JOURNAL_REPEAT) {
			row.kind &= (uint16_t)~JOURNAL_REPEAT;
			row.n_fields = event_type_of(row.kind)->n_fields;
			row.blob_len = 0;
		}
		if (!(part->kinds >> row.kind & 1))
			continue;
		k = &t->of[row.kind];
		t->kinds |= 1ull << row.kind;
		k->rows += n;
		k->blob_bytes += n * row.blob_len;
		if (row.n_fields > k->fields)
			k->fields = row.n_fields;
	}
}

uint32_t gather_rows(const struct gather_counts *t)
{
	uint32_t rows = 0;

	for (uint64_t kinds = t->kinds; kinds; kinds &= kinds - 1)
		rows += t->of[__builtin_ctzll(kinds)].rows;
	return rows;
}

size_t gather_bound(const struct gather_counts *t)
{
	size_t bytes = 0;

	for (uint64_t kinds = t->kinds; kinds; kinds &= kinds - 1) {
		const struct gather_kind *k = &t->of[__builtin_ctzll(kinds)];
		struct section_in s = {
			.n_cols = (uint16_t)k->fields,
			.rows = k->rows,
			.blob_bytes = k->blob_bytes,
		};

		bytes += section_bound(&s) + 8;
	}
	return bytes;
}

/* Where the next row of a kind goes; columns lie one after the other, `rows` apart. */
struct fill {
	uint64_t *next;
	uint32_t rows, fields;
	uint32_t *next_len;
	uint8_t *next_byte;
	uint64_t *column;  /* the first one */
	struct keys *keys; /* NULL: a plain section */
	uint32_t *key;     /* with keys: of each row */
	uint16_t *known;   /* with keys: KNOWN_ROOM, by place in `part`: the key of the row there + 1 */
	const struct gather_part *part; /* that `known` is of */
	unsigned rising;   /* with keys: the field that has a column all the same */
	bool on_thread;
};

static void fill_row(struct fill *f, const struct gather_part *part, const uint8_t *p)
{
	struct journal_row row = journal_row_head(p);
	uint64_t *out = f->next++;
	unsigned i;

	p += sizeof(row);
	for (i = 0; i < row.n_fields; i++, p += 8, out += f->rows)
		memcpy(out, p, 8);
	if (row.kind & JOURNAL_REPEAT) {
		const uint8_t *of = part->rows + row.blob_len;

		row = journal_row_head(of);
		for (of += sizeof(row) + 8 * i; i < row.n_fields; i++, of += 8, out += f->rows)
			memcpy(out, of, 8);
	}
	for (; i < f->fields; i++, out += f->rows)
		*out = 0;
	if (!f->next_len)
		return;
	*f->next_len++ = row.blob_len;
	memcpy(f->next_byte, p, row.blob_len);
	f->next_byte += row.blob_len;
}

/* The fields that a key stands for, of the rows so far: the section will be a plain one. */
static void fill_expand(struct fill *f)
{
	size_t n = (size_t)(f->next - f->column);

	for (unsigned i = KEYED_FIELD; i < f->fields; i++)
		for (size_t k = 0; k < n && i != f->rising; k++)
			f->column[i * (size_t)f->rows + k] =
				get_le64(f->keys->row[f->key[k]] + 8 * (i - KEYED_FIELD));
	f->keys = NULL;
}

/*
 * n rows with the same head at p, of the times the bits in the mask. Returns how many: fewer when
 * there are too many different ones.
 */
static uint32_t fill_keyed(struct fill *f, const uint8_t *p, uint32_t n, uint64_t mask)
{
	size_t rows = f->rows, bytes = journal_row_bytes(f->fields, 0);
	size_t rising = f->rising < f->fields ? f->rising : 0;
	uint64_t *out = f->next;
	uint32_t *key = f->key + (out - f->column);

	for (uint32_t i = 0; i < n; i++, p += bytes, out++) {
		const uint8_t *field = p + sizeof(struct journal_row);
		uint32_t k = keys_of(f->keys, field + 8 * KEYED_FIELD);

		if (k == KEYS_ROOM) {
			n = i;
			break;
		}
		key[i] = k;
		out[0] = get_le64(field) & mask;
		out[rows] = get_le64(field + 8) & mask;
		out[2 * rows] = get_le64(field + 16);
		if (rising)
			out[rising * rows] = get_le64(field + 8 * rising);
	}
	f->next += n;
	return n;
}

/* As fill_keyed(), for repeats: a row that is repeated is looked up once in a part. */
static uint32_t fill_repeats(struct fill *f, const struct gather_part *part, const uint8_t *p,
			     uint32_t n, uint64_t mask)
{
	size_t rows = f->rows, bytes = journal_row_bytes(journal_row_head(p).n_fields, 0);
	size_t rising = f->rising < f->fields ? f->rising : 0;
	uint16_t *known = f->known;
	uint64_t *out = f->next;
	uint32_t *key = f->key + (out - f->column);

	if (f->part != part) {
		f->part = part;
		memset(f->known, 0, KNOWN_ROOM * sizeof(*f->known));
	}
	for (uint32_t i = 0; i < n; i++, p += bytes, out++) {
		const uint8_t *field = p + sizeof(struct journal_row);
		uint32_t at = journal_row_head(p).blob_len, k = known[at / 8];
		const uint8_t *of = part->rows + at + sizeof(struct journal_row);

		if (!k) {
			k = journal_row_head(part->rows + at).n_fields == f->fields ?
				    keys_of(f->keys, of + 8 * KEYED_FIELD) : KEYS_ROOM;
			if (k == KEYS_ROOM) {
				n = i;
				break;
			}
			known[at / 8] = (uint16_t)++k;
		}
		key[i] = k - 1;
		out[0] = get_le64(field) & mask;
		out[rows] = get_le64(field + 8) & mask;
		out[2 * rows] = get_le64(field + 16);
		if (rising)
			out[rising * rows] = get_le64(of + 8 * rising);
	}
	f->next += n;
	return n;
}

static uint64_t later(uint64_t edge, const uint8_t *p, const struct journal_row *row)
{
	const struct event_type *t = event_type_of(row->kind & ~JOURNAL_REPEAT);

	for (unsigned i = 0; i < 2 && i < row->n_fields && t->field[i].type == FIELD_TIME; i++) {
		uint64_t time = get_le64(p + sizeof(*row) + 8 * i);

		edge = time > edge ? time : edge;
	}
	return edge;
}

/* Whether rows of this kind are on the time line of the thread that recorded them. */
static bool on_thread(unsigned kind)
{
	const struct event_type *t = event_type_of(kind);
	const uint64_t others = 1ull << EVENT_LAUNCH | 1ull << EVENT_KERNEL | 1ull << EVENT_MEMCPY |
				1ull << EVENT_MEMSET | 1ull << EVENT_GRAPH_RUN |
				1ull << EVENT_JIT | 1ull << EVENT_OVERHEAD;

	return t && !(others >> kind & 1) && t->field[0].type == FIELD_TIME;
}

/*
 * Launches are rounded down, but not one that would change places with what its thread recorded
 * before it. edge: the latest time so far that is not a launch's.
 */
static uint64_t launch_mask(const uint8_t *p, uint64_t edge)
{
	uint64_t mask = ~(uint64_t)(KEYED_LAUNCH_NS - 1);
	uint64_t start = get_le64(p + sizeof(struct journal_row) + 8 * LAUNCH_START);

	return edge > (start & mask) ? ~(uint64_t)0 : mask;
}

/* n rows with the same head at p. */
static void fill_run(struct fill *f, uint64_t *edge, const struct gather_part *part,
		     const uint8_t *p, uint32_t n)
{
	struct journal_row row = journal_row_head(p);
	bool repeats = row.kind & JOURNAL_REPEAT && row.n_fields == KEYED_FIELD;
	size_t bytes = journal_head_bytes(&row);
	uint64_t mask = ~(uint64_t)0;
	uint32_t done = 0;

	for (uint32_t i = 0; i < n && f->on_thread; i++)
		*edge = later(*edge, p + i * bytes, &row);
	while (done < n && f->keys) {
		uint32_t some = n - done, got = 0;

		if ((row.kind & ~JOURNAL_REPEAT) == EVENT_LAUNCH) {
			mask = launch_mask(p, *edge);
			/* When this one may be rounded, those after it may. */
			some = mask == ~(uint64_t)0 ? 1 : some;
		}
		if (repeats)
			got = fill_repeats(f, part, p, some, mask);
		else if (row.n_fields == f->fields)
			got = fill_keyed(f, p, some, mask);
		if (got < some)
			fill_expand(f);
		done += got;
		p += got * bytes;
	}
	for (; done < n; done++, p += bytes)
		fill_row(f, part, p);
}

/* fills: those of the kinds of the part are set. */
static void fill_part(struct fill *fills, uint64_t *edge, const struct gather_part *part)
{
	uint32_t at = part->from, to, n;
	unsigned kind;

	for (; at < part->to; at = to) {
		struct journal_row row = journal_row_head(part->rows + at);

		to = run_end(&n, part, at, &row);
		kind = row.kind & ~JOURNAL_REPEAT;
		if (part->kinds >> kind & 1)
			fill_run(&fills[kind], edge, part, part->rows + at, n);
	}
}

/* Lays the columns of every kind out in the staging memory. Returns where it goes on. */
static uint64_t *staging_layout(struct fill *fills, uint64_t *staging, const struct gather_counts *t)
{
	for (uint64_t kinds = t->kinds; kinds; kinds &= kinds - 1) {
		unsigned kind = (unsigned)__builtin_ctzll(kinds);
		const struct gather_kind *k = &t->of[kind];
		struct fill *f = &fills[kind];

		*f = (struct fill){ .next = staging, .rows = k->rows, .fields = k->fields,
				    .column = staging, .on_thread = on_thread(kind) };
		staging += (size_t)k->fields * k->rows;
		if (k->blob_bytes) {
			f->next_len = (uint32_t *)staging;
			staging += (k->rows + 1) / 2;
			f->next_byte = (uint8_t *)staging;
			staging += (k->blob_bytes + 7) / 8;
		} else if (k->rows >= KEYED_ROWS_MIN && k->fields > KEYED_FIELD && keyed_kind(kind)) {
			f->key = (uint32_t *)staging;
			staging += (k->rows + 1) / 2;
			f->keys = (struct keys *)staging;
			staging += sizeof(*f->keys) / 8;
			f->known = (uint16_t *)staging;
			staging += KNOWN_ROOM * sizeof(*f->known) / 8;
			f->rising = keyed_rising(kind);
			keys_start(f->keys, 8 * (k->fields - KEYED_FIELD),
				   8 * ((f->rising < k->fields ? f->rising : k->fields) - KEYED_FIELD));
		}
	}
	return staging;
}

/* Bytes written, or 0: it has to be a plain section. */
static size_t keyed_section(uint8_t *out, const struct fill *f, unsigned kind, uint32_t tid,
			    uint64_t *work, struct cuts *cuts)
{
	const struct keys *keys = f->keys;
	uint64_t *pick = f->column + KEYED_FIELD * (size_t)f->rows;
	struct keyed_in s = {
		.kind = (uint16_t)kind,
		.n_cols = (uint16_t)f->fields,
		.rows = f->rows,
		.tid = tid,
		.n_keys = keys->n,
		.key = f->key,
		.start = f->column,
		.end = f->column + f->rows,
		.corr = f->column + 2 * (size_t)f->rows,
		.work = work,
		.cuts = cuts,
	};

	if (keys->n > f->rows / 2)
		return 0;
	/* Nothing lies behind the first three columns up to the rising one, and half of that is enough. */
	for (unsigned i = KEYED_FIELD; i < f->fields; i++) {
		if (i == f->rising) {
			s.col[i] = f->column + i * (size_t)f->rows;
			continue;
		}
		s.col[i] = pick;
		for (uint32_t k = 0; k < keys->n; k++)
			pick[k] = get_le64(keys->row[k] + 8 * (i - KEYED_FIELD));
		pick += keys->n;
	}
	s.state = pick;
	return keyed_put(out, &s);
}

static size_t plain_section(uint8_t *out, const struct fill *f, unsigned kind, uint32_t tid,
			    struct cuts *cuts)
{
	struct section_in s = {
		.kind = (uint16_t)kind,
		.n_cols = (uint16_t)f->fields,
		.rows = f->rows,
		.tid = tid,
		.cuts = cuts,
	};

	for (unsigned i = 0; i < f->fields; i++)
		s.col[i] = f->column + i * (size_t)f->rows;
	if (f->next_len) {
		s.blob_len = f->next_len - f->rows;
		s.blob = (const uint8_t *)(s.blob_len + ((f->rows + 1) & ~1u));
		s.blob_bytes = (size_t)(f->next_byte - s.blob);
	}
	return section_put(out, &s);
}

size_t gather_staging(size_t bound)
{
	return 2 * bound +
	       JOURNAL_KINDS_MAX * (sizeof(struct keys) + KNOWN_ROOM * sizeof(uint16_t));
}

size_t gather_put(uint8_t *out, uint64_t *staging, const struct gather_counts *t, uint32_t tid,
		  const struct gather_part *parts, size_t n_parts, struct cuts *cuts)
{
	struct fill fills[JOURNAL_KINDS_MAX]; /* set for the kinds of t only */
	uint64_t edge = 0, *work = staging_layout(fills, staging, t);
	uint8_t *p = out;

	for (size_t i = 0; i < n_parts; i++)
		fill_part(fills, &edge, &parts[i]);
	for (uint64_t kinds = t->kinds; kinds; kinds &= kinds - 1) {
		unsigned kind = (unsigned)__builtin_ctzll(kinds);
		struct fill *f = &fills[kind];
		size_t n = f->keys ? keyed_section(p, f, kind, tid, work, cuts) : 0;

		if (!n) {
			if (f->keys)
				fill_expand(f);
			n = plain_section(p, f, kind, tid, cuts);
		}
		p += n;
	}
	return (size_t)(p - out);
}
