/*
 * histogram: counts of 64-bit values in log-linear buckets, 64 to an octave.
 * A quantile is the middle of its bucket, so it is off by less than 0.8 % of the
 * value (bucket width / 2 / value <= 1/128); below 128 it is exact.
 * Memory: 512 bytes for each octave that has values, whatever the count.
 */
#ifndef JITNESS_DECODER_HISTOGRAM_H
#define JITNESS_DECODER_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BITS    6
#define HISTOGRAM_BUCKETS (1u << HISTOGRAM_BITS)
#define HISTOGRAM_OCTAVES (64 - HISTOGRAM_BITS)

/* All zeros is an empty histogram. */
struct histogram {
	uint64_t *octave[HISTOGRAM_OCTAVES + 1];
	uint64_t n;
};

/*
 * Octave 0 holds 0..63 and octave k >= 1 holds [2^(k+5), 2^(k+6)) in 64 buckets
 * of 2^(k-1) values.
 */
static inline unsigned histogram_octave_of(uint64_t value)
{
	if (value < HISTOGRAM_BUCKETS)
		return 0;
	return (unsigned)(63 - __builtin_clzll(value)) - HISTOGRAM_BITS + 1;
}

static inline unsigned histogram_bucket_of(uint64_t value, unsigned octave)
{
	return (unsigned)(octave ? value >> (octave - 1) : value) & (HISTOGRAM_BUCKETS - 1);
}

/* Its buckets, made when they are not there yet. */
uint64_t *histogram_octave(struct histogram *h, unsigned octave);

static inline void histogram_add(struct histogram *h, uint64_t value)
{
	const unsigned octave = histogram_octave_of(value);
	uint64_t *buckets = h->octave[octave];

	if (!buckets)
		buckets = histogram_octave(h, octave);
	buckets[histogram_bucket_of(value, octave)]++;
	h->n++;
}

void histogram_merge(struct histogram *into, const struct histogram *from);
/* Smallest value v with at least q (0..1) of all values <= v, as said above; 0 when empty. */
uint64_t histogram_quantile(const struct histogram *h, double q);
void histogram_release(struct histogram *h);

#endif
