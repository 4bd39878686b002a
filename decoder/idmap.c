#include "decoder/idmap.h"

#include "decoder/mem.h"

static void grow(struct idmap *m)
{
	struct idmap old = *m;

	m->cap = old.cap ? old.cap * 2 : 64;
	m->slots = mem_zalloc(m->cap, sizeof(*m->slots));
	for (size_t i = 0; i < old.cap; i++)
		if (old.slots[i].index)
			*idmap_find(m, old.slots[i].id) = old.slots[i];
	free(old.slots);
}

void idmap_put(struct idmap *m, uint64_t id, uint32_t index)
{
	struct idmap_slot *slot;

	if (m->n * 3 >= m->cap * 2)
		grow(m);
	slot = idmap_find(m, id);
	if (!slot->index)
		m->n++;
	*slot = (struct idmap_slot){ .id = id, .index = index + 1 };
}

void idmap_release(struct idmap *m)
{
	free(m->slots);
	*m = (struct idmap){ 0 };
}
