#include "trace/pack.h"

#define ZSTD_STATIC_LINKING_ONLY
/* Newer ones warn of the calls that end a block where we say. */
#define ZSTD_DISABLE_DEPRECATE_WARNINGS
#include <zstd.h>

/*
 * tools/bench/bench_encode.c, GPT-2 eager: levels 1 to 5 give 6.10 6.07 6.15 5.96 5.94 bytes a launch,
 * level 2 with matches of at least 6 bytes 6.05: shorter ones are chance in noisy planes, and cost
 * more than what they replace. Levels 4 and 5 take a third more CPU; a window of 1 MiB more memory.
 */
#ifndef PACK_LEVEL
#define PACK_LEVEL 2
#endif
#define PACK_WINDOW_LOG 18
#define PACK_MIN_MATCH  6

static ZSTD_compressionParameters pack_params(void)
{
	ZSTD_compressionParameters p = ZSTD_getCParams(PACK_LEVEL, 1u << PACK_WINDOW_LOG, 0);

	p.windowLog = PACK_WINDOW_LOG;
	p.minMatch = PACK_MIN_MATCH;
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
 * and a dozen columns share a table: 6.88 bytes a launch where cuts make it 6.15.
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
