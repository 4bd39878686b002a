#include "decoder/busy.h"

#include "decoder/mem.h"
#include "decoder/sorted.h"
#include "decoder/tally.h"

static int by_start(const void *a, const void *b)
{
	const struct busy_span *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->end < y->end ? -1 : x->end > y->end;
}

static void merge(struct busy *b)
{
	size_t n = 0;

	if (!b->n)
		return;
	qsort(b->list, b->n, sizeof(*b->list), by_start);
	for (size_t i = 1; i < b->n; i++) {
		struct busy_span *last = &b->list[n], next = b->list[i];

		if (next.start <= last->end || next.start - last->end < b->gap) {
			if (next.end > last->end)
				last->end = next.end;
		} else {
			b->list[++n] = next;
		}
	}
	b->n = n + 1;
}

static void close_span(struct busy *b)
{
	if (!b->open.end)
		return;
	if (b->n >= BUSY_MAX) {
		merge(b);
		while (b->n > BUSY_MAX / 2) {
			b->gap *= 2;
			merge(b);
		}
	}
	MEM_MORE(b->list, b->n, b->cap);
	b->list[b->n++] = b->open;
	b->open = (struct busy_span){ 0 };
}

void busy_add(struct busy *b, const uint64_t *start, const uint64_t *end, uint32_t rows)
{
	if (!b->gap)
		b->gap = BUSY_GAP_NS;
	for (uint32_t i = 0; i < rows; i++) {
		if (!time_pair_valid(start[i], end[i]))
			continue;
		/* Rows come nearly in order: most of them prolong the open span. */
		if (b->open.end && start[i] >= b->open.start && start[i] < b->open.end + b->gap) {
			if (end[i] > b->open.end)
				b->open.end = end[i];
			continue;
		}
		close_span(b);
		b->open = (struct busy_span){ start[i], end[i] };
	}
}

void busy_join(struct busy *b)
{
	close_span(b);
	merge(b);
}

/* Index of the first span that starts at or after time. */
static size_t first_from(const struct busy *b, uint64_t time)
{
	return SORTED_BELOW(b->list, b->n, start, time);
}

uint64_t busy_within(const struct busy *b, uint64_t from, uint64_t to)
{
	uint64_t ns = 0;
	size_t i = first_from(b, from);

	for (i -= i > 0; i < b->n && b->list[i].start < to; i++) {
		uint64_t start = b->list[i].start > from ? b->list[i].start : from;
		uint64_t end = b->list[i].end < to ? b->list[i].end : to;

		ns += end > start ? end - start : 0;
	}
	return ns;
}

uint64_t busy_before(const struct busy *b, uint64_t time)
{
	size_t i = first_from(b, time);

	return i ? b->list[i - 1].end : 0;
}

void busy_release(struct busy *b)
{
	free(b->list);
	*b = (struct busy){ 0 };
}
