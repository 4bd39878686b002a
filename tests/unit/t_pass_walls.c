/* decoder/pass_wall: when a pass begins for whoever waits for it, in operations made up here. */
#include "tests/unit/pass_kit.h"

#include "decoder/pass_label.h"

#define MS 1000000u

static const struct model model = { .layers = 6, .cache = true };

/* A request of which step `slow` comes after a pause, and that itself comes after `idle`. */
static void slow_request(struct script *s, unsigned prompt, unsigned slow, uint64_t pause, uint64_t idle)
{
	pause_for(s, idle);
	for (unsigned i = 0; i <= STEPS; i++) {
		if (i && i == slow)
			pause_for(s, pause);
		forward(s, &model, i ? 1 : prompt, i ? prompt + i - 1 : 0);
		copy(s, COPY_DTOH, 8);
		wait(s, SYNC_OF_STREAM);
		pause_for(s, 20000);
	}
}

/* A step waits for nothing but the token before it: the host's pause is its latency. Idling is not a prompt's. */
TEST(walls_of_steps_begin_with_the_token_before)
{
	struct script s = { 0 };
	struct pass_table t;

	for (size_t i = 0; i < PROMPTS; i++)
		slow_request(&s, prompts[i], 5, 9 * MS, 30 * MS);
	t = find(&s);
	check_requests(&t, PROMPTS, EACH);
	for (size_t i = 1; i < t.n; i++) {
		const struct pass *p = &t.list[i], *before = p - 1;

		if (i % EACH)
			CHECK(p->wall_start == before->end);
		else
			CHECK(p->wall_start == p->host_start);
		CHECK((p->host_gap_ns >= 9 * MS) == (i % EACH == 5));
	}
	pass_table_release(&t);
}

/* What a thread does at once is for the next prompt: up to a tenth of it, for long ones. */
TEST(walls_of_long_prompts_begin_at_once)
{
	struct script s = { 0 };
	struct pass_table t;

	for (size_t i = 0; i < PROMPTS; i++) {
		pause_for(&s, 1500000);
		forward(&s, &model, i % 2 ? 40000 : 1000000, 0);
		wait(&s, SYNC_OF_STREAM);
		for (unsigned k = 1; k <= STEPS; k++) {
			forward(&s, &model, 1, 30 + k);
			wait(&s, SYNC_OF_STREAM);
		}
	}
	t = find(&s);
	check_requests(&t, PROMPTS, EACH);
	for (size_t i = EACH; i < t.n; i += EACH) {
		const bool is_long = t.list[i].end - t.list[i].host_start >= 15 * MS;

		CHECK(is_long == (i / EACH % 2 == 0));
		CHECK((t.list[i].wall_start == t.list[i - 1].end) == is_long);
	}
	pass_table_release(&t);
}

/* A compile in the pause before a prompt is for it, and so is a load from when it begins; another thread's is not. */
TEST(walls_begin_before_a_compile)
{
	struct script s = { 0 };
	struct pass_hold holds[3];
	struct pass_table t;

	for (size_t i = 0; i < PROMPTS; i++) {
		slow_request(&s, prompts[i], 0, 0, 30 * MS);
		if (i < 3)
			holds[i] = (struct pass_hold){
				.start = s.host + 20 * MS,
				.end = s.host + 25 * MS,
				.tid = i == 2 ? 9 : 1,
				.made = i != 1,
			};
	}
	s.holds = (struct pass_holds){ holds, 3 };
	t = find(&s);
	check_requests(&t, PROMPTS, EACH);
	CHECK(t.list[EACH].wall_start == t.list[EACH - 1].end);
	CHECK(t.list[2 * EACH].wall_start == holds[1].start);
	CHECK(t.list[3 * EACH].wall_start == t.list[3 * EACH].host_start);
	pass_table_release(&t);
}

/* The choice of the token follows its replay at once, but for a hiccup, and the first ones: the pass keeps it. */
TEST(passes_keep_what_follows_their_replay)
{
	struct script s = { 0 };
	const struct model m = { .layers = 6, .wide = true };
	struct pass_table t;

	for (size_t i = 0; i < PROMPTS; i++) {
		request(&s, &m, prompts[i], 0, true);
		for (unsigned k = 0; k < STEPS; k++) {
			launch(&s, OP_GRAPH, 3, 40, 90000);
			pause_for(&s, k == 6 || (!i && k < 3) ? MS : 0);
			kernel(&s, ARGMAX, 1);
			wait(&s, SYNC_OF_STREAM);
			pause_for(&s, 20000);
		}
	}
	t = find(&s);
	CHECK(t.n == PROMPTS * EACH);
	for (size_t i = 0; i < t.n; i++)
		if (i % EACH)
			CHECK(t.list[i].kernels == 1 && t.list[i].label == PASS_DECODE);
	pass_table_release(&t);
}

/*
 * Between two tokens: a stopping criterion that is waited for, then input that is copied in and waited for. All of it is
 * latency of the next step, and none of it makes the step another.
 */
TEST(walls_reach_over_what_lies_between_tokens)
{
	struct script s = { 0 };
	struct pass_table t;

	for (size_t i = 0; i < PROMPTS; i++) {
		pause_for(&s, 30 * MS);
		for (unsigned k = 0; k <= STEPS; k++) {
			forward(&s, &model, k ? 1 : prompts[i], k ? prompts[i] + k - 1 : 0);
			copy(&s, COPY_DTOH, 8);
			wait(&s, SYNC_OF_STREAM);
			if (k == STEPS)
				break;
			pause_for(&s, 20000);
			kernel(&s, NOISE, 1);
			wait(&s, SYNC_OF_STREAM);
			pause_for(&s, 100000);
			copy(&s, COPY_HTOD, 64);
			wait(&s, SYNC_OF_STREAM);
			pause_for(&s, 20000);
		}
	}
	t = find(&s);
	check_requests(&t, PROMPTS, EACH);
	for (size_t i = 1; i < t.n; i++)
		CHECK(t.list[i].wall_start ==
		      (i % EACH ? t.list[i - 1].end : t.list[i].host_start));
	pass_table_release(&t);
}

/* The host waits once more for the replay that was just recorded, thinks, and then chooses its token. */
TEST(passes_end_with_their_token)
{
	struct script s = { 0 };
	const struct model m = { .layers = 6, .wide = true };
	struct pass_table t;

	for (size_t i = 0; i < PROMPTS; i++) {
		request(&s, &m, prompts[i], 0, true);
		for (unsigned k = 0; k < STEPS; k++) {
			launch(&s, OP_GRAPH, 3, 40, 900000);
			if (!k) {
				wait(&s, SYNC_OF_CONTEXT);
				pause_for(&s, 500000);
			}
			kernel(&s, NOISE, 1);
			kernel(&s, ARGMAX, 1);
			copy(&s, COPY_DTOH, 8);
			wait(&s, SYNC_OF_STREAM);
			pause_for(&s, 20000);
		}
	}
	t = find(&s);
	CHECK(t.n == PROMPTS * EACH);
	for (size_t i = 0; i < t.n; i++)
		if (i % EACH)
			CHECK(t.list[i].label == PASS_DECODE && t.list[i].kernels == 2 && t.list[i].graph_launches == 1);
	pass_table_release(&t);
}

/* A wait that begins when the GPU has long been idle, as at the end of a process, is for nothing. */
TEST(passes_do_not_wait_for_what_is_done)
{
	struct script s = { 0 };
	struct pass_table t;

	for (size_t i = 0; i < PROMPTS; i++)
		request(&s, &model, prompts[i], STEPS - (i == PROMPTS - 1), true);
	forward(&s, &model, 1, prompts[PROMPTS - 1] + STEPS - 1);
	pause_for(&s, 100 * MS);
	wait(&s, SYNC_OF_CONTEXT);
	t = find(&s);
	check_requests(&t, PROMPTS, EACH);
	CHECK(t.list[t.n - 1].end == t.list[t.n - 1].gpu_end);
	pass_table_release(&t);
}

/* A request whose input is copied in, unwaited for, `ahead` before the first launch, `work` after the token before it. */
static void copied_request(struct script *s, unsigned prompt, uint64_t work, uint64_t ahead)
{
	pause_for(s, work);
	copy(s, COPY_HTOD, 8 * prompt);
	pause_for(s, ahead);
	request(s, &model, prompt, STEPS, true);
}

/* From the copy of the input: Python may take as long for the first launch as the pass takes. Not longer. */
TEST(walls_begin_with_the_copy_of_the_input)
{
	static const uint64_t ahead[] = { 1 * MS, 4 * MS, 4 * MS, 90 * MS, 1 * MS };
	static const uint64_t work[] = { 30 * MS, 30 * MS, 1 * MS, 30 * MS, MS / 4 };
	struct script s = { 0 };
	struct pass_table t;

	for (size_t i = 0; i < PROMPTS; i++)
		copied_request(&s, 400000, work[i], ahead[i]);
	t = find(&s);
	CHECK(t.n == PROMPTS * EACH);
	for (size_t i = 1; i < PROMPTS; i++) {
		const struct pass *p = &t.list[i * EACH];

		CHECK(p->label == PASS_PREFILL && p->end - p->host_start > 4 * MS);
		/* Preparing it in 1 ms is no work of the pass, though it is less than a tenth of it. */
		CHECK((p->wall_start == p[-1].end) == (i == 4));
		CHECK(i == 4 || p->wall_start == p->host_start);
		CHECK((p->queue_ns >= ahead[i]) == (i != 3));
	}
	pass_table_release(&t);
}

/* However long the host changes the nodes of the graph that it will replay: all this is for the pass. */
TEST(walls_begin_with_changes_of_the_graph)
{
	struct script s = { 0 };
	struct pass_table t;

	for (size_t i = 0; i < PROMPTS; i++) {
		pause_for(&s, 30 * MS);
		if (i != 2)
			copy(&s, COPY_HTOD, 8 * 400000);
		pause_for(&s, MS / 2);
		for (unsigned k = 0; k < 90 && i != 1; k++)
			update(&s, MS);
		pause_for(&s, i == 1 ? 90 * MS : MS / 2);
		request(&s, &model, 400000, STEPS, true);
	}
	t = find(&s);
	CHECK(t.n == PROMPTS * EACH);
	for (size_t i = 1; i < PROMPTS; i++) {
		const struct pass *p = &t.list[i * EACH];

		CHECK(p->label == PASS_PREFILL && p->wall_start == p->host_start);
		CHECK((p->queue_ns >= 90 * MS) == (i != 1));
		CHECK(p->host_start - p[-1].end >= 30 * MS);
	}
	pass_table_release(&t);
}

/* Masks, positions, an empty cache: `waits` if the host looks at them before the model runs. */
static void make_ready(struct script *s, bool waits)
{
	static const uint32_t list[] = { NOISE, CONV, NOISE, ROUTE, CONV, NOISE, ROUTE, EXPERT };

	for (unsigned i = 0; i < sizeof(list) / sizeof(*list); i++)
		kernel(s, list[i], 1);
	if (waits) {
		copy(s, COPY_DTOH, 1);
		wait(s, SYNC_OF_STREAM);
	}
	pause_for(s, 100000);
}

/* Mostly the host waits between making ready and the model; a prompt for which it does not begins with the model too. */
TEST(walls_without_what_makes_ready)
{
	struct script s = { 0 };
	struct pass_table t;
	uint64_t at[2 * PROMPTS];
	uint32_t kernels = 0;

	for (size_t i = 0; i < 2 * PROMPTS; i++) {
		pause_for(&s, 30 * MS);
		make_ready(&s, i != 3 && i != 7);
		at[i] = s.host;
		request(&s, &model, 400 + 16 * (unsigned)i, STEPS, true);
	}
	t = find(&s);
	CHECK(labelled(&t, PASS_PREFILL) == 2 * PROMPTS);
	for (size_t i = 0, n = 0; i < t.n; i++) {
		const struct pass *p = &t.list[i];

		if (p->label != PASS_PREFILL)
			continue;
		kernels = n ? kernels : p->kernels;
		CHECK(p->kernels == kernels && p->host_start >= at[n] && p->host_start < at[n] + 10000);
		n++;
	}
	pass_table_release(&t);
}

/* And where it never waits there, what makes ready is how passes begin, though some need none. */
TEST(walls_with_what_all_make_ready)
{
	struct script s = { 0 };
	struct pass_table t;
	uint64_t begun[4 * PROMPTS];

	for (size_t i = 0; i < 4 * PROMPTS; i++) {
		pause_for(&s, 30 * MS);
		begun[i] = s.host;
		if (i % 5 != 4)
			make_ready(&s, false);
		request(&s, &model, 400, 0, true);
	}
	t = find(&s);
	CHECK(t.n == 4 * PROMPTS);
	for (size_t i = 0; i < t.n; i++)
		CHECK(t.list[i].host_start >= begun[i] && t.list[i].host_start < begun[i] + 10000);
	pass_table_release(&t);
}

/* What got no label among steps is one; a prompt that came later is not. */
TEST(walls_of_what_is_among_steps)
{
	static const struct { enum pass_label label; uint64_t pause; bool follows; } is[] = {
		{ PASS_DECODE, 1 * MS, true }, { PASS_UNLABELLED, 3 * MS, true },
		{ PASS_UNLABELLED, 30 * MS, false }, { PASS_UNLABELLED, 3 * MS, true },
		{ PASS_MIXED, 2 * MS, true }, { PASS_PREFILL, 3 * MS, false },
		{ PASS_UNLABELLED, 3 * MS, false }, { PASS_DECODE, 1 * MS, true },
	};
	enum { N = sizeof(is) / sizeof(is[0]) };
	struct pass_found list[N] = { 0 };
	uint32_t order[N];
	const struct pass_seq s = { .list = list, .order = order, .n = N };
	uint64_t at = 1000 * MS;

	for (uint32_t i = 0; i < N; i++) {
		order[i] = i;
		list[i].quiet_until = at;
		list[i].pass = (struct pass){ .label = is[i].label, .host_start = at + is[i].pause,
					      .end = at + is[i].pause + 10 * MS, .tid = 1 };
		at = list[i].pass.end;
	}
	pass_walls_find(&s, &(struct pass_holds){ 0 });
	for (uint32_t i = 1; i < N; i++)
		CHECK((list[i].pass.wall_start == list[i - 1].pass.end) == is[i].follows);
}
