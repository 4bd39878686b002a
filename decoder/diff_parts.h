/*
 * diff_parts: what the passes of two matched groups are made of, side by side: by class of kernel, by origin
 * and kernel by kernel. Per pass, the warm-up's too. Times are known of kernels that ran one by one (of all at
 * level node). No errors (mem.h); one thread.
 */
#ifndef JITNESS_DECODER_DIFF_PARTS_H
#define JITNESS_DECODER_DIFF_PARTS_H

#include <stddef.h>

struct analysis;
struct diff_group;

/* [0] of A, [1] of B; per pass. */
struct diff_part {
	const char *name; /* borrowed from a session, or static */
	double count[2];  /* executions, those in replays too */
	double ns[2];     /* of GPU time, where known */
};
struct diff_parts {
	struct diff_part *list; /* by the change of time, then of number; the largest first */
	size_t n, cap;
};
struct diff_mix {
	struct diff_parts classes, origins, kernels;
	double replays[2], replay_ns[2];
};

void diff_mix_init(struct diff_mix *ret, const struct analysis *a, const struct diff_group *ga,
		   const struct analysis *b, const struct diff_group *gb);
void diff_mix_release(struct diff_mix *m);

#endif
