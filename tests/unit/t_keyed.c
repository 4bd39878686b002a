/* Keyed sections: gather -> bytes -> decode, over real clocks, adversarial values and damage. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/trace_kit.h"
#include "tests/unit/unit.h"
#include "trace/encode.h"
#include "trace/err.h"
#include "trace/gather.h"
#include "trace/journal.h"
#include "trace/keyed.h"
#include "trace/keys.h"
#include "trace/ticks.h"
#include "trace/wire.h"

#define MOST 9000 /* rows of a test */
#define NOW  1763849000123456789ull

/* Rows of one thread, as the journal holds them. */
struct sample {
	uint8_t *rows;
	uint32_t bytes, n;
};

static struct sample sample_new(void)
{
	struct sample s = { malloc((size_t)MOST * journal_row_bytes(EVENT_FIELDS_MAX, 0)), 0, 0 };

	CHECK(s.rows);
	return s;
}

static void sample_add(struct sample *s, unsigned kind, const uint64_t *f)
{
	unsigned n = event_type_of(kind)->n_fields;

	CHECK(s->n < MOST);
	journal_row_put(s->rows + s->bytes, kind, f, n, NULL, 0);
	s->bytes += (uint32_t)journal_row_bytes(n, 0);
	s->n++;
}

/* All rows as sections, in memory of exactly their size. */
static struct bytes sample_encode(const struct sample *s)
{
	struct gather_part part = { .rows = s->rows, .to = s->bytes, .kinds = ~0ull };
	struct gather_counts t = { .kinds = 0 };
	struct cuts *cuts = calloc(1, sizeof(*cuts));
	size_t bound, n;
	uint8_t *out;
	uint64_t *staging;
	struct bytes b;

	gather_count(&t, &part);
	bound = gather_bound(&t);
	out = malloc(bound);
	staging = malloc(gather_staging(bound));
	CHECK(out && staging && cuts);
	cuts->from = out;
	n = gather_put(out, staging, &t, 7, &part, 1, cuts);
	CHECK(n <= bound);
	for (unsigned i = 1; i < cuts->n; i++)
		CHECK(cuts->at[i] >= cuts->at[i - 1] && cuts->at[i] <= n);
	b = kit_copy(out, n);
	free(out);
	free(staging);
	free(cuts);
	return b;
}

static bool is_keyed(const uint8_t *section)
{
	return get_le16(section + 2) & KEYED_COLUMNS;
}

/* Checks that the rows of s are in the sections of b, times of launches with the bits of mask at least. */
static void sample_compare(const struct sample *s, struct bytes b, uint64_t mask)
{
	struct section_scratch *m = section_scratch_new();
	struct section got;
	size_t seen = 0, at = 0;

	while (at < b.n) {
		long used = section_get(&got, b.p + at, b.n - at, m);
		uint32_t r = 0;

		CHECK(used > 0 && got.tid == 7);
		for (unsigned i = 0; i < 8; i++)
			kit_check_some(b.p + at, b.n - at);
		for (const uint8_t *p = s->rows; p < s->rows + s->bytes;
		     p += journal_row_bytes(get_le16(p + 2), 0)) {
			if (get_le16(p) != got.kind)
				continue;
			CHECK(r < got.rows);
			for (unsigned i = 0; i < got.n_cols; i++) {
				uint64_t want = get_le64(p + 8 + 8 * i), v = got.col[i][r];

				if (got.kind == EVENT_LAUNCH && i < 2)
					CHECK(v == want || v == (want & mask));
				else
					CHECK(v == want);
			}
			r++;
		}
		CHECK(r == got.rows);
		seen += r;
		at += (size_t)used;
	}
	CHECK(seen == s->n);
	section_scratch_free(m);
}

static uint64_t to_64(void)
{
	return ~(uint64_t)63;
}

/* Kernels as an H100 stamps them: ticks of 32.00077 ns, rounded twice on the way. */
struct gpu {
	uint64_t tick;
	double step, offset;
};

static uint64_t gpu_time(const struct gpu *g)
{
	double between = (double)(uint64_t)((double)g->tick * g->step * 2.2);

	return NOW + (uint64_t)(between / 2.2 + g->offset);
}

static void kernel_next(uint64_t *f, struct gpu *g, unsigned shape)
{
	f[KERNEL_CORR] += 11;
	f[KERNEL_NAME] = 1 + shape;
	f[KERNEL_GRID_X] = shape * 7;
	f[KERNEL_STREAM] = 7;
	g->tick += 28 + kit_random() % 9 + (kit_random() % 10 ? 0 : kit_random() % 9000);
	f[KERNEL_START] = gpu_time(g);
	g->tick += 34 + 20 * shape + kit_random() % 5;
	f[KERNEL_END] = gpu_time(g);
}

TEST(keyed_kernels_are_exact_and_small)
{
	struct sample s = sample_new();
	struct gpu g = { 1000, 32.00077, 0 };
	uint64_t f[KERNEL_N] = { 0 };
	struct bytes b;

	for (unsigned i = 0; i < 8000; i++) {
		if (i % 3000 == 2999) /* CUPTI has looked at the clocks again */
			g.offset += 7;
		kernel_next(f, &g, i % 23);
		sample_add(&s, EVENT_KERNEL, f);
	}
	b = sample_encode(&s);
	CHECK(is_keyed(b.p));
	/* A byte each for key, gap, span and correlation id, half for remainders, some exceptions. */
	CHECK(b.n < 8000 * 5);
	sample_compare(&s, b, 0);
	free(b.p);
	free(s.rows);
}

/* Replays of a graph with more nodes than there can be keys: a node's id costs next to nothing. */
TEST(keyed_graph_nodes_are_small)
{
	struct sample s = sample_new();
	struct gpu g = { 1000, 32.00077, 0 };
	uint64_t f[KERNEL_N] = { [KERNEL_GRAPH] = 3 };
	struct bytes b;

	for (unsigned i = 0; i < MOST; i++) {
		kernel_next(f, &g, i % 4500 % 23);
		f[KERNEL_CORR] = 100 + i / 4500;
		f[KERNEL_NODE] = 0x400000000 + i % 4500;
		sample_add(&s, EVENT_KERNEL, f);
	}
	b = sample_encode(&s);
	CHECK(is_keyed(b.p));
	CHECK(b.n < MOST * 6); /* before zstd; most of the planes are zeros */
	sample_compare(&s, b, 0);
	free(b.p);
	free(s.rows);
}

TEST(keyed_rate_is_found_or_not)
{
	static uint64_t start[2000], end[2000];
	struct gpu g = { 0, 32.00077, 0 };
	uint64_t f[KERNEL_N] = { 0 }, rate;

	for (unsigned i = 0; i < 2000; i++) {
		kernel_next(f, &g, i % 5);
		start[i] = f[KERNEL_START];
		end[i] = f[KERNEL_END];
	}
	rate = ticks_rate(start, end, 2000);
	CHECK(rate > (uint64_t)(32.000769 * 4294967296.0) && rate < (uint64_t)(32.000771 * 4294967296.0));
	for (unsigned i = 0; i < 2000; i++) {
		start[i] += kit_random() % 32;
		end[i] += 32 + kit_random() % 32;
	}
	CHECK(ticks_rate(start, end, 2000) == TICKS_ONE);
}

/* Times, ids and shapes of several natures, in kinds with and without a GPU's clock, few and many rows. */
TEST(keyed_round_trip_of_adversarial_rows)
{
	static const unsigned kinds[] = { EVENT_LAUNCH, EVENT_KERNEL, EVENT_MEMCPY, EVENT_MEMSET,
					  EVENT_GRAPH_RUN, EVENT_SYNC, EVENT_STREAM };
	unsigned keyed = 0;

	for (int round = 0; round < 400; round++) {
		unsigned kind = kinds[kit_random() % 7], n = event_type_of(kind)->n_fields;
		unsigned rows = 1 + (unsigned)(kit_random() % (round % 8 ? 400 : 3000));
		uint64_t f[EVENT_FIELDS_MAX], nature = kit_random() % 8, shapes = 1 + kit_random() % 40;
		struct sample s = sample_new();
		uint64_t at = nature == 5 ? 0 - 50000ull : NOW;
		struct bytes b;

		for (unsigned r = 0; r < rows; r++) {
			uint64_t shape = kit_random() % shapes;

			/* The last two: times of all sizes; some that are missing. */
			f[0] = at += nature == 1 ? 32 * (kit_random() % 300) : kit_random() % 100000;
			if (nature == 2)
				f[0] -= 40000; /* before the last one ended */
			f[1] = f[0] + (nature == 3 ? kit_random() % (1u << 22) : 32 * (kit_random() % 99));
			if (nature == 6 && kit_random() % 40 == 0)
				f[kit_random() % 2] = kit_value();
			if (nature == 7 && kit_random() % 50 == 0)
				at += 1ull << (20 + kit_random() % 24);
			f[2] = nature == 4 ? kit_value() : at / 1000;
			for (unsigned i = 3; i < n; i++)
				f[i] = shape * i * 0x9e3779b97f4a7c15u >> (i % 5 * 12);
			sample_add(&s, kind, f);
		}
		b = sample_encode(&s);
		keyed += is_keyed(b.p);
		sample_compare(&s, b, to_64());
		free(b.p);
		free(s.rows);
	}
	CHECK(keyed > 100 && keyed < 350);
}

TEST(keyed_too_many_shapes_make_a_plain_section)
{
	struct sample s = sample_new();
	uint64_t f[KERNEL_N] = { NOW, NOW + 500 };
	struct bytes b;

	/* More keys than there is room for, with enough rows for each. */
	for (unsigned i = 0; i < MOST; i++) {
		f[KERNEL_START] += 4000;
		f[KERNEL_END] += 4000;
		f[KERNEL_GRID_X] = i < 100 ? 1 : i / 2;
		sample_add(&s, EVENT_KERNEL, f);
	}
	b = sample_encode(&s);
	CHECK(!is_keyed(b.p));
	sample_compare(&s, b, 0);
	free(b.p);
	/* As many keys as rows. */
	s.n = s.bytes = 0;
	for (unsigned i = 0; i < 1000; i++) {
		f[KERNEL_GRID_X] = i;
		sample_add(&s, EVENT_KERNEL, f);
	}
	b = sample_encode(&s);
	CHECK(!is_keyed(b.p));
	sample_compare(&s, b, 0);
	free(b.p);
	free(s.rows);
}

static void launch_add(struct sample *s, uint64_t start, uint64_t end)
{
	uint64_t f[LAUNCH_N] = { start, end, s->n, API_CU_LAUNCH_KERNEL, 0 };

	sample_add(s, EVENT_LAUNCH, f);
}

/* Calls of up to 100 ticks are in one plane, 0 to 254; 255 says "an exception" and is one itself. */
TEST(keyed_value_that_says_exception)
{
	struct sample s = sample_new();
	uint64_t start = NOW & to_64();
	struct bytes b;

	for (unsigned i = 0; i < 4000; i++) {
		uint64_t ticks = i == 1000 ? 254 : i == 2000 ? 255 : i == 3000 ? 9999 : kit_random() % 101;

		launch_add(&s, start, start + 64 * ticks);
		start += 64 * (ticks + 10 + kit_random() % 100);
	}
	b = sample_encode(&s);
	CHECK(is_keyed(b.p));
	sample_compare(&s, b, ~(uint64_t)0);
	free(b.p);
	free(s.rows);
}

/* Rounded, but never to before the end of what the thread did before. */
TEST(keyed_launches_are_rounded_in_their_order)
{
	struct sample s = sample_new();
	struct section_scratch *m = section_scratch_new();
	uint64_t sync[SYNC_N] = { 0 }, at = NOW;
	uint64_t last_sync[1000] = { 0 };
	struct section got;
	struct bytes b;
	unsigned exact = 0;

	for (unsigned i = 0; i < 1000; i++) {
		if (i % 100 == 50) {
			sync[SYNC_START] = at;
			sync[SYNC_END] = at += 2000 + kit_random() % 64;
			sample_add(&s, EVENT_SYNC, sync);
		}
		last_sync[i] = sync[SYNC_END];
		at += i % 100 == 50 ? i / 100 * 8 : 300 + kit_random() % 64;
		launch_add(&s, at, at + 700);
		at += 700;
	}
	b = sample_encode(&s);
	sample_compare(&s, b, to_64());
	CHECK(section_get(&got, b.p, b.n, m) > 0 && got.kind == EVENT_LAUNCH && is_keyed(b.p));
	for (uint32_t r = 0; r < got.rows; r++) {
		CHECK(got.col[LAUNCH_START][r] >= last_sync[r]);
		CHECK(got.col[LAUNCH_START][r] <= got.col[LAUNCH_END][r]);
		CHECK(!r || got.col[LAUNCH_START][r] >= got.col[LAUNCH_END][r - 1]);
		exact += got.col[LAUNCH_START][r] % 64 != 0;
	}
	CHECK(exact > 0 && exact <= 10);
	free(b.p);
	free(s.rows);
	section_scratch_free(m);
}

TEST(keyed_keys_are_found_again)
{
	static struct keys k;
	static uint64_t rows[KEYS_ROOM + 1][4];

	keys_start(&k, sizeof(rows[0]), 16);
	for (uint64_t i = 0; i <= KEYS_ROOM; i++) {
		rows[i][0] = 5;
		rows[i][3] = i << 40;
		CHECK(keys_of(&k, (const uint8_t *)rows[i]) == i); /* KEYS_ROOM: no more */
	}
	for (int i = 0; i < 20000; i++) {
		uint64_t row[4], n = kit_random() % KEYS_ROOM;

		memcpy(row, rows[n], sizeof(row));
		row[2] = kit_random(); /* the hole */
		CHECK(keys_of(&k, (const uint8_t *)row) == n);
	}
}

TEST(keyed_means_are_undone)
{
	static uint64_t span[1000], back[1000], state[5];
	static uint32_t key[1000];

	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < 1000; i++) {
			key[i] = (uint32_t)(kit_random() % 5);
			span[i] = back[i] = round % 2 ? kit_value() : 90 + kit_random() % 9;
		}
		memset(state, 0, sizeof(state));
		ticks_expect(back, key, 1000, state);
		memset(state, 0, sizeof(state));
		ticks_expect_undo(back, key, 1000, state);
		CHECK(!memcmp(span, back, sizeof(span)));
	}
}

/* Cut anywhere, or a byte changed: an error or some section, never a read beyond the end. */
TEST(keyed_damage_is_survived)
{
	const uint32_t names = 1u << KERNEL_NAME;
	struct section_scratch *m = section_scratch_new();
	struct sample s = sample_new();
	struct gpu g = { 1000, 32.00077, 0 };
	uint64_t f[KERNEL_N] = { 0 };
	struct section got;
	struct bytes b;

	for (unsigned i = 0; i < 200; i++) {
		kernel_next(f, &g, i % 5);
		f[KERNEL_CORR] += kit_random() % 9 ? 0 : 10000;
		sample_add(&s, EVENT_KERNEL, f);
	}
	b = sample_encode(&s);
	CHECK(is_keyed(b.p) && section_get(&got, b.p, b.n, m) == (long)b.n);
	for (size_t n = 1; n < b.n; n++) {
		struct bytes cut = kit_copy(b.p, n);

		CHECK(section_get(&got, cut.p, n, m) < 0);
		free(cut.p);
	}
	for (size_t i = 0; i < b.n; i++) {
		uint8_t was = b.p[i];

		for (int k = 0; k < 3; k++) {
			b.p[i] = k == 0 ? 0xff : k == 1 ? 0 : (uint8_t)kit_random();
			if (section_get(&got, b.p, b.n, m) > 0)
				for (unsigned c = 0; c < EVENT_FIELDS_MAX && got.rows; c++)
					CHECK(got.col[c][got.rows - 1] <= UINT64_MAX);
			if (section_get_keys(&got, b.p, b.n, SECTION_ALL, names, m) > 0)
				for (uint32_t r = 0; r < got.rows; r++)
					CHECK(got.key[r] < got.n_keys &&
					      got.of_key[KERNEL_NAME][got.key[r]] <= UINT64_MAX);
		}
		b.p[i] = was;
	}
	/* What the document calls damaged. */
	b.p[12] = b.p[13] = b.p[14] = b.p[15] = 0; /* keys: 0 */
	CHECK(section_get(&got, b.p, b.n, m) == TRACE_E_CORRUPT);
	b.p[14] = 2; /* 131072 */
	CHECK(section_get(&got, b.p, b.n, m) == TRACE_E_LIMIT);
	b.p[14] = 0;
	b.p[12] = 5;
	CHECK(section_get(&got, b.p, b.n, m) == (long)b.n);
	b.p[16] = XF_DELTA; /* keys are plain numbers */
	CHECK(section_get(&got, b.p, b.n, m) == TRACE_E_CORRUPT);
	b.p[16] = XF_NONE;
	b.p[16 + COLUMN_HEADER_BYTES + 200] = XF_PICK; /* and so are remainders */
	CHECK(section_get(&got, b.p, b.n, m) == TRACE_E_CORRUPT);
	free(b.p);
	free(s.rows);
	section_scratch_free(m);
}
