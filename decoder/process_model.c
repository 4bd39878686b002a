#include "decoder/process_model.h"

#include <stdio.h>
#include <string.h>

#include "decoder/mem.h"
#include "decoder/name_table.h"
#include "decoder/pass_find.h"
#include "trace/encode.h"

#define PROGRESS_ROWS (1u << 20)
#define AHEAD         16u /* rows: about as long as memory takes */

static const uint8_t *blob_of(const struct section *s, uint32_t i, size_t *ret_len)
{
	if (!s->blob_at) {
		*ret_len = 0;
		return (const uint8_t *)"";
	}
	*ret_len = s->blob_at[i + 1] - s->blob_at[i];
	return s->blob + s->blob_at[i];
}

static uint32_t blob_name(const struct section *s, uint32_t i, struct names *names)
{
	size_t len;
	const uint8_t *text = blob_of(s, i, &len);

	return names_put(names, text, len);
}

/* The first definition counts: a second one can only come from damage. */
static void fold_strings(struct process *p, const struct section *s, struct names *names)
{
	for (uint32_t i = 0; i < s->rows; i++)
		if (idmap_get(&p->strings, s->col[STRING_ID][i]) == IDMAP_NONE)
			idmap_put(&p->strings, s->col[STRING_ID][i], blob_name(s, i, names));
}

static struct process_info *info_get(struct process *p, const char *key, size_t len)
{
	for (size_t i = 0; i < p->n_infos; i++)
		if (strlen(p->infos[i].key) == len && !memcmp(p->infos[i].key, key, len))
			return &p->infos[i];
	if (p->n_infos >= PROCESS_INFO_MAX)
		return NULL;
	MEM_MORE(p->infos, p->n_infos, p->infos_cap);
	p->infos[p->n_infos].key = mem_text(key, len);
	return &p->infos[p->n_infos++];
}

static void fold_infos(struct process *p, const struct section *s)
{
	for (uint32_t i = 0; i < s->rows; i++) {
		size_t len;
		const uint8_t *pair = blob_of(s, i, &len);
		size_t key_len = strnlen((const char *)pair, len);
		struct process_info *info = info_get(p, (const char *)pair, key_len);

		if (!info)
			continue;
		free(info->value);
		info->len = key_len < len ? len - key_len - 1 : 0;
		info->value = mem_text(pair + (key_len < len ? key_len + 1 : len), info->len);
	}
}

static void fold_process(struct process *p, const struct section *s)
{
	if (!s->rows)
		return;
	p->loaded = s->col[PROCESS_TIME][0];
	p->pid = s->col[PROCESS_PID][0];
	p->ppid = s->col[PROCESS_PPID][0];
	p->level = s->col[PROCESS_LEVEL][0];
	p->redacted = s->col[PROCESS_REDACTED][0];
}

static void fold_threads(struct process *p, const struct section *s, struct names *names)
{
	for (uint32_t i = 0; i < s->rows; i++) {
		uint64_t tid = s->col[THREAD_TID][i];
		uint32_t at = idmap_get(&p->thread_by_tid, tid);

		if (at == IDMAP_NONE) {
			if (p->n_threads >= PROCESS_THREADS_MAX)
				continue;
			MEM_MORE(p->threads, p->n_threads, p->threads_cap);
			at = (uint32_t)p->n_threads++;
			idmap_put(&p->thread_by_tid, tid, at);
		}
		p->threads[at] =
			(struct process_thread){ .tid = tid, .name = blob_name(s, i, names) };
	}
}

static void fold_devices(struct process *p, const struct section *s, struct names *names)
{
	for (uint32_t i = 0; i < s->rows; i++) {
		uint64_t device = s->col[DEVICE_DEVICE][i];
		size_t at = 0;

		while (at < p->n_devices && p->devices[at].device != device)
			at++;
		if (at >= PROCESS_DEVICES_MAX)
			continue;
		if (at == p->n_devices) {
			MEM_MORE(p->devices, p->n_devices, p->devices_cap);
			p->n_devices++;
		}
		p->devices[at] = (struct process_device){
			.device = device,
			.cc_major = s->col[DEVICE_CC_MAJOR][i],
			.cc_minor = s->col[DEVICE_CC_MINOR][i],
			.sms = s->col[DEVICE_SMS][i],
			.uuid_hi = s->col[DEVICE_UUID_HI][i],
			.uuid_lo = s->col[DEVICE_UUID_LO][i],
			.name = blob_name(s, i, names),
		};
	}
}

static void fold_notes(struct process *p, const struct section *s, struct names *names)
{
	for (uint32_t i = 0; i < s->rows && p->n_notes < PROCESS_NOTES_MAX; i++) {
		MEM_MORE(p->notes, p->n_notes, p->notes_cap);
		p->notes[p->n_notes++] = (struct process_note){
			.time = s->col[NOTE_TIME][i],
			.code = s->col[NOTE_CODE][i],
			.text = blob_name(s, i, names),
		};
	}
}

/* The row whose memory is asked for while row i is worked on. */
static uint32_t ahead(uint32_t i, uint32_t rows)
{
	return rows - i > AHEAD ? i + AHEAD : i;
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

static void fold_launches(struct process *p, const struct section *s)
{
	const uint64_t *start = s->col[LAUNCH_START], *end = s->col[LAUNCH_END];
	const uint64_t *corr = s->col[LAUNCH_CORR], *api = s->col[LAUNCH_API];

	count_launches(p, s->tid, s->rows);
	op_lag_add(&p->op_lag, corr, s->rows);
	for (uint32_t i = 0; i < s->rows; i++) {
		join_ahead(&p->join, corr[ahead(i, s->rows)]);
		tally_add(&p->launch, start[i], end[i], 0);
		if (s->col[LAUNCH_RESULT][i]) {
			p->launch_errors++; /* nothing will run for it */
			continue;
		}
		p->graph_launches += api[i] == API_CU_GRAPH_LAUNCH;
		join_launch(&p->join, corr[i], start[i]);
	}
}

static void fold_kernels(struct process *p, const struct section *s)
{
	const uint64_t *start = s->col[KERNEL_START], *end = s->col[KERNEL_END];
	const uint64_t *corr = s->col[KERNEL_CORR];

	op_lag_add(&p->op_lag, corr, s->rows);
	kernel_table_fold(&p->kernels, s);
	for (uint32_t i = 0; i < s->rows; i++) {
		join_ahead(&p->join, corr[ahead(i, s->rows)]);
		tally_add(&p->kernel, start[i], end[i], 0);
		join_work(&p->join, corr[i], start[i]);
	}
	graph_table_nodes(&p->graphs, s);
	busy_add(&p->busy, start, end, s->rows);
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

/* Times come first in every kind that has them: one, or start and end. */
static void fold_extent(struct process *p, const struct section *s)
{
	const struct event_type *type = event_type_of(s->kind);

	if (!type || type->field[0].type != FIELD_TIME)
		return;
	widen(p, s->col[0], s->rows);
	if (type->n_fields > 1 && type->field[1].type == FIELD_TIME)
		widen(p, s->col[1], s->rows);
}

static void fold_section(struct process *p, const struct section *s, struct names *names)
{
	fold_extent(p, s);
	near_log_fold(&p->near_log, s);
	switch (s->kind) {
	case EVENT_STRING:
		fold_strings(p, s, names);
		break;
	case EVENT_INFO:
		fold_infos(p, s);
		break;
	case EVENT_PROCESS:
		fold_process(p, s);
		break;
	case EVENT_CLOCK:
		for (uint32_t i = 0; i < s->rows; i++)
			clock_add(&p->clock, s->col[CLOCK_REAL][i], s->col[CLOCK_MONO][i]);
		break;
	case EVENT_THREAD:
		fold_threads(p, s, names);
		break;
	case EVENT_DEVICE:
		fold_devices(p, s, names);
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
	case EVENT_NOTE:
		fold_notes(p, s, names);
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
	uint32_t columns[EVENT_KIND_COUNT];

	memset(columns, 0xff, sizeof(columns));
	columns[EVENT_KERNEL] = COLUMN(KERNEL, START) | COLUMN(KERNEL, END) | COLUMN(KERNEL, CORR) |
				COLUMN(KERNEL, NAME) | COLUMN(KERNEL, GRID_X) | COLUMN(KERNEL, BLOCK_X) |
				COLUMN(KERNEL, GRAPH) | COLUMN(KERNEL, NODE);
	columns[EVENT_MEMCPY] = COLUMN(MEMCPY, START) | COLUMN(MEMCPY, END) | COLUMN(MEMCPY, CORR) |
				COLUMN(MEMCPY, BYTES) | COLUMN(MEMCPY, COPY_KIND) |
				COLUMN(MEMCPY, NODE);
	reader_want(r, columns);
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

const char *process_info(const struct process *p, const char *key, size_t *ret_len)
{
	for (size_t i = 0; i < p->n_infos; i++) {
		if (strcmp(p->infos[i].key, key))
			continue;
		if (ret_len)
			*ret_len = p->infos[i].len;
		return p->infos[i].value;
	}
	return NULL;
}

const char *process_string(const struct process *p, const struct names *names, uint64_t id,
			   char buf[24])
{
	uint32_t i = idmap_get(&p->strings, id);

	if (i != IDMAP_NONE)
		return names_text(names, i);
	snprintf(buf, 24, "?%llu", (unsigned long long)id);
	return buf;
}

const char *process_thread_name(const struct process *p, const struct names *names, uint64_t tid)
{
	uint32_t i = idmap_get(&p->thread_by_tid, tid);

	return i == IDMAP_NONE ? NULL : names_text(names, p->threads[i].name);
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
