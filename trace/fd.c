#include "trace/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Above what programs pass on by number (3..9) or select() on; below 1024, the usual limit. */
#define FD_HIGH 900
#define FD_STDIO_END 3

int fd_move_high(int fd)
{
	int saved_errno = errno;
	int high;

	if (fd < 0)
		return fd;
	high = fcntl(fd, F_DUPFD_CLOEXEC, FD_HIGH);
	if (high < 0 && fd < FD_STDIO_END)
		high = fcntl(fd, F_DUPFD_CLOEXEC, FD_STDIO_END);
	if (high >= 0)
		close(fd);
	errno = saved_errno;
	return high >= 0 ? high : fd;
}
