/*
 * frame_reader: the frames of a trace file one after another: found, checked and unpacked.
 * Damaged frames are skipped and counted. Offline only: it allocates. It has no lock: one
 * thread at a time may use it, and only that thread is then in the source's read_at().
 */
#ifndef JITNESS_TRACE_FRAME_READER_H
#define JITNESS_TRACE_FRAME_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/encode.h"
#include "trace/frame.h"

struct trace_source;
struct frame_reader;

/* What was met so far; the fields of the same names in struct reader_status. */
struct frame_counts {
	uint64_t frames, bad_frames, missing_frames, unknown_frames, skipped_bytes, lost;
	bool truncated;
};

/* The body of a frame: whole sections, checked. All-zero is an empty one. */
struct frame_body {
	uint8_t *bytes; /* grows, FRAME_BODY_MAX at most */
	size_t n, room;
	size_t at; /* where its next section is */
};

/* By kind, what is decoded of its sections, and how (section_get_keys()); of a kind that is newer: all. */
struct frame_want {
	uint32_t of[EVENT_KIND_COUNT];
	uint32_t by_key[EVENT_KIND_COUNT];
};

/*
 * Next section, COVERAGE included, with what is in w; borrows from b and m. 1, 0 after the last, or
 * TRACE_E_NOMEM.
 */
int frame_body_next(struct frame_body *b, struct section *ret, const struct frame_want *w,
		    struct section_scratch *m);

void frame_body_release(struct frame_body *b);

/*
 * Reads the file's header. A damaged one is all zeros in *header and counts as a bad frame, when a
 * frame follows where version 1 puts it. *src is copied; what it refers to must outlive the reader.
 * 0, or TRACE_E_IO, _FORMAT, _VERSION, _TRUNC (shorter than a header), _NOMEM.
 */
int frame_reader_open(struct frame_reader **ret, const struct trace_source *src,
		      struct file_header *header);

/*
 * Loads the next frame that can be read. 1, 0 at the end, or TRACE_E_IO / _NOMEM: *ret is empty
 * then.
 */
int frame_reader_next(struct frame_reader *f, struct frame_body *ret);

/* Where in the file the next frame is looked for. */
uint64_t frame_reader_offset(const struct frame_reader *f);

/* Borrowed from f; changed by frame_reader_next(). */
const struct frame_counts *frame_reader_counts(const struct frame_reader *f);

void frame_reader_close(struct frame_reader *f); /* NULL is fine */

#endif
