/*
 * diff_series: the passes of a group of rows (diff_match.h) as series, one for each run.
 *
 * A run is the processes that had passes at the same time: ranks of one job share what disturbs them and are no repetition of each
 * other, so their passes are one series, by time. Processes one after another are runs of their own.
 *
 * Units: ns; a pass that took none counts as 1 ns, so that ratios exist. No errors (mem.h); one thread.
 */
#ifndef JITNESS_DECODER_DIFF_SERIES_H
#define JITNESS_DECODER_DIFF_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/bootstrap.h"

struct analysis;
struct diff_group;

struct diff_runs {
	uint32_t *of; /* by process of the session */
	size_t n;     /* that have passes */
	size_t processes; /* with passes */
};

struct diff_series {
	double *wall, *busy;  /* by run, then time; n */
	uint32_t *run;        /* of each: 0, 1 ... of those that are there */
	size_t n;
	struct bootstrap_run *walls, *busies; /* views of the above; n_runs */
	size_t n_runs;
	bool busy_known;      /* some pass kept the GPU busy */
	size_t warmup;        /* passes left out; 0 with all */
	bool all_warmup;      /* there are no others in some row: they are all taken */
};

void diff_runs_find(struct diff_runs *ret, const struct analysis *a);
void diff_runs_release(struct diff_runs *r);

/* all: with the passes of the warm-up. */
void diff_series_init(struct diff_series *ret, const struct analysis *a, const struct diff_runs *runs,
		      const struct diff_group *g, bool all);
void diff_series_release(struct diff_series *s);

#endif
