#include "decoder/pass_find.h"

#include <stdlib.h>

#include "decoder/mem.h"
#include "decoder/name_table.h"
#include "decoder/pass.h"
#include "decoder/pass_build.h"
#include "decoder/pass_marker.h"
#include "decoder/process_model.h"
#include "decoder/session_model.h"
#include "decoder/session_ops.h"

#define SLOW_FIRST 2 /* times the median of its shape: not the steady state yet */
#define MODULES_TRIED 16 /* compiled in one episode: among them are candidates */
#define SHAPE_SAMPLE 4096u

struct source {
	const struct session *s;
	size_t process;
	struct op_stream_status status; /* of the last reading; all are alike */
};

static bool run(void *arg, uint64_t stride, op_fn fn, void *fn_arg)
{
	struct source *src = arg;

	return !session_ops(src->s, "phases", src->process, stride, fn, fn_arg, &src->status);
}

static const char *name(void *arg, uint32_t symbol)
{
	const struct source *src = arg;

	return names_text(&src->s->names, symbol);
}

/* How many passes began up to then. */
static size_t begun_by(const struct pass_table *t, uint64_t time)
{
	size_t lo = 0, hi = t->n;

	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;

		if (pass_nth(t, mid)->host_start <= time)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* A span of an episode of the process lies in the pass: it compiled, loaded or recorded. */
static void mark_stalled(const struct session *s, const struct process *p, struct pass_table *t)
{
	for (size_t e = 0; e < s->episodes.n; e++) {
		const struct episode *ep = &s->episodes.list[e];

		if (ep->p != p)
			continue;
		for (size_t i = 0; i < ep->n_spans; i++) {
			/* The first pass that begins after the span; those of other threads overlap little. */
			const size_t lo = begun_by(t, ep->spans[i].end);

			for (size_t k = lo; k-- > 0 && lo - k <= 8;) {
				struct pass *x = pass_nth(t, k);

				x->warmup |= x->end >= ep->spans[i].start;
			}
			/* One whose first launch came after it. */
			for (size_t k = lo; k < t->n && k - lo < 8; k++) {
				struct pass *x = pass_nth(t, k);

				x->warmup |= x->tid == ep->trigger.tid &&
					     x->wall_start <= ep->spans[i].start;
			}
		}
	}
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t wall(const struct pass *p)
{
	return p->end > p->wall_start ? p->end - p->wall_start : 0;
}

/* Of one shape. */
struct start {
	uint64_t *walls; /* of its first passes */
	size_t n;
	uint64_t median;
	bool steady;     /* none of its passes to come is slow for that; too few to say */
};

static void start_median(struct start *s)
{
	if (s->n >= 3) {
		qsort(s->walls, s->n, sizeof(*s->walls), by_value);
		s->median = s->walls[s->n / 2];
	}
	s->steady = s->n < 3;
	free(s->walls);
}

/* The first passes of a shape, while they take much longer than it does later. */
static void mark_slow_starts(struct pass_table *t)
{
	SCOPED_FREE struct start *starts = mem_zalloc(t->n_shapes + 1, sizeof(*starts));
	size_t left = t->n_shapes;

	for (size_t s = 0; s < t->n_shapes; s++) {
		const size_t n = t->shapes[s].passes;

		starts[s].walls = mem_zalloc(n < SHAPE_SAMPLE ? n : SHAPE_SAMPLE,
					     sizeof(*starts[s].walls));
	}
	for (size_t i = 0; i < t->n; i++) {
		const struct pass *x = pass_nth(t, i);
		struct start *s = &starts[x->shape];

		if (s->n < SHAPE_SAMPLE)
			s->walls[s->n++] = wall(x);
	}
	for (size_t s = 0; s < t->n_shapes; s++) {
		start_median(&starts[s]);
		left -= starts[s].steady;
	}
	for (size_t i = 0; i < t->n && left; i++) {
		struct pass *x = pass_nth(t, i);
		struct start *s = &starts[x->shape];

		if (s->steady)
			continue;
		s->steady = !x->warmup && wall(x) <= SLOW_FIRST * s->median;
		x->warmup |= !s->steady;
		left -= s->steady;
	}
}

static int by_start(const void *a, const void *b)
{
	const struct pass_mask *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static int hold_order(const void *a, const void *b)
{
	const struct pass_hold *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* The calls and compiler processes of the process's episodes. */
static struct pass_holds holds_of(const struct session *s, const struct process *p)
{
	struct pass_holds h = { 0 };
	size_t cap = 0;

	for (size_t i = 0; i < s->episodes.n; i++) {
		const struct episode *e = &s->episodes.list[i];
		const struct pass_hold hold = {
			.tid = e->trigger.tid,
			.made = e->kind == EPISODE_GRAPH || e->how == MODULE_COMPILED ||
				e->how == MODULE_CACHED,
		};

		if (e->p != p)
			continue;
		for (size_t k = 0; k < e->n_spans + e->n_children; k++) {
			MEM_MORE(h.list, h.n, cap);
			h.list[h.n] = hold;
			h.list[h.n].start = k < e->n_spans ? e->spans[k].start :
							     e->children[k - e->n_spans]->start;
			h.list[h.n++].end = k < e->n_spans ? e->spans[k].end :
							     e->children[k - e->n_spans]->end;
		}
	}
	if (h.n)
		qsort(h.list, h.n, sizeof(*h.list), hold_order);
	return h;
}

/* Episodes that tried candidates out, or compiled so much that they may have. */
static struct pass_mask *masks_of(const struct session *s, const struct process *p, size_t *ret_n)
{
	struct pass_mask *list = NULL;
	size_t n = 0, cap = 0, kept = 0;

	for (size_t i = 0; i < s->episodes.n; i++) {
		const struct episode *e = &s->episodes.list[i];

		if (e->p != p || e->kind != EPISODE_CODE || e->how != MODULE_COMPILED ||
		    (!e->autotune_launches && e->n_modules < MODULES_TRIED))
			continue;
		MEM_MORE(list, n, cap);
		list[n++] = (struct pass_mask){ .start = e->start, .end = e->end };
	}
	if (n)
		qsort(list, n, sizeof(*list), by_start);
	for (size_t i = 1; i < n; i++) {
		if (list[i].start > list[kept].end)
			list[++kept] = list[i];
		else if (list[i].end > list[kept].end)
			list[kept].end = list[i].end;
	}
	*ret_n = n ? kept + 1 : 0;
	return list;
}

void passes_find(struct session *s, size_t process, const struct phase_rules *rules)
{
	struct process *p = s->list[process];
	struct source from = { .s = s, .process = process };
	struct pass_source src = {
		.run = run,
		.name = name,
		.arg = &from,
		.p = p,
		.expected = p->launch.count,
	};

	SCOPED_FREE struct pass_mask *masks = masks_of(s, p, &src.n_masks);

	src.masks = masks;
	src.holds = holds_of(s, p);
	pass_table_release(&p->passes);
	passes_build(&p->passes, &src);
	p->passes.reading = from.status;
	mark_stalled(s, p, &p->passes);
	mark_slow_starts(&p->passes);
	passes_mark(p, &s->names, rules, &src);
	free(src.holds.list);
}
