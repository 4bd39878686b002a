#include "decoder/process_model.h"

#include <string.h>

#include "decoder/mem.h"
#include "decoder/pass_find.h"
#include "decoder/process_identity.h"
#include "trace/encode.h"

#define PROGRESS_ROWS (1u << 20)

/* 0 is no time: less 1, it is later than all others. */
static void widen(struct process *p, const uint64_t *time, uint32_t rows)
{
	uint64_t first = p->first - 1, last = p->last;

	for (uint32_t i = 0; i < rows; i++) {
		const uint64_t t = time[i];

		first = t - 1 < first ? t - 1 : first;
		last = t > last ? t : last;
	}
	p->first = first + 1;
	p->last = last;
}

/* Intervals of one sort, without bytes, and how far they reach. */
static void fold_times(struct process *p, struct tally *t, const uint64_t *start, const uint64_t *end,
		       uint32_t rows)
{
	uint64_t first = p->first - 1, last = p->last, invalid = t->invalid;
	struct tally sum = *t;

	for (uint32_t i = 0; i < rows; i++) {
		const uint64_t from = start[i] - 1, to = end[i];

		tally_add(&sum, start[i], to, 0);
		first = from < first ? from : first;
		last = to > last ? to : last;
	}
	p->first = first + 1;
	p->last = last;
	*t = sum;
	if (sum.invalid == invalid)
		return;
	/* Not all begin before they end. */
	widen(p, start, rows);
	widen(p, end, rows);
}

/* Launches and kernels are gone through in parts of so many rows: what memory is asked for comes meanwhile. */
#define PART 64u

static uint32_t part_end(const struct section *s, uint32_t from)
{
	return s->rows - from > PART ? from + PART : s->rows;
}

static void count_launches(struct process *p, uint32_t tid, uint32_t rows)
{
	struct launch_counts *c = &p->launch_counts;
	uint32_t i = idmap_get(&c->by_tid, tid), most = idmap_get(&c->by_tid, p->main_tid);

	if (i == IDMAP_NONE) {
		MEM_MORE(c->list, c->n, c->cap);
		i = (uint32_t)c->n++;
		c->list[i] = 0;
		idmap_put(&c->by_tid, tid, i);
	}
	c->list[i] += rows;
	if (most == IDMAP_NONE || c->list[i] > c->list[most])
		p->main_tid = tid;
}

/* The entries of the rows after [from, to) are fetched while those are worked on. */
static void fetch(const struct process *p, const struct section *s, const uint64_t *corr, uint32_t from,
		  uint32_t to)
{
	if (!from)
		join_ahead(&p->join, corr, to);
	join_ahead(&p->join, corr + to, part_end(s, to) - to);
}

static void fold_launches(struct process *p, const struct section *s)
{
	const uint64_t *start = s->col[LAUNCH_START], *end = s->col[LAUNCH_END];
	const uint64_t *corr = s->col[LAUNCH_CORR], *result = s->col[LAUNCH_RESULT];
	const uint64_t *api = s->of_key[LAUNCH_API];
	uint64_t errors = 0, graphs = 0;

	count_launches(p, s->tid, s->rows);
	op_lag_add(&p->op_lag, corr, s->rows);
	for (uint32_t i = 0, to; i < s->rows; i = to) {
		to = part_end(s, i);
		fetch(p, s, corr, i, to);
		near_log_rows(&p->near_log, s, i, to);
		fold_times(p, &p->launch, start + i, end + i, to - i);
		for (uint32_t k = i; k < to; k++) {
			errors += result[k] != 0;
			graphs += !result[k] && api[s->key[k]] == API_CU_GRAPH_LAUNCH;
		}
		join_launches(&p->join, corr + i, start + i, result + i, to - i);
	}
	p->launch_errors += errors;
	p->graph_launches += graphs;
}

static bool any(const uint64_t *v, uint32_t rows)
{
	uint64_t all = 0;

	for (uint32_t i = 0; i < rows; i++)
		all |= v[i];
	return all != 0;
}

static void fold_kernels(struct process *p, const struct section *s)
{
	const uint64_t *start = s->col[KERNEL_START], *end = s->col[KERNEL_END];
	const uint64_t *corr = s->col[KERNEL_CORR];

	op_lag_add(&p->op_lag, corr, s->rows);
	for (uint32_t i = 0, to; i < s->rows; i = to) {
		to = part_end(s, i);
		fetch(p, s, corr, i, to);
		near_log_rows(&p->near_log, s, i, to);
		kernel_table_fold(&p->kernels, s, i, to);
		fold_times(p, &p->kernel, start + i, end + i, to - i);
		busy_add(&p->busy, start + i, end + i, to - i);
		join_works(&p->join, corr + i, start + i, to - i);
	}
	if (any(s->col[KERNEL_NODE], s->rows))
		graph_table_nodes(&p->graphs, s);
}

/* Copies and sets have no LAUNCH record of their own, but as graph nodes they answer one. */
static void join_nodes(struct process *p, const uint64_t *node, const uint64_t *corr,
		       const uint64_t *start, uint32_t rows)
{
	for (uint32_t i = 0; i < rows; i++)
		if (node[i])
			join_work(&p->join, corr[i], start[i]);
}

static void fold_memcpys(struct process *p, const struct section *s)
{
	const uint64_t *start = s->col[MEMCPY_START], *end = s->col[MEMCPY_END];

	op_lag_add(&p->op_lag, s->col[MEMCPY_CORR], s->rows);
	for (uint32_t i = 0; i < s->rows; i++)
		tally_add(tally_of(&p->memcpy, s->col[MEMCPY_COPY_KIND][i]), start[i], end[i],
			  s->col[MEMCPY_BYTES][i]);
	busy_add(&p->busy, start, end, s->rows);
	join_nodes(p, s->col[MEMCPY_NODE], s->col[MEMCPY_CORR], start, s->rows);
}

static void fold_memsets(struct process *p, const struct section *s)
{
	const uint64_t *start = s->col[MEMSET_START], *end = s->col[MEMSET_END];

	op_lag_add(&p->op_lag, s->col[MEMSET_CORR], s->rows);
	for (uint32_t i = 0; i < s->rows; i++)
		tally_add(&p->memset, start[i], end[i], s->col[MEMSET_BYTES][i]);
	busy_add(&p->busy, start, end, s->rows);
	join_nodes(p, s->col[MEMSET_NODE], s->col[MEMSET_CORR], start, s->rows);
}

static void fold_graph_runs(struct process *p, const struct section *s, struct names *names)
{
	const uint64_t *start = s->col[GRAPH_RUN_START], *end = s->col[GRAPH_RUN_END];

	op_lag_add(&p->op_lag, s->col[GRAPH_RUN_CORR], s->rows);
	for (uint32_t i = 0; i < s->rows; i++) {
		tally_add(&p->graph_run, start[i], end[i], 0);
		join_work(&p->join, s->col[GRAPH_RUN_CORR][i], start[i]);
	}
	busy_add(&p->busy, start, end, s->rows);
	graph_table_fold(&p->graphs, s, names);
}

/* start and end are columns 0 and 1 of both. */
static void fold_spans(struct tally_set *set, const struct section *s, unsigned by)
{
	for (uint32_t i = 0; i < s->rows; i++)
		tally_add(tally_of(set, s->col[by][i]), s->col[0][i], s->col[1][i], 0);
}

static void fold_lost(struct process *p, const struct section *s)
{
	for (uint32_t i = 0; i < s->rows; i++) {
		uint64_t reason = s->col[LOST_REASON][i];

		if (reason < LOST_REASON_COUNT)
			p->lost_by[reason] += s->col[LOST_COUNT][i];
		else
			p->lost_other += s->col[LOST_COUNT][i];
	}
}

static void fold_end(struct process *p, const struct section *s)
{
	for (unsigned f = 0; s->rows && f < END_N; f++)
		p->end[f] = s->col[f][s->rows - 1];
}

/* Times come first in every kind that has them: one, or start and end. */
static void fold_extent(struct process *p, const struct section *s)
{
	const struct event_type *type = event_type_of(s->kind);

	if (!type || type->field[0].type != FIELD_TIME || s->kind == EVENT_LAUNCH ||
	    s->kind == EVENT_KERNEL) /* fold_times() */
		return;
	widen(p, s->col[0], s->rows);
	if (type->n_fields > 1 && type->field[1].type == FIELD_TIME)
		widen(p, s->col[1], s->rows);
}

static void fold_section(struct process *p, const struct section *s, struct names *names)
{
	fold_extent(p, s);
	if (s->kind != EVENT_LAUNCH && s->kind != EVENT_KERNEL)
		near_log_fold(&p->near_log, s);
	switch (s->kind) {
	case EVENT_STRING:
	case EVENT_INFO:
	case EVENT_PROCESS:
	case EVENT_THREAD:
	case EVENT_DEVICE:
	case EVENT_NOTE:
		process_identity_fold(p, s, names);
		break;
	case EVENT_CLOCK:
		for (uint32_t i = 0; i < s->rows; i++)
			clock_add(&p->clock, s->col[CLOCK_REAL][i], s->col[CLOCK_MONO][i]);
		break;
	case EVENT_CONTEXT:
		for (uint32_t i = 0; i < s->rows; i++)
			p->contexts += s->col[CONTEXT_OP][i] == LIFETIME_CREATE;
		break;
	case EVENT_STREAM:
		for (uint32_t i = 0; i < s->rows; i++)
			p->streams += s->col[STREAM_OP][i] == LIFETIME_CREATE;
		break;
	case EVENT_LAUNCH:
		fold_launches(p, s);
		break;
	case EVENT_KERNEL:
		fold_kernels(p, s);
		break;
	case EVENT_MEMCPY:
		fold_memcpys(p, s);
		break;
	case EVENT_MEMSET:
		fold_memsets(p, s);
		break;
	case EVENT_GRAPH_RUN:
		fold_graph_runs(p, s, names);
		break;
	case EVENT_SYNC:
		op_lag_add(&p->op_lag, s->col[SYNC_CORR], s->rows);
		fold_spans(&p->sync, s, SYNC_TYPE);
		break;
	case EVENT_OVERHEAD:
		fold_spans(&p->overhead, s, OVERHEAD_KIND);
		break;
	case EVENT_JIT:
	case EVENT_LOAD:
	case EVENT_MODULE:
	case EVENT_MODULE_KERNELS:
	case EVENT_UNLOAD:
		module_table_fold(&p->modules, s, names);
		break;
	case EVENT_GRAPH:
		op_lag_add(&p->op_lag, s->col[GRAPH_CORR], s->rows);
		/* fallthrough */
	case EVENT_GRAPH_KERNEL:
		graph_table_fold(&p->graphs, s, names);
		break;
	case EVENT_FRAME:
	case EVENT_OBJECT:
		stack_table_fold(&p->stacks, s, names);
		break;
	case EVENT_COMPILE:
	case EVENT_CODE:
		compile_table_fold(&p->compiles, s, names);
		break;
	case EVENT_RANGE:
		range_table_fold(&p->ranges, s, names);
		break;
	case EVENT_LOST:
		fold_lost(p, s);
		break;
	case EVENT_END:
		fold_end(p, s);
		break;
	default:
		p->unknown_rows += s->rows;
		break;
	}
}

static void finish_end(struct process *p)
{
	p->end_status = -1;
	if (!p->status.ended)
		return;
	switch (p->end[END_REASON]) {
	case END_BY_EXIT:
	case END_BY_IMMEDIATE:
	case END_BY_QUICK:
		p->ended = PROCESS_ENDED_EXIT;
		p->end_status = (int64_t)p->end[END_STATUS];
		break;
	case END_BY_EXEC:
		p->ended = PROCESS_ENDED_EXEC;
		break;
	case END_BY_STOPPED:
		p->stopped = true;
		break;
	default:
		break;
	}
}

/* Frame headers, LOST records, the journal and END count the same losses: the largest is told. */
static void finish_lost(struct process *p)
{
	uint64_t sum = p->lost_other;

	for (unsigned i = 0; i < LOST_REASON_COUNT; i++) {
		if (p->status.lost_by[i] > p->lost_by[i])
			p->lost_by[i] = p->status.lost_by[i];
		sum += p->lost_by[i];
	}
	p->lost = p->status.lost;
	if (sum > p->lost)
		p->lost = sum;
	if (p->status.ended && p->end[END_LOST] > p->lost)
		p->lost = p->end[END_LOST];
}

#define COLUMN(kind, field) (1u << kind##_##field)

/* Of kernels and copies, what is summed up here; of the rest all. */
static void want(struct reader *r)
{
	const uint32_t by_key[EVENT_KIND_COUNT] = {
		[EVENT_LAUNCH] = COLUMN(LAUNCH, API),
		[EVENT_KERNEL] = COLUMN(KERNEL, NAME) | COLUMN(KERNEL, GRID_X) | COLUMN(KERNEL, BLOCK_X),
	};
	uint32_t columns[EVENT_KIND_COUNT];

	memset(columns, 0xff, sizeof(columns));
	columns[EVENT_KERNEL] = COLUMN(KERNEL, START) | COLUMN(KERNEL, END) | COLUMN(KERNEL, CORR) |
				COLUMN(KERNEL, NAME) | COLUMN(KERNEL, GRID_X) | COLUMN(KERNEL, BLOCK_X) |
				COLUMN(KERNEL, GRAPH) | COLUMN(KERNEL, NODE);
	columns[EVENT_MEMCPY] = COLUMN(MEMCPY, START) | COLUMN(MEMCPY, END) | COLUMN(MEMCPY, CORR) |
				COLUMN(MEMCPY, BYTES) | COLUMN(MEMCPY, COPY_KIND) |
				COLUMN(MEMCPY, NODE);
	reader_want(r, columns);
	reader_want_keys(r, by_key);
}

int process_read(struct process *ret, struct reader *r, const char *file, struct names *names,
		 void (*progress)(void *arg, uint64_t rows), void *arg)
{
	uint64_t rows = 0, told = 0;
	struct section s;
	int err;

	*ret = (struct process){ .file = mem_text(file, strlen(file)) };
	want(r);
	while ((err = reader_next(r, &s)) == 1) {
		fold_section(ret, &s, names);
		rows += s.rows;
		if (progress && rows - told >= PROGRESS_ROWS) {
			progress(arg, rows);
			told = rows;
		}
	}
	ret->status = *reader_status(r);
	if (!ret->pid)
		ret->pid = ret->status.pid;
	stack_table_join(&ret->stacks);
	compile_table_join(&ret->compiles);
	range_table_join(&ret->ranges);
	module_table_join(&ret->modules);
	near_log_join(&ret->near_log);
	busy_join(&ret->busy);
	join_end(&ret->join);
	finish_end(ret);
	finish_lost(ret);
	return err;
}

void process_release(struct process *p)
{
	for (size_t i = 0; i < p->n_infos; i++) {
		free(p->infos[i].key);
		free(p->infos[i].value);
	}
	free(p->file);
	free(p->infos);
	free(p->threads);
	free(p->devices);
	free(p->notes);
	free(p->origins);
	idmap_release(&p->thread_by_tid);
	idmap_release(&p->strings);
	clock_release(&p->clock);
	kernel_table_release(&p->kernels);
	graph_table_release(&p->graphs);
	module_table_release(&p->modules);
	stack_table_release(&p->stacks);
	compile_table_release(&p->compiles);
	range_table_release(&p->ranges);
	near_log_release(&p->near_log);
	busy_release(&p->busy);
	join_release(&p->join);
	idmap_release(&p->launch_counts.by_tid);
	free(p->launch_counts.list);
	pass_table_release(&p->passes);
	*p = (struct process){ 0 };
}

bool process_by_entry_points(const struct process *p)
{
	const char *by = process_info(p, "modules_by", NULL);

	return by && !strcmp(by, "entry points");
}

const char *process_gpu_records(const struct process *p, const char **ret_reason)
{
	const char *said = process_info(p, "gpu_records", NULL);
	const char *reason = process_info(p, "gpu_records_reason", NULL);

	*ret_reason = reason ? reason : "";
	if (said)
		return said;
	*ret_reason = "the trace does not say";
	return p->kernel.count || p->graph_run.count ? "partial" : "none";
}

uint64_t process_time(const struct process *p, uint64_t realtime)
{
	return clock_monotonic(&p->clock, realtime);
}

uint64_t process_invalid(const struct process *p)
{
	return p->kernel.invalid + p->graph_run.invalid + p->memset.invalid +
	       tally_sum(&p->memcpy).invalid;
}

/* Host calls where they were recorded; where they were lost, what ran. */
uint64_t process_graph_launches(const struct process *p)
{
	return p->graph_launches > p->graph_run.count ? p->graph_launches : p->graph_run.count;
}

const char *process_end_name(enum process_end end)
{
	static const char *const name[] = { "unknown", "exit", "signal", "exec" };

	return name[end];
}
