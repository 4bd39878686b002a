#include "decoder/pass_score.h"

#include <math.h>
#include <string.h>

#include "decoder/idmap.h"
#include "decoder/mem.h"
#include "decoder/pass_gaps.h"
#include "decoder/pass_string.h"

#define KINDS_MAX 256u
#define MEMO      1024u /* contents whose kind is known; a power of two */

struct segment {
	uint64_t blocks, weight; /* weight: kernels, those of replays too */
	uint32_t items, kind;
	bool joined; /* nothing is missing between it and the one before */
};

struct pass_scoring {
	const struct pass_string *s;
	struct segment *list;
	size_t n, cap;
	struct kind {
		uint64_t hash;
		struct pass_set set;
		uint64_t items, weight;
		uint32_t count;
	} kinds[KINDS_MAX];
	uint32_t n_kinds;
	/* Most segments have what one before them had: no need to look at it again. */
	struct memo {
		uint64_t mixed; /* pass_string.h; never 0 */
		uint32_t kind;
	} memo[MEMO];
	uint32_t *begins, *ends; /* by symbol; zero between two rules */
	uint32_t begin_most, end_most;
	uint32_t *cut_gaps;
	size_t n_cut_gaps;
};

uint64_t pass_set_hash(const struct pass_set *s)
{
	uint64_t h = 0;

	for (unsigned i = 0; i < PASS_SET_WORDS; i++)
		h = idmap_hash(h ^ s->bits[i] ^ (uint64_t)i << 60) + (h << 7);
	return h;
}

unsigned pass_set_count(const struct pass_set *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PASS_SET_WORDS; i++)
		n += pass_bits(s->bits[i]);
	return n;
}

unsigned pass_set_common(const struct pass_set *a, const struct pass_set *b)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PASS_SET_WORDS; i++)
		n += pass_bits(a->bits[i] & b->bits[i]);
	return n;
}

static uint32_t kind_find(struct pass_scoring *s, size_t from, size_t to)
{
	const struct pass_set set = pass_string_set(s->s, from, to);
	const uint64_t hash = pass_set_hash(&set);
	uint32_t i = 0;

	while (i < s->n_kinds && s->kinds[i].hash != hash)
		i++;
	if (i == s->n_kinds && i < KINDS_MAX)
		s->kinds[s->n_kinds++] = (struct kind){ .hash = hash, .set = set };
	return i;
}

/* KINDS_MAX: there is no room for its kind. */
static uint32_t kind_of(struct pass_scoring *s, size_t from, size_t to)
{
	const uint64_t mixed = s->s->sums[to].mixed - s->s->sums[from].mixed;
	struct memo *m = &s->memo[mixed & (MEMO - 1)];

	if (m->mixed != mixed || !mixed)
		*m = (struct memo){ mixed, kind_find(s, from, to) };
	return m->kind;
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

/* --- what the segments have in common */

/*
 * A step with a cache that grows has a few more blocks than the one before. Layers have exactly as many;
 * passes of changing prompts have more or less.
 */
static double growth_of(const struct pass_scoring *s)
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
static bool inside_of(const struct pass_scoring *s)
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
static bool scraps_of(const struct pass_scoring *s)
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

static double in_a_row_of(const struct pass_scoring *s)
{
	size_t pairs = 0, same = 0;

	for (size_t i = 1; i < s->n; i++) {
		pairs += s->list[i].joined;
		same += s->list[i].joined && s->list[i].kind == s->list[i - 1].kind;
	}
	return pairs ? (double)same / (double)pairs : 0;
}

static void conclude(struct pass_scoring *s, struct pass_score *r, const uint64_t *cuts,
		     size_t waits_cut)
{
	const uint64_t weight = s->s->sums[s->s->n].weight;
	const size_t waits = s->s->n_waits;
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
	r->cover = (double)covered / (double)(weight ? weight : 1);
	r->recurring = covered ? (double)recurring / (double)covered : 0;
	r->at_wait = r->cuts ? (double)waits_cut / (double)r->cuts : 0;
	r->waits_used = waits ? (double)waits_cut / (double)waits : 0;
	r->repeats = distinct > 0 ? (double)items / distinct : 0;
	if (s->n) {
		const uint32_t most = s->begin_most > s->end_most ? s->begin_most : s->end_most;

		r->uniform = fmin(1, (double)most / (double)s->n);
	}
	r->gap = log2((1000.0 + pass_median(s->cut_gaps, s->n_cut_gaps)) /
		      (1000.0 + pass_gaps_median_without(s->s->gaps, cuts)));
	r->growth = growth_of(s);
	r->scraps = scraps_of(s);
	r->in_a_row = in_a_row_of(s);
	r->inside = r->growth < 0.3 && inside_of(s);
}

/* --- the segments */

struct pass_scoring *pass_scoring_new(const struct pass_string *string)
{
	struct pass_scoring *s = mem_zalloc(1, sizeof(*s));

	s->s = string;
	s->begins = mem_zalloc(string->symbols, sizeof(*s->begins));
	s->ends = mem_zalloc(string->symbols, sizeof(*s->ends));
	s->cut_gaps = mem_zalloc(PASS_GAPS_MAX, sizeof(*s->cut_gaps));
	return s;
}

void pass_scoring_free(struct pass_scoring *s)
{
	free(s->list);
	free(s->begins);
	free(s->ends);
	free(s->cut_gaps);
	free(s);
}

static void count(uint32_t *counts, uint32_t sym, uint32_t *most)
{
	if (++counts[sym] > *most)
		*most = counts[sym];
}

static void segment_add(struct pass_scoring *s, size_t from, size_t to, bool joined)
{
	const struct pass_sums *a = &s->s->sums[from], *b = &s->s->sums[to];
	struct segment *g;

	MEM_MORE(s->list, s->n, s->cap);
	g = &s->list[s->n++];
	*g = (struct segment){
		.blocks = b->blocks - a->blocks,
		.weight = b->weight - a->weight,
		.items = (uint32_t)(to - from),
		.kind = kind_of(s, from, to),
		.joined = joined,
	};
	if (g->kind < KINDS_MAX) {
		s->kinds[g->kind].items += g->items;
		s->kinds[g->kind].weight += g->weight;
		s->kinds[g->kind].count++;
	}
	count(s->ends, s->s->items[to - 1].sym, &s->end_most);
}

/* Ready for the next rule. */
static void forget(struct pass_scoring *s, const uint64_t *cuts)
{
	for (size_t w = 0; w < pass_string_words(s->s); w++)
		for (uint64_t bits = cuts[w]; bits; bits &= bits - 1) {
			const struct pass_item *i = &s->s->items[w * 64 + (size_t)__builtin_ctzll(bits)];

			s->begins[i->sym] = 0;
			s->ends[i[-1].sym] = 0;
		}
	memset(s->memo, 0, sizeof(s->memo));
	s->n = s->n_kinds = s->begin_most = s->end_most = 0;
	s->n_cut_gaps = 0;
}

struct pass_score pass_score_of(struct pass_scoring *s, const uint64_t *cuts)
{
	const struct pass_string *string = s->s;
	struct pass_score r = { 0 };
	size_t waits_cut = 0, first = 0, from = 0;
	bool open = false, joined = false;

	for (size_t w = 0; w < pass_string_words(string); w++)
		for (uint64_t bits = cuts[w]; bits; bits &= bits - 1) {
			const size_t i = w * 64 + (size_t)__builtin_ctzll(bits);
			const struct pass_item *it = &string->items[i];

			for (; first < string->n_firsts && string->firsts[first] < i; first++)
				open = joined = false;
			if (s->n_cut_gaps < PASS_GAPS_MAX)
				s->cut_gaps[s->n_cut_gaps++] = it->gap_ns;
			r.cuts++;
			waits_cut += (it->flags & ITEM_WAIT) != 0;
			if (open) {
				segment_add(s, from, i, joined);
				joined = true;
			}
			count(s->begins, it->sym, &s->begin_most);
			open = true;
			from = i;
		}
	conclude(s, &r, cuts, waits_cut);
	forget(s, cuts);
	return r;
}
