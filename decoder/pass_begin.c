#include "decoder/pass_begin.h"

#include <string.h>

#define FRACTION 4u /* what makes ready for a pass is less than a quarter of it */

static uint32_t place_of(const struct pass_begins *b, const struct pass_head *h)
{
	uint32_t i = 0;

	while (i < b->n && memcmp(&b->list[i].head, h, sizeof(*h)) != 0)
		i++;
	return i;
}

static uint32_t passes_of(const struct pass_begins *b, const struct pass_head *h)
{
	const uint32_t i = place_of(b, h);

	return i < b->n ? b->list[i].passes : 0;
}

void pass_begins_note(struct pass_begins *b, const struct pass_head *h, uint32_t items)
{
	uint32_t i = place_of(b, h);

	if (h->n != PASS_HEAD)
		return;
	if (i == PASS_BEGINS) {
		i = 0;
		for (uint32_t k = 1; k < b->n; k++)
			if (b->list[k].passes < b->list[i].passes)
				i = k;
		b->list[i].passes = 0;
	}
	b->n += i == b->n;
	b->list[i].head = *h;
	b->list[i].items = items;
	b->list[i].passes++;
	b->first |= 1ull << h->sym[0] % 64;
}

bool pass_begins_perhaps(const struct pass_begins *b, const struct pass_head *h, uint32_t items, uint32_t sym)
{
	if (!(b->first >> sym % 64 & 1) || h->n != PASS_HEAD || h->sym[0] == sym)
		return false;
	for (uint32_t i = 0; i < b->n; i++)
		if (b->list[i].head.sym[0] == sym && items * FRACTION < b->list[i].items)
			return true;
	return false;
}

bool pass_begins_rather(const struct pass_begins *b, const struct pass_head *h, const struct pass_head *other)
{
	return passes_of(b, h) > passes_of(b, other);
}
