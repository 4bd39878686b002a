/*
 * programs: the names that applications gave to the programs they let a library compile, by
 * handle, from creation to destruction.
 *
 * A static table without locks or allocation. When it is full a name is not kept: its COMPILE
 * has none. A name that is read while its program is being destroyed may be a torn one.
 */
#ifndef JITNESS_PRELOAD_PROGRAMS_H
#define JITNESS_PRELOAD_PROGRAMS_H

#include <stddef.h>
#include <stdint.h>

#define PROGRAM_NAME_MAX 120 /* with its NUL; longer names are cut */

/* name may be NULL: then an older one of the same handle is forgotten. */
void program_remember(uint64_t handle, const char *name);
void program_forget(uint64_t handle);

/* Copies the name, NUL-terminated, "" when there is none; returns its length. */
size_t program_name(char ret[PROGRAM_NAME_MAX], uint64_t handle);

#endif
