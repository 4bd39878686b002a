#include "decoder/pass_shape.h"

#include <stdio.h>
#include <string.h>

#include "decoder/mem.h"

struct shape_key {
	struct pass_set set;
	uint32_t tid, inner, items;
	uint64_t blocks_sum;
};

static bool near(uint64_t a, uint64_t b, unsigned percent)
{
	return a * 100 >= b * (100 - percent) && b * 100 >= a * (100 - percent);
}

static bool same(const struct pass_shape *s, const struct shape_key *k, const struct pass_found *f)
{
	const unsigned a = pass_set_count(&k->set), b = pass_set_count(&f->set);

	if (s->label != f->pass.label || k->tid != f->pass.tid || !near(k->inner, f->inner, 10) ||
	    !near(k->items, f->items, 10))
		return false;
	if (s->label != PASS_DECODE && !near(s->blocks, f->blocks, 2))
		return false;
	return pass_set_common(&k->set, &f->set) * 10 >= (a > b ? a : b) * 9;
}

void pass_shapes_find(struct pass_table *ret, struct pass_found *found, size_t n)
{
	SCOPED_FREE struct shape_key *keys = mem_zalloc(PASS_SHAPES_MAX, sizeof(*keys));
	uint32_t last = 0;
	size_t cap = 0;

	for (size_t i = 0; i < n; i++) {
		struct pass_found *f = &found[i];
		struct pass_shape *s;
		uint32_t k = last;

		if (f->dropped)
			continue;
		if (!ret->n_shapes || !same(&ret->shapes[k], &keys[k], f))
			for (k = 0; k < ret->n_shapes; k++)
				if (same(&ret->shapes[k], &keys[k], f))
					break;
		if (k == PASS_SHAPES_MAX)
			k--;
		if (k == ret->n_shapes) {
			MEM_MORE(ret->shapes, ret->n_shapes, cap);
			ret->n_shapes++;
			keys[k] = (struct shape_key){ f->set, f->pass.tid, f->inner, f->items, 0 };
			ret->shapes[k] = (struct pass_shape){
				.signature = pass_set_hash(&f->set),
				.kernels = f->pass.kernels,
				.graph_launches = f->pass.graph_launches,
				.blocks = f->blocks,
				.label = f->pass.label,
			};
			snprintf(ret->shapes[k].name, sizeof(ret->shapes[k].name), "s%u", k + 1);
		}
		s = &ret->shapes[k];
		s->passes++;
		keys[k].blocks_sum += f->blocks;
		f->pass.shape = last = k;
	}
	/* Steps grow: the middle of a range that rises evenly is its mean. */
	for (size_t k = 0; k < ret->n_shapes; k++)
		ret->shapes[k].blocks = keys[k].blocks_sum / ret->shapes[k].passes;
}
