/*
 * reader: a trace file (and the journal beside it, when the process was cut
 * off or still runs) as a stream of sections. Memory does not grow with the
 * length of the trace. Damaged frames are skipped and counted. A reader is used by one thread at a
 * time; it has a helper thread of its own where that pays (ahead.h).
 */
#ifndef JITNESS_TRACE_READER_H
#define JITNESS_TRACE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "trace/encode.h"

/* Where bytes come from: a file, or memory in tests and fuzzers. */
struct trace_source {
	/*
	 * Like pread: bytes read, 0 at the end, -1 with errno. Between reader_next()'s, too, and
	 * from another thread, but one call at a time.
	 */
	ssize_t (*read_at)(void *arg, void *buf, size_t n, uint64_t offset);
	void *arg;
};

struct reader_status {
	uint32_t pid;
	uint64_t created_ns;
	uint64_t frames;         /* decoded */
	uint64_t bad_frames;     /* header, checksum or contents wrong: skipped */
	uint64_t missing_frames; /* gaps in the sequence numbers that no bad frame explains */
	uint64_t unknown_frames; /* kinds newer than this reader: skipped */
	uint64_t rows;
	uint64_t journal_rows;   /* of these, recovered from the journal */
	uint64_t skipped_bytes;  /* between frames, while looking for the next one */
	uint64_t lost;           /* records the tracer says it dropped (last value seen) */
	uint64_t lost_by[16];    /* by enum lost_reason; from the journal when there is one */
	uint64_t bad_chunks;     /* of the journal: damaged, rows after the damage are not given out */
	uint32_t stop_errno;     /* tracing stopped early because of this, or 0 */
	bool truncated;          /* the file ends inside a frame */
	bool has_journal;        /* no clean end: cut off, or still running */
	bool ended;              /* an END record was seen */
};

struct reader;

/*
 * Opens name.jnt under dirfd, and its journal (same name, .jnj) when it is there.
 * 0, or TRACE_E_IO / _ACCESS (errno set), _FORMAT, _VERSION, _TRUNC (shorter than a
 * header), _NOMEM.
 */
int reader_open(struct reader **ret, int dirfd, const char *name);

/* The same from sources; journal may be NULL. Sources must outlive the reader. */
int reader_open_source(struct reader **ret, const struct trace_source *trace,
		       const struct trace_source *journal);

/*
 * Before the first reader_next(): what is decoded of the sections of each kind (section_get_some()); by enum
 * event_kind. All sections come, and all are checked; what nobody looks at need not be decoded.
 * Rows recovered from the journal are whole.
 */
void reader_want(struct reader *r, const uint32_t columns[EVENT_KIND_COUNT]);

/*
 * The same: which of these columns come by key (section_get_keys()), in rows recovered from the journal, too. At
 * first none do.
 */
void reader_want_keys(struct reader *r, const uint32_t columns[EVENT_KIND_COUNT]);

/*
 * Decodes the rest of the section that reader_next() gave last: 0, or TRACE_E_NOMEM. *s borrows as
 * before.
 */
int reader_whole(struct reader *r, struct section *s);

/*
 * Next section: 1 with *ret filled (valid until the next call), 0 at the end, or
 * TRACE_E_IO / _NOMEM. Damage is not an error here; see reader_status().
 * COVERAGE sections are consumed inside and never returned.
 */
int reader_next(struct reader *r, struct section *ret);

/* Complete once reader_next() has returned 0. Borrowed from r. */
const struct reader_status *reader_status(const struct reader *r);

void reader_close(struct reader *r); /* NULL is fine */

#endif
