/*
 * pass: one forward pass (one prefill, one decode step, or one turn of whatever repeats), found
 * in the operations of one thread, and the phases that passes of a process fall into.
 *
 * Found from behaviour alone (pass_find.h says how); where the evidence does not suffice the label is
 * PASS_UNLABELLED and the votes are kept. Times: ns of CLOCK_REALTIME as in the trace.
 */
#ifndef JITNESS_DECODER_PASS_H
#define JITNESS_DECODER_PASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/op_stream.h"
#include "decoder/pass_spill.h"
#include "decoder/pass_work.h"

struct process;
struct session;

/* X(NAME, "name in reports"): append-only, names reach scripts. */
#define PASS_LABELS(X)                                                                       \
	X(UNLABELLED, "pass")   /* repeats, but nothing tells what it is: no invented label */ \
	X(PREFILL, "prefill") X(DECODE, "decode") X(MIXED, "mixed") X(WARMUP, "warmup")
enum pass_label {
#define X(N, s) PASS_##N,
	PASS_LABELS(X)
#undef X
	PASS_LABEL_COUNT
};

/* What speaks for the label; each vote is -100..100, 0: says nothing. */
#define PASS_VOTES(X)                                                                        \
	X(RUN, "runs of like passes")           /* many alike in a row: decode */              \
	X(WORK, "work per pass")                /* more of it than its neighbours: prefill */  \
	X(GROWTH, "grows with every step")      /* attention or cat over a growing cache */    \
	X(REPLAY, "one graph replay")                                                         \
	X(KERNELS, "kernels of one row or of many")  /* gemv, splitkv ... against large grids */ \
	X(TOKEN, "one token read back")                                                       \
	X(MARKER, "a marker or rule says so")                                                 \
	X(INPUT, "input copied in just before")  /* as a prompt is, and no other step */      \
	X(ROWS, "a token read back for each running sequence") /* and the new one: mixed */   \
	X(UNREAD, "nothing read back, unlike later") /* nobody asked for it: warm-up */
enum pass_vote {
#define X(N, s) VOTE_##N,
	PASS_VOTES(X)
#undef X
	VOTE_COUNT
};

struct pass {
	uint64_t host_start;  /* launch of its first operation */
	uint64_t wall_start;  /* that, or the end of what the thread did before, or a load: pass_wall.h */
	uint64_t end;         /* last GPU work or sync of it that the host waited for */
	uint64_t gpu_start, gpu_end, busy_ns; /* busy: union of its GPU work */
	uint64_t queue_ns;    /* first launch to first GPU work */
	uint64_t host_gap_ns; /* of wall: neither GPU work of it nor waiting for it */
	uint32_t tid, context;
	uint32_t kernels, graph_launches, copies;
	uint32_t shape;       /* index in pass_table.shapes: passes of one structure (same kernels and grids) */
	uint32_t n_ran;       /* in pass_table.ran, from ran_at on: what it ran */
	uint64_t ran_at;
	uint8_t label;        /* enum pass_label */
	uint8_t confidence;   /* percent */
	bool warmup;          /* before the steady state of its shape (cold start, compile, capture inside) */
	int8_t vote[VOTE_COUNT];
};

/* Passes that did the same: same sequence of kernels (sizes may grow within a decode run). */
struct pass_shape {
	uint64_t signature;   /* hash of its sequence of coarse symbols */
	uint32_t passes, kernels, graph_launches;
	uint64_t blocks;      /* median of launched blocks: a proxy of tokens */
	uint8_t label;
	char name[32];        /* "L=51"-like is never invented: "s1", "s2" ... by first use */
};

struct pass_table {
	struct pass *list;    /* by host_start; backed by an unlinked file beyond SPILL_ITEMS passes */
	size_t n;
	struct pass_shape *shapes;
	size_t n_shapes;
	uint64_t ops, ops_outside; /* operations, and those in no pass (load, warm-up, capture, autotuning) */
	struct op_stream_status reading; /* operations that were late, unmatched ...: never silently */
	const char *why_none; /* static: why there are no passes; NULL when there are */
	struct spill_window *window; /* of list (pass_spill.h); NULL: malloc */
	struct pass_ran *ran;
	struct spill_window *ran_window; /* of ran */
	struct pass_code *codes; /* what ran is made of */
	size_t n_codes, codes_cap;
};

/* One of many that are looked at: memory holds a few blocks of a long list. list[i] is for a single one. */
static inline struct pass *pass_nth(const struct pass_table *t, size_t i)
{
	spill_touch(t->window, i);
	return &t->list[i];
}

#endif
