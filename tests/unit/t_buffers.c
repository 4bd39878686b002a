/* buffers: the pool that CUPTI writes into. */
#include "cupti/buffers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/recorded.h"

static _Atomic int wakes;

static void wake(void)
{
	atomic_fetch_add(&wakes, 1);
}

static void pool_ahead(size_t buffers, unsigned ahead, bool may_refuse)
{
	struct buffers_config config = {
		.pool_bytes = buffers * BUFFER_BYTES,
		.ahead = ahead,
		.may_refuse = may_refuse,
		.wake = wake,
	};

	CHECK(!buffers_start(&config));
}

static void pool(size_t buffers, bool may_refuse)
{
	pool_ahead(buffers, 4, may_refuse);
}

static uint8_t *request(size_t *size)
{
	uint8_t *p = (uint8_t *)&p;
	size_t max = 99;

	buffers_request(&p, size, &max);
	CHECK(max == 0);
	return p;
}

static bool zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

TEST(buffers_come_back_in_order_and_clean)
{
	uint8_t *p[3];
	struct buffer b;
	size_t size;

	recording_start(); /* delivered buffers are kept only then */
	pool(4, true);
	CHECK(buffers_ready() == 2);
	for (int i = 0; i < 3; i++) {
		p[i] = request(&size);
		CHECK(p[i] && size == BUFFER_BYTES && ((uintptr_t)p[i] & 7) == 0);
		CHECK(zero(p[i], size));
		memset(p[i], i + 1, 5000);
	}
	CHECK(!buffers_pending() && !buffers_take(&b));
	for (int i = 0; i < 3; i++)
		buffers_complete(NULL, 0, p[i], size, 5000);
	CHECK(atomic_load(&wakes) == 3 && buffers_pending());
	for (int i = 0; i < 3; i++) {
		CHECK(buffers_take(&b));
		CHECK(b.data == p[i] && b.valid == 5000 && b.data[4999] == i + 1);
		buffers_recycle(&b);
		CHECK(zero(p[i], 8192));
	}
	CHECK(!buffers_pending() && !buffers_take(&b));
	/* An empty one is not worth a wake-up. */
	p[0] = request(&size);
	buffers_complete(NULL, 0, p[0], size, 0);
	CHECK(!buffers_pending() && atomic_load(&wakes) == 3);
}

/* All that wait are taken, woken or not. */
TEST(buffers_wake_for_many_or_when_few_are_ready)
{
	const int many = WAKE_BUFFERS, ready = 3 * many;
	struct buffer b;
	size_t size;

	recording_start();
	pool_ahead(4 * (size_t)many, 2 * (unsigned)ready, true);
	CHECK(buffers_ready() == ready);
	for (int round = 0; round < 2; round++) {
		int taken = 0;

		atomic_store(&wakes, 0);
		for (int i = 1; i < many; i++)
			buffers_complete(NULL, 0, request(&size), size, 8);
		CHECK(!atomic_load(&wakes) && buffers_pending());
		buffers_complete(NULL, 0, request(&size), size, 8);
		CHECK(atomic_load(&wakes) == 1);
		while (buffers_take(&b)) {
			buffers_recycle(&b);
			taken++;
		}
		CHECK(taken == many && buffers_ready() == ready);
	}
	/* Held by threads that fill them: none waits, but few are left. */
	atomic_store(&wakes, 0);
	for (int i = 0; i < ready - many; i++)
		request(&size);
	buffers_complete(NULL, 0, request(&size), size, 8);
	CHECK(atomic_load(&wakes) == 1);
}

TEST(buffers_refuse_at_the_limit)
{
	uint8_t *p[4];
	size_t size;

	recording_start();
	pool(4, true);
	for (int i = 0; i < 4; i++)
		CHECK((p[i] = request(&size)) && size == BUFFER_BYTES);
	CHECK(!request(&size) && !size);
	buffers_complete(NULL, 0, p[2], BUFFER_BYTES, 0);
	CHECK(request(&size) == p[2]);
	buffers_complete(NULL, 0, NULL, 0, 0);
}

TEST(buffers_are_never_null_for_an_old_cupti)
{
	uint8_t *p = NULL, *last;
	struct buffer b;
	size_t size;
	int spare = 0;

	recording_start();
	pool(2, false);
	for (int i = 0; i < 2; i++)
		CHECK(request(&size) && size == BUFFER_BYTES);
	/* Smaller ones stand in, and their records count. */
	p = request(&size);
	CHECK(p && size < BUFFER_BYTES);
	p[0] = 1;
	buffers_complete(NULL, 0, p, size, 8);
	CHECK(buffers_take(&b) && b.data == p && b.valid == 8);
	buffers_recycle(&b);
	for (last = NULL; (p = request(&size)) != last && spare < 1000; spare++) {
		CHECK(p && size);
		last = p;
	}
	/* From here on everybody gets the same one, and what is in it is lost. */
	CHECK(spare > 1 && spare < 1000 && request(&size) == last);
	CHECK(journal_lost_total(&recorded) == 0);
	buffers_complete(NULL, 0, last, size, 217);
	CHECK(!buffers_pending());
	CHECK(journal_lost_total(&recorded) == 2);
}

TEST(buffers_replenish_keeps_some_ahead)
{
	size_t size;

	recording_start();
	pool(32, true);
	CHECK(buffers_ready() == 2);
	buffers_replenish();
	CHECK(buffers_ready() == 4);
	request(&size);
	request(&size);
	CHECK(buffers_ready() == 2);
	buffers_replenish();
	CHECK(buffers_ready() == 4);
	for (int i = 0; i < 30; i++)
		CHECK(request(&size));
	CHECK(!request(&size));
	buffers_replenish();
	CHECK(buffers_ready() == 0);
}

TEST(buffers_are_not_kept_when_nothing_records)
{
	uint8_t *p;
	size_t size;

	recording_start();
	pool(2, true);
	p = request(&size);
	memset(p, 7, 100);
	emit_stop();
	buffers_complete(NULL, 0, p, size, 100);
	CHECK(!buffers_pending() && zero(p, 100));
	CHECK(request(&size) == p);
}

#define THREADS 4
#define ROUNDS  20000

static _Atomic int producing = THREADS;

static void *produce(void *arg)
{
	uint64_t id = (uintptr_t)arg;
	size_t size;

	for (uint64_t i = 1; i <= ROUNDS; i++) {
		uint8_t *p = request(&size);
		uint64_t stamp = id << 32 | i;

		if (!p) {
			i--;
			sched_yield();
			continue;
		}
		if (!zero(p, 16))
			abort();
		memcpy(p, &stamp, 8);
		memcpy(p + 8, &stamp, 8);
		buffers_complete(NULL, 0, p, size, 16);
	}
	atomic_fetch_sub(&producing, 1);
	return NULL;
}

/* Nothing is lost, duplicated or torn, and each thread's buffers stay in order. */
TEST_THREADS(buffers_between_threads)
{
	pthread_t thread[THREADS];
	uint64_t last[THREADS] = { 0 }, total = 0, stamp[2];
	struct buffer b;
	bool done;

	recording_start();
	pool(8, true);
	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&thread[i], NULL, produce, (void *)i));
	do {
		done = !atomic_load(&producing);
		while (buffers_take(&b)) {
			CHECK(b.valid == 16);
			memcpy(stamp, b.data, 16);
			CHECK(stamp[0] == stamp[1] && stamp[0] >> 32 < THREADS);
			CHECK((uint32_t)stamp[0] == last[stamp[0] >> 32] + 1);
			last[stamp[0] >> 32]++;
			total++;
			buffers_recycle(&b);
		}
		buffers_replenish();
	} while (!done);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	CHECK(total == (uint64_t)THREADS * ROUNDS);
}
