/* recorded: a small journal for tests of cupti/, and what was written to it. */
#ifndef JITNESS_TESTS_UNIT_RECORDED_H
#define JITNESS_TESTS_UNIT_RECORDED_H

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cupti/emit.h"
#include "tests/unit/unit.h"
#include "trace/journal.h"

static struct journal recorded = JOURNAL_INIT;

/* Opens a journal that no directory names any more, and starts emitting into it. */
static inline void recording_start(void)
{
	char dir[] = "/tmp/jitness-unit-XXXXXX";
	int fd;

	CHECK(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0 && !journal_create(&recorded, fd, "j", 4u << 20));
	unlinkat(fd, "j", 0);
	close(fd);
	rmdir(dir);
	CHECK(!emit_start(&recorded));
}

struct row {
	const struct journal_row *head; /* of a repeat: of the row that it repeats */
	uint64_t whole[EVENT_FIELDS_MAX]; /* `field` of a repeat */
	const uint64_t *field;
	const char *blob;
};

/* The i-th row of this kind; false: there are not so many. */
static inline bool row_find(struct row *ret, enum event_kind kind, unsigned i)
{
	for (uint32_t c = 0; c < recorded.chunk_count; c++) {
		const struct journal_chunk *chunk = journal_chunk_at(&recorded, c);
		size_t at = 0;

		while (at < atomic_load(&chunk->committed)) {
			const void *p = chunk->rows + at;
			const struct journal_row *head = p;

			at += journal_head_bytes(head);
			if ((head->kind & ~JOURNAL_REPEAT) != (unsigned)kind || i--)
				continue;
			if (head->kind & JOURNAL_REPEAT) {
				ret->head = (const void *)(chunk->rows + head->blob_len);
				memcpy(ret->whole, ret->head + 1, 8 * (size_t)ret->head->n_fields);
				memcpy(ret->whole, head + 1, 8 * (size_t)head->n_fields);
				ret->field = ret->whole;
				ret->blob = "";
				return true;
			}
			ret->head = head;
			ret->field = (const void *)(head + 1);
			ret->blob = (const char *)(ret->field + head->n_fields);
			return true;
		}
	}
	return false;
}

static inline unsigned rows_of(enum event_kind kind)
{
	struct row r;
	unsigned n = 0;

	while (row_find(&r, kind, n))
		n++;
	return n;
}

#endif
