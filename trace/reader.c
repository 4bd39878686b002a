#include "trace/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "trace/err.h"
#include "trace/event.h"
#include "trace/frame.h"
#include "trace/hash.h"
#include "trace/recover.h"
#include "trace/wire.h"

#define SCAN_BYTES (64u << 10)

struct reader {
	struct trace_source trace;
	int fd; /* ours to close, or -1 */

	uint64_t pos;      /* of the next frame */
	uint64_t next_seq;
	bool excused;      /* a bad frame without a header explains one gap */
	bool frames_done;

	uint8_t *stored, *raw;
	size_t stored_room, raw_room;
	const uint8_t *sections; /* of the present frame, not yet given out */
	size_t sections_left;
	ZSTD_DCtx *zstd;

	struct section_scratch *scratch;
	struct recovery *journal;
	struct reader_status status;
};

/* --- opening */

static ssize_t fd_read_at(void *arg, void *buf, size_t n, uint64_t offset)
{
	return pread(*(const int *)arg, buf, n, (off_t)offset);
}

/* A missing journal means a clean end; a damaged one is only counted. */
static int reader_load_journal(struct reader *r, const struct trace_source *src)
{
	const struct recovery_info *info;
	int err = recovery_load(&r->journal, src);

	r->status.has_journal = true;
	if (err == TRACE_E_FORMAT || err == TRACE_E_VERSION) {
		r->status.bad_chunks++;
		return 0;
	}
	if (err)
		return err;
	info = recovery_info(r->journal);
	r->status.bad_chunks = info->bad_chunks;
	r->status.stop_errno = info->stop_errno;
	for (unsigned i = 0; i < JOURNAL_LOST_SLOTS; i++) {
		r->status.lost_by[i] = info->lost_by[i];
		r->status.lost += info->lost_by[i];
	}
	return 0;
}

/*
 * A damaged file header costs what it says (pid, start), not the trace, when a frame
 * follows where version 1 puts it.
 */
static int reader_load_header(struct reader *r)
{
	uint8_t bytes[FILE_HEADER_BYTES + FRAME_HEADER_BYTES];
	long got = source_read(&r->trace, bytes, sizeof(bytes), 0);
	struct file_header h;
	struct frame_header first;
	int err;

	if (got < 0)
		return (int)got;
	err = file_header_get(&h, bytes, (size_t)got);
	if (!err) {
		r->pos = h.header_bytes;
		r->status.pid = h.pid;
		r->status.created_ns = h.created_ns;
		return 0;
	}
	if ((err != TRACE_E_CORRUPT && err != TRACE_E_FORMAT) || (size_t)got < sizeof(bytes) ||
	    frame_header_get(&first, bytes + FILE_HEADER_BYTES, FRAME_HEADER_BYTES))
		return err == TRACE_E_CORRUPT ? TRACE_E_FORMAT : err;
	r->pos = FILE_HEADER_BYTES;
	r->status.bad_frames++;
	return 0;
}

static struct reader *reader_new(void)
{
	struct reader *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->fd = -1;
	r->scratch = section_scratch_new();
	r->zstd = ZSTD_createDCtx();
	if (r->scratch && r->zstd)
		return r;
	reader_close(r);
	return NULL;
}

/* The journal first: see recovery_load(). */
static int reader_start(struct reader *r, const struct trace_source *journal)
{
	int err = journal ? reader_load_journal(r, journal) : 0;

	return err ? err : reader_load_header(r);
}

int reader_open_source(struct reader **ret, const struct trace_source *trace,
		       const struct trace_source *journal)
{
	struct reader *r = reader_new();
	int err;

	if (!r)
		return TRACE_E_NOMEM;
	r->trace = *trace;
	err = reader_start(r, journal);
	if (err) {
		reader_close(r);
		return err;
	}
	*ret = r;
	return 0;
}

/* A descriptor of a regular file, or -1 with errno: a FIFO or device must not block us. */
static int regular_open(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return -1;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	errno = EINVAL;
	return -1;
}

static int open_error(void)
{
	return errno == EACCES || errno == EPERM ? TRACE_E_ACCESS : TRACE_E_IO;
}

/* Descriptor of the journal beside name.jnt, or -1 when there is none. */
static int journal_open(int dirfd, const char *name)
{
	size_t n = strlen(name);
	char *path;
	int fd;

	if (n < 4 || strcmp(name + n - 4, ".jnt")) {
		errno = ENOENT;
		return -1;
	}
	path = strdup(name);
	if (!path)
		return -1;
	path[n - 1] = 'j';
	fd = regular_open(dirfd, path);
	free(path);
	return fd;
}

int reader_open(struct reader **ret, int dirfd, const char *name)
{
	int journal_fd = journal_open(dirfd, name);
	struct trace_source journal = { fd_read_at, &journal_fd };
	struct reader *r;
	int err;

	if (journal_fd < 0 && errno != ENOENT)
		return open_error();
	r = reader_new();
	err = r ? 0 : TRACE_E_NOMEM;
	if (err)
		goto close_journal;
	r->fd = regular_open(dirfd, name);
	err = r->fd < 0 ? open_error() : 0;
	if (err)
		goto close_reader;
	r->trace = (struct trace_source){ fd_read_at, &r->fd };
	err = reader_start(r, journal_fd < 0 ? NULL : &journal);
	if (err)
		goto close_reader;
	if (journal_fd >= 0)
		close(journal_fd);
	*ret = r;
	return 0;

close_reader:
	reader_close(r);
close_journal:
	if (journal_fd >= 0)
		close(journal_fd);
	return err;
}

void reader_close(struct reader *r)
{
	int saved_errno = errno;

	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd);
	ZSTD_freeDCtx(r->zstd);
	section_scratch_free(r->scratch);
	recovery_free(r->journal);
	free(r->stored);
	free(r->raw);
	free(r);
	errno = saved_errno;
}

const struct reader_status *reader_status(const struct reader *r)
{
	return &r->status;
}

/* --- frames */

/* `n` is at most FRAME_BODY_MAX; contents are not kept. */
static bool buffer_fit(uint8_t **p, size_t *room, size_t n)
{
	uint8_t *fresh;

	if (n <= *room)
		return true;
	fresh = malloc(n);
	if (!fresh)
		return false;
	free(*p);
	*p = fresh;
	*room = n;
	return true;
}

/* Offset in p[0..n) of the first valid frame header, or n. */
static size_t header_find(const uint8_t *p, size_t n)
{
	const uint8_t magic[4] = { 'J', 'F', 'R', '1' };
	struct frame_header h;
	size_t at = 0;

	while (n - at >= FRAME_HEADER_BYTES) {
		const uint8_t *hit = memmem(p + at, n - at, magic, sizeof(magic));

		if (!hit)
			return n;
		at = (size_t)(hit - p);
		if (!frame_header_get(&h, hit, n - at))
			return at;
		at++;
	}
	return n;
}

/* Moves pos to the next valid frame header after it; 1, 0 when there is none, or an error. */
static int frame_resync(struct reader *r)
{
	uint8_t *window = malloc(SCAN_BYTES);
	uint64_t at = r->pos + 1;
	int found = 0;

	if (!window)
		return TRACE_E_NOMEM;
	for (;;) {
		long got = source_read(&r->trace, window, SCAN_BYTES, at);
		size_t hit;

		if (got < FRAME_HEADER_BYTES) {
			found = got < 0 ? (int)got : 0;
			at += got < 0 ? 0 : (uint64_t)got;
			break;
		}
		hit = header_find(window, (size_t)got);
		found = hit < (size_t)got;
		if (found) {
			at += hit;
			break;
		}
		/* A header may begin in the last bytes of this window. */
		at += (uint64_t)got - (FRAME_HEADER_BYTES - 1);
	}
	free(window);
	r->status.skipped_bytes += at - r->pos;
	r->pos = at;
	return found;
}

static void seq_note(struct reader *r, const struct frame_header *h)
{
	uint64_t gap = h->seq > r->next_seq ? h->seq - r->next_seq : 0;

	if (gap && r->excused)
		gap--;
	r->excused = false;
	r->status.missing_frames += gap;
	r->next_seq = h->seq + 1;
	if (h->lost > r->status.lost)
		r->status.lost = h->lost;
}

/*
 * Reads the header at pos, looking further when it is damaged. 1, 0 at the end, or an error.
 */
static int frame_find(struct reader *r, struct frame_header *ret)
{
	for (;;) {
		uint8_t bytes[FRAME_HEADER_BYTES];
		long got = source_read(&r->trace, bytes, sizeof(bytes), r->pos);
		int err;

		if (got <= 0)
			return (int)got;
		err = frame_header_get(ret, bytes, (size_t)got);
		if (!err) {
			seq_note(r, ret);
			return 1;
		}
		if (err == TRACE_E_TRUNC) {
			r->status.truncated = true;
			r->status.skipped_bytes += (uint64_t)got;
			return 0;
		}
		r->status.bad_frames++;
		r->excused = true;
		err = frame_resync(r);
		if (err <= 0)
			return err;
	}
}

/* The body's hash, unless a fuzzer is to get past it. */
static bool hash_passes(const uint8_t *p, const struct frame_header *h)
{
#ifdef TRACE_FUZZING
	(void)p;
	(void)h;
	return true;
#else
	return hash64(p, h->stored_len) == h->body_hash;
#endif
}

/* True when the raw body is whole sections with as many records as the header says. */
static bool body_check(const uint8_t *p, const struct frame_header *h)
{
	size_t left = h->raw_len;
	uint64_t rows = 0;

	while (left) {
		uint16_t kind;
		uint32_t n;
		long used = section_check(&kind, &n, p, left);

		if (used <= 0)
			return false;
		if (kind != EVENT_COVERAGE)
			rows += n;
		p += used;
		left -= (size_t)used;
	}
	return rows == h->rows;
}

/* The stored body is in r->stored. 1 with the sections set up, 0 when damaged, or an error. */
static int body_unpack(struct reader *r, const struct frame_header *h)
{
	const uint8_t *body = r->stored;

	if (!hash_passes(r->stored, h))
		return 0;
	if (h->flags & FRAME_ZSTD) {
		if (!buffer_fit(&r->raw, &r->raw_room, h->raw_len))
			return TRACE_E_NOMEM;
		if (ZSTD_decompressDCtx(r->zstd, r->raw, h->raw_len, r->stored, h->stored_len) !=
		    h->raw_len)
			return 0;
		body = r->raw;
	} else if (h->stored_len != h->raw_len) {
		return 0;
	}
	if (!body_check(body, h))
		return 0;
	r->sections = body;
	r->sections_left = h->raw_len;
	return 1;
}

/* Loads the next frame that can be read. 1, 0 at the end, or an error. */
static int frame_load(struct reader *r)
{
	for (;;) {
		struct frame_header h;
		uint64_t body_at;
		long got;
		int ok = frame_find(r, &h);

		if (ok <= 0)
			return ok;
		body_at = r->pos + FRAME_HEADER_BYTES;
		if (!buffer_fit(&r->stored, &r->stored_room, h.stored_len))
			return TRACE_E_NOMEM;
		got = source_read(&r->trace, r->stored, h.stored_len, body_at);
		if (got < 0)
			return (int)got;
		if ((uint64_t)got < h.stored_len) {
			r->status.truncated = true;
			r->status.skipped_bytes += FRAME_HEADER_BYTES + (uint64_t)got;
			return 0;
		}
		r->pos = body_at + h.stored_len;
		if (h.kind != FRAME_EVENTS || (h.flags & ~FRAME_ZSTD)) {
			r->status.unknown_frames++;
			continue;
		}
		ok = body_unpack(r, &h);
		if (ok < 0)
			return ok;
		if (ok) {
			r->status.frames++;
			return 1;
		}
		r->status.bad_frames++;
	}
}

/* --- sections */

/* Next section of the frames: 1, 0 after the last, or an error. */
static int frames_next(struct reader *r, struct section *ret)
{
	while (!r->frames_done) {
		long used;
		int loaded;

		if (!r->sections_left) {
			loaded = frame_load(r);
			if (loaded < 0)
				return loaded;
			r->frames_done = loaded == 0;
			continue;
		}
		used = section_get(ret, r->sections, r->sections_left, r->scratch);
		if (used == TRACE_E_NOMEM)
			return TRACE_E_NOMEM;
		if (used <= 0) { /* not after body_check() */
			r->sections_left = 0;
			continue;
		}
		r->sections += used;
		r->sections_left -= (size_t)used;
		if (ret->kind != EVENT_COVERAGE)
			return 1;
		if (r->journal)
			recovery_cover(r->journal, ret);
	}
	return 0;
}

int reader_next(struct reader *r, struct section *ret)
{
	int found = frames_next(r, ret);

	if (!found && r->journal) {
		found = recovery_next(r->journal, ret);
		if (found > 0)
			r->status.journal_rows += ret->rows;
	}
	if (found <= 0)
		return found;
	r->status.rows += ret->rows;
	if (ret->kind == EVENT_END && ret->rows)
		r->status.ended = true;
	return 1;
}
