#include "trace/pack.h"

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

/*
 * tools/bench_encode.c, levels 1 to 5: 5.46 5.30 5.05 5.13 5.11 bytes a launch at 78 to 131
 * ns of CPU a row, the columns included. Level 3 is the smallest; above it only costs more.
 * A window of 1 MiB made frames larger (5.28) and needs more memory.
 */
#ifndef PACK_LEVEL
#define PACK_LEVEL 3
#endif
#define PACK_WINDOW_LOG 18

static ZSTD_compressionParameters pack_params(void)
{
	ZSTD_compressionParameters p = ZSTD_getCParams(PACK_LEVEL, 1u << PACK_WINDOW_LOG, 0);

	p.windowLog = PACK_WINDOW_LOG;
	return p;
}

size_t pack_memory(void)
{
	return ZSTD_estimateCCtxSize_usingCParams(pack_params());
}

static int pack_set(ZSTD_CCtx *z)
{
	ZSTD_compressionParameters p = pack_params();
	const struct {
		ZSTD_cParameter name;
		int value;
	} set[] = {
		{ ZSTD_c_windowLog, (int)p.windowLog },
		{ ZSTD_c_hashLog, (int)p.hashLog },
		{ ZSTD_c_chainLog, (int)p.chainLog },
		{ ZSTD_c_searchLog, (int)p.searchLog },
		{ ZSTD_c_minMatch, (int)p.minMatch },
		{ ZSTD_c_targetLength, (int)p.targetLength },
		{ ZSTD_c_strategy, (int)p.strategy },
	};

	for (size_t i = 0; i < sizeof(set) / sizeof(set[0]); i++)
		if (ZSTD_isError(ZSTD_CCtx_setParameter(z, set[i].name, set[i].value)))
			return -1;
	return 0;
}

struct pack *pack_init(void *memory, size_t n)
{
	ZSTD_CCtx *z = ZSTD_initStaticCCtx(memory, n);

	return z && !pack_set(z) ? (struct pack *)z : NULL;
}

size_t pack_bound(size_t n)
{
	return ZSTD_compressBound(n);
}

size_t pack_put(struct pack *pack, void *out, size_t room, const void *in, size_t n)
{
	size_t got = ZSTD_compress2((ZSTD_CCtx *)pack, out, room, in, n);

	return ZSTD_isError(got) ? 0 : got;
}
