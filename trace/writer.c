/*
 * writer: rows -> frames -> file.
 *
 * A pump works in this order, which the promises of docs/trace-format.md rest on:
 *  1. look how far each chunk is committed: these rows will be written;
 *  2. then look for STRING rows, again in all chunks: a row of step 1 can only use
 *     a string that was committed before it, so it is found now;
 *  3. frames: the STRING rows first, then the others;
 *  4. only what a frame holds is consumed, and only after the frame is in the file.
 */
#include "trace/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "trace/collect.h"
#include "trace/create.h"
#include "trace/encode.h"
#include "trace/err.h"
#include "trace/frame.h"
#include "trace/gather.h"
#include "trace/hash.h"
#include "trace/journal.h"
#include "trace/pack.h"

/* What the rows of a frame could become at worst; what they do become is a tenth of it. */
#define RAW_MAX    (4u << 20)
#define ADD_BYTES  (3u << 20)
#define ITEMS_MAX  (2 * JOURNAL_CHUNKS_MAX)

/* A frame that many threads share is closed at this many bytes. */
#define RAW_GOAL (768u << 10)

struct writer {
	int fd;
	uint64_t bytes, max_bytes;
	uint64_t seq;

	struct pack *pack;
	uint64_t *staging; /* gather_staging(RAW_MAX) */
	uint8_t *raw;      /* RAW_MAX */
	uint8_t *out;      /* a frame header and the stored body */
	size_t out_room;

	struct collect_seen *seen;   /* JOURNAL_CHUNKS_MAX */
	struct collect_item *items;  /* ITEMS_MAX: STRING rows in the first half, others in the second */
	struct gather_part *parts; /* ITEMS_MAX */
	uint64_t *cover;     /* three columns of ITEMS_MAX */

	uint8_t *add; /* ADD_BYTES: rows of writer_add() */
	uint32_t add_used, add_items;
	uint64_t lost; /* as writer_flush() was last told */
	struct cuts cuts; /* of the frame in `raw` */

	size_t mapped;
};

/* --- memory and file */

/* Hands out `bytes` of the mapping at *at, aligned for anything; measures when map is NULL. */
static void *carve(uint8_t *map, size_t *at, size_t bytes)
{
	uint8_t *p = map ? map + *at : NULL;

	*at += (bytes + 63) & ~(size_t)63;
	return p;
}

static size_t writer_layout(struct writer *w, uint8_t *map)
{
	size_t at = 0, out_room = FRAME_HEADER_BYTES + pack_bound(RAW_MAX, CUTS_MAX);
	struct writer n = { .fd = -1, .out_room = out_room };
	void *pack;

	carve(map, &at, sizeof(*w));
	n.seen = carve(map, &at, JOURNAL_CHUNKS_MAX * sizeof(*n.seen));
	n.items = carve(map, &at, ITEMS_MAX * sizeof(*n.items));
	n.parts = carve(map, &at, ITEMS_MAX * sizeof(*n.parts));
	n.cover = carve(map, &at, 3 * ITEMS_MAX * sizeof(*n.cover));
	n.staging = carve(map, &at, gather_staging(RAW_MAX));
	n.raw = carve(map, &at, RAW_MAX);
	n.out = carve(map, &at, out_room);
	n.add = carve(map, &at, ADD_BYTES);
	pack = carve(map, &at, pack_memory());
	n.mapped = at;
	if (map) {
		n.pack = pack_init(pack, pack_memory());
		*w = n;
	}
	return at;
}

/* One mapping holds everything, the struct itself at its start. */
static struct writer *writer_map(void)
{
	size_t bytes = writer_layout(NULL, NULL);
	void *map;

	if (bytes > WRITER_MEMORY) {
		errno = ENOMEM;
		return NULL;
	}
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return NULL;
	writer_layout(map, map);
	if (!((struct writer *)map)->pack) {
		munmap(map, bytes);
		errno = ENOMEM;
		return NULL;
	}
	return map;
}

/* Whether the file may grow by n; the kernel would send SIGXFSZ at its own limit. */
static bool file_has_room(const struct writer *w, size_t n)
{
	struct rlimit limit;

	if (w->max_bytes && n > w->max_bytes - w->bytes)
		return false;
	return getrlimit(RLIMIT_FSIZE, &limit) || w->bytes + n <= limit.rlim_cur;
}

/* All of it or nothing: after a failure the file ends where it did before. */
static int file_append(struct writer *w, const uint8_t *p, size_t n)
{
	size_t done = 0;
	int err = EFBIG;

	if (!file_has_room(w, n))
		goto fail;
	while (done < n) {
		ssize_t got = pwrite(w->fd, p + done, n - done, (off_t)(w->bytes + done));

		if (got < 0 && errno == EINTR)
			continue;
		err = got ? errno : ENOSPC;
		if (got <= 0)
			goto truncate_back;
		done += (size_t)got;
	}
	w->bytes += n;
	return 0;

truncate_back:
	/* When even this fails a reader sees a truncated frame; a later try overwrites it. */
	if (done && ftruncate(w->fd, (off_t)w->bytes))
		(void)errno;
fail:
	errno = err;
	return create_error(err) == TRACE_E_FULL ? TRACE_E_FULL : TRACE_E_IO;
}

int writer_open(struct writer **ret, int dirfd, const char *name, uint32_t pid,
		uint64_t created_ns, uint64_t max_bytes)
{
	struct file_header h = {
		.version = FILE_VERSION,
		.header_bytes = FILE_HEADER_BYTES,
		.features = FEATURE_KEYED,
		.created_ns = created_ns,
		.pid = pid,
	};
	uint8_t bytes[FILE_HEADER_BYTES];
	struct writer *w = writer_map();
	int err, saved_errno;

	if (!w)
		return TRACE_E_NOMEM;
	w->max_bytes = max_bytes;
	w->fd = file_create(dirfd, name, O_RDWR);
	if (w->fd < 0) {
		err = create_error(errno);
		goto release;
	}
	file_header_put(bytes, &h);
	err = file_append(w, bytes, sizeof(bytes));
	if (err)
		goto remove_file;
	*ret = w;
	return 0;

remove_file:
	saved_errno = errno;
	unlinkat(dirfd, name, 0);
	errno = saved_errno;
release:
	writer_close(w);
	return err;
}

uint64_t writer_bytes(const struct writer *w)
{
	return w->bytes;
}

void writer_close(struct writer *w)
{
	int saved_errno = errno;

	if (!w)
		return;
	if (w->fd >= 0)
		close(w->fd);
	munmap(w, w->mapped);
	errno = saved_errno;
}

/* --- frames */

/* What goes into one frame: items[begin..end). */
struct batch {
	size_t begin, end;
	size_t raw_len;
	uint32_t rows;
};

/* True when the two belong into the same sections. */
static bool item_joins(const struct collect_item *a, const struct collect_item *b)
{
	return a->tid == b->tid && a->part.kinds == b->part.kinds;
}

static void batch_put_group(struct writer *w, struct batch *b, const struct gather_counts *t,
			    size_t from)
{
	size_t n = b->end - from;

	for (size_t i = 0; i < n; i++)
		w->parts[i] = w->items[from + i].part;
	b->raw_len += gather_put(w->raw + b->raw_len, w->staging, t, w->items[from].tid, w->parts, n,
				 &w->cuts);
	b->rows += gather_rows(t);
}

/* Takes as many items as fit and encodes them; at least one always fits. */
static void batch_fill(struct writer *w, struct batch *b, size_t n_items)
{
	/* COVERAGE: three columns, a row for each item at most. */
	size_t room = RAW_MAX - SECTION_HEADER_BYTES - 3 * COLUMN_HEADER_BYTES;
	struct gather_counts group = { .kinds = 0 };
	size_t group_at = b->begin;

	while (b->end < n_items) {
		const struct collect_item *item = &w->items[b->end];
		size_t cover = 24 * (b->end - b->begin + 1);
		struct gather_counts next;

		if (b->end > group_at && !item_joins(item, &w->items[group_at])) {
			batch_put_group(w, b, &group, group_at);
			memset(&group, 0, sizeof(group));
			group_at = b->end;
			if (b->raw_len >= RAW_GOAL)
				break;
		}
		next = group;
		gather_count(&next, &item->part);
		if (b->end > b->begin && (b->raw_len + gather_bound(&next) + cover > room ||
					  b->rows + gather_rows(&next) > FRAME_ROWS_MAX))
			break;
		group = next;
		b->end++;
	}
	if (b->end > group_at)
		batch_put_group(w, b, &group, group_at);
}

/* Says which journal rows the frame holds, so that a reader does not take them twice. */
static void batch_put_coverage(struct writer *w, struct batch *b)
{
	struct section_in s = { .kind = EVENT_COVERAGE, .n_cols = COVERAGE_N };
	uint64_t *gen = w->cover, *end = gen + ITEMS_MAX, *strings = end + ITEMS_MAX;

	for (size_t i = b->begin; i < b->end; i++) {
		const struct collect_item *item = &w->items[i];
		bool only_strings = item->part.kinds == STRINGS_ONLY;

		if (!item->chunk)
			continue;
		gen[s.rows] = item->gen;
		end[s.rows] = only_strings ? 0 : item->part.to;
		strings[s.rows++] = only_strings ? item->part.to : 0;
	}
	if (!s.rows)
		return;
	s.col[COVERAGE_GEN] = gen;
	s.col[COVERAGE_END] = end;
	s.col[COVERAGE_STRINGS] = strings;
	b->raw_len += section_put(w->raw + b->raw_len, &s);
}

static int batch_write(struct writer *w, const struct batch *b, uint64_t lost)
{
	uint8_t *body = w->out + FRAME_HEADER_BYTES;
	struct frame_header h = {
		.kind = FRAME_EVENTS,
		.flags = FRAME_ZSTD,
		.raw_len = (uint32_t)b->raw_len,
		.seq = w->seq,
		.lost = lost,
		.rows = b->rows,
	};
	size_t n = pack_put(w->pack, body, w->out_room - FRAME_HEADER_BYTES, w->raw, b->raw_len,
			    w->cuts.at, w->cuts.n);
	int err;

	if (n == 0 || n >= b->raw_len) {
		h.flags = 0;
		n = b->raw_len;
		memcpy(body, w->raw, n);
	}
	h.stored_len = (uint32_t)n;
	h.body_hash = hash64(body, n);
	frame_header_put(w->out, &h);
	err = file_append(w, w->out, FRAME_HEADER_BYTES + n);
	if (!err)
		w->seq++;
	return err;
}

static void chunk_consumed(struct writer *w, struct journal *j, const struct collect_item *item)
{
	struct journal_chunk *c = item->chunk;
	struct collect_seen *seen = &w->seen[item->index];

	if (item->part.kinds == STRINGS_ONLY) {
		seen->strings = item->part.to;
		return;
	}
	seen->consumed = item->part.to;
	/* Release: who reads the file and finds this also finds the frame written before. */
	atomic_store_explicit(&c->consumed, item->part.to, memory_order_release);
	/* Acquire pairs with journal_lane_release(): what is committed now is all there is. */
	if (atomic_load_explicit(&c->state, memory_order_acquire) == CHUNK_FULL &&
	    atomic_load_explicit(&c->committed, memory_order_relaxed) == item->part.to)
		journal_chunk_free(j, c);
}

/* Writes all items. Rows written, or an error: frames before it stay consumed. */
static long items_write(struct writer *w, struct journal *j, size_t n_items, uint64_t lost)
{
	struct batch b = { .end = 0 };
	long rows = 0;

	while (b.end < n_items) {
		int err;

		b = (struct batch){ .begin = b.end, .end = b.end };
		w->cuts.from = w->raw;
		w->cuts.n = 0;
		batch_fill(w, &b, n_items);
		batch_put_coverage(w, &b);
		err = batch_write(w, &b, lost);
		if (err)
			return err;
		for (size_t i = b.begin; i < b.end; i++)
			if (w->items[i].chunk)
				chunk_consumed(w, j, &w->items[i]);
		rows += b.rows;
	}
	return rows;
}

/* --- the journal */

static bool worthwhile(const struct journal *j, const struct collect_pending *p)
{
	int32_t free_chunks = atomic_load_explicit(&j->free_chunks, memory_order_relaxed);

	return p->bytes >= WRITER_BATCH_BYTES || (p->full && free_chunks < (int32_t)(j->chunk_count / 2));
}

/* Whether a look at all chunks can find what is worthwhile: there are thousands, and records come often. */
static bool worth_a_look(const struct journal *j)
{
	int32_t free_chunks = atomic_load_explicit(&j->free_chunks, memory_order_relaxed);

	return ((int64_t)j->chunk_count - free_chunks) * JOURNAL_CHUNK_BYTES >= WRITER_BATCH_BYTES ||
	       free_chunks < (int32_t)(j->chunk_count / 2);
}

/* Writes what stands in the two halves of w->items. */
static long halves_write(struct writer *w, struct journal *j, size_t n_strings, size_t n_rows,
			 uint64_t lost)
{
	struct collect_item *rows = w->items + JOURNAL_CHUNKS_MAX;

	collect_sort(w->items, n_strings);
	collect_sort(rows, n_rows);
	memmove(w->items + n_strings, rows, n_rows * sizeof(*rows));
	return items_write(w, j, n_strings + n_rows, lost);
}

long writer_pump(struct writer *w, struct journal *j, bool all)
{
	struct collect_pending p;
	size_t n_strings;

	if (!j->header || (!all && !worth_a_look(j)))
		return 0;
	p = collect_rows(w->seen, j, w->items + JOURNAL_CHUNKS_MAX);
	if (!p.n_items || (!all && !worthwhile(j, &p)))
		return 0;
	n_strings = collect_strings(w->seen, j, w->items);
	return halves_write(w, j, n_strings, p.n_items, journal_lost_total(j));
}

/* --- without a journal */

/* The rows wait in w->add, with a new item wherever the thread changes. */
static void add_item(struct writer *w, uint32_t tid, uint32_t bytes)
{
	struct collect_item *next = w->items + JOURNAL_CHUNKS_MAX + w->add_items;

	if (!w->add_items || next[-1].tid != tid) {
		*next = (struct collect_item){
			.part = { .rows = w->add, .kinds = ROWS_ONLY, .from = w->add_used },
			.gen = w->add_items++,
			.tid = tid,
		};
		next++;
	}
	w->add_used += bytes;
	next[-1].part.to = w->add_used;
}

int writer_add(struct writer *w, uint32_t tid, enum event_kind kind, const uint64_t *fields,
	       unsigned n_fields, const void *blob, size_t blob_len)
{
	size_t need = journal_row_bytes(n_fields, blob_len);
	int err = 0;

	if (n_fields > EVENT_FIELDS_MAX || blob_len > EVENT_BLOB_MAX ||
	    (unsigned)kind >= JOURNAL_KINDS_MAX)
		return TRACE_E_LIMIT;
	if (need > ADD_BYTES - w->add_used || w->add_items == JOURNAL_CHUNKS_MAX)
		err = writer_flush(w, w->lost);
	if (err)
		return err;
	journal_row_put(w->add + w->add_used, kind, fields, n_fields, blob, blob_len);
	add_item(w, tid, (uint32_t)need);
	return 0;
}

int writer_flush(struct writer *w, uint64_t lost)
{
	const struct collect_item *rows = w->items + JOURNAL_CHUNKS_MAX;
	size_t n_rows = w->add_items, n_strings = 0;
	long written;

	for (size_t i = 0; i < n_rows; i++) {
		struct gather_counts t = { .kinds = 0 };
		struct collect_item *item = &w->items[n_strings];

		*item = rows[i];
		item->part.kinds = STRINGS_ONLY;
		gather_count(&t, &item->part);
		n_strings += t.kinds != 0;
	}
	w->lost = lost;
	w->add_items = 0;
	w->add_used = 0;
	written = halves_write(w, NULL, n_strings, n_rows, lost);
	return written < 0 ? (int)written : 0;
}
