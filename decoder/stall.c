/* How long the launching thread was held while the GPU ran dry (episodes.h has the formula). */
#include <string.h>

#include "decoder/children.h"
#include "decoder/episode_build.h"
#include "decoder/mem.h"
#include "decoder/near_log.h"
#include "decoder/process_model.h"

struct span {
	uint64_t start, end;
};

struct spans {
	struct span *list;
	size_t n, cap;
};

static void add(struct spans *s, uint64_t start, uint64_t end)
{
	if (!start)
		return;
	MEM_MORE(s->list, s->n, s->cap);
	s->list[s->n++] = (struct span){ start, end > start ? end : start };
}

/* The launch that begins in the middle of one piece of evidence does not part it. */
static void held_by(struct spans *ret, const struct episode *e, const struct episode_span *ev)
{
	const struct near_list *l = near_launches(&e->p->near_log, e->trigger.tid);
	size_t i = l ? near_first(l, ev->start + 1) : 0;
	size_t after = l ? near_first(l, ev->end) : 0;
	uint64_t from = i ? l->list[i - 1].start + l->list[i - 1].ns : e->start;
	uint64_t to = l && after < l->n ? l->list[after].start : e->end;
	bool shipped = e->kind == EPISODE_CODE &&
		       origin_id_made((enum origin_id)e->origin.id) == ORIGIN_MADE_SHIPPED;

	/* A module that comes inside a launch holds that launch itself. */
	if (i && from > ev->start)
		from = l->list[i - 1].start;
	/* Nothing was made meanwhile: what the thread does between two loads is its own. */
	if (shipped && from < ev->start)
		from = ev->start;
	if (shipped && i && l->list[i - 1].start + l->list[i - 1].ns >= ev->end)
		to = l->list[i - 1].start + l->list[i - 1].ns; /* inside that launch */
	else if (shipped)
		to = ev->end;
	from = from > e->start ? from : e->start;
	to = to < e->end ? to : e->end;
	if (to > from)
		add(ret, from, to);
}

static int span_order(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static const char *unknown_why(const struct episode *e)
{
	const char *reason;

	if (!e->p)
		return "no traced process";
	if (e->p->level == LEVEL_CHURN)
		return "level churn records no GPU work";
	if (strcmp(process_gpu_records(e->p, &reason), "full"))
		return "GPU records are not complete";
	if (e->p->lost)
		return "records were lost";
	if (near_dropped(&e->p->near_log))
		return "too many launches near compiles to keep them all";
	return NULL;
}

void stall_find(struct episode *e)
{
	struct spans held = { 0 };
	uint64_t until = 0;

	e->stall_why = unknown_why(e);
	e->stall_known = !e->stall_why;
	if (!e->stall_known)
		return;
	for (size_t i = 0; i < e->n_spans; i++)
		held_by(&held, e, &e->spans[i]);
	for (size_t i = 0; i < e->n_children; i++)
		held_by(&held, e, &(struct episode_span){ e->children[i]->start,
							  e->children[i]->end });
	if (held.n)
		qsort(held.list, held.n, sizeof(*held.list), span_order);
	for (size_t i = 0; i < held.n; i++) {
		uint64_t from = held.list[i].start > until ? held.list[i].start : until;
		uint64_t to = held.list[i].end;

		if (to <= from)
			continue;
		e->stall_ns += to - from - busy_within(&e->p->busy, from, to);
		until = to;
	}
	free(held.list);
}
