#include "decoder/near_log.h"

#include <string.h>

#include "decoder/mem.h"
#include "decoder/sorted.h"
#include "decoder/tally.h"
#include "trace/encode.h"

#define LARGE_BYTES   (4u << 20)
#define LARGE_THREADS (1u << 18) /* four 32-bit words each: 4 MiB */

static int by_start(const void *a, const void *b)
{
	const struct near_row *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static int by_corr(const void *a, const void *b)
{
	const struct near_row *x = a, *y = b;

	if (x->corr != y->corr)
		return x->corr < y->corr ? -1 : 1;
	return x->start < y->start ? -1 : x->start > y->start;
}

static int window_order(const void *a, const void *b)
{
	const struct near_window *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static void merge_events(struct near_log *l)
{
	size_t n = 0;

	if (l->merged == l->n_events || !l->n_events)
		return;
	qsort(l->events, l->n_events, sizeof(*l->events), window_order);
	for (size_t i = 1; i < l->n_events; i++) {
		struct near_window *last = &l->events[n], next = l->events[i];

		if (next.start > last->end)
			l->events[++n] = next;
		else if (next.end > last->end)
			last->end = next.end;
	}
	l->n_events = l->merged = n + 1;
}

static void add_event(struct near_log *l, uint64_t start, uint64_t end)
{
	struct near_window w = { .start = start > NEAR_MARGIN_NS ? start - NEAR_MARGIN_NS : 0,
				 .end = (end > start ? end : start) + NEAR_MARGIN_NS };

	if (!start)
		return;
	/* Events come in bunches: most of them lie within the last one's window. */
	if (l->n_events) {
		struct near_window *last = &l->events[l->n_events - 1];

		if (w.start >= last->start && w.start <= last->end) {
			last->end = w.end > last->end ? w.end : last->end;
			return;
		}
	}
	MEM_MORE(l->events, l->n_events, l->events_cap);
	l->events[l->n_events++] = w;
}

/* How many windows begin at or before `time`. */
static size_t windows_before(const struct near_log *l, uint64_t time)
{
	return SORTED_UPTO(l->events, l->n_events, start, time);
}

/* What lies behind the first `at` windows: from the last one's begin to where the next begins. */
struct stretch {
	size_t at;
	uint64_t from, to; /* `to` is out */
	uint64_t near;     /* the end of the window that it begins with; 0: it begins with none */
};

static struct stretch stretch_of(const struct near_log *l, size_t at)
{
	return (struct stretch){
		.at = at,
		.from = at ? l->events[at - 1].start : 0,
		.to = at < l->n_events ? l->events[at].start : UINT64_MAX,
		.near = at ? l->events[at - 1].end : 0,
	};
}

/*
 * Drops what lies far from every event. The newer half stays: its events may not have been read
 * yet. A row between windows stays when its neighbour belongs to another gap: it is the last
 * one before a window, or the first one after. What stayed is not looked at again: a list that is full of
 * rows near events would be gone through for every few rows that come.
 */
static void thin(const struct near_log *l, struct near_list *list)
{
	size_t end = list->settled + (list->n - list->settled) / 2, kept = list->settled;
	size_t before = kept ? windows_before(l, list->list[kept - 1].start) : SIZE_MAX;
	struct stretch in = { 0 };

	if (end > kept)
		in = stretch_of(l, windows_before(l, list->list[kept].start));
	for (size_t i = list->settled; i < end; i++) {
		const struct near_row *row = &list->list[i];
		const uint64_t after = row[1].start;
		const bool inside = in.at && row->start <= in.near;
		size_t next = in.at;

		if (after < in.from || after >= in.to)
			next = windows_before(l, after);
		if (inside || in.at != before || in.at != next)
			list->list[kept++] = *row;
		before = in.at;
		if (next != in.at)
			in = stretch_of(l, next);
	}
	memmove(&list->list[kept], &list->list[end], (list->n - end) * sizeof(*list->list));
	list->n -= end - kept;
	list->settled = kept;
}

static struct near_row *more_room(struct near_log *l, struct near_list *list)
{
	/* Once it is of no use, thinning is tried again now and then. */
	if (list->n >= list->limit && list->dropped % NEAR_FEW == 0) {
		merge_events(l);
		thin(l, list);
		if (list->n > list->limit / 4 * 3 && list->limit < NEAR_MAX &&
		    (list == &l->work || l->limits + list->limit <= 2 * NEAR_MAX)) {
			l->limits += list == &l->work ? 0 : list->limit;
			list->limit *= 2;
		}
	}
	if (list->n >= list->limit) {
		list->dropped++;
		return NULL;
	}
	MEM_MORE(list->list, list->n, list->cap);
	return &list->list[list->n++];
}

/* How many rows, of those that are left, may be written behind the list as it is. */
static uint32_t room(const struct near_list *list, uint32_t left)
{
	const size_t end = list->limit < list->cap ? list->limit : list->cap;
	const size_t n = end > list->n ? end - list->n : 0;

	return n < left ? (uint32_t)n : left;
}

static struct near_row *add_row(struct near_log *l, struct near_list *list)
{
	return room(list, 1) ? &list->list[list->n++] : more_room(l, list);
}

static uint32_t length(uint64_t start, uint64_t end)
{
	if (!time_pair_valid(start, end))
		return 0;
	return end - start < UINT32_MAX ? (uint32_t)(end - start) : UINT32_MAX;
}

static struct near_list *thread_list(struct near_log *l, uint32_t tid)
{
	uint32_t i = idmap_get(&l->thread_by_tid, tid);

	if (i == IDMAP_NONE) {
		MEM_MORE(l->threads, l->n_threads, l->threads_cap);
		i = (uint32_t)l->n_threads++;
		l->threads[i].tid = tid;
		l->threads[i].launches.limit = l->limits + NEAR_MIN <= 2 * NEAR_MAX ? NEAR_MIN
										    : NEAR_FEW;
		l->limits += l->threads[i].launches.limit;
		idmap_put(&l->thread_by_tid, tid, i);
	}
	return &l->threads[i].launches;
}

static inline struct near_row launch_row(uint64_t start, uint64_t end, uint64_t corr)
{
	return (struct near_row){ .start = start, .corr = corr, .ns = length(start, end) };
}

static void fold_launches(struct near_log *l, const struct section *s, uint32_t from, uint32_t last)
{
	const uint64_t *start = s->col[LAUNCH_START], *end = s->col[LAUNCH_END];
	const uint64_t *corr = s->col[LAUNCH_CORR], *result = s->col[LAUNCH_RESULT];
	struct near_list *list = thread_list(l, s->tid);

	for (uint32_t i = from; i < last;) {
		const uint32_t to = i + room(list, last - i);
		struct near_row *r = list->list ? list->list + list->n : NULL, *one;

		for (; i < to; i++) {
			*r = launch_row(start[i], end[i], corr[i]);
			r += !result[i];
		}
		list->n = r ? (size_t)(r - list->list) : 0;
		if (i == last)
			break;
		one = result[i] ? NULL : more_room(l, list);
		if (one)
			*one = launch_row(start[i], end[i], corr[i]);
		i++;
	}
}

static uint32_t what_of(uint64_t string, bool large, enum near_kind kind)
{
	return (uint32_t)(string < 1u << 29 ? string : 0) << 3 | (uint32_t)large << 2 | (uint32_t)kind;
}

static void add_work(struct near_log *l, uint64_t start, uint64_t end, uint64_t corr, uint32_t what)
{
	struct near_row *r;

	if (!time_pair_valid(start, end))
		return;
	if (!l->work.limit)
		l->work.limit = NEAR_MIN;
	r = add_row(l, &l->work);
	if (r)
		*r = (struct near_row){ start, corr, length(start, end), what };
}

/* Of the keys of a section. Valid until the next one. */
static const uint32_t *kernel_whats(struct near_log *l, const struct section *s)
{
	const uint64_t *name = s->of_key[KERNEL_NAME];
	const uint64_t *grid = s->of_key[KERNEL_GRID_X], *block = s->of_key[KERNEL_BLOCK_X];

	if (s->n_keys > l->whats_cap)
		l->whats = mem_grow(l->whats, &l->whats_cap, s->n_keys, sizeof(*l->whats));
	for (uint32_t i = 0; i < s->n_keys; i++)
		l->whats[i] = what_of(name[i], grid[i] * block[i] >= LARGE_THREADS, NEAR_KERNEL);
	return l->whats;
}

static void fold_kernels(struct near_log *l, const struct section *s, uint32_t from, uint32_t last)
{
	const uint64_t *start = s->col[KERNEL_START], *end = s->col[KERNEL_END];
	const uint64_t *corr = s->col[KERNEL_CORR];
	const uint32_t *what = from ? l->whats : kernel_whats(l, s), *key = s->key;
	struct near_list *list = &l->work;

	for (uint32_t i = from; i < last;) {
		const uint32_t to = i + room(list, last - i);
		struct near_row *r = list->list ? list->list + list->n : NULL;

		for (; i < to; i++) {
			*r = (struct near_row){ start[i], corr[i], length(start[i], end[i]),
						what[key[i]] };
			r += time_pair_valid(start[i], end[i]);
		}
		list->n = r ? (size_t)(r - list->list) : 0;
		if (i == last)
			break;
		add_work(l, start[i], end[i], corr[i], what[key[i]]);
		i++;
	}
}

static void fold_memsets(struct near_log *l, const struct section *s)
{
	for (uint32_t i = 0; i < s->rows; i++)
		add_work(l, s->col[MEMSET_START][i], s->col[MEMSET_END][i], s->col[MEMSET_CORR][i],
			 what_of(0, s->col[MEMSET_BYTES][i] >= LARGE_BYTES, NEAR_MEMSET));
}

static void fold_graph_runs(struct near_log *l, const struct section *s)
{
	for (uint32_t i = 0; i < s->rows; i++)
		add_work(l, s->col[GRAPH_RUN_START][i], s->col[GRAPH_RUN_END][i],
			 s->col[GRAPH_RUN_CORR][i], NEAR_GRAPH);
}

void near_log_rows(struct near_log *l, const struct section *s, uint32_t from, uint32_t to)
{
	if (s->kind == EVENT_LAUNCH)
		fold_launches(l, s, from, to);
	else if (s->kind == EVENT_KERNEL)
		fold_kernels(l, s, from, to);
}

void near_log_fold(struct near_log *l, const struct section *s)
{
	switch (s->kind) {
	case EVENT_LAUNCH:
	case EVENT_KERNEL:
		near_log_rows(l, s, 0, s->rows);
		break;
	case EVENT_MEMSET:
		fold_memsets(l, s);
		break;
	case EVENT_GRAPH_RUN:
		fold_graph_runs(l, s);
		break;
	case EVENT_GRAPH: /* updates come with every replay in some programs */
		for (uint32_t i = 0; i < s->rows; i++)
			if (s->col[GRAPH_OP][i] == GRAPH_OP_INSTANTIATE ||
			    s->col[GRAPH_OP][i] == GRAPH_OP_CAPTURE)
				add_event(l, s->col[GRAPH_START][i], s->col[GRAPH_END][i]);
		break;
	case EVENT_LOAD: /* start and end are columns 0 and 1 of these */
	case EVENT_COMPILE:
	case EVENT_JIT:
		for (uint32_t i = 0; i < s->rows; i++)
			add_event(l, s->col[0][i], s->col[1][i]);
		break;
	case EVENT_MODULE:
		for (uint32_t i = 0; i < s->rows; i++)
			add_event(l, s->col[MODULE_TIME][i], s->col[MODULE_TIME][i]);
		break;
	default:
		break;
	}
}

/* Rows come nearly in order, and qsort takes as much memory again. */
static void sort_rows(struct near_list *list, int (*order)(const void *, const void *))
{
	size_t i = 1;

	while (i < list->n && order(&list->list[i - 1], &list->list[i]) <= 0)
		i++;
	if (i < list->n)
		qsort(list->list, list->n, sizeof(*list->list), order);
}

void near_log_join(struct near_log *l)
{
	merge_events(l);
	for (size_t i = 0; i < l->n_threads; i++)
		sort_rows(&l->threads[i].launches, by_start);
	sort_rows(&l->work, by_corr);
}

const struct near_list *near_launches(const struct near_log *l, uint32_t tid)
{
	uint32_t i = idmap_get(&l->thread_by_tid, tid);

	return i == IDMAP_NONE ? NULL : &l->threads[i].launches;
}

size_t near_first(const struct near_list *l, uint64_t time)
{
	return SORTED_BELOW(l->list, l->n, start, time);
}

const struct near_row *near_work(const struct near_log *l, uint64_t corr)
{
	size_t i = SORTED_BELOW(l->work.list, l->work.n, corr, corr);

	return i < l->work.n && l->work.list[i].corr == corr ? &l->work.list[i] : NULL;
}

uint64_t near_dropped(const struct near_log *l)
{
	uint64_t n = l->work.dropped;

	for (size_t i = 0; i < l->n_threads; i++)
		n += l->threads[i].launches.dropped;
	return n;
}

void near_log_release(struct near_log *l)
{
	for (size_t i = 0; i < l->n_threads; i++)
		free(l->threads[i].launches.list);
	free(l->threads);
	free(l->work.list);
	free(l->events);
	free(l->whats);
	idmap_release(&l->thread_by_tid);
	*l = (struct near_log){ 0 };
}
