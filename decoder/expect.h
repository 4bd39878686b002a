/*
 * expect: expectations about a session, as text ("p99(decode)<12ms"), parsed and judged. docs/verify.md has the
 * grammar and what each measure means; EXPECT_MEASURES is the table behind it.
 *
 * Judging is in two steps, so that `jitness diff` can bring values of its own: a source gives the values that an
 * expectation is about (one for each phase and shape, for each process, or one for the session), then
 * expect_judge() compares each with the limit. It holds when it holds for every one of them: nothing is pooled.
 *
 * Units: of times ns, of shares and ratios 1 (5 % is 0.05). Memory: the caller's, freed with the release functions;
 * mem.h's functions do not fail. One thread.
 */
#ifndef JITNESS_DECODER_EXPECT_H
#define JITNESS_DECODER_EXPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/expect_lex.h"
#include "decoder/origin_rules.h"

/*
 * What can be measured: X(NAME, "name", what is in its brackets, unit, function (expect_scope.h), "what it is").
 * Append-only: expressions are in people's CI.
 */
#define EXPECT_MEASURES(X)                                                                              \
	X(P50, "p50", SELECTOR, TIME, latency, "median wall time of a pass")                            \
	X(MEDIAN, "median", SELECTOR, TIME, latency, "the same")                                        \
	X(MEAN, "mean", SELECTOR, TIME, latency, "mean wall time of a pass")                            \
	X(P95, "p95", SELECTOR, TIME, latency, "its 95th percentile")                                   \
	X(P99, "p99", SELECTOR, TIME, latency, "its 99th percentile")                                   \
	X(MAX, "max", SELECTOR, TIME, latency, "the slowest pass")                                      \
	X(PASSES, "passes", SELECTOR, COUNT, passes, "passes that have the label, of all shapes")       \
	X(SHARE, "share", VERDICT, SHARE, share, "passes in shapes with this verdict, of the phase's") \
	X(COMPILES, "compiles", CODE, COUNT, episodes, "acts of compiling; with how=cached or loaded those instead") \
	X(LOADS, "loads", CODE, COUNT, episodes, "acts of loading code that came with a library or a file") \
	X(GRAPHS, "graphs", WHEN, COUNT, graphs, "executable CUDA graphs that were made")               \
	X(MODULES, "modules", CODE, COUNT, modules, "modules of code that came to the GPU")             \
	X(LAUNCHES, "launches", PROCESS, COUNT, launches, "launches by the host, replays of graphs too") \
	X(KERNELS, "kernels", PROCESS, COUNT, kernels, "kernels that ran on the GPU, inside replays at level node only") \
	X(STALL, "stall", CODE, TIME, stall, "time in which the GPU stood still for loads, compiles and recordings") \
	X(STALL_SHARE, "stall-after-warmup", PROCESS, SHARE, stall_share, "stalls after the warm-up, of the time after it") \
	X(LOST, "lost", NOTHING, COUNT, lost, "records that were lost")                                 \
	X(TRUNCATED, "truncated", NOTHING, COUNT, truncated, "processes without a clean end or with a damaged trace") \
	X(FINDINGS, "findings", FINDING, COUNT, findings, "findings of jitness phases")

enum expect_measure {
#define X(N, s, takes, unit, fn, text) EXPECT_##N,
	EXPECT_MEASURES(X)
#undef X
	EXPECT_MEASURE_COUNT,
	EXPECT_VERDICT = EXPECT_MEASURE_COUNT /* not a measure by name: SELECTOR:VERDICT */
};

enum expect_takes {
	EXPECT_TAKES_NOTHING,
	EXPECT_TAKES_SELECTOR, /* which passes; must be given */
	EXPECT_TAKES_VERDICT,  /* the same, ':' and verdicts */
	EXPECT_TAKES_CODE,     /* process, after, phase, origin, how */
	EXPECT_TAKES_WHEN,     /* process, after */
	EXPECT_TAKES_PROCESS,  /* process */
	EXPECT_TAKES_FINDING,  /* process, id */
};
enum expect_unit { EXPECT_UNIT_COUNT, EXPECT_UNIT_TIME, EXPECT_UNIT_SHARE };
enum expect_op { EXPECT_LT, EXPECT_LE, EXPECT_GT, EXPECT_GE, EXPECT_EQ, EXPECT_NE };
enum expect_after { EXPECT_AFTER_NOTHING, EXPECT_AFTER_WARMUP, EXPECT_AFTER_FIRST_PASS, EXPECT_AFTER_TIME };

#define EXPECT_ANY (-1)

/* Which passes. */
struct expect_selector {
	unsigned labels;     /* bits: 1 << enum pass_label */
	char name[16];       /* "prefill", "any" */
	char shape[32];      /* "": each */
	bool has_process, has_thread;
	uint64_t process, thread;
	uint64_t min_passes; /* of a shape; smaller ones are left out */
	bool warmup;         /* the passes of the warm-up instead of those after it */
};

/* Which compiles, loads, graphs, findings. */
struct expect_filter {
	bool has_process;
	uint64_t process;
	enum expect_after after;
	uint64_t after_ns; /* EXPECT_AFTER_TIME: since the session's first event */
	int phase;         /* enum pass_label, or EXPECT_ANY */
	int origin;        /* enum origin_id, or EXPECT_ANY */
	char user_origin[ORIGIN_RULE_NAME_MAX + 1]; /* the user's rules of this name, too; of ORIGIN_USER these alone */
	int how;           /* enum module_how, or EXPECT_ANY */
	int finding;       /* enum finding_id, or EXPECT_ANY */
};

struct expect {
	char *text;       /* as it was given */
	unsigned measure; /* enum expect_measure */
	struct expect_selector selector;
	struct expect_filter filter;
	unsigned verdicts; /* bits: 1 << enum verdict_kind */
	bool negated;      /* none of the verdicts */
	bool ratio;        /* of the second session's value to the first's; diff only */
	enum expect_op op; /* EXPECT_VERDICT: EXPECT_EQ 1 */
	double limit;
};

struct expect_error {
	size_t column; /* from 1; behind the text: length + 1 */
	char text[256];
};

/* What an expression may say beyond the grammar. Borrowed for the call; NULL: nothing. */
struct expect_terms {
	bool ratio;                         /* the word is allowed */
	const struct origin_rules *origins; /* whose names are origins; NULL: none */
};

/* 0; or -1 and *err, *ret untouched. */
int expect_parse(struct expect *ret, const char *text, const struct expect_terms *terms, struct expect_error *err);
void expect_release(struct expect *e);

const char *expect_measure_name(unsigned measure);
enum expect_unit expect_unit_of(const struct expect *e); /* of its values, the ratio aside */

/* --- values */

/* A pass to look at, for people: where, how long, what. */
struct expect_pass {
	uint64_t pid, start; /* start: ns since the session's first event */
	uint64_t wall;
	const char *label, *shape; /* borrowed from the session */
};
#define EXPECT_PASSES_MAX 5

/* What is known of an expect_item's value. */
enum expect_bounds {
	EXPECT_EXACT,    /* value is the value */
	EXPECT_INTERVAL, /* lo..hi is its 95 % interval */
	EXPECT_WITHIN,   /* it is in lo..hi for sure; value says nothing beyond that */
};

/* One value that an expectation is about. All zeros and a text: exactly 0. */
struct expect_item {
	char *text;   /* what and how much: "decode s4: p99 3.30 ms [3.2, 3.4] of 371 passes" */
	double value;
	double lo, hi; /* infinite: no bound */
	enum expect_bounds bounds;
	char *doubt;  /* NULL, or why more may be true than was seen: then it does not hold, unless bounds prove it */
	struct expect_pass passes[EXPECT_PASSES_MAX]; /* that make it fail, if it does */
	size_t n_passes, all_passes;
};

struct expect_values {
	struct expect_item *list;
	size_t n, cap;
	char *nothing; /* why list is empty; NULL: it is not */
	bool absent;   /* what it is about is not in the session, and all was recorded */
};

/* A new item at the end; text is taken. */
struct expect_item *expect_values_add(struct expect_values *v, char *text);
void expect_values_release(struct expect_values *v);

/* Where values come from. */
struct expect_source {
	void (*values)(void *arg, const struct expect *e, struct expect_values *ret);
	void *arg;
};

struct analysis;
/* Values of one session (expect_values.c). *a is borrowed. */
void expect_source_init(struct expect_source *ret, const struct analysis *a);

/* --- judgement */

enum expect_state { EXPECT_HOLDS, EXPECT_FAILS, EXPECT_UNDECIDED };
#define EXPECT_EVIDENCE_MAX 8

struct expect_result {
	enum expect_state state;
	bool absent;    /* undecided, as the session has nothing that it is about, though all was recorded */
	char *sentence; /* why, in one sentence, without a full stop */
	char *evidence[EXPECT_EVIDENCE_MAX]; /* what decided first */
	size_t n_evidence, all_evidence;
	struct expect_pass passes[EXPECT_PASSES_MAX];
	size_t n_passes, all_passes;
};

/*
 * strict: the whole 95 % interval must lie on one side of the limit; else the value is compared and the evidence
 * says when its interval includes the limit.
 */
void expect_judge(struct expect_result *ret, const struct expect *e, const struct expect_source *source,
		  bool strict);
void expect_result_release(struct expect_result *r);
const char *expect_state_name(enum expect_state state); /* "holds", "fails", "undecided" */

/* A value in its unit: "12.3 ms", "8", "0.4 %". ratio: "1.05". */
#define EXPECT_VALUE_TEXT 48
const char *expect_value_text(char ret[EXPECT_VALUE_TEXT], const struct expect *e, double value);

#endif
