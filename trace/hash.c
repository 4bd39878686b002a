#include "trace/hash.h"

#include <string.h>

/* Inlined from the header: no symbol of xxHash can meet the host's own copy. */
#define XXH_INLINE_ALL
#include <xxhash.h>

_Static_assert(sizeof(XXH64_state_t) == sizeof(struct hash64_stream), "room for its state");

uint64_t hash64(const void *p, size_t n)
{
	return XXH64(p, n, 0);
}

/* The state is copied in and out: nothing is cast onto our own struct. */
void hash64_init(struct hash64_stream *s)
{
	XXH64_state_t x;

	XXH64_reset(&x, 0);
	memcpy(s, &x, sizeof(*s));
}

void hash64_update(struct hash64_stream *s, const void *p, size_t n)
{
	XXH64_state_t x;

	memcpy(&x, s, sizeof(x));
	(void)XXH64_update(&x, p, n);
	memcpy(s, &x, sizeof(*s));
}

uint64_t hash64_digest(const struct hash64_stream *s)
{
	XXH64_state_t x;

	memcpy(&x, s, sizeof(x));
	return XXH64_digest(&x);
}
