/*
 * entry_calls: between entry_points.c and entry_hooks.c, which makes the functions themselves and
 * cannot include <cupti.h> beside every version of <cuda.h>.
 */
#ifndef JITNESS_CUPTI_ENTRY_CALLS_H
#define JITNESS_CUPTI_ENTRY_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include <cuda.h>

#include "cupti/entry_list.h"

enum entry_id {
#define E(name, params, args) ENTRY_##name,
	ENTRY_FOLLOWED(E) ENTRY_ASKED(E)
#undef E
	ENTRY_COUNT
};

/* One call; on the stack of the function that was called. */
struct entry_call {
	const void *params; /* as CUPTI's functionParams */
	uint64_t start_ns;  /* of an object's call */
	CUresult result;    /* filled between ENTER and EXIT */
	uint32_t cbid;      /* CUpti_driver_api_trace_cbid */
	uint32_t corr;      /* 0: a call that makes or ends an object, and no `struct call` */
	uint32_t id, owner; /* of the object that such a call ends */
	struct exec *same;  /* whose node is set to the kernel it has: only counted (graph_nodes.h) */
};

/* False: forward and nothing else. here: this function's frame. */
bool entry_enter(struct entry_call *c, uint32_t cbid, const void *params, const void *here);
CUresult entry_exit(struct entry_call *c);

/* libcuda's function, which a wrapper forwards to: there is one once a wrapper was given out. */
void *entry_real(enum entry_id id);

/* The function that a call of an export was meant for; NULL: entry_missing() is the answer. */
void *entry_meant(enum entry_id id, const void *caller);
CUresult entry_missing(void);

/* What cuGetProcAddress answered to this question: *pfn becomes ours where it is known. */
void entry_answered(const char *symbol, void **pfn);

/* The wrapper of this function. */
void *entry_wrapper(enum entry_id id);

#endif
