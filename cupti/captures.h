/*
 * captures: stream captures, from BeginCapture to EndCapture. One GRAPH record with op
 * CAPTURE for each EndCapture, also for one that failed: start is when the capture began, end
 * when EndCapture returned, source_graph is the graph it made; what is in it is counted, not
 * named (its instantiation names the kernels).
 *
 * On the application's threads at EXIT of the calls. No lock, no allocation of our own but
 * the listing's (graphs.h). Captures that go on at a time: 64; of more the start is
 * not known and EndCapture's is told.
 */
#ifndef JITNESS_CUPTI_CAPTURES_H
#define JITNESS_CUPTI_CAPTURES_H

#include <stdint.h>

#include "cupti/calls.h"

/* Before any callback: forgets what a forked child's parent was capturing. */
void captures_start(void);

/* EXIT of a CALL_CAPTURE_BEGIN. */
void captures_begin_exit(const struct call_frame *frame, const CUpti_CallbackData *data);

/* EXIT of a CALL_CAPTURE_END: emits GRAPH. */
void captures_end_exit(const struct call_frame *frame, const CUpti_CallbackData *data,
		       uint64_t end_ns);

#endif
