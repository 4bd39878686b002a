#include <stdlib.h>

#include "decoder/mem.h"
#include "decoder/process_model.h"
#include "decoder/session_model.h"
#include "decoder/verdict_build.h"

/* Passes on either side: a request's worth of decode steps, more than an autotuner's or a warm-up's tries. */
#define FLIP_PASSES 8u
/* Of the passes of a side that ran in its way; a shape that is compiled late, or a late first step, is no return. */
#define FLIP_PURE 0.95

/* The passes of one phase of one thread in order, one byte each. */
struct flip_series {
	struct series_pass {
		uint32_t pass; /* in the process's list */
		uint32_t row;
	} *list;
	size_t n;
	size_t compiled;
};

static int by_pass(const void *a, const void *b)
{
	const struct series_pass *x = a, *y = b;

	return (x->pass > y->pass) - (x->pass < y->pass);
}

static bool is_compiled(const struct verdict_build *b, const struct series_pass *x)
{
	return b->way[x->row] == WAY_COMPILED;
}

static void series_of(struct flip_series *s, const struct verdict_build *b, const struct phase_mixture *m,
		      uint32_t tid)
{
	*s = (struct flip_series){ .list = mem_zalloc(m->passes + 1, sizeof(*s->list)) };
	for (size_t i = m->first; i < m->first + m->n; i++) {
		const struct phase_row *r = &b->t->list[i];

		/* Library calls alone could be either. */
		if ((b->way[i] != WAY_COMPILED && b->way[i] != WAY_EAGER) ||
		    r->p->passes.list[r->list[0]].tid != tid)
			continue;
		for (size_t k = 0; k < r->passes; k++) {
			s->list[s->n++] = (struct series_pass){ r->list[k], (uint32_t)i };
			s->compiled += b->way[i] == WAY_COMPILED;
		}
	}
	if (s->n)
		qsort(s->list, s->n, sizeof(*s->list), by_pass);
}

/* Where the two sides are purest: index of the first pass after it; 0: there is no such place. */
static size_t best_split(const struct verdict_build *b, const struct flip_series *s, bool *ret_to_eager)
{
	size_t before = 0, best = 0;
	double most = 0;

	for (size_t i = 1; i < s->n; i++) {
		double left, right, pure;
		bool to_eager;

		before += is_compiled(b, &s->list[i - 1]);
		if (i < FLIP_PASSES || s->n - i < FLIP_PASSES)
			continue;
		left = (double)before / (double)i;
		right = (double)(s->compiled - before) / (double)(s->n - i);
		to_eager = left > right;
		if (to_eager)
			right = 1 - right;
		else
			left = 1 - left;
		pure = left < right ? left : right;
		if (left >= FLIP_PURE && right >= FLIP_PURE && pure > most) {
			most = pure;
			best = i;
			*ret_to_eager = to_eager;
		}
	}
	return best;
}

/* Of the passes [from, to) that ran in this way: the row with the most. */
static size_t main_row(const struct verdict_build *b, const struct flip_series *s, size_t from, size_t to,
		       bool compiled)
{
	SCOPED_FREE size_t *count = mem_zalloc(b->t->n, sizeof(*count));
	size_t best = VERDICT_NO_ROW;

	for (size_t i = from; i < to; i++)
		if (is_compiled(b, &s->list[i]) == compiled)
			count[s->list[i].row]++;
	for (size_t i = 0; i < b->t->n; i++)
		if (count[i] && (best == VERDICT_NO_ROW || count[i] > count[best]))
			best = i;
	return best;
}

static uint32_t episode_before(const struct session *s, const struct process *p, uint64_t time)
{
	uint32_t id = 0;
	uint64_t last = 0;

	for (size_t i = 0; i < s->episodes.n; i++) {
		const struct episode *e = &s->episodes.list[i];

		if (e->p == p && e->start <= time && e->start >= last) {
			last = e->start;
			id = e->id;
		}
	}
	return id;
}

static void flip(struct verdict_build *b, const struct phase_mixture *m, uint32_t tid)
{
	const struct phase_row *first = &b->t->list[m->first];
	struct verdicts *v = b->v;
	struct verdict_flip *f;
	struct flip_series s;
	bool to_eager = false;
	size_t at, before, after;

	series_of(&s, b, m, tid);
	at = s.compiled && s.compiled < s.n ? best_split(b, &s, &to_eager) : 0;
	before = at ? main_row(b, &s, 0, at, to_eager) : 0;
	after = at ? main_row(b, &s, at, s.n, !to_eager) : 0;
	if (at && verdict_same_phase(b, to_eager ? after : before, to_eager ? before : after)) {
		MEM_MORE(v->flips, v->n_flips, v->flips_cap);
		f = &v->flips[v->n_flips++];
		*f = (struct verdict_flip){
			.row_before = before,
			.row_after = after,
			.pass = s.list[at].pass,
			.before = at,
			.after = s.n - at,
			.time = first->p->passes.list[s.list[at].pass].host_start,
			.to_eager = to_eager,
		};
		f->episode = episode_before(b->s, first->p, f->time);
	}
	free(s.list);
}

static int by_row(const void *a, const void *b)
{
	const struct verdict_flip *x = a, *y = b;

	if (x->row_before != y->row_before)
		return x->row_before < y->row_before ? -1 : 1;
	return (x->time > y->time) - (x->time < y->time);
}

/* One row for each thread of the phase is enough to know its threads. */
static bool seen_before(const struct verdict_build *b, size_t first, size_t row)
{
	const struct phase_row *r = &b->t->list[row];

	for (size_t i = first; i < row; i++)
		if (r->p->passes.list[b->t->list[i].list[0]].tid == r->p->passes.list[r->list[0]].tid)
			return true;
	return false;
}

void verdict_flips_find(struct verdict_build *b)
{
	struct phase_mixture m;

	for (size_t i = 0; i < b->t->n; i += m.n) {
		phase_mixture_of(&m, b->t, i);
		for (size_t k = i; m.n > 1 && k < i + m.n; k++) {
			const struct phase_row *r = &b->t->list[k];

			if (!seen_before(b, i, k))
				flip(b, &m, r->p->passes.list[r->list[0]].tid);
		}
	}
	if (b->v->n_flips)
		qsort(b->v->flips, b->v->n_flips, sizeof(*b->v->flips), by_row);
}
