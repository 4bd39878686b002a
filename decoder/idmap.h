/* idmap: 64-bit id -> index of something in a list. Grows; entries are never removed. */
#ifndef JITNESS_DECODER_IDMAP_H
#define JITNESS_DECODER_IDMAP_H

#include <stddef.h>
#include <stdint.h>

#define IDMAP_NONE UINT32_MAX

struct idmap {
	struct idmap_slot {
		uint64_t id;
		uint32_t index; /* + 1; 0: empty */
	} *slots;
	size_t cap; /* power of two, or 0 */
	size_t n;
};

/* Sets or replaces. index < IDMAP_NONE. */
void idmap_put(struct idmap *m, uint64_t id, uint32_t index);
void idmap_release(struct idmap *m);

/* Spreads consecutive ids; used by the other tables here as well. */
static inline uint64_t idmap_hash(uint64_t id)
{
	id *= 0x9e3779b97f4a7c15u;
	return id ^ id >> 29;
}

/* The slot of id, or the empty one where it would be. Of a map with slots (cap). */
static inline struct idmap_slot *idmap_find(const struct idmap *m, uint64_t id)
{
	size_t i = idmap_hash(id) & (m->cap - 1);

	while (m->slots[i].index && m->slots[i].id != id)
		i = (i + 1) & (m->cap - 1);
	return &m->slots[i];
}

/* IDMAP_NONE when id is not there. */
static inline uint32_t idmap_get(const struct idmap *m, uint64_t id)
{
	/* An empty slot holds 0, which wraps to IDMAP_NONE. */
	return m->cap ? idmap_find(m, id)->index - 1 : IDMAP_NONE;
}

#endif
