/* clock: simulated time is CLOCK_REALTIME, the clock of CUPTI's records. */
#ifndef JITNESS_SIM_CLOCK_H
#define JITNESS_SIM_CLOCK_H

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <time.h>

static inline uint64_t clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Burns host time as a driver does; never sleeps. */
static inline void clock_spin(uint64_t ns)
{
	if (!ns)
		return;
	for (uint64_t until = clock_now() + ns; clock_now() < until;)
		__builtin_ia32_pause();
}

/* Waits until the clock shows `until`: sleeps when it is far, yields when it is near. */
static inline void clock_wait(uint64_t until)
{
	int saved = errno;

	for (uint64_t now; (now = clock_now()) < until;) {
		if (until - now < 100000) {
			sched_yield();
			continue;
		}
		uint64_t ns = until - now - 60000;
		struct timespec t = { (time_t)(ns / 1000000000u), (long)(ns % 1000000000u) };
		clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
	}
	errno = saved;
}

#endif
