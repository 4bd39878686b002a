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
};

static bool run(void *arg, op_fn fn, void *fn_arg)
{
	const struct source *src = arg;
	struct op_stream_status status;

	return !session_ops(src->s, "phases", src->process, fn, fn_arg, &status);
}

static const char *name(void *arg, uint32_t symbol)
{
	const struct source *src = arg;

	return names_text(&src->s->names, symbol);
}

/* A span of an episode of the process lies in the pass: it compiled, loaded or recorded. */
static void mark_stalled(const struct session *s, const struct process *p, struct pass_table *t)
{
	for (size_t e = 0; e < s->episodes.n; e++) {
		const struct episode *ep = &s->episodes.list[e];

		if (ep->p != p)
			continue;
		for (size_t i = 0; i < ep->n_spans; i++) {
			size_t lo = 0, hi = t->n;

			/* The first pass that begins after the span; those of other threads overlap little. */
			while (lo < hi) {
				size_t mid = lo + (hi - lo) / 2;

				if (t->list[mid].host_start <= ep->spans[i].end)
					lo = mid + 1;
				else
					hi = mid;
			}
			for (size_t k = lo; k-- > 0 && lo - k <= 8;)
				if (t->list[k].end >= ep->spans[i].start)
					t->list[k].warmup = true;
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

/* The first passes of a shape, while they take much longer than it does later. */
static void mark_slow_starts(struct pass_table *t)
{
	SCOPED_FREE uint64_t *walls = mem_zalloc(SHAPE_SAMPLE, sizeof(*walls));

	for (uint32_t s = 0; s < t->n_shapes; s++) {
		uint64_t median;
		size_t n = 0;

		for (size_t i = 0; i < t->n && n < SHAPE_SAMPLE; i++)
			if (t->list[i].shape == s)
				walls[n++] = wall(&t->list[i]);
		if (n < 3)
			continue;
		qsort(walls, n, sizeof(*walls), by_value);
		median = walls[n / 2];
		for (size_t i = 0; i < t->n; i++) {
			if (t->list[i].shape != s)
				continue;
			if (!t->list[i].warmup && wall(&t->list[i]) <= SLOW_FIRST * median)
				break;
			t->list[i].warmup = true;
		}
	}
}

static int by_start(const void *a, const void *b)
{
	const struct pass_mask *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
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
	struct source from = { s, process };
	struct pass_source src = {
		.run = run,
		.name = name,
		.arg = &from,
		.p = p,
		.expected = p->launch.count,
	};

	SCOPED_FREE struct pass_mask *masks = masks_of(s, p, &src.n_masks);

	src.masks = masks;
	pass_table_release(&p->passes);
	passes_build(&p->passes, &src);
	mark_stalled(s, p, &p->passes);
	mark_slow_starts(&p->passes);
	passes_mark(p, &s->names, rules);
}
