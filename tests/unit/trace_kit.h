/* trace_kit: what the tests of trace/ share: directories, byte sources, rows to compare, faults. */
#ifndef JITNESS_TESTS_TRACE_KIT_H
#define JITNESS_TESTS_TRACE_KIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "trace/event.h"
#include "trace/reader.h"

struct journal;

/* Descriptor of a fresh directory, removed when the test's process ends. */
int kit_dir(void);

/* Pseudo-random, the same in each run. kit_value() likes the edges: 0, 1, -1, 2^k. */
uint64_t kit_random(void);
uint64_t kit_value(void);

struct bytes {
	uint8_t *p;
	size_t n;
};

/* Caller frees .p. */
struct bytes kit_read_file(int dirfd, const char *name);
struct bytes kit_copy(const void *p, size_t n);
struct bytes kit_copy_journal(const struct journal *j);

/* A source over b; b must outlive it. */
struct trace_source kit_source(struct bytes *b);

/* A row as text, so that rows compare with strcmp: "kind tid fields... | blob in hex". */
struct rows {
	char **line;
	size_t n;
	int err; /* of reader_open_source() or reader_next() */
	struct reader_status status;
};
struct rows kit_decode(struct bytes trace, const struct bytes *journal);
void kit_rows_free(struct rows *r);

/* Checks that a part of the columns of the section at p, a random one, reads as it does with all of them. */
void kit_check_some(const uint8_t *p, size_t n);

/* As kit_decode() writes it. Caller frees. */
char *kit_line(unsigned kind, uint32_t tid, const uint64_t *fields, unsigned n_fields,
	       const void *blob, size_t blob_len);

/*
 * Faults: pwrite() of this process goes through here. before/after run around each call;
 * with short_after >= 0 only that many bytes more are accepted, then fail_errno.
 */
extern struct kit_pwrite {
	void (*before)(void);
	void (*after)(void);
	long short_after;
	int fail_errno;
} kit_pwrite;

#endif
