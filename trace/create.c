#include "trace/create.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "trace/err.h"
#include "trace/fd.h"

int file_create(int dirfd, const char *name, int access)
{
	int flags = access | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd;

	do
		fd = openat(dirfd, name, flags, 0600);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? -1 : fd_move_high(fd);
}

int create_error(int saved_errno)
{
	switch (saved_errno) {
	case EEXIST:
		return TRACE_E_EXISTS;
	case EACCES:
	case EPERM:
	case EROFS:
	case ELOOP:
		return TRACE_E_ACCESS;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return TRACE_E_FULL;
	case ENOMEM:
		return TRACE_E_NOMEM;
	default:
		return TRACE_E_IO;
	}
}
