/* decoder/op_stream on recorded sessions: what the report counts by other means. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decoder/cmd.h"
#include "decoder/op_stream.h"
#include "decoder/process_model.h"
#include "decoder/session_model.h"
#include "decoder/session_ops.h"
#include "tests/unit/unit.h"
#include "trace/event.h"

struct tally_ops {
	const struct session *s;
	uint64_t by_kind[OP_UPDATE + 1], with_gpu, last;
};

static bool tally(void *arg, const struct op *op)
{
	struct tally_ops *t = arg;
	const bool launched = op->kind == OP_KERNEL || op->kind == OP_GRAPH;

	CHECK(op->corr >= t->last && op->kind <= OP_UPDATE && op->tid);
	CHECK(op->kind != OP_KERNEL || op->symbol == OP_SYMBOL_NONE || op->symbol < t->s->names.n);
	t->last = op->corr;
	t->by_kind[op->kind]++;
	t->with_gpu += launched && op->gpu_start;
	return true;
}

static void check_process(const struct session *s, size_t i)
{
	const struct process *q = s->list[i];
	struct tally_ops t = { .s = s };
	struct op_stream_status st;

	CHECK(session_ops(s, "unit", i, 1, tally, &t, &st) == EXIT_OK);
	CHECK(!st.late && !st.unplaced && st.orphans == q->join.work_alone);
	CHECK(t.with_gpu == q->join.launches_matched);
	CHECK(st.unmatched + st.captured == q->join.launches_alone);
	CHECK(t.by_kind[OP_GRAPH] == q->graph_launches);
	CHECK(t.by_kind[OP_SYNC] == (q->launch.count ? tally_sum(&q->sync).count : 0));
	if (q->level == LEVEL_GRAPH && q->launch.count) {
		CHECK(t.by_kind[OP_MEMCPY] == tally_sum(&q->memcpy).count);
		CHECK(t.by_kind[OP_MEMSET] == q->memset.count);
		CHECK(t.by_kind[OP_KERNEL] == q->kernel.count + st.unmatched + st.captured);
	}
}

TEST(ops_of_real_traces)
{
	static const char *const name[] = { "a_ptx", "a_static", "a_static_node", "b_eager",
					    "c_compile", "c_reduce_overhead", "d_graph",
					    "d_graph_node", "e_jax", "f_cupy", "life_fork" };
	char exe[4000], path[4200];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	CHECK(n > 0);
	exe[n] = 0;
	*strrchr(exe, '/') = 0;
	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
		struct session s;

		/* The executable is in build/VARIANT. */
		snprintf(path, sizeof(path), "%s/../../tests/data/real/%s.jitness", exe, name[i]);
		if (access(path, R_OK))
			unit_skip("no real traces here");
		CHECK(session_load(&s, "unit", path) == EXIT_OK);
		for (size_t k = 0; k < s.n; k++)
			check_process(&s, k);
		session_release(&s);
	}
}
