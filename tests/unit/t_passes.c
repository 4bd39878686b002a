/* decoder/pass_build: passes and their labels, from operations made up here. */
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
};

static struct op *op_add(struct script *s, enum op_kind kind, uint32_t symbol)
{
	MEM_MORE(s->list, s->n, s->cap);
	s->list[s->n] = (struct op){ .corr = ++s->corr, .kind = kind, .symbol = symbol,
				     .tid = s->tid ? s->tid : 1, .context = 1, .stream = 7,
				     .captured = s->captured };
	return &s->list[s->n++];
}

static void launch(struct script *s, enum op_kind kind, uint32_t symbol, uint32_t grid, uint32_t ns)
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

static void kernel(struct script *s, uint32_t symbol, uint32_t grid)
{
	launch(s, OP_KERNEL, symbol, grid, 2000 + grid);
}

static void wait(struct script *s, enum sync_type type)
{
	struct op *o = op_add(s, OP_SYNC, type);

	o->host_start = s->host;
	if (s->host < s->gpu)
		s->host = s->gpu;
	o->host_end = s->host += 1000;
}

static void copy(struct script *s, enum copy_kind kind, uint64_t bytes)
{
	struct op *o = op_add(s, OP_MEMCPY, kind);

	o->bytes = bytes;
	if (s->gpu < s->host)
		s->gpu = s->host;
	o->gpu_start = s->gpu;
	o->gpu_end = s->gpu += 1000;
}

struct model {
	unsigned layers, experts; /* experts: the host waits in each layer */
	bool cache;               /* that grows: cat and attend get larger */
	bool always_cat;          /* for the first token too */
	bool wide;                /* other kernels for more than one row */
};

/* One forward pass over `tokens` after `past`. */
static void forward(struct script *s, const struct model *m, unsigned tokens, unsigned past)
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

static void pause_for(struct script *s, uint64_t ns)
{
	s->host += ns;
}

/* A request: a prompt and steps, the token comes back after each. */
static void request(struct script *s, const struct model *m, unsigned prompt, unsigned steps,
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

static bool give(void *arg, op_fn fn, void *fn_arg)
{
	const struct script *s = arg;

	for (size_t i = 0; i < s->n; i++)
		if (!fn(fn_arg, &s->list[i]))
			break;
	return true;
}

static const char *name_of(void *arg, uint32_t symbol)
{
	(void)arg;
	return symbol < sizeof(names) / sizeof(*names) ? names[symbol] : NULL;
}

static struct pass_table find(struct script *s)
{
	struct pass_table t;
	struct pass_source src = { .run = give, .name = name_of, .arg = s, .expected = s->n,
				   .masks = s->masks, .n_masks = s->n_masks };

	passes_build(&t, &src);
	free(s->list);
	return t;
}

static size_t labelled(const struct pass_table *t, enum pass_label label)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		n += t->list[i].label == label;
	return n;
}

static bool any_phase(const struct pass_table *t)
{
	return labelled(t, PASS_PREFILL) || labelled(t, PASS_DECODE) || labelled(t, PASS_MIXED);
}

static const unsigned prompts[] = { 51, 16, 128, 27, 9 };
enum { PROMPTS = sizeof(prompts) / sizeof(*prompts), STEPS = 11, EACH = STEPS + 1 };

/* Every request is a prefill and then decode steps, in this order. */
static void check_requests(const struct pass_table *t, size_t n, size_t each)
{
	CHECK(t->n == n * each);
	for (size_t i = 0; i < t->n; i++)
		CHECK(t->list[i].label == (i % each ? PASS_DECODE : PASS_PREFILL));
}

TEST(passes_layers_repeat_inside)
{
	struct script s = { 0 };
	const struct model m = { .layers = 6, .cache = true };
	struct pass_table t;

	for (size_t i = 0; i < PROMPTS; i++)
		request(&s, &m, prompts[i], STEPS, true);
	t = find(&s);
	check_requests(&t, PROMPTS, EACH);
	CHECK(!t.why_none && t.n_shapes >= 2);
	for (size_t i = 0; i < t.n; i++) {
		const struct pass *p = &t.list[i];

		CHECK(p->kernels == 1 + 6 * (i % EACH ? 7 : 6) + 3);
		CHECK(p->wall_start <= p->host_start && p->host_start < p->end);
		CHECK(!i || p->wall_start >= t.list[i - 1].end);
		CHECK(p->busy_ns && p->busy_ns <= p->end - p->gpu_start);
	}
	pass_table_release(&t);
}

TEST(passes_without_any_wait)
{
	struct script s = { 0 };
	const struct model m = { .layers = 6, .cache = true };
	struct pass_table t;

	for (size_t i = 0; i < PROMPTS; i++) {
		request(&s, &m, prompts[i], STEPS, false);
		wait(&s, SYNC_OF_CONTEXT); /* at the end of a request only */
		pause_for(&s, 1000000);
	}
	t = find(&s);
	check_requests(&t, PROMPTS, EACH);
	pass_table_release(&t);
}

TEST(passes_prompt_of_one_token)
{
	struct script s = { 0 };
	const struct model m = { .layers = 6, .cache = true };
	struct pass_table t;
	size_t wrong = 0;

	for (size_t i = 0; i < 6; i++)
		request(&s, &m, 1, STEPS, true);
	t = find(&s);
	CHECK(t.n == 6 * EACH);
	/* Of the first one alone nothing says that it is no step; nothing wrong may be said either. */
	for (size_t i = EACH; i < t.n; i++)
		wrong += t.list[i].label != (i % EACH ? PASS_DECODE : PASS_PREFILL);
	CHECK(!wrong);
	pass_table_release(&t);
}

/* Not even the kernels differ: only the cache begins anew. */
TEST(passes_prompt_like_a_step)
{
	struct script s = { 0 };
	const struct model m = { .layers = 6, .cache = true, .always_cat = true };
	struct pass_table t;
	size_t prefills = 0;

	for (size_t i = 0; i < 6; i++)
		request(&s, &m, 1, STEPS, true);
	t = find(&s);
	CHECK(t.n == 6 * EACH);
	for (size_t i = 0; i < t.n; i++) {
		prefills += t.list[i].label == PASS_PREFILL;
		CHECK(t.list[i].label != PASS_PREFILL || i % EACH == 0);
	}
	CHECK(prefills >= 5);
	pass_table_release(&t);
}

TEST(passes_no_growth)
{
	struct script s = { 0 };
	const struct model m = { .layers = 6, .wide = true };
	struct pass_table t;

	for (size_t i = 0; i < PROMPTS; i++)
		request(&s, &m, prompts[i], STEPS, true);
	t = find(&s);
	CHECK(t.n == PROMPTS * EACH);
	for (size_t i = EACH; i < t.n; i++)
		CHECK(t.list[i].label == (i % EACH ? PASS_DECODE : PASS_PREFILL));
	pass_table_release(&t);
}

TEST(passes_wait_inside)
{
	struct script s = { 0 };
	const struct model m = { .layers = 4, .experts = 4, .cache = true };
	struct pass_table t;

	for (size_t i = 0; i < PROMPTS; i++)
		request(&s, &m, prompts[i], STEPS, true);
	t = find(&s);
	CHECK(t.n == PROMPTS * EACH);
	CHECK(labelled(&t, PASS_PREFILL) + labelled(&t, PASS_DECODE) >= t.n * 9 / 10);
	for (size_t i = 0; i < t.n; i++)
		CHECK(t.list[i].label == PASS_UNLABELLED ||
		      t.list[i].label == (i % EACH ? PASS_DECODE : PASS_PREFILL));
	pass_table_release(&t);
}

TEST(passes_replays)
{
	struct script s = { 0 };
	const struct model m = { .layers = 6, .wide = true };
	struct pass_table t;

	for (size_t i = 0; i < PROMPTS; i++) {
		request(&s, &m, prompts[i], 0, true);
		for (unsigned k = 0; k < STEPS; k++) {
			launch(&s, OP_GRAPH, 3, 40, 90000);
			wait(&s, SYNC_OF_STREAM);
		}
	}
	t = find(&s);
	CHECK(t.n == PROMPTS * EACH);
	for (size_t i = EACH; i < t.n; i++) {
		CHECK(t.list[i].label == (i % EACH ? PASS_DECODE : PASS_PREFILL));
		CHECK(t.list[i].graph_launches == (i % EACH ? 1 : 0));
	}
	pass_table_release(&t);
}

TEST(passes_captured_are_none)
{
	struct script s = { 0 };
	const struct model m = { .layers = 6, .cache = true };
	struct pass_table t;

	for (size_t i = 0; i < PROMPTS; i++) {
		request(&s, &m, prompts[i], STEPS, true);
		s.captured = true;
		forward(&s, &m, 1, 3);
		s.captured = false;
	}
	t = find(&s);
	check_requests(&t, PROMPTS, EACH);
	for (size_t i = 0; i < PROMPTS; i++)
		CHECK(t.list[i * EACH].kernels == 1 + 6 * 6 + 3);
	pass_table_release(&t);
}

/* JAX: a step is one replay, nothing waits, prompts are other graphs, and small kernels run between. */
TEST(passes_replays_without_any_wait)
{
	struct script s = { 0 };
	struct pass_table t;

	for (uint32_t i = 0; i < 9; i++) {
		kernel(&s, NOISE, 1);
		launch(&s, OP_GRAPH, 4 + i % 3, 38, 100000 + 9000 * (i % 3));
		pause_for(&s, 400000);
		for (unsigned k = 0; k < STEPS; k++) {
			launch(&s, OP_GRAPH, 3, 40, 90000);
			pause_for(&s, 400000);
		}
	}
	t = find(&s);
	CHECK(t.n == 9 * EACH);
	for (size_t i = EACH; i < t.n; i++) {
		CHECK(t.list[i].label == (i % EACH ? PASS_DECODE : PASS_PREFILL));
		CHECK(t.list[i].kernels <= 1 && t.list[i].graph_launches == 1);
	}
	pass_table_release(&t);
}

/* generate(): the token is chosen after a wait of its own, and each request is set up by a few kernels. */
TEST(passes_between_them_little)
{
	struct script s = { 0 };
	const struct model m = { .layers = 6, .cache = true };
	struct pass_table t;

	for (size_t i = 0; i < PROMPTS; i++) {
		kernel(&s, NOISE, 3);
		kernel(&s, NOISE + 50, 3);
		wait(&s, SYNC_OF_STREAM);
		for (unsigned k = 0; k <= STEPS; k++) {
			forward(&s, &m, k ? 1 : prompts[i], k ? prompts[i] + k - 1 : 0);
			wait(&s, SYNC_OF_CONTEXT);
			for (uint32_t c = 0; c < 4; c++)
				kernel(&s, 60 + c, 2);
			copy(&s, COPY_DTOH, 1);
			wait(&s, SYNC_OF_STREAM);
			pause_for(&s, 200000);
		}
	}
	t = find(&s);
	check_requests(&t, PROMPTS, EACH);
	for (size_t i = 0; i < t.n; i++)
		CHECK(t.list[i].kernels == 1 + 6 * (i % EACH ? 7 : 6) + 3);
	pass_table_release(&t);
}

TEST(passes_set_up_is_none)
{
	struct script s = { 0 };
	const struct model m = { .layers = 6, .cache = true };
	struct pass_table t;

	for (uint32_t part = 0; part < 3; part++) {
		for (uint32_t k = 0; k < 60; k++)
			kernel(&s, 200 + 60 * part + k, 40);
		wait(&s, SYNC_OF_CONTEXT);
	}
	for (size_t i = 0; i < PROMPTS; i++)
		request(&s, &m, prompts[i], STEPS, true);
	t = find(&s);
	check_requests(&t, PROMPTS, EACH);
	CHECK(t.ops_outside >= 180);
	pass_table_release(&t);
}

TEST(passes_candidates_are_tried_inside)
{
	struct script s = { 0 };
	const struct model m = { .layers = 6, .cache = true };
	struct pass_mask mask = { 0 };
	struct pass_table t;

	for (size_t i = 0; i < PROMPTS; i++) {
		if (i == 2) {
			mask.start = s.host + 1;
			for (int k = 0; k < 3000; k++) {
				kernel(&s, 40 + (uint32_t)(k / 300), 9);
				wait(&s, SYNC_OF_EVENT);
			}
			mask.end = s.host + 1;
		}
		request(&s, &m, prompts[i], STEPS, true);
	}
	s.masks = &mask;
	s.n_masks = 1;
	t = find(&s);
	check_requests(&t, PROMPTS, EACH);
	CHECK(t.list[2 * EACH].host_start <= mask.start + 10000);
	pass_table_release(&t);
}

TEST(passes_draft_and_target)
{
	struct script s = { 0 };
	const struct model draft = { .layers = 2, .cache = true }, target = { .layers = 8, .cache = true };
	struct pass_table t;
	size_t verify = 0, steps = 0, n = 0;

	for (size_t i = 0; i < 3; i++) {
		unsigned past = prompts[i];

		forward(&s, &target, past, 0);
		wait(&s, SYNC_OF_CONTEXT);
		forward(&s, &draft, past, 0);
		wait(&s, SYNC_OF_CONTEXT);
		n += 2;
		for (unsigned r = 0; r < 12; r++) {
			for (unsigned k = 0; k < 4; k++) {
				forward(&s, &draft, 1, past + k);
				wait(&s, SYNC_OF_CONTEXT);
			}
			forward(&s, &target, 5, past);
			wait(&s, SYNC_OF_CONTEXT);
			past += 2 + r % 3;
			n += 5;
		}
	}
	t = find(&s);
	CHECK(t.n == n);
	for (size_t i = 0; i < t.n; i++) {
		size_t at = i % 62;

		if (at < 2) {
			CHECK(t.list[i].label != PASS_DECODE);
			continue;
		}
		/* Large passes before small ones: each would be a prefill to a simple rule. */
		CHECK(t.list[i].label != PASS_PREFILL);
		verify += (at - 2) % 5 == 4 && t.list[i].label == PASS_DECODE;
		steps += (at - 2) % 5 != 4 && t.list[i].label == PASS_DECODE;
	}
	CHECK(steps >= 3 * 48 * 9 / 10);
	(void)verify;
	pass_table_release(&t);
}

TEST(passes_two_threads)
{
	struct script s = { 0 };
	const struct model a = { .layers = 6, .cache = true }, b = { .layers = 3, .cache = true };
	struct pass_table t;
	size_t of_a = 0;

	for (size_t i = 0; i < PROMPTS; i++)
		for (unsigned k = 0; k <= STEPS; k++) {
			for (uint32_t tid = 1; tid <= 2; tid++) {
				s.tid = tid;
				forward(&s, tid == 1 ? &a : &b, k ? 1 : prompts[i],
					k ? prompts[i] + k - 1 : 0);
				wait(&s, SYNC_OF_STREAM);
			}
		}
	t = find(&s);
	CHECK(t.n == 2 * PROMPTS * EACH);
	for (size_t i = 0; i < t.n; i++) {
		of_a += t.list[i].tid == 1;
		CHECK(t.list[i].label == (i / 2 % EACH ? PASS_DECODE : PASS_PREFILL));
	}
	CHECK(of_a == PROMPTS * EACH);
	pass_table_release(&t);
}

/* --- no phases */

TEST(passes_products_have_no_phase)
{
	struct script s = { 0 };
	struct pass_table t;

	kernel(&s, NOISE, 4000);
	kernel(&s, NOISE, 4000);
	for (int i = 0; i < 30; i++) {
		for (int k = 0; k < 50; k++)
			kernel(&s, QKV, 128);
		wait(&s, SYNC_OF_CONTEXT);
	}
	t = find(&s);
	CHECK(t.n == 30 && !any_phase(&t));
	pass_table_release(&t);
}

TEST(passes_training_has_no_phase)
{
	struct script s = { 0 };
	struct pass_table t;

	for (int i = 0; i < 40; i++) {
		/* Every tenth step evaluates before it: two kinds, and runs of one. */
		if (i % 10 == 0)
			for (int l = 0; l < 20; l++) {
				kernel(&s, NORM, 64);
				kernel(&s, PREFILL_QKV, 900);
			}
		if (i % 10 == 0)
			wait(&s, SYNC_OF_STREAM);
		for (int l = 0; l < 8; l++) {
			kernel(&s, NORM, 64);
			kernel(&s, QKV, 96);
		}
		for (int l = 0; l < 8; l++)
			kernel(&s, BACKWARD, 96);
		wait(&s, SYNC_OF_STREAM);
	}
	t = find(&s);
	CHECK(t.n >= 40 && !any_phase(&t));
	pass_table_release(&t);
}

TEST(passes_images_have_no_phase)
{
	struct script s = { 0 };
	struct pass_table t;

	for (int i = 0; i < 60; i++) {
		copy(&s, COPY_HTOD, 600000);
		wait(&s, SYNC_OF_STREAM);
		for (unsigned l = 0; l < 9; l++) {
			kernel(&s, CONV, 300 - 20 * l);
			kernel(&s, NORM, 30);
		}
		kernel(&s, HEAD, 8);
		wait(&s, SYNC_OF_CONTEXT);
	}
	t = find(&s);
	CHECK(t.n == 60 && !any_phase(&t));
	pass_table_release(&t);
}

/* Samples of equal steps; the first draws the noise. */
TEST(passes_diffusion_has_no_phase)
{
	struct script s = { 0 };
	struct pass_table t;

	for (int i = 0; i < 8; i++)
		for (int k = 0; k < 30; k++) {
			if (!k)
				kernel(&s, NOISE, 64);
			for (unsigned l = 0; l < 12; l++) {
				kernel(&s, CONV, 128);
				kernel(&s, NORM, 32);
				kernel(&s, l % 3 ? UP : DOWN, 64);
			}
			wait(&s, SYNC_OF_CONTEXT);
		}
	t = find(&s);
	CHECK(t.n == 8 * 30 && !any_phase(&t));
	pass_table_release(&t);
}

TEST(passes_nothing_repeats)
{
	struct script s = { 0 };
	struct pass_table t;

	for (uint32_t i = 0; i < 400; i++)
		kernel(&s, 100 + i, 5);
	wait(&s, SYNC_OF_CONTEXT);
	t = find(&s);
	CHECK(!t.n && t.why_none && t.ops == 401 && t.ops_outside == 401);
	pass_table_release(&t);
	s = (struct script){ 0 };
	t = find(&s);
	CHECK(!t.n && t.why_none);
	pass_table_release(&t);
}

/* --- many */

TEST(passes_many_go_to_a_file)
{
	struct script s = { 0 };
	const struct model m = { .layers = 2, .cache = true };
	struct pass_table t;
	size_t requests = 70000 / EACH + 1, wrong = 0;

	for (size_t i = 0; i < requests; i++)
		request(&s, &m, prompts[i % PROMPTS], STEPS, true);
	t = find(&s);
	CHECK(t.n == requests * EACH && t.mapped);
	for (size_t i = 0; i < t.n; i++)
		wrong += t.list[i].label != (i % EACH ? PASS_DECODE : PASS_PREFILL);
	CHECK(!wrong);
	for (size_t i = 1; i < t.n; i++)
		CHECK(t.list[i - 1].host_start < t.list[i].host_start);
	pass_table_release(&t);
}
