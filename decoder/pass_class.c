#include "decoder/pass_label.h"

static bool near(uint32_t a, uint32_t b, unsigned percent)
{
	return a * 100ull >= b * (100ull - percent) && b * 100ull >= a * (100ull - percent);
}

/*
 * Steps grow slowly, so the neighbour counts as well as the first of the class; a prompt whose kernels have
 * the names of a step's has more blocks.
 */
static bool near_blocks(uint64_t a, uint64_t b)
{
	return a * 10 <= b * 13 + 40 && b * 10 <= a * 13 + 40;
}

static bool mostly_common(const struct pass_set *a, const struct pass_set *b)
{
	const unsigned x = pass_set_count(a), y = pass_set_count(b);

	return pass_set_common(a, b) * 100 >= (x > y ? x : y) * 85;
}

static bool alike(const struct pass_class *c, uint64_t blocks, const struct pass_found *f)
{
	const bool same = pass_set_equal(&c->set, &f->set);
	/* How many experts were hit changes the number of kernels, but not which they are. */
	const unsigned percent = same ? 15 : 3;

	return near(c->items, f->items, percent) && near(c->inner, f->inner, percent) &&
	       near_blocks(blocks, f->blocks) && (same || mostly_common(&c->set, &f->set));
}

/*
 * Is i the second of steps that follow each other without a wait, after a prompt that was waited
 * for? A token may have been chosen before the first. That may have more blocks: the prompt's output
 * lies in memory in another way.
 */
static bool is_second_step(const struct pass_seq *s, size_t i)
{
	size_t first = i - 1;

	if (i < 4 || seq_at(s, i - 1)->waited)
		return false;
	if (!seq_at(s, i - 2)->waited && seq_at(s, i - 2)->items * 4 < seq_at(s, i - 1)->items)
		first = i - 2;
	return seq_at(s, first - 1)->waited && seq_at(s, first - 2)->waited &&
	       seq_at(s, i - 1)->blocks >= seq_at(s, i)->blocks &&
	       seq_at(s, i - 1)->blocks * 10 <= seq_at(s, i)->blocks * 16;
}

/* cls: of the one before. Classes that are full: what does not fit goes to the last one. */
static uint32_t class_of(struct pass_classes *c, const struct pass_found *f,
			 const struct pass_found *before, uint32_t cls, bool second_step)
{
	if (second_step && alike(&c->list[cls], f->blocks, f))
		return cls;
	if (before && alike(&c->list[cls], before->blocks, f))
		return cls;
	for (uint32_t i = 0; i < c->n; i++)
		if (alike(&c->list[i], c->list[i].blocks, f))
			return i;
	if (c->n == PASS_CLASSES_MAX)
		return c->n - 1;
	c->list[c->n] = (struct pass_class){
		.set = f->set,
		.items = f->items,
		.inner = f->inner,
		.blocks = f->blocks,
		.begin = f->begin,
		.end_sym = f->end_sym,
	};
	return c->n++;
}

/* Something that ran once: a pass when much of it runs in passes that recur, else set-up. */
static bool stranger(const struct pass_classes *c, const struct pass_found *f, uint32_t cls,
		     const struct pass_set *known, uint32_t smallest, uint32_t usual, size_t n)
{
	/* Next to nothing beside a pass: numbers drawn, a buffer filled, a token chosen. */
	if (f->inner * 100ull < usual * 15ull && c->list[cls].count * 5ull <= n)
		return true;
	if (c->list[cls].count > 1)
		return false;
	if (f->items * 10ull < smallest * 3ull)
		return true;
	if (pass_set_common(&f->set, known) * 10 >= pass_set_count(&f->set) * 4)
		return false;
	for (uint32_t i = 0; i < c->n; i++)
		if (c->list[i].count > 1 &&
		    (c->list[i].begin == f->begin || c->list[i].end_sym == f->end_sym))
			return false;
	return true;
}

void pass_classes_find(struct pass_classes *ret, struct pass_seq *s)
{
	struct pass_set known = { { 0 } };
	uint32_t smallest = UINT32_MAX, usual = 0;
	uint64_t most = 0;
	size_t kept = 0;

	*ret = (struct pass_classes){ .n = 0 };
	for (size_t i = 0; i < s->n; i++) {
		s->cls[i] = (uint8_t)class_of(ret, seq_at(s, i), i ? seq_at(s, i - 1) : NULL,
					      i ? s->cls[i - 1] : 0, is_second_step(s, i));
		ret->list[s->cls[i]].count++;
	}
	for (uint32_t i = 0; i < ret->n; i++) {
		if (ret->list[i].count < 2)
			continue;
		pass_set_join(&known, &ret->list[i].set);
		if ((uint64_t)ret->list[i].count * ret->list[i].inner > most) {
			most = (uint64_t)ret->list[i].count * ret->list[i].inner;
			usual = ret->list[i].inner;
		}
		if (ret->list[i].items < smallest)
			smallest = ret->list[i].items;
	}
	if (smallest == UINT32_MAX)
		smallest = 0;
	for (size_t i = 0; i < s->n; i++) {
		struct pass_found *f = seq_at(s, i);

		/* Written only where it must be: most pages of a long list are only read. */
		if (stranger(ret, f, s->cls[i], &known, smallest, usual, s->n)) {
			f->dropped = true;
			continue;
		}
		s->order[kept] = s->order[i];
		s->cls[kept++] = s->cls[i];
	}
	s->n = kept;
}
