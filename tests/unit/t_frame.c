#include <string.h>

#include "tests/unit/trace_kit.h"
#include "tests/unit/unit.h"
#include "trace/err.h"
#include "trace/frame.h"
#include "trace/hash.h"
#include "trace/wire.h"

static const struct file_header file_sample = {
	.version = 1, .header_bytes = 32, .created_ns = 1763849000123456789ull, .pid = 4711,
};

static const struct frame_header frame_sample = {
	.kind = FRAME_EVENTS, .flags = FRAME_ZSTD, .stored_len = 1000, .raw_len = 5000,
	.seq = 7, .lost = 3, .body_hash = 0x0123456789abcdefull, .rows = 99,
};

TEST(frame_hash_is_xxh64)
{
	CHECK(hash64("", 0) == 0xef46db3751d8e999ull);
	CHECK(hash64("abc", 3) == 0x44bc2cf5ad770999ull);
}

TEST(frame_file_header_round_trip)
{
	uint8_t b[FILE_HEADER_BYTES];
	struct file_header h;

	file_header_put(b, &file_sample);
	CHECK(!memcmp(b, "JITNESS\n", 8));
	CHECK(file_header_get(&h, b, sizeof(b)) == 0);
	CHECK(h.version == 1 && h.header_bytes == 32 && h.features == 0);
	CHECK(h.created_ns == file_sample.created_ns && h.pid == 4711);
	for (size_t n = 0; n < sizeof(b); n++)
		CHECK(file_header_get(&h, b, n) == TRACE_E_TRUNC);
}

TEST(frame_file_header_newer_is_refused)
{
	struct file_header newer = file_sample, h;
	uint8_t b[FILE_HEADER_BYTES];

	newer.version = 2;
	file_header_put(b, &newer);
	CHECK(file_header_get(&h, b, sizeof(b)) == TRACE_E_VERSION);
	newer = file_sample;
	newer.features = FEATURE_KEYED;
	file_header_put(b, &newer);
	CHECK(file_header_get(&h, b, sizeof(b)) == 0 && h.features == FEATURE_KEYED);
	newer.features = FEATURES_KNOWN + 1;
	file_header_put(b, &newer);
	CHECK(file_header_get(&h, b, sizeof(b)) == TRACE_E_VERSION);
	newer = file_sample;
	newer.header_bytes = 31;
	file_header_put(b, &newer);
	CHECK(file_header_get(&h, b, sizeof(b)) == TRACE_E_CORRUPT);
}

TEST(frame_header_round_trip)
{
	uint8_t b[FRAME_HEADER_BYTES];
	struct frame_header h;

	frame_header_put(b, &frame_sample);
	CHECK(!memcmp(b, "JFR1", 4));
	CHECK(frame_header_get(&h, b, sizeof(b)) == 0);
	CHECK(h.kind == 1 && h.flags == 1 && h.stored_len == 1000 && h.raw_len == 5000);
	CHECK(h.seq == 7 && h.lost == 3 && h.body_hash == frame_sample.body_hash && h.rows == 99);
	for (size_t n = 0; n < sizeof(b); n++)
		CHECK(frame_header_get(&h, b, n) == TRACE_E_TRUNC);
}

TEST(frame_every_bit_of_a_header_is_guarded)
{
	uint8_t b[FRAME_HEADER_BYTES], f[FILE_HEADER_BYTES];
	struct frame_header h;
	struct file_header fh;

	frame_header_put(b, &frame_sample);
	for (unsigned i = 0; i < 8 * sizeof(b); i++) {
		b[i / 8] ^= (uint8_t)(1u << i % 8);
		CHECK(frame_header_get(&h, b, sizeof(b)) == TRACE_E_CORRUPT);
		b[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	file_header_put(f, &file_sample);
	for (unsigned i = 0; i < 8 * sizeof(f); i++) {
		f[i / 8] ^= (uint8_t)(1u << i % 8);
		CHECK(file_header_get(&fh, f, sizeof(f)) ==
		      (i < 64 ? TRACE_E_FORMAT : TRACE_E_CORRUPT));
		f[i / 8] ^= (uint8_t)(1u << i % 8);
	}
}

TEST(frame_header_limits)
{
	struct frame_header big = frame_sample, h;
	uint8_t b[FRAME_HEADER_BYTES];

	big.stored_len = FRAME_BODY_MAX + 1;
	frame_header_put(b, &big);
	CHECK(frame_header_get(&h, b, sizeof(b)) == TRACE_E_LIMIT);
	big = frame_sample;
	big.raw_len = UINT32_MAX;
	frame_header_put(b, &big);
	CHECK(frame_header_get(&h, b, sizeof(b)) == TRACE_E_LIMIT);
	big = frame_sample;
	big.rows = FRAME_ROWS_MAX + 1;
	frame_header_put(b, &big);
	CHECK(frame_header_get(&h, b, sizeof(b)) == TRACE_E_LIMIT);
}

TEST(frame_error_texts)
{
	CHECK(!strcmp(trace_strerror(0), "success"));
	CHECK(!strcmp(trace_strerror(TRACE_E_TRUNC), "input ends inside a unit"));
	CHECK(!strcmp(trace_strerror(-12345), "unknown error"));
}

TEST(frame_event_table_is_whole)
{
	for (unsigned kind = 0; kind < EVENT_KIND_COUNT + 10; kind++) {
		const struct event_type *t = event_type_of(kind);

		if (!t)
			continue;
		CHECK(t->kind == kind && t->n_fields <= EVENT_FIELDS_MAX);
		for (unsigned i = 0; i < t->n_fields; i++) {
			const char *list;

			CHECK(t->field[i].name);
			CHECK(!event_values_of(kind, i, &list) ==
			      (t->field[i].type != FIELD_ENUM));
			CHECK(t->field[i].transform != XF_DIFF ||
			      (i > 0 && t->field[i - 1].transform != XF_NONE));
			CHECK(t->field[i].transform != XF_GAP ||
			      (i + 1 < t->n_fields && t->field[i + 1].transform == XF_DIFF));
		}
	}
	CHECK(!event_type_of(0) && !event_type_of(EVENT_KIND_COUNT));
	CHECK(!strcmp(event_enum_name(EVENT_LAUNCH, LAUNCH_API, 1001), "cuLaunchKernel"));
	CHECK(!event_enum_name(EVENT_LAUNCH, LAUNCH_API, 9999));
	CHECK(!event_enum_name(EVENT_LAUNCH, LAUNCH_START, 0));
}
