/*
 * episodes: what belongs to one act of bringing code to the GPU: loads, the driver's JIT,
 * compiler calls, compiler processes, the benchmarking of candidates, graph recordings.
 *
 * Grouping. Events of one thread are one episode while they have the same origin and
 *  (a) the same trigger: the user's Python line, for Inductor also the generated code of the graph
 *      (then nothing else matters: one compiled graph is one episode);
 *  (b) no ordinary launch of the thread lies between them: of code that was there before the
 *      episode began, benchmarking aside. Inductor without generated code in its stacks:
 *      neither a launch of its own. At level churn there are no launches: (c) alone decides;
 *  (c) at most EPISODE_GAP_NS lie between them (EPISODE_GAP_BLIND_NS without launches,
 *      EPISODE_GAP_SHIPPED_NS for code that libraries ship).
 * Another origin is another episode, also on the same thread at the same time (a library that is
 * loaded while a compiled graph runs first). Events of a thread without a user's line join the
 * episode of their origin that ends next on a thread with one, within EPISODE_GAP_NS. A compiler
 * process joins the episode whose module it, or another of the same build, made (by hash), else the next to end in whose
 * time it ran and from whose process it descends; else it is an episode of its own.
 * Recordings of CUDA graphs are episodes of their own, `graph`.
 *
 * Times: ns of CLOCK_REALTIME of the process's host; durations ns. Everything is borrowed from
 * the session. No errors; one thread.
 */
#ifndef JITNESS_DECODER_EPISODES_H
#define JITNESS_DECODER_EPISODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/idmap.h"
#include "decoder/module_how.h"
#include "decoder/origin.h"
#include "decoder/trigger.h"

struct child;
struct process;
struct session;

#define EPISODE_GAP_NS       10000000000u
#define EPISODE_GAP_BLIND_NS 1000000000u
#define EPISODE_GAP_SHIPPED_NS 250000000u
#define EPISODES_MAX         (1u << 18)

enum episode_kind { EPISODE_CODE, EPISODE_GRAPH, EPISODE_CHILDREN };

/* Sums of own durations: they may overlap each other. */
struct episode_cost {
	uint64_t child;       /* compiler processes, the outermost of each tree */
	uint64_t compiler;    /* compiler libraries in the process */
	uint64_t nvrtc;       /* of these, NVRTC */
	uint64_t jit;         /* the driver's JIT: compiles */
	uint64_t cache;       /* the driver's cache: looks and stores */
	uint64_t load;        /* load calls, and launches that loaded lazily */
	uint64_t instantiate; /* graphs */
	uint64_t capture;
};

struct episode {
	uint32_t id; /* 1, 2, ... by start in the session */
	enum episode_kind kind;
	const struct process *p; /* NULL: children of no traced process */
	uint64_t start, end;     /* first evidence, last evidence */
	struct origin_verdict origin;
	enum module_how how;
	const char *how_why;     /* static, or NULL */
	struct trigger trigger;
	uint32_t *modules;       /* in p->modules.modules */
	const struct child **children;
	uint32_t *graphs;        /* in p->graphs.recordings */
	struct episode_span {
		uint64_t start, end;
	} *spans;                /* the calls it is made of */
	size_t n_modules, modules_cap, n_children, children_cap, n_graphs, graphs_cap, n_spans,
		spans_cap;
	size_t by_how[MODULE_HOWS];
	size_t compiler_calls, jit_requests;
	struct episode_cost cost;
	/* Benchmarking of candidates (episode_tune.h). */
	uint64_t autotune_launches, autotune_kernels; /* kernels: without those that empty caches */
	uint64_t autotune_gpu_ns;
	/*
	 * Host stall: time inside [start, end] in which the trigger's thread was between two of its
	 * launches (or before the first, after the last) because of the episode (a load, compile,
	 * recording or compiler process lies between the two) and the GPU did nothing for the process:
	 * |held| - |held and busy|. Of code that libraries ship only the calls themselves hold.
	 * Pauses under 100 us of the GPU count as busy (busy.h).
	 */
	bool stall_known;
	uint64_t stall_ns;
	const char *stall_why; /* static: why it is not known */
};

struct episodes {
	struct episode *list; /* by start in the session's time */
	size_t n, cap;
	uint64_t unlisted;
	uint64_t near_dropped;       /* launches near events that were not kept (near_log.h) */
	struct idmap tuned_by_name;  /* session's kernel name -> index in tuned */
	uint64_t *tuned;             /* launches while candidates were benchmarked */
	size_t n_tuned, tuned_cap;
};

/* Once, after origins_decide() and module_how_find(). */
void episodes_find(struct session *s);
void episodes_release(struct episodes *e);

/* "compiled", "cached", "loaded", "unknown", "recorded" (graphs). */
const char *episode_how_name(const struct episode *e);
/* An origin's name, or "cuda_graph". */
const char *episode_origin_name(const struct session *s, const struct episode *e);
/* Start and end in the session's time. */
uint64_t episode_start(const struct session *s, const struct episode *e);
uint64_t episode_end(const struct session *s, const struct episode *e);
/* Launches of a kernel (session's name) that only benchmarked it. */
uint64_t episodes_tuned(const struct episodes *e, uint32_t name);

#endif
