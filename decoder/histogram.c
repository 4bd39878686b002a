#include "decoder/histogram.h"

#include "decoder/mem.h"

static uint64_t middle(unsigned octave, unsigned bucket)
{
	uint64_t width;

	if (!octave)
		return bucket;
	width = 1ull << (octave - 1);
	return (HISTOGRAM_BUCKETS + bucket) * width + width / 2;
}

uint64_t *histogram_octave(struct histogram *h, unsigned octave)
{
	if (!h->octave[octave])
		h->octave[octave] = mem_zalloc(HISTOGRAM_BUCKETS, sizeof(uint64_t));
	return h->octave[octave];
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	for (unsigned o = 0; o <= HISTOGRAM_OCTAVES; o++) {
		uint64_t *to;

		if (!from->octave[o])
			continue;
		to = histogram_octave(into, o);
		for (unsigned b = 0; b < HISTOGRAM_BUCKETS; b++)
			to[b] += from->octave[o][b];
	}
	into->n += from->n;
}

uint64_t histogram_quantile(const struct histogram *h, double q)
{
	double exact = q * (double)h->n;
	uint64_t rank = (uint64_t)exact, seen = 0;

	if (!h->n)
		return 0;
	if ((double)rank < exact || !rank)
		rank++;
	if (rank > h->n)
		rank = h->n;
	for (unsigned o = 0; o <= HISTOGRAM_OCTAVES; o++) {
		if (!h->octave[o])
			continue;
		for (unsigned b = 0; b < HISTOGRAM_BUCKETS; b++) {
			seen += h->octave[o][b];
			if (seen >= rank)
				return middle(o, b);
		}
	}
	return 0;
}

void histogram_release(struct histogram *h)
{
	for (unsigned o = 0; o <= HISTOGRAM_OCTAVES; o++)
		free(h->octave[o]);
	*h = (struct histogram){ 0 };
}
