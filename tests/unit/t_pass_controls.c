/* decoder/pass_*: threads, loops that are no language model, sessions without end. */
#include "tests/unit/pass_kit.h"

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
	CHECK(t.n == requests * EACH && t.window);
	for (size_t i = 0; i < t.n; i++)
		wrong += t.list[i].label != (i % EACH ? PASS_DECODE : PASS_PREFILL);
	CHECK(!wrong);
	for (size_t i = 1; i < t.n; i++)
		CHECK(t.list[i - 1].host_start < t.list[i].host_start);
	pass_table_release(&t);
}
