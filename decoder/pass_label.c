#include "decoder/pass_label.h"

#include <string.h>

#define RUN_MIN 3u
#define LONG_RUN 8u   /* passes in a run on average: prompts of one kind come in a row too */
#define CHUNK_WORK 1.15 /* GPU time of a part of a prompt, in steps */

double pass_work_ratio(const struct pass_found *a, const struct pass_found *b)
{
	if (a->items == a->inner && b->items == b->inner)
		return (double)a->blocks / (double)(b->blocks ? b->blocks : 1);
	return (double)a->pass.busy_ns / (double)(b->pass.busy_ns ? b->pass.busy_ns : 1);
}

/* --- runs: passes of one class in a row, on one model, until the cache begins anew */

size_t pass_next(const struct pass_classes *c, const struct pass_seq *s, size_t i)
{
	const uint32_t family = c->list[s->cls[i]].family;

	for (i++; i < s->n; i++)
		if (c->list[s->cls[i]].family == family)
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
	/* A sequence left the batch. */
	if (f->read_bytes && f->read_bytes < before->read_bytes)
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
	const struct run *before; /* of the family; NULL: none */
};

static struct run run_at(const struct pass_classes *c, const struct pass_seq *s, size_t i,
			 bool reset, bool grows)
{
	const struct pass_found *start = seq_at(s, i), *before = start;
	struct run r = { i, i, 1, s->n, reset, NULL };

	for (size_t k = pass_next(c, s, i); k < s->n; k = pass_next(c, s, k)) {
		/* Of most passes the class is enough. */
		if (s->cls[k] != s->cls[i] || (grows && is_reset(start, before, seq_at(s, k)))) {
			r.next = k;
			return r;
		}
		if (grows)
			before = seq_at(s, k);
		r.last = k;
		r.n++;
	}
	return r;
}

/* r->before, and what was before that and before that again, are there while it runs. */
typedef void (*run_fn)(struct pass_classes *c, const struct pass_seq *s, const struct run *r);

static bool grows(const struct pass_class *k)
{
	return k->pairs >= 3 && (k->up - (double)k->down) / k->pairs >= 0.1;
}

static void each_run(struct pass_classes *c, const struct pass_seq *s, run_fn fn)
{
	for (uint32_t family = 0; family < 2; family++) {
		struct run ring[4]; /* the run and the three before it */
		size_t i = 0, n = 0;
		bool reset = false;

		while (i < s->n && c->list[s->cls[i]].family != family)
			i++;
		for (; i < s->n; n++) {
			const uint32_t cls = s->cls[i];
			struct run *r = &ring[n % 4];

			*r = run_at(c, s, i, reset, grows(&c->list[cls]));
			r->before = n ? &ring[(n - 1) % 4] : NULL;
			if (n >= 3)
				ring[(n - 3) % 4].before = NULL;
			fn(c, s, r);
			i = r->next;
			reset = i < s->n && s->cls[i] == cls;
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
		if (after && s->cls[i] == common) {
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

/*
 * A cache that grows makes the kernels larger that attend to it and copy it, no others. A longer
 * prompt makes most of them larger; so does a step that runs the whole sequence again, but only by
 * one token.
 */
static bool is_growth(const struct pass_found *a, const struct pass_found *b)
{
	uint64_t before = 0, more = 0;
	unsigned n = 0, up = 0;

	if (b->blocks <= a->blocks || b->blocks > a->blocks + a->blocks / 4 + 8)
		return false;
	for (unsigned i = 0; i < PASS_PARTS; i++) {
		n += a->part[i] || b->part[i];
		if (b->part[i] <= a->part[i])
			continue;
		up++;
		before += a->part[i];
		more += b->part[i] - a->part[i];
	}
	return up * 4 <= n || more * 25 <= before;
}

static void count_growth(struct pass_classes *c, const struct pass_seq *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct pass_found *a = seq_at(s, i), *b;
		struct pass_class *k = &c->list[s->cls[i]];
		size_t j = pass_next(c, s, i);

		k->tokens += a->token;
		k->replays += a->pass.graph_launches > 0 && a->pass.graph_launches <= 2 &&
			      a->items <= a->pass.graph_launches + 8;
		k->one_row += a->one_row > 0;
		k->training += a->training;
		if (j == s->n)
			continue;
		if (s->cls[j] != s->cls[i])
			continue;
		b = seq_at(s, j);
		k->pairs++;
		k->inputs += b->in_copies > 0;
		k->up += is_growth(a, b);
		k->down += b->blocks < a->blocks && b->blocks + a->blocks / 8 >= a->blocks;
	}
}

static void count_runs(struct pass_classes *c, const struct pass_seq *s, const struct run *r)
{
	const struct run *before = r->before;
	const struct pass_found *f = seq_at(s, r->last);
	struct pass_class *k = &c->list[s->cls[r->last]];

	if (r->n < RUN_MIN)
		return;
	k->runs++;
	k->in_runs += (uint32_t)r->n;
	/*
	 * The one before it must be alone of its kind there, as prompts are. The thread's first pass may hold
	 * what set it up: it proves nothing.
	 */
	if (before && before->n < RUN_MIN && !r->reset && !seq_at(s, before->last)->edge) {
		k->led++;
		k->led_input += seq_at(s, before->last)->in_copies > 0;
		k->led_kinds += k->leader && k->leader != s->cls[before->last] + 1u;
		k->leader = s->cls[before->last] + 1u;
		k->leaders[(k->leader - 1) / 64] |= 1ull << (k->leader - 1) % 64;
		c->list[k->leader - 1].leads++;
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

/* Three classes or more led its runs, which are long: the prompts differ, the steps do not. */
static bool led_by_many(const struct pass_class *k)
{
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(k->leaders) / sizeof(*k->leaders); i++)
		n += (unsigned)__builtin_popcountll(k->leaders[i]);
	return n >= 3 && k->led_kinds >= 3 && k->in_runs >= LONG_RUN * k->runs;
}

static void decide(struct pass_class *k)
{
	const double growth = k->pairs >= 3 ? ((double)k->up - k->down) / k->pairs : 0;

	if (!k->runs || k->in_runs * 2 < k->count)
		return;
	/* They stand alone again and again, and no cache grows: prompts, some of them in a row. */
	if (growth < 0.1 && k->count - k->in_runs >= 3 && k->count - k->in_runs > 2 * k->runs)
		return;
	k->vote[VOTE_RUN] = k->led * 2 >= k->runs ? 40 : 20;
	/* What comes before the runs changes from one to the next, the runs do not: prompts and steps. */
	if (k->led >= 3 && k->led * 2 >= k->runs &&
	    (k->led_kinds * 2 >= k->led - 1 || led_by_many(k)))
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
static void count_beside(struct pass_classes *c, const struct pass_seq *s, const struct run *r)
{
	const struct run *before = r->before;
	struct pass_class *k = &c->list[s->cls[r->first]], *b;
	double ratio;

	if (!before || r->reset)
		return;
	b = &c->list[s->cls[before->last]];
	ratio = pass_work_ratio(seq_at(s, before->last), seq_at(s, r->first));
	if (ratio < 0.6 || ratio > 1.67 ||
	    !seq_at(s, before->last)->read_bytes != !seq_at(s, r->first)->read_bytes)
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

/* With the kernels of steps, in runs that prompts lead as well: steps. */
static void decide_like(struct pass_classes *c, struct pass_class *k)
{
	if (k->decode || !k->runs || k->in_runs * 2 < k->count || k->led * 2 < k->runs ||
	    k->training * 2 >= k->count)
		return;
	for (uint32_t i = 0; i < c->n; i++) {
		const struct pass_class *d = &c->list[i];

		if (d->vote[VOTE_RUN] < 60 || !d->decode || d->items != k->items ||
		    d->inner != k->inner || d->blocks * 10 > k->blocks * 16 ||
		    k->blocks * 10 > d->blocks * 16 ||
		    pass_set_common(&d->set, &k->set) * 100 < pass_set_count(&k->set) * 85)
			continue;
		k->vote[VOTE_RUN] = 60;
		k->decode = true;
		return;
	}
}

/* --- a prompt in parts */

static double time_ratio(const struct pass_found *a, const struct pass_found *b)
{
	return (double)a->pass.busy_ns / (double)(b->pass.busy_ns ? b->pass.busy_ns : 1);
}

/*
 * A chunk takes longer than a step of the same model. Blocks alone do not tell: those of a step
 * grow with the cache, and products of one row may have more than those of many; where both bring
 * a token back, time and blocks must agree.
 */
static bool is_chunk_of(const struct pass_found *f, const struct pass_found *step)
{
	/* Steps bring a token back and this does not: it is none of them. */
	const bool unlike = !f->read_bytes && step->read_bytes;

	if (f->read_bytes && step->read_bytes && pass_work_ratio(f, step) < CHUNK_WORK)
		return false;
	return time_ratio(f, step) >= (unlike ? 1 : CHUNK_WORK) &&
	       f->inner * 10ull >= step->inner * 6ull && f->inner * 6ull <= step->inner * 10ull;
}

/*
 * Three or more alike after steps, or first of all, and with more work than the steps after them;
 * between them and the steps at most the last part, which is shorter. Steps of a larger batch come
 * after their prompt.
 */
static void count_chunks(struct pass_classes *c, const struct pass_seq *s, const struct run *r)
{
	const struct pass_found *step = seq_at(s, r->first);
	const struct run *x = r->before;

	if (!c->list[s->cls[r->first]].decode)
		return;
	if (x && x->n < RUN_MIN && x->before &&
	    (!c->list[s->cls[x->first]].decode ||
	     s->cls[x->first] == s->cls[x->before->first]))
		x = x->before;
	if (!x || x->n < RUN_MIN || s->cls[x->first] == s->cls[r->first] ||
	    !is_chunk_of(seq_at(s, x->last), step))
		return;
	if (x->before && (!c->list[s->cls[x->before->first]].decode ||
			  !is_chunk_of(seq_at(s, x->first), seq_at(s, x->before->last))))
		return;
	c->list[s->cls[x->first]].chunk_runs++;
}

static void decide_chunks(struct pass_class *k)
{
	k->chunk = k->chunk_runs && k->chunk_runs * 2 >= k->runs && k->training * 2 < k->count;
	if (k->chunk)
		k->decode = false;
}

/* --- labels */

void pass_label_set(struct pass_found *f, enum pass_label l, const int8_t *vote)
{
	const int sum = sum_of(vote);

	memcpy(f->pass.vote, vote, sizeof(f->pass.vote));
	f->pass.label = (uint8_t)(sum >= PASS_LABEL_MIN ? l : PASS_UNLABELLED);
	f->pass.confidence = (uint8_t)(sum < 0 ? 0 : sum > 99 ? 99 : sum);
}

/* Pass i, before the steps of which one is at `at`. */
static void label_prefill(struct pass_classes *c, const struct pass_seq *s, size_t i, size_t at,
			  bool reset, bool input)
{
	struct pass_class *own = &c->list[s->cls[i]];
	const struct pass_class *k = &c->list[s->cls[at]];
	struct pass_found *f = seq_at(s, i);
	const struct pass_found *step = seq_at(s, at);
	const double ratio = own->chunk ? time_ratio(f, step) : pass_work_ratio(f, step);
	/* A prompt that was compiled takes less time than a step that was not. */
	const bool leads = f->waited && own->leads >= 3 && k->vote[VOTE_RUN] >= 60;
	int8_t vote[VOTE_COUNT] = { 0 };

	vote[VOTE_RUN] = 60;
	vote[VOTE_WORK] = ratio >= 1.15 ? 30 : ratio >= 0.8 || reset || input || leads ? 0 : -20;
	vote[VOTE_GROWTH] = reset ? 30 : 0;
	vote[VOTE_INPUT] = input ? 30 : 0;
	/* All other prompts were copied in. */
	if (!f->in_copies && k->led >= 3 && k->led_input * 10 >= k->led * 7)
		vote[VOTE_INPUT] = -40;
	vote[VOTE_KERNELS] = f->one_row < step->one_row ? 10 : 0;
	pass_label_set(f, PASS_PREFILL, vote);
	own->as_prefill += f->pass.label == PASS_PREFILL;
}

/* What lies before the steps of which `step` is one: their prompt. */
static void label_before(struct pass_classes *c, const struct pass_seq *s, const struct run *r,
			 size_t step, bool anew, bool told)
{
	const bool chunk = c->list[s->cls[r->first]].chunk;

	if (r->n >= RUN_MIN && !chunk)
		return;
	for (size_t i = r->first; i <= r->last; i = pass_next(c, s, i))
		if (i == r->last || chunk || pass_work_ratio(seq_at(s, i), seq_at(s, step)) >= 1.15)
			label_prefill(c, s, i, step, anew, seq_at(s, i)->in_copies > 0 && told);
}

static void label_run(struct pass_classes *c, const struct pass_seq *s, const struct run *r)
{
	const struct run *before = r->before;
	struct pass_class *k = &c->list[s->cls[r->first]];
	const struct pass_class *b = before ? &c->list[s->cls[before->last]] : NULL;
	/* With a cache that grows, fewer blocks than at the end of the run before: it began anew. */
	const bool anew = k->vote[VOTE_GROWTH] && k->last_blocks > seq_at(s, r->first)->blocks;
	const bool told = k->inputs * 10 <= k->pairs;

	if (!k->decode) {
		if (r->n < RUN_MIN)
			return;
		/* Many in a row, and still no label: the votes are kept. */
		for (size_t i = r->first; i <= r->last && i < s->n; i = pass_next(c, s, i)) {
			struct pass_found *f = seq_at(s, i);

			memcpy(f->pass.vote, k->vote, sizeof(f->pass.vote));
		}
		return;
	}
	k->last_blocks = seq_at(s, r->last)->blocks;
	for (size_t i = r->first; i <= r->last && i < s->n; i = pass_next(c, s, i)) {
		struct pass_found *f = seq_at(s, i);

		pass_label_set(f, PASS_DECODE, k->vote);
		if (told && f->in_copies && (i != r->first || !b || b->decode)) {
			size_t second = pass_next(c, s, i);

			label_prefill(c, s, i, second < s->n ? second : i, false, true);
		}
	}
	if (r->reset) {
		size_t second = pass_next(c, s, r->first);

		label_prefill(c, s, r->first, second < s->n ? second : r->first, true, false);
	} else if (b && !b->decode) {
		label_before(c, s, before, r->last, anew, told);
		/* The last part of a prompt, and those before it. */
		if (before->n < RUN_MIN && before->before &&
		    c->list[s->cls[before->before->first]].chunk)
			label_before(c, s, before->before, r->last, anew, told);
	}
}

/* Most of a class, or all of it that steps came after. */
static bool are_prompts(const struct pass_class *k)
{
	return k->as_prefill && !k->decode &&
	       (k->as_prefill * 2 >= k->count ||
		(k->as_prefill >= 3 && k->as_prefill * 10 >= k->before_steps * 9));
}

/* A prompt without steps after it is a prompt when its class is. */
static void label_rest(struct pass_classes *c, const struct pass_seq *s)
{
	for (size_t i = 0; i + 1 < s->n; i++)
		c->list[s->cls[i]].before_steps +=
			c->list[s->cls[i + 1]].decode;
	for (size_t i = 0; i < s->n; i++) {
		int8_t vote[VOTE_COUNT] = { 0 };
		struct pass_found *f;

		if (!are_prompts(&c->list[s->cls[i]]))
			continue;
		f = seq_at(s, i);
		if (f->pass.label != PASS_UNLABELLED)
			continue;
		vote[VOTE_WORK] = PASS_LABEL_MIN;
		pass_label_set(f, PASS_PREFILL, vote);
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
	for (uint32_t i = 0; i < c->n; i++)
		decide_like(c, &c->list[i]);
	each_run(c, s, count_chunks);
	for (uint32_t i = 0; i < c->n; i++)
		decide_chunks(&c->list[i]);
	spill_writes(s->window, true);
	each_run(c, s, label_run);
	spill_writes(s->window, false);
	label_rest(c, s);
	pass_mixed_find(c, s);
	pass_warmup_find(s);
}
