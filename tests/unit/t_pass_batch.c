/* decoder/pass_*: servers: sequences that join a batch, prompts in parts, calls before serving. */
#include "tests/unit/pass_kit.h"

enum { LAYERS = 6, PASSES_MAX = 4096, SLOTS = 8 };

static void product(struct script *s, uint32_t which, unsigned rows, uint32_t width)
{
	/* Other ones for one row, for few, for many; that of one row has more blocks than that of a few. */
	const uint32_t symbol = (rows == 1 ? 100 : rows <= 16 ? 110 : 120) + which;

	launch(s, OP_KERNEL, symbol, width * (rows == 1 ? 4 : 1 + rows / 64), 2000 + 12 * rows);
}

enum { FIXED = -1 };

/* A pass of a server over `rows` tokens laid flat. past: of a cache that grows; FIXED: it has one size. */
static void flat(struct script *s, unsigned rows, int past)
{

	kernel(s, EMBED, rows);
	for (unsigned l = 0; l < LAYERS; l++) {
		kernel(s, NORM, rows);
		product(s, 0, rows, 24);
		kernel(s, 130, (rows + 1) / 2);
		kernel(s, 131, past == FIXED ? rows : (unsigned)past + rows);
		kernel(s, 131, past == FIXED ? rows : (unsigned)past + rows);
		kernel(s, ATTEND, 8 * (1 + rows / 64));
		product(s, 1, rows, 8);
		kernel(s, NORM, rows);
		product(s, 2, rows, 44);
		kernel(s, 132, rows);
		product(s, 3, rows, 8);
	}
	kernel(s, NORM, rows);
}

/* Tokens of `read` sequences are chosen and brought back; 0: the host waits only. */
static void answer(struct script *s, unsigned read)
{
	if (read) {
		kernel(s, 133, read);
		kernel(s, HEAD, 250);
		kernel(s, ARGMAX, read);
		copy(s, COPY_DTOH, 8ull * read);
		wait(s, SYNC_OF_STREAM);
	} else {
		wait(s, SYNC_OF_CONTEXT);
	}
	pause_for(s, 30000);
}

static void flat_pass(struct script *s, unsigned rows, unsigned read)
{
	copy(s, COPY_HTOD, 8ull * rows); /* tokens and places come from the host every time */
	copy(s, COPY_HTOD, 8ull * rows);
	flat(s, rows, FIXED);
	answer(s, read);
}

struct truth {
	uint8_t label[PASSES_MAX];
	size_t n;
};

static void ran(struct truth *t, enum pass_label label)
{
	t->label[t->n++] = (uint8_t)label;
}

static unsigned drawn(uint32_t *state, unsigned from, unsigned to)
{
	*state = *state * 1664525u + 1013904223u;
	return from + (*state >> 8) % (to - from + 1);
}

struct server {
	unsigned part;  /* of a prompt, rows; 0: whole */
	bool apart;     /* the running ones wait for a prompt */
	bool silent;    /* tokens stay on the device */
	unsigned every; /* steps between two requests, about */
	uint32_t seed;
};

static void serve(struct script *s, struct truth *t, const struct server *v, unsigned requests)
{
	static const unsigned lengths[] = { 51, 128, 300, 64, 200 };
	unsigned left[SLOTS] = { 0 }, running = 0, wait_steps = 0, prompt = 0;
	uint32_t seed = v->seed;

	while (requests || running || prompt) {
		unsigned rows, take = 0, read = running;

		if (!prompt && requests && !wait_steps && running < SLOTS) {
			prompt = lengths[drawn(&seed, 0, 4)];
			requests--;
			wait_steps = drawn(&seed, 1, 2 * v->every);
		} else if (wait_steps) {
			wait_steps--;
		}
		take = v->part && prompt > v->part ? v->part : prompt;
		prompt -= take;
		if (v->apart && take)
			read = 0;
		rows = read + take;
		if (!rows)
			continue;
		flat_pass(s, rows, v->silent ? 0 : read + (take && !prompt));
		ran(t, !take ? PASS_DECODE : read ? PASS_MIXED : PASS_PREFILL);
		if (read)
			for (int i = 0; i < SLOTS; i++)
				running -= left[i] && !--left[i];
		for (int i = 0; take && !prompt; i++)
			if (!left[i]) {
				left[i] = drawn(&seed, 6, 30);
				running++;
				break;
			}
	}
}

struct outcome {
	size_t of[PASS_LABEL_COUNT][PASS_LABEL_COUNT]; /* by what is true, by what was said */
	size_t passes, wrong;
};

static struct outcome compare(const struct pass_table *t, const struct truth *truth)
{
	struct outcome o = { .passes = t->n };

	CHECK(t->n == truth->n);
	for (size_t i = 0; i < t->n && i < truth->n; i++) {
		o.of[truth->label[i]][t->list[i].label]++;
		o.wrong += t->list[i].label != PASS_UNLABELLED && t->list[i].label != truth->label[i];
	}
	return o;
}

static struct outcome outcome_of(struct script *s, const struct truth *truth)
{
	struct pass_table t = find(s);
	struct outcome o = compare(&t, truth);

	pass_table_release(&t);
	return o;
}

TEST(passes_join_a_running_batch)
{
	for (uint32_t seed = 1; seed <= 8; seed++) {
		struct script s = { 0 };
		struct truth t = { .n = 0 };
		const struct server v = { .every = 2 + seed % 4, .seed = seed };
		struct outcome o;

		serve(&s, &t, &v, 40);
		o = outcome_of(&s, &t);
		CHECK(!o.wrong);
		CHECK(o.of[PASS_MIXED][PASS_MIXED] * 10 >= o.of[PASS_MIXED][PASS_UNLABELLED] * 40);
		CHECK(o.of[PASS_DECODE][PASS_DECODE] * 10 >= o.passes * 6);
	}
}

TEST(passes_running_wait_for_a_prompt)
{
	for (uint32_t seed = 1; seed <= 8; seed++) {
		struct script s = { 0 };
		struct truth t = { .n = 0 };
		const struct server v = { .every = 2 + seed % 4, .seed = seed, .apart = true };
		struct outcome o;

		serve(&s, &t, &v, 40);
		o = outcome_of(&s, &t);
		CHECK(!o.wrong && o.of[PASS_PREFILL][PASS_PREFILL] >= 35);
	}
}

/* A short prompt alone has the kernels of a step of several sequences, and takes no longer. */
TEST(passes_short_prompts_run_alone)
{
	struct script s = { 0 };
	struct truth t = { .n = 0 };
	struct outcome o;

	for (unsigned i = 0; i < 12; i++) {
		for (unsigned running = 0; running < 6; running++) {
			flat_pass(&s, running % 2 ? 7 : 51 * (1 + running), 1);
			ran(&t, PASS_PREFILL);
			for (unsigned k = 0; k < 5; k++) {
				flat_pass(&s, running + 1, running + 1);
				ran(&t, PASS_DECODE);
			}
		}
		for (unsigned running = 5; running; running--) {
			flat_pass(&s, running, running);
			ran(&t, PASS_DECODE);
		}
	}
	o = outcome_of(&s, &t);
	CHECK(!o.wrong && o.of[PASS_PREFILL][PASS_PREFILL] >= 60);
}

TEST(passes_parts_ride_along)
{
	for (uint32_t seed = 1; seed <= 8; seed++) {
		struct script s = { 0 };
		struct truth t = { .n = 0 };
		const struct server v = { .every = 4 + seed % 4, .seed = seed, .part = 64 };
		struct outcome o;

		serve(&s, &t, &v, 40);
		o = outcome_of(&s, &t);
		/* A last part as short as a step, where another ended, is a step for all to see. */
		CHECK(o.wrong * 50 <= o.passes);
		CHECK(o.of[PASS_MIXED][PASS_MIXED] > o.of[PASS_MIXED][PASS_UNLABELLED]);
	}
}

/* What joins leaves no trace but its work: a prefill or both. */
TEST(passes_join_unseen)
{
	for (uint32_t seed = 1; seed <= 8; seed++) {
		struct script s = { 0 };
		struct truth t = { .n = 0 };
		const struct server v = { .every = 2 + seed % 4, .seed = seed, .silent = true };
		struct outcome o;

		serve(&s, &t, &v, 40);
		o = outcome_of(&s, &t);
		CHECK(!o.wrong);
		CHECK(o.of[PASS_DECODE][PASS_DECODE] * 10 >= o.passes * 5);
	}
}

/* One request after another, the prompt in parts, with a cache that grows or has one size. */
static void in_parts(struct script *s, struct truth *t, unsigned prompt, unsigned part, bool grows,
		     bool token)
{
	unsigned done = 0;

	while (done < prompt) {
		const unsigned rows = prompt - done < part ? prompt - done : part;

		done += rows;
		flat(s, rows, grows ? (int)(done - rows) : FIXED);
		answer(s, token && done == prompt);
		ran(t, PASS_PREFILL);
	}
	for (unsigned i = 0; i < 20; i++) {
		flat(s, 1, grows ? (int)(prompt + i) : FIXED);
		answer(s, token);
		ran(t, PASS_DECODE);
	}
}

TEST(passes_prompt_in_parts)
{
	static const unsigned lengths[] = { 300, 512, 440, 384, 340, 500, 310 };

	for (int kind = 0; kind < 4; kind++) {
		struct script s = { 0 };
		struct truth t = { .n = 0 };
		struct outcome o;

		for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++)
			in_parts(&s, &t, lengths[i], 128, kind & 1, kind & 2);
		o = outcome_of(&s, &t);
		CHECK(!o.wrong);
		CHECK(o.of[PASS_PREFILL][PASS_PREFILL] >= 18);
		CHECK(o.of[PASS_DECODE][PASS_DECODE] == 7 * 20);
	}
}

/* --- before anything is served */

static void dummies(struct script *s, struct truth *t, const unsigned *rows, size_t n, unsigned times,
		    bool read)
{
	for (size_t i = 0; i < n; i++)
		for (unsigned k = 0; k < times; k++) {
			flat_pass(s, rows[i], read ? 1 : 0);
			ran(t, PASS_WARMUP);
		}
}

static void one_by_one(struct script *s, struct truth *t, size_t requests)
{
	for (size_t i = 0; i < requests; i++) {
		flat_pass(s, prompts[i % PROMPTS], 1);
		ran(t, PASS_PREFILL);
		for (int k = 0; k < STEPS; k++) {
			flat_pass(s, 1, 1);
			ran(t, PASS_DECODE);
		}
	}
}

TEST(passes_called_before_serving)
{
	static const unsigned down[] = { 256, 64, 16, 1 }, up[] = { 1, 16, 64, 256 };

	for (unsigned times = 1; times <= 3; times += 2)
		for (int order = 0; order < 2; order++) {
			struct script s = { 0 };
			struct truth t = { .n = 0 };
			struct outcome o;

			dummies(&s, &t, order ? up : down, 4, times, false);
			one_by_one(&s, &t, 6);
			o = outcome_of(&s, &t);
			CHECK(!o.wrong);
			/* The largest just before a prompt may be a part of it. */
			CHECK(o.of[PASS_WARMUP][PASS_WARMUP] >= (order ? 3 : 4) * times);
		}
}

/* First requests, and a prompt in parts, are none; nor is what a server reads. */
TEST(passes_first_requests_are_served)
{
	static const unsigned rows[] = { 64, 256, 16 };

	for (int kind = 0; kind < 3; kind++) {
		struct script s = { 0 };
		struct truth t = { .n = 0 };
		struct pass_table found;

		if (kind == 1)
			dummies(&s, &t, rows, 3, 2, true);
		for (int i = 0; kind == 2 && i < 5; i++) {
			flat_pass(&s, i < 4 ? 128 : 100, 0); /* a beginning of all prompts */
			ran(&t, PASS_PREFILL);
		}
		one_by_one(&s, &t, 6);
		found = find(&s);
		CHECK(!labelled(&found, PASS_WARMUP));
		pass_table_release(&found);
	}
}
