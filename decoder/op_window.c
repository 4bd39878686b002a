#include "decoder/op_window.h"

#include <stdlib.h>
#include <string.h>

#include "decoder/mem.h"

#define PLACES_MIN (1u << 13)
#define PLACES_MAX (1u << 22)
#define AHEAD      16u
#define SHIFT_USED 3u /* places are no larger for what is used of the ids: that may be misjudged */
#define BATCH      1024u /* ids: so often is looked at what may be given out */

/* Ids that only rise, as those of one kind and thread nearly always do, and that CUPTI can have given. */
static bool rising(const uint64_t *corr, uint32_t rows)
{
	uint64_t steps = 0;

	if (!rows || !corr[0] || corr[rows - 1] > UINT32_MAX || corr[0] > corr[rows - 1])
		return false;
	for (uint32_t i = 1; i < rows; i++)
		steps |= corr[i] - corr[i - 1];
	return (steps | (corr[rows - 1] - corr[0])) >> 31 == 0;
}

void op_lag_add(struct op_lag *l, const uint64_t *corr, uint32_t rows)
{
	uint64_t newest = l->newest, most = l->most, n = 0;

	if (rising(corr, rows)) {
		/* Only the first may lie further back than all before it. */
		const uint64_t id = op_id(&newest, (uint32_t)corr[0]);

		most = newest - id > most ? newest - id : most;
		(void)op_id(&newest, (uint32_t)corr[rows - 1]);
		n = rows;
	}
	for (uint32_t i = (uint32_t)n; i < rows; i++) {
		uint64_t id;

		if (!corr[i] || corr[i] > UINT32_MAX)
			continue;
		id = op_id(&newest, (uint32_t)corr[i]);
		if (newest - id > most)
			most = newest - id;
		n++;
	}
	if (n && !l->first)
		l->first = newest;
	l->newest = newest;
	l->most = most;
	l->rows += n;
}

void op_window_init(struct op_window *w, const struct op_lag *lag, op_window_fn fn, void *arg)
{
	/* Ids that wait, and those that come before it is looked again. */
	const uint64_t span = lag->most + 2 * BATCH;
	uint64_t places = PLACES_MIN;

	*w = (struct op_window){ .lag = lag->most, .fn = fn, .arg = arg };
	while (w->shift < SHIFT_USED && lag->rows << (w->shift + 1) <= lag->newest - lag->first)
		w->shift++;
	while (places < (span >> w->shift) + 2 && places < PLACES_MAX)
		places *= 2;
	while (span >> w->shift >= places - 1)
		w->shift++;
	w->mask = places - 1;
	w->block = mem_table(OP_WINDOW + 2, sizeof(*w->entries));
	w->entries = (struct op_entry *)(((uintptr_t)w->block | (sizeof(*w->entries) - 1)) + 1);
	w->below = mem_zalloc(OP_WINDOW, sizeof(*w->below));
	w->places = mem_zalloc(places, sizeof(*w->places));
	w->waiting = mem_zalloc(places / 64, sizeof(*w->waiting));
}

void op_window_release(struct op_window *w)
{
	free(w->block);
	free(w->below);
	free(w->places);
	free(w->waiting);
	*w = (struct op_window){ 0 };
}

static void give_entry(struct op_window *w, uint32_t i)
{
	if (!w->stopped)
		w->stopped = !w->fn(w->arg, &w->entries[i - 1]);
	w->below[i - 1] = w->vacant;
	w->vacant = i;
	w->n--;
}

/* Those of one place, from the highest on: the lowest is first. */
static void give_place(struct op_window *w, uint32_t top)
{
	uint32_t i = top, lowest = 0;

	while (i) { /* turned round: `below` leads upwards now */
		const uint32_t below = w->below[i - 1];

		w->below[i - 1] = lowest;
		lowest = i;
		i = below;
	}
	while (lowest) {
		const uint32_t above = w->below[lowest - 1];

		give_entry(w, lowest);
		lowest = above;
	}
}

/*
 * Takes the next places in which something waits, `most` at most, from w->next on to `stop`; memory is asked
 * for all of them before the first is needed. How many. Most ids are of calls that launch nothing.
 */
static __attribute__((noinline)) uint32_t take(struct op_window *w, uint64_t stop, uint32_t most,
						uint32_t *top)
{
	uint64_t next = w->next;
	uint32_t n = 0;

	while (next < stop && n < most) {
		uint64_t at = next & w->mask;
		const uint64_t bits = w->waiting[at / 64] >> at % 64;

		if (!bits) {
			next += 64 - at % 64;
			continue;
		}
		next += (uint64_t)__builtin_ctzll(bits);
		if (next >= stop)
			break;
		at = next++ & w->mask;
		w->waiting[at / 64] &= ~(1ull << at % 64);
		__builtin_prefetch(&w->entries[w->places[at] - 1]);
		top[n++] = w->places[at];
		w->places[at] = 0;
	}
	w->next = next < stop ? next : stop;
	return n;
}

/* Gives out all places below `end`, or until `left` wait: no place more, its rows may come. */
static void give(struct op_window *w, uint64_t end, uint32_t left)
{
	/* All that wait lie in one round of the ring. */
	const uint64_t stop = end - w->next > w->mask ? w->next + w->mask + 1 : end;

	while (w->next < stop && w->n > left) {
		uint32_t top[AHEAD], n = take(w, stop, left ? 1 : AHEAD, top);

		for (uint32_t i = 0; i < n; i++)
			give_place(w, top[i]);
	}
	if (!w->n && !left)
		w->next = end;
}

/* What lies further back than any row will; w->newest is known. */
static void give_complete(struct op_window *w)
{
	const uint64_t from = w->newest > w->lag ? w->newest - w->lag : 0;

	if (from >> w->shift > w->next)
		give(w, from >> w->shift, 0);
	w->due = w->newest + BATCH;
}

struct op_entry *op_window_add(struct op_window *w, uint64_t id, enum op_rank rank)
{
	const uint64_t key = id << 2 | rank;
	struct op_entry *e;
	uint64_t place;
	uint32_t *at, i;

	if (id >= w->due)
		give_complete(w);
	if (w->n == OP_WINDOW && id >> w->shift >= w->next)
		give(w, UINT64_MAX, OP_WINDOW / 2);
	if (w->stopped)
		return NULL;
	if (id >> w->shift < w->next) {
		w->late++;
		return NULL;
	}
	place = id >> w->shift & w->mask;
	w->waiting[place / 64] |= 1ull << place % 64;
	at = &w->places[place];
	while (*at && w->entries[*at - 1].key > key)
		at = &w->below[*at - 1];
	i = w->vacant ? w->vacant : ++w->used;
	if (w->vacant)
		w->vacant = w->below[i - 1];
	e = &w->entries[i - 1];
	*e = (struct op_entry){ .key = key };
	w->below[i - 1] = *at;
	*at = i;
	w->n++;
	return e;
}

void op_window_drain(struct op_window *w)
{
	give(w, UINT64_MAX, 0);
}
