#include "trace/pack.h"

#define ZSTD_STATIC_LINKING_ONLY
/* Newer ones warn of the calls that end a block where we say. */
#define ZSTD_DISABLE_DEPRECATE_WARNINGS
#include <zstd.h>

/*
 * tools/bench/bench_encode.c, GPT-2 eager, 4.6 bytes a launch: most planes are noise, which only
 * codes make smaller, and the rest repeats itself at length. A table of matches that stays in the
 * first-level cache, and matches of at least 7 bytes, find that: level 2 (two larger tables) saves 0.03
 * bytes and takes 14 % more of the writer's CPU; level 4 0.1 bytes and half as much again.
 */
#define PACK_LEVEL      1
#define PACK_WINDOW_LOG 18
#define PACK_HASH_LOG   12
#define PACK_MIN_MATCH  7

static ZSTD_compressionParameters pack_params(void)
{
	ZSTD_compressionParameters p = ZSTD_getCParams(PACK_LEVEL, 1u << PACK_WINDOW_LOG, 0);

	p.strategy = ZSTD_fast;
	p.windowLog = PACK_WINDOW_LOG;
	p.hashLog = PACK_HASH_LOG;
	p.minMatch = PACK_MIN_MATCH;
	p.targetLength = 0; /* anything else turns codes off */
	return p;
}

size_t pack_memory(void)
{
	return ZSTD_estimateCCtxSize_usingCParams(pack_params());
}

static size_t pack_begin(ZSTD_CCtx *z, unsigned long long n)
{
	ZSTD_parameters p = { .cParams = pack_params(), .fParams.contentSizeFlag = 1 };

	return ZSTD_compressBegin_advanced(z, NULL, 0, p, n);
}

struct pack *pack_init(void *memory, size_t n)
{
	ZSTD_CCtx *z = ZSTD_initStaticCCtx(memory, n);

	/* Of unknown size: as much memory as any size will need. */
	return z && !ZSTD_isError(pack_begin(z, ZSTD_CONTENTSIZE_UNKNOWN)) ? (struct pack *)z : NULL;
}

/* A block is stored as it is when it does not shrink: a header of 3 bytes for each. */
size_t pack_bound(size_t n, size_t n_cuts)
{
	return ZSTD_compressBound(n) + 3 * n_cuts;
}

/*
 * A zstd block has one table of codes for its bytes. Left to itself zstd ends blocks every 128 KiB,
 * and a dozen columns share a table.
 */
size_t pack_put(struct pack *pack, void *out, size_t room, const uint8_t *in, size_t n,
		const uint32_t *cuts, size_t n_cuts)
{
	ZSTD_CCtx *z = (ZSTD_CCtx *)pack;
	uint8_t *to = out, *end = to + room;
	size_t at = 0, got = pack_begin(z, n);

	for (size_t i = 0; i < n_cuts && !ZSTD_isError(got); i++) {
		if (cuts[i] <= at || cuts[i] >= n)
			continue;
		got = ZSTD_compressContinue(z, to, (size_t)(end - to), in + at, cuts[i] - at);
		to += ZSTD_isError(got) ? 0 : got;
		at = cuts[i];
	}
	if (!ZSTD_isError(got))
		got = ZSTD_compressEnd(z, to, (size_t)(end - to), in + at, n - at);
	return ZSTD_isError(got) ? 0 : (size_t)(to - (uint8_t *)out) + got;
}
