/*
 * bench_dlsym: what the dlsym hook costs a caller who asks for something else. ns of a dlsym call, the
 * fastest of ROUNDS rounds, for names that the first character lets through and for
 * names that need a second look. Run it with and without the tracer:
 *   gcc -O2 -o bench_dlsym tools/bench/bench_dlsym.c && ./bench_dlsym
 *   LD_PRELOAD=build/release/libjitness.so JITNESS_OUT=/tmp/x JITNESS_DLSYM=1 ./bench_dlsym
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

enum { ROUNDS = 20, CALLS = 20000 };

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double fastest(void *handle, const char *name)
{
	uint64_t best = UINT64_MAX;

	for (int r = 0; r < ROUNDS; r++) {
		uint64_t start = now(), ns;

		for (int i = 0; i < CALLS; i++)
			if (!dlsym(handle, name))
				return -1;
		ns = now() - start;
		if (ns < best)
			best = ns;
	}
	return (double)best / CALLS;
}

int main(void)
{
	static const char *const names[] = { "malloc", "nanosleep", "__errno_location" };
	void *libc = dlopen("libc.so.6", RTLD_NOW);

	for (int i = 0; i < 3; i++)
		printf("%-18s handle %6.1f ns   RTLD_DEFAULT %6.1f ns\n", names[i],
		       fastest(libc, names[i]), fastest(RTLD_DEFAULT, names[i]));
	return 0;
}
