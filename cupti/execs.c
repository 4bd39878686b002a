#include "cupti/execs.h"

#include <stddef.h>
#include <sys/mman.h>

#define SLOTS  8192u /* 16 bytes of virtual memory each */
#define PROBES 64u

static struct exec *execs;

int execs_start(void)
{
	void *p = mmap(NULL, SLOTS * sizeof(*execs), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	execs = p == MAP_FAILED ? NULL : p;
	return execs ? 0 : -1;
}

static struct exec *slot(uint32_t id, uint32_t probe)
{
	return &execs[(id * 2654435761u + probe) % SLOTS];
}

/* Free slots may lie between: a destroyed graph leaves a hole, so the whole run is searched. */
struct exec *execs_find(uint32_t id)
{
	for (uint32_t i = 0; execs && id && i < PROBES; i++)
		if (atomic_load_explicit(&slot(id, i)->id, memory_order_relaxed) == id)
			return slot(id, i);
	return NULL;
}

void execs_add(uint32_t id)
{
	struct exec *e = execs_find(id);

	for (uint32_t i = 0; !e && execs && id && i < PROBES; i++) {
		uint32_t none = 0;

		if (atomic_compare_exchange_strong(&slot(id, i)->id, &none, id))
			e = slot(id, i);
	}
	if (!e)
		return;
	atomic_store(&e->version, 0);
	atomic_store(&e->sets, 0);
}

void exec_remove(struct exec *e)
{
	if (e)
		atomic_store(&e->id, 0);
}

struct exec *execs_nth(uint32_t i)
{
	return execs && i < SLOTS ? &execs[i] : NULL;
}

uint32_t exec_version(const struct exec *e)
{
	return e ? atomic_load(&e->version) : 0;
}

uint32_t exec_changed(struct exec *e, uint32_t times)
{
	return e ? atomic_fetch_add(&e->version, times) + times : 0;
}
