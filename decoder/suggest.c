#include "decoder/suggest.h"

#include <string.h>

#define NAME_MAX_LEN 63

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

unsigned suggest_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned row[3][NAME_MAX_LEN + 1];
	unsigned *before = row[0], *last = row[1], *now = row[2];

	if (a_len > NAME_MAX_LEN || b_len > NAME_MAX_LEN)
		return NAME_MAX_LEN;
	for (size_t j = 0; j <= b_len; j++)
		last[j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned *spare = before;

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			unsigned differs = a[i - 1] != b[j - 1];

			now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + differs);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[b_len];
}

void suggest_offer(struct suggest *s, const char *name)
{
	size_t len = strlen(name);
	unsigned d = suggest_distance(s->wanted, s->wanted_len, name, len);

	/* A third of the letters wrong is no longer a typing error. */
	if (d > 1 + s->wanted_len / 4 || d >= len)
		return;
	if (!s->best || d < s->distance) {
		s->best = name;
		s->distance = d;
	}
}
