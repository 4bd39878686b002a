/* decoder/busy, near_log, trigger: what episodes are made from. tests/cli/timeline has the rest. */
#include "decoder/busy.h"
#include "decoder/name_table.h"
#include "decoder/near_log.h"
#include "decoder/stack_table.h"
#include "decoder/trigger.h"
#include "tests/unit/unit.h"
#include "trace/encode.h"

#include <string.h>

#define MS 1000000u

TEST(busy_merges_and_measures)
{
	const uint64_t start[] = { 100 * MS, 101 * MS, 300 * MS, 50 * MS, 0 };
	const uint64_t end[] = { 101 * MS, 110 * MS, 310 * MS, 60 * MS, 7 };
	struct busy b = { 0 };

	busy_add(&b, start, end, 5);
	busy_join(&b);
	CHECK(b.n == 3);
	CHECK(busy_within(&b, 0, 1000 * MS) == 30 * MS);
	CHECK(busy_within(&b, 105 * MS, 305 * MS) == 10 * MS);
	CHECK(busy_within(&b, 120 * MS, 200 * MS) == 0);
	CHECK(busy_before(&b, 120 * MS) == 110 * MS && busy_before(&b, 50 * MS) == 0);
	busy_release(&b);
}

TEST(busy_short_pauses_count_as_work)
{
	const uint64_t start[] = { 1000000, 1000000 + 2 * BUSY_GAP_NS - 2, 9000000 };
	const uint64_t end[] = { 1000000 + BUSY_GAP_NS, 1000000 + 3 * BUSY_GAP_NS, 9000001 };
	struct busy b = { 0 };

	busy_add(&b, start, end, 3);
	busy_join(&b);
	CHECK(b.n == 2 && busy_within(&b, 0, 2000000) == 3 * BUSY_GAP_NS);
	busy_release(&b);
}

TEST(busy_memory_is_bounded)
{
	enum { ROWS = 1 << 16 };
	static uint64_t start[ROWS], end[ROWS];
	struct busy b = { 0 };

	for (uint64_t k = 0; k < 20; k++) {
		for (uint64_t i = 0; i < ROWS; i++) {
			start[i] = 1 + (k * ROWS + i) * 2 * BUSY_GAP_NS;
			end[i] = start[i] + 10;
		}
		busy_add(&b, start, end, ROWS);
	}
	busy_join(&b);
	CHECK(b.n <= BUSY_MAX && b.gap > BUSY_GAP_NS);
	busy_release(&b);
}

/* Launches of one thread, `step` ns apart. */
static void launches(struct near_log *l, uint64_t start, uint64_t step, uint32_t rows, uint64_t corr)
{
	enum { ROWS = 1 << 12 };
	static uint64_t t[ROWS], e[ROWS], c[ROWS], zero[ROWS];
	struct section s = { .kind = EVENT_LAUNCH, .tid = 3 };

	for (uint32_t at = 0; at < rows; at += s.rows) {
		s.rows = rows - at < ROWS ? rows - at : ROWS;
		for (uint32_t i = 0; i < s.rows; i++) {
			t[i] = start + (at + i) * step;
			e[i] = t[i] + 10;
			c[i] = corr + at + i;
		}
		for (unsigned f = 0; f < EVENT_FIELDS_MAX; f++)
			s.col[f] = zero;
		s.col[LAUNCH_START] = t;
		s.col[LAUNCH_END] = e;
		s.col[LAUNCH_CORR] = c;
		near_log_fold(l, &s);
	}
}

static void event(struct near_log *l, uint64_t time)
{
	uint64_t zero = 0, end = time + 5;
	struct section s = { .kind = EVENT_LOAD, .rows = 1, .tid = 3 };

	for (unsigned f = 0; f < EVENT_FIELDS_MAX; f++)
		s.col[f] = &zero;
	s.col[LOAD_START] = &time;
	s.col[LOAD_END] = &end;
	near_log_fold(l, &s);
}

TEST(near_log_keeps_what_is_near)
{
	const uint64_t second = 1000000000u;
	struct near_log l = { 0 };
	const struct near_list *list;
	uint64_t at;

	/* 1000 s at 1000 launches a second: one event at 100 s. */
	launches(&l, second, second / 1000, 110000, 1);
	event(&l, 100 * second);
	launches(&l, 111 * second, second / 1000, 890000, 110001);
	near_log_join(&l);
	list = near_launches(&l, 3);
	CHECK(list && list->n < NEAR_MIN && !near_dropped(&l));
	at = near_first(list, 98 * second);
	/* All within the margin, and the last one before. */
	CHECK(list->list[at].start == 98 * second);
	CHECK(near_first(list, 102 * second) - at == 4000);
	CHECK(at && list->list[at - 1].start == 98 * second - second / 1000);
	CHECK(!near_launches(&l, 4) && !near_work(&l, 5));
	near_log_release(&l);
}

TEST(near_log_counts_what_does_not_fit)
{
	struct near_log l = { 0 };

	event(&l, 5000000000u);
	launches(&l, 5000000000u, 1, NEAR_MAX + 100000, 1);
	near_log_join(&l);
	CHECK(near_launches(&l, 3)->n <= NEAR_MAX);
	CHECK(near_dropped(&l) == NEAR_MAX + 100000 - near_launches(&l, 3)->n);
	near_log_release(&l);
}

TEST(trigger_files)
{
	CHECK(trigger_machinery("/x/site-packages/torch/_dynamo/eval_frame.py"));
	CHECK(trigger_machinery("/x/dist-packages/torch/nn/modules/module.py"));
	CHECK(trigger_machinery("/x/site-packages/triton/runtime/jit.py"));
	CHECK(trigger_machinery("<string>") && trigger_machinery("<frozen importlib._bootstrap>"));
	CHECK(trigger_machinery("/usr/lib/python3.12/contextlib.py"));
	CHECK(!trigger_machinery("/x/site-packages/transformers/models/gpt2/modeling_gpt2.py"));
	CHECK(!trigger_machinery("/home/u/torch/train.py"));
	CHECK(!trigger_machinery("/x/site-packages/tritonclient/a.py"));
	CHECK(trigger_generated("/tmp/torchinductor_u/ab/"
				"cabcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqr2.py"));
	CHECK(!trigger_generated("/home/u/cab.py"));
	CHECK(!trigger_generated("/tmp/zz/cabcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqr2.py"));
}

static void frame(struct stack_table *t, struct names *names, uint64_t id, uint64_t parent,
		  const char *file, uint64_t line)
{
	uint64_t zero = 0, python = FRAME_IS_PYTHON;
	uint32_t at[2] = { 0, (uint32_t)strlen(file) };
	struct section s = { .kind = EVENT_FRAME, .rows = 1, .blob_at = at,
			     .blob = (const uint8_t *)file };

	for (unsigned f = 0; f < EVENT_FIELDS_MAX; f++)
		s.col[f] = &zero;
	s.col[FRAME_ID] = &id;
	s.col[FRAME_PARENT] = &parent;
	s.col[FRAME_TYPE] = &python;
	s.col[FRAME_LINE] = &line;
	stack_table_fold(t, &s, names);
}

TEST(trigger_is_the_users_line)
{
	struct stack_table t = { 0 };
	struct names names = { 0 };
	struct trigger a, b, none;

	frame(&t, &names, 1, 0, "/home/u/main.py", 1);
	frame(&t, &names, 2, 1, "/home/u/model.py", 20);
	frame(&t, &names, 3, 2, "/x/site-packages/torch/nn/modules/module.py", 5);
	frame(&t, &names, 4, 3, "/tmp/ab/cabcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqr2.py", 9);
	frame(&t, &names, 5, 4, "/x/site-packages/torch/_inductor/codecache.py", 6);
	frame(&t, &names, 6, 1, "/x/site-packages/torch/_inductor/codecache.py", 6);
	frame(&t, &names, 7, 8, "<string>", 1); /* its caller is lost */
	frame(&t, &names, 9, 9, "<string>", 1); /* its own caller: damaged */
	stack_table_join(&t);
	a = trigger_of(&t, &names, 1, 5, 0);
	CHECK(a.user && a.user->line == 20 && a.generated && a.generated->line == 9);
	b = trigger_of(&t, &names, 1, 6, 0);
	CHECK(b.user && b.user->line == 1 && !b.generated && !trigger_same(&a, &b));
	none = trigger_of(&t, &names, 1, 7, 0);
	CHECK(!none.user && trigger_same(&a, &none) && trigger_same(&none, &b));
	CHECK(!trigger_of(&t, &names, 1, 9, 0).user);
	stack_table_release(&t);
	names_release(&names);
}
