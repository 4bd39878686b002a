#include "trace/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace/ahead.h"
#include "trace/err.h"
#include "trace/event.h"
#include "trace/frame_reader.h"
#include "trace/recover.h"

/*
 * A thread is not worth its start for less: four frames of the tracer, some milliseconds of a
 * decoder's work.
 */
#define AHEAD_FROM (128u << 10)

struct reader {
	int fd; /* ours to close, or -1 */

	struct frame_reader *frames; /* not ours while `ahead` */
	struct ahead *ahead;         /* NULL: no thread, or not yet */
	bool ahead_tried;
	bool frames_done;

	struct ahead_frame own;         /* without `ahead`: nothing is decoded in it */
	struct ahead_frame *frame;      /* the present one: `own`, or the thread's */
	unsigned given;                 /* of its decoded sections */
	struct section_scratch *scratch; /* for those that are not */
	struct frame_want want;

	struct recovery *journal;
	struct reader_status status;
};

/* --- opening */

static ssize_t fd_read_at(void *arg, void *buf, size_t n, uint64_t offset)
{
	return pread(*(const int *)arg, buf, n, (off_t)offset);
}

static void counts_take(struct reader *r, const struct frame_counts *c)
{
	r->status.frames = c->frames;
	r->status.bad_frames = c->bad_frames;
	r->status.missing_frames = c->missing_frames;
	r->status.unknown_frames = c->unknown_frames;
	r->status.skipped_bytes = c->skipped_bytes;
	r->status.truncated = c->truncated;
	if (c->lost > r->status.lost) /* the journal may know of more */
		r->status.lost = c->lost;
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

static int reader_load_header(struct reader *r, const struct trace_source *src)
{
	struct file_header h;
	int err = frame_reader_open(&r->frames, src, &h);

	if (err)
		return err;
	r->status.pid = h.pid;
	r->status.created_ns = h.created_ns;
	counts_take(r, frame_reader_counts(r->frames));
	return 0;
}

static struct reader *reader_new(void)
{
	struct reader *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->fd = -1;
	r->frame = &r->own;
	memset(r->want.of, 0xff, sizeof(r->want.of));
	r->scratch = section_scratch_new();
	if (r->scratch)
		return r;
	reader_close(r);
	return NULL;
}

/* The journal first: see recovery_load(). */
static int reader_start(struct reader *r, const struct trace_source *trace,
			const struct trace_source *journal)
{
	int err = journal ? reader_load_journal(r, journal) : 0;

	return err ? err : reader_load_header(r, trace);
}

int reader_open_source(struct reader **ret, const struct trace_source *trace,
		       const struct trace_source *journal)
{
	struct reader *r = reader_new();
	int err;

	if (!r)
		return TRACE_E_NOMEM;
	err = reader_start(r, trace, journal);
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
	struct trace_source journal = { fd_read_at, &journal_fd }, trace = { fd_read_at, NULL };
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
	trace.arg = &r->fd;
	err = reader_start(r, &trace, journal_fd < 0 ? NULL : &journal);
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
	ahead_end(r->ahead);
	frame_reader_close(r->frames);
	if (r->fd >= 0)
		close(r->fd);
	frame_body_release(&r->own.body);
	section_scratch_free(r->scratch);
	recovery_free(r->journal);
	free(r);
	errno = saved_errno;
}

const struct reader_status *reader_status(const struct reader *r)
{
	return &r->status;
}

/* --- sections */

void reader_want(struct reader *r, const uint32_t columns[EVENT_KIND_COUNT])
{
	memcpy(r->want.of, columns, sizeof(r->want.of));
	r->want.of[EVENT_COVERAGE] = SECTION_ALL;
}

void reader_want_keys(struct reader *r, const uint32_t columns[EVENT_KIND_COUNT])
{
	memcpy(r->want.by_key, columns, sizeof(r->want.by_key));
}

static uint32_t by_key(const struct reader *r, const struct section *s)
{
	return s->kind < EVENT_KIND_COUNT ? r->want.by_key[s->kind] : 0;
}

int reader_whole(struct reader *r, struct section *s)
{
	long used = 1;

	if (s->bytes)
		used = section_get_keys(s, s->bytes, s->n_bytes, SECTION_ALL, by_key(r, s), r->scratch);
	return used < 0 ? (int)used : 0;
}

/* The thread, once the file has turned out to be long enough for one. */
static void ahead_consider(struct reader *r)
{
	if (r->ahead_tried || frame_reader_offset(r->frames) < AHEAD_FROM)
		return;
	r->ahead_tried = true;
	r->ahead = ahead_start(r->frames, &r->want);
}

/* The next frame that can be read: 1, 0 after the last, or an error. */
static int frame_load(struct reader *r)
{
	int ok;

	ahead_consider(r);
	r->given = 0;
	if (r->ahead) {
		ok = ahead_next(r->ahead, &r->frame);
	} else {
		ok = frame_reader_next(r->frames, &r->own.body);
		r->own.counts = *frame_reader_counts(r->frames);
	}
	counts_take(r, &r->frame->counts);
	if (ok <= 0) { /* after an error the next call tries again, without the thread */
		ahead_end(r->ahead);
		r->ahead = NULL;
		r->frame = &r->own;
	}
	return ok;
}

/* Next section of the frames, COVERAGE included: 1, 0 after the last, or an error. */
static int section_load(struct reader *r, struct section *ret)
{
	int ok;

	for (;;) {
		if (r->given < r->frame->n_sections) {
			*ret = r->frame->section[r->given++];
			return 1;
		}
		ok = frame_body_next(&r->frame->body, ret, &r->want, r->scratch);
		if (ok)
			return ok;
		ok = frame_load(r);
		if (ok <= 0)
			return ok;
	}
}

/* The same without COVERAGE. */
static int frames_next(struct reader *r, struct section *ret)
{
	while (!r->frames_done) {
		int ok = section_load(r, ret);

		if (ok < 0)
			return ok;
		if (ok && ret->kind != EVENT_COVERAGE)
			return 1;
		if (ok && r->journal)
			recovery_cover(r->journal, ret);
		r->frames_done = !ok;
	}
	return 0;
}

int reader_next(struct reader *r, struct section *ret)
{
	int found = frames_next(r, ret);

	if (!found && r->journal) {
		found = recovery_next(r->journal, ret);
		if (found > 0 && by_key(r, ret) && section_own_keys(ret, r->scratch))
			found = TRACE_E_NOMEM;
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
