/*
 * diff: two sessions, phase by phase: what got faster or slower, by how much at least and at most, and what else is different.
 * docs/diff.md tells people how to read it.
 *
 * Latency decides the verdict: the ratio of medians of the passes after the warm-up (ratio.h). A row is faster or slower when
 * its interval excludes 1, the ratio is RATIO_EFFECT away from it, and both still hold after Holm's correction (1979) for the
 * number of rows. GPU time of the same passes is judged in the same way and told beside it.
 *
 * Times ns; [0] is A, [1] is B; ratios are B / A. Everything is borrowed from the two sessions, but for the texts. No errors
 * (mem.h); one thread.
 */
#ifndef JITNESS_DECODER_DIFF_H
#define JITNESS_DECODER_DIFF_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/coldstart.h"
#include "decoder/diff_match.h"
#include "decoder/diff_parts.h"
#include "decoder/diff_series.h"
#include "decoder/ratio.h"

struct analysis;

#define DIFF_SCHEMA "jitness.diff.v1"

/* X(NAME, "name in reports"): append-only, names reach scripts. */
#define DIFF_VERDICTS(X)                                                              \
	X(NONE, "no difference shown") X(FASTER, "faster") X(SLOWER, "slower")         \
	X(BOTH, "faster and slower") /* some rows this, some that */                    \
	X(NOT_COMPARABLE, "not comparable")
enum diff_verdict {
#define X(N, s) DIFF_##N,
	DIFF_VERDICTS(X)
#undef X
};

struct diff_row {
	const struct diff_pair *pair;
	const struct phase_row *row[2]; /* first of the group: for names */
	size_t n[2], warmup[2], runs[2];
	bool all_warmup[2];
	double p50[2], p95[2], mean[2];
	struct ratio wall, gpu;
	bool gpu_known;
	double wall_p, gpu_p;           /* after Holm's correction; 1 when nothing is known */
	enum diff_verdict verdict, gpu_verdict;
	struct coldstart_flip flip;     /* of all passes, the warm-up's too */
	const struct verdict *how[2];   /* compiled, eager ...; NULL: not known */
	struct diff_mix mix;
};

/* What bringing code to the GPU cost. */
struct diff_cost {
	size_t episodes, compiled, cached, loaded, graphs;
	uint64_t stall_ns;
	size_t stall_unknown; /* episodes */
	uint64_t child_ns, compiler_ns, jit_ns, load_ns, graph_ns;
};

struct diff_note {
	const char *severity; /* "bad", "warn", "info" */
	char *text;
};

struct diff {
	const struct analysis *side[2];
	struct diff_runs runs[2];
	struct diff_match match;
	struct diff_row *rows; /* by label, then A's passes */
	size_t n;
	struct diff_cost cost[2];
	enum diff_verdict verdict, gpu_verdict;
	bool incomplete;         /* records or traces are missing: the verdict is not certain */
	char **reasons;          /* why not comparable; each a sentence */
	size_t n_reasons, reasons_cap;
	struct diff_note *notes; /* bad ones first */
	size_t n_notes, notes_cap;
	uint64_t seed;
};

void diff_find(struct diff *ret, const struct analysis *a, const struct analysis *b, uint64_t seed);
void diff_release(struct diff *d);

const char *diff_verdict_name(enum diff_verdict verdict);
/* Of one interval; p after correction. */
enum diff_verdict diff_judge(const struct ratio_interval *r, double p);
/* Holm's step-down: each p of n, in place. */
void diff_holm(double *p, size_t n);
/* "decode s2", or "decode s2 (B: s4)". */
#define DIFF_NAME 96
void diff_row_name(char ret[DIFF_NAME], const struct diff_row *r);

/* diff_check.c: reasons and notes about the sessions themselves, and about how phases ran. */
void diff_check(struct diff *d);
void diff_reason(struct diff *d, char *text);                     /* takes text */
void diff_note(struct diff *d, const char *severity, char *text); /* takes text */

/* diff_flip.c: where mean and median contradict each other, in a row or a phase; a note for each. */
void diff_flips(struct diff *d);
/* What the two say, and what removes it, a sentence; caller frees. Times of f in ns. */
char *diff_flip_text(const char *name, const struct coldstart_flip *f);

/* Views, to stdout. */
void diff_text(const struct diff *d, size_t top);
cJSON *diff_json(const struct diff *d, size_t top); /* caller deletes */

#endif
