/*
 * near_log: the launches and GPU work of a process that lie near a load, a compile or a
 * graph recording; the rest of a trace passes through. Folded in the one pass: recent rows are
 * kept, and when there are too many of them, those are dropped that lie further than
 * NEAR_MARGIN_NS from every event, except the last launch before and the first after such a
 * window. Memory: at most NEAR_MAX rows of 24 bytes of GPU work, twice that of launches (and
 * NEAR_FEW for each thread beyond); what does not fit is counted. Times: ns of CLOCK_REALTIME.
 * No errors; one thread.
 */
#ifndef JITNESS_DECODER_NEAR_LOG_H
#define JITNESS_DECODER_NEAR_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/idmap.h"

struct section;

#define NEAR_MARGIN_NS 2000000000u
#define NEAR_MIN       (1u << 18) /* rows before the first thinning */
#define NEAR_MAX       (1u << 20)
#define NEAR_FEW       (1u << 14)

enum near_kind { NEAR_KERNEL, NEAR_MEMSET, NEAR_GRAPH };

struct near_row {
	uint64_t start;
	uint64_t corr;
	uint32_t ns;   /* end - start, at most UINT32_MAX */
	uint32_t what; /* work: string id of the kernel << 3 | large << 2 | enum near_kind */
};

struct near_list {
	struct near_row *list;
	size_t n, cap, limit;
	size_t settled;   /* of n, the first: judged once to lie near an event */
	uint64_t dropped; /* rows near an event that there was no room for */
};

struct near_log {
	struct near_thread {
		uint32_t tid;
		struct near_list launches; /* by start, after near_log_join() */
	} *threads;
	size_t n_threads, threads_cap;
	struct idmap thread_by_tid;
	struct near_list work; /* by corr, after near_log_join() */
	struct near_window {
		uint64_t start, end;
	} *events;
	size_t n_events, events_cap, merged; /* of n_events, sorted and merged already */
	size_t limits; /* of all threads together */
	uint32_t *whats; /* by key, of a section of kernels that is folded */
	size_t whats_cap;
};

/*
 * A section of any kind; only launches, kernels, memsets, graph runs and events matter. Names and sizes of kernels
 * by key.
 */
void near_log_fold(struct near_log *l, const struct section *s);
/* The same of rows [from, to) of launches or kernels: from the first on, one part after another. */
void near_log_rows(struct near_log *l, const struct section *s, uint32_t from, uint32_t to);
/* Once, when the process has been read. */
void near_log_join(struct near_log *l);
void near_log_release(struct near_log *l);

/* Launches of a thread, NULL: none. */
const struct near_list *near_launches(const struct near_log *l, uint32_t tid);
/* Index of the first row with start >= time. The list must be by start. */
size_t near_first(const struct near_list *l, uint64_t time);
/* The first work of this corr, or NULL; more may follow up to the list's end. */
const struct near_row *near_work(const struct near_log *l, uint64_t corr);
uint64_t near_dropped(const struct near_log *l);

static inline enum near_kind near_kind(const struct near_row *w)
{
	return (enum near_kind)(w->what & 3);
}

/* A memset, or a kernel with a grid, as large as an L2 cache: what empties it. */
static inline bool near_large(const struct near_row *w)
{
	return w->what & 4;
}

static inline uint32_t near_string(const struct near_row *w)
{
	return w->what >> 3;
}

#endif
