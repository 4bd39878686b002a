#include "decoder/pass_shape.h"

#include <stdio.h>
#include <string.h>

#include "decoder/idmap.h"
#include "decoder/mem.h"

#define WORKS_MAX      65536u /* different works of all kinds; what is beyond recurs too seldom to matter */
#define STEP_WORKS_MAX 16u    /* of a decode kind: each step is compared with all of them */

struct kind {
	struct pass_set set;
	uint32_t tid, inner, items;
	uint8_t label;
	uint64_t blocks; /* of the first */
	/* Neighbours in the thread, and of these by part: in how many it changed, and how. */
	uint32_t pairs, up[PASS_PARTS], down[PASS_PARTS];
	uint32_t fixed;  /* parts that tell shapes apart, a bit each */
	uint32_t passes, recurring, works; /* recurring: passes whose work recurs; works: that recur */
	uint32_t step_works[STEP_WORKS_MAX], n_step_works;
	uint32_t rest;   /* shape of passes whose work does not recur, + 1; 0: none yet */
};

/* A step of each work of the decode kinds: copies, since the passes themselves lie all over a long trace. */
struct step {
	uint32_t part[PASS_PARTS];
};

/* What passes of one kind did in its fixed parts. */
struct work {
	uint32_t kind;
	uint32_t step; /* of a decode kind: index in steps */
	uint32_t count;
	uint32_t shape; /* + 1; 0: none yet */
};

struct shaping {
	const struct pass_spill *found;
	uint16_t *kind; /* of the passes of found */
	struct kind *kinds;
	uint32_t n_kinds;
	struct work *works;
	size_t n_works, works_cap;
	struct step *steps;
	size_t n_steps, steps_cap;
	struct idmap by_key; /* works of other labels than decode */
};

static bool near(uint64_t a, uint64_t b, unsigned percent)
{
	return a * 100 >= b * (100 - percent) && b * 100 >= a * (100 - percent);
}

/* --- kinds */

static bool same_kind(const struct kind *k, const struct pass_found *f)
{
	unsigned a, b;

	if (k->label != f->pass.label || k->tid != f->pass.tid || !near(k->inner, f->inner, 10) ||
	    !near(k->items, f->items, 10))
		return false;
	if (k->label != PASS_DECODE && !near(k->blocks, f->blocks, 2))
		return false;
	if (pass_set_equal(&k->set, &f->set))
		return true;
	a = pass_set_count(&k->set);
	b = pass_set_count(&f->set);
	return pass_set_common(&k->set, &f->set) * 10 >= (a > b ? a : b) * 9;
}

/* The same for the same work, whatever came before: the first that fits. */
static uint32_t kind_of(struct shaping *s, const struct pass_found *f)
{
	uint32_t k = 0;

	while (k < s->n_kinds && !same_kind(&s->kinds[k], f))
		k++;
	if (k == PASS_SHAPES_MAX)
		return k - 1;
	if (k == s->n_kinds) {
		s->kinds[s->n_kinds++] = (struct kind){
			.set = f->set,
			.tid = f->pass.tid,
			.inner = f->inner,
			.items = f->items,
			.label = f->pass.label,
			.blocks = f->blocks,
		};
	}
	return k;
}

static void note_pair(struct kind *k, const struct pass_found *a, const struct pass_found *b)
{
	k->pairs++;
	for (unsigned i = 0; i < PASS_PARTS; i++) {
		k->up[i] += b->part[i] > a->part[i];
		k->down[i] += b->part[i] < a->part[i];
	}
}

static bool tells(const struct kind *k, unsigned i)
{
	/* Two in a hundred: the batch of a server changes within a run too. */
	if (k->label == PASS_DECODE)
		return (k->up[i] + k->down[i]) * 50ull <= k->pairs;
	return k->pairs < 3 || k->up[i] * 10ull < k->down[i] * 10ull + k->pairs;
}

static void kinds_find(struct shaping *s)
{
	struct idmap last = { 0 }; /* pass of a thread */

	for (size_t i = 0; i < s->found->n; i++) {
		const struct pass_found *f = pass_found_at(s->found, i);
		uint32_t before;

		if (f->dropped)
			continue;
		s->kind[i] = (uint16_t)kind_of(s, f);
		s->kinds[s->kind[i]].passes++;
		before = idmap_get(&last, f->pass.tid);
		if (before != IDMAP_NONE && s->kind[before] == s->kind[i])
			note_pair(&s->kinds[s->kind[i]], pass_found_at(s->found, before), f);
		idmap_put(&last, f->pass.tid, (uint32_t)i);
	}
	idmap_release(&last);
	for (uint32_t k = 0; k < s->n_kinds; k++)
		for (unsigned i = 0; i < PASS_PARTS; i++)
			s->kinds[k].fixed |= (uint32_t)tells(&s->kinds[k], i) << i;
}

/* --- works */

static bool like_step(const struct kind *k, const struct step *a, const struct pass_found *b)
{
	unsigned all = 0, equal = 0;

	for (unsigned i = 0; i < PASS_PARTS; i++) {
		if (!(k->fixed >> i & 1) || (!a->part[i] && !b->part[i]))
			continue;
		all++;
		equal += a->part[i] == b->part[i];
	}
	return equal * 3 >= all * 2;
}

static uint64_t key_of(const struct kind *k, uint32_t kind, const struct pass_found *f)
{
	uint64_t key = idmap_hash(kind + 1ull) ^ f->graphs;

	for (unsigned i = 0; i < PASS_PARTS; i++)
		if (k->fixed >> i & 1)
			key = idmap_hash(key ^ f->part[i]) + (key << 9);
	return key;
}

static struct work *work_add(struct shaping *s, uint32_t kind)
{
	MEM_MORE(s->works, s->n_works, s->works_cap);
	s->works[s->n_works] = (struct work){ .kind = kind };
	return &s->works[s->n_works++];
}

static uint32_t step_add(struct shaping *s, const struct pass_found *f)
{
	MEM_MORE(s->steps, s->n_steps, s->steps_cap);
	memcpy(s->steps[s->n_steps].part, f->part, sizeof(f->part));
	return (uint32_t)s->n_steps++;
}

/* Of a pass of a kind; add: if it is new and there is room. NULL: not known. */
static struct work *work_of(struct shaping *s, uint32_t kind, const struct pass_found *f, bool add)
{
	struct kind *k = &s->kinds[kind];
	struct work *w_new;
	uint64_t key;
	uint32_t w;

	add = add && s->n_works < WORKS_MAX;
	if (k->label == PASS_DECODE) {
		for (uint32_t i = 0; i < k->n_step_works; i++) {
			struct work *have = &s->works[k->step_works[i]];

			if (like_step(k, &s->steps[have->step], f))
				return have;
		}
		if (!add || k->n_step_works == STEP_WORKS_MAX)
			return NULL;
		k->step_works[k->n_step_works++] = (uint32_t)s->n_works;
		w_new = work_add(s, kind);
		w_new->step = step_add(s, f);
		return w_new;
	}
	key = key_of(k, kind, f);
	w = idmap_get(&s->by_key, key);
	if (w != IDMAP_NONE)
		return &s->works[w];
	if (!add)
		return NULL;
	idmap_put(&s->by_key, key, (uint32_t)s->n_works);
	return work_add(s, kind);
}

static void works_find(struct shaping *s)
{
	for (size_t i = 0; i < s->found->n; i++) {
		const struct pass_found *f = pass_found_at(s->found, i);
		struct work *w = f->dropped ? NULL : work_of(s, s->kind[i], f, true);

		if (w)
			w->count++;
	}
	for (size_t i = 0; i < s->n_works; i++)
		if (s->works[i].count >= SHAPE_RECURS) {
			struct kind *k = &s->kinds[s->works[i].kind];

			k->works++;
			k->recurring += s->works[i].count;
		}
}

/* --- shapes */

/* Half of it is work that recurs, and not all of that the same. */
static bool splits(const struct kind *k)
{
	return k->works > 1 && k->recurring * 2ull >= k->passes;
}

/* Where the number of the pass's shape, + 1, is kept. */
static uint32_t *place_of(struct shaping *s, uint32_t kind, const struct pass_found *f)
{
	struct kind *k = &s->kinds[kind];
	struct work *w = splits(k) ? work_of(s, kind, f, false) : NULL;

	return w && w->count >= SHAPE_RECURS ? &w->shape : &k->rest;
}

static uint32_t shape_add(struct pass_table *ret, size_t *cap, const struct pass_found *f)
{
	const uint32_t i = (uint32_t)ret->n_shapes;

	if (i == PASS_SHAPES_MAX)
		return i - 1;
	MEM_MORE(ret->shapes, ret->n_shapes, *cap);
	ret->shapes[ret->n_shapes++] = (struct pass_shape){
		.signature = pass_set_hash(&f->set),
		.kernels = f->pass.kernels,
		.graph_launches = f->pass.graph_launches,
		.label = f->pass.label,
	};
	snprintf(ret->shapes[i].name, sizeof(ret->shapes[i].name), "s%u", i + 1);
	return i;
}

void pass_shapes_find(struct pass_table *ret, const struct pass_spill *found, uint16_t *shapes)
{
	struct shaping s = { .found = found, .kind = shapes };
	SCOPED_FREE struct kind *kinds = mem_zalloc(PASS_SHAPES_MAX, sizeof(*kinds));
	size_t cap = 0;

	s.kinds = kinds;
	kinds_find(&s);
	works_find(&s);
	for (size_t i = 0; i < found->n; i++) {
		const struct pass_found *f = pass_found_at(found, i);
		struct pass_shape *shape;
		uint32_t *place;

		if (f->dropped)
			continue;
		place = place_of(&s, shapes[i], f);
		if (!*place)
			*place = shape_add(ret, &cap, f) + 1;
		shapes[i] = (uint16_t)(*place - 1); /* no longer its kind */
		shape = &ret->shapes[*place - 1];
		shape->passes++;
		shape->blocks += f->blocks;
	}
	/* Steps grow: the middle of a range that rises evenly is its mean. */
	for (size_t k = 0; k < ret->n_shapes; k++)
		ret->shapes[k].blocks /= ret->shapes[k].passes;
	free(s.works);
	free(s.steps);
	idmap_release(&s.by_key);
}
