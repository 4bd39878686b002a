#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/trace_kit.h"
#include "tests/unit/unit.h"
#include "trace/err.h"
#include "trace/journal.h"

static const uint64_t five[] = { 1, 2, 3, 4, 5 };

static bool append(struct journal *j, struct journal_lane *lane)
{
	return journal_append(j, lane, 7, EVENT_LAUNCH, five, LAUNCH_N, NULL, 0);
}

TEST(journal_create_makes_a_real_file)
{
	int dir = kit_dir();
	struct journal j = JOURNAL_INIT;
	struct stat st;

	CHECK(journal_create(&j, dir, "a.jnj", 1u << 20) == 0);
	CHECK(!fstatat(dir, "a.jnj", &st, 0));
	CHECK(st.st_size == JOURNAL_HEADER_BYTES + 15 * JOURNAL_CHUNK_BYTES);
	CHECK((uint64_t)st.st_blocks * 512 >= (uint64_t)st.st_size); /* no holes */
	CHECK((st.st_mode & 0777) == 0600);
	CHECK(!memcmp(j.header->magic, "JNTJRNL1", 8) && j.header->pid == (uint64_t)getpid());
	CHECK(j.chunk_count == 15 && j.fd >= 3);
	journal_release(&j);
	CHECK(!j.header && !append(&j, &(struct journal_lane){ NULL }));
	journal_release(&j); /* again is fine */
}

TEST(journal_create_refuses)
{
	int dir = kit_dir();
	struct journal j = JOURNAL_INIT;

	CHECK(journal_create(&j, dir, "a.jnj", 1u << 20) == 0);
	journal_release(&j);
	CHECK(journal_create(&j, dir, "a.jnj", 1u << 20) == TRACE_E_EXISTS);
	CHECK(!symlinkat("/tmp/elsewhere", dir, "b.jnj"));
	CHECK(journal_create(&j, dir, "b.jnj", 1u << 20) == TRACE_E_EXISTS);
	CHECK(journal_create(&j, dir, "no/where.jnj", 1u << 20) == TRACE_E_IO && errno == ENOENT);
	CHECK(!j.header && j.fd == -1);
}

/* The kernel's answer to a file beyond RLIMIT_FSIZE is a signal that ends the host. */
TEST(journal_create_respects_the_file_size_limit)
{
	int dir = kit_dir();
	struct journal j = JOURNAL_INIT;
	struct rlimit limit = { 500000, 500000 };
	struct stat st;

	CHECK(!setrlimit(RLIMIT_FSIZE, &limit));
	CHECK(journal_create(&j, dir, "a.jnj", 1u << 20) == TRACE_E_FULL && errno == EFBIG);
	CHECK(fstatat(dir, "a.jnj", &st, 0) && errno == ENOENT); /* nothing left behind */
}

TEST(journal_rows_are_where_the_document_says)
{
	int dir = kit_dir();
	struct journal j = JOURNAL_INIT;
	struct journal_lane lane = { NULL };
	uint64_t id = 9;
	const uint8_t string_row[24] = { 2, 0, 1, 0, 3, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0,
					 'a', 'b', 'c' };
	struct journal_chunk *c;

	CHECK(journal_create(&j, dir, "a.jnj", 1u << 20) == 0);
	CHECK(append(&j, &lane));
	CHECK(journal_append(&j, &lane, 7, EVENT_STRING, &id, 1, "abc", 3));
	c = lane.chunk;
	CHECK(c == journal_chunk_at(&j, 0) && c->tid == 7 && c->gen == 1);
	CHECK(c->state == CHUNK_OWNED && c->committed == 48 + 24 && c->consumed == 0);
	CHECK(!memcmp(c->rows + 8, five, sizeof(five)));
	CHECK(!memcmp(c->rows + 48, string_row, sizeof(string_row)));
	journal_lane_release(&lane);
	CHECK(!lane.chunk && c->state == CHUNK_FULL);
	journal_release(&j);
}

TEST(journal_full_drops_and_counts)
{
	int dir = kit_dir();
	struct journal j = JOURNAL_INIT;
	struct journal_lane lane = { NULL }, other = { NULL };
	uint64_t stored = 0;

	CHECK(journal_create(&j, dir, "a.jnj", 4 * JOURNAL_CHUNK_BYTES) == 0);
	CHECK(j.chunk_count == 3);
	while (append(&j, &lane))
		stored++;
	CHECK(stored == 3 * ((JOURNAL_CHUNK_BYTES - JOURNAL_CHUNK_HEADER) / 48));
	for (int i = 0; i < 10; i++)
		CHECK(!append(&j, &other));
	CHECK(j.header->lost[LOST_BY_JOURNAL] == 11 && journal_lost_total(&j) == 11);
	journal_lost(&j, LOST_BY_CUPTI, 100);
	CHECK(j.header->lost[LOST_BY_CUPTI] == 100 && journal_lost_total(&j) == 111);

	/* A chunk that is given back is used again, with a new generation. */
	journal_chunk_free(&j, journal_chunk_at(&j, 1));
	CHECK(append(&j, &other));
	CHECK(other.chunk == journal_chunk_at(&j, 1) && other.chunk->gen == 4);
	CHECK(other.chunk->committed == 48 && other.chunk->consumed == 0);
	journal_release(&j);
}

TEST(journal_oversize_is_dropped_and_counted)
{
	static const uint8_t blob[EVENT_BLOB_MAX + 1];
	static const uint64_t many[EVENT_FIELDS_MAX + 1];
	int dir = kit_dir();
	struct journal j = JOURNAL_INIT;
	struct journal_lane lane = { NULL };

	CHECK(journal_create(&j, dir, "a.jnj", 1u << 20) == 0);
	CHECK(journal_append(&j, &lane, 1, EVENT_NOTE, many, EVENT_FIELDS_MAX, blob,
			     EVENT_BLOB_MAX));
	CHECK(!journal_append(&j, &lane, 1, EVENT_NOTE, five, 2, blob, EVENT_BLOB_MAX + 1));
	CHECK(!journal_append(&j, &lane, 1, EVENT_NOTE, many, EVENT_FIELDS_MAX + 1, NULL, 0));
	CHECK(!journal_append(&j, &lane, 1, (enum event_kind)64, five, 2, NULL, 0));
	CHECK(j.header->lost[LOST_BY_OVERSIZE] == 3);
	journal_release(&j);
}

TEST(journal_append_keeps_errno)
{
	int dir = kit_dir();
	struct journal j = JOURNAL_INIT;
	struct journal_lane lane = { NULL };

	CHECK(journal_create(&j, dir, "a.jnj", 2 * JOURNAL_CHUNK_BYTES) == 0);
	errno = 4242;
	while (append(&j, &lane))
		;
	CHECK(errno == 4242);
	journal_release(&j);
}
