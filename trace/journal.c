#include "trace/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "trace/create.h"
#include "trace/err.h"

#define AHEAD 512u /* bytes: its memory is cold */
#define ROWS_BYTES (JOURNAL_CHUNK_BYTES - JOURNAL_CHUNK_HEADER)

_Static_assert(offsetof(struct journal_header, next_gen) == 32, "docs/trace-format.md");
_Static_assert(offsetof(struct journal_header, lost) == 40, "docs/trace-format.md");
_Static_assert(offsetof(struct journal_header, stop_errno) == 168, "docs/trace-format.md");
_Static_assert(sizeof(struct journal_header) <= JOURNAL_HEADER_BYTES, "docs/trace-format.md");
_Static_assert(offsetof(struct journal_chunk, gen) == 8, "docs/trace-format.md");
_Static_assert(offsetof(struct journal_chunk, committed) == 16, "docs/trace-format.md");
_Static_assert(offsetof(struct journal_chunk, consumed) == 20, "docs/trace-format.md");
_Static_assert(sizeof(struct journal_row) == 8, "docs/trace-format.md");
_Static_assert(sizeof(struct journal_row) + 8 * EVENT_FIELDS_MAX + EVENT_BLOB_MAX <= ROWS_BYTES,
	       "the largest row fits in a chunk");
_Static_assert(LOST_REASON_COUNT <= JOURNAL_LOST_SLOTS, "a slot for each reason");
_Static_assert(EVENT_KIND_COUNT <= JOURNAL_KINDS_MAX, "a bit for each kind");

static int zeros_write(int fd, size_t bytes)
{
	static const uint8_t zeros[4096];
	size_t at = 0;

	while (at < bytes) {
		size_t n = bytes - at < sizeof(zeros) ? bytes - at : sizeof(zeros);
		ssize_t got = pwrite(fd, zeros, n, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		at += (size_t)got;
	}
	return 0;
}

/* A hole would end in SIGBUS in the host's own thread when the disk fills. */
static int file_allocate(int fd, size_t bytes)
{
	struct rlimit limit;
	int err;

	/* Beyond the limit the kernel sends SIGXFSZ, which ends most hosts: ask first. */
	if (!getrlimit(RLIMIT_FSIZE, &limit) && bytes > limit.rlim_cur) {
		errno = EFBIG;
		return -1;
	}
	do
		err = posix_fallocate(fd, 0, (off_t)bytes);
	while (err == EINTR);
	if (err == EOPNOTSUPP || err == EINVAL)
		return zeros_write(fd, bytes);
	errno = err;
	return err ? -1 : 0;
}

/* The first write to a page is the slow one: take it here, not in a callback. */
static void pages_touch(uint8_t *map, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += 4096)
		*(volatile uint8_t *)(map + i) = 0;
}

static void header_init(struct journal_header *h, uint32_t chunk_count)
{
	uint64_t magic;

	h->version = JOURNAL_VERSION;
	h->header_bytes = JOURNAL_HEADER_BYTES;
	h->chunk_bytes = JOURNAL_CHUNK_BYTES;
	h->chunk_count = chunk_count;
	h->pid = (uint64_t)getpid();
	atomic_store_explicit(&h->next_gen, 1, memory_order_relaxed); /* 0: never claimed */
	/* Last: a reader of the file that finds the magic finds the rest. */
	memcpy(&magic, JOURNAL_MAGIC, sizeof(magic));
	__atomic_store_n((uint64_t *)(void *)h->magic, magic, __ATOMIC_RELEASE);
}

int journal_create(struct journal *ret, int dirfd, const char *name, size_t bytes)
{
	size_t count = bytes / JOURNAL_CHUNK_BYTES;
	uint8_t *map;
	int fd, err;

	/* The header takes the place of one chunk, so that `bytes` is not exceeded. */
	count = count > 2 ? count - 1 : 1;
	if (count > JOURNAL_CHUNKS_MAX)
		count = JOURNAL_CHUNKS_MAX;
	bytes = JOURNAL_HEADER_BYTES + count * JOURNAL_CHUNK_BYTES;

	fd = file_create(dirfd, name, O_RDWR);
	if (fd < 0)
		return create_error(errno);
	if (file_allocate(fd, bytes))
		goto remove_file;
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (map == MAP_FAILED)
		goto remove_file;
	pages_touch(map, bytes);
	header_init((struct journal_header *)map, (uint32_t)count);

	ret->header = (struct journal_header *)map;
	ret->chunks = map + JOURNAL_HEADER_BYTES;
	ret->chunk_count = (uint32_t)count;
	atomic_store_explicit(&ret->hint, 0, memory_order_relaxed);
	atomic_store_explicit(&ret->used, 0, memory_order_relaxed);
	atomic_store_explicit(&ret->free_chunks, (int32_t)count, memory_order_relaxed);
	ret->fd = fd;
	return 0;

remove_file:
	err = errno;
	unlinkat(dirfd, name, 0);
	close(fd);
	errno = err;
	return create_error(err);
}

struct journal_chunk *journal_chunk_at(const struct journal *j, uint32_t i)
{
	return (struct journal_chunk *)(j->chunks + (size_t)i * JOURNAL_CHUNK_BYTES);
}

/*
 * The order of the stores keeps every instant readable, by the writer thread and by a
 * reader of the file after SIGKILL: `committed` goes to 0 before `consumed` does, so rows of
 * the chunk's last life never look unconsumed; the new gen comes after both, so no new row
 * is ever seen under the old gen.
 */
static void chunk_start(struct journal *j, struct journal_chunk *c, uint32_t tid)
{
	/* Release: with the new gen the writer also sees the whole of this thread's last chunk. */
	uint64_t gen = atomic_fetch_add_explicit(&j->header->next_gen, 1, memory_order_release);

	atomic_store_explicit(&c->committed, 0, memory_order_relaxed);
	atomic_store_explicit(&c->consumed, 0, memory_order_release);
	atomic_store_explicit(&c->kinds, 0, memory_order_relaxed);
	c->tid = tid;
	/* Pairs with the acquire in the writer's chunk_pending() (trace/collect.c). */
	atomic_store_explicit(&c->gen, gen, memory_order_release);
}

static void raise_to(_Atomic uint32_t *value, uint32_t to)
{
	uint32_t was = atomic_load_explicit(value, memory_order_relaxed);

	while (was < to && !atomic_compare_exchange_weak_explicit(value, &was, to, memory_order_relaxed,
								  memory_order_relaxed))
		;
}

static void lower_to(_Atomic uint32_t *value, uint32_t to)
{
	uint32_t was = atomic_load_explicit(value, memory_order_relaxed);

	while (was > to && !atomic_compare_exchange_weak_explicit(value, &was, to, memory_order_relaxed,
								  memory_order_relaxed))
		;
}

/* The first free one: what was in use a moment ago is still in the caches. */
static struct journal_chunk *chunk_claim(struct journal *j, uint32_t tid)
{
	uint32_t i = atomic_load_explicit(&j->hint, memory_order_relaxed);

	/* Full: a drop must stay cheap, so do not look at every chunk for each one. */
	if (atomic_load_explicit(&j->free_chunks, memory_order_relaxed) <= 0)
		return NULL;
	for (uint32_t tried = 0; tried < j->chunk_count; tried++, i++) {
		struct journal_chunk *c;
		uint32_t state = CHUNK_FREE;

		if (i >= j->chunk_count)
			i = 0;
		c = journal_chunk_at(j, i);
		if (atomic_load_explicit(&c->state, memory_order_relaxed) != CHUNK_FREE)
			continue;
		/* Acquire pairs with the release in journal_chunk_free(). */
		if (!atomic_compare_exchange_strong_explicit(&c->state, &state, CHUNK_OWNED,
							     memory_order_acquire,
							     memory_order_relaxed))
			continue;
		atomic_fetch_sub_explicit(&j->free_chunks, 1, memory_order_relaxed);
		atomic_store_explicit(&j->hint, i + 1, memory_order_relaxed);
		raise_to(&j->used, i + 1); /* before the gen, see collect_rows() */
		chunk_start(j, c, tid);
		return c;
	}
	return NULL;
}

void journal_chunk_free(struct journal *j, struct journal_chunk *c)
{
	/* Pairs with the acquire in chunk_claim(): our reads of the rows are over. */
	atomic_store_explicit(&c->state, CHUNK_FREE, memory_order_release);
	atomic_fetch_add_explicit(&j->free_chunks, 1, memory_order_relaxed);
	lower_to(&j->hint, (uint32_t)((size_t)((uint8_t *)c - j->chunks) / JOURNAL_CHUNK_BYTES));
}

void journal_row_put(uint8_t *out, unsigned kind, const uint64_t *fields, unsigned n_fields,
		     const void *blob, size_t blob_len)
{
	struct journal_row row = {
		.kind = (uint16_t)kind,
		.n_fields = (uint16_t)n_fields,
		.blob_len = (uint32_t)blob_len,
	};
	size_t pad = (8 - (blob_len & 7)) & 7;

	memcpy(out, &row, sizeof(row));
	out += sizeof(row);
	if (n_fields)
		memcpy(out, fields, 8 * (size_t)n_fields);
	if (!blob_len)
		return;
	out += 8 * (size_t)n_fields;
	memcpy(out, blob, blob_len);
	memset(out + blob_len, 0, pad);
}

bool journal_append(struct journal *j, struct journal_lane *lane, uint32_t tid,
		    enum event_kind kind, const uint64_t *fields, unsigned n_fields,
		    const void *blob, size_t blob_len)
{
	struct journal_chunk *c = lane->chunk;
	uint32_t at = 0;
	uint64_t kinds;
	size_t need;

	if (!j->header)
		return false;
	if (n_fields > EVENT_FIELDS_MAX || blob_len > EVENT_BLOB_MAX ||
	    (unsigned)kind >= JOURNAL_KINDS_MAX) {
		journal_lost(j, LOST_BY_OVERSIZE, 1);
		return false;
	}
	need = journal_row_bytes(n_fields, blob_len);
	if (c)
		at = atomic_load_explicit(&c->committed, memory_order_relaxed);
	if (!c || need > ROWS_BYTES - at) {
		journal_lane_release(lane);
		lane->chunk = c = chunk_claim(j, tid);
		at = 0;
	}
	if (!c) {
		journal_lost(j, LOST_BY_JOURNAL, 1);
		return false;
	}
	journal_row_put(c->rows + at, kind, fields, n_fields, blob, blob_len);
	kinds = atomic_load_explicit(&c->kinds, memory_order_relaxed);
	if (!(kinds & 1ull << kind))
		atomic_store_explicit(&c->kinds, kinds | 1ull << kind, memory_order_relaxed);
	/* Pairs with the acquire in the writer's chunk_pending(): the row is whole. */
	atomic_store_explicit(&c->committed, at + (uint32_t)need, memory_order_release);
	return true;
}

struct journal_place journal_last(const struct journal_lane *lane, size_t row_bytes)
{
	const struct journal_chunk *c = lane->chunk;

	return (struct journal_place){
		.gen = atomic_load_explicit(&c->gen, memory_order_relaxed),
		.at = atomic_load_explicit(&c->committed, memory_order_relaxed) - (uint32_t)row_bytes,
	};
}

bool journal_repeat(struct journal_lane *lane, const struct journal_place *of, enum event_kind kind,
		    const uint64_t *fields, unsigned n_own)
{
	struct journal_chunk *c = lane->chunk;
	struct journal_row row = {
		.kind = (uint16_t)(kind | JOURNAL_REPEAT),
		.n_fields = (uint16_t)n_own,
		.blob_len = of->at,
	};
	uint32_t need = (uint32_t)journal_row_bytes(n_own, 0), at;

	if (!c || atomic_load_explicit(&c->gen, memory_order_relaxed) != of->gen)
		return false;
	at = atomic_load_explicit(&c->committed, memory_order_relaxed);
	if (need > ROWS_BYTES - at)
		return false;
	__builtin_prefetch(c->rows + at + AHEAD, 1);
	memcpy(c->rows + at, &row, sizeof(row));
	for (unsigned i = 0; i < n_own; i++) /* three: not worth a call */
		memcpy(c->rows + at + sizeof(row) + 8 * i, &fields[i], 8);
	/* As in journal_append(). The chunk's kinds have this one since the row at *of. */
	atomic_store_explicit(&c->committed, at + need, memory_order_release);
	return true;
}

void journal_lane_release(struct journal_lane *lane)
{
	/* Pairs with the acquire in the writer: `committed` is final. */
	if (lane->chunk)
		atomic_store_explicit(&lane->chunk->state, CHUNK_FULL, memory_order_release);
	lane->chunk = NULL;
}

void journal_lost(struct journal *j, enum lost_reason reason, uint64_t count)
{
	if (j->header && (unsigned)reason < JOURNAL_LOST_SLOTS)
		atomic_fetch_add_explicit(&j->header->lost[reason], count, memory_order_relaxed);
}

uint64_t journal_lost_total(const struct journal *j)
{
	uint64_t sum = 0;

	for (unsigned i = 0; j->header && i < JOURNAL_LOST_SLOTS; i++)
		sum += atomic_load_explicit(&j->header->lost[i], memory_order_relaxed);
	return sum;
}

void journal_release(struct journal *j)
{
	if (!j->header)
		return;
	munmap(j->header, JOURNAL_HEADER_BYTES + (size_t)j->chunk_count * JOURNAL_CHUNK_BYTES);
	close(j->fd);
	j->header = NULL;
	j->chunks = NULL;
	j->chunk_count = 0;
	j->fd = -1;
}
