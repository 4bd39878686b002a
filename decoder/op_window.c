#include "decoder/op_window.h"

#include <stdlib.h>
#include <string.h>

#include "decoder/mem.h"

#define SLOTS         (2 * OP_WINDOW)
#define INDEX_MASK    (OP_WINDOW - 1)
#define KEY_MAX       (UINT64_MAX >> OP_WINDOW_BITS)
#define LINE          16u /* slots of a cache line */
#define DIGIT_BITS    13 /* two passes for the usual window; the counters stay in L1 */
#define DIGITS        (1u << DIGIT_BITS)

void op_lag_add(struct op_lag *l, const uint64_t *corr, uint32_t rows)
{
	uint64_t newest = l->newest, most = l->most;

	for (uint32_t i = 0; i < rows; i++) {
		uint64_t id;

		if (!corr[i] || corr[i] > UINT32_MAX)
			continue;
		id = op_id(&newest, (uint32_t)corr[i]);
		if (newest - id > most)
			most = newest - id;
	}
	l->newest = newest;
	l->most = most;
}

static void set_limit(struct op_window *w, uint32_t limit)
{
	w->limit = limit;
	w->slots_mask = 2 * (uint64_t)limit - 1;
	/* When all ids that wait have a place of their own, looking one up is a step to its neighbour. */
	while (w->slots_mask < 4 * w->lag && w->slots_mask < SLOTS - 1)
		w->slots_mask = 2 * w->slots_mask + 1;
}

void op_window_init(struct op_window *w, const struct op_lag *lag, op_window_fn fn, void *arg)
{
	*w = (struct op_window){
		.entries = mem_zalloc(OP_WINDOW, sizeof(*w->entries)),
		.slots = mem_zalloc(SLOTS, sizeof(*w->slots)),
		.order = mem_zalloc(OP_WINDOW, sizeof(*w->order)),
		.spare = mem_zalloc(OP_WINDOW, sizeof(*w->spare)),
		.vacant = mem_zalloc(OP_WINDOW, sizeof(*w->vacant)),
		.lag = lag->most,
		.fn = fn,
		.arg = arg,
	};
	set_limit(w, OP_WINDOW_MIN);
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

/*
 * Ids are nearly consecutive: neighbours stay on one cache line. When more wait than have a place of their own,
 * stretches of ids would lie on each other, and a look-up would walk through both: lines of them are scattered then.
 */
static uint64_t slot_home(const struct op_window *w, uint64_t id)
{
	if (w->slots_mask >= 4 * w->lag)
		return id;
	return (id / LINE * 0x9e3779b97f4a7c15u >> 32) * LINE | (id & (LINE - 1));
}

static uint32_t *slot_of(const struct op_window *w, uint64_t id)
{
	for (uint64_t i = slot_home(w, id);; i++) {
		uint32_t *slot = &w->slots[i & w->slots_mask];

		if (!*slot || w->entries[*slot - 1].corr == id)
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
 * Gives out the `count` lowest; they are sorted. Copies of the last one's id may stay behind: no row joins
 * them, and its launch comes before them.
 */
static void give(struct op_window *w, uint32_t count)
{
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
}

/* How many lie further back than any row will; they are sorted. */
static uint32_t complete(const struct op_window *w)
{
	uint64_t from = w->newest > w->lag ? w->newest - w->lag : 0;
	uint32_t i = 0;

	while (i < w->n && entry_at(w, i)->corr < from)
		i++;
	return i;
}

static void make_room(struct op_window *w)
{
	uint32_t count;

	sort(w);
	count = complete(w);
	if (count < w->limit / 2 && w->limit == OP_WINDOW)
		count = OP_WINDOW / 2;
	if (count)
		give(w, count);
	if (w->n > w->limit / 2)
		set_limit(w, w->limit * 2);
	memset(w->slots, 0, (w->slots_mask + 1) * sizeof(*w->slots));
	for (uint32_t i = 0; i < w->n; i++) {
		const uint64_t id = order_id(w->order[i]);

		if (order_joins(w->order[i]))
			*slot_of(w, id) = (uint32_t)(w->order[i] & INDEX_MASK) + 1;
	}
}

static bool room(struct op_window *w, uint64_t id)
{
	if (w->n == w->limit && id > w->passed)
		make_room(w);
	if (w->stopped)
		return false;
	w->late += id <= w->passed;
	return id > w->passed;
}

static struct op_entry *put(struct op_window *w, uint64_t id, enum op_rank rank)
{
	uint32_t index = w->used < w->limit ? w->used++ : w->vacant[w->vacant_next++];

	w->order[w->n++] = order_of(id, rank, index);
	w->entries[index] = (struct op_entry){ .corr = id };
	return &w->entries[index];
}

struct op_entry *op_window_join(struct op_window *w, uint64_t id)
{
	uint32_t *slot = slot_of(w, id);
	struct op_entry *e;

	if (*slot)
		return &w->entries[*slot - 1];
	if (!room(w, id))
		return NULL;
	slot = slot_of(w, id); /* room() may have made it anew */
	e = put(w, id, OP_RANK_LAUNCH);
	*slot = (uint32_t)(e - w->entries) + 1;
	return e;
}

struct op_entry *op_window_add(struct op_window *w, uint64_t id, enum op_rank rank)
{
	return room(w, id) ? put(w, id, rank) : NULL;
}

void op_window_drain(struct op_window *w)
{
	if (w->n) {
		sort(w);
		give(w, w->n);
	}
}
