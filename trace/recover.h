/*
 * recover: what the journal of a process that was cut off (or still runs) holds
 * beyond its trace file. Reader side only: allocates what the file really has.
 */
#ifndef JITNESS_TRACE_RECOVER_H
#define JITNESS_TRACE_RECOVER_H

#include <stdint.h>

#include "trace/encode.h"
#include "trace/journal.h"

struct trace_source;
struct recovery;

struct recovery_info {
	uint64_t pid;
	uint64_t lost_by[JOURNAL_LOST_SLOTS];
	uint32_t stop_errno;
	uint64_t bad_chunks;
};

/* Like pread, but only short at the end of the source: bytes read, or TRACE_E_IO with errno. */
long source_read(const struct trace_source *src, void *buf, size_t n, uint64_t offset);

/*
 * Takes a snapshot of the journal, before the first frame is read: what moves into a
 * frame while we read is then in both, and recovery_cover() sorts it out.
 * 0, TRACE_E_FORMAT (not a journal, or its header is damaged), _VERSION, _IO, _NOMEM.
 */
int recovery_load(struct recovery **ret, const struct trace_source *src);

/* A COVERAGE section: rows that a frame holds. */
void recovery_cover(struct recovery *r, const struct section *coverage);

/*
 * Next section of rows that no frame holds: STRING rows of all chunks first, then the
 * others chunk by chunk, both by (tid, gen), within a chunk by kind. 1, 0 at the end, or
 * TRACE_E_NOMEM.
 */
int recovery_next(struct recovery *r, struct section *ret);

const struct recovery_info *recovery_info(const struct recovery *r);

void recovery_free(struct recovery *r); /* NULL is fine */

#endif
