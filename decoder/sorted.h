/* sorted: looks into lists that are sorted by a time or another number of 64 bits. */
#ifndef JITNESS_DECODER_SORTED_H
#define JITNESS_DECODER_SORTED_H

#include <stddef.h>
#include <stdint.h>

/* Elements of `size` bytes with the number at `member`. */
static inline size_t sorted_upto(const void *list, size_t n, size_t size, size_t member, uint64_t most)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (*(const uint64_t *)((const char *)list + mid * size + member) <= most)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* How many of the n elements have a `member` of at most `most`: the index of the first one above. */
#define SORTED_UPTO(list, n, member, most)                                                  \
	sorted_upto((list), (n), sizeof(*(list)), offsetof(__typeof__(*(list)), member), (most))
/* How many have one below `least`: the index of the first one that has not. */
#define SORTED_BELOW(list, n, member, least)                                                \
	((least) ? SORTED_UPTO(list, n, member, (least) - 1) : (size_t)0)

#endif
