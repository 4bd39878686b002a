/*
 * Continuous batching: sequences join a batch that runs on, and leave it when they end. How many
 * run is read from what every step brings back: a token for each. Three or more times one sequence
 * more than before, and sequences that leave between two steps, are such a server: then a pass
 * which brings back more tokens than sequences ran before it has worked for these and for a prompt.
 * A server that stops the running ones for a prompt brings back the prompt's token only ("apart"):
 * that is a prefill, even one with the kernels of a step when this is how the server always does.
 *
 * Where nothing is read back, steps whose kernels become smaller together show that the batch
 * changes; then a prompt between steps may be either, and gets no label.
 */
#include "decoder/pass_label.h"

#include <string.h>

#define JOINS_MIN 3u
#define LEFT_MIN  2u
#define MORE_BLOCKS 1.15
#define PARTS_MAX 64u /* of a prompt, looked at */

struct batch {
	uint32_t unit; /* bytes of one sequence; 0: nothing is read back */
	uint32_t joined, by_one, left, apart;
	uint32_t shrank; /* steps */
	bool alone;      /* prompts run alone: known once all are counted */
};

/* A pass, and what ran before it. */
struct member {
	struct pass_found *f;
	const struct pass_found *before, *after; /* of its family; NULL: none */
	const struct pass_found *step;           /* decode step seen last; NULL: none */
	uint32_t cls, cls_before, cls_after, cls_step; /* of these, as far as there are any */
	uint32_t running; /* sequences before it, in bytes; 0: not known */
	bool apart;
	bool joins; /* a sequence joins in one of the passes right after it */
};

static uint32_t read_of(const struct pass_found *f)
{
	return f && f->token ? f->read_bytes : 0;
}

/* By time: products of one row have more blocks than those of a few, and may have more than a prompt's. */
static bool more_work(const struct pass_found *f, const struct pass_found *step)
{
	return step && f->pass.busy_ns * 100 >= step->pass.busy_ns * 108;
}

/* A prompt alone, while those that run wait: after it there are more than it brought back. */
static bool is_apart(const struct batch *b, const struct member *m)
{
	const uint32_t read = read_of(m->f), after = read_of(m->after);

	if (!read || !m->running || after <= read || m->after->pass.label != PASS_DECODE)
		return false;
	/* Where prompts run alone, those that came after it had no other. */
	if (b->alone && read == b->unit)
		return true;
	if (read >= m->running)
		return false;
	/* Else most would have ended with the step before, and more have come right after. */
	return (read * 2 <= m->running && after == m->running + read) || more_work(m->f, m->after);
}

/* Parts of a prompt that ride along bring back the tokens of those that run; its last one brings one more. */
static bool joins_after(const struct pass_classes *c, const struct pass_seq *s, size_t i,
			uint32_t read)
{
	for (unsigned n = 0; n < PARTS_MAX && i < s->n; n++, i = pass_next(c, s, i)) {
		const struct pass_found *f = seq_at(s, i);

		if (read_of(f) > read)
			return true;
		if (read_of(f) < read || f->pass.label == PASS_DECODE)
			return false;
	}
	return false;
}

typedef void (*member_fn)(struct batch *b, const struct member *m);

static void each_member(const struct pass_classes *c, const struct pass_seq *s, uint32_t family,
			struct batch *b, member_fn fn)
{
	struct member m = { .running = 0 };
	size_t i = 0, next;

	while (i < s->n && c->list[s->cls[i]].family != family)
		i++;
	for (; i < s->n; i = next) {
		const struct pass_found *f = m.f = seq_at(s, i);
		const bool decode = f->pass.label == PASS_DECODE;

		next = pass_next(c, s, i);
		m.cls = s->cls[i];
		m.after = next < s->n ? seq_at(s, next) : NULL;
		m.cls_after = next < s->n ? s->cls[next] : 0;
		m.apart = is_apart(b, &m);
		m.joins = joins_after(c, s, next, read_of(f));
		fn(b, &m);
		if (read_of(f))
			m.running = read_of(f) + (m.apart ? m.running : 0);
		if (decode) {
			m.step = f;
			m.cls_step = m.cls;
		}
		m.before = f;
		m.cls_before = m.cls;
	}
}

static void find_unit(struct batch *b, const struct member *m)
{
	uint32_t x = read_of(m->f), y = b->unit;

	while (x) {
		const uint32_t rest = y % x;

		y = x;
		x = rest;
	}
	b->unit = y;
}

/*
 * Fewer rows make a third of the kernels smaller, and none larger; a cache that begins anew only those that
 * attend to it or copy it.
 */
static bool shrank(const struct member *m)
{
	const struct pass_found *a = m->before, *b = m->f;
	unsigned n = 0, down = 0;

	if (!a || m->cls_before != m->cls || a->pass.label != PASS_DECODE || b->pass.graph_launches)
		return false;
	for (unsigned i = 0; i < PASS_PARTS; i++) {
		n += a->part[i] > 0;
		down += b->part[i] < a->part[i];
		if (b->part[i] > a->part[i])
			return false;
	}
	return down >= 3 && down * 3 >= n;
}

static void count(struct batch *b, const struct member *m)
{
	const uint32_t read = read_of(m->f);

	b->shrank += shrank(m);
	if (!read || !m->running)
		return;
	b->apart += m->apart;
	if (read > m->running && m->running >= 2 * b->unit) {
		b->joined++;
		b->by_one += read == m->running + b->unit;
	}
	b->left += read < m->running && m->f->pass.label == PASS_DECODE &&
		   m->before->pass.label == PASS_DECODE;
}

static bool suspected(const struct batch *b)
{
	return b->by_one && b->left && b->apart * 5 <= b->by_one;
}

static bool established(const struct batch *b)
{
	return suspected(b) && b->by_one >= JOINS_MIN && b->by_one * 10 >= b->joined * 6 &&
	       b->left >= LEFT_MIN;
}

/* Of at least as many sequences, more than one: there no product of one row has blocks of its own. */
static bool comparable(const struct batch *b, const struct pass_found *f,
		       const struct pass_found *step)
{
	return step && read_of(f) >= 2 * b->unit && read_of(step) >= read_of(f);
}

/*
 * More rows than a step has for as many tokens, though it has the kernels of one: a third of them
 * are larger, and none smaller.
 */
static bool has_more_rows(const struct batch *b, const struct member *m)
{
	const struct pass_found *f = m->f;
	unsigned n = 0, up = 0;

	if (!comparable(b, f, m->step) || m->cls != m->cls_step || f->pass.graph_launches)
		return false;
	for (unsigned i = 0; i < PASS_PARTS; i++) {
		n += f->part[i] > 0;
		up += f->part[i] > m->step->part[i];
		if (f->part[i] < m->step->part[i])
			return false;
	}
	return up >= 3 && up * 3 >= n;
}

static void say(const struct member *m, int rows)
{
	int8_t vote[VOTE_COUNT] = { 0 };

	vote[VOTE_ROWS] = (int8_t)rows;
	vote[VOTE_WORK] = more_work(m->f, m->step) ? 15 : 0;
	pass_label_set(m->f, PASS_MIXED, vote);
}

/*
 * Neither more tokens nor more time than a step, and not alone of its kind there: steps for which a library has
 * other kernels, as it has for one row.
 */
static void step_of_few(const struct member *m)
{
	const struct pass_found *a = m->before, *b = m->after;
	int8_t vote[VOTE_COUNT] = { 0 };

	if ((!a || m->cls_before != m->cls || read_of(a) < read_of(m->f)) &&
	    (!b || m->cls_after != m->cls || read_of(b) > read_of(m->f)))
		return;
	vote[VOTE_ROWS] = PASS_LABEL_MIN;
	pass_label_set(m->f, PASS_DECODE, vote);
}

static void label(struct batch *b, const struct member *m)
{
	const uint32_t read = read_of(m->f), few = 3 * b->unit;

	if (!read || !m->running || m->apart)
		return;
	if (read > m->running) {
		/* More than twice as many may all be new. */
		if (established(b))
			say(m, read <= 2 * m->running ? 70 : 40);
		else if (m->f->pass.label == PASS_PREFILL)
			say(m, 40);
		return;
	}
	if (!established(b) || (m->f->pass.label == PASS_DECODE && !has_more_rows(b, m)))
		return;
	if (m->f->pass.label != PASS_DECODE && !more_work(m->f, m->step) &&
	    !(comparable(b, m->f, m->step) && pass_work_ratio(m->f, m->step) >= MORE_BLOCKS)) {
		step_of_few(m);
		return;
	}
	/* As many as before, or fewer: one came and one went, or a part of a prompt; or all went. */
	if (read >= 2 * b->unit)
		say(m, read >= few || m->joins ? 50 : 30);
	else if (m->joins)
		say(m, 30);
}

/* A prompt with the kernels of a step, which therefore has its label. */
static void label_alone(struct batch *b, const struct member *m)
{
	int8_t vote[VOTE_COUNT] = { 0 };

	(void)b;
	if (!m->apart || m->f->pass.label != PASS_DECODE)
		return;
	vote[VOTE_ROWS] = 70;
	vote[VOTE_WORK] = more_work(m->f, m->step) ? 15 : 0;
	pass_label_set(m->f, PASS_PREFILL, vote);
}

/* Not told from what is read: not told at all. */
static void withdraw(struct batch *b, const struct member *m)
{
	int8_t vote[VOTE_COUNT];

	(void)b;
	if (m->f->pass.label != PASS_PREFILL || !m->before || !m->after)
		return;
	memcpy(vote, m->f->pass.vote, sizeof(vote));
	vote[VOTE_ROWS] = -90;
	pass_label_set(m->f, PASS_PREFILL, vote);
}

void pass_mixed_find(const struct pass_classes *c, const struct pass_seq *s)
{
	for (uint32_t family = 0; family < 2; family++) {
		struct batch b = { .unit = 0 };

		each_member(c, s, family, &b, find_unit);
		each_member(c, s, family, &b, count);
		b.alone = b.apart >= JOINS_MIN && b.by_one * 5 <= b.apart;
		if (b.alone)
			each_member(c, s, family, &b, label_alone);
		else if (suspected(&b))
			each_member(c, s, family, &b, label);
		else if (!b.joined && !b.left && !b.apart && b.shrank >= LEFT_MIN)
			each_member(c, s, family, &b, withdraw);
	}
}
