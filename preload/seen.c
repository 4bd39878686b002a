#include "preload/seen.h"

#include <stddef.h>
#include <sys/mman.h>

int seen_start(struct seen *s, uint32_t size)
{
	void *p = mmap(NULL, size * sizeof(*s->slot), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return -1;
	if (s->map)
		munmap(s->map, s->size * sizeof(*s->slot));
	s->slot = s->map = p;
	s->size = size;
	atomic_store_explicit(&s->used, 0, memory_order_relaxed);
	return 0;
}

/*
 * Relaxed throughout: a slot holds nothing but its hash, and readers of a trace accept a record
 * that is written after its first use.
 */
uint32_t seen_id(struct seen *s, uint64_t hash, bool *ret_new)
{
	uint64_t there;

	*ret_new = false;
	if (!s->slot)
		return 0;
	hash += !hash;
	/* Linear probing: one quarter stays free, so the walk ends, after a few steps. */
	for (uint32_t i = (uint32_t)hash & (s->size - 1);; i = (i + 1) & (s->size - 1)) {
		there = atomic_load_explicit(&s->slot[i], memory_order_relaxed);
		if (!there) {
			if (atomic_fetch_add_explicit(&s->used, 1, memory_order_relaxed) >=
			    s->size / 4 * 3) {
				atomic_fetch_sub_explicit(&s->used, 1, memory_order_relaxed);
				return 0;
			}
			if (atomic_compare_exchange_strong_explicit(&s->slot[i], &there, hash,
								    memory_order_relaxed,
								    memory_order_relaxed)) {
				*ret_new = true;
				return i + 1;
			}
			atomic_fetch_sub_explicit(&s->used, 1, memory_order_relaxed);
		}
		if (there == hash)
			return i + 1;
	}
}
