/* create: new files of ours in a directory that others may write to as well. */
#ifndef JITNESS_TRACE_CREATE_H
#define JITNESS_TRACE_CREATE_H

/*
 * Creates `name` under dirfd (O_EXCL, O_NOFOLLOW, O_CLOEXEC, 0600), open for `access`
 * (O_RDWR or O_WRONLY), on a high descriptor (fd.h). -1 with errno.
 */
int file_create(int dirfd, const char *name, int access);

/* The TRACE_E_* that says the same as the errno of a failed creation or write. */
int create_error(int saved_errno);

#endif
