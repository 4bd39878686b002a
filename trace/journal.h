/*
 * journal: where a record lives from the moment it happened until it is in a
 * frame. A file of fixed size, MAP_SHARED, next to the trace: what was
 * committed to it survives SIGKILL. docs/trace-format.md, "Journal".
 *
 * The file is cut into chunks. A thread owns the chunk of its lane and appends
 * rows without locks; the writer thread (writer.h) consumes committed rows,
 * also from chunks still owned. When no chunk is free the row is dropped and
 * counted: a producer never waits and never allocates.
 */
#ifndef JITNESS_TRACE_JOURNAL_H
#define JITNESS_TRACE_JOURNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/event.h"
#include "trace/wire.h"

#define JOURNAL_MAGIC        "JNTJRNL1" /* 8 bytes, no NUL */
#define JOURNAL_VERSION      2 /* 1 had no repeats */
#define JOURNAL_HEADER_BYTES 4096
#define JOURNAL_CHUNK_HEADER 64
#define JOURNAL_LOST_SLOTS   16
#define JOURNAL_CHUNKS_MAX   4096 /* 256 MiB; a writer keeps a few words for each */
#define JOURNAL_KINDS_MAX    64   /* the writer sorts rows by kind through one word */

/*
 * Chunk size: 64 KiB holds 1,300 launches or 2,000 kernels that repeat, so a claim (one CAS)
 * is rare, and it holds the largest row (EVENT_BLOB_MAX + 200 bytes). Larger
 * chunks would run out with fewer threads; 16 MiB of journal is 255 chunks.
 */
#define JOURNAL_CHUNK_BYTES (64u << 10)
#define JOURNAL_CHUNK_BYTES_MAX (1u << 20) /* that a reader takes */

/* At offset 0 of the file. Host byte order is little-endian; others are refused. */
struct journal_header {
	char magic[8];
	uint32_t version;
	uint32_t header_bytes; /* offset of chunk 0 */
	uint32_t chunk_bytes;  /* chunk header included */
	uint32_t chunk_count;
	uint64_t pid;
	_Atomic uint64_t next_gen;
	_Atomic uint64_t lost[JOURNAL_LOST_SLOTS]; /* by enum lost_reason, since start */
	_Atomic uint32_t stop_errno; /* tracing stopped early: errno of the reason, or 0 */
};

enum chunk_state { CHUNK_FREE, CHUNK_OWNED, CHUNK_FULL };

/* At the start of each chunk; rows follow at JOURNAL_CHUNK_HEADER. */
struct journal_chunk {
	_Atomic uint32_t state;
	uint32_t tid;
	_Atomic uint64_t gen;       /* unique for each time the chunk is claimed */
	_Atomic uint32_t committed; /* bytes of rows that are complete */
	_Atomic uint32_t consumed;  /* bytes of rows that are in a written frame */
	_Atomic uint64_t kinds;     /* bit i: holds rows of kind i; spares the writer a look */
	uint8_t pad[JOURNAL_CHUNK_HEADER - 32];
	uint8_t rows[];
};
_Static_assert(sizeof(struct journal_chunk) == JOURNAL_CHUNK_HEADER, "docs/trace-format.md");

/*
 * A row: this header, n_fields u64, blob_len bytes, padded with zeros to 8. With JOURNAL_REPEAT in
 * its kind it has no blob, and the fields behind those it has are those of the row at blob_len in
 * the same chunk, which has its kind, no blob and is no repeat. What a program does again and again
 * takes a fifth of the space and time this way.
 */
struct journal_row {
	uint16_t kind;
	uint16_t n_fields;
	uint32_t blob_len;
};

#define JOURNAL_REPEAT 0x8000u

/* Where a row is. All 0: nowhere. */
struct journal_place {
	uint64_t gen;
	uint32_t at; /* in the rows of the chunk */
};

struct journal {
	struct journal_header *header; /* NULL: not open */
	uint8_t *chunks;
	uint32_t chunk_count;
	_Atomic uint32_t hint; /* where the next search for a free chunk starts: none below, mostly */
	_Atomic uint32_t used; /* chunks from this one on were never claimed */
	_Atomic int32_t free_chunks;
	int fd;
};

/* The head of the row at p. */
static inline struct journal_row journal_row_head(const uint8_t *p)
{
	return (struct journal_row){ get_le16(p), get_le16(p + 2), get_le32(p + 4) };
}

/* Bytes of a row in a chunk. */
static inline size_t journal_row_bytes(size_t n_fields, size_t blob_len)
{
	return sizeof(struct journal_row) + 8 * n_fields + ((blob_len + 7) & ~(size_t)7);
}

/* The same of the row with this head. */
static inline size_t journal_head_bytes(const struct journal_row *row)
{
	return journal_row_bytes(row->n_fields, row->kind & JOURNAL_REPEAT ? 0 : row->blob_len);
}

/* Writes a row of journal_row_bytes() at out, which is aligned to 8. */
void journal_row_put(uint8_t *out, unsigned kind, const uint64_t *fields, unsigned n_fields,
		     const void *blob, size_t blob_len);

#define JOURNAL_INIT { .header = NULL, .fd = -1 }

/* A thread's place in the journal; one per thread, zero-initialised (TLS). */
struct journal_lane {
	struct journal_chunk *chunk;
};

/*
 * Creates `name` under dirfd (O_EXCL, O_NOFOLLOW, 0600), really allocates `bytes`
 * (rounded down to whole chunks, at most JOURNAL_CHUNKS_MAX; a hole could end in SIGBUS
 * when the disk fills) and touches every page.
 * 0, or TRACE_E_EXISTS / _ACCESS / _FULL / _IO with errno set and *ret untouched.
 */
int journal_create(struct journal *ret, int dirfd, const char *name, size_t bytes);

/*
 * Appends one row to the lane's chunk, claiming one when needed (tid is stored
 * then). Any thread, each with its own lane; never blocks, allocates or fails
 * loudly: false means the row was dropped and counted under LOST_BY_JOURNAL or
 * LOST_BY_OVERSIZE. Async-signal-safe except against itself on the same lane.
 */
bool journal_append(struct journal *j, struct journal_lane *lane, uint32_t tid,
		    enum event_kind kind, const uint64_t *fields, unsigned n_fields,
		    const void *blob, size_t blob_len);

/* Where the row is that the lane appended last; it has these bytes. */
struct journal_place journal_last(const struct journal_lane *lane, size_t row_bytes);

/*
 * Appends a row that differs only in its first n_own fields from the row at *of. That row was appended
 * through this lane, has this kind, all fields of its kind and no blob. False, and nothing is counted:
 * it is not in the lane's chunk any more, or the chunk is full. Then append it whole.
 */
bool journal_repeat(struct journal_lane *lane, const struct journal_place *of, enum event_kind kind,
		    const uint64_t *fields, unsigned n_own);

/* Hands the lane's chunk to the writer: at thread exit. */
void journal_lane_release(struct journal_lane *lane);

/* Counts records lost elsewhere (buffers, CUPTI). Any thread. */
void journal_lost(struct journal *j, enum lost_reason reason, uint64_t count);

/* Sum over all reasons. */
uint64_t journal_lost_total(const struct journal *j);

/* The i-th chunk; i < chunk_count. */
struct journal_chunk *journal_chunk_at(const struct journal *j, uint32_t i);

/* Gives back a chunk whose rows are all in written frames. Writer thread only. */
void journal_chunk_free(struct journal *j, struct journal_chunk *c);

/* Unmaps and closes; only when no thread can append any more. */
void journal_release(struct journal *j);

#endif
