#include "trace/ticks.h"

#define GRID_NS      32
#define GRID_MISS_NS 4    /* mean distance from the grid: 8 when there is none, 0.4 when there is */
#define SAMPLE_ROWS  1024 /* 40 ms of a busy stream: the rate to 1e-7 */
#define NEAR_NS      8192 /* 32 and 32.0008 ns differ by 0.2 ns over these */
#define FAR_NS       (1 << 19)
#define SPREAD_BITS  46   /* of a section's times: 19 hours */

/* 2^96 / rate, rounded down: 59 bits for 32 ns. A product with it, rounded, is ticks. */
static uint64_t inverse_of(uint64_t rate)
{
	return (uint64_t)(((unsigned __int128)1 << 96) / rate);
}

static uint64_t ticks_of(uint64_t ns, uint64_t inverse)
{
	return (uint64_t)(((unsigned __int128)ns * inverse + ((unsigned __int128)1 << 63)) >> 64);
}

/* --- the rate */

struct fit {
	uint64_t ns, ticks, miss;
};

static void fit_add(struct fit *f, uint64_t ns, uint64_t limit, uint64_t rate, uint64_t inverse)
{
	uint64_t ticks, at;

	if (ns == 0 || ns >= limit)
		return;
	ticks = ticks_of(ns, inverse);
	at = (ticks * rate) >> 32;
	f->ns += ns;
	f->ticks += ticks;
	f->miss += at > ns ? at - ns : ns - at;
}

/* The rate over the distances shorter than limit, as far as they are near the grid of `rate`. */
static uint64_t fit_rate(const uint64_t *start, const uint64_t *end, size_t rows, uint64_t limit,
			 uint64_t rate)
{
	uint64_t inverse = inverse_of(rate);
	struct fit f = { 0, 0, 0 };
	size_t n = 2 * rows - 1;

	for (size_t i = 0; i < rows; i++) {
		fit_add(&f, end[i] - start[i], limit, rate, inverse);
		if (i)
			fit_add(&f, start[i] - end[i - 1], limit, rate, inverse);
	}
	if (!f.ticks || f.miss > n * GRID_MISS_NS)
		return 0;
	return (uint64_t)(((unsigned __int128)f.ns << 32) / f.ticks);
}

uint64_t ticks_rate(const uint64_t *start, const uint64_t *end, size_t rows)
{
	size_t n = rows < SAMPLE_ROWS ? rows : SAMPLE_ROWS;
	uint64_t rate = (uint64_t)GRID_NS << 32, span = end[rows - 1] - start[0];
	uint64_t ticks;

	rate = fit_rate(start, end, n, NEAR_NS, rate);
	rate = rate ? fit_rate(start, end, n, FAR_NS, rate) : 0;
	if (rate < (GRID_NS - 1ull) << 32 || rate > (GRID_NS + 1ull) << 32)
		return TICKS_ONE;
	/* Now good enough to count the ticks between the two ends of the sample, and of all. */
	for (int far = 0; far < 2; far++) {
		span = (far ? end[rows - 1] : end[n - 1]) - start[0];
		ticks = ticks_of(span, inverse_of(rate));
		if (ticks && span < (far ? 1ull << 29 : 1ull << 26))
			rate = (uint64_t)(((unsigned __int128)span << 32) / ticks);
	}
	return rate;
}

/* A clock of whole ns is right by itself; the others follow a line that is corrected. */
static bool line_moves(uint64_t rate)
{
	return (uint32_t)rate != 0;
}

/* --- times to ticks */

/* A remainder with its sign in the lowest bit. */
static uint64_t rest_of(int64_t ns)
{
	return (uint64_t)ns << 1 ^ (uint64_t)(ns >> 63);
}

static int64_t rest_sign(uint64_t x)
{
	return (int64_t)(x >> 1 ^ (0 - (x & 1)));
}

static __attribute__((noinline)) uint64_t rest_join_wide(const uint64_t x[4])
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 4; i++)
		for (unsigned b = 0; b < 4; b++)
			v |= (x[i] >> 2 * b & 3) << (8 * b + 2 * i);
	return v;
}

/*
 * Two bits of each of the four remainders of two rows, then the next two: 0, 1 and -1 are one byte in
 * all. A byte for a row would take more: no code is shorter than a bit, and most remainders are 0.
 */
static inline uint64_t rest_join(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	if ((a | b | c | d) < 4)
		return a | b << 2 | c << 4 | d << 6;
	return rest_join_wide((const uint64_t[4]){ a, b, c, d });
}

static int64_t rest_at(uint64_t v, unsigned i)
{
	const bool one_byte = v < 256; /* as nearly always */

	v >>= 2 * i;
	if (one_byte)
		return rest_sign(v & 3);
	return rest_sign((v & 3) | (v >> 6 & 12) | (v >> 12 & 48) | (v >> 18 & 192));
}

/* What whole ticks left over, of a pair of rows at a time. */
static void host_rest(struct ticks_out *out, const struct ticks_in *in)
{
	uint64_t below = (in->rate >> 32) - 1;

	for (size_t i = 0; i < in->rows; i += 2) {
		size_t k = i + 1 < in->rows ? i + 1 : i;

		out->rest[i / 2] = rest_join(2 * (in->start[i] & below), 2 * (in->end[i] & below),
					     2 * (in->start[k] & below), 2 * (in->end[k] & below));
	}
}

/* What the times of a section have in common. */
struct host_times {
	uint64_t base, wide, some;
	unsigned shift;
};

/* n rows; `before` is the end of the row before them. Apart from each other for the compiler's sake. */
static inline __attribute__((always_inline)) void host_block(uint64_t *restrict gap, uint64_t *restrict span,
							      const uint64_t *restrict start,
							      const uint64_t *restrict end, size_t n,
							      uint64_t before, struct host_times *h)
{
	const uint64_t from_base = (1ull << SPREAD_BITS) - h->base;
	const unsigned shift = h->shift;
	uint64_t wide = 0, some = 0;

	gap[0] = (start[0] >> shift) - (before >> shift);
	for (size_t k = 1; k < n; k++)
		gap[k] = (start[k] >> shift) - (end[k - 1] >> shift);
	for (size_t k = 0; k < n; k++) {
		span[k] = (end[k] >> shift) - (start[k] >> shift);
		wide |= (start[k] + from_base) | (end[k] + from_base);
		some |= start[k] | end[k];
	}
	h->wide |= wide;
	h->some |= some;
}

/* A clock that is right by itself: ticks are multiples of 2^n ns. */
static bool host_put(struct ticks_out *out, const struct ticks_in *in)
{
	unsigned shift = (unsigned)__builtin_ctzll(in->rate) - 32;
	uint64_t base = in->start[0] >> shift << shift;
	struct host_times h = { .base = base, .shift = shift };
	size_t i = 0;

	out->first = base;
	for (; i + TICKS_BLOCK <= in->rows; i += TICKS_BLOCK)
		host_block(out->gap + i, out->span + i, in->start + i, in->end + i, TICKS_BLOCK,
			   i ? in->end[i - 1] : base, &h);
	if (i < in->rows)
		host_block(out->gap + i, out->span + i, in->start + i, in->end + i, in->rows - i,
			   i ? in->end[i - 1] : base, &h);
	out->no_rest = !(h.some & ((1ull << shift) - 1));
	if (!out->no_rest)
		host_rest(out, in);
	return h.wide >> (SPREAD_BITS + 1) == 0;
}

#define AHEAD 48 /* 2^48 ticks more, so that a product has no sign */

/* The line that ticks of a clock are on, at its present correction. */
struct clock_line {
	uint64_t rate, inverse;
	uint64_t half;    /* of a tick, ns */
	uint64_t at;      /* where tick 0 is; 16 bits are below 1 ns */
	uint64_t wide, far, sum;
};

/* Where tick n is, from the first one. */
static inline uint64_t tick_at(const struct clock_line *l, uint64_t n)
{
	unsigned __int128 ns = (unsigned __int128)(n + (1ull << AHEAD)) * l->rate;

	return (uint64_t)((int64_t)(l->at - (l->rate << (AHEAD - 16)) + (uint64_t)(ns >> 16)) >> 16);
}

/* The tick nearest to ns after the first one. */
static inline uint64_t tick_near(const struct clock_line *l, uint64_t ns)
{
	int64_t from = (int64_t)(ns + l->half - (uint64_t)((int64_t)l->at >> 16));

	return (uint64_t)(((__int128)from * (int64_t)l->inverse) >> 64);
}

/* Row i; *before: the tick of the end before it. Its remainders. */
static inline __attribute__((always_inline)) void gpu_row(uint64_t rest[2], const struct ticks_out *out,
							   const struct ticks_in *in, size_t i,
							   uint64_t *before, struct clock_line *l)
{
	uint64_t s = in->start[i] - out->first, e = in->end[i] - out->first;
	uint64_t at = tick_near(l, s), to = tick_near(l, e);
	int64_t a = (int64_t)(s - tick_at(l, at)), b = (int64_t)(e - tick_at(l, to));

	l->wide |= (s + (1ull << SPREAD_BITS)) | (e + (1ull << SPREAD_BITS));
	l->far |= (uint64_t)(a + 128) | (uint64_t)(b + 128);
	l->sum += (uint64_t)a + (uint64_t)b;
	out->gap[i] = at - *before;
	out->span[i] = to - at;
	*before = to;
	rest[0] = rest_of(a);
	rest[1] = rest_of(b);
}

static bool gpu_put(struct ticks_out *ret, const struct ticks_in *arg)
{
	/* Copies: what is stored cannot change them. */
	const struct ticks_in in = *arg;
	struct ticks_out out = *ret;
	struct clock_line l = { .rate = in.rate, .inverse = inverse_of(in.rate), .half = in.rate >> 33 };
	uint64_t before = 0, x[2], y[2];
	size_t i = 0;

	ret->no_rest = false;
	ret->first = out.first = in.start[0];
	for (; i + 1 < in.rows; i += 2) {
		gpu_row(x, &out, &in, i, &before, &l);
		gpu_row(y, &out, &in, i + 1, &before, &l);
		out.rest[i / 2] = rest_join(x[0], x[1], y[0], y[1]);
		if (i % TICKS_BLOCK == TICKS_BLOCK - 2) {
			l.at += l.sum * (65536 / (2 * TICKS_BLOCK));
			l.sum = 0;
		}
	}
	if (i < in.rows) {
		gpu_row(x, &out, &in, i, &before, &l);
		out.rest[i / 2] = rest_join(x[0], x[1], 0, 0);
	}
	return l.wide >> (SPREAD_BITS + 1) == 0 && l.far < 256;
}

bool ticks_put(struct ticks_out *out, const struct ticks_in *in)
{
	return line_moves(in->rate) ? gpu_put(out, in) : host_put(out, in);
}

/* --- ticks to times */

/* Where tick n is, from the first one, for any rate; line: 16 bits of it are below 1 ns. */
static uint64_t line_at(uint64_t line, int64_t n, uint64_t rate)
{
	return (uint64_t)((int64_t)(line + (uint64_t)(((__int128)n * (int64_t)rate) >> 16)) >> 16);
}

/* A clock that is right by itself: no line to follow, and what line_at() says of it in one product. */
static void host_undo(uint64_t *gap, uint64_t *span, const uint64_t *rest, size_t rows, uint64_t rate,
		      uint64_t first)
{
	const uint64_t tick = rate >> 16;
	uint64_t n = 0;

	for (size_t i = 0; i < rows; i++) {
		n += gap[i];
		gap[i] = first + (uint64_t)((int64_t)(n * tick) >> 16);
		n += span[i];
		span[i] = first + (uint64_t)((int64_t)(n * tick) >> 16);
	}
	for (size_t i = 0; rest && i < rows; i++) {
		gap[i] += (uint64_t)rest_at(rest[i / 2], i % 2 * 2);
		span[i] += (uint64_t)rest_at(rest[i / 2], i % 2 * 2 + 1);
	}
}

void ticks_undo(uint64_t *gap, uint64_t *span, const uint64_t *rest, size_t rows, uint64_t rate,
		uint64_t first)
{
	uint64_t n = 0, line = 0, sum = 0;

	if (!line_moves(rate)) {
		host_undo(gap, span, rest, rows, rate, first);
		return;
	}
	for (size_t i = 0; i < rows; i++) {
		uint64_t r = rest ? rest[i / 2] : 0;
		int64_t a = rest_at(r, i % 2 * 2), b = rest_at(r, i % 2 * 2 + 1);

		n += gap[i];
		gap[i] = first + line_at(line, (int64_t)n, rate) + (uint64_t)a;
		n += span[i];
		span[i] = first + line_at(line, (int64_t)n, rate) + (uint64_t)b;
		sum += (uint64_t)a + (uint64_t)b;
		if (i % TICKS_BLOCK == TICKS_BLOCK - 1) {
			line += sum * (65536 / (2 * TICKS_BLOCK));
			sum = 0;
		}
	}
}

/* The mean is kept with 4 bits below one tick; 0: none yet. */
static uint64_t mean_next(uint64_t mean, uint64_t span)
{
	return mean ? mean + (uint64_t)((int64_t)((span << 4) - mean) >> 2) : span << 4;
}

void ticks_expect(uint64_t *span, const uint32_t *key, size_t rows, uint64_t *state)
{
	for (size_t i = 0; i < rows; i++) {
		uint64_t *mean = &state[key[i]], v = span[i];

		span[i] = v - (uint64_t)((int64_t)*mean >> 4);
		*mean = mean_next(*mean, v);
	}
}

void ticks_expect_undo(uint64_t *span, const uint32_t *key, size_t rows, uint64_t *state)
{
	for (size_t i = 0; i < rows; i++) {
		uint64_t *mean = &state[key[i]];

		span[i] += (uint64_t)((int64_t)*mean >> 4);
		*mean = mean_next(*mean, span[i]);
	}
}
