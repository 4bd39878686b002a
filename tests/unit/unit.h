/*
 * unit: tests that register themselves. Each runs in a process of its own: a crash
 * is one "not ok" and the others go on.
 */
#ifndef JITNESS_TESTS_UNIT_H
#define JITNESS_TESTS_UNIT_H

struct unit_test {
	const char *name;
	void (*run)(void);
};

#define TEST(id)                                                                          \
	static void test_##id(void);                                                      \
	static const struct unit_test unit_test_##id = { #id, test_##id };                \
	static const struct unit_test *const unit_entry_##id                              \
		__attribute__((used, section("unit_tests"))) = &unit_test_##id;           \
	static void test_##id(void)

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
