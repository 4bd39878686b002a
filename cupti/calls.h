/*
 * calls: the API calls we have callbacks on, and those a thread is in.
 * Driver calls only: a runtime launch, graph launch, instantiate or update passes through
 * the driver's call with the same correlation id (seen with CUDA 13.0, static and shared
 * cudart), so that one pair of callbacks tells each once.
 */
#ifndef JITNESS_CUPTI_CALLS_H
#define JITNESS_CUPTI_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include <cupti.h>

#include "cupti/session.h"
#include "trace/event.h"

enum call_class {
	CALL_NONE,
	CALL_LAUNCH, /* kernels and graphs: one LAUNCH record */
	CALL_LOAD,   /* brings code in: one LOAD record */
	CALL_LOOKUP, /* no record and no time, but modules may be loaded inside it */
	CALL_GRAPH,  /* instantiate, update: GRAPH records */
	CALL_SET_NODE, /* update of one node: one GRAPH record, before each replay in some programs */
	CALL_CAPTURE_BEGIN, /* its time is kept for the end */
	CALL_CAPTURE_END,   /* one GRAPH record */
	CALL_SYNC,   /* the host waits: one SYNC record */
};

/* What takes a stack; NULL: none are taken. Before any callback. */
void calls_start(void (*stack)(struct stack_ids *ret));

/* The stack of this thread, zeros when none are taken. In API callbacks only. */
void calls_stack(struct stack_ids *ret);

struct call {
	uint16_t api;  /* enum api_id */
	uint8_t class; /* enum call_class */
	bool stack;    /* the caller's stack is taken at ENTER; never for a launch */
};

/*
 * NULL for a driver call that we do not follow, and for what is no driver call; cbid <
 * CUPTI_DRIVER_TRACE_CBID_SIZE is worth asking for.
 */
const struct call *call_of(CUpti_CallbackId cbid);

/* Thread-local: kept small. */
struct call_frame {
	uint64_t start_ns;      /* of a look-up anything */
	struct stack_ids stack; /* when call_of(cbid)->stack, else anything */
	const void *image;      /* of a load: what it was given; NULL: a file, or not to be known */
	uint32_t corr;
	uint16_t cbid;
	uint16_t api;
	uint8_t class;
};

#endif
