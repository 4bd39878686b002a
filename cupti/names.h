/*
 * names: kernel names as STRING records. The key is the name's bytes: CUPTI's
 * pointers are reused after a module was unloaded and reloaded.
 *
 * Drain thread only. Memory is mapped once and bounded; when it is used up, or the
 * STRING record does not fit into the journal, the id is 0 (unknown).
 */
#ifndef JITNESS_CUPTI_NAMES_H
#define JITNESS_CUPTI_NAMES_H

#include <stdbool.h>
#include <stdint.h>

/* Forgets every name, but goes on counting ids. 0, or -1 with errno. */
int names_reset(void);

/*
 * Id of this name; emits the STRING record on first use, on the calling thread's lane.
 * 0 for NULL and on failure; *ret_full is set to true when memory was the reason.
 */
uint32_t names_id(const char *name, bool *ret_full);

#endif
