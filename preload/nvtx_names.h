/*
 * nvtx_names: what a program gave a name to in NVTX: domains and registered strings. Found again by
 * handle, which is ours, or another tool's when that came first and its answer is what the
 * program got.
 *
 * Memory is mapped once, touched when used; no locks, no allocation; any thread. Nothing is removed, so
 * what was found stays valid; a domain that was destroyed is used again for one of the same name.
 */
#ifndef JITNESS_PRELOAD_NVTX_NAMES_H
#define JITNESS_PRELOAD_NVTX_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wchar.h>

#define NVTX_TEXT_MAX    256  /* bytes of a text with its NUL; longer ones are cut */
#define NVTX_DOMAINS_MAX 512  /* later ones share one, "(more domains)" */
#define NVTX_STRINGS_MAX 65536 /* and 8 MiB: later ones read "(unknown string)" */

struct nvtx_attributes;

/* Maps the memory. Before all that follows; any thread, any number of times; false: there is none. */
bool nvtx_names_start(void);

/* Constructor, one thread. redact: a text with a slash is made shareable (trace/redact.h). */
void nvtx_names_load(bool redact);

/* UTF-8 of at most NVTX_TEXT_MAX - 1 bytes, cut between characters, NUL-terminated; its length. */
size_t nvtx_text(char out[NVTX_TEXT_MAX], const char *text);
size_t nvtx_text_wide(char out[NVTX_TEXT_MAX], const wchar_t *text);
/* The message of an event: by its type, or empty. */
size_t nvtx_text_of(char out[NVTX_TEXT_MAX], const struct nvtx_attributes *a);

/* A domain of this name; its handle, or `theirs` when that is not NULL. */
void *nvtx_domain_put(const char *name, void *theirs);
void nvtx_domain_drop(void *handle);
/* 0: the default domain (NULL), or a handle that nobody knows. */
unsigned nvtx_domain_of(void *handle);
bool nvtx_domain_ours(void *handle);
const char *nvtx_domain_name(unsigned domain);

/* The handle of a registered string, or `theirs` when that is not NULL. */
void *nvtx_string_put(const char *text, void *theirs);
bool nvtx_string_ours(void *handle);

#endif
