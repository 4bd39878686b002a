/*
 * encode: rows of one kind and thread <-> a section of packed columns
 * (docs/trace-format.md, "Section"). Pure functions on caller's memory: no
 * allocation, no globals; used by the tracer's writer and by `jitness export`.
 *
 * Section: kind u16, columns u16, rows u32, tid u32, blob_bytes u32 (0: kind has no
 * blobs in this section); then each column; then, when blob_bytes > 0, a column
 * of blob lengths and the blobs back to back.
 * Column: transform u8, width u8 (0..8), ref u16, first u64, low u64, then
 * width * rows bytes in planes (all low bytes first). value = undo(transform,
 * low + packed). XF_DELTA starts from `first`; XF_DIFF is relative to column ref.
 * Keyed sections (keyed.h) are another way to write the rows of some kinds; section_get() reads both.
 * XF_GAP: column ref is the next one, the end of an interval that this one starts, and
 * an XF_DIFF of this one; value = `first` or the end before it + low + packed.
 */
#ifndef JITNESS_TRACE_ENCODE_H
#define JITNESS_TRACE_ENCODE_H

#include <stddef.h>
#include <stdint.h>

#include "trace/event.h"

#define SECTION_HEADER_BYTES 16
#define COLUMN_HEADER_BYTES  20
#define SECTION_ROWS_MAX     (1u << 20)

/* Where bytes of another nature begin: a compressor does well to start with fresh codes there. */
#define CUTS_MAX 512 /* further ones are left out: that only costs bytes */
struct cuts {
	const uint8_t *from;   /* set by the caller: the offsets count from here */
	uint32_t n;
	uint32_t at[CUTS_MAX]; /* rising */
};

/* A section to be written: column-major input. */
struct section_in {
	uint16_t kind;
	uint16_t n_cols;
	uint32_t rows;
	uint32_t tid;                          /* thread it happened on; 0: none */
	const uint64_t *col[EVENT_FIELDS_MAX]; /* rows values each */
	const uint32_t *blob_len;              /* rows values, or NULL: no blobs */
	const uint8_t *blob;                   /* all blobs back to back */
	size_t blob_bytes;
	struct cuts *cuts;                     /* section_put() adds to it; NULL: not wanted */
};

/* Upper bound of the encoded size. */
size_t section_bound(const struct section_in *s);

/* Encodes to out (at least section_bound bytes). Returns the bytes written. */
size_t section_put(uint8_t *out, const struct section_in *s);

/* A decoded section. Columns this writer did not have read as zeros. */
struct section {
	uint16_t kind;
	uint16_t n_cols;                       /* present in the file, EVENT_FIELDS_MAX at most */
	uint32_t rows;
	uint32_t tid;
	const uint64_t *col[EVENT_FIELDS_MAX]; /* never NULL for i < EVENT_FIELDS_MAX */
	const uint32_t *blob_at;               /* rows + 1 offsets into blob, or NULL: no blobs */
	const uint8_t *blob;
	const uint8_t *bytes;                  /* as it stands in the file, or NULL: in none */
	size_t n_bytes;
	/* Rows with the same key agree in the columns that were asked for by key. */
	const uint32_t *key;                   /* rows values below n_keys, or NULL: none were */
	uint32_t n_keys;
	const uint64_t *of_key[EVENT_FIELDS_MAX]; /* n_keys values of those columns */
};

/*
 * Size of the section at p (n bytes left) when all of it is well formed, with its
 * kind and rows; 0 at a clean end (n == 0), or TRACE_E_TRUNC / _CORRUPT / _LIMIT.
 */
long section_check(uint16_t *ret_kind, uint32_t *ret_rows, const uint8_t *p, size_t n);

struct section_scratch; /* the decoder's reusable memory; grows to the largest section */
struct section_scratch *section_scratch_new(void); /* NULL: no memory */
void section_scratch_free(struct section_scratch *m);

/*
 * Decodes the section at p (n bytes left). Returns the bytes used, 0 at a clean
 * end (n == 0), or TRACE_E_TRUNC / _CORRUPT / _LIMIT / _NOMEM. *ret borrows from
 * m and p until the next call.
 */
long section_get(struct section *ret, const uint8_t *p, size_t n, struct section_scratch *m);

/* Bit i: column i. */
#define SECTION_BLOBS (1u << 31)
#define SECTION_ALL   UINT32_MAX

/*
 * The same, with what is in `want` at least; another column may read as zeros, blobs as none. All of it
 * is checked nevertheless.
 */
long section_get_some(struct section *ret, const uint8_t *p, size_t n, uint32_t want,
		      struct section_scratch *m);

/*
 * The same, but columns that are in by_key, too, come by key: in of_key[], not in col[]. In a section that is not
 * keyed, or that has other than picks there, each row is its own key (section_own_keys()).
 */
long section_get_keys(struct section *ret, const uint8_t *p, size_t n, uint32_t want, uint32_t by_key,
		      struct section_scratch *m);

/* Row i has key i, and of_key[] is col[]. 0, or TRACE_E_NOMEM. *s borrows from m until the next call of this one. */
int section_own_keys(struct section *s, struct section_scratch *m);

#endif
