/*
 * pass_after: what a thread launches after a replay without waiting for it: does it belong to the pass of the
 * replay (the head of the model, the choice of a token), or is it the next one's? Learned in the first
 * reading, by symbol: what mostly follows at once belongs to it, and a pause there was a hiccup of the host.
 *
 * No errors; one thread.
 */
#ifndef JITNESS_DECODER_PASS_AFTER_H
#define JITNESS_DECODER_PASS_AFTER_H

#include <stdbool.h>
#include <stdint.h>

#define REPLAY_APART_NS 100000u /* pauses are as long, or longer */

#define PASS_AFTER_MAX 8u /* symbols; few follow a replay */
struct pass_after {
	struct {
		uint32_t sym, at_once, apart; /* launches of it: without a pause, with one */
	} list[PASS_AFTER_MAX];
	uint32_t n;
};

/* The launch at host_start, after the host's pause, came when the replay was done. */
static inline bool pass_paused(uint32_t pause_ns, uint64_t host_start, uint64_t gpu_end)
{
	return pause_ns >= REPLAY_APART_NS && host_start > gpu_end;
}

void pass_after_note(struct pass_after *a, uint32_t sym, bool paused);

/* Nothing is known of it: it does when there is no pause. */
bool pass_after_joins(const struct pass_after *a, uint32_t sym, bool paused);

#endif
