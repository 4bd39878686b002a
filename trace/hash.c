#include "trace/hash.h"

/* Inlined from the header: no symbol of xxHash can meet the host's own copy. */
#define XXH_INLINE_ALL
#define XXH_NO_STREAM
#include <xxhash.h>

uint64_t hash64(const void *p, size_t n)
{
	return XXH64(p, n, 0);
}
