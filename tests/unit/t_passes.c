/* decoder/pass_build: passes and their labels, from operations made up here. */
#include "tests/unit/pass_kit.h"

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

/* What a pass ran: of `symbol` how often; of any, which must be as many as it says. */
static uint64_t ran(const struct pass_table *t, const struct pass *x, uint32_t symbol)
{
	uint64_t all = 0, found = 0;

	for (uint64_t i = x->ran_at; i < x->ran_at + x->n_ran; i++) {
		const struct pass_code *code = &t->codes[t->ran[i].code];

		all += t->ran[i].count;
		CHECK(code->kind == OP_KERNEL && t->ran[i].ns >= 2000ull * t->ran[i].count);
		if (code->symbol == symbol)
			found += t->ran[i].count;
	}
	CHECK(all == x->kernels);
	return found;
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
	for (size_t i = 0; i < t.n; i++) { /* the candidates are not what the pass ran */
		CHECK(ran(&t, &t.list[i], DOWN) == m.layers && ran(&t, &t.list[i], HEAD) == 1);
		CHECK(!ran(&t, &t.list[i], 40));
	}
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
