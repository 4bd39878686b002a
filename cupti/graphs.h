/*
 * graphs: what is inside an executable graph. One GRAPH record for each
 * instantiate, update and destroy, and GRAPH_KERNEL rows naming the
 * kernels, so that a replay needs a single record (level `graph`). Node by node: graph_nodes.h.
 *
 * On the application's thread at EXIT of the API call, with a mapped scratch of
 * bounded size that is released before returning; graphs_destroyed() from a resource
 * callback makes no CUDA call.
 */
#ifndef JITNESS_CUPTI_GRAPHS_H
#define JITNESS_CUPTI_GRAPHS_H

#include <stdbool.h>
#include <stdint.h>

#include "cupti/calls.h"

/* Before any callback. 0, or -1 with errno: then every version is 0. */
int graphs_start(void);

/* EXIT of a CALL_GRAPH. */
void graphs_exit(const struct call_frame *frame, const CUpti_CallbackData *data,
		 uint64_t end_ns);

/* Fills GRAPH_SOURCE_GRAPH, _NODES, _KERNEL_NODES and _UNLISTED of a row; names nothing. */
void graphs_count(CUgraph graph, uint64_t *row);

/* An executable graph, by its id, is destroyed: emits GRAPH. */
void graphs_ended(uint32_t exec);

/* RESOURCE callback GRAPHEXEC_DESTROY_STARTING. */
void graphs_destroyed(const CUpti_ResourceData *data);

#endif
