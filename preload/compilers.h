/*
 * compilers: calls of NVRTC, nvJitLink, libNVVM and nvPTXCompiler inside the process, as
 * COMPILE and CODE records. Seen through symbols of the same name (callers that link the library)
 * and through dlsym (callers that load it): preload/README.md.
 *
 * A call is forwarded with its words as they came, to the function the caller meant, with
 * tracing on or off. Allocates nothing, keeps errno. Any thread, also before the constructor.
 */
#ifndef JITNESS_PRELOAD_COMPILERS_H
#define JITNESS_PRELOAD_COMPILERS_H

#include <stdbool.h>

#include "preload/compiler_calls.h"

/* Constructor: JITNESS_DLSYM. Before it dlsym passes through untouched. */
void compilers_load(bool hook_dlsym, bool redact);

/* Inside cuInit, after stack_start(): emits what happened before. stacks: JITNESS_STACKS. */
void compilers_started(bool stacks);

/*
 * A function to hand out in place of `real`, found under the name `symbol`; real itself when too
 * many copies of the library are loaded.
 */
void *compilers_wrap(enum call_id id, const char *symbol, void *real);

/* --- between compilers.c and compiler_hooks.c, which makes the functions */

/* At most that many different functions of one kind are wrapped: copies times names. */
#define COMPILER_SLOTS 8

/* The words of a call; what it does not take is whatever the registers held. */
struct call_words {
	long word[6];
};

typedef long (*compiler_fn)(long, long, long, long, long, long);

/* A call of an exported function, and one of a wrapper that compilers_wrap() gave out. */
long compilers_exported(enum call_id id, const char *symbol, const void *caller,
			const struct call_words *w);
long compilers_wrapped(enum call_id id, unsigned slot, const struct call_words *w);

/* The wrapper of this kind and slot. */
compiler_fn compiler_hook(enum call_id id, unsigned slot);

#endif
