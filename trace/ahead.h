/*
 * ahead: a thread that reads, checks, unpacks and decodes the next frames of a trace while the
 * caller works on the present one. What comes out is what the caller would have got without it,
 * in the same order. Offline only: it allocates. One caller at a time.
 *
 * Memory: AHEAD_FRAMES bodies (FRAME_BODY_MAX each at most, 0.2 MiB usually) and the decoded
 * columns of AHEAD_SECTIONS sections for each; 10 to 15 MiB in all for what the tracer writes.
 */
#ifndef JITNESS_TRACE_AHEAD_H
#define JITNESS_TRACE_AHEAD_H

#include "trace/frame_reader.h"

#define AHEAD_FRAMES   4  /* with the caller's own */
#define AHEAD_SECTIONS 16 /* of a frame; those after them are left to the caller */

/* A frame; all-zero is an empty one. */
struct ahead_frame {
	struct section section[AHEAD_SECTIONS]; /* its first n_sections, decoded */
	unsigned n_sections;
	struct frame_body body;     /* stands behind those */
	struct frame_counts counts; /* with this frame, or at the end */
};

struct ahead;

/*
 * Starts the thread; f is its own until ahead_end(), w is copied. NULL when this process may use one CPU
 * only, or no memory or thread is to be had: f is the caller's as before.
 */
struct ahead *ahead_start(struct frame_reader *f, const struct frame_want *w);

/*
 * What frame_reader_next() returns, errno included. *ret is set always: valid until the next call,
 * its body to be read by the caller. After 0 or an error ahead_end() has to follow.
 */
int ahead_next(struct ahead *a, struct ahead_frame **ret);

/*
 * Waits for the thread, for one frame at most, and forgets what it has read further than
 * the caller. Keeps errno. NULL is fine.
 */
void ahead_end(struct ahead *a);

#endif
