/*
 * phase_tail: why a slow pass was slow. Each pass slower than the p95 of its row (phase and shape) is compared
 * with the median pass of the row: what differed, and how much of the excess over that median it
 * explains. A row of fewer than TAIL_N_MIN passes has no p95 of its own: when it has a label, its
 * passes are compared with the row of the same phase that has the most, if that has enough.
 *
 * Parts never sum to more than the excess; what no part explains is TAIL_NOTHING. A compile is blamed with the
 * part of its stall (episodes.h) that lies in the pass, on the pass's own thread, and with nothing else.
 * Times ns. No errors; one thread.
 */
#ifndef JITNESS_DECODER_PHASE_TAIL_H
#define JITNESS_DECODER_PHASE_TAIL_H

#include <stddef.h>
#include <stdint.h>

#include "decoder/phase_stats.h"

#define TAIL_N_MIN     20
#define TAIL_PART_MIN  0.05 /* of the excess: smaller parts are not told */

/* X(NAME, "name in reports", "what it was"): append-only, names reach scripts. */
#define TAIL_REASONS(X)                                                                            \
	X(NOTHING, "nothing_found", "nothing found")                                              \
	X(COMPILE, "compile", "a compile or load held its thread while the GPU stood still")       \
	X(RECORDED, "graph_recorded", "a CUDA graph was recorded or instantiated inside")           \
	X(KERNELS, "other_kernels", "other kernels, or more of them, than its siblings")          \
	X(OVERLAP, "other_thread", "a pass of another thread ran on the GPU at the same time")     \
	X(STRETCHED, "stretched", "the same kernels, but the GPU was busy for longer")              \
	X(HOST_GAP, "host_gap", "the host neither launched nor waited")                            \
	X(QUEUE, "queue", "its first work waited longer for the GPU")                               \
	X(LOST, "lost_records", "records of the process were lost, the cause may be among them")

enum tail_reason {
#define X(N, s, t) TAIL_##N,
	TAIL_REASONS(X)
#undef X
	TAIL_REASON_COUNT
};

struct tail_pass {
	uint32_t pass;          /* in p->passes.list */
	size_t row, against;    /* in phase_table.list: its own, and what it is compared with */
	double excess;          /* over the median of `against` */
	double part[TAIL_REASON_COUNT]; /* of the excess; sums to it */
	enum tail_reason reason; /* the largest part */
	uint32_t episode;       /* id of the one that held it longest; 0: none */
	double stretch;         /* GPU busy, as a multiple of the median */
};

struct tail {
	struct tail_pass *list; /* by row, then pass */
	size_t n, cap;
	size_t rows_small;      /* rows with too few passes, and nothing to compare with */
};

void tail_find(struct tail *ret, const struct session *s, const struct phase_table *t);
void tail_release(struct tail *t);
/* Of a pass (index in its process's list) of a row. NULL: it is not in the tail. */
const struct tail_pass *tail_of(const struct tail *t, const struct phase_table *rows,
				const struct phase_row *r, uint32_t pass);

const char *tail_reason_name(enum tail_reason r);
const char *tail_reason_text(enum tail_reason r);

#endif
