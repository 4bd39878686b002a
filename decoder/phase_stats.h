/*
 * phase_stats: latency per phase and shape of a process: exact percentiles with intervals by order
 * statistics (stats.h), never pooled across shapes.
 *
 * A phase is one label; a row is the passes of one label and one shape. Figures are those of the
 * passes after the warm-up of the row; when all of a row is warm-up, of all (all_warmup). Times ns.
 * Memory: 12 bytes for each pass, twice that while a row is counted. No errors; one thread.
 */
#ifndef JITNESS_DECODER_PHASE_STATS_H
#define JITNESS_DECODER_PHASE_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/idmap.h"
#include "decoder/pass.h"

struct process;
struct session;

/* A percentile and its 95 % interval; hi_known false: n is too small for an upper bound. */
struct phase_quantile {
	double value, lo, hi; /* value: STATS_LINEAR, as numpy.percentile */
	bool lo_known, hi_known;
};

struct phase_row {
	size_t process;     /* in the session's list */
	const struct process *p;
	uint8_t label;      /* enum pass_label */
	uint32_t shape;     /* in p->passes.shapes */
	uint32_t *list;     /* its passes, in p->passes.list; by host_start */
	size_t passes, warmup; /* warmup: of them */
	size_t n;           /* passes behind the figures */
	bool all_warmup;
	double *sorted;     /* their wall, rising; n */
	double mean, max;
	struct phase_quantile p50, p95, p99;
	/* Medians of the same passes. */
	double busy, gap, queue, ops, kernels;
	double mean_all;    /* with the warm-up */
	double total;       /* of wall, all its passes */
	unsigned confidence; /* percent, mean of its passes */
	int vote[VOTE_COUNT]; /* mean of its passes */
};

struct phase_table {
	struct phase_row *list; /* by process, then label, then shape */
	size_t n, cap;
	struct idmap by_key;
};

/* Of all processes; their passes must have been found. The session must outlive the table. */
void phase_table_init(struct phase_table *ret, const struct session *s);
void phase_table_release(struct phase_table *t);
/* The row of a pass of a process (index in the session); NULL: it has none. */
const struct phase_row *phase_row_of(const struct phase_table *t, size_t process,
				     const struct pass *pass);
/* Wall of a pass. */
static inline uint64_t pass_wall(const struct pass *p)
{
	return p->end > p->wall_start ? p->end - p->wall_start : 0;
}
static inline uint64_t pass_ops(const struct pass *p)
{
	return (uint64_t)p->kernels + p->graph_launches + p->copies;
}
const char *pass_label_name(unsigned label);
const char *pass_vote_name(unsigned vote);
const char *phase_shape_name(const struct phase_row *r);

/* Milliseconds: "p99 12.3 [11.9, 12.8]", "p99 >= 11.9 (n too small for an upper bound)". */
#define PHASE_TEXT 192
void phase_quantile_text(char ret[PHASE_TEXT], const char *name, const struct phase_quantile *q);
/* Three significant digits: "12.3", "0.0123". */
const char *phase_ms(char ret[32], double ns);

/*
 * What a phase of several shapes is made of: rows of one process and label, n of them from `first`;
 * passes and total are for the shares.
 */
struct phase_mixture {
	size_t first, n;   /* in phase_table.list */
	size_t passes;
	double total;
	bool gap;          /* some shapes lie apart: no pass is between gap_lo and gap_hi */
	double gap_lo, gap_hi; /* slowest of the fast ones, fastest of the slow ones */
};
/* The phase that begins at row `first`. */
void phase_mixture_of(struct phase_mixture *ret, const struct phase_table *t, size_t first);

#endif
