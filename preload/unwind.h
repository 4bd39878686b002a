/*
 * unwind: the native call stack of the calling thread, by libunwind and the unwind tables
 * that objects_find() names (see preload/README.md, "Stacks").
 *
 * No lock of the host, no allocation from malloc, no fault on a damaged stack: memory is
 * probed before it is read. Uses about 10 KiB of stack; errno may change.
 */
#ifndef JITNESS_PRELOAD_UNWIND_H
#define JITNESS_PRELOAD_UNWIND_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Deepest stack that is recorded, counted from the innermost frame. Module loads out of
 * PyTorch or JAX lie 30 to 60 native frames deep; below that are the interpreter's own loops.
 */
#define UNWIND_MAX 64

struct unwind_frame {
	uint64_t offset; /* address in the object's file; the address itself when object is 0 */
	uint32_t object; /* id of an OBJECT, or 0 */
	bool tracer;     /* ours or CUPTI's */
};

/* Once, after objects_start(), before other threads call unwind_take(). */
void unwind_start(void);

/* A stack of which the caller has made a number of its own before. */
struct unwind_known {
	uint32_t id;              /* that number; 0: not known */
	struct memo_entry *entry; /* where it will be kept, see unwind_name() */
};

/*
 * Fills at most max frames, innermost (the caller of this function's caller is near the
 * beginning) first. Stops quietly at code without unwind tables. Returns how many; 0 in
 * a signal handler that interrupted it. Any thread. known: NULL, or gets the number of a
 * stack that was taken before, instead of frames; when that is 0, unwind_name() must follow.
 */
unsigned unwind_take(struct unwind_frame *ret, unsigned max, struct unwind_known *known);

/* The number for the stack just taken, which must say all about it; 0: it has none. */
void unwind_name(const struct unwind_known *known, uint32_t id);

#endif
