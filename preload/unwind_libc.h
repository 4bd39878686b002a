/*
 * unwind_libc: what libunwind gets where it would call libc functions that an injected
 * library must not (tools/build-libunwind renames them), and the walk they belong to.
 */
#ifndef JITNESS_PRELOAD_UNWIND_LIBC_H
#define JITNESS_PRELOAD_UNWIND_LIBC_H

#include <link.h>
#include <signal.h>
#include <stddef.h>

struct object;

/*
 * The calling thread's walk, NULL when it is in none. Whoever sets it owns it, and has a
 * __builtin_setjmp() in bail, for a table that libunwind gives up on.
 */
struct unwind_walk {
	const struct object *object; /* of the address that is looked up now, or NULL */
	void *bail[5];
};
extern __thread struct unwind_walk *unwind_walk_tls;

/* For dl_iterate_phdr(): tells only of the walk's object; takes no lock. */
int unwind_libc_objects(int (*fn)(struct dl_phdr_info *, size_t, void *), void *arg);

/* For abort(): ends the walk. */
_Noreturn void unwind_libc_abort(void);

/* For pipe2(): always fails. libunwind wants one to probe memory, which we do for it. */
int unwind_libc_pipe(int fd[2], int flags);

/* For sigprocmask(): does nothing, as a handler that interrupts a walk starts none. */
int unwind_libc_mask(int how, const sigset_t *set, sigset_t *old);

#endif
