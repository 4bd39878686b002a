/* tally: count, sum and largest of one sort of event. */
#ifndef JITNESS_DECODER_TALLY_H
#define JITNESS_DECODER_TALLY_H

#include <stdbool.h>
#include <stdint.h>

struct tally {
	uint64_t count;    /* all, also those without usable times */
	uint64_t invalid;  /* start or end unknown, or end before start */
	uint64_t total_ns; /* of the others */
	uint64_t max_ns;
	uint64_t bytes;
};

/* CUPTI leaves 0 in what it does not know; no duration comes from such a pair. */
static inline bool time_pair_valid(uint64_t start, uint64_t end)
{
	return start && end >= start;
}

static inline void tally_add(struct tally *t, uint64_t start, uint64_t end, uint64_t bytes)
{
	t->count++;
	t->bytes += bytes;
	if (!time_pair_valid(start, end)) {
		t->invalid++;
		return;
	}
	t->total_ns += end - start;
	if (end - start > t->max_ns)
		t->max_ns = end - start;
}

/* Tallies by the value of an enumeration; values that do not fit share the last slot. */
#define TALLY_SLOTS 16
struct tally_set {
	uint64_t value[TALLY_SLOTS];
	struct tally tally[TALLY_SLOTS];
	unsigned n;
};

static inline struct tally *tally_of(struct tally_set *s, uint64_t value)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->value[i] == value)
			return &s->tally[i];
	if (s->n == TALLY_SLOTS)
		return &s->tally[TALLY_SLOTS - 1];
	s->value[s->n] = value;
	return &s->tally[s->n++];
}

static inline struct tally tally_sum(const struct tally_set *s)
{
	struct tally sum = { 0 };

	for (unsigned i = 0; i < s->n; i++) {
		sum.count += s->tally[i].count;
		sum.invalid += s->tally[i].invalid;
		sum.total_ns += s->tally[i].total_ns;
		sum.bytes += s->tally[i].bytes;
		if (s->tally[i].max_ns > sum.max_ns)
			sum.max_ns = s->tally[i].max_ns;
	}
	return sum;
}

#endif
