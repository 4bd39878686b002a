#include "tests/unit/unit.h"

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

/* exit(), not _exit(): the leak checker runs there. */
static _Noreturn void run_child(const struct unit_test *t)
{
	running = t->name;
	alarm(TIMEOUT_S);
	t->run();
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

/* unit [PART-OF-NAME...] */
int main(int argc, char **argv)
{
	const struct unit_test *const *t;
	int failed = 0, run = 0;

	for (t = __start_unit_tests; t < __stop_unit_tests; t++) {
		if (!wanted((*t)->name, argc, argv))
			continue;
		run++;
		failed += !run_one(*t);
	}
	if (!run)
		fputs("unit: no test of that name\n", stderr);
	return failed || !run;
}
