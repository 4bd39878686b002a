/* decoder/clock_map: wall clock to monotonic, with slewing, steps and bounded memory. */
#include "decoder/clock_map.h"
#include "tests/unit/unit.h"

#define REAL 1700000000000000000ull
#define MONO 5000000000ull
#define SEC  1000000000ull

static uint64_t apart(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

TEST(clock_without_readings_changes_nothing)
{
	struct clock_map c = { 0 };

	CHECK(!clock_ready(&c));
	CHECK(clock_monotonic(&c, 123) == 123);
}

TEST(clock_one_reading_is_an_offset)
{
	struct clock_map c = { 0 };

	clock_add(&c, REAL, MONO);
	CHECK(clock_monotonic(&c, REAL + 7) == MONO + 7);
	CHECK(clock_monotonic(&c, REAL - 7) == MONO - 7);
	CHECK(clock_monotonic(&c, 0) == 0);
	clock_release(&c);
}

TEST(clock_follows_the_line_between_readings)
{
	struct clock_map c = { 0 };

	/* Slewed by 100 ppm: the wall clock gains 100 us a second. */
	clock_add(&c, REAL, MONO);
	clock_add(&c, REAL + SEC + 100000, MONO + SEC);
	CHECK(clock_monotonic(&c, REAL + (SEC + 100000) / 2) == MONO + SEC / 2);
	CHECK(clock_monotonic(&c, REAL + SEC + 100000) == MONO + SEC);
	/* Outside: the nearest reading's offset. */
	CHECK(clock_monotonic(&c, REAL + SEC + 100500) == MONO + SEC + 500);
	clock_release(&c);
}

TEST(clock_straight_readings_take_no_memory)
{
	struct clock_map c = { 0 };

	for (uint64_t i = 0; i < 1000000; i++)
		clock_add(&c, REAL + i * 200000000 + i * 37, MONO + i * 200000000);
	CHECK(c.n <= 4);
	for (uint64_t i = 0; i < 1000000; i += 9973)
		CHECK(apart(clock_monotonic(&c, REAL + i * 200000000 + i * 37),
			    MONO + i * 200000000) <= 1000);
	clock_release(&c);
}

TEST(clock_bends_are_kept_to_a_microsecond)
{
	struct clock_map c = { 0 };
	uint64_t real = REAL, n = 20000;

	/* The rate turns at every 1000 readings between +50 and -50 ppm. */
	for (uint64_t i = 0; i < n; i++) {
		clock_add(&c, real, MONO + i * 200000000);
		real += 200000000 + (uint64_t)(i / 1000 % 2 ? -10000 : 10000);
	}
	real = REAL;
	for (uint64_t i = 0; i < n; i++) {
		CHECK(apart(clock_monotonic(&c, real), MONO + i * 200000000) <= 2000);
		real += 200000000 + (uint64_t)(i / 1000 % 2 ? -10000 : 10000);
	}
	CHECK(c.n < 100);
	clock_release(&c);
}

TEST(clock_noise_stays_bounded)
{
	struct clock_map c = { 0 };

	for (uint64_t i = 0; i < 300000; i++)
		clock_add(&c, REAL + i * 1000000 + (i * 7919 % 100) * 100, MONO + i * 1000000);
	CHECK(c.n <= 65536);
	CHECK(apart(clock_monotonic(&c, REAL + 150000 * 1000000ull), MONO + 150000 * 1000000ull) <
	      20000);
	clock_release(&c);
}

TEST(clock_step_forward_is_not_smeared)
{
	struct clock_map c = { 0 };

	clock_add(&c, REAL, MONO);
	clock_add(&c, REAL + SEC, MONO + SEC);
	clock_add(&c, REAL + 12 * SEC, MONO + 2 * SEC); /* ten seconds forward */
	clock_add(&c, REAL + 13 * SEC, MONO + 3 * SEC);
	CHECK(c.steps == 1);
	CHECK(clock_monotonic(&c, REAL + SEC / 2) == MONO + SEC / 2);
	CHECK(clock_monotonic(&c, REAL + SEC + 5) == MONO + SEC + 5);
	CHECK(clock_monotonic(&c, REAL + 12 * SEC + 5) == MONO + 2 * SEC + 5);
	clock_release(&c);
}

TEST(clock_step_backward)
{
	struct clock_map c = { 0 };

	clock_add(&c, REAL, MONO);
	clock_add(&c, REAL + SEC, MONO + SEC);
	clock_add(&c, REAL - 8 * SEC, MONO + 2 * SEC); /* ten seconds back */
	clock_add(&c, REAL - 7 * SEC, MONO + 3 * SEC);
	CHECK(c.steps == 1);
	CHECK(clock_monotonic(&c, REAL - 8 * SEC + 5) == MONO + 2 * SEC + 5);
	CHECK(clock_monotonic(&c, REAL - 7 * SEC) == MONO + 3 * SEC);
	clock_release(&c);
}

TEST(clock_disordered_readings_are_ignored)
{
	struct clock_map c = { 0 };

	clock_add(&c, REAL + SEC, MONO + SEC);
	clock_add(&c, REAL, MONO);
	CHECK(c.n == 1 && c.disordered == 1);
	CHECK(clock_realtime(&c, MONO + SEC) == REAL + SEC);
	clock_release(&c);
}
