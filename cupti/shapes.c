#include "cupti/shapes.h"

#include <string.h>

#include "trace/hash.h"

/*
 * Programs run some hundred different kernels in turn. Two places for each keep them apart:
 * with one, of 300 shapes 40 would push each other out all the time. 120 KiB, touched as used.
 */
#define SHAPES_SETS 512u

/* Written for every kernel: no cache line of it has anything else, which launching threads may read. */
static struct {
	_Alignas(64) struct shape *last; /* NULL: none yet */
	uint32_t buffer;
	struct shape set[SHAPES_SETS][2]; /* the newer one comes first */
} own;

void shapes_reset(void)
{
	if (own.buffer)
		memset(&own, 0, sizeof(own));
}

void shapes_buffer(void)
{
	/* 0 is no buffer's number. */
	own.buffer = own.buffer + 1 ? own.buffer + 1 : 1;
}

static inline uint64_t word_of(const struct layout_record *r, unsigned i)
{
	const uint8_t *p = r->p;

	_Static_assert(KERNEL_REC_LOCAL + 4 - KERNEL_REC_DEVICE == 6 * 8, "six words without a gap");
	switch (i) {
	case 6:
		return rec_u64(p + KERNEL_REC_NAME);
	case 7:
		return rec_tail_u64(r, KERNEL_REC_NODE);
	case 8:
		return (uint64_t)p[KERNEL_REC_LAUNCH_TYPE] << 16 | rec_u16(p + KERNEL_REC_REGISTERS);
	case 9:
		return rec_tail_u32(r, KERNEL_REC_GRAPH);
	default:
		return rec_u64(p + KERNEL_REC_DEVICE + 8 * i);
	}
}

/* Straight from the record: a copy just made of it would have to be waited for. */
static inline bool same(const struct shape *s, const struct layout_record *r)
{
	uint64_t differ = 0;

#pragma GCC unroll 10
	for (unsigned i = 0; i < SHAPE_WORDS; i++)
		differ |= s->word[i] ^ word_of(r, i);
	return !differ;
}

static __attribute__((noinline)) struct shape *shape_find(const struct layout_record *r)
{
	uint64_t w[SHAPE_WORDS];
	struct shape *set;

	for (unsigned i = 0; i < SHAPE_WORDS; i++)
		w[i] = word_of(r, i);
	set = own.set[hash_words(w, sizeof(w), sizeof(w)) % SHAPES_SETS];
	if (same(&set[0], r))
		return set;
	if (same(&set[1], r))
		return set + 1;
	set[1] = set[0];
	set[0] = (struct shape){ .row = { 0 } };
	memcpy(set[0].word, w, sizeof(w));
	return set;
}

struct shape *shapes_of(const struct layout_record *r)
{
	struct shape *s = own.last ? own.last->next : NULL;

	/* Mostly what came after it the last time. */
	if (!s || !same(s, r)) {
		s = shape_find(r);
		if (own.last)
			own.last->next = s;
	}
	own.last = s;
	return s;
}

bool shapes_fresh(const struct shape *s)
{
	return s->buffer == own.buffer;
}

void shapes_name(struct shape *s, uint32_t name)
{
	if (name != s->name)
		s->row = (struct journal_place){ 0 };
	s->name = name;
	/* No name: another record of it may have one, or has to be counted as well. */
	s->buffer = name ? own.buffer : 0;
}
