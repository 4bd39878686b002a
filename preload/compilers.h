/*
 * compilers: calls of NVRTC, nvJitLink, libNVVM and nvPTXCompiler inside the process, as
 * COMPILE and CODE records. Seen through symbols of the same name (callers that link the library)
 * and through dlsym (callers that load it): preload/README.md.
 */
#ifndef JITNESS_PRELOAD_COMPILERS_H
#define JITNESS_PRELOAD_COMPILERS_H

#include <stdbool.h>

/* Constructor: JITNESS_DLSYM. Before it dlsym passes through untouched. */
void compilers_load(bool hook_dlsym);

#endif
