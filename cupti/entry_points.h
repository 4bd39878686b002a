/*
 * entry_points: the driver's calls seen without CUPTI, by standing where a program finds them. CUPTI,
 * once initialised, makes every replay of a graph 7 to 9 % slower; this costs what is not followed nothing.
 *
 * For each function of entry_list.h there are two of ours, with its prototype: the export of the same
 * name, which a linked program reaches, and a wrapper, which is given out where a program asks for
 * the function (dlsym, cuGetProcAddress). Both forward the arguments as they came, always. While calls
 * are followed they also tell callbacks.h of ENTER and EXIT, as CUPTI would: one code path for both.
 *
 * A wrapper is only given for a pointer that is libcuda's function of exactly that name: of
 * anything else the prototype is not known, so it is returned untouched.
 *
 * Any thread, also before the constructor. Nothing here allocates, prints, blocks or changes errno.
 */
#ifndef JITNESS_CUPTI_ENTRY_POINTS_H
#define JITNESS_CUPTI_ENTRY_POINTS_H

#include <stdbool.h>
#include <stdint.h>

#define ENTRY_MAX 64 /* numbers of functions are below */

/*
 * How the process's symbols are found. Defined by the room that knows the loader, and a constant: an
 * export may be called before any constructor. All return NULL for none.
 */
struct entry_finder {
	void *(*in_driver)(const char *symbol); /* what libcuda.so.1 defines */
	/* The same, faster: what the library that holds the address defines. */
	void *(*beside)(const void *address, const char *symbol);
	uint64_t (*generation)(void);           /* changes when a library was unloaded */
	/* The function that a call of the export from `caller` was meant for. */
	void *(*meant_by)(unsigned id, const char *symbol, const void *caller);
};
extern const struct entry_finder entry_finder;

/* Constructor: wrappers are given out from now on, and calls followed from entry_points_start() on. */
void entry_points_load(void);

/* True when wrappers are given out: this process's calls are seen here and not by CUPTI. */
bool entry_points_follow(void);

/* Inside cuInit: calls count from here on. Emits what went wrong before. */
void entry_points_start(void);

/* Number of a function by its exact name; ENTRY_NONE: not one of ours. */
#define ENTRY_NONE ENTRY_MAX
unsigned entry_point_find(const char *symbol);

/* What to hand out for `found`, which a lookup of this name gave; often `found` itself. */
void *entry_point_wrap(unsigned id, void *found);

#endif
