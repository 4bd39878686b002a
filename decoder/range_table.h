/*
 * range_table: the NVTX ranges and marks of a process, in order of their start after
 * range_table_join(). Times are the trace's own (CLOCK_REALTIME ns).
 */
#ifndef JITNESS_DECODER_RANGE_TABLE_H
#define JITNESS_DECODER_RANGE_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct names;
struct section;

#define RANGES_MAX (1u << 20)

struct range {
	uint64_t start;
	uint64_t end; /* 0: it did not end; a mark: start */
	uint64_t payload;
	uint32_t message, domain; /* session's names */
	uint32_t tid;             /* the thread that ended it */
	uint32_t type;            /* enum range_type, or a newer value */
	uint32_t depth, category;
};

struct range_table {
	struct range *ranges;
	size_t n_ranges, ranges_cap;
	uint64_t unlisted; /* over RANGES_MAX */
};

/* One RANGE section. */
void range_table_fold(struct range_table *t, const struct section *s, struct names *names);
/* Sorts by start; of those that begin together the outer one, which ends later, is first. */
void range_table_join(struct range_table *t);
void range_table_release(struct range_table *t);

#endif
