#include "decoder/diff_series.h"

#include <stdlib.h>

#include "decoder/analysis.h"
#include "decoder/diff_match.h"
#include "decoder/mem.h"
#include "decoder/process_model.h"

/* --- runs */

struct span {
	uint64_t start, end;
	size_t process;
};

static int span_order(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->process < y->process ? -1 : x->process > y->process;
}

void diff_runs_find(struct diff_runs *ret, const struct analysis *a)
{
	const struct session *s = &a->s;
	SCOPED_FREE struct span *spans = mem_zalloc(s->n + 1, sizeof(*spans));
	uint64_t end = 0;

	*ret = (struct diff_runs){ .of = mem_zalloc(s->n + 1, sizeof(*ret->of)) };
	for (size_t i = 0; i < s->n; i++) {
		const struct pass_table *t = &s->list[i]->passes;

		if (t->n)
			spans[ret->processes++] = (struct span){
				session_time(s, s->list[i], t->list[0].host_start),
				session_time(s, s->list[i], t->list[t->n - 1].end), i
			};
	}
	if (ret->processes)
		qsort(spans, ret->processes, sizeof(*spans), span_order);
	for (size_t i = 0; i < ret->processes; i++) {
		if (!i || spans[i].start > end)
			ret->n++;
		if (spans[i].end > end)
			end = spans[i].end;
		ret->of[spans[i].process] = (uint32_t)ret->n - 1;
	}
}

void diff_runs_release(struct diff_runs *r)
{
	free(r->of);
	*r = (struct diff_runs){ 0 };
}

/* --- series */

struct sample {
	uint64_t time;
	uint32_t run;
	double wall, busy;
};

static int sample_order(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;

	if (x->run != y->run)
		return x->run < y->run ? -1 : 1;
	return x->time < y->time ? -1 : x->time > y->time;
}

static size_t collect(struct sample *to, struct diff_series *ret, const struct analysis *a,
		      const struct diff_runs *runs, const struct diff_group *g, bool all)
{
	size_t n = 0;

	for (size_t i = 0; i < g->n; i++) {
		const struct phase_row *r = &a->phases.rows.list[g->rows[i]];

		ret->all_warmup |= r->all_warmup;
		for (size_t k = 0; k < r->passes; k++) {
			const struct pass *p = pass_nth(&r->p->passes, r->list[k]);
			uint64_t wall = pass_wall(p);

			if (p->warmup && !r->all_warmup && !all) {
				ret->warmup++;
				continue;
			}
			ret->busy_known |= p->busy_ns > 0;
			to[n++] = (struct sample){ session_time(&a->s, r->p, p->host_start),
						   runs->of[r->process], (double)(wall ? wall : 1),
						   (double)(p->busy_ns ? p->busy_ns : 1) };
		}
	}
	return n;
}

void diff_series_init(struct diff_series *ret, const struct analysis *a, const struct diff_runs *runs,
		      const struct diff_group *g, bool all)
{
	SCOPED_FREE struct sample *list = mem_zalloc(g->passes + 1, sizeof(*list));
	size_t first = 0;

	*ret = (struct diff_series){ 0 };
	ret->n = collect(list, ret, a, runs, g, all);
	if (ret->n)
		qsort(list, ret->n, sizeof(*list), sample_order);
	ret->wall = mem_zalloc(ret->n + 1, sizeof(*ret->wall));
	ret->busy = mem_zalloc(ret->n + 1, sizeof(*ret->busy));
	ret->run = mem_zalloc(ret->n + 1, sizeof(*ret->run));
	ret->walls = mem_zalloc(runs->n + 1, sizeof(*ret->walls));
	ret->busies = mem_zalloc(runs->n + 1, sizeof(*ret->busies));
	for (size_t i = 0; i < ret->n; i++) {
		ret->wall[i] = list[i].wall;
		ret->busy[i] = list[i].busy;
		ret->run[i] = (uint32_t)ret->n_runs;
		if (i + 1 < ret->n && list[i + 1].run == list[i].run)
			continue;
		ret->walls[ret->n_runs] = (struct bootstrap_run){ ret->wall + first, i + 1 - first };
		ret->busies[ret->n_runs++] = (struct bootstrap_run){ ret->busy + first, i + 1 - first };
		first = i + 1;
	}
}

void diff_series_release(struct diff_series *s)
{
	free(s->wall);
	free(s->busy);
	free(s->run);
	free(s->walls);
	free(s->busies);
	*s = (struct diff_series){ 0 };
}
