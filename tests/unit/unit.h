/*
 * unit: tests that register themselves. Each runs in a process of its own: a crash
 * is one "not ok" and the others go on.
 */
#ifndef JITNESS_TESTS_UNIT_H
#define JITNESS_TESTS_UNIT_H

struct unit_test {
	const char *name;
	void (*run)(void);
	enum unit_threads { UNIT_ONE_THREAD, UNIT_THREADS, UNIT_READS } threads;
};

#define TEST_OF(id, threads)                                                              \
	static void test_##id(void);                                                      \
	static const struct unit_test unit_test_##id = { #id, test_##id, threads };       \
	static const struct unit_test *const unit_entry_##id                              \
		__attribute__((used, section("unit_tests"))) = &unit_test_##id;           \
	static void test_##id(void)

#define TEST(id) TEST_OF(id, UNIT_ONE_THREAD)

/* With several threads: VARIANT=tsan runs these alone. A TEST() that starts a thread fails. */
#define TEST_THREADS(id) TEST_OF(id, UNIT_THREADS)

/* Large traces: the reader starts a thread of its own, which has its TEST_THREADS() in t_ahead.c. */
#define TEST_READS(id) TEST_OF(id, UNIT_READS)

/* Ends the test as failed. */
#define CHECK(cond)                                              \
	do {                                                     \
		if (!(cond))                                     \
			unit_fail(__FILE__, __LINE__, #cond);    \
	} while (0)

_Noreturn void unit_fail(const char *file, int line, const char *what);

/* Ends the test as skipped, with the reason. */
_Noreturn void unit_skip(const char *why);

#endif
