#include "preload/unwind_libc.h"

#include <errno.h>

#include "preload/objects.h"

__thread struct unwind_walk *unwind_walk_tls;

int unwind_libc_objects(int (*fn)(struct dl_phdr_info *, size_t, void *), void *arg)
{
	const struct object *o = unwind_walk_tls ? unwind_walk_tls->object : NULL;
	struct dl_phdr_info info = { .dlpi_name = "" };

	if (!o || !o->phdr)
		return 0;
	info.dlpi_addr = o->base;
	info.dlpi_phdr = o->phdr;
	info.dlpi_phnum = o->phnum;
	return fn(&info, sizeof(info), arg);
}

/*
 * Called for an unwind table in a form that no linker makes. No lock of libunwind's is held
 * there, and it is called from nothing but a walk.
 */
_Noreturn void unwind_libc_abort(void)
{
	__builtin_longjmp(unwind_walk_tls->bail, 1);
}

int unwind_libc_pipe(int fd[2], int flags)
{
	(void)flags;
	fd[0] = fd[1] = -1;
	errno = EMFILE;
	return -1;
}

int unwind_libc_mask(int how, const sigset_t *set, sigset_t *old)
{
	(void)how;
	(void)set;
	(void)old;
	return 0;
}
