#include "decoder/phase_tail.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/episode_build.h"
#include "decoder/episodes.h"
#include "decoder/mem.h"
#include "decoder/process_model.h"
#include "decoder/session_model.h"

#define OVERLAP_SAMPLE 256  /* siblings whose overlap is looked at for the usual one */
#define OVERLAP_MORE   0.10 /* of a pass's GPU time beyond the usual: less is chance */

/* The passes of one thread follow each other: by host_start and by end alike. */
struct thread_passes {
	const struct process *p;
	uint32_t tid;
	uint32_t *list;
	size_t n, cap;
	size_t near; /* where the last look was: the next one is not far, as a rule */
};

struct find {
	const struct session *s;
	const struct phase_table *rows;
	struct thread_passes *threads;
	size_t n_threads, threads_cap;
	double *usual; /* by row: overlap with other threads, of GPU time; < 0: not known yet */
};

const char *tail_reason_name(enum tail_reason r)
{
	static const char *const names[] = {
#define X(N, s, t) s,
		TAIL_REASONS(X)
#undef X
	};

	return names[r];
}

const char *tail_reason_text(enum tail_reason r)
{
	static const char *const texts[] = {
#define X(N, s, t) t,
		TAIL_REASONS(X)
#undef X
	};

	return texts[r];
}

/* --- other threads */

static struct thread_passes *thread_of(struct find *f, const struct process *p, uint32_t tid)
{
	for (size_t i = f->n_threads; i > 0; i--)
		if (f->threads[i - 1].p == p && f->threads[i - 1].tid == tid)
			return &f->threads[i - 1];
	MEM_MORE(f->threads, f->n_threads, f->threads_cap);
	f->threads[f->n_threads] = (struct thread_passes){ .p = p, .tid = tid };
	return &f->threads[f->n_threads++];
}

static void threads_init(struct find *f)
{
	for (size_t i = 0; i < f->s->n; i++) {
		const struct process *p = f->s->list[i];

		for (size_t k = 0; k < p->passes.n; k++) {
			struct thread_passes *t = thread_of(f, p, pass_nth(&p->passes, k)->tid);

			MEM_MORE(t->list, t->n, t->cap);
			t->list[t->n++] = (uint32_t)k;
		}
	}
}

static const struct pass *thread_pass(const struct thread_passes *t, size_t i)
{
	return pass_nth(&t->p->passes, t->list[i]);
}

/* The first that ends after `from`; looked for farther and farther from the last one. */
static size_t first_after(struct thread_passes *t, uint64_t from)
{
	size_t lo = 0, hi = t->near, step = 1;

	for (; hi < t->n && thread_pass(t, hi)->end <= from; step *= 2) {
		lo = hi + 1;
		hi += step;
	}
	if (hi > t->n)
		hi = t->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (thread_pass(t, mid)->end <= from)
			lo = mid + 1;
		else
			hi = mid;
	}
	return t->near = lo;
}

/* GPU time of one other thread's passes within [from, to). */
static uint64_t overlap_with(struct thread_passes *t, uint64_t from, uint64_t to)
{
	uint64_t sum = 0;

	for (size_t i = first_after(t, from); i < t->n; i++) {
		const struct pass *o = thread_pass(t, i);
		uint64_t a = o->gpu_start > from ? o->gpu_start : from;
		uint64_t b = o->gpu_end < to ? o->gpu_end : to;

		if (o->host_start >= to)
			break;
		if (b > a) /* not longer than its own work */
			sum += b - a < o->busy_ns ? b - a : o->busy_ns;
	}
	return sum;
}

static double overlap_of(const struct find *f, const struct process *p, const struct pass *x)
{
	uint64_t sum = 0, span = x->gpu_end - x->gpu_start;

	if (x->gpu_end <= x->gpu_start)
		return 0;
	for (size_t i = 0; i < f->n_threads; i++)
		if (f->threads[i].p == p && f->threads[i].tid != x->tid)
			sum += overlap_with(&f->threads[i], x->gpu_start, x->gpu_end);
	return (double)(sum < span ? sum : span) / (double)span;
}

static int double_order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The median over siblings spread over the row. */
static double usual_overlap(struct find *f, size_t row)
{
	const struct phase_row *r = &f->rows->list[row];
	double seen[OVERLAP_SAMPLE];
	size_t n = r->passes < OVERLAP_SAMPLE ? r->passes : OVERLAP_SAMPLE;

	if (f->usual[row] >= 0)
		return f->usual[row];
	for (size_t i = 0; i < n; i++)
		seen[i] = overlap_of(f, r->p, pass_nth(&r->p->passes, r->list[i * r->passes / n]));
	qsort(seen, n, sizeof(*seen), double_order);
	return f->usual[row] = n ? seen[n / 2] : 0;
}

/* --- episodes */

/* The part of its stall that lies in [from, to): the episode's own formula on a piece of it. */
static uint64_t stall_in(const struct episode *e, uint64_t from, uint64_t to)
{
	struct episode piece = *e;

	piece.start = e->start > from ? e->start : from;
	piece.end = e->end < to ? e->end : to;
	piece.stall_ns = 0;
	if (piece.end <= piece.start)
		return 0;
	stall_find(&piece);
	return piece.stall_ns < e->stall_ns ? piece.stall_ns : e->stall_ns;
}

/* Episodes are few next to passes, and those of a tail fewer still: each is looked at. */
static void blame_episodes(const struct session *s, struct tail_pass *t, const struct phase_row *r,
			   double *left)
{
	const struct pass *x = pass_nth(&r->p->passes, t->pass);
	double most = 0;

	for (size_t i = 0; i < s->episodes.n; i++) {
		const struct episode *e = &s->episodes.list[i];
		enum tail_reason reason = e->kind == EPISODE_GRAPH ? TAIL_RECORDED : TAIL_COMPILE;
		double ns;

		if (e->p != r->p || e->trigger.tid != x->tid || !e->stall_known || !e->stall_ns ||
		    e->start >= x->end || e->end <= x->wall_start)
			continue;
		ns = (double)stall_in(e, x->wall_start, x->end);
		ns = ns < *left ? ns : *left;
		t->part[reason] += ns;
		*left -= ns;
		if (ns > most) {
			most = ns;
			t->episode = e->id;
		}
	}
}

/* --- one pass */

static void take(struct tail_pass *t, enum tail_reason reason, double ns, double *from, double *left)
{
	ns = ns < *from ? ns : *from;
	ns = ns < *left ? ns : *left;
	if (ns <= 0)
		return;
	t->part[reason] += ns;
	*from -= ns;
	*left -= ns;
}

static double more(double a, double b)
{
	return a > b ? a - b : 0;
}

/* Small parts are not worth a reason; the largest is the reason. */
static void settle(struct tail_pass *t, double left)
{
	t->part[TAIL_NOTHING] += left;
	for (unsigned i = 1; i < TAIL_REASON_COUNT; i++)
		if (t->part[i] < TAIL_PART_MIN * t->excess) {
			t->part[TAIL_NOTHING] += t->part[i];
			t->part[i] = 0;
		}
	if (!t->part[TAIL_COMPILE] && !t->part[TAIL_RECORDED])
		t->episode = 0;
	for (unsigned i = 1; i < TAIL_REASON_COUNT; i++)
		if (t->part[i] > t->part[t->reason])
			t->reason = (enum tail_reason)i;
}

static void explain(struct find *f, struct tail_pass *t)
{
	const struct phase_row *r = &f->rows->list[t->row], *m = &f->rows->list[t->against];
	const struct pass *x = pass_nth(&r->p->passes, t->pass);
	double left = t->excess, held;
	/* What there is more of than in the median pass. */
	double gap = more((double)x->host_gap_ns, m->gap), busy = more((double)x->busy_ns, m->busy);
	double wait = more(t->excess, gap + busy), extra = (double)pass_ops(x) - m->ops;
	double apart;

	t->stretch = m->busy > 0 ? (double)x->busy_ns / m->busy : 1;
	blame_episodes(f->s, t, r, &left);
	/* A stall is time without launches, most of it the host's: not to be told twice. */
	held = t->excess - left;
	wait = more(wait, more(held, gap));
	gap = more(gap, held);
	if (t->row != t->against) {
		take(t, TAIL_KERNELS, busy, &busy, &left);
		take(t, TAIL_KERNELS, gap, &gap, &left);
		take(t, TAIL_KERNELS, wait, &wait, &left);
	} else if (extra > 0 && m->ops > 0) {
		/* More work takes GPU time, and the host as long as that many calls usually do. */
		take(t, TAIL_KERNELS, busy, &busy, &left);
		take(t, TAIL_KERNELS, extra * m->p50.value / m->ops, &gap, &left);
	}
	apart = busy + wait > 0 ? overlap_of(f, r->p, x) - usual_overlap(f, t->against) : 0;
	if (apart > OVERLAP_MORE) {
		double ns = apart * (double)(x->gpu_end - x->gpu_start), before = left;

		take(t, TAIL_OVERLAP, ns, &busy, &left);
		take(t, TAIL_OVERLAP, ns - (before - left), &wait, &left);
	}
	if (extra == 0)
		take(t, TAIL_STRETCHED, busy, &busy, &left);
	take(t, TAIL_HOST_GAP, gap, &gap, &left);
	take(t, TAIL_QUEUE, more((double)x->queue_ns, m->queue), &wait, &left);
	if (left > 0 && r->p->lost) {
		t->part[TAIL_LOST] += left;
		left = 0;
	}
	settle(t, left);
}

/* --- which passes */

static size_t compared_with(const struct phase_table *rows, size_t row)
{
	const struct phase_row *r = &rows->list[row];
	size_t best = row;

	if (r->n >= TAIL_N_MIN && !r->all_warmup)
		return row;
	if (r->label == PASS_UNLABELLED) /* its shapes need not have anything in common */
		return SIZE_MAX;
	for (size_t i = 0; i < rows->n; i++) {
		const struct phase_row *o = &rows->list[i];

		if (o->p == r->p && o->label == r->label && !o->all_warmup && o->n > rows->list[best].n)
			best = i;
	}
	return rows->list[best].n >= TAIL_N_MIN && !rows->list[best].all_warmup ? best : SIZE_MAX;
}

void tail_find(struct tail *ret, const struct session *s, const struct phase_table *t)
{
	struct find f = { .s = s, .rows = t };

	*ret = (struct tail){ 0 };
	threads_init(&f);
	f.usual = mem_zalloc(t->n + 1, sizeof(*f.usual));
	for (size_t i = 0; i < t->n; i++)
		f.usual[i] = -1;
	for (size_t i = 0; i < t->n; i++) {
		const struct phase_row *r = &t->list[i];
		size_t against = compared_with(t, i);

		if (against == SIZE_MAX) {
			ret->rows_small++;
			continue;
		}
		for (size_t k = 0; k < r->passes; k++) {
			const struct pass *x = pass_nth(&r->p->passes, r->list[k]);
			const struct phase_row *m = &t->list[against];

			if ((double)pass_wall(x) <= m->p95.value)
				continue;
			MEM_MORE(ret->list, ret->n, ret->cap);
			ret->list[ret->n] = (struct tail_pass){
				.pass = r->list[k],
				.row = i,
				.against = against,
				.excess = more((double)pass_wall(x), m->p50.value),
			};
			explain(&f, &ret->list[ret->n++]);
		}
	}
	for (size_t i = 0; i < f.n_threads; i++)
		free(f.threads[i].list);
	free(f.threads);
	free(f.usual);
}

void tail_release(struct tail *t)
{
	free(t->list);
	*t = (struct tail){ 0 };
}

const struct tail_pass *tail_of(const struct tail *t, const struct phase_table *rows,
				const struct phase_row *r, uint32_t pass)
{
	size_t row = (size_t)(r - rows->list), lo = 0, hi = t->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct tail_pass *m = &t->list[mid];

		if (m->row < row || (m->row == row && m->pass < pass))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < t->n && t->list[lo].row == row && t->list[lo].pass == pass ? &t->list[lo] : NULL;
}
