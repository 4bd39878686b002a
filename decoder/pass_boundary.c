#include "decoder/pass_boundary.h"

#include <math.h>
#include <string.h>

#include "decoder/mem.h"
#include "decoder/pass_burst.h"
#include "decoder/pass_score.h"
#include "decoder/pass_string.h"

#define CANDIDATES_MAX 192u
#define ANCHORS_MAX    64u   /* symbols tried as the first or last of a pass */
#define POINTS_MAX     4096u /* distinct pairs of symbols around waits */
#define SCORED_MAX     (1u << 18)
#define CUTS_MIN       3u
#define PAUSE_MIN      8u    /* typical gaps */
#define PAUSE_MAX      128u
#define BEFORE_REPLAY  4u

/* Points of the program: pairs of symbols around a wait or a pause. */
struct point {
	uint32_t left, right, count, root;
};

struct choosing {
	const struct pass_item *items;
	size_t n;
	uint32_t symbols;
	struct pass_rule rules[CANDIDATES_MAX];
	uint64_t *cuts[CANDIDATES_MAX]; /* pass_string_cuts(); NULL: not usable */
	uint32_t n_rules;
	struct pass_string string;
	struct pass_scoring *scoring;
};

void pass_rule_release(struct pass_rule *r)
{
	free(r->mark);
	*r = (struct pass_rule){ 0 };
}

static struct pass_rule *rule_add(struct choosing *c, bool wait, uint32_t gap_ns)
{
	struct pass_rule *r;

	if (c->n_rules == CANDIDATES_MAX)
		return NULL;
	r = &c->rules[c->n_rules++];
	*r = (struct pass_rule){
		.mark = mem_zalloc(c->symbols, 1),
		.n_marks = c->symbols,
		.wait = wait,
		.gap_ns = gap_ns,
	};
	return r;
}

/* --- waits and pauses: positions of one loop share what runs before or after them */

static uint32_t root_of(struct point *p, uint32_t i)
{
	while (p[i].root != i)
		i = p[i].root = p[p[i].root].root;
	return i;
}

static size_t points_find(const struct choosing *c, bool wait, uint32_t gap_ns, struct point *ret)
{
	struct idmap at = { 0 };
	size_t n = 0;

	for (size_t i = 1; i < c->n; i++) {
		const struct pass_item *it = &c->items[i];
		uint64_t key = (uint64_t)c->items[i - 1].sym << 32 | it->sym;
		uint32_t k;

		if (it->flags & ITEM_BREAK || (wait && !(it->flags & ITEM_WAIT)) ||
		    it->gap_ns < gap_ns)
			continue;
		k = idmap_get(&at, key + 1);
		if (k == IDMAP_NONE) {
			if (n == POINTS_MAX)
				continue;
			k = (uint32_t)n++;
			idmap_put(&at, key + 1, k);
			ret[k] = (struct point){ c->items[i - 1].sym, it->sym, 0, k };
		}
		ret[k].count++;
	}
	idmap_release(&at);
	return n;
}

static void points_join(struct choosing *c, struct point *p, size_t n)
{
	SCOPED_FREE uint32_t *left = mem_zalloc(c->symbols, sizeof(*left));
	SCOPED_FREE uint32_t *right = mem_zalloc(c->symbols, sizeof(*right));

	for (uint32_t i = 0; i < n; i++) {
		if (left[p[i].left])
			p[root_of(p, i)].root = root_of(p, left[p[i].left] - 1);
		left[p[i].left] = i + 1;
		if (right[p[i].right])
			p[root_of(p, i)].root = root_of(p, right[p[i].right] - 1);
		right[p[i].right] = i + 1;
	}
}

/* One rule for each set of points that hang together, and one for all of them. */
static void add_points(struct choosing *c, bool wait, uint32_t gap_ns)
{
	SCOPED_FREE struct point *p = mem_zalloc(POINTS_MAX, sizeof(*p));
	size_t n = points_find(c, wait, gap_ns, p), groups = 0;
	SCOPED_FREE uint32_t *count = mem_zalloc(n + 1, sizeof(*count));
	struct pass_rule *all;

	points_join(c, p, n);
	for (uint32_t i = 0; i < n; i++)
		count[root_of(p, i)] += p[i].count;
	for (uint32_t g = 0; g < n; g++) {
		struct pass_rule *r;

		groups += count[g] > 0;
		if (count[g] < CUTS_MIN || !(r = rule_add(c, wait, gap_ns)))
			continue;
		for (uint32_t i = 0; i < n; i++)
			if (root_of(p, i) == g) {
				r->mark[p[i].left] |= CUT_LEFT;
				r->mark[p[i].right] |= CUT_RIGHT;
			}
	}
	if (groups < 2 || !(all = rule_add(c, wait, gap_ns)))
		return;
	memset(all->mark, CUT_LEFT | CUT_RIGHT, c->symbols);
	all->score.loose = true;
}

/* --- anchors: symbols that a pass has once, as its first or its last */

struct anchor {
	uint32_t sym, count;
	size_t last, longest;
};

static int by_count(const void *a, const void *b)
{
	const struct anchor *x = a, *y = b;

	return x->count != y->count ? (x->count < y->count ? -1 : 1) :
				      (x->sym > y->sym) - (x->sym < y->sym);
}

/* Rare and everywhere: no stretch without it is longer than half of everything. */
static void add_anchors(struct choosing *c)
{
	SCOPED_FREE struct anchor *a = mem_zalloc(c->symbols, sizeof(*a));
	uint32_t kept = 0;

	for (uint32_t i = 0; i < c->symbols; i++)
		a[i].sym = i;
	for (size_t i = 0; i < c->n; i++) {
		struct anchor *x = &a[c->items[i].sym];

		if (i - x->last > x->longest)
			x->longest = i - x->last;
		x->last = i;
		x->count++;
	}
	qsort(a, c->symbols, sizeof(*a), by_count);
	for (uint32_t i = 0; i < c->symbols && kept < ANCHORS_MAX; i++) {
		struct pass_rule *r;

		if (a[i].count < CUTS_MIN || a[i].longest > c->n / 2 ||
		    c->n - a[i].last > c->n / 2)
			continue;
		kept++;
		r = rule_add(c, false, 0);
		if (r)
			r->mark[a[i].sym] = CUT_LEFT;
		r = rule_add(c, false, 0);
		if (r)
			r->mark[a[i].sym] = CUT_RIGHT;
	}
}

/* A pass that is one replay: whichever graph it is, one begins there. */
static void add_replays(struct choosing *c)
{
	struct pass_rule *r = NULL;

	for (size_t i = 0; i < c->n; i++) {
		if (!(c->items[i].flags & ITEM_GRAPH))
			continue;
		if (!r && !(r = rule_add(c, false, 0)))
			return;
		r->score.replays = true;
		r->mark[c->items[i].sym] = CUT_RIGHT;
	}
}

/* --- which of them */

static bool usable(const struct pass_score *s)
{
	return s->cuts >= CUTS_MIN && s->cover >= 0.4 && s->recurring >= 0.4;
}

static double clamp(double x, double lo, double hi)
{
	return x < lo ? lo : x > hi ? hi : x;
}

static void total(struct pass_score *s)
{
	s->total = 2 * s->at_wait + 3 * s->waits_used + 2 * clamp(s->growth, 0, 1) +
		   clamp(s->gap / 2, -1, 2) + s->recurring + s->cover +
		   clamp(s->repeats - 1, 0, 1) + 2 * s->uniform - 4 * s->inside -
		   4 * s->composite - 2 * s->loose - 3 * s->scraps;
}

static uint64_t *cuts_of(const struct choosing *c, const struct pass_rule *r)
{
	uint64_t *cuts = mem_zalloc(pass_string_words(&c->string), sizeof(*cuts));

	pass_string_cuts(&c->string, r, cuts);
	return cuts;
}

/* Cuts of `coarse` that `fine` has too, up to `late` items later; late < 64. */
static size_t in_both(const struct choosing *c, uint32_t fine, uint32_t coarse, unsigned late)
{
	const uint64_t *f = c->cuts[fine], *o = c->cuts[coarse];
	const size_t words = pass_string_words(&c->string);
	size_t both = 0;

	for (size_t w = 0; w < words; w++) {
		uint64_t near = f[w];

		if (!o[w])
			continue;
		for (unsigned k = 1; k <= late; k++)
			near |= f[w] >> k | (w + 1 < words ? f[w + 1] << (64 - k) : 0);
		both += pass_bits(o[w] & near);
	}
	return both;
}

/*
 * A rule that cuts wherever c does and more often, with passes as good: then c's are several passes in one:
 * a request. (Layers do not: no layer begins where a pass does, the embedding comes between.)
 */
static bool refines(const struct choosing *c, uint32_t fine, uint32_t coarse)
{
	const struct pass_score *f = &c->rules[fine].score, *o = &c->rules[coarse].score;

	/* Bursts of many passes may be few. */
	if (f->cuts <= o->cuts || (!f->bursts && f->cuts < o->cuts + o->cuts / 4))
		return false;
	if (!f->bursts &&
	    (f->loose || f->inside || f->uniform < 0.9 ||
	     (f->at_wait < 0.9 && f->growth < 0.3 && !(f->replays && f->in_a_row >= 0.7))))
		return false;
	/* Small kernels may run before a replay. */
	return in_both(c, fine, coarse, f->replays ? BEFORE_REPLAY : 0) * 10 >= o->cuts * 9;
}

/* Waits that each end one pass or many. */
static void add_bursts(struct choosing *c)
{
	for (uint32_t k = c->n_rules; k-- > 0;) {
		if (!c->cuts[k] || !c->rules[k].wait || c->n_rules == CANDIDATES_MAX ||
		    !pass_rule_in_bursts(&c->rules[c->n_rules], &c->rules[k], c->cuts[k], &c->string,
					 c->scoring))
			continue;
		c->cuts[c->n_rules] = cuts_of(c, &c->rules[c->n_rules]);
		c->n_rules++;
	}
}

static uint32_t typical_gap(const struct choosing *c)
{
	uint64_t sum = 0;
	size_t n = 0;

	/* A mean without the long ones is near enough to the median here. */
	for (size_t i = 0; i < c->n; i++)
		if (c->items[i].gap_ns < 1000000) {
			sum += c->items[i].gap_ns;
			n++;
		}
	return n ? (uint32_t)(sum / n) : 0;
}

void pass_rule_choose(struct pass_rule *ret, const struct pass_item *items, size_t n,
		      uint32_t symbols)
{
	struct choosing *c = mem_zalloc(1, sizeof(*c));
	uint32_t best = CANDIDATES_MAX, gap;

	*ret = (struct pass_rule){ 0 };
	*c = (struct choosing){ .items = items, .n = n < SCORED_MAX ? n : SCORED_MAX,
				.symbols = symbols };
	gap = typical_gap(c) + 1000;
	add_points(c, true, 0);
	for (uint32_t i = PAUSE_MIN; i <= PAUSE_MAX; i *= 4)
		add_points(c, false, gap * i);
	add_replays(c);
	add_anchors(c);
	pass_string_init(&c->string, c->items, c->n, symbols, gap * PAUSE_MIN);
	c->scoring = pass_scoring_new(&c->string);
	for (uint32_t k = 0; k < c->n_rules; k++) {
		const bool loose = c->rules[k].score.loose, replays = c->rules[k].score.replays;

		c->cuts[k] = cuts_of(c, &c->rules[k]);
		c->rules[k].score = pass_score_of(c->scoring, c->cuts[k]);
		c->rules[k].score.loose = loose;
		c->rules[k].score.replays = replays;
		if (!usable(&c->rules[k].score)) {
			free(c->cuts[k]);
			c->cuts[k] = NULL;
		}
	}
	add_bursts(c);
	for (uint32_t k = 0; k < c->n_rules; k++) {
		if (!c->cuts[k])
			continue;
		for (uint32_t f = 0; f < c->n_rules && !c->rules[k].score.composite; f++)
			if (f != k && c->cuts[f])
				c->rules[k].score.composite = refines(c, f, k);
		total(&c->rules[k].score);
		if (best == CANDIDATES_MAX || c->rules[k].score.total > c->rules[best].score.total)
			best = k;
	}
	if (best < CANDIDATES_MAX) {
		*ret = c->rules[best];
		c->rules[best].mark = NULL;
	} else {
		ret->why_none = "nothing repeats in what its threads launch";
	}
	for (uint32_t k = 0; k < c->n_rules; k++) {
		free(c->rules[k].mark);
		free(c->cuts[k]);
	}
	pass_scoring_free(c->scoring);
	pass_string_release(&c->string);
	free(c);
}
