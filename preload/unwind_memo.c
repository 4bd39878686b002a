#include "preload/unwind_memo.h"

#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

#include "preload/objects.h"

/*
 * 16 threads that load code from 32 places each; 1.1 MiB of addresses, touched when used. Ways: stacks
 * that differ further out, as under an interpreter's one loop.
 */
#define SETS    128u
#define WAYS    4u
#define WORDS   160u /* 60 frames read 63, and twice as many where all have frame pointers */
#define OBJECTS 24u

struct memo_entry {
	_Atomic uint32_t busy; /* a thread reads or fills it */
	uint32_t id;           /* 0: empty */
	uintptr_t at;
	uint16_t n_words, n_objects;
	bool full; /* the walk was longer than what is kept */
	uint32_t offset[WORDS]; /* from at */
	uint64_t value[WORDS];
	uintptr_t in[OBJECTS];
	uint32_t object[OBJECTS];
};

static struct memo_entry *entries; /* SETS * WAYS; NULL: none */

void memo_start(void)
{
	void *p = mmap(NULL, SETS * WAYS * sizeof(*entries), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (entries)
		munmap(entries, SETS * WAYS * sizeof(*entries));
	entries = p == MAP_FAILED ? NULL : p;
}

static struct memo_entry *set_of(uintptr_t at)
{
	/* Stacks are pages apart, places in one 16 bytes. */
	uint64_t hash = (uint64_t)at * 0x9e3779b97f4a7c15u;

	return &entries[(hash >> 32) % SETS * WAYS];
}

/* Pairs with the release in entry_free(). */
static bool entry_claim(struct memo_entry *e)
{
	return !atomic_exchange_explicit(&e->busy, 1, memory_order_acquire);
}

static void entry_free(struct memo_entry *e)
{
	atomic_store_explicit(&e->busy, 0, memory_order_release);
}

/* Not instrumented: it reads other functions' frames. */
__attribute__((no_sanitize("address", "thread", "undefined"))) static bool
words_same(const struct memo_entry *e)
{
	for (unsigned i = 0; i < e->n_words; i++)
		if (*(const uint64_t *)(e->at + e->offset[i]) != e->value[i])
			return false;
	return true;
}

static bool objects_same(const struct memo_entry *e)
{
	for (unsigned i = 0; i < e->n_objects; i++)
		if (!objects_still(e->in[i], e->object[i]))
			return false;
	return true;
}

uint32_t memo_find(uintptr_t at)
{
	struct memo_entry *e = entries ? set_of(at) : NULL;
	uint32_t id = 0;

	for (unsigned i = 0; e && i < WAYS && !id; i++, e++) {
		if (!entry_claim(e))
			continue;
		if (e->id && e->at == at && words_same(e) && objects_same(e))
			id = e->id;
		entry_free(e);
	}
	return id;
}

struct memo_entry *memo_take(uintptr_t at)
{
	static _Atomic unsigned turn;
	struct memo_entry *set = entries ? set_of(at) : NULL, *e = NULL;

	for (unsigned i = 0; set && i < WAYS && !e; i++) {
		if (!entry_claim(&set[i]))
			continue;
		if (!set[i].id)
			e = &set[i];
		else
			entry_free(&set[i]);
	}
	if (set && !e) {
		e = &set[atomic_fetch_add_explicit(&turn, 1, memory_order_relaxed) % WAYS];
		if (!entry_claim(e))
			e = NULL;
	}
	if (!e)
		return NULL;
	e->id = 0;
	e->at = at;
	e->n_words = e->n_objects = 0;
	e->full = false;
	return e;
}

void memo_word(struct memo_entry *e, uintptr_t addr, uint64_t value)
{
	if (addr < e->at || addr - e->at > UINT32_MAX || e->n_words == WORDS) {
		e->full = true;
		return;
	}
	e->offset[e->n_words] = (uint32_t)(addr - e->at);
	e->value[e->n_words++] = value;
}

void memo_object(struct memo_entry *e, uintptr_t addr, uint32_t object)
{
	for (unsigned i = 0; object && i < e->n_objects; i++)
		if (e->object[i] == object)
			return;
	if (e->n_objects == OBJECTS) {
		e->full = true;
		return;
	}
	e->in[e->n_objects] = addr;
	e->object[e->n_objects++] = object;
}

void memo_keep(struct memo_entry *e, uint32_t id)
{
	if (!e)
		return;
	e->id = e->full ? 0 : id;
	entry_free(e);
}
