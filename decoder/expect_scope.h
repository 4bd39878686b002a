/*
 * expect_scope: which part of a session an expectation is about, and what is missing from it: for the values of
 * one session (expect_values.c, expect_counts.c). Times: ns of CLOCK_REALTIME of the process unless said. Texts
 * that are returned are the caller's to free. No errors; one thread.
 */
#ifndef JITNESS_DECODER_EXPECT_SCOPE_H
#define JITNESS_DECODER_EXPECT_SCOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "decoder/expect.h"

struct analysis;
struct pass;
struct process;
struct session;

/* Why the trace of p may not be all that happened: damaged, still running ...; NULL: it is. */
char *expect_unfinished(const struct process *p);
/* The same, or that records were lost. */
char *expect_incomplete(const struct process *p);
/* The first reason of the selected processes, with the process's id, or of the session itself. */
char *expect_incomplete_any(const struct session *s, bool has_process, uint64_t pid);
/* Why nothing is known of what p ran on the GPU (level churn, no GPU records), or NULL. */
char *expect_blind(const struct process *p);
/* The first of the selected processes that is blind, or unfinished. */
char *expect_blind_any(const struct session *s, bool has_process, uint64_t pid);
char *expect_unfinished_any(const struct session *s);

static inline bool expect_selects(bool has_process, uint64_t wanted, uint64_t pid)
{
	return !has_process || wanted == pid;
}

/*
 * When the warm-up of a process was over: each of its phases had begun its first pass that is no warm-up, and the
 * last pass that a rule calls warmup had ended. Shapes that come later do not prolong it: what is compiled for them
 * is compiled after the warm-up. Of labelled phases; where there are none, of all passes. 0: it has no such pass.
 */
uint64_t expect_warm(const struct process *p);
/* End of the first pass (labelled, where there are any); 0: none. */
uint64_t expect_first_pass(const struct process *p);

/*
 * Where `after` of a filter begins in p; 0: nothing is left out. False: p has no such moment, and *ret_why (static)
 * says why.
 */
bool expect_after_time(const struct session *s, const struct process *p, const struct expect_filter *f,
		       uint64_t *ret, const char **ret_why);

/* A pass of thread tid that start..end overlaps, the last one; label EXPECT_ANY, or one of that label. NULL: none. */
const struct pass *expect_pass_at(const struct process *p, uint32_t tid, uint64_t start, uint64_t end, int label);

/* For people. */
struct expect_pass expect_pass_of(const struct session *s, const struct process *p, const struct pass *x);
/* Keeps the first EXPECT_PASSES_MAX and counts all. */
void expect_pass_note(struct expect_item *x, const struct expect_pass *pass);
/* Seconds since the session's first event. */
double expect_seconds(const struct session *s, const struct process *p, uint64_t realtime);

/* Nothing is missing from the selected processes: what is not in their traces did not happen. */
bool expect_recorded(const struct session *s, bool has_process, uint64_t pid);
/* Says why no pass is what q selects; absent when expect_recorded(). */
void expect_values_none(struct expect_values *ret, const struct analysis *a, const struct expect_selector *q);

/* Functions of EXPECT_MEASURES, by what they look at. */
typedef void expect_values_fn(const struct analysis *a, const struct expect *e, struct expect_values *ret);
expect_values_fn expect_values_latency, expect_values_passes, expect_values_share, expect_values_verdict;
expect_values_fn expect_values_episodes, expect_values_graphs, expect_values_modules,
	expect_values_launches, expect_values_kernels, expect_values_stall, expect_values_stall_share,
	expect_values_lost, expect_values_truncated, expect_values_findings;

#endif
