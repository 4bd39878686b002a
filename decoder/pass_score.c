/* Scores what a rule makes of the items; pass_find.h says what counts and why. */
#include <math.h>
#include <string.h>

#include "decoder/idmap.h"
#include "decoder/mem.h"
#include "decoder/pass_boundary.h"

#define KINDS_MAX 256u
#define GAPS_MAX  65536u

struct segment {
	uint64_t blocks, weight; /* weight: kernels, those of replays too */
	uint32_t items, kind;
	bool joined; /* nothing is missing between it and the one before */
};

struct scoring {
	struct segment *list;
	size_t n, cap;
	struct kind {
		uint64_t hash;
		struct pass_set set;
		uint64_t items, weight;
		uint32_t count;
	} kinds[KINDS_MAX];
	uint32_t n_kinds;
	uint32_t *begins, *ends; /* by symbol */
	uint32_t n_symbols;
	uint32_t *cut_gaps, *other_gaps;
	size_t n_cut_gaps, n_other_gaps;
};

uint64_t pass_set_hash(const struct pass_set *s)
{
	uint64_t h = 0;

	for (int i = 0; i < 8; i++)
		h = idmap_hash(h ^ s->bits[i] ^ (uint64_t)i << 60) + (h << 7);
	return h;
}

unsigned pass_set_count(const struct pass_set *s)
{
	unsigned n = 0;

	for (int i = 0; i < 8; i++)
		n += pass_bits(s->bits[i]);
	return n;
}

unsigned pass_set_common(const struct pass_set *a, const struct pass_set *b)
{
	unsigned n = 0;

	for (int i = 0; i < 8; i++)
		n += pass_bits(a->bits[i] & b->bits[i]);
	return n;
}

static uint32_t kind_of(struct scoring *s, const struct pass_set *set, uint32_t items,
			uint64_t weight)
{
	uint64_t hash = pass_set_hash(set);
	uint32_t i = 0;

	while (i < s->n_kinds && s->kinds[i].hash != hash)
		i++;
	if (i == KINDS_MAX)
		return KINDS_MAX;
	if (i == s->n_kinds)
		s->kinds[s->n_kinds++] = (struct kind){ .hash = hash, .set = *set };
	s->kinds[i].items += items;
	s->kinds[i].weight += weight;
	s->kinds[i].count++;
	return i;
}

/* Reorders, but does not sort: it is done for each rule, and was most of the time of a short trace. */
uint32_t pass_median(uint32_t *list, size_t n)
{
	size_t lo = 0, hi = n;

	while (hi - lo > 1) {
		const uint32_t pivot = list[lo + (hi - lo - 1) / 2];
		size_t i = lo, j = hi - 1;

		for (;; i++, j--) {
			while (list[i] < pivot)
				i++;
			while (list[j] > pivot)
				j--;
			if (i >= j)
				break;
			const uint32_t other = list[i];

			list[i] = list[j];
			list[j] = other;
		}
		/* list[lo..j] <= pivot <= list[j + 1..hi) */
		if (n / 2 <= j)
			hi = j + 1;
		else
			lo = j + 1;
	}
	return n ? list[lo] : 0;
}

static void gap_note(uint32_t *list, size_t *n, uint32_t gap)
{
	if (*n < GAPS_MAX)
		list[(*n)++] = gap;
}

/* --- what the segments have in common */

static uint32_t largest(const uint32_t *counts, uint32_t n)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < n; i++)
		if (counts[i] > most)
			most = counts[i];
	return most;
}

/*
 * A step with a cache that grows has a few more blocks than the one before. Layers have exactly as many;
 * passes of changing prompts have more or less.
 */
static double growth_of(const struct scoring *s)
{
	size_t pairs = 0, up = 0, down = 0;

	for (size_t i = 1; i < s->n; i++) {
		const struct segment *a = &s->list[i - 1], *b = &s->list[i];

		if (!b->joined || a->kind != b->kind || a->kind == KINDS_MAX ||
		    a->items != b->items)
			continue;
		pairs++;
		if (b->blocks > a->blocks && b->blocks <= a->blocks + a->blocks / 4 + 8)
			up++;
		else if (b->blocks < a->blocks)
			down++;
	}
	return pairs < 3 ? 0 : ((double)up - (double)down) / (double)pairs;
}

/*
 * Layers of a pass, cut anywhere in the layer: most segments are equal, and after every n of them comes one
 * that has the same and more: the last layer, the head, the next pass's embedding.
 */
static bool inside_of(const struct scoring *s)
{
	uint32_t best = 0, run = 0, n_runs = 0, n_others = 0, n_more = 0, same = 0, usual;
	SCOPED_FREE uint32_t *runs = NULL;
	const struct kind *b;
	double size;

	for (uint32_t k = 1; k < s->n_kinds; k++)
		if (s->kinds[k].count > s->kinds[best].count)
			best = k;
	b = &s->kinds[best];
	if (b->count * 2 < s->n)
		return false;
	size = (double)b->items / b->count;
	runs = mem_zalloc(s->n, sizeof(*runs));
	for (size_t i = 0; i < s->n; i++) {
		const struct segment *g = &s->list[i];

		if (g->kind == best) {
			run++;
			continue;
		}
		n_others++;
		if (g->kind < KINDS_MAX && g->items >= size * 1.15 &&
		    pass_set_common(&s->kinds[g->kind].set, &b->set) * 10 >=
			    pass_set_count(&b->set) * 9)
			n_more++;
		if (n_others > 1)
			runs[n_runs++] = run;
		run = 0;
	}
	if (n_runs < 3 || n_more * 10 < n_others * 9)
		return false;
	usual = pass_median(runs, n_runs);
	for (uint32_t i = 0; i < n_runs; i++)
		same += runs[i] == usual;
	return usual > 0 && same * 10 >= n_runs * 9;
}

/* Two in five are small, and all of these together next to nothing: a token chosen between two passes. */
static bool scraps_of(const struct scoring *s)
{
	uint64_t all = 0, squares = 0, small = 0;
	size_t n_small = 0;

	for (size_t i = 0; i < s->n; i++) {
		all += s->list[i].weight;
		squares += s->list[i].weight * s->list[i].weight;
	}
	for (size_t i = 0; i < s->n; i++)
		if (s->list[i].weight * 5 * all < squares * 2) { /* than the one a kernel is in */
			small += s->list[i].weight;
			n_small++;
		}
	return n_small * 5 >= s->n * 2 && small * 6 <= all;
}

static double in_a_row_of(const struct scoring *s)
{
	size_t pairs = 0, same = 0;

	for (size_t i = 1; i < s->n; i++) {
		pairs += s->list[i].joined;
		same += s->list[i].joined && s->list[i].kind == s->list[i - 1].kind;
	}
	return pairs ? (double)same / (double)pairs : 0;
}

static void conclude(struct scoring *s, struct pass_score *r, uint64_t weight, size_t waits,
		     size_t waits_cut)
{
	uint64_t covered = 0, recurring = 0, items = 0;
	double distinct = 0;
	SCOPED_FREE uint32_t *sizes = mem_zalloc(s->n + 1, sizeof(*sizes));

	for (size_t i = 0; i < s->n; i++) {
		covered += s->list[i].weight;
		items += s->list[i].items;
		sizes[i] = s->list[i].items;
	}
	for (uint32_t k = 0; k < s->n_kinds; k++) {
		if (s->kinds[k].count >= 2)
			recurring += s->kinds[k].weight;
		distinct += (double)s->kinds[k].count * pass_set_count(&s->kinds[k].set);
	}
	r->median = pass_median(sizes, s->n);
	r->cover = (double)covered / (double)weight;
	r->recurring = covered ? (double)recurring / (double)covered : 0;
	r->at_wait = r->cuts ? (double)waits_cut / (double)r->cuts : 0;
	r->waits_used = waits ? (double)waits_cut / (double)waits : 0;
	r->repeats = distinct > 0 ? (double)items / distinct : 0;
	if (s->n) {
		uint32_t a = largest(s->begins, s->n_symbols), b = largest(s->ends, s->n_symbols);

		r->uniform = fmin(1, (double)(a > b ? a : b) / (double)s->n);
	}
	r->gap = log2((1000.0 + pass_median(s->cut_gaps, s->n_cut_gaps)) /
		      (1000.0 + pass_median(s->other_gaps, s->n_other_gaps)));
	r->growth = growth_of(s);
	r->scraps = scraps_of(s);
	r->in_a_row = in_a_row_of(s);
	r->inside = r->growth < 0.3 && inside_of(s);
}

struct pass_score pass_score_of(const struct pass_rule *rule, const struct pass_item *items,
				size_t n)
{
	struct scoring *s = mem_zalloc(1, sizeof(*s));
	struct pass_score r = { 0 };
	struct segment now = { 0 };
	struct pass_set set = { { 0 } };
	size_t waits = 0, waits_cut = 0;
	uint64_t weight = 0;
	unsigned before = 0;
	bool open = false, joined = false;

	s->n_symbols = rule->n_marks;
	s->begins = mem_zalloc(s->n_symbols + 1, sizeof(*s->begins));
	s->ends = mem_zalloc(s->n_symbols + 1, sizeof(*s->ends));
	s->cut_gaps = mem_zalloc(GAPS_MAX, sizeof(*s->cut_gaps));
	s->other_gaps = mem_zalloc(GAPS_MAX, sizeof(*s->other_gaps));
	for (size_t i = 0; i < n; i++) {
		const bool first = !i || items[i].flags & ITEM_BREAK;
		const bool wait = !first && items[i].flags & ITEM_WAIT;
		const unsigned after = pass_rule_mark(rule, items[i].sym);
		const bool cut = !first && pass_rule_cuts_between(rule, before, after, &items[i]);

		before = after;
		waits += wait;
		if (first)
			open = joined = false;
		else
			gap_note(cut ? s->cut_gaps : s->other_gaps,
				 cut ? &s->n_cut_gaps : &s->n_other_gaps, items[i].gap_ns);
		if (cut) {
			r.cuts++;
			waits_cut += wait;
			if (open) {
				now.kind = kind_of(s, &set, now.items, now.weight);
				now.joined = joined;
				MEM_MORE(s->list, s->n, s->cap);
				s->list[s->n++] = now;
				s->ends[items[i - 1].sym]++;
				joined = true;
			}
			s->begins[items[i].sym]++;
			open = true;
			now = (struct segment){ 0 };
			set = (struct pass_set){ { 0 } };
		}
		now.items++;
		now.blocks += items[i].blocks;
		now.weight += pass_item_weight(&items[i]);
		weight += pass_item_weight(&items[i]);
		pass_set_add(&set, items[i].sym);
	}
	conclude(s, &r, weight ? weight : 1, waits, waits_cut);
	free(s->list);
	free(s->begins);
	free(s->ends);
	free(s->cut_gaps);
	free(s->other_gaps);
	free(s);
	return r;
}
