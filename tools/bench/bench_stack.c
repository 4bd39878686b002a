/*
 * bench_stack: what one native stack costs. Prints ns of stack_take() at depths of about 10, 36
 * and 60, for the first call at that depth (cold: tables and frames not yet seen) and for later
 * ones (median and 99th percentile of 2000). Usage: bench_stack [map]: as on glibc before 2.35.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cupti/emit.h"
#include "preload/frames.h"
#include "preload/objects.h"
#include "preload/stack.h"
#include "preload/unwind.h"
#include "trace/journal.h"

#define ROUNDS 2000

static struct stack_ids ids;
static uint64_t took_ns;
static unsigned frames;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void take(void)
{
	uint64_t start = now_ns();

	stack_take(&ids);
	took_ns = now_ns() - start;
}

static void count(void)
{
	struct unwind_frame frame[UNWIND_MAX];

	frames = unwind_take(frame, UNWIND_MAX, NULL);
}

static void (*innermost)(void) = take;

/* Three shapes of frames, and a library between every few of them, as bindings have. */
static void descend(unsigned depth);

static int compare_descends(const void *a, const void *b)
{
	(void)b;
	descend(**(unsigned *const *)a);
	return 0;
}

static __attribute__((noinline)) void descend_wide(unsigned depth)
{
	volatile char room[700];

	room[0] = (char)depth;
	descend(depth - 1);
	__asm__ volatile("" ::"r"(room) : "memory");
}

static __attribute__((noinline)) void descend(unsigned depth)
{
	unsigned left = depth - 1, *pair[2] = { &left, &left };

	if (!depth)
		innermost();
	else if (depth % 9 == 8 && depth > 4) {
		left = depth - 4; /* bsearch() and the comparison are frames too */
		bsearch(pair, pair, 1, sizeof(*pair), compare_descends);
	} else if (depth % 2)
		descend_wide(depth);
	else
		descend(depth - 1);
	__asm__ volatile("" ::: "memory");
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int main(int argc, char **argv)
{
	static uint64_t ns[ROUNDS];
	static struct journal journal = JOURNAL_INIT;
	static const unsigned depths[] = { 10, 36, 60 };
	char dir[] = "/tmp/bench-stack-XXXXXX";
	uint64_t first;
	int fd;

	if (!mkdtemp(dir) || (fd = open(dir, O_RDONLY | O_DIRECTORY)) < 0 ||
	    journal_create(&journal, fd, "j", 16u << 20) || emit_start(&journal))
		return 1;
	unlinkat(fd, "j", 0);
	rmdir(dir);
	stack_start(STACKS_NATIVE, false);
	if (argc > 1 && !strcmp(argv[1], "map"))
		objects_start(false, true);
	printf("%6s %10s %10s %10s\n", "depth", "first ns", "median ns", "p99 ns");
	for (unsigned d = 0; d < sizeof(depths) / sizeof(*depths); d++) {
		descend(depths[d] - 5);
		first = took_ns;
		innermost = count;
		descend(depths[d] - 5);
		innermost = take;
		for (unsigned i = 0; i < ROUNDS; i++) {
			descend(depths[d] - 5);
			ns[i] = took_ns;
		}
		qsort(ns, ROUNDS, sizeof(*ns), compare);
		printf("%6u %10llu %10llu %10llu\n", frames, (unsigned long long)first,
		       (unsigned long long)ns[ROUNDS / 2],
		       (unsigned long long)ns[ROUNDS * 99 / 100]);
	}
	return !ids.native;
}
