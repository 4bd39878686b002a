/*
 * The memory in which the passes of a long trace are found and counted: it follows the number of passes by a
 * few bytes, and their operations not at all.
 */
#include "tests/unit/pass_kit.h"

#include <sys/resource.h>
#include <unistd.h>

#include "decoder/phases.h"
#include "decoder/process_model.h"
#include "decoder/session_model.h"

#define STEPS_LONG    79u
#define A_PASS        40u /* bytes: order, walls, and what a row needs of them while it is counted */
#define WINDOW        40u /* requests of a sample that come together */
#define OTHER_KIB     (12 * 1024) /* lists that grow by half: the sample of the operations is one */

struct endless {
	size_t requests;
};

/* The same each time, and nothing of it is kept. */
static bool give_endless(void *arg, uint64_t stride, op_fn fn, void *fn_arg)
{
	static const struct model m = { .layers = 1, .cache = true };
	const struct endless *e = arg;
	struct script s = { .n = 0 };

	for (size_t i = 0; i < e->requests; i++) {
		s.n = 0;
		request(&s, &m, prompts[i % PROMPTS], STEPS_LONG, true);
		if (i / WINDOW % stride)
			continue;
		s.list[0].after_gap = stride > 1 && i % WINDOW == 0;
		give(&s, 1, fn, fn_arg);
	}
	free(s.list);
	return true;
}

static void look(struct pass_table *passes)
{
	struct process p = { .pid = 7, .passes = *passes };
	struct process *list[] = { &p };
	struct session s = { .list = list, .n = 1 };
	struct phases v = { .session = &s };

	phase_table_init(&v.rows, &s);
	tail_find(&v.tail, &s, &v.rows);
	findings_find(&v.findings, &v.rows);
	CHECK(v.rows.n >= PROMPTS);
	phases_release(&v);
}

/* KiB, in a process of its own. */
static long peak(size_t requests)
{
	struct rusage used = { 0 };
	int ends[2];
	pid_t pid;

	CHECK(!pipe(ends));
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		struct endless e = { .requests = requests };
		struct pass_source src = { .run = give_endless, .name = name_of, .arg = &e,
					   .expected = requests * (STEPS_LONG + 1) * 11 };
		struct pass_table t;

		passes_build(&t, &src);
		CHECK(t.n == requests * (STEPS_LONG + 1));
		CHECK(labelled(&t, PASS_PREFILL) == requests);
		look(&t);
		pass_table_release(&t);
		getrusage(RUSAGE_SELF, &used);
		_exit(write(ends[1], &used, sizeof(used)) != sizeof(used));
	}
	close(ends[1]);
	CHECK(read(ends[0], &used, sizeof(used)) == sizeof(used)); /* nothing when a check failed */
	close(ends[0]);
	return used.ru_maxrss;
}

TEST(pass_memory_does_not_follow_the_trace)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	CHECK(peak(10) > 0); /* their own memory follows everything */
#else
	const size_t few = 500, many = 4 * few;
	const long grown = peak(many) - peak(few);
	const size_t passes = (many - few) * (STEPS_LONG + 1);

	CHECK(grown < (long)(passes * A_PASS / 1024) + OTHER_KIB);
#endif
}
