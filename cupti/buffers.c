#include "cupti/buffers.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "cupti/emit.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* CUPTI before 12.9 crashes on a NULL buffer: these stand in when the pool is used up. */
#define SPARE_COUNT   16
#define SPARE_BYTES   (32u << 10)
#define SLOT_COUNT    (BUFFERS_MAX + SPARE_COUNT)
#define SLOT_NONE     UINT32_MAX
/* A record of the commonest kind; only used to estimate what a sacrificed buffer held. */
#define SACRIFICE_RECORD_BYTES 216

/* A slot is on at most one list; next is an index + 1, 0 ends the list. */
struct slot {
	_Atomic uint32_t next;
	uint32_t valid;
};

/*
 * A list of slots: index + 1 in the low half, in the high half a tag that changes
 * with every push and pop, so that a pop cannot succeed on a head that went away
 * and came back.
 */
typedef _Atomic uint64_t slot_list;

static struct {
	uint8_t *base;  /* limit * BUFFER_BYTES, touched from the front */
	uint8_t *spare; /* SPARE_COUNT small ones, then the sacrifice */
	uint32_t limit;
	int32_t ahead;
	_Atomic uint32_t touched; /* slots below this were handed out or are ready */
	_Atomic int32_t ready;    /* approximate length of the free list */
	slot_list free;
	slot_list spare_free;
	slot_list done; /* delivered, newest first */
	_Atomic uint32_t waiting; /* how many, about */
	uint32_t taken; /* drain thread: delivered, oldest first; index + 1 */
	void (*wake)(void);
	bool may_refuse;
} pool;

static struct slot slots[SLOT_COUNT];

static void list_push(slot_list *list, uint32_t slot)
{
	uint64_t head = atomic_load_explicit(list, memory_order_relaxed), next;

	do {
		atomic_store_explicit(&slots[slot].next, (uint32_t)head, memory_order_relaxed);
		next = ((head >> 32) + 1) << 32 | (slot + 1);
		/* Release: the slot's fields and bytes; pairs with the acquire in list_pop(). */
	} while (!atomic_compare_exchange_weak_explicit(list, &head, next, memory_order_release,
							memory_order_relaxed));
}

static uint32_t list_pop(slot_list *list)
{
	uint64_t head = atomic_load_explicit(list, memory_order_acquire), next;
	uint32_t slot;

	do {
		if (!(uint32_t)head)
			return SLOT_NONE;
		slot = (uint32_t)head - 1;
		/* May be stale when another thread popped it: then the tag fails the exchange. */
		next = ((head >> 32) + 1) << 32 |
		       atomic_load_explicit(&slots[slot].next, memory_order_relaxed);
	} while (!atomic_compare_exchange_weak_explicit(list, &head, next, memory_order_acquire,
							memory_order_acquire));
	return slot;
}

/* Takes the whole list; returns index + 1 of its newest slot. */
static uint32_t list_take_all(slot_list *list)
{
	uint64_t head = atomic_load_explicit(list, memory_order_relaxed), next;

	do {
		next = ((head >> 32) + 1) << 32;
	} while (!atomic_compare_exchange_weak_explicit(list, &head, next, memory_order_acquire,
							memory_order_relaxed));
	return (uint32_t)head;
}

static uint8_t *slot_data(uint32_t slot)
{
	if (slot < BUFFERS_MAX)
		return pool.base + (size_t)slot * BUFFER_BYTES;
	return pool.spare + (size_t)(slot - BUFFERS_MAX) * SPARE_BYTES;
}

static size_t slot_bytes(uint32_t slot)
{
	return slot < BUFFERS_MAX ? BUFFER_BYTES : SPARE_BYTES;
}

/* SLOT_NONE: not a buffer of ours, or the sacrifice. */
static uint32_t slot_of(const uint8_t *data)
{
	if (data >= pool.base && data < pool.base + (size_t)pool.limit * BUFFER_BYTES)
		return (uint32_t)((size_t)(data - pool.base) / BUFFER_BYTES);
	if (pool.spare && data >= pool.spare &&
	    data < pool.spare + (size_t)SPARE_COUNT * SPARE_BYTES)
		return BUFFERS_MAX + (uint32_t)((size_t)(data - pool.spare) / SPARE_BYTES);
	return SLOT_NONE;
}

/* A slot that was never used, or SLOT_NONE at the limit. */
static uint32_t slot_new(void)
{
	uint32_t n = atomic_load_explicit(&pool.touched, memory_order_relaxed);

	do {
		if (n >= pool.limit)
			return SLOT_NONE;
	} while (!atomic_compare_exchange_weak_explicit(&pool.touched, &n, n + 1,
							memory_order_relaxed,
							memory_order_relaxed));
	return n;
}

static void touch(uint8_t *p, size_t n)
{
	int saved_errno = errno;

	if (madvise(p, n, MADV_POPULATE_WRITE)) /* Linux 5.14 */
		for (size_t i = 0; i < n; i += 4096)
			*(volatile uint8_t *)(p + i) = 0;
	errno = saved_errno;
}

static void slot_give(uint32_t slot)
{
	if (slot >= BUFFERS_MAX) {
		list_push(&pool.spare_free, slot);
		return;
	}
	list_push(&pool.free, slot);
	atomic_fetch_add_explicit(&pool.ready, 1, memory_order_relaxed);
}

static uint8_t *map(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

int buffers_start(const struct buffers_config *config)
{
	size_t limit = config->pool_bytes / BUFFER_BYTES;
	uint8_t *base, *spare = NULL;

	if (limit < 2)
		limit = 2;
	if (limit > BUFFERS_MAX)
		limit = BUFFERS_MAX;
	base = map(limit * BUFFER_BYTES);
	if (!base)
		goto fail;
	if (!config->may_refuse) {
		spare = map((SPARE_COUNT + 1) * (size_t)SPARE_BYTES);
		if (!spare)
			goto unmap_base;
		touch(spare, (SPARE_COUNT + 1) * (size_t)SPARE_BYTES);
	}
	/*
	 * A forked child that starts its own session forgets the parent's pool, and
	 * leaves it mapped: CUPTI may still hold a buffer of it.
	 */
	memset(&pool, 0, sizeof(pool));
	memset(slots, 0, sizeof(slots));
	pool.base = base;
	pool.spare = spare;
	pool.limit = (uint32_t)limit;
	pool.ahead = (int32_t)config->ahead;
	pool.wake = config->wake;
	pool.may_refuse = config->may_refuse;
	for (uint32_t i = 0; spare && i < SPARE_COUNT; i++)
		slot_give(BUFFERS_MAX + i);
	for (uint32_t i = 0; i < config->ahead / 2 && i < limit; i++) {
		touch(slot_data(i), BUFFER_BYTES);
		atomic_store_explicit(&pool.touched, i + 1, memory_order_relaxed);
		slot_give(i);
	}
	return 0;

unmap_base:
	munmap(base, limit * BUFFER_BYTES);
fail:
	return -1;
}

void buffers_request(uint8_t **buffer, size_t *size, size_t *max_records)
{
	uint32_t slot = list_pop(&pool.free);

	*max_records = 0;
	if (slot != SLOT_NONE)
		atomic_fetch_sub_explicit(&pool.ready, 1, memory_order_relaxed);
	else
		slot = slot_new(); /* page faults here are dear, records lost are dearer */
	if (slot == SLOT_NONE)
		slot = list_pop(&pool.spare_free);
	if (slot != SLOT_NONE) {
		*buffer = slot_data(slot);
		*size = slot_bytes(slot);
	} else if (pool.may_refuse) {
		*buffer = NULL; /* CUPTI drops and counts; cupti_flush() reads the count */
		*size = 0;
	} else {
		/* Shared by everyone who comes too late; never decoded. */
		*buffer = pool.spare + (size_t)SPARE_COUNT * SPARE_BYTES;
		*size = SPARE_BYTES;
	}
}

void buffers_complete(CUcontext context, uint32_t stream, uint8_t *buffer, size_t size,
		      size_t valid)
{
	uint32_t slot = slot_of(buffer), waiting;

	(void)context;
	(void)stream;
	(void)size;
	if (slot == SLOT_NONE) {
		if (buffer && valid)
			emit_lost(LOST_BY_POOL, (valid + SACRIFICE_RECORD_BYTES - 1) /
							SACRIFICE_RECORD_BYTES);
		return;
	}
	if (valid > slot_bytes(slot))
		valid = slot_bytes(slot);
	if (!valid || !emit_on()) {
		/* Nothing in it, or nobody will decode it: a forked child, or the end. */
		memset(slot_data(slot), 0, valid);
		slot_give(slot);
		return;
	}
	slots[slot].valid = (uint32_t)valid;
	list_push(&pool.done, slot);
	waiting = atomic_fetch_add_explicit(&pool.waiting, 1, memory_order_relaxed) + 1;
	if (pool.wake && (waiting >= WAKE_BUFFERS || buffers_ready() < WAKE_BUFFERS))
		pool.wake();
}

bool buffers_take(struct buffer *ret)
{
	uint32_t slot;

	if (!pool.taken) {
		uint32_t at, next;

		atomic_store_explicit(&pool.waiting, 0, memory_order_relaxed);
		at = list_take_all(&pool.done);
		/* Newest first becomes oldest first: records come out roughly in time order. */
		while (at) {
			next = atomic_load_explicit(&slots[at - 1].next, memory_order_relaxed);
			atomic_store_explicit(&slots[at - 1].next, pool.taken,
					      memory_order_relaxed);
			pool.taken = at;
			at = next;
		}
	}
	if (!pool.taken)
		return false;
	slot = pool.taken - 1;
	pool.taken = atomic_load_explicit(&slots[slot].next, memory_order_relaxed);
	*ret = (struct buffer){ .data = slot_data(slot), .valid = slots[slot].valid, .slot = slot };
	return true;
}

void buffers_recycle(const struct buffer *b)
{
	memset(b->data, 0, b->valid);
	slot_give(b->slot);
}

void buffers_replenish(void)
{
	while (pool.base && buffers_ready() < pool.ahead) {
		uint32_t slot = slot_new();

		if (slot == SLOT_NONE)
			return;
		touch(slot_data(slot), BUFFER_BYTES);
		slot_give(slot);
	}
}

bool buffers_pending(void)
{
	return (uint32_t)atomic_load_explicit(&pool.done, memory_order_relaxed);
}

int buffers_ready(void)
{
	return atomic_load_explicit(&pool.ready, memory_order_relaxed);
}
