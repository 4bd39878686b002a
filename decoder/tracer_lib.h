/* tracer_lib: where libjitness.so is. */
#ifndef JITNESS_DECODER_TRACER_LIB_H
#define JITNESS_DECODER_TRACER_LIB_H

/*
 * Beside the command, in ../lib/jitness/ of it, or where JITNESS_LIB says. Absolute
 * path (caller frees), or NULL. JITNESS_LIB, when set, is the only one that is tried.
 */
char *tracer_lib_find(void);

/*
 * Value for LD_PRELOAD: lib before what is there already. NULL when the dynamic loader
 * could not read it: it splits the variable at spaces and colons. Caller frees.
 */
char *tracer_lib_preload(const char *lib, const char *before);

#endif
