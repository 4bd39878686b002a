/*
 * execs: the executable graphs that are alive, by the id that rows carry: how often each was changed, and how many
 * sets of nodes were only counted (graph_nodes.h).
 *
 * Any thread, no lock, no allocation after execs_start(). An executable is made, changed and
 * destroyed by calls that the application orders.
 */
#ifndef JITNESS_CUPTI_EXECS_H
#define JITNESS_CUPTI_EXECS_H

#include <stdatomic.h>
#include <stdint.h>

struct exec {
	_Atomic uint32_t id;      /* 0: free (ids start at 1) */
	_Atomic uint32_t version; /* 0 when instantiated, one more with each change */
	_Atomic uint64_t sets;    /* counted and not told yet */
};

/* Again in a forked child: forgets all. 0, or -1 with errno: then every version is 0. */
int execs_start(void);

/* A new one. With too many alive (8192) it is not found again. */
void execs_add(uint32_t id);
void exec_remove(struct exec *e); /* NULL: nothing */

/* NULL: not known. Stays valid memory; the executable must be alive. */
struct exec *execs_find(uint32_t id);
/* All there is room for, from 0 on; NULL: no more. */
struct exec *execs_nth(uint32_t i);

/* e may be NULL: then the version is 0. */
uint32_t exec_version(const struct exec *e);
uint32_t exec_changed(struct exec *e, uint32_t times); /* the new one */

#endif
