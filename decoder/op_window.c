#include "decoder/op_window.h"

#include <stdlib.h>
#include <string.h>

#include "decoder/mem.h"

#define SLOTS         (2 * OP_WINDOW)
#define INDEX_MASK    (OP_WINDOW - 1)
#define KEY_MAX       (UINT64_MAX >> OP_WINDOW_BITS)
#define SLOT_ID_SHIFT (OP_WINDOW_BITS + 1) /* room for index + 1 */
#define DIGIT_BITS    13 /* two passes for the usual window; the counters stay in L1 */
#define DIGITS        (1u << DIGIT_BITS)

void op_window_init(struct op_window *w, op_window_fn fn, void *arg)
{
	*w = (struct op_window){
		.entries = mem_zalloc(OP_WINDOW, sizeof(*w->entries)),
		.slots = mem_zalloc(SLOTS, sizeof(*w->slots)),
		.order = mem_zalloc(OP_WINDOW, sizeof(*w->order)),
		.spare = mem_zalloc(OP_WINDOW, sizeof(*w->spare)),
		.vacant = mem_zalloc(OP_WINDOW, sizeof(*w->vacant)),
		.fn = fn,
		.arg = arg,
	};
}

void op_window_release(struct op_window *w)
{
	free(w->entries);
	free(w->slots);
	free(w->order);
	free(w->spare);
	free(w->vacant);
	*w = (struct op_window){ 0 };
}

/* Holds the id, too: a probe that meets another one need not look at its entry. */
static uint64_t slot_put(uint64_t id, uint64_t index)
{
	return id << SLOT_ID_SHIFT | (index + 1);
}

static uint32_t slot_index(uint64_t slot)
{
	return (uint32_t)(slot & ((1u << SLOT_ID_SHIFT) - 1)) - 1;
}

/* Ids are nearly consecutive: the low bits keep neighbours on one cache line. */
static uint64_t slot_home(uint64_t id)
{
	return id ^ (id / SLOTS) * 0x9e3779b1u;
}

static uint64_t *slot_of(const struct op_window *w, uint64_t id)
{
	for (uint64_t i = slot_home(id);; i++) {
		uint64_t *slot = &w->slots[i & (SLOTS - 1)];

		if (!*slot || (*slot >> SLOT_ID_SHIFT == id << SLOT_ID_SHIFT >> SLOT_ID_SHIFT &&
			       w->entries[slot_index(*slot)].corr == id))
			return slot;
	}
}

/* What order[] is sorted by: the id, and of one id the rank. */
static uint64_t order_of(uint64_t id, enum op_rank rank, uint32_t index)
{
	/* 2^42 ids are more than a process can have: beyond is damage, which comes last. */
	uint64_t key = id < KEY_MAX / 4 ? id << 2 | rank : KEY_MAX;

	return key << OP_WINDOW_BITS | index;
}

static uint64_t order_id(uint64_t order)
{
	return order >> (OP_WINDOW_BITS + 2);
}

static bool order_joins(uint64_t order)
{
	return (order >> OP_WINDOW_BITS & 3) == OP_RANK_LAUNCH;
}

/* Stable: what has the same id and rank stays in the order of arrival. */
static void sort(struct op_window *w)
{
	uint64_t first = UINT64_MAX, last = 0, sorted = 1;

	for (uint32_t i = 0; i < w->n; i++) {
		uint64_t key = w->order[i] & ~(uint64_t)INDEX_MASK;

		sorted &= key >= last;
		first = key < first ? key : first;
		last = key > last ? key : last;
	}
	if (sorted)
		return;
	for (unsigned shift = OP_WINDOW_BITS; shift < 64 && (last - first) >> shift;
	     shift += DIGIT_BITS) {
		uint32_t at[DIGITS] = { 0 }, sum = 0;
		uint64_t *to = w->spare;

		for (uint32_t i = 0; i < w->n; i++)
			at[(w->order[i] - first) >> shift & (DIGITS - 1)]++;
		for (unsigned d = 0; d < DIGITS; d++) {
			uint32_t count = at[d];

			at[d] = sum;
			sum += count;
		}
		for (uint32_t i = 0; i < w->n; i++)
			to[at[(w->order[i] - first) >> shift & (DIGITS - 1)]++] = w->order[i];
		w->spare = w->order;
		w->order = to;
	}
}

static struct op_entry *entry_at(const struct op_window *w, uint32_t i)
{
	return &w->entries[w->order[i] & INDEX_MASK];
}

/*
 * Gives out the `count` lowest. Copies of the last one's id may stay behind: no row joins them, and
 * its launch comes before them.
 */
static void advance(struct op_window *w, uint32_t count)
{
	sort(w);
	for (uint32_t i = 0; i < count; i++) {
		const struct op_entry *e = entry_at(w, i);

		w->vacant[i] = w->order[i] & INDEX_MASK;
		if (e->corr < w->passed) { /* see order_of() */
			w->late++;
			continue;
		}
		w->passed = e->corr;
		if (!w->stopped)
			w->stopped = !w->fn(w->arg, e);
	}
	w->n -= count;
	w->vacant_next = 0;
	memmove(w->order, w->order + count, w->n * sizeof(*w->order));
	memset(w->slots, 0, SLOTS * sizeof(*w->slots));
	for (uint32_t i = 0; i < w->n; i++) {
		const uint64_t id = order_id(w->order[i]);

		if (order_joins(w->order[i]))
			*slot_of(w, id) = slot_put(id, w->order[i] & INDEX_MASK);
	}
}

static bool room(struct op_window *w, uint64_t id)
{
	if (w->n == OP_WINDOW && id > w->passed)
		advance(w, OP_WINDOW / 2);
	if (w->stopped)
		return false;
	w->late += id <= w->passed;
	return id > w->passed;
}

static struct op_entry *put(struct op_window *w, uint64_t id, enum op_rank rank)
{
	uint32_t index = w->used < OP_WINDOW ? w->used++ : w->vacant[w->vacant_next++];

	w->order[w->n++] = order_of(id, rank, index);
	w->entries[index] = (struct op_entry){ .corr = id };
	return &w->entries[index];
}

struct op_entry *op_window_join(struct op_window *w, uint64_t id)
{
	uint64_t *slot = slot_of(w, id);
	struct op_entry *e;

	if (*slot)
		return &w->entries[slot_index(*slot)];
	if (!room(w, id))
		return NULL;
	slot = slot_of(w, id); /* room() may have made it anew */
	e = put(w, id, OP_RANK_LAUNCH);
	*slot = slot_put(id, (uint64_t)(e - w->entries));
	return e;
}

struct op_entry *op_window_add(struct op_window *w, uint64_t id, enum op_rank rank)
{
	return room(w, id) ? put(w, id, rank) : NULL;
}

void op_window_drain(struct op_window *w)
{
	if (w->n)
		advance(w, w->n);
}
