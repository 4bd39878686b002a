/*
 * frame: the file header and the self-delimiting units of a trace file
 * (docs/trace-format.md, "File header" and "Frame"). Pure functions on bytes.
 */
#ifndef JITNESS_TRACE_FRAME_H
#define JITNESS_TRACE_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define FILE_MAGIC        "JITNESS\n" /* 8 bytes */
#define FILE_VERSION      1
#define FILE_HEADER_BYTES 32
#define FEATURE_KEYED     1u /* there may be keyed sections (keyed.h) */
#define FEATURES_KNOWN    FEATURE_KEYED
#define FRAME_MAGIC       0x3152464au /* "JFR1" */
#define FRAME_HEADER_BYTES 48
#define FRAME_BODY_MAX    (8u << 20) /* stored or raw; the writer stays under 5 MiB */
#define FRAME_ROWS_MAX    (1u << 20) /* records of a body, COVERAGE not counted */

enum frame_kind {
	FRAME_EVENTS = 1, /* body: sections (encode.h) */
};

enum frame_flags {
	FRAME_ZSTD = 1u << 0, /* the stored body is one zstd frame of raw_len bytes */
};

/* On disk, little-endian: magic[8], version u16, header_bytes u16, features u32, created u64,
 * pid u32, check u32 (low half of XXH64 of the 28 bytes before). */
struct file_header {
	uint16_t version;
	uint16_t header_bytes; /* frames start here; a later version may be longer */
	uint32_t features;     /* bits a reader must know: FEATURE_ */
	uint64_t created_ns;   /* CLOCK_REALTIME */
	uint32_t pid;
};

/* On disk: magic u32, these in this order, check u32 (low half of XXH64 of the 44 bytes before). */
struct frame_header {
	uint16_t kind;
	uint16_t flags;
	uint32_t stored_len;
	uint32_t raw_len;
	uint64_t seq;       /* 0, 1, ...: a gap is a frame that is missing */
	uint64_t lost;      /* records the tracer had dropped when this was written */
	uint64_t body_hash; /* XXH64 (seed 0) of the stored body */
	uint32_t rows;      /* records in the body, COVERAGE not counted */
};

void file_header_put(uint8_t out[FILE_HEADER_BYTES], const struct file_header *h);
/* 0, TRACE_E_TRUNC, TRACE_E_FORMAT (not ours), TRACE_E_VERSION, TRACE_E_CORRUPT. */
int file_header_get(struct file_header *ret, const uint8_t *p, size_t n);

void frame_header_put(uint8_t out[FRAME_HEADER_BYTES], const struct frame_header *h);
/* 0, TRACE_E_TRUNC, TRACE_E_CORRUPT (magic or check wrong), TRACE_E_LIMIT. */
int frame_header_get(struct frame_header *ret, const uint8_t *p, size_t n);

#endif
