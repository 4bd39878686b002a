/*
 * Warm-up calls: passes of the model at the beginning whose result nobody read, in a thread which
 * later reads the result of nearly every pass. That alone is also what parts of a first prompt look
 * like, or a common beginning of all prompts that is computed ahead; so there must be several
 * sizes, and what may be a part of the first prompt gets no label. First requests, whose result is
 * read, are never meant, however slow.
 */
#include "decoder/pass_label.h"

#define REQUESTS_MIN 3u
#define KINDS_MAX    64u

static bool same_size(const struct pass_found *a, const struct pass_found *b)
{
	const double ratio = pass_work_ratio(a, b);

	return ratio >= 0.8 && ratio <= 1.25;
}

static bool not_smaller(const struct pass_found *a, const struct pass_found *b)
{
	return pass_work_ratio(a, b) >= 0.8 && a->pass.busy_ns * 10 >= b->pass.busy_ns * 9;
}

static bool same_model(const struct pass_found *a, const struct pass_found *b)
{
	const unsigned x = pass_set_count(&a->set), y = pass_set_count(&b->set);

	return a->inner * 10ull >= b->inner * 6ull && a->inner * 6ull <= b->inner * 10ull &&
	       pass_set_common(&a->set, &b->set) * 2 >= (x < y ? x : y);
}

/* Three sizes, or two more than once: of a prompt in parts only the last one is shorter. */
static bool several_sizes(const struct pass_seq *s, size_t n)
{
	uint32_t count[KINDS_MAX], kinds = 0, twice = 0;
	const struct pass_found *kind[KINDS_MAX];

	for (size_t i = 0; i < n; i++) {
		const struct pass_found *f = seq_at(s, i);
		uint32_t k = 0;

		while (k < kinds && !same_size(kind[k], f))
			k++;
		if (k == KINDS_MAX)
			break;
		if (k == kinds) {
			kind[kinds] = f;
			count[kinds++] = 0;
		}
		twice += ++count[k] == 2;
	}
	return kinds >= 3 || twice >= 2;
}

/* All passes from `first` on: requests whose results are read. */
static bool serves(const struct pass_seq *s, size_t first)
{
	size_t read = 0, prompts = 0, steps = 0;

	for (size_t i = first; i < s->n; i++) {
		const struct pass *p = &seq_at(s, i)->pass;

		read += seq_at(s, i)->read_bytes > 0;
		prompts += p->label == PASS_PREFILL || p->label == PASS_MIXED;
		steps += p->label == PASS_DECODE;
	}
	return read * 10 >= (s->n - first) * 9 && prompts >= REQUESTS_MIN && steps >= prompts;
}

void pass_warmup_find(const struct pass_seq *s)
{
	size_t n = 0, sure;

	while (n < s->n && !seq_at(s, n)->read_bytes)
		n++;
	if (!n || n == s->n || !serves(s, n) || !several_sizes(s, n))
		return;
	/* Those just before it, of one size that is not smaller, may be parts of the first prompt. */
	sure = n;
	while (sure && not_smaller(seq_at(s, sure - 1), seq_at(s, n)) &&
	       same_size(seq_at(s, sure - 1), seq_at(s, n - 1)))
		sure--;
	for (size_t i = 0; i < n; i++) {
		int8_t vote[VOTE_COUNT] = { 0 };

		if (!same_model(seq_at(s, i), seq_at(s, n)))
			continue;
		vote[VOTE_UNREAD] = i < sure ? 70 : 40;
		pass_label_set(seq_at(s, i), PASS_WARMUP, vote);
	}
}
