/*
 * dlsym: the hook that sees compiler libraries found at run time (ctypes, CuPy, XLA), and at level
 * churn the driver's functions.
 *
 * The exported dlsym is a few instructions that jump to the real one, so that RTLD_NEXT and
 * RTLD_DEFAULT mean what they mean to its caller. Only for a name of compiler_calls.h or entry_list.h it looks
 * closer, and only when JITNESS_DLSYM is on. x86_64 and aarch64; elsewhere there is no hook.
 * dlvsym is not hooked. Works before the constructor.
 */
#ifndef JITNESS_PRELOAD_DLSYM_H
#define JITNESS_PRELOAD_DLSYM_H

#include <stdbool.h>

/*
 * Constructor: from now on dlsym gives wrappers for the functions of compiler_calls.h, and for the
 * driver's while they are followed (entry_points.h).
 */
void dlsym_follow(bool on);

/* What comes behind this library in the global scope: dlsym(RTLD_NEXT, name) past the hook. */
void *dlsym_next_to_us(const char *name);

#endif
