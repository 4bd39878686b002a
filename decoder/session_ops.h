/* session_ops: the operations of one process of a session; reads its trace once more. */
#ifndef JITNESS_DECODER_SESSION_OPS_H
#define JITNESS_DECODER_SESSION_OPS_H

#include <stddef.h>

#include "decoder/op_stream.h"

struct session;

/*
 * Of s->list[process]; stride: of op_stream_run(). EXIT_OK, or another exit code after one sentence from
 * `command`, with what could be read given out (*ret is filled in any case).
 */
int session_ops(const struct session *s, const char *command, size_t process, uint64_t stride, op_fn fn,
		void *arg, struct op_stream_status *ret);

#endif
