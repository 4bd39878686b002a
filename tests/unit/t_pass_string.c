/* What a rule makes of a string of items, against going through them one by one. */
#include "decoder/pass_string.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/mem.h"
#include "decoder/pass_gaps.h"
#include "decoder/pass_score.h"
#include "tests/unit/unit.h"

#define SYMBOLS  700u /* more than a set has bits */
#define PAUSE_NS 20000u
#define RULES    40u

static uint64_t seed = 1;

static uint32_t chance(uint32_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % below;
}

/* Steps of 7 kernels, 5 kinds of them, with something else now and then. */
static struct pass_item *items_of(size_t n)
{
	struct pass_item *list = mem_zalloc(n, sizeof(*list));
	uint32_t kind = 0;

	for (size_t i = 0; i < n; i++) {
		const uint32_t k = (uint32_t)(i % 7);

		kind = k ? kind : chance(5);
		list[i] = (struct pass_item){
			.blocks = 1 + chance(4),
			.gap_ns = chance(8) ? chance(3000) : chance(200000),
			.sym = chance(50) ? kind * 8 + k : chance(SYMBOLS),
			.flags = (uint8_t)((chance(9) ? 0 : ITEM_WAIT) | (chance(400) ? 0 : ITEM_BREAK) |
					   (chance(30) ? 0 : ITEM_GRAPH)),
		};
	}
	return list;
}

static void rule_of(struct pass_rule *r, uint8_t *mark)
{
	const uint32_t n = 1 + chance(20);

	memset(mark, 0, SYMBOLS);
	for (uint32_t i = 0; i < n; i++)
		mark[chance(3) ? chance(40) : chance(SYMBOLS)] = (uint8_t)(1 + chance(15));
	*r = (struct pass_rule){ .mark = mark, .n_marks = SYMBOLS, .wait = chance(3) == 0 };
	if (!r->wait && chance(2))
		r->gap_ns = PAUSE_NS + chance(90000);
}

static bool cuts_at(const struct pass_rule *r, const struct pass_item *items, size_t i)
{
	return i && !(items[i].flags & ITEM_BREAK) && pass_rule_cuts(r, items[i - 1].sym, &items[i]);
}

static int by_value(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* The middle one of the first gaps that are no cut, or of those that are. */
static uint32_t median_of(const struct pass_rule *r, const struct pass_item *items, size_t n, bool cut)
{
	SCOPED_FREE uint32_t *gaps = mem_zalloc(PASS_GAPS_MAX, sizeof(*gaps));
	size_t k = 0;

	for (size_t i = 1; i < n && k < PASS_GAPS_MAX; i++)
		if (!(items[i].flags & ITEM_BREAK) && cuts_at(r, items, i) == cut)
			gaps[k++] = items[i].gap_ns;
	qsort(gaps, k, sizeof(*gaps), by_value);
	return k ? gaps[k / 2] : 0;
}

static void check_rules(size_t n)
{
	SCOPED_FREE struct pass_item *items = items_of(n);
	SCOPED_FREE uint8_t *mark = mem_zalloc(SYMBOLS, 1);
	struct pass_string s;
	struct pass_scoring *scoring;
	SCOPED_FREE uint64_t *cuts = NULL;

	pass_string_init(&s, items, n, SYMBOLS, PAUSE_NS);
	scoring = pass_scoring_new(&s);
	cuts = mem_zalloc(pass_string_words(&s), sizeof(*cuts));
	for (uint32_t k = 0; k < RULES; k++) {
		struct pass_score score, again;
		struct pass_rule r;
		size_t n_cuts = 0;
		double gap;

		rule_of(&r, mark);
		pass_string_cuts(&s, &r, cuts);
		for (size_t i = 0; i < n; i++) {
			CHECK((cuts[i / 64] >> i % 64 & 1) == cuts_at(&r, items, i));
			n_cuts += cuts_at(&r, items, i);
		}
		gap = log2((1000.0 + median_of(&r, items, n, true)) /
			   (1000.0 + median_of(&r, items, n, false)));
		score = pass_score_of(scoring, cuts);
		CHECK(score.cuts == n_cuts && score.gap == gap);
		/* Nothing of a rule is left for the next one. */
		again = pass_score_of(scoring, cuts);
		CHECK(again.recurring == score.recurring && again.uniform == score.uniform &&
		      again.gap == score.gap && again.median == score.median);
	}
	pass_scoring_free(scoring);
	pass_string_release(&s);
}

TEST(pass_string_cuts_as_item_by_item)
{
	check_rules(0);
	check_rules(1);
	check_rules(64);
	check_rules(1000);
	check_rules(30011);
}

/* More gaps than are looked at: the cuts among the first ones make room for later ones. */
TEST(pass_string_of_many_gaps)
{
	check_rules(PASS_GAPS_MAX + 1);
	check_rules(PASS_GAPS_MAX * 2);
}

/* Segments of a, b and of b, a are one kind, those of a, a another. */
TEST(pass_score_of_kinds)
{
	static const uint32_t sym[] = { 9, 1, 2, 9, 2, 1, 9, 1, 2, 9, 1, 1, 9, 2, 1, 9 };
	const size_t n = sizeof(sym) / sizeof(*sym);
	struct pass_item items[sizeof(sym) / sizeof(*sym)];
	uint8_t mark[10] = { [9] = CUT_RIGHT };
	const struct pass_rule r = { .mark = mark, .n_marks = 10 };
	uint64_t cuts[1];
	struct pass_scoring *scoring;
	struct pass_score score;
	struct pass_string s;

	for (size_t i = 0; i < n; i++)
		items[i] = (struct pass_item){ .blocks = 1, .sym = sym[i] };
	pass_string_init(&s, items, n, 10, PAUSE_NS);
	scoring = pass_scoring_new(&s);
	pass_string_cuts(&s, &r, cuts);
	score = pass_score_of(scoring, cuts);
	CHECK(score.cuts == 5 && score.median == 3);
	CHECK(score.cover == 12.0 / 16 && score.recurring == 9.0 / 12);
	CHECK(score.in_a_row == 1.0 / 3 && score.uniform == 1);
	pass_scoring_free(scoring);
	pass_string_release(&s);
}
