/*
 * bench_launch [LAUNCHES]: what one launch costs in the application's thread: the two callbacks (ENTER
 * and EXIT) with the row that the second one leaves in the journal, called as CUPTI calls them but
 * without CUPTI, which has its own cost. Prints ns of a launch; under callgrind with
 * --toggle-collect=callbacks_receive the instructions are those of the callbacks alone
 * (tools/bench/bench.py). At most 50000, the default: the journal is not emptied meanwhile.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/unit/fake_driver.h"

#define MOST 50000u

_Noreturn void unit_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "bench_launch: %s:%d: %s\n", file, line, what);
	exit(1);
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

static void launch(uint32_t corr)
{
	cuLaunchKernel_params p = { .f = HANDLE(CUfunction, 5) };

	DRIVER(ENTER, cuLaunchKernel, corr, &p, 0);
	DRIVER(EXIT, cuLaunchKernel, corr, &p, 0);
}

int main(int argc, char **argv)
{
	unsigned n = argc > 1 ? (unsigned)atoi(argv[1]) : MOST;
	double start;

	if (!n || n > MOST)
		n = MOST;
	recording();
	start = now_ns();
	for (uint32_t i = 1; i <= n; i++)
		launch(i);
	printf("%.1f ns a launch\n", (now_ns() - start) / n);
	return emit_launches() == n ? 0 : 1; /* else rows were dropped */
}
