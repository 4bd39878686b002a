#include "trace/frame_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "trace/err.h"
#include "trace/event.h"
#include "trace/hash.h"
#include "trace/reader.h"
#include "trace/recover.h"
#include "trace/wire.h"

#define SCAN_BYTES (64u << 10)

struct frame_reader {
	struct trace_source source;
	uint64_t pos;      /* of the next frame */
	uint64_t next_seq;
	bool excused;      /* a bad frame without a header explains one gap */
	struct frame_body stored; /* of a compressed frame */
	ZSTD_DCtx *zstd;
	struct frame_counts counts;
};

void frame_body_release(struct frame_body *b)
{
	free(b->bytes);
	*b = (struct frame_body){ .bytes = NULL };
}

int frame_body_next(struct frame_body *b, struct section *ret, const struct frame_want *w,
		    struct section_scratch *m)
{
	uint16_t kind;
	long used;

	if (b->at == b->n)
		return 0;
	kind = get_le16(b->bytes + b->at);
	used = section_get_keys(ret, b->bytes + b->at, b->n - b->at,
				kind < EVENT_KIND_COUNT ? w->of[kind] : SECTION_ALL,
				kind < EVENT_KIND_COUNT ? w->by_key[kind] : 0, m);
	if (used == TRACE_E_NOMEM)
		return TRACE_E_NOMEM;
	if (used <= 0) { /* not after body_check() */
		b->at = b->n;
		return 0;
	}
	b->at += (size_t)used;
	return 1;
}

/* --- opening */

static int header_load(struct frame_reader *f, struct file_header *ret)
{
	uint8_t bytes[FILE_HEADER_BYTES + FRAME_HEADER_BYTES];
	long got = source_read(&f->source, bytes, sizeof(bytes), 0);
	struct frame_header first;
	int err;

	if (got < 0)
		return (int)got;
	err = file_header_get(ret, bytes, (size_t)got);
	if (!err) {
		f->pos = ret->header_bytes;
		return 0;
	}
	if ((err != TRACE_E_CORRUPT && err != TRACE_E_FORMAT) || (size_t)got < sizeof(bytes) ||
	    frame_header_get(&first, bytes + FILE_HEADER_BYTES, FRAME_HEADER_BYTES))
		return err == TRACE_E_CORRUPT ? TRACE_E_FORMAT : err;
	*ret = (struct file_header){ .version = 0 };
	f->pos = FILE_HEADER_BYTES;
	f->counts.bad_frames++;
	return 0;
}

int frame_reader_open(struct frame_reader **ret, const struct trace_source *src,
		      struct file_header *header)
{
	struct frame_reader *f = calloc(1, sizeof(*f));
	int err = TRACE_E_NOMEM;

	if (!f)
		return err;
	f->source = *src;
	f->zstd = ZSTD_createDCtx();
	if (f->zstd)
		err = header_load(f, header);
	if (err) {
		frame_reader_close(f);
		return err;
	}
	*ret = f;
	return 0;
}

void frame_reader_close(struct frame_reader *f)
{
	int saved_errno = errno;

	if (!f)
		return;
	ZSTD_freeDCtx(f->zstd);
	frame_body_release(&f->stored);
	free(f);
	errno = saved_errno;
}

uint64_t frame_reader_offset(const struct frame_reader *f)
{
	return f->pos;
}

const struct frame_counts *frame_reader_counts(const struct frame_reader *f)
{
	return &f->counts;
}

/* --- finding */

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
static int frame_resync(struct frame_reader *f)
{
	uint8_t *window = malloc(SCAN_BYTES);
	uint64_t at = f->pos + 1;
	int found = 0;

	if (!window)
		return TRACE_E_NOMEM;
	for (;;) {
		long got = source_read(&f->source, window, SCAN_BYTES, at);
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
	f->counts.skipped_bytes += at - f->pos;
	f->pos = at;
	return found;
}

static void seq_note(struct frame_reader *f, const struct frame_header *h)
{
	uint64_t gap = h->seq > f->next_seq ? h->seq - f->next_seq : 0;

	if (gap && f->excused)
		gap--;
	f->excused = false;
	f->counts.missing_frames += gap;
	f->next_seq = h->seq + 1;
	if (h->lost > f->counts.lost)
		f->counts.lost = h->lost;
}

/*
 * Reads the header at pos, looking further when it is damaged. 1, 0 at the end, or an error.
 */
static int frame_find(struct frame_reader *f, struct frame_header *ret)
{
	for (;;) {
		uint8_t bytes[FRAME_HEADER_BYTES];
		long got = source_read(&f->source, bytes, sizeof(bytes), f->pos);
		int err;

		if (got <= 0)
			return (int)got;
		err = frame_header_get(ret, bytes, (size_t)got);
		if (!err) {
			seq_note(f, ret);
			return 1;
		}
		if (err == TRACE_E_TRUNC) {
			f->counts.truncated = true;
			f->counts.skipped_bytes += (uint64_t)got;
			return 0;
		}
		f->counts.bad_frames++;
		f->excused = true;
		err = frame_resync(f);
		if (err <= 0)
			return err;
	}
}

/* --- unpacking */

/* Makes room for n bytes, at most FRAME_BODY_MAX; contents are not kept. */
static bool body_fit(struct frame_body *b, size_t n)
{
	uint8_t *fresh;

	if (n <= b->room)
		return true;
	fresh = malloc(n);
	if (!fresh)
		return false;
	free(b->bytes);
	b->bytes = fresh;
	b->room = n;
	return true;
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

/* The stored bytes of a body not compressed are in *ret. 1, 0 when damaged, or an error. */
static int body_unpack(struct frame_reader *f, const struct frame_header *h, struct frame_body *ret)
{
	const struct frame_body *in = h->flags & FRAME_ZSTD ? &f->stored : ret;

	if (!hash_passes(in->bytes, h))
		return 0;
	if (h->flags & FRAME_ZSTD) {
		if (!body_fit(ret, h->raw_len))
			return TRACE_E_NOMEM;
		if (ZSTD_decompressDCtx(f->zstd, ret->bytes, h->raw_len, in->bytes,
					h->stored_len) != h->raw_len)
			return 0;
	} else if (h->stored_len != h->raw_len) {
		return 0;
	}
	if (!body_check(ret->bytes, h))
		return 0;
	ret->n = h->raw_len;
	return 1;
}

int frame_reader_next(struct frame_reader *f, struct frame_body *ret)
{
	ret->n = ret->at = 0;
	for (;;) {
		struct frame_header h;
		struct frame_body *in;
		uint64_t body_at;
		long got;
		int ok = frame_find(f, &h);

		if (ok <= 0)
			return ok;
		body_at = f->pos + FRAME_HEADER_BYTES;
		in = h.flags & FRAME_ZSTD ? &f->stored : ret;
		if (!body_fit(in, h.stored_len))
			return TRACE_E_NOMEM;
		got = source_read(&f->source, in->bytes, h.stored_len, body_at);
		if (got < 0)
			return (int)got;
		if ((uint64_t)got < h.stored_len) {
			f->counts.truncated = true;
			f->counts.skipped_bytes += FRAME_HEADER_BYTES + (uint64_t)got;
			return 0;
		}
		f->pos = body_at + h.stored_len;
		if (h.kind != FRAME_EVENTS || (h.flags & ~FRAME_ZSTD)) {
			f->counts.unknown_frames++;
			continue;
		}
		ok = body_unpack(f, &h, ret);
		if (ok < 0)
			return ok;
		if (ok) {
			f->counts.frames++;
			return 1;
		}
		f->counts.bad_frames++;
	}
}
