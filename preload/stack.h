/*
 * stack: who called. Takes the native and the Python call stack of the calling thread
 * as ids of FRAME records (trace/event.h), for module loads, compiler calls and
 * graph instantiations; never for launches.
 *
 * Takes no lock that the host can hold: not the loader's, not Python's GIL. Allocates
 * nothing from malloc, keeps errno, never fails the host: what cannot be read safely is left out.
 */
#ifndef JITNESS_PRELOAD_STACK_H
#define JITNESS_PRELOAD_STACK_H

#include <stdbool.h>
#include <stdint.h>

#include "cupti/session.h"

enum stack_mode { STACKS_OFF, STACKS_NATIVE, STACKS_PYTHON, STACKS_ALL }; /* JITNESS_STACKS */

/*
 * Once, inside cuInit, after emit_start(). Says in INFO "stacks" (and "python") what will be
 * recorded and why something is not. redact: paths in their shareable form.
 */
void stack_start(enum stack_mode mode, bool redact);

/* Any application thread, at ENTER or EXIT of an API call. *ret is {0, 0} when nothing is known. */
void stack_take(struct stack_ids *ret);

/* Flush thread, now and then: an interpreter that was loaded after cuInit. */
void stack_poll(void);

#endif
