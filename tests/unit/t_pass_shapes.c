/* decoder/pass_shape: what is one shape and what is several, in operations made up here. */
#include "tests/unit/pass_kit.h"

static const unsigned lengths[] = { 9, 11, 17, 19, 27, 25, 51 };
enum { LENGTHS = sizeof(lengths) / sizeof(*lengths), CALLS = 33 };

/* Passes of `list` from `first` on, `step` apart: all of one shape that no other pass has. */
static bool own_shape(const struct pass_table *t, size_t first, size_t n, size_t step)
{
	const uint32_t shape = t->list[first].shape;

	for (size_t i = 0; i < n; i++)
		if (t->list[first + i * step].shape != shape)
			return false;
	return t->shapes[shape].passes == n;
}

static void prefill_loop(struct script *s, unsigned tokens, unsigned calls)
{
	const struct model m = { .layers = 2, .always_cat = true };

	for (unsigned i = 0; i < calls; i++) {
		forward(s, &m, tokens, 0);
		wait(s, SYNC_OF_CONTEXT);
		pause_for(s, 20000);
	}
}

/* A prompt again and again, then the next: the same kernels, on other grids. */
TEST(shapes_of_prefill_loops)
{
	struct script s = { 0 };
	struct pass_table t;

	for (size_t i = 0; i < LENGTHS; i++)
		prefill_loop(&s, lengths[i], CALLS);
	t = find(&s);
	CHECK(t.n == LENGTHS * CALLS);
	for (size_t i = 0; i < LENGTHS; i++)
		CHECK(own_shape(&t, i * CALLS, CALLS, 1));
	CHECK(!labelled(&t, PASS_DECODE));
	pass_table_release(&t);
}

/* Prompts in turn, two of them within the 2 % of a kind. */
TEST(shapes_of_prompts_in_turn)
{
	static const unsigned turn[] = { 302, 300, 128 };
	struct script s = { 0 };
	struct pass_table t;

	for (size_t i = 0; i < 3 * CALLS; i++)
		prefill_loop(&s, turn[i % 3], 1);
	t = find(&s);
	CHECK(t.n == 3 * CALLS && t.n_shapes == 3);
	for (size_t i = 0; i < t.n; i++)
		CHECK(t.list[i].shape == t.list[i % 3].shape);
	pass_table_release(&t);
}

/* Each longer than the one before, as a cache would be; but all of the model has more to do. */
TEST(shapes_of_rising_prompts)
{
	struct script s = { 0 };
	struct pass_table t;

	for (unsigned i = 0; i < CALLS; i++)
		for (unsigned tokens = 40; tokens <= 76; tokens += 3)
			prefill_loop(&s, tokens, 1);
	t = find(&s);
	CHECK(t.n == 13 * CALLS);
	CHECK(!labelled(&t, PASS_DECODE));
	pass_table_release(&t);
}

/* Each prompt has a graph of its own, but for the last, which runs its kernels one by one. */
TEST(shapes_of_replayed_prompts)
{
	struct script s = { 0 };
	struct pass_table t;

	for (size_t i = 0; i + 1 < LENGTHS; i++)
		for (unsigned k = 0; k < CALLS; k++) {
			launch(&s, OP_GRAPH, 100 + (uint32_t)i, 13, 90000);
			wait(&s, SYNC_OF_CONTEXT);
			pause_for(&s, 20000);
		}
	prefill_loop(&s, lengths[LENGTHS - 1], CALLS);
	t = find(&s);
	CHECK(t.n == LENGTHS * CALLS);
	for (size_t i = 0; i < LENGTHS; i++)
		CHECK(own_shape(&t, i * CALLS, CALLS, 1));
	pass_table_release(&t);
}

/* Prompts of nearly the same length, each followed by steps: the prompts are told apart, the steps are one. */
TEST(shapes_of_steps_are_one)
{
	static const unsigned near[] = { 300, 302, 128 };
	struct script s = { 0 };
	const struct model m = { .layers = 6, .cache = true };
	struct pass_table t;
	uint32_t decode;

	for (size_t i = 0; i < 12; i++)
		request(&s, &m, near[i % 3], STEPS, true);
	t = find(&s);
	check_requests(&t, 12, EACH);
	decode = t.list[1].shape;
	for (size_t i = 0; i < t.n; i++)
		CHECK((t.list[i].label == PASS_DECODE) == (t.list[i].shape == decode));
	for (size_t i = 0; i < 3; i++)
		CHECK(own_shape(&t, i * EACH, 4, 3 * EACH));
	pass_table_release(&t);
}

/* Steps of one sequence and of 32: the same kernels, most of them on other grids. */
TEST(shapes_of_batches)
{
	struct script s = { 0 };
	const struct model m = { .layers = 6, .cache = true };
	struct pass_table t;

	for (size_t i = 0; i < 8; i++) {
		const unsigned batch = i < 4 ? 1 : 32;

		for (unsigned k = 0; k <= STEPS; k++) {
			forward(&s, &m, k ? batch : 51 * batch, k ? 51 + k : 0);
			copy(&s, COPY_DTOH, 8);
			wait(&s, SYNC_OF_STREAM);
			pause_for(&s, 20000);
		}
	}
	t = find(&s);
	check_requests(&t, 8, EACH);
	CHECK(t.list[1].shape != t.list[4 * EACH + 1].shape);
	for (size_t i = 0; i < t.n; i++)
		if (i % EACH)
			CHECK(t.list[i].shape == t.list[i < 4 * EACH ? 1 : 4 * EACH + 1].shape);
	pass_table_release(&t);
}

/* Which experts are hit follows the data: grids that hardly come again are no shapes. */
TEST(shapes_of_data_stay_one)
{
	struct script s = { 0 };
	struct pass_table t;

	for (unsigned i = 0; i < 60; i++) {
		kernel(&s, EMBED, 500);
		for (unsigned l = 0; l < 4; l++) {
			kernel(&s, NORM, 500);
			kernel(&s, QKV, 600);
			kernel(&s, EXPERT, 40 + (i * 7 + l * 3) % 31);
			kernel(&s, DOWN, 40 + (i * 5 + l) % 29);
		}
		kernel(&s, HEAD, 100);
		wait(&s, SYNC_OF_CONTEXT);
		pause_for(&s, 20000);
	}
	t = find(&s);
	CHECK(t.n == 60 && t.n_shapes <= 2);
	pass_table_release(&t);
}
