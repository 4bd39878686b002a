#include "decoder/diff_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/analysis.h"
#include "decoder/diff_match.h"
#include "decoder/mem.h"
#include "decoder/shape_mix.h"

static void add(struct diff_parts *p, const char *name, unsigned side, double count, double ns)
{
	size_t i = 0;

	while (i < p->n && strcmp(p->list[i].name, name))
		i++;
	if (i == p->n) {
		MEM_MORE(p->list, p->n, p->cap);
		p->list[p->n++] = (struct diff_part){ .name = name };
	}
	p->list[i].count[side] += count;
	p->list[i].ns[side] += ns;
}

static void side(struct diff_mix *ret, unsigned which, const struct analysis *a, const struct diff_group *g)
{
	double passes = 0;

	for (size_t i = 0; i < g->n; i++) {
		const struct shape_mix *m = diff_row_mix(a, g->rows[i]);

		passes += m ? (double)m->passes : 0;
	}
	for (size_t i = 0; passes > 0 && i < g->n; i++) {
		const struct shape_mix *m = diff_row_mix(a, g->rows[i]);

		if (!m)
			continue;
		ret->replays[which] += (double)m->replays / passes;
		ret->replay_ns[which] += (double)m->replay_ns / passes;
		for (size_t k = 0; k < m->n; k++) {
			const struct shape_kernel *x = &m->list[k];
			double count = (double)(x->count + x->replayed) / passes;
			double ns = (double)x->ns / passes;
			struct origin_kernel origin;

			origin_of_kernel(&origin, &a->s, x->name);
			add(&ret->kernels, names_text(&a->s.names, x->name), which, count, ns);
			add(&ret->classes, kernel_class_name(x->cls), which, count, ns);
			add(&ret->origins, origin_name(&a->s, &origin.verdict), which, count, ns);
		}
	}
}

static int change_order(const void *a, const void *b)
{
	const struct diff_part *x = a, *y = b;
	double t = fabs(x->ns[1] - x->ns[0]), u = fabs(y->ns[1] - y->ns[0]);
	double n = fabs(x->count[1] - x->count[0]), m = fabs(y->count[1] - y->count[0]);

	if (t != u)
		return t > u ? -1 : 1;
	if (n != m)
		return n > m ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void sort(struct diff_parts *p)
{
	if (p->n)
		qsort(p->list, p->n, sizeof(*p->list), change_order);
}

void diff_mix_init(struct diff_mix *ret, const struct analysis *a, const struct diff_group *ga,
		   const struct analysis *b, const struct diff_group *gb)
{
	*ret = (struct diff_mix){ 0 };
	side(ret, 0, a, ga);
	side(ret, 1, b, gb);
	sort(&ret->classes);
	sort(&ret->origins);
	sort(&ret->kernels);
}

void diff_mix_release(struct diff_mix *m)
{
	free(m->classes.list);
	free(m->origins.list);
	free(m->kernels.list);
	*m = (struct diff_mix){ 0 };
}
