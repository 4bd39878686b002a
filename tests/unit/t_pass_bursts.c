/* decoder/pass_burst: a thread that waits for each prompt, and once for all the steps after it. */
#include "tests/unit/pass_kit.h"

enum { CALLS = 30, REQUESTS = 3 * PROMPTS, RUN = 24, GRAPHS = 1000 };

/* 2 layers: a layer's kernels are then pieces of a burst as well. The cache has one size. */
static const struct model model = { .layers = 2, .always_cat = true, .wide = true };

/* The prompt's pass, replayed: a graph for each length. */
static void replay(struct script *s, unsigned prompt)
{
	kernel(s, NOISE, 1); /* its input is copied */
	launch(s, OP_GRAPH, GRAPHS + prompt, 14, 20000 + 100 * prompt);
}

static void prefill(struct script *s, const struct model *m, unsigned prompt, bool replayed)
{
	if (replayed)
		replay(s, prompt);
	else
		forward(s, m, prompt, 0);
	wait(s, SYNC_OF_CONTEXT);
	pause_for(s, 50000);
}

/* Single calls of the model, then requests: a prompt, a wait, all steps, a wait. */
static struct pass_table calls_then_requests(const struct model *m, bool replayed, unsigned calls)
{
	struct script s = { .n = 0 };

	for (unsigned i = 0; i < calls; i++)
		prefill(&s, m, prompts[i * PROMPTS / calls], replayed);
	for (unsigned r = 0; r < REQUESTS; r++) {
		prefill(&s, m, prompts[r % PROMPTS], replayed);
		kernel(&s, ARGMAX, 1);
		for (unsigned i = 0; i < RUN; i++)
			forward(&s, m, 1, 0);
		wait(&s, SYNC_OF_CONTEXT);
		pause_for(&s, 50000);
	}
	return find(&s);
}

static size_t places(const struct pass_table *t, size_t from, size_t each, enum pass_label l)
{
	size_t n = 0;

	for (size_t i = from; i < t->n; i++)
		n += ((i - from) % each == 0) == (l == PASS_PREFILL) && t->list[i].label == l;
	return n;
}

static void check(struct pass_table *t, unsigned calls)
{
	CHECK(t->n == calls + REQUESTS * (1 + RUN));
	if (t->n == calls + REQUESTS * (1 + RUN)) {
		CHECK(places(t, calls, 1 + RUN, PASS_PREFILL) == REQUESTS);
		CHECK(places(t, calls, 1 + RUN, PASS_DECODE) == REQUESTS * RUN);
		for (unsigned i = 0; i < calls; i++)
			CHECK(t->list[i].label != PASS_DECODE);
	}
	pass_table_release(t);
}

TEST(passes_waits_for_prompts_only)
{
	struct pass_table t = calls_then_requests(&model, false, CALLS);

	check(&t, CALLS);
	t = calls_then_requests(&model, false, 0);
	check(&t, 0);
}

TEST(passes_prompts_replayed_steps_not)
{
	struct pass_table t = calls_then_requests(&model, true, CALLS);

	check(&t, CALLS);
	t = calls_then_requests(&model, true, 0);
	check(&t, 0);
}

/* Long after the first 2^18 launches: those at the end count as those at the beginning. */
TEST(passes_steps_come_late)
{
	struct pass_table t = calls_then_requests(&model, false, 18000);

	check(&t, 18000);
}

/* The prompts in calls of their own are the same passes as those before steps. */
TEST(passes_prompt_without_steps_is_a_prompt)
{
	struct pass_table t = calls_then_requests(&model, false, CALLS);

	CHECK(labelled(&t, PASS_PREFILL) == CALLS + REQUESTS);
	pass_table_release(&t);
}

/* A wait for each pass: what is between two waits is nothing but layers, save its ends. */
TEST(passes_layers_are_not_passes)
{
	const struct model deep = { .layers = 24, .always_cat = true, .wide = true };
	struct script s = { .n = 0 };
	struct pass_table t;

	for (unsigned r = 0; r < REQUESTS; r++)
		for (unsigned i = 0; i <= STEPS; i++) {
			forward(&s, &deep, i ? 1 : prompts[r % PROMPTS], 0);
			wait(&s, SYNC_OF_STREAM);
			for (unsigned k = 0; k < 5; k++) /* as large as a layer */
				kernel(&s, k % 2 ? NORM : UP, 1);
			wait(&s, SYNC_OF_STREAM);
			pause_for(&s, 20000);
		}
	t = find(&s);
	CHECK(t.n == REQUESTS * EACH);
	for (size_t i = 0; i < t.n; i++)
		CHECK(t.list[i].kernels == 24 * 6 + 4);
	pass_table_release(&t);
}

/* A server that answers one request of one call, then one of several, each waited for once. */
TEST(passes_bursts_of_any_length)
{
	struct script s = { .n = 0 };
	struct pass_table t;
	size_t n = 0;

	for (unsigned r = 0; r < 60; r++) {
		const unsigned calls = r % 3 ? 1 : 6 + r % 7;

		for (unsigned i = 0; i < calls; i++)
			forward(&s, &model, 16, 0);
		n += calls;
		wait(&s, SYNC_OF_STREAM);
		pause_for(&s, 50000);
	}
	t = find(&s);
	CHECK(t.n == n);
	CHECK(!labelled(&t, PASS_DECODE));
	pass_table_release(&t);
}
