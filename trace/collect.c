#include "trace/collect.h"

#include "trace/event.h"
#include "trace/journal.h"

/*
 * How far the chunk is committed, in the life that *seen is then set to. The gen is
 * read before and after: a chunk is claimed again only in this order (chunk_start() in
 * journal.c), so the same gen twice means that `committed` belongs to it.
 */
static uint32_t chunk_pending(struct collect_seen *seen, struct journal_chunk *c)
{
	uint64_t gen;
	uint32_t committed;

	do {
		gen = atomic_load_explicit(&c->gen, memory_order_acquire);
		committed = atomic_load_explicit(&c->committed, memory_order_acquire);
	} while (atomic_load_explicit(&c->gen, memory_order_relaxed) != gen);
	if (gen != seen->gen) {
		uint32_t consumed = atomic_load_explicit(&c->consumed, memory_order_relaxed);

		*seen = (struct collect_seen){ .gen = gen, .consumed = consumed, .strings = consumed };
	}
	return committed;
}

static struct collect_item chunk_item(const struct collect_seen *seen, struct journal_chunk *c,
				      uint32_t index)
{
	struct collect_item item = {
		.part = { .rows = c->rows, .kinds = ROWS_ONLY },
		.chunk = c,
		.gen = seen->gen,
		.tid = c->tid,
		.index = index,
	};

	return item;
}

/*
 * The gen from which on chunks are too new for a look at all of them. Without it a thread
 * could fill a chunk we have passed, go on in one that is still before us, and its rows
 * would change places. Acquire pairs with the release in chunk_start() (journal.c): below this
 * gen, only a thread's last chunk can still grow.
 */
static uint64_t scan_limit(const struct journal *j)
{
	return atomic_load_explicit(&j->header->next_gen, memory_order_acquire);
}

struct collect_pending collect_rows(struct collect_seen *seen_by_chunk, struct journal *j,
				    struct collect_item *items)
{
	uint64_t limit = scan_limit(j);
	struct collect_pending p = { .n_items = 0 };
	/* After the limit: it has every chunk with a gen below that. */
	uint32_t used = atomic_load_explicit(&j->used, memory_order_relaxed);

	for (uint32_t i = 0; i < used; i++) {
		struct journal_chunk *c = journal_chunk_at(j, i);
		struct collect_seen *seen = &seen_by_chunk[i];
		/* Before `committed`: when FULL is seen, that is final. Pairs with the lane's release. */
		uint32_t state = atomic_load_explicit(&c->state, memory_order_acquire);
		uint32_t committed = chunk_pending(seen, c);

		if (seen->gen >= limit)
			continue;
		if (committed <= seen->consumed) {
			if (state == CHUNK_FULL && committed == seen->consumed)
				journal_chunk_free(j, c);
			continue;
		}
		items[p.n_items] = chunk_item(seen, c, i);
		items[p.n_items].part.from = seen->consumed;
		items[p.n_items++].part.to = committed;
		p.bytes += committed - seen->consumed;
		p.full |= state == CHUNK_FULL;
	}
	return p;
}

size_t collect_strings(struct collect_seen *seen_by_chunk, struct journal *j,
		       struct collect_item *items)
{
	uint64_t limit = scan_limit(j);
	size_t n = 0;
	uint32_t used = atomic_load_explicit(&j->used, memory_order_relaxed);

	for (uint32_t i = 0; i < used; i++) {
		struct journal_chunk *c = journal_chunk_at(j, i);
		struct collect_seen *seen = &seen_by_chunk[i];
		uint32_t committed = chunk_pending(seen, c);
		struct gather_counts t = { .kinds = 0 };

		if (committed <= seen->strings || seen->gen >= limit)
			continue;
		/* Set before `committed`. Walking the rows here as well would cost a third more. */
		if (!(atomic_load_explicit(&c->kinds, memory_order_relaxed) & STRINGS_ONLY)) {
			seen->strings = committed;
			continue;
		}
		items[n] = chunk_item(seen, c, i);
		items[n].part.kinds = STRINGS_ONLY;
		items[n].part.from = seen->strings;
		items[n].part.to = committed;
		gather_count(&t, &items[n].part);
		if (t.kinds)
			n++;
		else
			seen->strings = committed; /* nothing there: do not look again */
	}
	return n;
}

/* Shell sort: in place, no memory, and the input is nearly in order. */
void collect_sort(struct collect_item *items, size_t n)
{
	static const size_t gaps[] = { 701, 301, 132, 57, 23, 10, 4, 1 };

	for (size_t g = 0; g < sizeof(gaps) / sizeof(gaps[0]); g++) {
		for (size_t i = gaps[g]; i < n; i++) {
			struct collect_item x = items[i];
			size_t k = i;

			for (; k >= gaps[g]; k -= gaps[g]) {
				const struct collect_item *y = &items[k - gaps[g]];

				if (y->tid < x.tid || (y->tid == x.tid && y->gen < x.gen))
					break;
				items[k] = *y;
			}
			items[k] = x;
		}
	}
}
