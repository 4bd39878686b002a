/*
 * module_how: was a module compiled for this run, found in a cache, or shipped? Decided from
 * evidence, the strongest first, and the evidence is told with it:
 *
 *  compiled  the driver's JIT missed its cache; or its bytes are what a compiler library or a
 *            compiler process of this session gave out; or the library that holds it was built
 *            by a linker of this session
 *  cached    the driver's cache had it; or it is code that is made at run time, compilers were
 *            watched, and none made it
 *  loaded    it came with a library or a file
 *  unknown   a compiler that cannot be seen may have made it, or nothing was watched
 */
#ifndef JITNESS_DECODER_MODULE_HOW_H
#define JITNESS_DECODER_MODULE_HOW_H

#include <stdbool.h>

struct module;
struct process;
struct session;

enum module_how { MODULE_UNKNOWN, MODULE_COMPILED, MODULE_CACHED, MODULE_LOADED };
#define MODULE_HOWS 4

/* Sets .how and .how_why of every module of the session; after origins_decide(). */
void module_how_find(struct session *s);
const char *module_how_name(enum module_how how);

/* JIT records were recorded, so that their absence means something. */
bool module_jit_seen(const struct process *p);
/* Compilers inside the process and below it would have been recorded. */
bool module_compilers_seen(const struct session *s, const struct process *p);

#endif
