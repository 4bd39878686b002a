#include "trace/gather.h"

#include <string.h>

#include "trace/encode.h"

static struct journal_row row_head(const uint8_t *p)
{
	struct journal_row row;

	memcpy(&row, p, sizeof(row));
	return row;
}

void gather_count(struct gather_counts *t, const struct gather_part *part)
{
	uint32_t at = part->from;

	while (at < part->to) {
		struct journal_row row = row_head(part->rows + at);
		uint64_t bit = 1ull << row.kind;
		struct gather_kind *k = &t->of[row.kind];

		at += (uint32_t)journal_row_bytes(row.n_fields, row.blob_len);
		if (!(part->kinds & bit))
			continue;
		t->kinds |= bit;
		k->rows++;
		k->blob_bytes += row.blob_len;
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
};

static void fill_row(struct fill *f, const uint8_t *p, const struct journal_row *row)
{
	uint64_t *out = f->next++;
	unsigned i;

	p += sizeof(*row);
	for (i = 0; i < row->n_fields; i++, p += 8, out += f->rows)
		memcpy(out, p, 8);
	for (; i < f->fields; i++, out += f->rows)
		*out = 0;
	if (!f->next_len)
		return;
	*f->next_len++ = row->blob_len;
	memcpy(f->next_byte, p, row->blob_len);
	f->next_byte += row->blob_len;
}

static void fill_part(struct fill *fills, const struct gather_part *part)
{
	const uint8_t *p = part->rows + part->from, *end = part->rows + part->to;

	while (p < end) {
		struct journal_row row = row_head(p);

		if (part->kinds & (1ull << row.kind))
			fill_row(&fills[row.kind], p, &row);
		p += journal_row_bytes(row.n_fields, row.blob_len);
	}
}

/* Lays the columns of every kind out in the staging memory; the sections point there. */
static void staging_layout(struct section_in *sections, struct fill *fills, uint64_t *staging,
			   const struct gather_counts *t)
{
	for (uint64_t kinds = t->kinds; kinds; kinds &= kinds - 1) {
		unsigned kind = (unsigned)__builtin_ctzll(kinds);
		const struct gather_kind *k = &t->of[kind];
		struct section_in *s = &sections[kind];
		struct fill *f = &fills[kind];

		*f = (struct fill){ .next = staging, .rows = k->rows, .fields = k->fields };
		s->kind = (uint16_t)kind;
		s->n_cols = (uint16_t)k->fields;
		s->rows = k->rows;
		s->blob_len = NULL;
		s->blob = NULL;
		s->blob_bytes = k->blob_bytes;
		for (unsigned i = 0; i < k->fields; i++, staging += k->rows)
			s->col[i] = staging;
		if (!k->blob_bytes)
			continue;
		f->next_len = (uint32_t *)staging;
		s->blob_len = f->next_len;
		staging += (k->rows + 1) / 2;
		f->next_byte = (uint8_t *)staging;
		s->blob = f->next_byte;
		staging += (k->blob_bytes + 7) / 8;
	}
}

size_t gather_put(uint8_t *out, uint64_t *staging, const struct gather_counts *t, uint32_t tid,
		  const struct gather_part *parts, size_t n_parts, struct cuts *cuts)
{
	struct section_in sections[JOURNAL_KINDS_MAX]; /* set for the kinds of t only */
	struct fill fills[JOURNAL_KINDS_MAX];
	uint8_t *p = out;

	staging_layout(sections, fills, staging, t);
	for (size_t i = 0; i < n_parts; i++)
		fill_part(fills, &parts[i]);
	for (uint64_t kinds = t->kinds; kinds; kinds &= kinds - 1) {
		struct section_in *s = &sections[__builtin_ctzll(kinds)];

		s->tid = tid;
		s->cuts = cuts;
		p += section_put(p, s);
	}
	return (size_t)(p - out);
}
