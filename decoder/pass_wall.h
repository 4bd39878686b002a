/*
 * pass_wall: when a pass begins for whoever waits for it. Its first launch comes late: Python prepares it, a compiler
 * works for it. The wall begins at the end of what the thread did before (its last wait, launch or pass) when
 *  - the pass is a decode step, or has one in it (mixed), or is among steps without a label and follows soon: a
 *    step begins when the token before it is there, nothing else can be waited for. Then with the end of the pass before,
 *    whatever else the thread waited for since, unless that took longer than twice the rest of the step;
 *  - the thread compiled, or recorded a graph, in between: of tracing a program in Python only the end is to be seen,
 *    the first compiler process or load;
 *  - the thread went on at once: after WALL_AT_ONCE_NS, or a tenth of the pass, at most; where the pass begins with the copy of
 *    its input, or changes of the graph that it replays, after WALL_TO_COPY_NS: what takes longer before that is no work for it.
 * Else it begins with the first load of shipped code in between, and without one with the first launch: a thread that
 * waits for a request does nothing either, and its idling is no latency.
 *
 * Times ns of CLOCK_REALTIME. No errors; one thread.
 */
#ifndef JITNESS_DECODER_PASS_WALL_H
#define JITNESS_DECODER_PASS_WALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pass_seq;

/* A longer pause of a short pass may be a request that had not come yet: what a step of Python takes at most. */
#define WALL_AT_ONCE_NS 600000u
#define WALL_TO_COPY_NS 500000u

/* A call of an episode that held a thread: a load, a compiler, a compiler process, a recording. */
struct pass_hold {
	uint64_t start, end;
	uint32_t tid;
	bool made; /* code was made for it: compiled, or found in a compiler's cache, or recorded; not shipped code */
};

/* By start. *ret must be freed. */
struct pass_holds {
	struct pass_hold *list;
	size_t n;
};

/* Sets wall_start and host_gap_ns of the passes of one thread, in time, after their labels. */
void pass_walls_find(const struct pass_seq *s, const struct pass_holds *holds);

#endif
