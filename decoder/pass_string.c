#include "decoder/pass_string.h"

#include <string.h>

#include "decoder/mem.h"
#include "decoder/pass_gaps.h"

static bool is_first(const struct pass_item *items, size_t i)
{
	return !i || items[i].flags & ITEM_BREAK;
}

/* Sums of it tell contents apart that have different symbols, or as many in other numbers. */
static uint64_t mix(uint32_t sym)
{
	uint64_t x = (sym + 1ull) * 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static void sum_up(struct pass_string *s)
{
	SCOPED_FREE uint64_t *mixed = mem_zalloc(PASS_SET_BITS, sizeof(*mixed));
	struct pass_sums now = { 0 };

	for (uint32_t i = 0; i < PASS_SET_BITS; i++)
		mixed[i] = mix(i);
	s->sums = mem_zalloc(s->n + 1, sizeof(*s->sums));
	for (size_t i = 0; i < s->n; i++) {
		now.blocks += s->items[i].blocks;
		now.weight += pass_item_weight(&s->items[i]);
		now.mixed += mixed[s->items[i].sym % PASS_SET_BITS];
		s->sums[i + 1] = now;
	}
}

/* By symbol, each in order. */
static void places_find(struct pass_string *s)
{
	SCOPED_FREE uint32_t *next = mem_zalloc(s->symbols + 1, sizeof(*next));

	s->at = mem_zalloc(s->n + 1, sizeof(*s->at));
	s->first = mem_zalloc(s->symbols + 1, sizeof(*s->first));
	for (size_t i = 0; i < s->n; i++)
		s->first[s->items[i].sym + 1]++;
	for (uint32_t k = 0; k < s->symbols; k++)
		next[k + 1] = s->first[k + 1] += s->first[k];
	for (size_t i = 0; i < s->n; i++)
		s->at[next[s->items[i].sym]++] = (uint32_t)i;
}

static void pauses_find(struct pass_string *s)
{
	size_t waits = 0, pauses = 0, firsts = 0;

	for (size_t i = 0; i < s->n; i++) {
		const bool first = is_first(s->items, i);

		firsts += first;
		waits += !first && s->items[i].flags & ITEM_WAIT;
		pauses += !first && s->items[i].gap_ns >= s->pause_ns;
	}
	s->waits = mem_zalloc(waits + 1, sizeof(*s->waits));
	s->pauses = mem_zalloc(pauses + 1, sizeof(*s->pauses));
	s->firsts = mem_zalloc(firsts + 1, sizeof(*s->firsts));
	for (size_t i = 0; i < s->n; i++) {
		if (is_first(s->items, i)) {
			s->firsts[s->n_firsts++] = (uint32_t)i;
			continue;
		}
		if (s->items[i].flags & ITEM_WAIT)
			s->waits[s->n_waits++] = (uint32_t)i;
		if (s->items[i].gap_ns >= s->pause_ns)
			s->pauses[s->n_pauses++] = (uint32_t)i;
	}
}

void pass_string_init(struct pass_string *ret, const struct pass_item *items, size_t n,
		      uint32_t symbols, uint32_t pause_ns)
{
	*ret = (struct pass_string){
		.items = items,
		.n = n,
		.symbols = symbols,
		.pause_ns = pause_ns,
	};
	sum_up(ret);
	places_find(ret);
	pauses_find(ret);
	ret->gaps = pass_gaps_new(ret);
}

void pass_string_release(struct pass_string *s)
{
	pass_gaps_free(s->gaps);
	free(s->sums);
	free(s->at);
	free(s->first);
	free(s->waits);
	free(s->pauses);
	free(s->firsts);
	*s = (struct pass_string){ 0 };
}

static void put(const struct pass_string *s, uint64_t *cuts, size_t i)
{
	if (i < s->n)
		cuts[i / 64] |= 1ull << i % 64;
}

/* Where a wait or a pause makes a cut of a mark that needs one. */
static void cut_at(const struct pass_string *s, const struct pass_rule *r, const uint32_t *list,
		   size_t n, uint64_t *cuts)
{
	for (size_t k = 0; k < n; k++) {
		const struct pass_item *i = &s->items[list[k]];

		if (pass_rule_cuts(r, i[-1].sym, i))
			put(s, cuts, list[k]);
	}
}

void pass_string_cuts(const struct pass_string *s, const struct pass_rule *r, uint64_t *cuts)
{
	const bool anywhere = !r->wait && !r->gap_ns;
	const unsigned left = CUT_AFTER | (anywhere ? CUT_LEFT : 0);
	const unsigned right = CUT_BEFORE | (anywhere ? CUT_RIGHT : 0);

	memset(cuts, 0, pass_string_words(s) * sizeof(*cuts));
	if (!anywhere)
		cut_at(s, r, r->wait ? s->waits : s->pauses, r->wait ? s->n_waits : s->n_pauses, cuts);
	for (uint32_t sym = 0; sym < s->symbols; sym++) {
		const unsigned mark = pass_rule_mark(r, sym);

		if (!(mark & (left | right)))
			continue;
		for (uint32_t k = s->first[sym]; k < s->first[sym + 1]; k++) {
			if (mark & left)
				put(s, cuts, s->at[k] + 1u);
			if (mark & right)
				put(s, cuts, s->at[k]);
		}
	}
	for (size_t k = 0; k < s->n_firsts; k++)
		cuts[s->firsts[k] / 64] &= ~(1ull << s->firsts[k] % 64);
}

struct pass_set pass_string_set(const struct pass_string *s, size_t from, size_t to)
{
	struct pass_set set = { { 0 } };

	for (size_t i = from; i < to; i++)
		pass_set_add(&set, s->items[i].sym);
	return set;
}
