#include "cupti/shapes.h"

#include <string.h>

#include "trace/hash.h"

/*
 * Programs run some hundred different kernels in turn. Two places for each keep them apart:
 * with one, of 300 shapes 40 would push each other out all the time. 120 KiB, touched as used.
 */
#define SHAPES_SETS 512u

static struct shape shapes[SHAPES_SETS][2]; /* the newer one comes first */
static uint32_t buffer;

void shapes_reset(void)
{
	if (buffer)
		memset(shapes, 0, sizeof(shapes));
	buffer = 0;
}

void shapes_buffer(void)
{
	/* 0 is no buffer's number. */
	buffer = buffer + 1 ? buffer + 1 : 1;
}

static void words_of(uint64_t *w, const struct layout_record *r)
{
	const uint8_t *p = r->p;

	_Static_assert(KERNEL_REC_LOCAL + 4 - KERNEL_REC_DEVICE == 6 * 8, "six words without a gap");
	memcpy(w, p + KERNEL_REC_DEVICE, 6 * 8);
	w[6] = rec_u64(p + KERNEL_REC_NAME);
	w[7] = rec_tail_u64(r, KERNEL_REC_NODE);
	w[8] = (uint64_t)p[KERNEL_REC_LAUNCH_TYPE] << 16 | rec_u16(p + KERNEL_REC_REGISTERS);
	w[9] = rec_tail_u32(r, KERNEL_REC_GRAPH);
}

static bool same(const uint64_t *a, const uint64_t *b)
{
	uint64_t differ = 0;

	for (unsigned i = 0; i < SHAPE_WORDS; i++)
		differ |= a[i] ^ b[i];
	return !differ;
}

struct shape *shapes_of(const struct layout_record *r)
{
	uint64_t w[SHAPE_WORDS];
	struct shape *set;

	words_of(w, r);
	set = shapes[hash_words(w, sizeof(w), sizeof(w)) % SHAPES_SETS];
	if (same(set[0].word, w))
		return set;
	if (same(set[1].word, w))
		return set + 1;
	set[1] = set[0];
	set[0] = (struct shape){ .row = { 0 } };
	memcpy(set[0].word, w, sizeof(w));
	return set;
}

bool shapes_fresh(const struct shape *s)
{
	return s->buffer == buffer;
}

void shapes_name(struct shape *s, uint32_t name)
{
	if (name != s->name)
		s->row = (struct journal_place){ 0 };
	s->name = name;
	/* No name: another record of it may have one, or has to be counted as well. */
	s->buffer = name ? buffer : 0;
}
