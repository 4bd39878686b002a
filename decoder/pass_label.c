#include "decoder/pass_label.h"

#include <string.h>

#define RUN_MIN 3u

double pass_work_ratio(const struct pass_found *a, const struct pass_found *b)
{
	if (a->items == a->inner && b->items == b->inner)
		return (double)a->blocks / (double)(b->blocks ? b->blocks : 1);
	return (double)a->pass.busy_ns / (double)(b->pass.busy_ns ? b->pass.busy_ns : 1);
}

/* --- runs: passes of one class in a row, on one model, until the cache begins anew */

/* The next pass of the same family, or s->n. */
static size_t next_of(const struct pass_classes *c, const struct pass_seq *s, size_t i)
{
	const uint32_t family = c->list[seq_at(s, i)->cls].family;

	for (i++; i < s->n; i++)
		if (c->list[seq_at(s, i)->cls].family == family)
			return i;
	return s->n;
}

/* Blocks fall back by half of what they had grown: another request, with a prompt as short as a step. */
static bool is_reset(const struct pass_found *start, const struct pass_found *before,
		     const struct pass_found *f)
{
	uint64_t grown, fell;

	if (before->blocks <= start->blocks || f->blocks >= before->blocks)
		return false;
	grown = before->blocks - start->blocks;
	fell = before->blocks - f->blocks;
	return grown >= 2 && fell * 2 >= grown && fell >= 2;
}

struct run {
	size_t first, last; /* positions; of one family: others may lie between */
	size_t n;
	size_t next;        /* where the next run of the family begins; s->n: none */
	bool reset;         /* begins because the cache began anew */
};

static struct run run_at(const struct pass_classes *c, const struct pass_seq *s, size_t i,
			 bool reset, bool grows)
{
	const struct pass_found *start = seq_at(s, i), *before = start;
	struct run r = { i, i, 1, s->n, reset };

	for (size_t k = next_of(c, s, i); k < s->n; k = next_of(c, s, k)) {
		const struct pass_found *f = seq_at(s, k);

		if (f->cls != start->cls || (grows && is_reset(start, before, f))) {
			r.next = k;
			return r;
		}
		before = f;
		r.last = k;
		r.n++;
	}
	return r;
}

typedef void (*run_fn)(struct pass_classes *c, const struct pass_seq *s, const struct run *r,
		       const struct run *before);

static bool grows(const struct pass_class *k)
{
	return k->pairs >= 3 && (k->up - (double)k->down) / k->pairs >= 0.1;
}

static void each_run(struct pass_classes *c, const struct pass_seq *s, run_fn fn)
{
	for (uint32_t family = 0; family < 2; family++) {
		struct run before = { s->n, s->n, 0, s->n, false }, r;
		size_t i = 0;
		bool reset = false;

		while (i < s->n && c->list[seq_at(s, i)->cls].family != family)
			i++;
		for (; i < s->n; i = r.next) {
			const uint32_t cls = seq_at(s, i)->cls;

			r = run_at(c, s, i, reset, grows(&c->list[cls]));
			fn(c, s, &r, &before);
			reset = r.next < s->n && seq_at(s, r.next)->cls == cls;
			before = r;
		}
	}
}

/* --- two models that take turns: a draft and its target */

/*
 * Short runs of one class between passes of a larger model: a prefill would make the small ones begin
 * anew each time; here the first after each large one has more to attend to than the first before.
 */
static void families_find(struct pass_classes *c, const struct pass_seq *s)
{
	uint32_t common = 0, limit, big = 0, near_big = 0, up = 0, seen = 0, gap = 0;
	uint64_t first = 0;
	bool after = false;

	for (uint32_t i = 1; i < c->n; i++)
		if (c->list[i].count > c->list[common].count)
			common = i;
	if (!c->n)
		return;
	limit = c->list[common].inner + c->list[common].inner * 6 / 10;
	for (size_t i = 0; i < s->n; i++) {
		const struct pass_found *f = seq_at(s, i);

		if (f->inner >= limit) {
			near_big += big && gap && gap <= 8;
			big++;
			gap = 0;
			after = true;
			continue;
		}
		gap++;
		if (after && f->cls == common) {
			seen++;
			up += first && f->blocks > first;
			first = f->blocks;
			after = false;
		}
	}
	if (big < 4 || near_big * 10 < (big - 1) * 6 || up * 2 < seen)
		return;
	for (uint32_t i = 0; i < c->n; i++)
		c->list[i].family = c->list[i].inner >= limit;
}

/* --- what speaks for decode, class by class */

static void count_growth(struct pass_classes *c, const struct pass_seq *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct pass_found *a = seq_at(s, i), *b;
		struct pass_class *k = &c->list[a->cls];
		size_t j = next_of(c, s, i);

		k->tokens += a->token;
		k->replays += a->pass.graph_launches > 0 && a->pass.graph_launches <= 2 &&
			      a->items <= a->pass.graph_launches + 8;
		k->one_row += a->one_row > 0;
		k->training += a->training;
		if (j == s->n)
			continue;
		b = seq_at(s, j);
		if (b->cls != a->cls)
			continue;
		k->pairs++;
		k->inputs += b->in_copies > 0;
		k->up += b->blocks > a->blocks && b->blocks <= a->blocks + a->blocks / 4 + 8;
		k->down += b->blocks < a->blocks && b->blocks + a->blocks / 8 >= a->blocks;
	}
}

static void count_runs(struct pass_classes *c, const struct pass_seq *s, const struct run *r,
		       const struct run *before)
{
	const struct pass_found *f = seq_at(s, r->last);
	struct pass_class *k = &c->list[f->cls];

	if (r->n < RUN_MIN)
		return;
	k->runs++;
	k->in_runs += (uint32_t)r->n;
	/*
	 * The one before it must be alone of its kind there, as prompts are. The thread's first pass may hold
	 * what set it up: it proves nothing.
	 */
	if (before->n && before->n < RUN_MIN && !r->reset && !seq_at(s, before->last)->edge) {
		k->led++;
		k->led_input += seq_at(s, before->last)->in_copies > 0;
		k->led_kinds += k->leader && k->leader != seq_at(s, before->last)->cls + 1;
		k->leader = seq_at(s, before->last)->cls + 1;
		k->led_more += pass_work_ratio(seq_at(s, before->last), f) >= 1.15;
	}
}

static int sum_of(const int8_t *vote)
{
	int sum = 0;

	for (int i = 0; i < VOTE_COUNT; i++)
		sum += vote[i];
	return sum;
}

static void decide(struct pass_class *k)
{
	const double growth = k->pairs >= 3 ? ((double)k->up - k->down) / k->pairs : 0;

	if (!k->runs || k->in_runs * 2 < k->count)
		return;
	k->vote[VOTE_RUN] = k->led * 2 >= k->runs ? 40 : 20;
	/* What comes before the runs changes from one to the next, the runs do not: prompts and steps. */
	if (k->led >= 3 && k->led_kinds * 2 >= k->led - 1 && k->led * 2 >= k->runs)
		k->vote[VOTE_RUN] = 60;
	if (k->led)
		k->vote[VOTE_WORK] = k->led_more * 10 >= k->led * 7 ? 30 :
				     k->led_more * 2 >= k->led	    ? 15 :
								      0;
	k->vote[VOTE_GROWTH] = growth >= 0.3 ? 50 : growth >= 0.1 ? 25 : 0;
	k->vote[VOTE_REPLAY] = k->replays * 10 >= k->count * 9 ? 15 : 0;
	k->vote[VOTE_TOKEN] = k->tokens * 10 >= k->count * 9 ? 15 : 0;
	k->vote[VOTE_KERNELS] = k->one_row * 10 >= k->count * 9 ? 15 : 0;
	/* Without a cache that grows or prompts that differ from the steps, nothing of this means decode. */
	k->decode = k->training * 2 < k->count && sum_of(k->vote) >= PASS_LABEL_MIN &&
		    (k->vote[VOTE_GROWTH] || k->vote[VOTE_WORK] || k->vote[VOTE_RUN] >= 60);
}

/*
 * A run between a decode run and the next, or before one, with as much work: the same steps, for which a
 * library chose other kernels when the sequence had grown.
 */
static void count_beside(struct pass_classes *c, const struct pass_seq *s, const struct run *r,
			 const struct run *before)
{
	struct pass_class *k = &c->list[seq_at(s, r->first)->cls], *b;
	double ratio;

	if (!before->n || r->reset)
		return;
	b = &c->list[seq_at(s, before->last)->cls];
	ratio = pass_work_ratio(seq_at(s, before->last), seq_at(s, r->first));
	if (ratio < 0.6 || ratio > 1.67)
		return;
	if (k->decode && !b->decode && before->n >= RUN_MIN)
		b->beside++;
	if (b->decode && !k->decode && r->n >= RUN_MIN)
		k->beside++;
}

static void decide_beside(struct pass_class *k)
{
	if (k->decode || !k->runs || k->training * 2 >= k->count || k->beside * 2 < k->runs)
		return;
	k->vote[VOTE_RUN] = 60;
	k->decode = true;
}

/* --- labels */

static void label(struct pass_found *f, enum pass_label l, const int8_t *vote)
{
	const int sum = sum_of(vote);

	memcpy(f->pass.vote, vote, sizeof(f->pass.vote));
	f->pass.label = (uint8_t)(sum >= PASS_LABEL_MIN ? l : PASS_UNLABELLED);
	f->pass.confidence = (uint8_t)(sum < 0 ? 0 : sum > 99 ? 99 : sum);
}

static void label_prefill(struct pass_classes *c, struct pass_found *f,
			  const struct pass_found *step, bool reset, bool input)
{
	const struct pass_class *k = &c->list[step->cls];
	const double ratio = pass_work_ratio(f, step);
	int8_t vote[VOTE_COUNT] = { 0 };

	vote[VOTE_RUN] = 60;
	vote[VOTE_WORK] = ratio >= 1.15 ? 30 : ratio >= 0.8 || reset || input ? 0 : -20;
	vote[VOTE_GROWTH] = reset ? 30 : 0;
	vote[VOTE_INPUT] = input ? 30 : 0;
	/* All other prompts were copied in. */
	if (!f->in_copies && k->led >= 3 && k->led_input * 10 >= k->led * 7)
		vote[VOTE_INPUT] = -40;
	vote[VOTE_KERNELS] = f->one_row < step->one_row ? 10 : 0;
	label(f, PASS_PREFILL, vote);
	c->list[f->cls].as_prefill += f->pass.label == PASS_PREFILL;
}

static void label_run(struct pass_classes *c, const struct pass_seq *s, const struct run *r,
		      const struct run *before)
{
	struct pass_class *k = &c->list[seq_at(s, r->first)->cls];
	const struct pass_class *b = before->n ? &c->list[seq_at(s, before->last)->cls] : NULL;
	/* With a cache that grows, fewer blocks than at the end of the run before: it began anew. */
	const bool anew = k->vote[VOTE_GROWTH] && k->last_blocks > seq_at(s, r->first)->blocks;
	const bool told = k->inputs * 10 <= k->pairs;

	if (!k->decode) {
		if (r->n < RUN_MIN)
			return;
		/* Many in a row, and still no label: the votes are kept. */
		for (size_t i = r->first; i <= r->last && i < s->n; i = next_of(c, s, i)) {
			struct pass_found *f = seq_at(s, i);

			memcpy(f->pass.vote, k->vote, sizeof(f->pass.vote));
		}
		return;
	}
	k->last_blocks = seq_at(s, r->last)->blocks;
	for (size_t i = r->first; i <= r->last && i < s->n; i = next_of(c, s, i)) {
		struct pass_found *f = seq_at(s, i);

		label(f, PASS_DECODE, k->vote);
		if (told && f->in_copies && (i != r->first || !b || b->decode)) {
			size_t second = next_of(c, s, i);

			label_prefill(c, f, seq_at(s, second < s->n ? second : i), false, true);
		}
	}
	if (r->reset) {
		size_t second = next_of(c, s, r->first);

		label_prefill(c, seq_at(s, r->first),
			      seq_at(s, second < s->n ? second : r->first), true, false);
	} else if (b && !b->decode) {
		for (size_t i = before->first; i <= before->last; i = next_of(c, s, i))
			if (before->n < RUN_MIN &&
			    (i == before->last ||
			     pass_work_ratio(seq_at(s, i), seq_at(s, r->last)) >= 1.15))
				label_prefill(c, seq_at(s, i), seq_at(s, r->last), anew,
					      seq_at(s, i)->in_copies > 0 && told);
	}
}

/* A prompt without steps after it is a prompt when all its class is. */
static void label_rest(struct pass_classes *c, const struct pass_seq *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct pass_found *f = seq_at(s, i);
		const struct pass_class *k = &c->list[f->cls];
		int8_t vote[VOTE_COUNT] = { 0 };

		if (f->pass.label != PASS_UNLABELLED || k->as_prefill * 2 < k->count ||
		    k->decode || !k->as_prefill)
			continue;
		vote[VOTE_WORK] = PASS_LABEL_MIN;
		label(f, PASS_PREFILL, vote);
	}
}

void pass_labels_find(struct pass_classes *c, const struct pass_seq *s)
{
	families_find(c, s);
	count_growth(c, s);
	each_run(c, s, count_runs);
	for (uint32_t i = 0; i < c->n; i++)
		decide(&c->list[i]);
	each_run(c, s, count_beside);
	for (uint32_t i = 0; i < c->n; i++)
		decide_beside(&c->list[i]);
	each_run(c, s, label_run);
	label_rest(c, s);
}
