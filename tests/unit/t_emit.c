/* emit: lanes, threads that end, and children that must stay silent. */
#include "cupti/emit.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/recorded.h"

static unsigned chunks(enum chunk_state state)
{
	unsigned n = 0;

	for (uint32_t c = 0; c < recorded.chunk_count; c++)
		n += atomic_load(&journal_chunk_at(&recorded, c)->state) == state;
	return n;
}

static bool launch(void)
{
	uint64_t f[LAUNCH_N] = { 1, 2, 3, API_CU_LAUNCH_KERNEL, 0 };

	return emit(EVENT_LAUNCH, f, LAUNCH_N, NULL, 0);
}

TEST(emit_before_start_does_nothing)
{
	CHECK(!emit_on() && !launch() && !emit_launches());
	emit_note(NOTE_IS_INFO, "nobody listens");
	emit_info("key", "value", 5);
	emit_lost(LOST_BY_POOL, 3);
	emit_stop();
}

TEST(emit_announces_a_thread_once)
{
	recording_start();
	CHECK(emit_on() && launch() && launch());
	CHECK(rows_of(EVENT_THREAD) == 1 && rows_of(EVENT_LAUNCH) == 2 && emit_launches() == 2);
	emit_lost(LOST_BY_POOL, 3);
	CHECK(rows_of(EVENT_LOST) == 1 && journal_lost_total(&recorded) == 3);
	emit_lost(LOST_BY_POOL, 0);
	CHECK(rows_of(EVENT_LOST) == 1);
	emit_stop();
	CHECK(!emit_on() && !launch());
}

TEST(emit_info_of_any_size)
{
	char *big = malloc(1u << 20);

	recording_start();
	memset(big, 'x', 1u << 20);
	big[(1u << 20) - 1] = 0;
	emit_info("empty", NULL, 0);
	emit_info("small", "value", 5);
	emit_info("big", big, 20000);
	emit_info("huge", big, 1u << 20); /* cut, not lost */
	CHECK(rows_of(EVENT_INFO) == 4 && !journal_lost_total(&recorded));
	emit_note(NOTE_IS_INFO, "%s", big);
	CHECK(rows_of(EVENT_NOTE) == 1);
	free(big);
}

static void *one_launch(void *arg)
{
	return launch() ? arg : NULL;
}

TEST_THREADS(emit_hands_chunks_back_at_thread_exit)
{
	pthread_t thread;

	recording_start();
	for (int i = 0; i < 20; i++) {
		CHECK(!pthread_create(&thread, NULL, one_launch, &recorded));
		pthread_join(thread, NULL);
	}
	CHECK(rows_of(EVENT_LAUNCH) == 20 && rows_of(EVENT_THREAD) == 20);
	CHECK(chunks(CHUNK_OWNED) == 0 && chunks(CHUNK_FULL) == 20);
}

static pthread_key_t late;

static void late_launch(void *arg)
{
	(void)arg;
	launch(); /* a destructor of the host that uses CUDA */
}

static void *with_destructor(void *arg)
{
	pthread_setspecific(late, arg);
	launch();
	return NULL;
}

TEST_THREADS(emit_from_a_thread_destructor)
{
	pthread_t thread;

	recording_start();
	CHECK(!pthread_key_create(&late, late_launch)); /* runs after ours */
	CHECK(!pthread_create(&thread, NULL, with_destructor, &recorded));
	pthread_join(thread, NULL);
	CHECK(rows_of(EVENT_LAUNCH) == 2 && rows_of(EVENT_THREAD) == 1);
	CHECK(chunks(CHUNK_OWNED) == 0);
}

static int exit_code(pid_t child)
{
	int status = 0;

	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

TEST(emit_is_off_in_a_child)
{
	pid_t child;

	recording_start();
	CHECK(launch());
	child = fork();
	if (!child)
		_exit(emit_on() || launch() || emit_launches());
	CHECK(exit_code(child) == 0);
	/* Without libc noticing. */
	child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (!child)
		_exit(emit_on() || launch());
	CHECK(exit_code(child) == 0);
	CHECK(rows_of(EVENT_LAUNCH) == 1 && launch());
}

TEST(emit_starts_again_in_a_child)
{
	pid_t child;

	recording_start();
	CHECK(launch());
	child = fork();
	if (!child) {
		recording_start(); /* a journal of its own */
		CHECK(launch() && rows_of(EVENT_LAUNCH) == 1 && rows_of(EVENT_THREAD) == 1);
		CHECK(emit_launches() == 1);
		_exit(0);
	}
	CHECK(exit_code(child) == 0);
	CHECK(rows_of(EVENT_LAUNCH) == 1 && chunks(CHUNK_OWNED) == 1);
}

TEST(emit_guard)
{
	CHECK(emit_enter());
	CHECK(!emit_enter());
	emit_leave();
	CHECK(emit_enter());
	emit_leave();
}
