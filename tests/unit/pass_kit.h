/*
 * pass_kit: scripts of operations as models of different kinds make them, and the passes that are
 * found in them. For t_passes.c and t_pass_controls.c.
 */
#ifndef JITNESS_TESTS_PASS_KIT_H
#define JITNESS_TESTS_PASS_KIT_H

#include "decoder/mem.h"
#include "decoder/pass.h"
#include "decoder/pass_build.h"
#include "decoder/pass_find.h"
#include "tests/unit/unit.h"
#include "trace/event.h"

#include <string.h>

/* Symbols; the name is the index in names. */
enum {
	EMBED, NORM, QKV, CAT, ATTEND, OUT, UP, DOWN, HEAD, ARGMAX, ROUTE, EXPERT, CONV, BACKWARD,
	NOISE, PREFILL_QKV, PREFILL_ATTEND,
};
static const char *const names[] = {
	"embed", "norm", "qkv", "cat", "attend", "out", "up", "down", "head", "argmax", "route",
	"expert", "conv", "norm_backward", "noise", "qkv_wide", "attend_wide",
};

struct script {
	struct op *list;
	size_t n, cap;
	uint64_t corr, host, gpu;
	uint32_t tid;
	bool captured;
	struct pass_mask *masks;
	size_t n_masks;
	struct pass_holds holds;
};

static inline struct op *op_add(struct script *s, enum op_kind kind, uint32_t symbol)
{
	MEM_MORE(s->list, s->n, s->cap);
	s->list[s->n] = (struct op){ .corr = ++s->corr, .kind = kind, .symbol = symbol,
				     .tid = s->tid ? s->tid : 1, .context = 1, .stream = 7,
				     .captured = s->captured };
	return &s->list[s->n++];
}

static inline void launch(struct script *s, enum op_kind kind, uint32_t symbol, uint32_t grid, uint32_t ns)
{
	struct op *o = op_add(s, kind, symbol);

	o->host_start = s->host += 5000;
	o->host_end = s->host += 3000;
	o->grid = grid;
	if (s->captured)
		return;
	if (s->gpu < s->host)
		s->gpu = s->host;
	o->gpu_start = s->gpu;
	o->gpu_end = s->gpu += ns;
}

static inline void kernel(struct script *s, uint32_t symbol, uint32_t grid)
{
	launch(s, OP_KERNEL, symbol, grid, 2000 + grid);
}

static inline void wait(struct script *s, enum sync_type type)
{
	struct op *o = op_add(s, OP_SYNC, type);

	o->host_start = s->host;
	if (s->host < s->gpu)
		s->host = s->gpu;
	o->host_end = s->host += 1000;
}

static inline void copy(struct script *s, enum copy_kind kind, uint64_t bytes)
{
	struct op *o = op_add(s, OP_MEMCPY, kind);

	o->bytes = bytes;
	if (s->gpu < s->host)
		s->gpu = s->host;
	o->gpu_start = s->gpu;
	o->gpu_end = s->gpu += 1000;
}

/* Calls that set the nodes of a graph, for so long. */
static inline void update(struct script *s, uint64_t ns)
{
	struct op *o = op_add(s, OP_UPDATE, 1);

	o->host_start = s->host;
	o->host_end = s->host += ns;
}

struct model {
	unsigned layers, experts; /* experts: the host waits in each layer */
	bool cache;               /* that grows: cat and attend get larger */
	bool always_cat;          /* for the first token too */
	bool wide;                /* other kernels for more than one row */
};

/* One forward pass over `tokens` after `past`. */
static inline void forward(struct script *s, const struct model *m, unsigned tokens, unsigned past)
{
	const bool wide = m->wide && tokens > 1;

	kernel(s, EMBED, tokens);
	for (unsigned l = 0; l < m->layers; l++) {
		kernel(s, NORM, tokens);
		kernel(s, wide ? PREFILL_QKV : QKV, 24 * ((tokens + 15) / 16));
		if (m->cache && (past || m->always_cat))
			kernel(s, CAT, past + tokens);
		kernel(s, wide ? PREFILL_ATTEND : ATTEND, m->cache ? tokens + past : tokens);
		kernel(s, OUT, 8 * ((tokens + 15) / 16));
		if (m->experts) {
			kernel(s, ROUTE, tokens);
			copy(s, COPY_DTOH, 64);
			wait(s, SYNC_OF_STREAM);
			for (unsigned e = 0; e < 2 + (past + l) % 2; e++)
				kernel(s, EXPERT, 8);
		}
		kernel(s, UP, 32 * ((tokens + 15) / 16));
		kernel(s, DOWN, 8 * ((tokens + 15) / 16));
	}
	kernel(s, NORM, tokens);
	kernel(s, HEAD, 100);
	kernel(s, ARGMAX, 1);
}

static inline void pause_for(struct script *s, uint64_t ns)
{
	s->host += ns;
}

/* A request: a prompt and steps, the token comes back after each. */
static inline void request(struct script *s, const struct model *m, unsigned prompt, unsigned steps,
		    bool token)
{
	for (unsigned i = 0; i <= steps; i++) {
		forward(s, m, i ? 1 : prompt, i ? prompt + i - 1 : 0);
		if (!token)
			continue;
		copy(s, COPY_DTOH, 8);
		wait(s, SYNC_OF_STREAM);
		pause_for(s, 20000);
	}
}

static inline bool give(void *arg, uint64_t stride, op_fn fn, void *fn_arg)
{
	const struct script *s = arg;
	uint64_t launches = 0;
	bool gap = false;

	for (size_t i = 0; i < s->n; i++) {
		struct op op = s->list[i];

		if (op.kind == OP_KERNEL || op.kind == OP_GRAPH) {
			op.after_gap = gap;
			gap = launches++ / OP_SAMPLE_WINDOW % stride;
			if (gap)
				continue;
		}
		if (!fn(fn_arg, &op))
			break;
	}
	return true;
}

static const char *name_of(void *arg, uint32_t symbol)
{
	(void)arg;
	return symbol < sizeof(names) / sizeof(*names) ? names[symbol] : NULL;
}

static inline struct pass_table find(struct script *s)
{
	struct pass_table t;
	struct pass_source src = { .run = give, .name = name_of, .arg = s, .expected = s->n,
				   .masks = s->masks, .n_masks = s->n_masks, .holds = s->holds };

	passes_build(&t, &src);
	free(s->list);
	return t;
}

static inline size_t labelled(const struct pass_table *t, enum pass_label label)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		n += t->list[i].label == label;
	return n;
}

static inline bool any_phase(const struct pass_table *t)
{
	return labelled(t, PASS_PREFILL) || labelled(t, PASS_DECODE) || labelled(t, PASS_MIXED);
}

static const unsigned prompts[] = { 51, 16, 128, 27, 9 };
enum { PROMPTS = sizeof(prompts) / sizeof(*prompts), STEPS = 11, EACH = STEPS + 1 };

/* Every request is a prefill and then decode steps, in this order. */
static inline void check_requests(const struct pass_table *t, size_t n, size_t each)
{
	CHECK(t->n == n * each);
	for (size_t i = 0; i < t->n; i++)
		CHECK(t->list[i].label == (i % each ? PASS_DECODE : PASS_PREFILL));
}

#endif
