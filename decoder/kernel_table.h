/*
 * kernel_table: durations of kernels by name. Within a process the key is the trace's
 * string id, so the hot loop hashes no text; names are resolved when the process
 * has been read, and merged into the session's table by text.
 */
#ifndef JITNESS_DECODER_KERNEL_TABLE_H
#define JITNESS_DECODER_KERNEL_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "decoder/histogram.h"
#include "decoder/idmap.h"

struct section;

struct kernel_stat {
	uint64_t key;     /* string id, or index in the session's names */
	uint64_t count;   /* all */
	uint64_t invalid; /* of these, without usable times */
	uint64_t total_ns, min_ns, max_ns;
	struct histogram ns; /* quantiles to better than 0.8 % */
};

struct kernel_table {
	struct kernel_stat *list;
	size_t n, cap;
	struct idmap by_key;
	uint32_t *of_key; /* of a section that is folded: index in list */
	size_t of_key_cap;
};

struct kernel_stat *kernel_table_get(struct kernel_table *t, uint64_t key);
/* Rows [from, to) of a KERNEL section, whose names come by key: from the first on, one part after another. */
void kernel_table_fold(struct kernel_table *t, const struct section *s, uint32_t from, uint32_t to);
/* Adds `from` to what `t` has under key. */
void kernel_table_merge(struct kernel_table *t, uint64_t key, const struct kernel_stat *from);
/* By total time, longest first; ties by key. The table takes no more entries then. */
void kernel_table_sort(struct kernel_table *t);
/* Quantile in ns, within what was seen; 0 without usable times. */
uint64_t kernel_quantile(const struct kernel_stat *k, double q);
void kernel_table_release(struct kernel_table *t);

#endif
