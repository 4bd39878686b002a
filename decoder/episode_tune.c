/*
 * Benchmarking of candidates (Inductor's and Triton's benchmarkers): one kernel again and
 * again, and between two runs something that empties the L2 cache: a memset, or a fill of
 * integers, as large as the cache. A burst is at least BURST_FLUSHES of these with at most
 * BURST_APART launches and BURST_PAUSE_NS between them. In a burst the flushes and every kernel
 * next to one are benchmarking; a kernel between two others is the program's own.
 */
#include <string.h>

#include "decoder/episode_build.h"
#include "decoder/mem.h"
#include "decoder/name_table.h"
#include "decoder/near_log.h"
#include "decoder/process_model.h"
#include "decoder/session_model.h"

#define BURST_FLUSHES  8
#define BURST_APART    4
#define BURST_PAUSE_NS 200000000u
/* A burst begins this long after its candidates were loaded, at most. */
#define BURST_AFTER_NS 5000000000u

uint32_t episode_name(const struct process *p, uint32_t string)
{
	return string ? idmap_get(&p->strings, string) : IDMAP_NONE;
}

static int number_order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void find_memsets(struct episode_build *b)
{
	const struct near_list *w = &b->p->near_log.work;

	for (size_t i = 0; i < w->n; i++) {
		if (near_kind(&w->list[i]) != NEAR_MEMSET || !near_large(&w->list[i]))
			continue;
		MEM_MORE(b->flush_corr, b->n_flush, b->flush_cap);
		b->flush_corr[b->n_flush++] = w->list[i].corr;
	}
	if (b->n_flush)
		qsort(b->flush_corr, b->n_flush, sizeof(*b->flush_corr), number_order);
}

/* Large memsets between two correlation ids. */
static size_t memsets_between(const struct episode_build *b, uint64_t from, uint64_t to)
{
	size_t at[2];

	for (int k = 0; k < 2; k++) {
		uint64_t corr = k ? to : from;
		size_t lo = 0, hi = b->n_flush;

		while (lo < hi) {
			size_t mid = lo + (hi - lo) / 2;

			if (b->flush_corr[mid] < corr)
				lo = mid + 1;
			else
				hi = mid;
		}
		at[k] = lo;
	}
	return at[1] > at[0] ? at[1] - at[0] : 0;
}

static bool fills(const struct episode_build *b, uint64_t corr)
{
	const struct near_row *w = near_work(&b->p->near_log, corr);
	uint32_t name;

	if (!w || near_kind(w) != NEAR_KERNEL || !near_large(w))
		return false;
	name = episode_name(b->p, near_string(w));
	return name != IDMAP_NONE && strstr(names_text(&b->s->names, name), "FillFunctorIi");
}

struct burst {
	size_t first, last; /* launches of the thread */
	size_t flushes;
};

static void mark(const struct tune_thread *t, const struct burst *u, const bool *flush_before)
{
	size_t n = t->launches->n;
	const struct near_row *l = t->launches->list;
	size_t first = u->first;

	if (u->flushes < BURST_FLUSHES)
		return;
	if (first && l[first].start - l[first - 1].start < BURST_PAUSE_NS / 4)
		first--; /* the call that warms up */
	for (size_t i = first; i <= u->last + 1 && i < n; i++) {
		bool next_to = flush_before[i] || (i + 1 < n && flush_before[i + 1]) ||
			       (i && t->flags[i - 1] & TUNE_FLUSH) ||
			       (i + 1 < n && t->flags[i + 1] & TUNE_FLUSH);

		if (t->flags[i] & TUNE_FLUSH || next_to)
			t->flags[i] |= TUNE_BENCH;
	}
}

static void find_bursts(const struct episode_build *b, const struct tune_thread *t)
{
	const struct near_row *l = t->launches->list;
	size_t n = t->launches->n;
	bool *flush_before = mem_zalloc(n, sizeof(*flush_before));
	struct burst u = { 0 };

	for (size_t i = 0; i < n; i++) {
		size_t sets = i ? memsets_between(b, l[i - 1].corr, l[i].corr) : 0;

		flush_before[i] = sets;
		if (fills(b, l[i].corr))
			t->flags[i] |= TUNE_FLUSH;
	}
	for (size_t i = 0; i < n; i++) {
		bool flush = flush_before[i] || t->flags[i] & TUNE_FLUSH;
		size_t sets = i ? memsets_between(b, l[i - 1].corr, l[i].corr) : 0;

		if (u.flushes && (i - u.last > BURST_APART ||
				  l[i].start - l[i - 1].start > BURST_PAUSE_NS)) {
			mark(t, &u, flush_before);
			u = (struct burst){ 0 };
		}
		if (!flush)
			continue;
		if (!u.flushes)
			u.first = i;
		u.flushes += sets + (t->flags[i] & TUNE_FLUSH ? 1 : 0);
		u.last = i;
	}
	mark(t, &u, flush_before);
	free(flush_before);
}

const struct tune_thread *episode_tune_of(struct episode_build *b, uint32_t tid)
{
	const struct near_list *l = b->launches ? near_launches(&b->p->near_log, tid) : NULL;
	struct tune_thread *t;

	if (!l || !l->n)
		return NULL;
	for (size_t i = 0; i < b->n_tune; i++)
		if (b->tune[i].tid == tid)
			return &b->tune[i];
	if (!b->n_tune)
		find_memsets(b);
	MEM_MORE(b->tune, b->n_tune, b->tune_cap);
	t = &b->tune[b->n_tune++];
	*t = (struct tune_thread){ .tid = tid, .launches = l,
				   .flags = mem_zalloc(l->n, sizeof(*t->flags)) };
	find_bursts(b, t);
	return t;
}

static void count_name(struct episodes *e, uint32_t name)
{
	uint32_t i = idmap_get(&e->tuned_by_name, name);

	if (i == IDMAP_NONE) {
		MEM_MORE(e->tuned, e->n_tuned, e->tuned_cap);
		i = (uint32_t)e->n_tuned++;
		e->tuned[i] = 0;
		idmap_put(&e->tuned_by_name, name, i);
	}
	e->tuned[i]++;
}

static void count(struct episode_build *b, struct episode *e, const struct tune_thread *t, size_t i)
{
	const struct near_row *w = near_work(&b->p->near_log, t->launches->list[i].corr);
	uint64_t end = t->launches->list[i].start + t->launches->list[i].ns;
	uint32_t name = w ? episode_name(b->p, near_string(w)) : IDMAP_NONE;

	e->autotune_launches++;
	e->autotune_kernels += !(t->flags[i] & TUNE_FLUSH);
	e->autotune_gpu_ns += w ? w->ns : 0;
	if (name != IDMAP_NONE)
		count_name(b->out, name);
	if (end > e->end)
		e->end = end;
	if (t->launches->list[i].start < e->start)
		e->start = t->launches->list[i].start;
}

/* cuDNN compiles what it has chosen; that others benchmark its engines right after is not its doing. */
static bool can_cause(const struct episode *e, uint32_t tid)
{
	return e->kind == EPISODE_CODE && e->trigger.tid == tid &&
	       e->origin.id != ORIGIN_CUDNN_JIT &&
	       origin_id_made((enum origin_id)e->origin.id) != ORIGIN_MADE_SHIPPED;
}

/* Does the burst run a kernel that the episode brought? */
static bool runs_own(const struct episode_build *b, const struct episode *e,
		     const struct tune_thread *t, size_t first, size_t last)
{
	for (size_t i = first; i <= last; i++) {
		const struct near_row *w = t->flags[i] & TUNE_FLUSH ? NULL :
					   near_work(&b->p->near_log, t->launches->list[i].corr);
		uint32_t name = w ? episode_name(b->p, near_string(w)) : IDMAP_NONE;
		uint32_t event = name == IDMAP_NONE ? IDMAP_NONE : idmap_get(&b->made, name);

		if (event != IDMAP_NONE && b->events[event].origin.id == e->origin.id)
			return true;
	}
	return false;
}

/*
 * Candidates are benchmarked after they are loaded; but a compiler also measures the library
 * calls that it could use (Inductor's padding of matrices), before it loads anything. Then an
 * ordinary launch parts the burst from the episode before.
 */
static struct episode *cause_of(struct episode_build *b, const struct tune_thread *t, size_t first,
				size_t last)
{
	uint64_t start = t->launches->list[first].start, end = t->launches->list[last].start;
	struct episode *before = NULL, *after = NULL;

	for (size_t i = b->first; i < b->out->n; i++) {
		struct episode *e = &b->out->list[i];

		if (!can_cause(e, t->tid))
			continue;
		if (e->start <= start && start <= e->end + BURST_AFTER_NS &&
		    (!before || e->start >= before->start))
			before = e;
		if (e->start > start && e->start <= end + BURST_AFTER_NS &&
		    (!after || e->start < after->start))
			after = e;
	}
	if (before && after && !runs_own(b, before, t, first, last) &&
	    episode_launched_between(b, before, t->tid, before->end, start))
		return after;
	return before ? before : after;
}

void episode_tune(struct episode_build *b)
{
	for (size_t k = 0; k < b->n_tune; k++) {
		const struct tune_thread *t = &b->tune[k];

		for (size_t i = 0, next; i < t->launches->n; i = next) {
			struct episode *cause;

			for (next = i + 1; next < t->launches->n && t->flags[i] & TUNE_BENCH &&
					   t->flags[next] & TUNE_BENCH;)
				next++;
			cause = t->flags[i] & TUNE_BENCH ?
					cause_of(b, t, i, next - 1) : NULL;
			for (size_t m = i; cause && m < next; m++)
				count(b, cause, t, m);
		}
	}
}

void episode_tune_release(struct episode_build *b)
{
	for (size_t i = 0; i < b->n_tune; i++)
		free(b->tune[i].flags);
	free(b->tune);
	free(b->flush_corr);
}
