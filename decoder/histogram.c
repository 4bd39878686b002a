#include "decoder/histogram.h"

#include "decoder/mem.h"

/*
 * Octave 0 holds 0..63 and octave k >= 1 holds [2^(k+5), 2^(k+6)) in 64 buckets
 * of 2^(k-1) values.
 */
static unsigned octave_of(uint64_t value)
{
	if (value < HISTOGRAM_BUCKETS)
		return 0;
	return (unsigned)(63 - __builtin_clzll(value)) - HISTOGRAM_BITS + 1;
}

static unsigned bucket_of(uint64_t value, unsigned octave)
{
	return (unsigned)(octave ? value >> (octave - 1) : value) & (HISTOGRAM_BUCKETS - 1);
}

static uint64_t middle(unsigned octave, unsigned bucket)
{
	uint64_t width;

	if (!octave)
		return bucket;
	width = 1ull << (octave - 1);
	return (HISTOGRAM_BUCKETS + bucket) * width + width / 2;
}

static uint64_t *octave_get(struct histogram *h, unsigned octave)
{
	if (!h->octave[octave])
		h->octave[octave] = mem_zalloc(HISTOGRAM_BUCKETS, sizeof(uint64_t));
	return h->octave[octave];
}

void histogram_add(struct histogram *h, uint64_t value)
{
	unsigned octave = octave_of(value);

	octave_get(h, octave)[bucket_of(value, octave)]++;
	h->n++;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	for (unsigned o = 0; o <= HISTOGRAM_OCTAVES; o++) {
		uint64_t *to;

		if (!from->octave[o])
			continue;
		to = octave_get(into, o);
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
