/* frames: the tree of calls; one record for each, whoever comes first. */
#include "preload/frames.h"

#include <pthread.h>
#include <string.h>

#include "preload/seen.h"
#include "tests/unit/recorded.h"

#define PYTHON(parent, file, function, line) \
	frames_python(parent, file, strlen(file), function, strlen(function), line)

TEST(frames_before_start_have_no_id)
{
	recording_start();
	CHECK(frames_native(0, 1, 2) == 0 && PYTHON(0, "f", "g", 1) == 0);
	CHECK(!rows_of(EVENT_FRAME) && !rows_of(EVENT_LOST));
}

TEST(frames_are_written_once)
{
	uint32_t a, b, other;
	struct row r;

	recording_start();
	CHECK(!frames_start(false));
	a = frames_native(0, 1, 0x100);
	b = frames_native(a, 2, 0x200);
	CHECK(a && b && a != b);
	CHECK(frames_native(0, 1, 0x100) == a && frames_native(a, 2, 0x200) == b);
	CHECK(rows_of(EVENT_FRAME) == 2);
	/* Another parent, object or offset is another frame. */
	other = frames_native(0, 2, 0x200);
	CHECK(other != b && frames_native(a, 1, 0x200) != b && frames_native(a, 2, 0x201) != b);
	CHECK(rows_of(EVENT_FRAME) == 5);
	CHECK(row_find(&r, EVENT_FRAME, 1) && r.head->n_fields == FRAME_N && !r.head->blob_len);
	CHECK(r.field[FRAME_ID] == b && r.field[FRAME_PARENT] == a && r.field[FRAME_OBJECT] == 2);
	CHECK(r.field[FRAME_OFFSET] == 0x200 && r.field[FRAME_TYPE] == FRAME_IS_NATIVE);
}

TEST(frames_of_python_name_file_and_function)
{
	uint32_t a;
	struct row r;

	recording_start();
	CHECK(!frames_start(false));
	a = PYTHON(0, "/home/me/model.py", "Model.forward", 12);
	CHECK(a && PYTHON(0, "/home/me/model.py", "Model.forward", 12) == a);
	CHECK(PYTHON(0, "/home/me/model.py", "Model.forward", 13) != a);
	CHECK(PYTHON(0, "/home/me/model.p", "yModel.forward", 12) != a);
	CHECK(frames_native(0, 0, 12) != a);
	CHECK(row_find(&r, EVENT_FRAME, 0) && r.field[FRAME_LINE] == 12);
	CHECK(r.field[FRAME_TYPE] == FRAME_IS_PYTHON);
	CHECK(r.head->blob_len == sizeof("/home/me/model.py\0Model.forward") - 1);
	CHECK(!memcmp(r.blob, "/home/me/model.py\0Model.forward", r.head->blob_len));
}

TEST(frames_of_python_are_redacted_and_cut)
{
	char *big = calloc(1, 100000);
	struct row r;

	recording_start();
	CHECK(!frames_start(true));
	CHECK(PYTHON(0, "/home/me/model.py", "f", 1));
	CHECK(row_find(&r, EVENT_FRAME, 0));
	CHECK(r.head->blob_len == sizeof("<path>.py\0f") - 1);
	CHECK(!memcmp(r.blob, "<path>.py\0f", r.head->blob_len));
	memset(big, 'x', 99999);
	CHECK(PYTHON(0, big, big, 1));
	CHECK(!frames_start(false) && PYTHON(0, big, big, 1));
	CHECK(row_find(&r, EVENT_FRAME, 2) && r.head->blob_len < 2000);
	CHECK(strnlen(r.blob, r.head->blob_len) < r.head->blob_len);
	free(big);
}

TEST(frames_full_table_ends_the_stack_and_counts)
{
	uint32_t id, parent, lost = 0;

	recording_start();
	CHECK(!frames_start(false));
	parent = frames_native(0, 1, 1);
	for (uint64_t i = 0; i < 70000; i++) {
		id = frames_native(parent, 2, i);
		CHECK(id);
		lost += id == parent;
	}
	CHECK(lost == 70001 - 49152);
	CHECK(frames_native(0, 1, 1) == parent && frames_native(parent, 2, 5) != parent);
	/* The journal of this test is full as well: only its count says how many. */
	CHECK(journal_lost_total(&recorded) >= lost);
	CHECK(!frames_start(false) && frames_native(parent, 2, 69999) != parent);
}

#define THREADS 4
#define DEPTH   2000

static void *insert(void *arg)
{
	uint32_t *ids = arg;

	for (uint32_t i = 0; i < DEPTH; i++)
		ids[i] = frames_native(i ? ids[i - 1] : 0, 1, i);
	return NULL;
}

TEST_THREADS(frames_from_threads_agree)
{
	static uint32_t ids[THREADS][DEPTH];
	pthread_t thread[THREADS];

	recording_start();
	CHECK(!frames_start(false));
	for (int t = 0; t < THREADS; t++)
		CHECK(!pthread_create(&thread[t], NULL, insert, ids[t]));
	for (int t = 0; t < THREADS; t++)
		pthread_join(thread[t], NULL);
	for (int t = 1; t < THREADS; t++)
		CHECK(!memcmp(ids[t], ids[0], sizeof(ids[0])));
	CHECK(rows_of(EVENT_FRAME) == DEPTH);
}

TEST(seen_ids_are_slots)
{
	struct seen s = { 0 };
	bool fresh;

	CHECK(seen_id(&s, 5, &fresh) == 0 && !fresh);
	CHECK(!seen_start(&s, 8));
	CHECK(seen_id(&s, 7, &fresh) == 8 && fresh);
	CHECK(seen_id(&s, 15, &fresh) == 1 && fresh); /* the next slot is the first */
	CHECK(seen_id(&s, 7, &fresh) == 8 && !fresh && seen_id(&s, 15, &fresh) == 1);
	CHECK(seen_id(&s, 0, &fresh) == 2 && fresh && seen_id(&s, 0, &fresh) == 2 && !fresh);
	for (uint64_t i = 100; i < 103; i++)
		CHECK(seen_id(&s, i, &fresh) && fresh);
	CHECK(seen_id(&s, 200, &fresh) == 0 && !fresh && seen_id(&s, 100, &fresh) && !fresh);
}
