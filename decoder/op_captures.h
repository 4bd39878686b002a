/*
 * op_captures: was a launch recorded into a graph instead of run? Streams are captured between two
 * calls of one thread; what that thread launches meanwhile without a GPU record was captured.
 * Other threads may launch into the same capture (autograd does): they are believed only where the
 * trace lost nothing. Times: ns of CLOCK_REALTIME. Memory: 48 bytes a capture. No errors; one
 * thread.
 */
#ifndef JITNESS_DECODER_OP_CAPTURES_H
#define JITNESS_DECODER_OP_CAPTURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct process;

struct op_captures {
	struct op_capture {
		uint64_t start, end;
		uint32_t tid; /* 0: any */
	} *list;      /* by thread and start; of one thread they do not overlap */
	size_t n;
	bool any;     /* the windows of all threads together are listed, too, as thread 0 */
};

void op_captures_init(struct op_captures *c, const struct process *p);
bool op_captures_cover(const struct op_captures *c, uint32_t tid, uint64_t time);
void op_captures_release(struct op_captures *c);

#endif
