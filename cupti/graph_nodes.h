/*
 * graph_nodes: nodes of executable graphs that are set one by one, some dozen before each replay in some
 * programs (XLA), mostly to the kernel that they have. One GRAPH record for each; where the calls are seen without CUPTI
 * (level churn) those that name no other kernel are only counted, and told together by the flush thread.
 *
 * On the application's threads, but for graph_nodes_tell_all().
 */
#ifndef JITNESS_CUPTI_GRAPH_NODES_H
#define JITNESS_CUPTI_GRAPH_NODES_H

#include <stdbool.h>
#include <stdint.h>

#include "cupti/calls.h"

struct exec;

#define GRAPH_NAME_CUT 4096 /* of a kernel's name goes into a record */

/* The kernel that a function or a library's kernel is; NULL: it has no name that we can learn. */
const char *graph_kernel_name(CUfunction func, CUkernel kern);

/* What was told of nodes holds no longer: a whole graph is listed, a module unloaded, or a trace begins. */
void graph_nodes_forget(void);

/* EXIT of a CALL_SET_NODE. */
void graph_nodes_exit(const struct call_frame *frame, const CUpti_CallbackData *data, uint64_t end_ns);

/*
 * Before such a call: the executable whose node has this kernel already, as the trace knows, and what counts the call
 * when it has succeeded. NULL: it needs its record. No driver call; errno is kept.
 */
struct exec *graph_nodes_same(uint32_t cbid, const void *params);
void graph_nodes_count(struct exec *e);

/* Tells what was counted: of one executable, before any other record of it; of all, on the flush thread. */
void graph_nodes_tell(struct exec *e); /* NULL: nothing */
void graph_nodes_tell_all(void);

#endif
