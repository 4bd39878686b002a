/*
 * What lies between two waits is a burst; a symbol that it has many times cuts it into pieces.
 * They are passes, and not layers of one, when
 *  - other bursts are as one of them: as large, and with the same kernels, or a replay;
 *  - a burst is nothing but pieces: a pass has an embedding and a head, which no layer has;
 *  - they are alike in size, follow their kind, and are no layers (pass_score.c: inside).
 * Of the symbols that do this the rarest ones are taken: layers of the passes in a burst do it too.
 */
#include "decoder/pass_burst.h"

#include <string.h>

#include "decoder/mem.h"
#include "decoder/pass_score.h"
#include "decoder/pass_string.h"

#define MANY	      4u /* of a symbol: a burst of many pieces */
#define SYMBOLS_TRIED 32u
#define BURSTS_MIN    3u
#define SINGLES_MIN   3u

struct burst {
	size_t from, to; /* items */
	uint64_t weight;
	/* Of the symbol that is tried, and where: in the string's list of its places. */
	uint32_t times, first;
	bool graph;
};

struct bursts {
	const struct pass_rule *waits;
	const struct pass_string *string;
	struct pass_scoring *scoring;
	const struct pass_item *items; /* of the string */
	struct burst *list;
	size_t n, cap;
	uint64_t weight;       /* of all */
	uint64_t replayed;     /* of those with a replay */
	struct pass_item *sub; /* those with many pieces, as a string of its own */
	bool *known;           /* by symbol: in a piece between two cuts */
	uint32_t *sizes;       /* of these pieces; by weight */
	size_t n_sizes;
};

static bool has_graph(const struct pass_item *items, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (items[i].flags & ITEM_GRAPH)
			return true;
	return false;
}

static uint64_t weight_of(const struct bursts *b, size_t from, size_t to)
{
	return b->string->sums[to].weight - b->string->sums[from].weight;
}

/* The first and the last have one known end only. */
static void bursts_find(struct bursts *b, const uint64_t *cuts)
{
	const struct pass_string *s = b->string;
	size_t from = 0, first = 0;
	bool open = false;

	for (size_t w = 0; w < pass_string_words(s); w++)
		for (uint64_t bits = cuts[w]; bits; bits &= bits - 1) {
			const size_t i = w * 64 + (size_t)__builtin_ctzll(bits);

			for (; first < s->n_firsts && s->firsts[first] < i; first++)
				open = false;
			if (open) {
				struct burst now = { .from = from,
						     .to = i,
						     .weight = weight_of(b, from, i),
						     .graph = has_graph(s->items, from, i) };

				MEM_MORE(b->list, b->n, b->cap);
				b->list[b->n++] = now;
				b->weight += now.weight;
				b->replayed += now.graph ? now.weight : 0;
			}
			open = true;
			from = i;
		}
}

struct symbol {
	uint32_t sym, count;     /* in bursts that have many of it */
	uint32_t bursts, last;   /* last: the burst that is counted, + 1 */
	uint32_t here;           /* in that one */
};

static void symbol_close(struct symbol *s)
{
	if (s->here >= MANY) {
		s->count += s->here;
		s->bursts++;
	}
	s->here = 0;
}

static int by_count(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? -1 : 1;
	return (x->sym > y->sym) - (x->sym < y->sym);
}

/* Symbols that several bursts have many times, the rarest first. */
static size_t symbols_find(const struct bursts *b, struct symbol *ret)
{
	const uint32_t n = b->waits->n_marks;
	size_t kept = 0;

	for (size_t k = 0; k < b->n; k++)
		for (size_t i = b->list[k].from; i < b->list[k].to; i++) {
			struct symbol *s = &ret[b->items[i].sym];

			if (s->last != k + 1)
				symbol_close(s);
			s->last = (uint32_t)k + 1;
			s->here++;
		}
	for (uint32_t i = 0; i < n; i++) {
		struct symbol s = ret[i];

		symbol_close(&s);
		s.sym = i;
		if (s.bursts >= BURSTS_MIN)
			ret[kept++] = s;
	}
	qsort(ret, kept, sizeof(*ret), by_count);
	return kept < SYMBOLS_TRIED ? kept : SYMBOLS_TRIED;
}

/* Where the symbol is in each burst. */
static void places_find(struct bursts *b, uint32_t sym)
{
	const uint32_t *at = b->string->at, end = b->string->first[sym + 1];
	uint32_t p = b->string->first[sym];

	for (size_t k = 0; k < b->n; k++) {
		while (p < end && at[p] < b->list[k].from)
			p++;
		b->list[k].first = p;
		while (p < end && at[p] < b->list[k].to)
			p++;
		b->list[k].times = p - b->list[k].first;
	}
}

/* The next cut within burst x, from its place *p on, which goes on; 0: none. */
static size_t next_cut(const struct bursts *b, const struct burst *x, uint8_t side, uint32_t *p)
{
	while (*p < x->first + x->times) {
		const size_t i = b->string->at[(*p)++] + (side == CUT_AFTER);

		if (i > x->from && i < x->to)
			return i;
	}
	return 0;
}

/* The median weight of what is between two cuts of a burst; 0: not of one size. */
static uint64_t pieces_find(struct bursts *b, uint8_t side)
{
	size_t alike = 0;
	uint64_t median;

	b->n_sizes = 0;
	for (size_t k = 0; k < b->n; k++) {
		const struct burst *x = &b->list[k];
		size_t from = 0, i;

		if (x->times < MANY)
			continue;
		for (uint32_t p = x->first; (i = next_cut(b, x, side, &p)); from = i)
			if (from)
				b->sizes[b->n_sizes++] = (uint32_t)weight_of(b, from, i);
	}
	if (!b->n_sizes)
		return 0;
	median = pass_median(b->sizes, b->n_sizes);
	for (size_t i = 0; i < b->n_sizes; i++)
		alike += b->sizes[i] * 2 >= median && b->sizes[i] <= median * 2;
	return alike * 10 >= b->n_sizes * 9 ? median : 0;
}

/* What the pieces are made of: known, and the same as a set. */
static void pieces_know(struct bursts *b, uint8_t side, struct pass_set *ret_set)
{
	*ret_set = (struct pass_set){ { 0 } };
	memset(b->known, 0, b->waits->n_marks);
	for (size_t k = 0; k < b->n; k++) {
		const struct burst *x = &b->list[k];
		size_t first = 0, last = 0, i;

		if (x->times < MANY)
			continue;
		for (uint32_t p = x->first; (i = next_cut(b, x, side, &p)); last = i)
			if (!first)
				first = i;
		for (i = first; i < last; i++) {
			b->known[b->items[i].sym] = true;
			pass_set_add(ret_set, b->items[i].sym);
		}
	}
}

/* Nothing but pieces: what one burst in ten has besides is a hiccup. */
static bool all_known(const struct bursts *b)
{
	size_t strange = 0, all = 0;

	for (size_t k = 0; k < b->n; k++) {
		if (b->list[k].times < MANY)
			continue;
		all++;
		for (size_t i = b->list[k].from; i < b->list[k].to; i++)
			if (!b->known[b->items[i].sym]) {
				strange++;
				break;
			}
	}
	return strange * 10 <= all;
}

/* The symbol of `times` is inside: this one would be cut in two. */
static bool is_halved(const struct bursts *b, const struct burst *x, uint32_t sym, uint8_t side)
{
	return x->times && b->items[side == CUT_AFTER ? x->to - 1 : x->from].sym != sym;
}

static bool is_like(const struct bursts *b, const struct burst *x, const struct pass_set *set)
{
	const struct pass_set own = pass_string_set(b->string, x->from, x->to);

	return pass_set_common(&own, set) * 2 >= pass_set_count(&own);
}

/* Are there bursts that are one piece, and few that are neither one nor many? */
static bool has_singles(const struct bursts *b, uint32_t sym, uint8_t side, uint64_t piece,
			const struct pass_set *set)
{
	size_t many = 0, single = 0, few = 0;
	uint64_t odd = 0;

	for (size_t k = 0; k < b->n; k++) {
		const struct burst *x = &b->list[k];

		if (x->times >= MANY)
			many++;
		else if (x->times > 1 || is_halved(b, x, sym, side))
			few++;
		else if (x->weight > piece * 4)
			odd += x->weight;
		else if (x->weight * 4 >= piece && (x->graph || is_like(b, x, set)))
			single++;
	}
	return single >= SINGLES_MIN && single * 2 >= many && few * 10 <= single + many &&
	       odd * 5 <= b->weight;
}

static struct pass_score score(struct pass_scoring *scoring, const struct pass_string *s,
			       const struct pass_rule *r)
{
	SCOPED_FREE uint64_t *cuts = mem_zalloc(pass_string_words(s), sizeof(*cuts));

	pass_string_cuts(s, r, cuts);
	return pass_score_of(scoring, cuts);
}

/* How the pieces follow each other within the bursts, as if there was nothing else. */
static struct pass_score score_inside(struct bursts *b, uint32_t sym, uint8_t side)
{
	struct pass_rule r = { .n_marks = b->waits->n_marks };
	struct pass_scoring *scoring;
	struct pass_string sub;
	struct pass_score ret;
	size_t n = 0;

	for (size_t k = 0; k < b->n; k++) {
		if (b->list[k].times < MANY)
			continue;
		for (size_t i = b->list[k].from; i < b->list[k].to; i++) {
			b->sub[n] = b->items[i];
			if (i == b->list[k].from)
				b->sub[n].flags |= ITEM_BREAK;
			n++;
		}
	}
	r.mark = mem_zalloc(r.n_marks, 1);
	r.mark[sym] = side;
	pass_string_init(&sub, b->sub, n, r.n_marks, UINT32_MAX);
	scoring = pass_scoring_new(&sub);
	ret = score(scoring, &sub, &r);
	pass_scoring_free(scoring);
	pass_string_release(&sub);
	free(r.mark);
	return ret;
}

/* places_find() was for this symbol. */
static bool are_passes(struct bursts *b, uint32_t sym, uint8_t side)
{
	const uint64_t piece = pieces_find(b, side);
	struct pass_score s;
	struct pass_set set;

	if (!piece)
		return false;
	pieces_know(b, side, &set);
	if (!has_singles(b, sym, side, piece, &set) || !all_known(b))
		return false;
	s = score_inside(b, sym, side);
	return s.recurring >= 0.8 && s.in_a_row >= 0.5 && !s.inside;
}

static void extend(struct pass_rule *ret, const struct bursts *b, uint32_t sym, uint8_t side)
{
	const struct pass_score *w = &b->waits->score;

	*ret = *b->waits;
	ret->mark = mem_zalloc(ret->n_marks, 1);
	memcpy(ret->mark, b->waits->mark, ret->n_marks);
	ret->mark[sym] |= side;
	ret->score = score(b->scoring, b->string, ret);
	ret->score.at_wait = w->at_wait;
	ret->score.waits_used = w->waits_used;
	ret->score.loose = w->loose;
	ret->score.bursts = true;
}

/* Of several symbols: at which all passes begin or end; else after the longer pause. */
static double fits(const struct pass_score *s)
{
	return 4 * s->uniform + s->recurring + s->gap / 4;
}

bool pass_rule_in_bursts(struct pass_rule *ret, const struct pass_rule *waits, const uint64_t *cuts,
			 const struct pass_string *string, struct pass_scoring *scoring)
{
	struct bursts b = { .waits = waits, .string = string, .scoring = scoring,
			    .items = string->items };
	SCOPED_FREE struct symbol *symbols = mem_zalloc(waits->n_marks, sizeof(*symbols));
	SCOPED_FREE bool *known = mem_zalloc(waits->n_marks, sizeof(*known));
	SCOPED_FREE struct pass_item *sub = mem_zalloc(string->n, sizeof(*sub));
	SCOPED_FREE uint32_t *sizes = mem_zalloc(string->n, sizeof(*sizes));
	uint32_t rarest = 0;
	size_t n_symbols = 0;
	bool found = false;

	b.known = known;
	b.sub = sub;
	b.sizes = sizes;
	bursts_find(&b, cuts);
	/* Where all is replays, these are the passes; there are rules for that. */
	if (b.replayed * 20 < b.weight * 19)
		n_symbols = symbols_find(&b, symbols);
	for (size_t i = 0; i < n_symbols; i++) {
		if (rarest && symbols[i].count * 10ull > rarest * 12ull)
			break;
		places_find(&b, symbols[i].sym);
		for (int left = 0; left < 2; left++) {
			const uint8_t side = left ? CUT_AFTER : CUT_BEFORE;
			struct pass_rule r;

			if (!are_passes(&b, symbols[i].sym, side))
				continue;
			if (!rarest)
				rarest = symbols[i].count;
			extend(&r, &b, symbols[i].sym, side);
			if (found && fits(&r.score) <= fits(&ret->score)) {
				pass_rule_release(&r);
				continue;
			}
			if (found)
				pass_rule_release(ret);
			*ret = r;
			found = true;
		}
	}
	free(b.list);
	return found;
}
