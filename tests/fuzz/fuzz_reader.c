/*
 * Whatever stands in a trace and its journal, reading them to the end stays within
 * memory, ends, and gives out sections whose columns and blobs can be read.
 *
 * Input: u32 n, then n bytes of trace, then the journal (none when nothing is left). Built with
 * TRACE_FUZZING, checksums let anything pass: a fuzzer would never guess one.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "trace/encode.h"
#include "trace/event.h"
#include "trace/reader.h"
#include "trace/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
	uint8_t *p;
	size_t n;
};

static ssize_t bytes_read_at(void *arg, void *buf, size_t n, uint64_t offset)
{
	const struct bytes *b = arg;

	if (offset >= b->n)
		return 0;
	if (n > b->n - offset)
		n = b->n - offset;
	memcpy(buf, b->p + offset, n);
	return (ssize_t)n;
}

/* Exactly as large as its contents, so that a sanitizer sees the first byte beyond. */
static struct bytes bytes_copy(const uint8_t *p, size_t n)
{
	struct bytes b = { malloc(n ? n : 1), n };

	if (!b.p)
		abort();
	if (n)
		memcpy(b.p, p, n);
	return b;
}

/* Touches all that the contract of struct section says may be touched. */
static uint64_t section_sum(const struct section *s)
{
	uint64_t sum = 0;

	if (s->kind == EVENT_COVERAGE || s->n_cols > EVENT_FIELDS_MAX)
		abort();
	for (unsigned i = 0; i < EVENT_FIELDS_MAX; i++)
		for (uint32_t r = 0; r < s->rows; r++)
			sum += s->col[i][r];
	for (uint32_t r = 0; r < s->rows && s->blob_at; r++)
		for (uint32_t k = s->blob_at[r]; k < s->blob_at[r + 1]; k++)
			sum += s->blob[k];
	return sum;
}

static void read_all(struct bytes *trace, struct bytes *journal)
{
	struct trace_source t = { bytes_read_at, trace }, j = { bytes_read_at, journal };
	static volatile uint64_t sink;
	struct reader *r;
	struct section s;
	uint64_t rows = 0;

	if (reader_open_source(&r, &t, journal ? &j : NULL))
		return;
	/* Rows without columns cost a file nothing; a few million are enough here. */
	while (rows < (4u << 20) && reader_next(r, &s) > 0) {
		rows += s.rows;
		sink += section_sum(&s);
	}
	if (rows != reader_status(r)->rows)
		abort();
	reader_close(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes trace, journal;
	size_t n;

	if (size < 4)
		return 0;
	n = get_le32(data) < size - 4 ? get_le32(data) : size - 4;
	trace = bytes_copy(data + 4, n);
	journal = bytes_copy(data + 4 + n, size - 4 - n);
	read_all(&trace, journal.n ? &journal : NULL);
	free(trace.p);
	free(journal.p);
	return 0;
}
