#include "cupti/kernel_names.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "cupti/emit.h"
#include "cupti/image.h"

#define NAME_CUT    4096
#define NAMES_SMALL 1024 /* one Triton kernel; more kernels get a mapping of their own */
#define SEEN_SLOTS  16384u
#define SEEN_PROBES 64u

/* Hashes of images whose kernel list is in the trace; 0: free. Never shrinks. */
static _Atomic uint64_t *seen;

int kernel_names_start(void)
{
	void *p = mmap(NULL, SEEN_SLOTS * sizeof(*seen), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	seen = p == MAP_FAILED ? NULL : p; /* a forked child's trace needs its own lists */
	return seen ? 0 : -1;
}

static bool seen_before(uint64_t hash)
{
	uint64_t v;

	for (uint32_t i = 0; seen && i < SEEN_PROBES; i++) {
		v = atomic_load_explicit(&seen[(hash + i) % SEEN_SLOTS], memory_order_relaxed);
		if (v == hash)
			return true;
		if (!v)
			break;
	}
	return false;
}

/* After the list is in the journal: until then another thread had better write it too. */
static void seen_add(uint64_t hash)
{
	uint64_t v;

	for (uint32_t i = 0; seen && i < SEEN_PROBES; i++) {
		v = 0;
		if (atomic_compare_exchange_strong(&seen[(hash + i) % SEEN_SLOTS], &v, hash) ||
		    v == hash)
			return;
	}
}

/* MODULE_KERNELS: names with a NUL after each, split over as many records as it takes. */
struct kernel_list {
	char *names;
	size_t size, used;
	uint64_t hash, module, first, next;
	bool complete;
};

static void list_flush(struct kernel_list *l)
{
	uint64_t f[MODULE_KERNELS_N] = {
		[MODULE_KERNELS_HASH] = l->hash,
		[MODULE_KERNELS_FIRST] = l->first,
		[MODULE_KERNELS_MODULE] = l->module,
	};

	if (l->used && !emit(EVENT_MODULE_KERNELS, f, MODULE_KERNELS_N, l->names, l->used))
		l->complete = false;
	l->first = l->next;
	l->used = 0;
}

static bool list_add(void *arg, const char *name, size_t len)
{
	struct kernel_list *l = arg;

	if (len > l->size - 1)
		len = l->size - 1;
	if (l->used + len + 1 > l->size)
		list_flush(l);
	memcpy(l->names + l->used, name, len);
	l->names[l->used + len] = 0;
	l->used += len + 1;
	l->next++;
	return true;
}

/* Where names are collected: on the caller's stack, or mapped. */
static void list_open(struct kernel_list *l, char *small, uint64_t hash, bool many)
{
	void *p = MAP_FAILED;

	*l = (struct kernel_list){ .names = small, .size = NAMES_SMALL, .hash = hash,
				   .complete = true };
	if (many)
		p = mmap(NULL, EVENT_BLOB_MAX, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p != MAP_FAILED) {
		l->names = p;
		l->size = EVENT_BLOB_MAX;
	}
}

static void list_close(struct kernel_list *l, const char *small)
{
	list_flush(l);
	if (l->complete && l->hash)
		seen_add(l->hash);
	if (l->names != small)
		munmap(l->names, EVENT_BLOB_MAX);
}

void kernel_names_of_image(const void *image, size_t size, uint64_t hash, uint32_t kernels)
{
	char small[NAMES_SMALL];
	struct kernel_list l;

	if (!kernels || seen_before(hash))
		return;
	list_open(&l, small, hash, kernels > 1);
	image_kernels(image, size, list_add, &l);
	list_close(&l, small);
}

void kernel_names_listed(uint64_t hash, uint32_t module, unsigned n, kernel_name_fn name,
			 const void *arg)
{
	char small[NAMES_SMALL];
	struct kernel_list l;

	if (!n || (hash && seen_before(hash)))
		return;
	list_open(&l, small, hash, n > 1);
	l.module = hash ? 0 : module;
	for (unsigned i = 0; i < n; i++) {
		const char *s = name(arg, i);

		/* A name that is not known keeps its place. */
		list_add(&l, s ? s : "", s ? strnlen(s, NAME_CUT) : 0);
	}
	list_close(&l, small);
}
