/*
 * diff_match: which shapes of two sessions are the same phase of the same program. Ids of shapes ("s2") are counted
 * from the first use and mean nothing across sessions; what is compared is the label and what runs.
 *
 * First, rows of one session's processes (ranks, repeated runs) that ran the same are put together: a group. Then groups of A and
 * B with the same label, one to one, the most alike first:
 *  structure  the same kernels as often, on as many blocks (decode steps grow: their blocks do not count)
 *  kernels    mostly the same kernels, on about as many blocks
 *  work       of what is left, when it is unambiguous: the groups of a label by their work (blocks) in order,
 *             if there are as many of them and each has about as many passes; else the two that hold most
 *             passes of the label.
 *             The kernels may be others: compiled in one session, eager in the other.
 * What is left then is listed, and never compared.
 *
 * Everything is borrowed from the two sessions, but for the lists. No errors (mem.h); one thread.
 */
#ifndef JITNESS_DECODER_DIFF_MATCH_H
#define JITNESS_DECODER_DIFF_MATCH_H

#include <stddef.h>
#include <stdint.h>

struct analysis;
struct shape_mix;

/* X(NAME, "name in reports"): append-only. */
#define DIFF_MATCHES(X) X(STRUCTURE, "structure") X(KERNELS, "kernels") X(WORK, "work")
enum diff_match_how {
#define X(N, s) DIFF_MATCH_##N,
	DIFF_MATCHES(X)
#undef X
};

struct diff_group {
	uint8_t label;
	size_t *rows; /* of the phase table, by process; one of each process at most */
	size_t n, cap;
	size_t passes;
	uint64_t blocks; /* of the first row's shape, as its signature and mix */
};
struct diff_groups {
	struct diff_group *list; /* by label, then passes, most first */
	size_t n, cap;
};

struct diff_pair {
	size_t a, b; /* groups */
	enum diff_match_how how;
	double alike; /* 0..1: share of what runs that is common */
};

struct diff_match {
	struct diff_groups a, b;
	struct diff_pair *pairs; /* in the order of a's groups */
	size_t n, cap;
	size_t *left_a, *left_b; /* groups without a partner */
	size_t n_left_a, n_left_b;
};

void diff_match_find(struct diff_match *ret, const struct analysis *a, const struct analysis *b);
void diff_match_release(struct diff_match *m);
const char *diff_match_name(enum diff_match_how how);

/* What runs in a row of the phase table; NULL: not known. */
const struct shape_mix *diff_row_mix(const struct analysis *a, size_t row);

#endif
