#include "decoder/op_captures.h"

#include "decoder/mem.h"
#include "decoder/process_model.h"
#include "decoder/tally.h"

static int by_thread(const void *a, const void *b)
{
	const struct op_capture *x = a, *y = b;

	if (x->tid != y->tid)
		return x->tid < y->tid ? -1 : 1;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->end < y->end ? -1 : x->end > y->end;
}

/* A thread may capture several streams at once. */
static void merge(struct op_captures *c)
{
	size_t n = 0;

	if (!c->n)
		return;
	qsort(c->list, c->n, sizeof(*c->list), by_thread);
	for (size_t i = 1; i < c->n; i++) {
		struct op_capture *last = &c->list[n], next = c->list[i];

		if (next.tid != last->tid || next.start > last->end)
			c->list[++n] = next;
		else if (next.end > last->end)
			last->end = next.end;
	}
	c->n = n + 1;
}

void op_captures_init(struct op_captures *c, const struct process *p)
{
	const struct graph_table *g = &p->graphs;

	*c = (struct op_captures){ .any = !p->lost && !p->status.missing_frames &&
					  !p->status.bad_frames };
	if (g->n_recordings)
		c->list = mem_zalloc(2 * g->n_recordings, sizeof(*c->list));
	for (size_t i = 0; i < g->n_recordings; i++) {
		const struct graph_recording *r = &g->recordings[i];

		if (r->graph || !time_pair_valid(r->start, r->end))
			continue;
		c->list[c->n++] = (struct op_capture){ r->start, r->end, r->tid };
		if (c->any)
			c->list[c->n++] = (struct op_capture){ r->start, r->end, 0 };
	}
	merge(c);
}

static bool cover(const struct op_captures *c, uint32_t tid, uint64_t time)
{
	size_t lo = 0, hi = c->n;

	/* The first that begins after `time`; the one before it may hold it. */
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct op_capture *m = &c->list[mid];

		if (m->tid < tid || (m->tid == tid && m->start <= time))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && c->list[lo - 1].tid == tid && time <= c->list[lo - 1].end;
}

bool op_captures_cover(const struct op_captures *c, uint32_t tid, uint64_t time)
{
	return cover(c, tid, time) || (c->any && cover(c, 0, time));
}

void op_captures_release(struct op_captures *c)
{
	free(c->list);
	*c = (struct op_captures){ 0 };
}
