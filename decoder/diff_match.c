#include "decoder/diff_match.h"

#include <stdbool.h>
#include <stdlib.h>

#include "decoder/analysis.h"
#include "decoder/mem.h"
#include "decoder/process_model.h"
#include "decoder/shape_mix.h"

#define SAME       0.95 /* of what runs: one shape. A few launches depend on lengths and on caches of the framework */
#define MOSTLY     0.60 /* of what runs: a changed kernel or two. Eager and compiled share 0.1 to 0.4 (GEMMs) */
#define BLOCKS     2    /* percent: as shapes are told apart (pass_shape.c) */
#define BLOCKS_WIDE 10
#define DOMINANT   0.8  /* of a label's passes */

const char *diff_match_name(enum diff_match_how how)
{
	static const char *const names[] = {
#define X(N, s) s,
		DIFF_MATCHES(X)
#undef X
	};

	return names[how];
}

const struct shape_mix *diff_row_mix(const struct analysis *a, size_t row)
{
	const struct phase_row *r = &a->phases.rows.list[row];
	const struct verdicts *v = &a->phases.verdicts;

	if (r->process >= v->n_mixes || r->shape >= v->mixes[r->process].n)
		return NULL;
	return &v->mixes[r->process].list[r->shape];
}

static bool near(uint64_t a, uint64_t b, unsigned percent)
{
	return a * 100 >= b * (100 - percent) && b * 100 >= a * (100 - percent);
}

static uint64_t blocks_of(const struct phase_row *r)
{
	return r->shape < r->p->passes.n_shapes ? r->p->passes.shapes[r->shape].blocks : 0;
}

/* Sizes of decode steps grow with the cache, so their number says how long the run was. */
static bool as_much(unsigned label, uint64_t a, uint64_t b, unsigned percent)
{
	return label == PASS_DECODE || near(a, b, percent);
}

static double alike(const struct analysis *a, size_t row_a, const struct analysis *b, size_t row_b)
{
	const struct shape_mix *x = diff_row_mix(a, row_a), *y = diff_row_mix(b, row_b);

	return x && y && x->n && y->n ? shape_mix_alike(&a->s, x, &b->s, y) : 0;
}

/* --- groups of one session */

static bool belongs(const struct analysis *a, const struct diff_group *g, size_t row)
{
	const struct phase_row *r = &a->phases.rows.list[row];

	return g->label == r->label && a->phases.rows.list[g->rows[g->n - 1]].process != r->process &&
	       as_much(r->label, g->blocks, blocks_of(r), BLOCKS) &&
	       alike(a, g->rows[0], a, row) >= SAME;
}

static int group_order(const void *a, const void *b)
{
	const struct diff_group *x = a, *y = b;

	if (x->label != y->label)
		return x->label < y->label ? -1 : 1;
	if (x->passes != y->passes)
		return x->passes > y->passes ? -1 : 1;
	return x->rows[0] < y->rows[0] ? -1 : x->rows[0] > y->rows[0];
}

static void groups_find(struct diff_groups *ret, const struct analysis *a)
{
	const struct phase_table *t = &a->phases.rows;

	for (size_t i = 0; i < t->n; i++) { /* by process */
		const struct phase_row *r = &t->list[i];
		struct diff_group *g = NULL;

		for (size_t k = 0; k < ret->n && !g; k++)
			if (belongs(a, &ret->list[k], i))
				g = &ret->list[k];
		if (!g) {
			MEM_MORE(ret->list, ret->n, ret->cap);
			g = &ret->list[ret->n++];
			*g = (struct diff_group){ .label = r->label, .blocks = blocks_of(r) };
		}
		MEM_MORE(g->rows, g->n, g->cap);
		g->rows[g->n++] = i;
		g->passes += r->passes;
	}
	if (ret->n)
		qsort(ret->list, ret->n, sizeof(*ret->list), group_order);
}

static void groups_release(struct diff_groups *g)
{
	for (size_t i = 0; i < g->n; i++)
		free(g->list[i].rows);
	free(g->list);
}

/* --- pairs */

struct candidate {
	struct diff_pair pair;
	double score;
};

struct matching {
	struct diff_match *m;
	bool *used_a, *used_b;
	struct candidate *list;
	size_t n, cap;
};

static void pair_add(struct matching *t, struct diff_pair pair)
{
	struct diff_match *m = t->m;

	MEM_MORE(m->pairs, m->n, m->cap);
	m->pairs[m->n++] = pair;
	t->used_a[pair.a] = t->used_b[pair.b] = true;
}

static double ratio_of(uint64_t a, uint64_t b)
{
	return a && b ? (double)(a < b ? a : b) / (double)(a < b ? b : a) : 0;
}

static void candidate_add(struct matching *t, const struct analysis *a, size_t i,
			  const struct analysis *b, size_t k)
{
	const struct diff_group *x = &t->m->a.list[i], *y = &t->m->b.list[k];
	double common;
	bool same;

	if (x->label != y->label || !as_much(x->label, x->blocks, y->blocks, BLOCKS_WIDE))
		return;
	common = alike(a, x->rows[0], b, y->rows[0]);
	if (common < MOSTLY)
		return;
	same = common >= SAME && as_much(x->label, x->blocks, y->blocks, BLOCKS);
	MEM_MORE(t->list, t->n, t->cap);
	t->list[t->n++] = (struct candidate){
		.pair = { i, k, same ? DIFF_MATCH_STRUCTURE : DIFF_MATCH_KERNELS, common },
		/* Of equals, those of equal size. */
		.score = (same ? 4 : 0) + 2 * common + ratio_of(x->blocks, y->blocks) +
			 ratio_of(x->passes, y->passes) / 8,
	};
}

static int candidate_order(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	if (x->pair.a != y->pair.a)
		return x->pair.a < y->pair.a ? -1 : 1;
	return x->pair.b < y->pair.b ? -1 : x->pair.b > y->pair.b;
}

static void by_structure(struct matching *t, const struct analysis *a, const struct analysis *b)
{
	for (size_t i = 0; i < t->m->a.n; i++)
		for (size_t k = 0; k < t->m->b.n; k++)
			candidate_add(t, a, i, b, k);
	if (t->n)
		qsort(t->list, t->n, sizeof(*t->list), candidate_order);
	for (size_t i = 0; i < t->n; i++)
		if (!t->used_a[t->list[i].pair.a] && !t->used_b[t->list[i].pair.b])
			pair_add(t, t->list[i].pair);
}

/* Groups of a label that are left, by work; returns how many. */
struct left {
	size_t group;
	uint64_t blocks;
	size_t passes;
};

static int left_order(const void *a, const void *b)
{
	const struct left *x = a, *y = b;

	if (x->blocks != y->blocks)
		return x->blocks < y->blocks ? -1 : 1;
	return x->group < y->group ? -1 : x->group > y->group;
}

static size_t left_of(struct left *ret, const struct diff_groups *g, const bool *used, unsigned label)
{
	size_t n = 0;

	for (size_t i = 0; i < g->n; i++)
		if (!used[i] && g->list[i].label == label)
			ret[n++] = (struct left){ i, g->list[i].blocks, g->list[i].passes };
	if (n)
		qsort(ret, n, sizeof(*ret), left_order);
	return n;
}

static bool as_often(size_t a, size_t b)
{
	return ratio_of(a, b) >= 0.5;
}

/* The group that holds most passes of the label; false: none does. */
static bool dominant(size_t *ret, const struct diff_groups *g, const bool *used, unsigned label)
{
	size_t all = 0, most = SIZE_MAX;

	for (size_t i = 0; i < g->n; i++) {
		if (g->list[i].label != label)
			continue;
		all += g->list[i].passes;
		if (most == SIZE_MAX || g->list[i].passes > g->list[most].passes)
			most = i;
	}
	*ret = most;
	return most != SIZE_MAX && !used[most] &&
	       (double)g->list[most].passes >= DOMINANT * (double)all;
}

static void pair_by_work(struct matching *t, size_t i, size_t k, const struct analysis *a,
			 const struct analysis *b)
{
	double common = alike(a, t->m->a.list[i].rows[0], b, t->m->b.list[k].rows[0]);

	/* What no vote has named can be anything: something of it must be common. */
	if (t->m->a.list[i].label == PASS_UNLABELLED && common <= 0)
		return;
	pair_add(t, (struct diff_pair){ i, k, DIFF_MATCH_WORK, common });
}

static void by_work(struct matching *t, const struct analysis *a, const struct analysis *b, unsigned label)
{
	SCOPED_FREE struct left *x = mem_zalloc(t->m->a.n + 1, sizeof(*x));
	SCOPED_FREE struct left *y = mem_zalloc(t->m->b.n + 1, sizeof(*y));
	size_t n = left_of(x, &t->m->a, t->used_a, label), i, k;
	bool clear = n == left_of(y, &t->m->b, t->used_b, label);

	for (i = 0; clear && i < n; i++)
		clear = as_often(x[i].passes, y[i].passes) &&
			(!i || (x[i].blocks > x[i - 1].blocks && y[i].blocks > y[i - 1].blocks));
	if (clear)
		for (i = 0; i < n; i++)
			pair_by_work(t, x[i].group, y[i].group, a, b);
	else if (dominant(&i, &t->m->a, t->used_a, label) && dominant(&k, &t->m->b, t->used_b, label) &&
		 as_often(t->m->a.list[i].passes, t->m->b.list[k].passes))
		pair_by_work(t, i, k, a, b);
}

static int pair_order(const void *a, const void *b)
{
	const struct diff_pair *x = a, *y = b;

	return x->a < y->a ? -1 : x->a > y->a;
}

static size_t *unused(const bool *used, size_t n, size_t *ret_n)
{
	size_t *ret = mem_zalloc(n + 1, sizeof(*ret));

	for (size_t i = 0; i < n; i++)
		if (!used[i])
			ret[(*ret_n)++] = i;
	return ret;
}

void diff_match_find(struct diff_match *ret, const struct analysis *a, const struct analysis *b)
{
	SCOPED_FREE bool *used_a = NULL, *used_b = NULL;
	struct matching t = { .m = ret };

	*ret = (struct diff_match){ 0 };
	groups_find(&ret->a, a);
	groups_find(&ret->b, b);
	t.used_a = used_a = mem_zalloc(ret->a.n + 1, sizeof(*used_a));
	t.used_b = used_b = mem_zalloc(ret->b.n + 1, sizeof(*used_b));
	by_structure(&t, a, b);
	for (unsigned label = 0; label < PASS_LABEL_COUNT; label++)
		by_work(&t, a, b, label);
	free(t.list);
	if (ret->n)
		qsort(ret->pairs, ret->n, sizeof(*ret->pairs), pair_order);
	ret->left_a = unused(used_a, ret->a.n, &ret->n_left_a);
	ret->left_b = unused(used_b, ret->b.n, &ret->n_left_b);
}

void diff_match_release(struct diff_match *m)
{
	groups_release(&m->a);
	groups_release(&m->b);
	free(m->pairs);
	free(m->left_a);
	free(m->left_b);
	*m = (struct diff_match){ 0 };
}
