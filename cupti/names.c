#include "cupti/names.h"

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "cupti/emit.h"
#include "trace/hash.h"

/*
 * PyTorch with several models shows some thousand kernels, names of 20 to 2,000
 * bytes. 32,768 names and 8 MiB are virtual until used; an application that
 * makes more distinct kernels keeps their records, without the names.
 */
#define NAMES_SLOTS 65536u /* at most half full */
#define NAMES_MAX   32768u
#define NAMES_BYTES (8u << 20)
#define NAME_CUT    (EVENT_BLOB_MAX - 1)
#define CACHE_SLOTS 1024u

struct name {
	uint64_t hash;
	uint32_t at; /* in bytes[]: the name with its NUL */
	uint32_t len;
	uint32_t id; /* 0: free slot */
};

/* Pointer to name: valid only while the bytes at the pointer are still the same. */
struct name_hint {
	const char *key;
	uint32_t slot;
};

static struct names {
	struct name slot[NAMES_SLOTS];
	struct name_hint hint[CACHE_SLOTS];
	char bytes[NAMES_BYTES];
} *names;
static uint32_t names_count, names_used;
static uint32_t next_id = 1;

int names_reset(void)
{
	struct names *fresh = mmap(NULL, sizeof(*fresh), PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (fresh == MAP_FAILED)
		return -1;
	if (names)
		munmap(names, sizeof(*names));
	names = fresh;
	names_count = names_used = 0;
	return 0;
}

static struct name_hint *hint_of(const char *key)
{
	uintptr_t h = (uintptr_t)key;

	return &names->hint[(h >> 3 ^ h >> 13) % CACHE_SLOTS];
}

/* The slot of this name, or the free one where it belongs. */
static uint32_t slot_find(const char *name, uint32_t len, uint64_t hash)
{
	uint32_t i = (uint32_t)hash % NAMES_SLOTS;
	const struct name *n;

	for (;; i = (i + 1) % NAMES_SLOTS) {
		n = &names->slot[i];
		if (!n->id || (n->hash == hash && n->len == len &&
			       !memcmp(names->bytes + n->at, name, len)))
			return i;
	}
}

uint32_t names_id(const char *name, bool *ret_full)
{
	struct name_hint *hint;
	struct name *n;
	uint64_t hash, field[STRING_N];
	uint32_t len, slot;

	if (!name || !names)
		return 0;
	hint = hint_of(name);
	if (hint->key == name) {
		n = &names->slot[hint->slot];
		/* Stops at the first difference, so never reads behind a shorter new name. */
		if (n->len < NAME_CUT && !strcmp(names->bytes + n->at, name))
			return n->id;
	}
	len = (uint32_t)strnlen(name, NAME_CUT);
	hash = hash64(name, len);
	slot = slot_find(name, len, hash);
	n = &names->slot[slot];
	if (!n->id) {
		if (names_count == NAMES_MAX || NAMES_BYTES - names_used < len + 1) {
			*ret_full = true;
			return 0;
		}
		field[STRING_ID] = next_id;
		/* Not in the journal: not a name that later records may refer to. */
		if (!emit(EVENT_STRING, field, STRING_N, name, len))
			return 0;
		memcpy(names->bytes + names_used, name, len);
		*n = (struct name){ .hash = hash, .at = names_used, .len = len, .id = next_id++ };
		names_used += len + 1;
		names_count++;
	}
	*hint = (struct name_hint){ name, slot };
	return n->id;
}
