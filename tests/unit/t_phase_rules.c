/* decoder/phase_rules, pass_marker: what a user says about passes, and what it makes of them. */
#include "decoder/phase_rules.h"

#include "decoder/mem.h"
#include "decoder/name_table.h"
#include "decoder/pass_build.h"
#include "decoder/pass_marker.h"
#include "decoder/process_model.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int rules_from(struct phase_rules *ret, const char *text)
{
	char path[] = "/tmp/jitness-rules-XXXXXX";
	int fd = mkstemp(path), code;

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	code = phase_rules_load(ret, "phases", path);
	unlink(path);
	return code;
}

TEST(phase_rules_are_read_and_refused)
{
	static const char *const bad[] = {
		"{", "{}", "{\"phases\":[1]}", "{\"phases\":[{\"label\":\"decode\"}]}",
		"{\"phases\":[{\"nvtx\":\"a\"}]}", "{\"phases\":[{\"label\":\"x\",\"nvtx\":\"a\"}]}",
		"{\"phases\":[{\"label\":\"decode\",\"nvtx\":\"(\"}]}",
		"{\"phases\":[{\"label\":\"decode\",\"nvtx\":\"\"}]}",
		"{\"phases\":[{\"label\":\"decode\",\"thread\":-1}]}",
		"{\"phases\":[{\"label\":\"decode\",\"thread\":\"3\"}]}",
		"{\"phases\":[{\"label\":\"decode\",\"nvxt\":\"a\"}]}",
		"{\"phases\":[{\"label\":\"decode\",\"kernel\":\"[\"}]}",
		"{\"phases\":[{\"label\":\"decode\",\"graph\":\"all\"}]}",
		"{\"phases\":[{\"label\":\"decode\",\"stream\":\"any\"}]}",
	};
	struct phase_rules r;
	int null = open("/dev/null", O_WRONLY);

	CHECK(!rules_from(&r, "{\"phases\":[{\"label\":\"prefill\",\"nvtx\":\"^pre\"},"
			      "{\"label\":\"decode\",\"nvtx\":\"step\",\"thread\":3}]}"));
	CHECK(r.n == 2 && r.list[0].label == PASS_PREFILL && r.list[1].label == PASS_DECODE);
	CHECK(phase_rule_matches(&r.list[0], PHASE_RULE_nvtx, "prefill 3"));
	CHECK(!phase_rule_matches(&r.list[0], PHASE_RULE_nvtx, "a prefill"));
	CHECK(r.list[1].has[PHASE_RULE_thread] && r.list[1].number[PHASE_RULE_thread] == 3);
	CHECK(!r.list[0].has[PHASE_RULE_thread]);
	phase_rules_release(&r);
	CHECK(!rules_from(&r, "{\"phases\":[{\"label\":\"decode\",\"graph\":\"any\",\"stream\":7},"
			      "{\"label\":\"decode\",\"graph\":12,\"kernel\":\"a\",\"python\":\"b\"}]}"));
	CHECK(r.list[0].number[PHASE_RULE_graph] == PHASE_RULE_ANY && r.list[0].bit == 0);
	CHECK(r.list[1].number[PHASE_RULE_graph] == 12 && r.list[1].bit == 1);
	CHECK(r.list[0].number[PHASE_RULE_stream] == 7 && phase_rule_of_ops(&r.list[0]));
	phase_rules_release(&r);
	dup2(null, STDERR_FILENO); /* the sentences are compared in tests/cli */
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK(rules_from(&r, bad[i]) == 2 && !r.n);
	CHECK(phase_rules_load(&r, "phases", "/nonexistent/rules") == 3);
}

/* A range names what behaviour left unnamed, and never overrides it. */
TEST(markers_name_and_contradict)
{
	static const char file[] = "{\"phases\":[{\"label\":\"prefill\",\"nvtx\":\"^prefill\"}]}";
	struct range ranges[] = {
		{ .start = 50, .end = 100000, .tid = 1 },  /* around everything */
		{ .start = 990, .end = 2010, .tid = 1 },   /* the first pass */
		{ .start = 2990, .end = 4010, .tid = 1 },  /* the second */
		{ .start = 4990, .end = 6010, .tid = 2 },  /* another thread's */
	};
	struct pass list[] = {
		{ .host_start = 1000, .end = 2000, .tid = 1 },
		{ .host_start = 3000, .end = 4000, .tid = 1, .label = PASS_DECODE, .confidence = 90 },
		{ .host_start = 5000, .end = 6000, .tid = 1 },
	};
	struct process p = { .ranges = { .ranges = ranges, .n_ranges = 4 },
			     .passes = { .list = list, .n = 3 } };
	struct names names = { 0 };
	struct phase_rules r;

	for (size_t i = 0; i < 4; i++)
		ranges[i].message = names_put(&names, "prefill 7", 9);
	CHECK(!rules_from(&r, file));
	passes_mark(&p, &names, &r, NULL);
	CHECK(list[0].label == PASS_PREFILL && list[0].vote[VOTE_MARKER] == 100);
	CHECK(list[1].label == PASS_DECODE && list[1].confidence == 90);
	CHECK(list[1].vote[VOTE_MARKER] == -100);
	CHECK(list[2].label == PASS_UNLABELLED && !list[2].vote[VOTE_MARKER]);
	phase_rules_release(&r);
	names_release(&names);
}

/* --- what ran in a pass */

static struct op ops[64];
static size_t n_ops, readings;

static bool give_ops(void *arg, uint64_t stride, op_fn fn, void *fn_arg)
{
	CHECK(arg == ops && stride == 1);
	readings++;
	for (size_t i = 0; i < n_ops; i++)
		if (!fn(fn_arg, &ops[i]))
			break;
	return true;
}

static struct op *op_at(uint32_t tid, uint64_t start, uint32_t kind, uint32_t symbol, uint32_t stream)
{
	ops[n_ops] = (struct op){ .corr = n_ops + 1, .host_start = start, .host_end = start + 5,
				  .kind = kind, .tid = tid, .context = 1, .stream = stream,
				  .symbol = symbol, .grid = 1 };
	return &ops[n_ops++];
}

/*
 * Passes of two threads, of which no behaviour is known:
 *   0  thread 1: two kernels on stream 7, one on 8: gemm, ns::attend<4>, gemm
 *   1  thread 2: a replay of graph 12 (gemm, splitkv) on stream 9, and gemm on 7
 *   2  thread 1: one kernel on stream 8: norm; before and after it, outside of any, gemm
 *   3  thread 2: one of whose record nothing came, and a recording
 *   4  thread 1: nothing was seen of it
 */
static struct pass passes[5];
static struct process p;
static struct names names;
static struct graph_kernel graph_kernels[2];
static struct graph_exec graph = { .graph = 12, .kernels = graph_kernels, .n_kernels = 2 };
static struct pass_shape shapes[2];

static void two_threads(void)
{
	uint32_t gemm = names_put(&names, "gemm", 4), norm = names_put(&names, "norm", 4);
	uint32_t attend = names_put(&names, "_ZN2ns6attendILi4EEEvv", 22);

	for (unsigned i = 0; i < 5; i++)
		passes[i] = (struct pass){ .host_start = 1000 * (i + 1), .end = 1000 * (i + 1) + 900,
					   .tid = i % 2 + 1, .shape = i % 2 };
	graph_kernels[0].name = gemm;
	graph_kernels[1].name = names_put(&names, "splitkv", 7);
	p = (struct process){ .passes = { .list = passes, .n = 5, .shapes = shapes, .n_shapes = 2 },
			      .graphs = { .list = &graph, .n = 1 } };
	idmap_put(&p.graphs.by_id, 12, 0);
	n_ops = readings = 0;
	op_at(1, 1000, OP_KERNEL, gemm, 7);
	op_at(1, 1100, OP_KERNEL, attend, 8);
	op_at(1, 1900, OP_KERNEL, gemm, 7);
	op_at(1, 2300, OP_KERNEL, gemm, 7);
	op_at(2, 2400, OP_GRAPH, 12, 9)->grid = 2;
	op_at(2, 2500, OP_KERNEL, gemm, 7);
	op_at(1, 3000, OP_KERNEL, norm, 8);
	op_at(1, 3950, OP_KERNEL, gemm, 7);
	op_at(2, 4000, OP_KERNEL, OP_SYMBOL_NONE, 0);
	op_at(2, 4100, OP_GRAPH, 12, 9)->captured = true;
}

/* The labels of the passes under this rule for "decode": "d" or "." */
static const char *marked(const char *conditions)
{
	static char text[6];
	SCOPED_FREE char *file = mem_printf("{\"phases\":[{\"label\":\"decode\",%s}]}", conditions);
	const struct pass_source src = { .run = give_ops, .arg = ops };
	struct phase_rules r;

	CHECK(!rules_from(&r, file));
	for (unsigned i = 0; i < 5; i++) {
		passes[i].label = PASS_UNLABELLED;
		passes[i].vote[VOTE_MARKER] = 0;
	}
	passes_mark(&p, &names, &r, &src);
	for (unsigned i = 0; i < 5; i++)
		text[i] = passes[i].label == PASS_DECODE ? 'd' : '.';
	phase_rules_release(&r);
	return text;
}

static void release(void)
{
	idmap_release(&p.graphs.by_id);
	names_release(&names);
}

TEST(rules_by_kernel_graph_and_stream)
{
	two_threads();
	CHECK(!strcmp(marked("\"kernel\":\"^gemm$\""), "dd...")); /* in a replay, too */
	CHECK(!strcmp(marked("\"kernel\":\"ns::attend\""), "d....")); /* demangled */
	CHECK(!strcmp(marked("\"kernel\":\"^_ZN2ns\""), "d....")); /* or as it is */
	CHECK(!strcmp(marked("\"kernel\":\"splitkv\""), ".d..."));
	CHECK(!strcmp(marked("\"kernel\":\"norm\""), "..d.."));
	CHECK(!strcmp(marked("\"graph\":\"any\""), ".d..."));
	CHECK(!strcmp(marked("\"graph\":12"), ".d..."));
	CHECK(!strcmp(marked("\"graph\":13"), "....."));
	CHECK(!strcmp(marked("\"stream\":7"), "d...."));
	CHECK(!strcmp(marked("\"stream\":8"), "..d..")); /* most of them, not some */
	CHECK(!strcmp(marked("\"stream\":9"), ".d...")); /* two of three, by one launch of two */
	CHECK(!strcmp(marked("\"stream\":0"), ".....")); /* what did not run is nowhere */
	CHECK(!strcmp(marked("\"kernel\":\"gemm\",\"stream\":9"), ".d..."));
	CHECK(!strcmp(marked("\"kernel\":\"gemm\",\"thread\":1"), "d...."));
	CHECK(!strcmp(marked("\"kernel\":\"gemm\",\"graph\":13"), "....."));
	CHECK(readings == 15);
	CHECK(!strcmp(marked("\"thread\":1"), "d.d.d") && readings == 15); /* not read for that */
	release();
}

TEST(rules_in_their_order_and_against_behaviour)
{
	static const char file[] = "{\"phases\":[{\"label\":\"pass\",\"kernel\":\"norm\"},"
				   "{\"label\":\"prefill\",\"kernel\":\"gemm\"},"
				   "{\"label\":\"mixed\",\"thread\":1}]}";
	const struct pass_source src = { .run = give_ops, .arg = ops };
	struct phase_rules r;

	two_threads();
	passes[1].label = PASS_DECODE;
	passes[1].confidence = 90;
	CHECK(!rules_from(&r, file));
	passes_mark(&p, &names, &r, &src);
	CHECK(passes[0].label == PASS_PREFILL && passes[0].confidence == PASS_MARKER_CONFIDENCE);
	CHECK(passes[1].label == PASS_DECODE && passes[1].confidence == 90);
	CHECK(passes[1].vote[VOTE_MARKER] == -100);
	CHECK(passes[2].label == PASS_UNLABELLED && passes[2].vote[VOTE_MARKER] == 100);
	CHECK(passes[3].label == PASS_UNLABELLED && !passes[3].vote[VOTE_MARKER]);
	CHECK(passes[4].label == PASS_MIXED);
	phase_rules_release(&r);
	release();
}

/* n rules for graphs, and as many that need no bit. */
static int rules_many(struct phase_rules *ret, unsigned n)
{
	SCOPED_FREE char *text = mem_text("", 0);
	SCOPED_FREE char *file = NULL;

	for (unsigned i = 0; i < n; i++) {
		char *more = mem_printf("%s%s{\"label\":\"decode\",\"graph\":%u},"
					"{\"label\":\"decode\",\"thread\":3}", text, i ? "," : "", i);

		free(text);
		text = more;
	}
	file = mem_printf("{\"phases\":[%s]}", text);
	return rules_from(ret, file);
}

TEST(rules_have_bits_for_64)
{
	struct phase_rules r;

	CHECK(!rules_many(&r, PHASE_RULE_BITS) && r.n == 2 * PHASE_RULE_BITS);
	CHECK(r.list[126].bit == 63 && r.list[127].bit == PHASE_RULE_NO_BIT);
	phase_rules_release(&r);
	dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
	CHECK(rules_many(&r, PHASE_RULE_BITS + 1) == 2 && !r.n);
}

/* --- Python functions */

/* A stack that was taken in one pass speaks for all passes of its shape. */
TEST(rules_by_python_function)
{
	struct stack_frame frames[3] = { { .id = 1, .type = FRAME_IS_PYTHON },
					 { .id = 2, .parent = 1, .type = FRAME_IS_PYTHON },
					 { .id = 3, .parent = 1, .type = FRAME_IS_PYTHON } };
	struct module_load loads[] = { { .start = 1200, .end = 1300, .tid = 1, .python = 2 },
				       { .start = 2500, .end = 2600, .tid = 1, .python = 3 } };
	struct graph_recording recording = { .start = 4100, .end = 4200, .tid = 2, .python = 3 };
	struct module module = { .time = 3200, .tid = 1, .python = 3 };
	struct compile_call call = { .start = 2100, .end = 2200, .tid = 2, .python = 2 };

	two_threads();
	p.stacks = (struct stack_table){ .frames = frames, .n_frames = 3 };
	for (unsigned i = 0; i < 3; i++)
		idmap_put(&p.stacks.frame_by_id, i + 1, i);
	frames[0].file = frames[1].file = frames[2].file = names_put(&names, "/app/serve.py", 13);
	frames[0].function = names_put(&names, "main", 4);
	frames[1].function = names_put(&names, "forward_decode", 14);
	frames[2].function = names_put(&names, "Model.prefill", 13);
	p.modules.loads = loads;
	p.modules.n_loads = 2;
	CHECK(!strcmp(marked("\"python\":\"serve\\\\.py:forward_decode$\""), "d.d.d"));
	CHECK(!strcmp(marked("\"python\":\":main$\""), "d.d.d"));
	CHECK(!strcmp(marked("\"python\":\"prefill\""), ".....")); /* thread 1 was in no pass then */
	CHECK(!strcmp(marked("\"python\":\"decode\",\"kernel\":\"norm\""), "..d.."));
	CHECK(!strcmp(marked("\"python\":\"decode\",\"thread\":2"), "....."));
	p.graphs.recordings = &recording;
	p.graphs.n_recordings = 1;
	CHECK(!strcmp(marked("\"python\":\"prefill\""), ".d.d."));
	p.compiles.calls = &call;
	p.compiles.n_calls = 1;
	CHECK(!strcmp(marked("\"python\":\"decode\",\"thread\":2"), ".d.d."));
	p.modules.modules = &module;
	p.modules.n_modules = 1;
	CHECK(!strcmp(marked("\"python\":\"prefill\",\"thread\":1"), "d.d.d"));
	idmap_release(&p.stacks.frame_by_id);
	release();
}
