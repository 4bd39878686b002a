/*
 * hooks: the ways out of a process that run no exit handler. Each commits the
 * trace first, then calls the real function with the same arguments.
 *
 * After vfork() these run in the child but in the parent's memory: tracer_running()
 * compares the process id first, so that nothing of the parent's is touched.
 * execl() and its kin do not pass here (libc calls execve inside): the journal holds
 * what they leave.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/children.h"
#include "preload/tracer.h"

#define HOOK __attribute__((visibility("default")))

/*
 * Looked up at load time, not in the hook: dlsym() takes locks, and a hook may run in a
 * vforked child or a signal handler. Only a constructor older than ours finds them unset.
 */
#define REAL(name) (real_##name ? real_##name : (hooks_load(), real_##name))

static int (*real_execve)(const char *, char *const[], char *const[]);
static int (*real_execv)(const char *, char *const[]);
static int (*real_execvp)(const char *, char *const[]);
static int (*real_execvpe)(const char *, char *const[], char *const[]);
static int (*real_fexecve)(int, char *const[], char *const[]);

__attribute__((constructor)) static void hooks_load(void)
{
	*(void **)&real_execve = dlsym(RTLD_NEXT, "execve");
	*(void **)&real_execv = dlsym(RTLD_NEXT, "execv");
	*(void **)&real_execvp = dlsym(RTLD_NEXT, "execvp");
	*(void **)&real_execvpe = dlsym(RTLD_NEXT, "execvpe");
	*(void **)&real_fexecve = dlsym(RTLD_NEXT, "fexecve");
}

static _Noreturn void leave(int status)
{
	children_leave(status & 0xff);
	tracer_finish(END_BY_IMMEDIATE, status & 0xff);
	/* What libc's own _exit does; its symbol is the one being replaced here. */
	for (;;)
		syscall(SYS_exit_group, status);
}

HOOK _Noreturn void _exit(int status)
{
	leave(status);
}

HOOK _Noreturn void _Exit(int status)
{
	leave(status);
}

/* An exec that is going to fail must not end the trace: look before. */
static void before_exec(const char *path)
{
	int saved_errno = errno;

	if (tracer_running() && (!path || !access(path, X_OK)))
		tracer_finish(END_BY_EXEC, -1);
	errno = saved_errno;
}

/* A name without a slash is searched in PATH by libc: assume that it is found. */
static const char *searched(const char *file)
{
	return strchr(file, '/') ? file : NULL;
}

HOOK int execve(const char *path, char *const argv[], char *const envp[])
{
	before_exec(path);
	return REAL(execve)(path, argv, envp);
}

HOOK int execv(const char *path, char *const argv[])
{
	before_exec(path);
	return REAL(execv)(path, argv);
}

HOOK int execvp(const char *file, char *const argv[])
{
	before_exec(searched(file));
	return REAL(execvp)(file, argv);
}

HOOK int execvpe(const char *file, char *const argv[], char *const envp[])
{
	before_exec(searched(file));
	return REAL(execvpe)(file, argv, envp);
}

HOOK int fexecve(int fd, char *const argv[], char *const envp[])
{
	before_exec(NULL);
	return REAL(fexecve)(fd, argv, envp);
}
