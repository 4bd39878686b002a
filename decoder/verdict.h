/*
 * verdict: how the passes of each phase and shape were really run, from what ran. Labels, flags and counters
 * of the program play no part. Where the evidence does not suffice the verdict is unknown, with the reason.
 *
 *  compiled  kernels that a compiler of models wrote run in its passes, directly or inside replays, and
 *            the framework's own elementwise kernels do not do the work they would do
 *  cached    the same, and every module of these kernels came from a cache: nothing was compiled in this session
 *  graph     replays of CUDA graphs in which no compiler's kernel is
 *  eager     no compiler's kernel, no replay, and either the framework's elementwise kernels run one by one, or
 *            the kernels are those of the reference (verdict_reference)
 *  fallback  as eager, while other shapes of the same phase of the process are compiled; or it was compiled
 *            until some pass and not after it
 *  mixed     a part of each; shares say how much
 *  unknown   none of these can be said: e.g. only library calls (a compiled graph can be that), origins unknown,
 *            too few GPU records, records lost
 *
 * Thresholds are in verdict.c with their reasons. Rows are those of the phase table. No errors; one thread.
 */
#ifndef JITNESS_DECODER_VERDICT_H
#define JITNESS_DECODER_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/phase_stats.h"
#include "decoder/shape_mix.h"

/* X(NAME, "name in reports"): append-only, names reach scripts. */
#define VERDICTS(X)                                                                       \
	X(UNKNOWN, "unknown") X(COMPILED, "compiled") X(CACHED, "cached") X(GRAPH, "graph") \
	X(EAGER, "eager") X(FALLBACK, "fallback") X(MIXED, "mixed")
enum verdict_kind {
#define X(N, s) VERDICT_##N,
	VERDICTS(X)
#undef X
	VERDICT_COUNT
};

#define VERDICT_EVIDENCE_MAX 8
#define VERDICT_NO_ROW SIZE_MAX

struct verdict {
	enum verdict_kind kind;
	bool replayed;         /* nearly all of its kernels ran inside replays: "compiled (graph replay)" */
	/* Shares of GPU time of the row's passes, 0..1: time in ... */
	double compiled;       /* ... compilers' kernels, and replays that hold one */
	double replay;         /* ... replays */
	double eager;          /* ... the framework's elementwise kernels, one by one */
	double written, library, unknown; /* ... kernels of these classes, one by one */
	double compiled_kernels, eager_kernels; /* shares of kernels, those in replays too */
	double passes_compiled; /* of the phase's passes (all shapes): those with a compiler's kernel */
	size_t sibling;        /* FALLBACK: a compiled row of the phase, most passes; else VERDICT_NO_ROW */
	uint32_t since;        /* FALLBACK that began later: index in the row's list of the first pass; else 0 */
	double reference;      /* 0..1: share of its kernels that the reference's nearest shape has; < 0: no reference */
	char *evidence[VERDICT_EVIDENCE_MAX]; /* short sentences with their figures; the first decides */
	size_t n_evidence;
};

/* A phase that was compiled until some time and not after it, or the other way round. */
struct verdict_flip {
	size_t row_before, row_after; /* rows of the passes on the two sides, with the most passes */
	uint32_t pass;                /* first one after it: index in the process's list */
	size_t before, after;         /* passes of the phase on either side */
	uint64_t time;                /* of it; ns of CLOCK_REALTIME */
	bool to_eager;
	uint32_t episode;             /* id of the last episode of the process before it; 0: none */
};

struct verdicts {
	struct verdict *list; /* by row of the phase table */
	size_t n;
	struct verdict_flip *flips; /* by row_before, time */
	size_t n_flips, flips_cap;
	struct shape_mixes *mixes; /* by process of the session */
	size_t n_mixes;
};

/*
 * An eager session of the same program. Its shapes' kernels (names and counts) are what eager looks like.
 * *reference borrowed for the call only; NULL: none.
 */
struct verdict_reference {
	const struct session *session;
	const struct phase_table *rows;
	const struct verdicts *verdicts;
};

void verdicts_find(struct verdicts *ret, const struct session *s, const struct phase_table *t,
		   const struct verdict_reference *reference);
void verdicts_release(struct verdicts *v);

const char *verdict_name(enum verdict_kind kind);
/* "compiled, graph replay"; "mixed: 40 % of GPU time compiled"; for tables. */
#define VERDICT_TEXT 96
void verdict_text(char ret[VERDICT_TEXT], const struct verdict *v);

#endif
