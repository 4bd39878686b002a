#include "tests/unit/unit.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SKIPPED 77
#define TIMEOUT_S 300 /* the longest takes seconds; sanitizers make it a minute */

extern const struct unit_test *const __start_unit_tests[], *const __stop_unit_tests[];

static const char *running;

void unit_fail(const char *file, int line, const char *what)
{
	printf("not ok %s: %s:%d: %s\n", running, file, line, what);
	fflush(stdout);
	_exit(1);
}

void unit_skip(const char *why)
{
	printf("skip %s: %s\n", running, why);
	fflush(stdout);
	_exit(SKIPPED);
}

static atomic_bool thread_started;

/* The executable's comes before libc's and the sanitizers'. */
int pthread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
	int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) =
		(__typeof__(real))dlsym(RTLD_NEXT, "pthread_create");

	atomic_store(&thread_started, true);
	return real(ret, attr, run, arg);
}

/* exit(), not _exit(): the leak checker runs there. */
static _Noreturn void run_child(const struct unit_test *t)
{
	running = t->name;
	alarm(TIMEOUT_S);
	t->run();
	if (atomic_load(&thread_started) && !t->threads)
		unit_fail(__FILE__, __LINE__, "it starts threads: make it TEST_THREADS()");
	exit(0);
}

/* 1: passed or skipped. */
static int run_one(const struct unit_test *t)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		run_child(t);
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		printf("not ok %s: cannot run\n", t->name);
		return 0;
	}
	if (WIFSIGNALED(status))
		printf("not ok %s: signal %d\n", t->name, WTERMSIG(status));
	else if (WEXITSTATUS(status) == 0)
		printf("ok %s\n", t->name);
	else if (WEXITSTATUS(status) > 1 && WEXITSTATUS(status) != SKIPPED)
		printf("not ok %s: exit status %d\n", t->name, WEXITSTATUS(status));
	return WIFEXITED(status) && (!WEXITSTATUS(status) || WEXITSTATUS(status) == SKIPPED);
}

static int wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strstr(name, argv[i]))
			return 1;
	return argc < 2;
}

/* unit [--threads] [PART-OF-NAME...]; --threads: of TEST_THREADS() only */
int main(int argc, char **argv)
{
	bool threads_only = argc > 1 && !strcmp(argv[1], "--threads");
	const struct unit_test *const *t;
	int failed = 0, run = 0;

	for (t = __start_unit_tests; t < __stop_unit_tests; t++) {
		if ((threads_only && (*t)->threads != UNIT_THREADS) ||
		    !wanted((*t)->name, argc - threads_only, argv + threads_only))
			continue;
		run++;
		failed += !run_one(*t);
	}
	if (!run)
		fputs("unit: no test of that name\n", stderr);
	return failed || !run;
}
