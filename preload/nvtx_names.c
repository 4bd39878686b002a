#include "preload/nvtx_names.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "preload/nvtx_abi.h"
#include "preload/utf8_put.h"
#include "trace/hash.h"
#include "trace/redact.h"

/* At most a quarter full but for reused handles. */
#define DOMAIN_SLOTS (1u << 14)
#define STRING_SLOTS (1u << 18)
#define MAP_PROBE    128

#define TEXTS_BYTES (8u << 20)

enum domain_state { DOMAIN_FREE, DOMAIN_LIVE, DOMAIN_DEAD };

/* An entry's address is its handle. 0: the default domain; the last: all that are too many. */
static struct domain {
	_Atomic uint32_t state;
	char name[NVTX_TEXT_MAX];
} domains[NVTX_DOMAINS_MAX + 1];
static _Atomic uint32_t n_domains = 1;

/* Keys: another tool's handles, hashes of our own strings. A key stays; its value may change. */
struct map_slot {
	_Atomic uint64_t key;   /* 0: free */
	_Atomic uint32_t value; /* index + 1; 0: not there yet */
};
static struct map_slot domain_map[DOMAIN_SLOTS];

/* Registered strings; mapped. */
struct strings {
	/* Where the text is, + 1; 0: nowhere yet. An entry's address is its handle; the last: all that are too many. */
	_Atomic uint32_t at[NVTX_STRINGS_MAX + 1];
	_Atomic uint32_t n, used;
	struct map_slot map[STRING_SLOTS];
	char text[TEXTS_BYTES];
};
static _Atomic(struct strings *) strings_mapped;

static bool redacting;

void nvtx_names_load(bool redact)
{
	redacting = redact;
}

bool nvtx_names_start(void)
{
	struct strings *none = NULL, *s;
	int saved_errno = errno;

	if (atomic_load(&strings_mapped))
		return true;
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (s != MAP_FAILED && !atomic_compare_exchange_strong(&strings_mapped, &none, s))
		munmap(s, sizeof(*s));
	errno = saved_errno;
	return s != MAP_FAILED;
}

/* After nvtx_names_start(). */
static struct strings *strings(void)
{
	return atomic_load_explicit(&strings_mapped, memory_order_acquire);
}

/* The slot of a key, taken for it when `add`; NULL: none. */
static struct map_slot *map_slot(struct map_slot *map, uint32_t slots, uint64_t key, bool add)
{
	uint32_t at = (uint32_t)(key * 0x9e3779b97f4a7c15u >> 40);

	for (uint32_t n = 0; n < MAP_PROBE; n++) {
		struct map_slot *slot = &map[(at + n) % slots];
		uint64_t is = atomic_load_explicit(&slot->key, memory_order_acquire);

		if (!is && !add)
			return NULL;
		if (!is && atomic_compare_exchange_strong(&slot->key, &is, key))
			return slot;
		if (is == key)
			return slot;
	}
	return NULL;
}

static uint32_t map_value(struct map_slot *map, uint32_t slots, uint64_t key)
{
	const struct map_slot *slot = map_slot(map, slots, key, false);

	return slot ? atomic_load_explicit(&slot->value, memory_order_acquire) : 0;
}

/* Not in the middle of a character. */
static size_t cut(const char *text, size_t n)
{
	size_t i = n;

	while (i && n - i < 4 && ((unsigned char)text[i] & 0xc0) == 0x80)
		i--;
	return ((unsigned char)text[i] & 0xc0) == 0x80 ? n : i;
}

static size_t shareable(char out[NVTX_TEXT_MAX], size_t n)
{
	char raw[NVTX_TEXT_MAX];

	if (!redacting || !memchr(out, '/', n))
		return n;
	memcpy(raw, out, n);
	return redact_path(out, NVTX_TEXT_MAX, raw, n);
}

size_t nvtx_text(char out[NVTX_TEXT_MAX], const char *text)
{
	size_t n = text ? strnlen(text, NVTX_TEXT_MAX) : 0;

	if (n == NVTX_TEXT_MAX)
		n = cut(text, NVTX_TEXT_MAX - 1);
	if (n)
		memcpy(out, text, n);
	out[n] = '\0';
	return shareable(out, n);
}

size_t nvtx_text_wide(char out[NVTX_TEXT_MAX], const wchar_t *text)
{
	size_t n = 0;

	for (; text && *text; text++) {
		char one[4];
		size_t len = utf8_put(one, (uint32_t)*text);

		if (n + len >= NVTX_TEXT_MAX)
			break;
		memcpy(out + n, one, len);
		n += len;
	}
	out[n] = '\0';
	return shareable(out, n);
}

bool nvtx_string_ours(void *handle)
{
	return (uintptr_t)handle - (uintptr_t)strings()->at < sizeof(strings()->at);
}

/* NULL: there was no room for it. */
static const char *text_of(uint32_t i)
{
	const struct strings *s = strings();
	uint32_t at = i < NVTX_STRINGS_MAX ? atomic_load_explicit(&s->at[i], memory_order_acquire) : 0;

	return at ? s->text + at - 1 : NULL;
}

static const char *string_of(void *handle)
{
	struct strings *s = strings();
	uint64_t at = (uintptr_t)handle - (uintptr_t)s->at;
	const char *text;
	uint32_t i;

	if (!handle)
		return "";
	if (at < sizeof(s->at) && at % sizeof(s->at[0]) == 0)
		i = (uint32_t)(at / sizeof(s->at[0]));
	else
		i = map_value(s->map, STRING_SLOTS, (uintptr_t)handle) - 1;
	text = text_of(i);
	return text ? text : "(unknown string)";
}

size_t nvtx_text_of(char out[NVTX_TEXT_MAX], const struct nvtx_attributes *a)
{
	size_t n;

	out[0] = '\0';
	if (a->size < sizeof(*a)) /* the message is its last member */
		return 0;
	switch (a->message_type) {
	case NVTX_TEXT_ASCII:
		return nvtx_text(out, a->message.ascii);
	case NVTX_TEXT_UNICODE:
		return nvtx_text_wide(out, a->message.unicode);
	case NVTX_TEXT_REGISTERED: /* redacted when it was registered */
		n = strlen(string_of(a->message.registered));
		memcpy(out, string_of(a->message.registered), n + 1);
		return n;
	default:
		return 0;
	}
}

static unsigned domain_index(void *handle)
{
	uint64_t at = (uintptr_t)handle - (uintptr_t)domains;

	return at < sizeof(domains) && at % sizeof(domains[0]) == 0
		       ? (unsigned)(at / sizeof(domains[0]))
		       : 0;
}

unsigned nvtx_domain_of(void *handle)
{
	unsigned own = domain_index(handle);
	uint32_t value;

	if (own || !handle)
		return own;
	value = map_value(domain_map, DOMAIN_SLOTS, (uintptr_t)handle);
	return value ? value - 1 : 0;
}

bool nvtx_domain_ours(void *handle)
{
	return domain_index(handle) != 0;
}

static unsigned domain_take(const char *name)
{
	uint32_t n = atomic_load(&n_domains), dead;

	for (uint32_t i = 1; i < n && i < NVTX_DOMAINS_MAX; i++) {
		dead = DOMAIN_DEAD;
		if (atomic_load(&domains[i].state) == DOMAIN_DEAD && !strcmp(domains[i].name, name) &&
		    atomic_compare_exchange_strong(&domains[i].state, &dead, DOMAIN_LIVE))
			return i;
	}
	while (n < NVTX_DOMAINS_MAX)
		if (atomic_compare_exchange_weak(&n_domains, &n, n + 1)) {
			strcpy(domains[n].name, name);
			atomic_store(&domains[n].state, DOMAIN_LIVE);
			return n;
		}
	return NVTX_DOMAINS_MAX;
}

void *nvtx_domain_put(const char *name, void *theirs)
{
	unsigned i = domain_take(name);
	struct map_slot *slot;

	if (!theirs)
		return &domains[i];
	slot = map_slot(domain_map, DOMAIN_SLOTS, (uintptr_t)theirs, true);
	if (slot)
		atomic_store_explicit(&slot->value, i + 1, memory_order_release);
	return theirs;
}

void nvtx_domain_drop(void *handle)
{
	unsigned i = nvtx_domain_of(handle);
	uint32_t live = DOMAIN_LIVE;

	if (i && i < NVTX_DOMAINS_MAX)
		atomic_compare_exchange_strong(&domains[i].state, &live, DOMAIN_DEAD);
}

const char *nvtx_domain_name(unsigned domain)
{
	return domain == NVTX_DOMAINS_MAX ? "(more domains)" : domains[domain].name;
}

static uint32_t string_take(const char *text)
{
	struct strings *s = strings();
	const uint32_t bytes = (uint32_t)strlen(text) + 1;
	uint32_t at = atomic_load(&s->used), n = atomic_load(&s->n);

	do {
		if (at + bytes > TEXTS_BYTES)
			return NVTX_STRINGS_MAX;
	} while (!atomic_compare_exchange_weak(&s->used, &at, at + bytes));
	while (n < NVTX_STRINGS_MAX)
		if (atomic_compare_exchange_weak(&s->n, &n, n + 1)) {
			memcpy(s->text + at, text, bytes);
			atomic_store_explicit(&s->at[n], at + 1, memory_order_release);
			break;
		}
	return n;
}

/* Registering the same text again is common, and gives the same handle. */
void *nvtx_string_put(const char *text, void *theirs)
{
	uint64_t key = theirs ? (uintptr_t)theirs : hash64(text, strlen(text)) | 1;
	struct map_slot *slot = map_slot(strings()->map, STRING_SLOTS, key, true);
	uint32_t i = (slot ? atomic_load(&slot->value) : 0) - 1;
	const char *known = text_of(i);

	if (!known || strcmp(known, text)) {
		i = slot ? string_take(text) : NVTX_STRINGS_MAX;
		if (slot)
			atomic_store_explicit(&slot->value, i + 1, memory_order_release);
	}
	return theirs ? theirs : &strings()->at[i];
}
