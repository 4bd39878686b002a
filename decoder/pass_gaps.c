#include "decoder/pass_gaps.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "decoder/mem.h"
#include "decoder/pass_string.h"

#define BUCKET 256u /* gaps */

struct pass_gaps {
	const struct pass_string *s;
	uint32_t *sorted;   /* positions by gap */
	size_t n;
	uint32_t *rank;     /* by position: index in sorted */
	uint8_t *has;       /* by position: there is a gap */
	size_t end;         /* the first PASS_GAPS_MAX gaps are of the positions before it */
	size_t n_before;    /* as many */
	uint32_t *before;   /* of these, by bucket of ranks */
	uint32_t *left;     /* the same without cuts */
	size_t n_buckets;
};

/* By value, stable: a digit after the other. */
static void sort(uint64_t *list, uint64_t *spare, size_t n)
{
	uint64_t *from = list, *to = spare, *other;

	for (unsigned shift = 32; shift < 64; shift += 8) {
		size_t count[256] = { 0 }, at = 0;

		for (size_t i = 0; i < n; i++)
			count[from[i] >> shift & 255]++;
		for (unsigned k = 0; k < 256; k++) {
			const size_t c = count[k];

			count[k] = at;
			at += c;
		}
		for (size_t i = 0; i < n; i++)
			to[count[from[i] >> shift & 255]++] = from[i];
		other = from;
		from = to;
		to = other;
	}
}

struct pass_gaps *pass_gaps_new(const struct pass_string *s)
{
	struct pass_gaps *g = mem_zalloc(1, sizeof(*g));
	SCOPED_FREE uint64_t *list = mem_zalloc(s->n + 1, sizeof(*list));
	SCOPED_FREE uint64_t *spare = mem_zalloc(s->n + 1, sizeof(*spare));
	size_t first = 0;

	g->s = s;
	g->has = mem_zalloc(s->n + 1, sizeof(*g->has));
	for (size_t i = 0; i < s->n; i++) {
		if (first < s->n_firsts && s->firsts[first] == i) {
			first++;
			continue;
		}
		g->has[i] = 1;
		list[g->n++] = (uint64_t)s->items[i].gap_ns << 32 | i;
		if (g->n <= PASS_GAPS_MAX)
			g->end = i + 1;
	}
	g->n_before = g->n < PASS_GAPS_MAX ? g->n : PASS_GAPS_MAX;
	sort(list, spare, g->n);
	g->n_buckets = g->n / BUCKET + 1;
	g->sorted = mem_zalloc(g->n + 1, sizeof(*g->sorted));
	g->rank = mem_zalloc(s->n + 1, sizeof(*g->rank));
	g->before = mem_zalloc(g->n_buckets, sizeof(*g->before));
	g->left = mem_zalloc(g->n_buckets, sizeof(*g->left));
	for (uint32_t k = 0; k < g->n; k++) {
		const uint32_t i = (uint32_t)list[k];

		g->sorted[k] = i;
		g->rank[i] = k;
		g->before[k / BUCKET] += i < g->end;
	}
	return g;
}

void pass_gaps_free(struct pass_gaps *g)
{
	free(g->sorted);
	free(g->rank);
	free(g->has);
	free(g->before);
	free(g->left);
	free(g);
}

static bool in(const uint64_t *cuts, size_t i)
{
	return cuts[i / 64] >> i % 64 & 1;
}

uint32_t pass_gaps_median_without(struct pass_gaps *g, const uint64_t *cuts)
{
	size_t end = g->end, n = g->n_before, k, b = 0;

	memcpy(g->left, g->before, g->n_buckets * sizeof(*g->left));
	for (size_t w = 0; w * 64 < g->end; w++)
		for (uint64_t bits = cuts[w]; bits; bits &= bits - 1) {
			const size_t i = w * 64 + (size_t)__builtin_ctzll(bits);

			if (i >= g->end)
				break;
			g->left[g->rank[i] / BUCKET]--;
			n--;
		}
	for (; n < PASS_GAPS_MAX && end < g->s->n; end++)
		if (g->has[end] && !in(cuts, end)) {
			g->left[g->rank[end] / BUCKET]++;
			n++;
		}
	if (!n)
		return 0;
	k = n / 2;
	while (k >= g->left[b])
		k -= g->left[b++];
	for (size_t i = b * BUCKET;; i++)
		if (g->sorted[i] < end && !in(cuts, g->sorted[i]) && !k--)
			return g->s->items[g->sorted[i]].gap_ns;
}
