#include "decoder/pass_after.h"

static uint32_t place_of(const struct pass_after *a, uint32_t sym)
{
	uint32_t i = 0;

	while (i < a->n && a->list[i].sym != sym)
		i++;
	return i;
}

void pass_after_note(struct pass_after *a, uint32_t sym, bool paused)
{
	const uint32_t i = place_of(a, sym);

	if (i == PASS_AFTER_MAX)
		return;
	a->n += i == a->n;
	a->list[i].sym = sym;
	a->list[i].apart += paused;
	a->list[i].at_once += !paused;
}

bool pass_after_joins(const struct pass_after *a, uint32_t sym, bool paused)
{
	const uint32_t i = place_of(a, sym);

	return !paused || (i < a->n && a->list[i].at_once > a->list[i].apart);
}
