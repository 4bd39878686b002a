/* pack and the cuts of encode: which bytes share a zstd block, and what that is worth. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "tests/unit/trace_kit.h"
#include "tests/unit/unit.h"
#include "trace/encode.h"
#include "trace/pack.h"
#include "trace/writer.h"

#define BYTES 40000

static struct pack *pack_new(void)
{
	void *memory = aligned_alloc(64, (pack_memory() + 63) & ~(size_t)63);
	struct pack *pack;

	CHECK(memory);
	pack = pack_init(memory, pack_memory());
	CHECK(pack && (void *)pack == memory);
	return pack;
}

/* Bytes of the packed form, which must unpack to the same as one frame that names its size. */
static size_t packed_bytes(struct pack *pack, const uint8_t *in, size_t n, const uint32_t *cuts,
			   size_t n_cuts)
{
	size_t room = pack_bound(n, n_cuts), got;
	uint8_t *out = malloc(room), *back = malloc(n + 1);

	CHECK(out && back);
	got = pack_put(pack, out, room, in, n, cuts, n_cuts);
	CHECK(got > 0 && got <= room);
	CHECK(ZSTD_getFrameContentSize(out, got) == n);
	CHECK(ZSTD_findFrameCompressedSize(out, got) == got);
	CHECK(ZSTD_decompress(back, n, out, got) == n && !memcmp(back, in, n));
	free(out);
	free(back);
	return got;
}

TEST(pack_round_trip_with_any_cuts)
{
	static uint8_t in[BYTES];
	static uint32_t cuts[CUTS_MAX];
	struct pack *pack = pack_new();

	for (int i = 0; i < 300; i++) {
		size_t n = kit_random() % (i % 3 ? 300 : BYTES), n_cuts = kit_random() % CUTS_MAX;
		uint64_t few = 1 + kit_random() % 256;
		uint32_t at = 0;

		for (size_t k = 0; k < n; k++)
			in[k] = (uint8_t)(kit_random() % few);
		/* Also 0, the same twice, the end, and beyond the end. */
		for (size_t k = 0; k < n_cuts; k++)
			cuts[k] = at += (uint32_t)(kit_random() % 3 ? kit_random() % 200 : 0);
		packed_bytes(pack, in, n, cuts, n_cuts);
	}
	free(pack);
}

/* Two natures of bytes that suit no common table: an eighth of one kind, noise, nearly constant. */
TEST(pack_cuts_give_each_part_its_codes)
{
	static uint8_t in[BYTES];
	static const uint32_t cuts[] = { BYTES / 2 };
	struct pack *pack = pack_new();
	size_t together, apart;

	for (size_t i = 0; i < BYTES; i++)
		in[i] = (uint8_t)(i < BYTES / 2 ? kit_random() % 8 : 8 + kit_random() % 248);
	together = packed_bytes(pack, in, BYTES, NULL, 0);
	apart = packed_bytes(pack, in, BYTES, cuts, 1);
	/* 3 bits and 8 bits, and the tables. */
	CHECK(apart < BYTES / 2 * 11 / 8 + 200);
	CHECK(together > apart + apart / 20);
	free(pack);
}

/* A launch every 4 to 8 us that takes 2 to 3 us: 12 and 10 bits of noise. */
static void launch_next(uint64_t f[LAUNCH_N])
{
	f[LAUNCH_START] = f[LAUNCH_END] + 4000 + kit_random() % 4096;
	f[LAUNCH_END] = f[LAUNCH_START] + 2000 + kit_random() % 1024;
	f[LAUNCH_CORR]++;
}

TEST(encode_cuts_stand_round_the_planes_of_intervals)
{
	static uint64_t col[LAUNCH_N][2000];
	static uint8_t out[LAUNCH_N * 8 * 2000 + 1000];
	static struct cuts cuts;
	struct section_in s = { .kind = EVENT_LAUNCH, .n_cols = LAUNCH_N, .rows = 2000, .cuts = &cuts };
	uint64_t f[LAUNCH_N] = { 0 };
	uint32_t start = 100 + SECTION_HEADER_BYTES + COLUMN_HEADER_BYTES;
	uint32_t end = start + 2 * 2000 + COLUMN_HEADER_BYTES;
	const uint32_t want[] = { start, start + 2000, start + 4000, end, end + 2000, end + 4000 };

	for (unsigned r = 0; r < 2000; r++) {
		launch_next(f);
		for (unsigned i = 0; i < LAUNCH_N; i++)
			col[i][r] = f[i];
	}
	for (unsigned i = 0; i < LAUNCH_N; i++)
		s.col[i] = col[i];
	cuts.from = out;
	CHECK(section_put(out + 100, &s) > 8000);
	CHECK(cuts.n == 6 && !memcmp(cuts.at, want, sizeof(want)));
	/* Few rows are not worth a table. */
	s.rows = 500;
	CHECK(section_put(out, &s) > 2000);
	CHECK(cuts.n == 6);
	/* And no more than there is room for. */
	s.rows = 512;
	for (unsigned i = 0; i < CUTS_MAX; i++)
		CHECK(section_put(out, &s) > 2000);
	CHECK(cuts.n == CUTS_MAX);
}

TEST(writer_launches_take_little_more_than_their_noise)
{
	int dir = kit_dir();
	uint64_t f[LAUNCH_N] = { [LAUNCH_API] = API_CU_LAUNCH_KERNEL };
	struct writer *w;

	CHECK(writer_open(&w, dir, "t.jnt", 1, 2, 0) == 0);
	for (unsigned i = 0; i < 100000; i++) {
		launch_next(f);
		CHECK(writer_add(w, 7, EVENT_LAUNCH, f, LAUNCH_N, NULL, 0) == 0);
	}
	CHECK(writer_flush(w, 0) == 0);
	/* 22 bits are 2.75 bytes. With a common table for the planes it was 3.32. */
	CHECK(writer_bytes(w) < 286000);
	writer_close(w);
	close(dir);
}
