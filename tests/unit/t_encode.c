#include <stdlib.h>
#include <string.h>

#include "tests/unit/trace_kit.h"
#include "tests/unit/unit.h"
#include "trace/encode.h"
#include "trace/err.h"
#include "trace/wire.h"

#define ROWS_MOST 700 /* more than two of the encoder's blocks */

struct sample {
	uint64_t col[EVENT_FIELDS_MAX][ROWS_MOST];
	uint32_t len[ROWS_MOST];
	uint8_t blob[ROWS_MOST * 8];
	struct section_in in;
};

/* Columns of several natures: constant, rising, noise, extremes. */
static void sample_fill(struct sample *s, unsigned kind, unsigned n_cols, uint32_t rows, bool blobs)
{
	memset(&s->in, 0, sizeof(s->in));
	s->in.kind = (uint16_t)kind;
	s->in.n_cols = (uint16_t)n_cols;
	s->in.rows = rows;
	s->in.tid = (uint32_t)kit_random();
	for (unsigned i = 0; i < n_cols; i++) {
		uint64_t nature = kit_random() % 4, v = kit_value();

		s->in.col[i] = s->col[i];
		for (uint32_t r = 0; r < rows; r++) {
			v = nature == 0 ? v : nature == 1 ? v + kit_random() % 5000 :
			    nature == 2 ? kit_random() % 300 : kit_value();
			s->col[i][r] = v;
		}
	}
	for (uint32_t r = 0; r < rows && blobs; r++) {
		s->len[r] = (uint32_t)(kit_random() % 8);
		for (uint32_t b = 0; b < s->len[r]; b++)
			s->blob[s->in.blob_bytes++] = (uint8_t)kit_random();
	}
	s->in.blob_len = s->len;
	s->in.blob = s->blob;
}

static void sample_compare(const struct sample *s, const struct section *got)
{
	uint32_t at = 0;

	CHECK(got->kind == s->in.kind && got->rows == s->in.rows && got->tid == s->in.tid);
	CHECK(got->n_cols == s->in.n_cols);
	for (unsigned i = 0; i < EVENT_FIELDS_MAX; i++)
		for (uint32_t r = 0; r < s->in.rows; r++)
			CHECK(got->col[i][r] == (i < s->in.n_cols ? s->col[i][r] : 0));
	CHECK(!got->blob_at == !s->in.blob_bytes);
	for (uint32_t r = 0; r < s->in.rows && got->blob_at; r++) {
		CHECK(got->blob_at[r] == at && got->blob_at[r + 1] == at + s->len[r]);
		CHECK(!memcmp(got->blob + at, s->blob + at, s->len[r]));
		at += s->len[r];
	}
}

/* An exact-size copy of the encoded sample. */
static struct bytes sample_encode(const struct sample *s)
{
	size_t bound = section_bound(&s->in), n;
	uint8_t *out = malloc(bound);
	struct bytes b;

	CHECK(out);
	n = section_put(out, &s->in);
	CHECK(n <= bound);
	b = kit_copy(out, n);
	free(out);
	return b;
}

TEST(encode_round_trip_of_random_columns)
{
	struct section_scratch *m = section_scratch_new();
	static struct sample s;

	for (int i = 0; i < 3000; i++) {
		unsigned kind = (unsigned)(kit_random() % (EVENT_KIND_COUNT + 5));
		const struct event_type *type = event_type_of(kind);
		unsigned cols = type && kit_random() % 4 ? type->n_fields :
				(unsigned)(kit_random() % (EVENT_FIELDS_MAX + 1));
		uint32_t rows = (uint32_t)(kit_random() % (i % 10 ? 20 : ROWS_MOST));
		struct section got;
		struct bytes b;

		sample_fill(&s, kind, cols, rows, kit_random() % 2);
		b = sample_encode(&s);
		CHECK(section_get(&got, b.p, b.n, m) == (long)b.n);
		sample_compare(&s, &got);
		kit_check_some(b.p, b.n);
		free(b.p);
	}
	section_scratch_free(m);
}

TEST(encode_extreme_steps_wrap)
{
	uint64_t start[] = { 0, UINT64_MAX, 1, UINT64_MAX / 2, 1ull << 63, 0 };
	uint64_t end[] = { UINT64_MAX, 0, 1ull << 63, 0, UINT64_MAX, 5 };
	uint64_t corr[] = { UINT64_MAX, UINT64_MAX, 0, 1, UINT64_MAX - 1, 0 };
	struct section_in in = { .kind = EVENT_LAUNCH, .n_cols = 3, .rows = 6, .tid = 1,
				 .col = { start, end, corr } };
	struct section_scratch *m = section_scratch_new();
	struct section got;
	uint8_t out[1000];
	size_t n;

	CHECK(section_bound(&in) <= sizeof(out));
	n = section_put(out, &in);
	CHECK(section_get(&got, out, n, m) == (long)n);
	CHECK(!memcmp(got.col[0], start, sizeof(start)));
	CHECK(!memcmp(got.col[1], end, sizeof(end)));
	CHECK(!memcmp(got.col[2], corr, sizeof(corr)));
	section_scratch_free(m);
}

/* 1 row: nothing to pack; evenly spaced rows: nothing but the header of each column. */
TEST(encode_costs_nothing_for_what_does_not_change)
{
	uint64_t start[ROWS_MOST], end[ROWS_MOST], corr[ROWS_MOST], api[ROWS_MOST];
	struct section_in in = { .kind = EVENT_LAUNCH, .n_cols = 4, .rows = ROWS_MOST,
				 .col = { start, end, corr, api } };
	uint8_t *out = malloc(section_bound(&in));

	for (uint64_t i = 0; i < ROWS_MOST; i++) {
		start[i] = 1763849000123456789ull + 5000 * i;
		end[i] = start[i] + 700;
		corr[i] = 10 + 2 * i;
		api[i] = API_CU_LAUNCH_KERNEL;
	}
	CHECK(section_put(out, &in) == SECTION_HEADER_BYTES + 4 * COLUMN_HEADER_BYTES);
	in.rows = 1;
	CHECK(section_put(out, &in) == SECTION_HEADER_BYTES + 4 * COLUMN_HEADER_BYTES);
	free(out);
}

TEST(encode_every_cut_is_seen)
{
	struct section_scratch *m = section_scratch_new();
	static struct sample s;
	struct section got;
	struct bytes b;

	sample_fill(&s, EVENT_JIT, JIT_N, 9, true);
	b = sample_encode(&s);
	CHECK(section_get(&got, b.p, 0, m) == 0);
	for (size_t n = 1; n < b.n; n++) {
		struct bytes cut = kit_copy(b.p, n);

		CHECK(section_get(&got, cut.p, cut.n, m) == TRACE_E_TRUNC);
		free(cut.p);
	}
	free(b.p);
	section_scratch_free(m);
}

/* Whatever stands in a section, decoding it stays within its bytes. */
TEST(encode_survives_random_damage)
{
	struct section_scratch *m = section_scratch_new();
	static struct sample s;
	struct section got;

	for (int i = 0; i < 20000; i++) {
		struct bytes b;

		if (i % 1000 == 0)
			sample_fill(&s, EVENT_KERNEL, 5, 30, true);
		b = sample_encode(&s);
		for (uint64_t k = kit_random() % 4 + 1; k; k--)
			b.p[kit_random() % (k % 2 ? 60 : b.n)] = (uint8_t)kit_random();
		if (get_le32(b.p + 4) < 100000)
			CHECK(section_get(&got, b.p, b.n, m) <= (long)b.n);
		free(b.p);
	}
	section_scratch_free(m);
}

/* Appends n columns of width 0 and value 77 to a section without blobs. */
static struct bytes columns_append(struct bytes b, unsigned n)
{
	b.p = realloc(b.p, b.n + n * COLUMN_HEADER_BYTES);
	CHECK(b.p);
	put_le16(b.p + 2, (uint16_t)(get_le16(b.p + 2) + n));
	for (unsigned i = 0; i < n; i++, b.n += COLUMN_HEADER_BYTES) {
		memset(b.p + b.n, 0, COLUMN_HEADER_BYTES);
		put_le64(b.p + b.n + 12, 77);
	}
	return b;
}

TEST(encode_more_and_fewer_columns)
{
	struct section_scratch *m = section_scratch_new();
	static struct sample s;
	struct section got;
	struct bytes b;

	/* A reader of today and a section of the future, beyond what a section can hold. */
	sample_fill(&s, EVENT_STREAM, STREAM_N, 11, false);
	b = columns_append(sample_encode(&s), 40);
	CHECK(section_get(&got, b.p, b.n, m) == (long)b.n);
	CHECK(got.n_cols == EVENT_FIELDS_MAX);
	CHECK(got.col[STREAM_N][10] == 77 && got.col[0][10] == s.col[0][10]);
	free(b.p);

	/* A section of the past: the missing columns are 0, also half an interval. */
	sample_fill(&s, EVENT_KERNEL, 1, 11, false);
	b = sample_encode(&s);
	CHECK(section_get(&got, b.p, b.n, m) == (long)b.n);
	CHECK(got.n_cols == 1 && got.col[KERNEL_START][3] == s.col[0][3]);
	CHECK(got.col[KERNEL_END][3] == 0 && got.col[EVENT_FIELDS_MAX - 1][10] == 0);
	free(b.p);
	section_scratch_free(m);
}

TEST(encode_bad_references_are_refused)
{
	struct section_scratch *m = section_scratch_new();
	static struct sample s;
	struct section got;
	struct bytes b;
	size_t second;

	sample_fill(&s, EVENT_LAUNCH, 2, 1, false);
	b = sample_encode(&s);
	second = SECTION_HEADER_BYTES + COLUMN_HEADER_BYTES;
	CHECK(b.p[16] == XF_GAP && b.p[second] == XF_DIFF);
	CHECK(section_get(&got, b.p, b.n, m) == (long)b.n);
	put_le16(b.p + 18, 0); /* GAP to itself */
	CHECK(section_get(&got, b.p, b.n, m) == TRACE_E_CORRUPT);
	put_le16(b.p + 18, 1);
	b.p[second] = XF_NONE; /* GAP to what is no DIFF */
	CHECK(section_get(&got, b.p, b.n, m) == TRACE_E_CORRUPT);
	b.p[second] = XF_DIFF;
	put_le16(b.p + second + 2, 1); /* DIFF from itself */
	CHECK(section_get(&got, b.p, b.n, m) == TRACE_E_CORRUPT);
	put_le16(b.p + second + 2, 0);
	b.p[16] = 4; /* a transform of the future */
	CHECK(section_get(&got, b.p, b.n, m) == TRACE_E_CORRUPT);
	b.p[16] = XF_NONE;
	b.p[17] = 9; /* wider than 8 bytes */
	CHECK(section_get(&got, b.p, b.n, m) == TRACE_E_CORRUPT);
	b.p[17] = 0;
	put_le32(b.p + 4, SECTION_ROWS_MAX + 1);
	CHECK(section_get(&got, b.p, b.n, m) == TRACE_E_LIMIT);
	free(b.p);
	section_scratch_free(m);
}

TEST(encode_blob_lengths_must_add_up)
{
	uint64_t id = 1;
	uint32_t len = 3;
	struct section_in in = { .kind = EVENT_STRING, .n_cols = 1, .rows = 1, .col = { &id },
				 .blob_len = &len, .blob = (const uint8_t *)"abc",
				 .blob_bytes = 3 };
	struct section_scratch *m = section_scratch_new();
	uint8_t out[200], *low = out + SECTION_HEADER_BYTES + COLUMN_HEADER_BYTES + 12;
	struct section got;
	size_t n = section_put(out, &in);

	CHECK(section_get(&got, out, n, m) == (long)n);
	put_le64(low, 2);
	CHECK(section_get(&got, out, n, m) == TRACE_E_CORRUPT);
	put_le64(low, UINT64_MAX);
	CHECK(section_get(&got, out, n, m) == TRACE_E_CORRUPT);
	section_scratch_free(m);
}
