/*
 * totals: what a session holds, quickly, for the line that jitness run ends
 * with. A large trace that ended cleanly is read at its two ends only: its head
 * says who it is, and its END record has the sums.
 */
#ifndef JITNESS_DECODER_TOTALS_H
#define JITNESS_DECODER_TOTALS_H

#include <stddef.h>
#include <stdint.h>

struct totals {
	size_t processes;
	uint64_t kernels, graph_launches, modules, jit_compiles, lost;
	size_t cut_off;       /* without an END record */
	size_t without_gpu;   /* gpu_records is not "full", though the level asks for them */
	size_t without_jit;   /* level churn without CUPTI: the driver's compiles are not known */
	char *reason;         /* why, of the first of them; or NULL */
	size_t unreadable;
};

/* Says nothing and does not fail: what cannot be read is counted. */
void totals_read(struct totals *ret, int dir_fd);
void totals_release(struct totals *t);

#endif
