#include "decoder/pass_work.h"

#include <stdlib.h>

#include "decoder/mem.h"

#define COUNT_MAX ((1u << 10) - 1)
#define NS_MAX    ((1ull << 34) - 1)

/* The item of code in [from, n); n: there is none. */
static size_t find(struct work_list *w, size_t from, size_t n, uint32_t code)
{
	while (w->n_at <= code) {
		MEM_MORE(w->at, w->n_at, w->at_cap);
		w->at[w->n_at++] = 0;
	}
	if (w->at[code] >= from && w->at[code] < n && w->list[w->at[code]].code == code)
		return w->at[code];
	w->at[code] = (uint32_t)n;
	return n;
}

struct work_item *work_list_item(struct work_list *w, size_t from, uint32_t code)
{
	const size_t i = find(w, from, w->n, code);

	if (i == w->n) {
		MEM_MORE(w->list, w->n, w->cap);
		w->list[w->n++] = (struct work_item){ .code = code };
	}
	return &w->list[i];
}

static void put(struct pass_spill *spill, struct work_item x)
{
	do {
		struct pass_ran r = { .code = x.code,
				      .count = x.count < COUNT_MAX ? x.count : COUNT_MAX,
				      .ns = x.ns < NS_MAX ? x.ns : NS_MAX };

		*(struct pass_ran *)spill_more(spill) = r;
		x.count -= r.count;
		x.ns -= r.ns;
	} while (x.count || x.ns);
}

void work_list_put(struct work_list *w, size_t from, size_t to, struct pass_spill *spill)
{
	size_t n = from;

	/* What several bursts have in common comes together. */
	for (size_t i = from; i < to; i++) {
		const struct work_item x = w->list[i];
		const size_t k = find(w, from, n, x.code);

		if (k == n) {
			w->list[n++] = x;
			continue;
		}
		w->list[k].count += x.count;
		w->list[k].ns += x.ns;
	}
	for (size_t i = from; i < n; i++)
		put(spill, w->list[i]);
}

void work_list_release(struct work_list *w)
{
	free(w->list);
	free(w->at);
	*w = (struct work_list){ 0 };
}

void pass_ran_copy(struct pass_spill *spill, uint64_t at, uint32_t n)
{
	for (uint64_t i = at; i < at + n; i++) {
		struct pass_ran x;

		spill_touch(spill->window, i);
		x = ((struct pass_ran *)spill->list)[i];
		*(struct pass_ran *)spill_more(spill) = x;
	}
}
