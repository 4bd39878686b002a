/*
 * writer: turns rows into frames of a trace file. One thread at a time.
 * Used with a journal in the tracer, and without one by `jitness export`.
 * All memory is mapped once at open (WRITER_MEMORY bytes at most), never from malloc; a
 * pump needs 32 KiB of stack.
 */
#ifndef JITNESS_TRACE_WRITER_H
#define JITNESS_TRACE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/event.h"

struct journal;

#define WRITER_MEMORY (32u << 20)

/*
 * Rows worth a frame of their own when nobody asked for a flush: 19,000 launches; the journal holds
 * them meanwhile. TR120 A2 with a half, the whole, the double: 3.63, 3.53, 3.52 bytes a launch; with 8 launching
 * threads the double took as much time (H100's host: 171 to 187 and 159 ns a launch, the whole 164 to 185).
 */
#ifndef WRITER_BATCH_BYTES
#define WRITER_BATCH_BYTES (1536u << 10)
#endif

struct writer; /* opaque */

/*
 * Creates `name` under dirfd (O_EXCL, O_NOFOLLOW, 0600) and writes the file header.
 * max_bytes: 0, or the size at which the writer stops with TRACE_E_FULL.
 * 0 or TRACE_E_EXISTS / _ACCESS / _FULL / _IO / _NOMEM with errno set.
 */
int writer_open(struct writer **ret, int dirfd, const char *name, uint32_t pid,
		uint64_t created_ns, uint64_t max_bytes);

/*
 * Consumes committed rows of the journal and writes them as frames, of some 100 KiB mostly.
 * `all`: also less than a worthwhile batch (at a flush, at the end).
 * Returns the number of rows written (0: nothing to do) or TRACE_E_FULL / _IO with errno
 * set: then nothing that was not written has been consumed.
 */
long writer_pump(struct writer *w, struct journal *j, bool all);

/* Adds one row (no journal); a frame is written when the batch is full. 0 or an error. */
int writer_add(struct writer *w, uint32_t tid, enum event_kind kind, const uint64_t *fields,
	       unsigned n_fields, const void *blob, size_t blob_len);
/* Writes what writer_add() collected; lost: cumulative count for the frame header. */
int writer_flush(struct writer *w, uint64_t lost);

/* Bytes written so far, file header included. */
uint64_t writer_bytes(const struct writer *w);

/* Closes the file and frees the memory; does not write. NULL is fine. */
void writer_close(struct writer *w);

#endif
