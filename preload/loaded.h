/*
 * loaded: symbols of the libraries that are loaded, found without dlopen, dlsym or dladdr.
 * Those take the loader's main lock, allocate, replace the text that the host's next dlerror()
 * would give, and a lookup from here would see the scope of this library, not the caller's.
 *
 * Takes the lock of dl_iterate_phdr, which dlopen holds for a moment only. Allocates nothing,
 * keeps errno. Any thread; not from inside a callback of dl_iterate_phdr.
 */
#ifndef JITNESS_PRELOAD_LOADED_H
#define JITNESS_PRELOAD_LOADED_H

#include <stdbool.h>
#include <stdint.h>

/* Counts the libraries unloaded so far: what was found earlier holds while it stays the same. */
uint64_t loaded_generation(void);

/* Address of a symbol that the object holding `address` defines; NULL: none. */
void *loaded_beside(const void *address, const char *symbol);

/* Address of a symbol that the library of this soname defines; NULL: none, or it is not loaded. */
void *loaded_in(const char *soname, const char *symbol);

/* True when an object other than this library defines the symbol. */
bool loaded_anywhere(const char *symbol);

/* True when the address lies in this library. */
bool loaded_is_self(const void *address);

/*
 * The function that a call of `symbol` from the code at `caller` was meant for: this library
 * stood in the way of it, so only objects behind it are looked at. In this order: one that
 * the caller's object names as needed (or is itself); the only one there is; one that is needed by
 * an object that refers to the symbol (its address was taken there: libcaffe2_nvrtc.so); the
 * first. *ret_foreign (untouched when there is none): the first definition by an object that
 * is_library() denies, which may be another tool's hook.
 */
void *loaded_meant_by(const void *caller, const char *symbol, bool (*is_library)(const char *path),
		      void **ret_foreign);

#endif
