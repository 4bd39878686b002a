/* decoder/op_stream: rows of a trace, however late and of whatever thread, as operations in order. */
#include "decoder/op_stream.h"

#include <stdlib.h>
#include <string.h>

#include "decoder/mem.h"
#include "decoder/name_table.h"
#include "decoder/op_window.h"
#include "decoder/process_model.h"
#include "tests/unit/trace_kit.h"
#include "tests/unit/unit.h"
#include "trace/event.h"
#include "trace/writer.h"

/* --- a trace, and what comes out of it */

static struct writer *w;
static int dir;
static struct process p;
static struct names names;
static struct op *ops; /* the first OPS_KEPT */
static size_t n_ops, stop_at, gaps;
static uint64_t gap_at;
static uint64_t last_corr, stride = 1;
static struct op_stream_status status;

#define OPS_KEPT 64

static void begin(void)
{
	dir = kit_dir();
	CHECK(!writer_open(&w, dir, "o.jnt", 7, 1000, 0));
}

static void row(uint32_t tid, enum event_kind kind, const uint64_t *f)
{
	CHECK(!writer_add(w, tid, kind, f, event_type_of(kind)->n_fields, NULL, 0));
}

static void string(uint64_t id, const char *text)
{
	CHECK(!writer_add(w, 9, EVENT_STRING, &id, STRING_N, text, strlen(text)));
}

/* Times of the operation with id c: the host's at 100 c, the GPU's at 100 c + 50. */
static void launch_as(uint32_t tid, uint64_t c, uint64_t api, uint64_t result)
{
	row(tid, EVENT_LAUNCH, (uint64_t[LAUNCH_N]){ 100 * c, 100 * c + 9, c, api, result });
}

static void launch(uint32_t tid, uint64_t c)
{
	launch_as(tid, c, API_CU_LAUNCH_KERNEL, 0);
}

static void kernel_as(uint64_t c, uint64_t start, uint64_t name, uint64_t stream, uint64_t node)
{
	row(9, EVENT_KERNEL, (uint64_t[KERNEL_N]){
		[KERNEL_START] = start, [KERNEL_END] = start + 7, [KERNEL_CORR] = c,
		[KERNEL_NAME] = name, [KERNEL_CONTEXT] = 1, [KERNEL_STREAM] = stream,
		[KERNEL_GRID_X] = 5, [KERNEL_GRID_Y] = 2, [KERNEL_GRID_Z] = 1,
		[KERNEL_BLOCK_X] = 32, [KERNEL_BLOCK_Y] = 4, [KERNEL_BLOCK_Z] = 1,
		[KERNEL_GRAPH] = node ? 77 : 0, [KERNEL_NODE] = node });
}

static void kernel(uint64_t c, uint64_t stream)
{
	kernel_as(c, 100 * c + 50, 1, stream, 0);
}

static void copy(uint64_t c, uint64_t context, uint64_t stream, uint64_t node)
{
	row(9, EVENT_MEMCPY, (uint64_t[MEMCPY_N]){
		[MEMCPY_START] = 100 * c + 20, [MEMCPY_END] = 100 * c + 90, [MEMCPY_CORR] = c,
		[MEMCPY_BYTES] = 4096, [MEMCPY_COPY_KIND] = COPY_DTOH,
		[MEMCPY_CONTEXT] = context, [MEMCPY_STREAM] = stream, [MEMCPY_NODE] = node });
}

static void sync_stream(uint64_t c, uint64_t stream)
{
	row(9, EVENT_SYNC, (uint64_t[SYNC_N]){ 100 * c, 100 * c + 60, c, SYNC_OF_STREAM, 1,
					       stream, 0 });
}

static void capture(uint32_t tid, uint64_t start, uint64_t end)
{
	row(tid, EVENT_GRAPH, (uint64_t[GRAPH_N]){ [GRAPH_START] = start, [GRAPH_END] = end,
						   [GRAPH_OP] = GRAPH_OP_CAPTURE });
}

static void update(uint32_t tid, uint64_t c, enum graph_op op, uint64_t result)
{
	row(tid, EVENT_GRAPH, (uint64_t[GRAPH_N]){ [GRAPH_START] = 100 * c, [GRAPH_END] = 100 * c + 40,
						   [GRAPH_CORR] = c, [GRAPH_RESULT] = result,
						   [GRAPH_OP] = op, [GRAPH_GRAPH] = 77 });
}

static void next_frame(void)
{
	CHECK(!writer_flush(w, 0));
}

static bool keep(void *arg, const struct op *op)
{
	CHECK(arg == &n_ops);
	CHECK(op->corr >= last_corr);
	last_corr = op->corr;
	if (op->after_gap && ++gaps)
		gap_at = op->corr;
	if (n_ops < OPS_KEPT)
		ops[n_ops] = *op;
	return ++n_ops != stop_at;
}

static void end(void)
{
	struct bytes b;
	struct trace_source source;
	struct reader *r;

	next_frame();
	writer_close(w);
	b = kit_read_file(dir, "o.jnt");
	source = kit_source(&b);
	ops = mem_zalloc(OPS_KEPT, sizeof(*ops));
	CHECK(!reader_open_source(&r, &source, NULL));
	CHECK(!process_read(&p, r, "o.jnt", &names, NULL, NULL));
	reader_close(r);
	CHECK(!reader_open_source(&r, &source, NULL));
	CHECK(!op_stream_run(&p, r, stride, keep, &n_ops, &status));
	reader_close(r);
	CHECK(status.ops == n_ops);
	free(b.p);
}

static bool clean(void)
{
	return !status.unmatched && !status.orphans && !status.late && !status.unplaced;
}

/* --- */

TEST(ops_launch_with_its_kernel)
{
	begin();
	string(1, "gemm");
	launch(7, 3);
	kernel(3, 13);
	end();
	CHECK(n_ops == 1 && clean());
	CHECK(ops[0].kind == OP_KERNEL && ops[0].corr == 3 && ops[0].tid == 7);
	CHECK(ops[0].host_start == 300 && ops[0].host_end == 309);
	CHECK(ops[0].gpu_start == 350 && ops[0].gpu_end == 357);
	CHECK(!strcmp(names_text(&names, ops[0].symbol), "gemm"));
	CHECK(ops[0].grid == 10 && ops[0].block == 128 && ops[0].stream == 13);
	CHECK(ops[0].context == 1 && !ops[0].captured);
}

TEST(ops_rows_in_any_order_come_out_in_the_hosts)
{
	begin();
	kernel(8, 13); /* the GPU's row first, in a frame before the launch's */
	next_frame();
	for (uint64_t c = 9; c > 4; c--) {
		launch((uint32_t)c % 2 + 1, c);
		next_frame();
	}
	kernel(9, 13);
	kernel(5, 13);
	next_frame();
	kernel(7, 13);
	kernel(6, 13);
	end();
	CHECK(n_ops == 5 && clean());
	for (uint64_t i = 0; i < 5; i++)
		CHECK(ops[i].corr == 5 + i && ops[i].tid == ops[i].corr % 2 + 1 &&
		      ops[i].gpu_start == 100 * ops[i].corr + 50);
	CHECK(ops[0].symbol == OP_SYMBOL_NONE); /* its string is lost */
}

TEST(ops_lost_rows_are_counted)
{
	begin();
	launch(7, 1);
	launch(7, 2);
	kernel(2, 13);
	launch_as(7, 3, API_CU_LAUNCH_KERNEL, 719); /* failed: nothing to expect */
	kernel(4, 13);
	kernel(0, 13);
	kernel(1ull << 40, 13); /* CUPTI's have 32 bits */
	end();
	CHECK(n_ops == 2 && status.unmatched == 1 && status.orphans == 1 && status.unplaced == 2);
	CHECK(ops[0].corr == 1 && !ops[0].gpu_start && ops[0].symbol == OP_SYMBOL_NONE);
	CHECK(!ops[0].captured && ops[1].gpu_start);
}

static void sync_call(uint32_t tid, uint64_t c)
{
	row(tid, EVENT_SYNC, (uint64_t[SYNC_N]){ 100 * c, 100 * c + 60, c, SYNC_OF_STREAM, 1, 13, 0,
						 API_CU_STREAM_SYNC });
}

TEST(ops_syncs_belong_to_who_waited)
{
	begin();
	launch(6, 40);
	launch(7, 41);
	kernel(40, 13);
	kernel(41, 14);
	sync_call(7, 42); /* for thread 6's stream */
	sync_call(8, 43); /* launches nothing: for the stream's owner */
	end();
	CHECK(n_ops == 4 && ops[2].kind == OP_SYNC && ops[2].tid == 7);
	CHECK(ops[3].kind == OP_SYNC && ops[3].tid == 6);
}

TEST(ops_copies_and_syncs_between_launches)
{
	begin();
	copy(1, 1, 13, 0);  /* before any launch: the thread that launches most */
	launch(7, 10);
	launch(8, 20);
	launch(8, 30);
	launch(6, 40);
	sync_stream(45, 13);
	copy(15, 1, 13, 0); /* stream 13 was thread 7's last */
	copy(25, 1, 13, 0); /* and is still */
	copy(26, 1, 99, 0); /* unknown stream: the context's last */
	copy(27, 5, 13, 0); /* unknown context */
	kernel(10, 13);
	kernel(20, 14);
	kernel(30, 14);
	kernel(40, 13);
	end();
	CHECK(n_ops == 10 && clean());
	CHECK(ops[0].kind == OP_MEMCPY && ops[0].tid == 8);
	CHECK(ops[2].corr == 15 && ops[2].kind == OP_MEMCPY && ops[2].tid == 7);
	CHECK(ops[2].symbol == COPY_DTOH && ops[2].bytes == 4096 && !ops[2].host_start);
	CHECK(ops[2].gpu_start == 1520 && ops[2].gpu_end == 1590);
	CHECK(ops[4].corr == 25 && ops[4].tid == 7);
	CHECK(ops[5].corr == 26 && ops[5].tid == 8);
	CHECK(ops[6].corr == 27 && ops[6].tid == 8);
	CHECK(ops[9].kind == OP_SYNC && ops[9].symbol == SYNC_OF_STREAM && ops[9].tid == 6);
	CHECK(ops[9].host_start == 4500 && ops[9].host_end == 4560 && !ops[9].gpu_start);
}

TEST(ops_one_call_that_copies_and_waits)
{
	begin();
	kernel(1, 13);
	sync_stream(2, 13);
	next_frame();
	copy(2, 1, 13, 0);
	copy(2, 1, 13, 0);
	sync_stream(1, 13); /* of a launch's id: after it */
	next_frame();
	launch(7, 1);
	end();
	CHECK(n_ops == 5 && clean());
	CHECK(ops[0].kind == OP_KERNEL && ops[1].kind == OP_SYNC && ops[1].corr == 1);
	CHECK(ops[2].kind == OP_MEMCPY && ops[3].kind == OP_MEMCPY && ops[4].kind == OP_SYNC);
}

TEST(ops_graph_replay)
{
	begin();
	row(7, EVENT_GRAPH, (uint64_t[GRAPH_N]){ [GRAPH_START] = 1, [GRAPH_END] = 2,
						 [GRAPH_GRAPH] = 5, [GRAPH_KERNEL_NODES] = 12 });
	launch_as(7, 3, API_CU_GRAPH_LAUNCH, 0);
	launch_as(7, 4, API_CU_GRAPH_LAUNCH, 0);
	row(9, EVENT_GRAPH_RUN, (uint64_t[GRAPH_RUN_N]){ 333, 444, 3, 5, 0, 1, 13 });
	end();
	CHECK(n_ops == 2 && status.unmatched == 1);
	CHECK(ops[0].kind == OP_GRAPH && ops[0].symbol == 5 && ops[0].grid == 12);
	CHECK(ops[0].gpu_start == 333 && ops[0].gpu_end == 444 && ops[0].stream == 13);
	CHECK(ops[1].kind == OP_GRAPH && ops[1].symbol == OP_SYMBOL_NONE && !ops[1].grid);
}

TEST(ops_level_node_is_one_operation_a_replay)
{
	begin();
	string(1, "gemm");
	kernel_as(3, 900, 1, 13, 1);
	launch_as(7, 3, API_CU_GRAPH_LAUNCH, 0);
	copy(3, 1, 13, 2); /* 320 to 390 */
	kernel_as(3, 500, 1, 14, 3);
	next_frame();
	kernel_as(3, 600, 1, 14, 4);
	row(9, EVENT_MEMSET, (uint64_t[MEMSET_N]){ [MEMSET_START] = 950, [MEMSET_END] = 960,
						   [MEMSET_CORR] = 3, [MEMSET_NODE] = 5 });
	launch(7, 4);
	kernel(4, 13);
	end();
	CHECK(n_ops == 2 && clean());
	CHECK(ops[0].kind == OP_GRAPH && ops[0].symbol == 77 && ops[0].grid == 3);
	CHECK(ops[0].gpu_start == 320 && ops[0].gpu_end == 960 && !ops[0].block);
	CHECK(ops[1].kind == OP_KERNEL && ops[1].grid == 10);
}

TEST(ops_captured_launches)
{
	begin();
	capture(7, 1000, 2000);
	capture(7, 1500, 1600); /* a second stream meanwhile */
	launch(7, 9);           /* before: lost */
	launch(7, 10);
	launch(7, 15);
	kernel(15, 13);         /* another stream: it ran */
	launch(7, 20);
	launch(7, 21);
	launch(8, 18);          /* another thread into the same capture */
	end();
	CHECK(n_ops == 6 && status.captured == 3 && status.unmatched == 2);
	CHECK(!ops[0].captured && ops[1].captured && !ops[2].captured && ops[2].gpu_start);
	CHECK(ops[3].corr == 18 && ops[3].captured && ops[4].captured && !ops[5].captured);
}

TEST(ops_captures_of_other_threads_need_a_whole_trace)
{
	begin();
	capture(7, 1000, 2000);
	launch(7, 15);
	launch(8, 18);
	row(9, EVENT_LOST, (uint64_t[LOST_N]){ 1, LOST_BY_POOL, 4 });
	end();
	CHECK(n_ops == 2 && ops[0].captured && !ops[1].captured && status.unmatched == 1);
}

TEST(ops_two_calls_of_one_launch)
{
	begin();
	row(7, EVENT_LAUNCH, (uint64_t[LAUNCH_N]){ 20, 30, 1, API_CU_LAUNCH_KERNEL, 0 });
	row(7, EVENT_LAUNCH, (uint64_t[LAUNCH_N]){ 10, 40, 1, API_CU_LAUNCH_KERNEL, 0 });
	kernel(1, 13);
	end();
	CHECK(n_ops == 1 && ops[0].host_start == 10 && ops[0].host_end == 40);
}

TEST(ops_correlation_ids_start_again)
{
	const uint64_t first = UINT32_MAX - 2;

	begin();
	for (uint64_t i = 0; i < 6; i++) {
		uint64_t corr = (uint32_t)(first + i);

		if (corr)
			row(7, EVENT_LAUNCH, (uint64_t[LAUNCH_N]){ 100 * i, 100 * i + 9, corr,
								   API_CU_LAUNCH_KERNEL, 0 });
	}
	next_frame();
	for (uint64_t i = 6; i-- > 0;)
		if ((uint32_t)(first + i))
			kernel_as((uint32_t)(first + i), 100 * i + 50, 1, 13, 0);
	end();
	CHECK(n_ops == 5 && clean());
	for (unsigned i = 0; i < 5; i++)
		CHECK(ops[i].corr == first + i + (i > 2) && ops[i].tid == 7 &&
		      ops[i].gpu_start == ops[i].host_start + 50);
}

TEST(ops_huge_grids_saturate)
{
	begin();
	launch(7, 1);
	row(9, EVENT_KERNEL, (uint64_t[KERNEL_N]){
		[KERNEL_CORR] = 1, [KERNEL_GRID_X] = UINT64_MAX, [KERNEL_GRID_Y] = UINT64_MAX,
		[KERNEL_GRID_Z] = 2, [KERNEL_BLOCK_X] = 1u << 20, [KERNEL_BLOCK_Y] = 1,
		[KERNEL_BLOCK_Z] = 1 });
	end();
	CHECK(n_ops == 1 && clean() && ops[0].grid == UINT32_MAX && ops[0].block == UINT16_MAX);
}

TEST(ops_none_without_launches)
{
	begin();
	kernel(1, 13);
	copy(2, 1, 13, 0);
	end();
	CHECK(!n_ops && clean());
}

TEST(ops_end_when_told)
{
	begin();
	for (uint64_t c = 1; c <= 5; c++)
		launch(7, c);
	stop_at = 2;
	end();
	CHECK(n_ops == 2);
}

/* --- the window */

TEST_READS(ops_half_a_window_late_is_in_time)
{
	const uint64_t n = OP_WINDOW * 5 / 4, lag = OP_WINDOW / 2;

	begin();
	for (uint64_t c = 1; c <= n + lag; c++) {
		if (c <= n)
			launch(7, 3 * c);
		if (c > lag)
			kernel(3 * (c - lag), 13);
	}
	end();
	CHECK(n_ops == n && clean());
}

TEST_READS(ops_beyond_the_window_is_counted)
{
	const uint64_t n = OP_WINDOW + 10;

	begin();
	for (uint64_t c = 1; c <= n; c++) {
		launch(7, c);
		if (c != 5)
			kernel(c, 13);
	}
	kernel(5, 13);
	copy(6, 1, 13, 0);
	launch(8, 4);
	copy(n, 1, 13, 0);
	end();
	CHECK(n_ops == n + 1 && status.unmatched == 1 && status.late == 3 && !status.orphans);
	CHECK(!ops[4].gpu_start && ops[5].gpu_start);
}

TEST(ops_of_one_id_at_the_edge_of_the_window)
{
	begin();
	launch(7, 1);
	for (uint64_t i = 0; i < OP_WINDOW; i++) /* half of them would be the edge */
		sync_stream(2, 13);
	next_frame(); /* a frame gives out thread 7 before 9 */
	launch(7, 3);
	kernel(3, 13);
	kernel(1, 13);
	end();
	/* The last sync met a full window; with half of it the place of its id passed. */
	CHECK(n_ops == OP_WINDOW + 1 && status.late == 2 && status.unmatched == 1);
}

static bool count_given(void *arg, const struct op_entry *e)
{
	uint64_t *n = arg;

	CHECK(op_entry_id(e) == OP_ID_BASE + 1 + (*n)++);
	return true;
}

/* What no row can join any more does not wait until the window is full. */
TEST(ops_window_stays_small)
{
	const uint64_t n = 200000, behind = 3000;
	struct op_lag lag = { 0 };
	struct op_window win;
	uint64_t given = 0;

	for (int reading = 0; reading < 2; reading++) {
		if (reading)
			op_window_init(&win, &lag, count_given, &given);
		for (uint64_t i = 1; i <= n + behind; i++) {
			const uint64_t corr[] = { i, i > behind ? i - behind : 1 };

			for (unsigned k = i > n; k < 2; k++) {
				if (reading)
					CHECK(op_window_join(&win, op_window_id(&win, (uint32_t)corr[k])));
				else
					op_lag_add(&lag, &corr[k], 1);
			}
		}
	}
	CHECK(lag.most == behind && !win.late && win.used < 2 * behind);
	CHECK(given + 2 * behind >= n);
	op_window_drain(&win);
	CHECK(given == n && !win.late);
	op_window_release(&win);
}

/* Of each thread the first window, then one of three; what ran for the others, and copies, are left out. */
TEST(ops_of_a_sample)
{
	const uint64_t n = 4 * OP_SAMPLE_WINDOW, few = 10;

	begin();
	for (uint64_t i = 0; i < n; i++) {
		launch(7, 2 * i + 1);
		kernel(2 * i + 1, 13);
		if (i >= n - few) {
			launch(8, 2 * i + 2);
			kernel(2 * i + 2, 14);
		}
		if (i == OP_SAMPLE_WINDOW) {
			copy(2 * i + 2, 1, 13, 0);
			sync_call(7, 2 * i + 2);
		}
	}
	stride = 3;
	end();
	CHECK(n_ops == 2 * OP_SAMPLE_WINDOW + few + 1 && clean());
	CHECK(gaps == 1 && gap_at == 2 * 3 * OP_SAMPLE_WINDOW + 1);
}

TEST(ops_updates_in_a_row_are_one)
{
	begin();
	for (uint64_t c = 1; c <= 50; c++)
		update(7, c, GRAPH_OP_NODE_UPDATE, 0);
	launch_as(7, 51, API_CU_GRAPH_LAUNCH, 0);
	update(7, 60, GRAPH_OP_UPDATE, 0);
	update(7, 62, GRAPH_OP_UPDATE, 0); /* another call lies between */
	update(7, 63, GRAPH_OP_UPDATE, 1); /* did nothing */
	update(8, 64, GRAPH_OP_UPDATE, 0);
	update(8, 65, GRAPH_OP_INSTANTIATE, 0);
	end();
	CHECK(n_ops == 5);
	CHECK(ops[0].kind == OP_UPDATE && ops[0].symbol == 77 && ops[0].tid == 7 && ops[0].corr == 1);
	CHECK(ops[0].host_start == 100 && ops[0].host_end == 5040);
	CHECK(ops[1].kind == OP_GRAPH && ops[2].corr == 60 && ops[3].corr == 62);
	CHECK(ops[3].host_end == 6240 && ops[4].tid == 8 && ops[4].host_start == 6400);
}

/* Not a place of its own for each id: rows of one place come in order all the same. */
TEST(ops_that_share_a_place)
{
	const uint64_t n = 3000, late = 1ull << 30;

	begin();
	launch(7, late);
	for (uint64_t i = n; i > 0; i--) {
		launch(7, i);
		if (i % 3 == 0)
			sync_call(7, i);
		if (i % 5 == 0)
			copy(i, 1, 13, 0);
	}
	for (uint64_t i = 1; i <= n; i++)
		kernel(i, 13);
	end();
	CHECK(n_ops == n + 1 + n / 3 + n / 5 && status.unmatched == 1 && !status.late);
	for (unsigned i = 0; i < OPS_KEPT - 1; i++) /* of one id: the launch, copies, the sync */
		CHECK(ops[i].corr < ops[i + 1].corr || ops[i].kind < ops[i + 1].kind);
}

/* All of them fall on the same few places of the table. */
TEST(ops_sparse_and_scattered_ids)
{
	const uint64_t n = 20000;

	begin();
	for (uint64_t i = 0; i < n; i++)
		launch(7, 1 + (i * 7919 % n) * (2 * OP_WINDOW) % 0x7fffffff);
	end();
	CHECK(n_ops == n && status.unmatched == n && !status.late);
}
