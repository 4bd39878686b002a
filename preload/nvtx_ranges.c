#include "preload/nvtx_ranges.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "cupti/emit.h"
#include "preload/nvtx_abi.h"
#include "preload/nvtx_names.h"
#include "trace/event.h"

#define BLOCKS_MAX 1024 /* threads at a time with push ranges: 20 MiB of addresses */
#define ORDER_MAX  1024 /* depth up to which levels are right; beyond, pops match by count */
#define STARTS_MAX 4096
#define PROBE_MAX  64
#define NO_SLOT    0xff

/* From OPEN to anything else by compare-and-swap: its owner and the end of the process race. */
enum entry_state { ENTRY_FREE, ENTRY_OPEN, ENTRY_READING, ENTRY_WRITTEN };

struct entry {
	_Atomic uint32_t state;
	uint16_t domain, text_len;
	uint32_t category, level;
	uint64_t start, payload;
	char text[NVTX_TEXT_MAX];
};

struct order {
	uint16_t domain, level;
	uint8_t slot; /* of entry[], or NO_SLOT: nothing but its place was kept */
};

/* A thread's open push ranges. Other threads look at the atomic members only. */
struct block {
	_Atomic uint32_t lost;   /* not told yet */
	_Atomic uint32_t unkept; /* open ranges without an entry */
	uint32_t beyond;         /* of these, the ones that order[] has no room for */
	uint32_t n_order;
	uint64_t free; /* bit i: entry[i] */
	bool inside;   /* a signal handler does not enter what it interrupted */
	struct order order[ORDER_MAX];
	struct entry entry[NVTX_PUSH_MAX];
};
_Static_assert(NVTX_PUSH_MAX == 64, "one word of free bits");

struct started {
	_Atomic uint64_t id; /* 0: free; BUSY: being filled or read */
	struct entry entry;
};
#define ID_BUSY UINT64_MAX

struct pool {
	_Atomic uint32_t taken[BLOCKS_MAX]; /* apart from the blocks: a search touches no other page */
	struct block block[BLOCKS_MAX];
	struct started started[STARTS_MAX];
};
static struct pool *_Atomic pool;
static _Atomic uint32_t n_blocks; /* those ever taken: the end looks no further */
static _Atomic uint32_t n_started, start_hint, generation;
static _Atomic uint32_t lost_elsewhere;
static pthread_key_t exit_key;

/* All that is thread-local: initial-exec TLS is scarce when we are dlopened. */
static __thread struct block *block_tls;

static bool put(const struct entry *e, uint64_t end, enum range_type type)
{
	const char *domain = nvtx_domain_name(e->domain);
	size_t n = e->text_len, domain_len = strlen(domain);
	uint64_t field[RANGE_N];
	char blob[2 * NVTX_TEXT_MAX];

	field[RANGE_START] = e->start;
	field[RANGE_END] = end;
	field[RANGE_TYPE] = type;
	field[RANGE_DEPTH] = e->level;
	field[RANGE_CATEGORY] = e->category;
	field[RANGE_PAYLOAD] = e->payload;
	memcpy(blob, e->text, n);
	blob[n] = '\0';
	memcpy(blob + n + 1, domain, domain_len);
	return emit(EVENT_RANGE, field, RANGE_N, blob, n + 1 + domain_len);
}

static void fill(struct entry *e, const struct nvtx_event *from, uint32_t level)
{
	e->domain = (uint16_t)from->domain;
	e->category = from->category;
	e->payload = from->payload;
	e->level = level;
	e->text_len = (uint16_t)from->text_len;
	memcpy(e->text, from->text, from->text_len);
	e->start = emit_now();
}

/* Losses from before tracing are told with the first that comes after. */
static void tell_lost(_Atomic uint32_t *lost)
{
	if (atomic_load_explicit(lost, memory_order_relaxed) && emit_on())
		emit_lost(LOST_BY_MEMORY, atomic_exchange(lost, 0));
}

/* A range that never ended, if nobody else has written it. */
static void put_open(struct entry *e, enum range_type type)
{
	uint32_t open = ENTRY_OPEN;

	if (!atomic_compare_exchange_strong(&e->state, &open, ENTRY_READING))
		return;
	put(e, 0, type);
	atomic_store(&e->state, ENTRY_WRITTEN);
}

/* n ranges without an entry end now, or never: their records are missing from here on. */
static void lose(struct block *b, uint32_t n)
{
	uint32_t open = atomic_load_explicit(&b->unkept, memory_order_relaxed);

	do {
		if (n > open) /* the end of the process has counted them */
			n = open;
	} while (!atomic_compare_exchange_weak(&b->unkept, &open, open - n));
	if (n && emit_on())
		atomic_fetch_add_explicit(&b->lost, n, memory_order_relaxed);
}

/* Runs while a thread ends; a later destructor may come back and take another block. */
static void block_exit(void *arg)
{
	struct block *b = arg;
	struct pool *p;

	block_tls = NULL;
	for (unsigned i = 0; i < NVTX_PUSH_MAX; i++)
		if (!(b->free >> i & 1))
			put_open(&b->entry[i], RANGE_IS_PUSH);
	lose(b, UINT32_MAX);
	tell_lost(&b->lost);
	p = atomic_load(&pool);
	atomic_store(&p->taken[b - p->block], 0);
}

bool nvtx_ranges_load(void)
{
	return pthread_key_create(&exit_key, block_exit) == 0;
}

bool nvtx_ranges_start(void)
{
	struct pool *none = NULL, *p;
	int saved_errno = errno;

	if (atomic_load(&pool))
		return true;
	p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p != MAP_FAILED && !atomic_compare_exchange_strong(&pool, &none, p))
		munmap(p, sizeof(*p));
	errno = saved_errno;
	return p != MAP_FAILED;
}

static struct block *block_open(void)
{
	struct pool *p = atomic_load(&pool);
	uint32_t n;

	for (uint32_t i = 0; i < BLOCKS_MAX; i++) {
		struct block *b = &p->block[i];
		uint32_t no = 0;

		if (atomic_load_explicit(&p->taken[i], memory_order_relaxed) ||
		    !atomic_compare_exchange_strong(&p->taken[i], &no, 1))
			continue;
		b->free = UINT64_MAX;
		b->n_order = b->beyond = 0;
		b->inside = false;
		n = atomic_load(&n_blocks);
		while (n <= i && !atomic_compare_exchange_weak(&n_blocks, &n, i + 1))
			;
		block_tls = b;
		(void)pthread_setspecific(exit_key, b);
		return b;
	}
	return NULL;
}

/* Pairs with leave(). NULL: no room, or a signal handler inside a call of this thread. */
static struct block *enter(void)
{
	struct block *b = block_tls;

	if (!b)
		b = block_open();
	if (!b || b->inside)
		return NULL;
	b->inside = true;
	atomic_signal_fence(memory_order_seq_cst);
	return b;
}

static void leave(struct block *b)
{
	atomic_signal_fence(memory_order_seq_cst);
	b->inside = false;
}

static int level_of(const struct block *b, unsigned domain)
{
	for (uint32_t i = b->n_order; i--;)
		if (b->order[i].domain == domain)
			return b->order[i].level + 1;
	return 0;
}

static uint8_t push_entry(struct block *b, const struct nvtx_event *e, int level)
{
	unsigned slot;
	struct entry *to;

	if (!b->free)
		return NO_SLOT;
	slot = (unsigned)__builtin_ctzll(b->free);
	to = &b->entry[slot];
	/* The end of the process is copying what was here. */
	if (atomic_load_explicit(&to->state, memory_order_acquire) == ENTRY_READING)
		return NO_SLOT;
	b->free &= ~(1ull << slot);
	fill(to, e, (uint32_t)level);
	atomic_store_explicit(&to->state, ENTRY_OPEN, memory_order_release);
	return (uint8_t)slot;
}

int nvtx_push(const struct nvtx_event *e)
{
	struct block *b = enter();
	int level;

	if (!b) {
		atomic_fetch_add_explicit(&lost_elsewhere, 1, memory_order_relaxed);
		return NVTX_NO_TRACKING;
	}
	level = level_of(b, e->domain);
	if (b->n_order == ORDER_MAX) {
		level += (int)b->beyond++;
		atomic_fetch_add_explicit(&b->unkept, 1, memory_order_relaxed);
	} else {
		struct order *o = &b->order[b->n_order++];

		*o = (struct order){ .domain = (uint16_t)e->domain,
				     .level = (uint16_t)level,
				     .slot = push_entry(b, e, level) };
		if (o->slot == NO_SLOT)
			atomic_fetch_add_explicit(&b->unkept, 1, memory_order_relaxed);
	}
	leave(b);
	return level;
}

static void pop_entry(struct block *b, uint8_t slot)
{
	struct entry *e = &b->entry[slot];
	uint32_t open = ENTRY_OPEN;

	/* Else the end of the process has written it. */
	if (atomic_compare_exchange_strong(&e->state, &open, ENTRY_FREE) && emit_on())
		put(e, emit_now(), RANGE_IS_PUSH);
	b->free |= 1ull << slot;
}

static int pop_order(struct block *b, unsigned domain)
{
	uint32_t i = b->n_order;
	struct order o;

	if (b->beyond) {
		lose(b, 1);
		return level_of(b, domain) + (int)--b->beyond;
	}
	while (i && b->order[i - 1].domain != domain)
		i--;
	if (!i--)
		return -1;
	o = b->order[i];
	memmove(&b->order[i], &b->order[i + 1], (b->n_order - i - 1) * sizeof(o));
	b->n_order--;
	if (o.slot != NO_SLOT) {
		pop_entry(b, o.slot);
		tell_lost(&b->lost);
	} else {
		lose(b, 1);
	}
	return o.level;
}

int nvtx_pop(unsigned domain)
{
	struct block *b = enter();
	int level;

	if (!b)
		return NVTX_NO_TRACKING;
	level = pop_order(b, domain);
	leave(b);
	return level;
}

/* Where the search for an id begins: ours hold the place, others' are spread. */
#define ID_OURS (1ull << 63)
static uint32_t home_of(uint64_t id)
{
	return (id & ID_OURS ? (uint32_t)id : (uint32_t)(id * 0x9e3779b97f4a7c15u >> 32)) %
	       STARTS_MAX;
}

static struct started *start_slot(struct pool *p, uint32_t home, uint32_t probes)
{
	for (uint32_t n = 0; n < probes; n++) {
		struct started *s = &p->started[(home + n) % STARTS_MAX];
		uint64_t no = 0;

		if (!atomic_load_explicit(&s->id, memory_order_relaxed) &&
		    atomic_compare_exchange_strong(&s->id, &no, ID_BUSY)) {
			uint32_t at = (uint32_t)(s - p->started), seen = atomic_load(&n_started);

			while (seen <= at && !atomic_compare_exchange_weak(&n_started, &seen, at + 1))
				;
			return s;
		}
	}
	return NULL;
}

uint64_t nvtx_start(const struct nvtx_event *e, uint64_t theirs)
{
	struct pool *p = atomic_load(&pool);
	uint64_t id = theirs;
	struct started *s;

	s = theirs ? start_slot(p, home_of(theirs), PROBE_MAX)
		   : start_slot(p, atomic_load_explicit(&start_hint, memory_order_relaxed),
				STARTS_MAX);
	if (!s) {
		atomic_fetch_add_explicit(&lost_elsewhere, 1, memory_order_relaxed);
		return theirs;
	}
	if (!id) { /* a place comes again, its id not before 2^32 others */
		uint64_t at = (uint64_t)(s - p->started);

		id = ID_OURS | (uint64_t)atomic_fetch_add(&generation, 1) << 16 | at;
		atomic_store_explicit(&start_hint, (uint32_t)at + 1, memory_order_relaxed);
	}
	fill(&s->entry, e, 0);
	atomic_store_explicit(&s->entry.state, ENTRY_OPEN, memory_order_relaxed);
	atomic_store_explicit(&s->id, id, memory_order_release);
	return id;
}

void nvtx_start_lost(void)
{
	atomic_fetch_add_explicit(&lost_elsewhere, 1, memory_order_relaxed);
}

/* The slot of an id, now BUSY and the caller's; NULL: not open, or somebody else's already. */
static struct started *claim(struct pool *p, uint64_t id)
{
	for (uint32_t n = 0, home = home_of(id); n < PROBE_MAX; n++) {
		struct started *s = &p->started[(home + n) % STARTS_MAX];
		uint64_t is = id;

		if (atomic_load_explicit(&s->id, memory_order_relaxed) == id &&
		    atomic_compare_exchange_strong(&s->id, &is, ID_BUSY))
			return s;
	}
	return NULL;
}

void nvtx_end(uint64_t id)
{
	struct started *s = id && id != ID_BUSY ? claim(atomic_load(&pool), id) : NULL;

	if (!s)
		return;
	if (emit_on() && atomic_load(&s->entry.state) == ENTRY_OPEN)
		put(&s->entry, emit_now(), RANGE_IS_START);
	atomic_store_explicit(&start_hint, (uint32_t)(s - atomic_load(&pool)->started),
			      memory_order_relaxed); /* the next one finds it warm */
	atomic_store_explicit(&s->id, 0, memory_order_release);
}

void nvtx_mark(const struct nvtx_event *e)
{
	struct entry mark;

	if (!emit_on())
		return;
	fill(&mark, e, 0);
	put(&mark, mark.start, RANGE_IS_MARK);
}

void nvtx_ranges_finish(void)
{
	struct pool *p = atomic_load(&pool);

	if (!p || !emit_on())
		return;
	for (uint32_t i = 0, n = atomic_load(&n_blocks); i < n; i++) {
		struct block *b = &p->block[i];

		for (unsigned k = 0; k < NVTX_PUSH_MAX; k++)
			put_open(&b->entry[k], RANGE_IS_PUSH);
		lose(b, UINT32_MAX);
		tell_lost(&b->lost);
	}
	for (uint32_t i = 0, n = atomic_load(&n_started); i < n; i++) {
		struct started *s = &p->started[i];
		uint64_t id = atomic_load(&s->id);

		if (!id || id == ID_BUSY || !atomic_compare_exchange_strong(&s->id, &id, ID_BUSY))
			continue;
		put_open(&s->entry, RANGE_IS_START);
		atomic_store(&s->id, id); /* may still be ended, after an exec that failed */
	}
	tell_lost(&lost_elsewhere);
}

void nvtx_ranges_forked(void)
{
	struct pool *p = atomic_load(&pool);

	if (!p)
		return;
	for (uint32_t i = 0, n = atomic_load(&n_blocks); i < n; i++) {
		struct block *b = &p->block[i];

		/* The child still pops what its parent pushed on this thread: nothing is told. */
		for (unsigned k = 0; k < NVTX_PUSH_MAX; k++)
			if (atomic_load(&b->entry[k].state) != ENTRY_FREE)
				atomic_store(&b->entry[k].state, ENTRY_WRITTEN);
		atomic_store(&b->lost, 0);
		atomic_store(&b->unkept, 0);
		if (b != block_tls)
			atomic_store(&p->taken[i], 0);
	}
	for (uint32_t i = 0, n = atomic_load(&n_started); i < n; i++)
		atomic_store(&p->started[i].id, 0);
	atomic_store(&lost_elsewhere, 0);
}
