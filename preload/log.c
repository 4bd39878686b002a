#include "preload/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOG_LINE_MAX 512

_Atomic int log_level_max = -1;
static int log_fd = -1;

static int log_open(const char *dest)
{
	char *end;
	long n;
	int fd, high;

	if (dest[0] == '/') {
		fd = open(dest, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0 || fd > 2)
			return fd;
		/* The host runs with closed stdio: leave 0, 1 and 2 as they were. */
		high = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		close(fd);
		return high;
	}
	n = strtol(dest, &end, 10);
	/* 1 is the host's standard output: not ours to write to. */
	if (*end || n < 2 || n > 1 << 20)
		return -1;
	return fcntl((int)n, F_DUPFD_CLOEXEC, 3);
}

void log_init(const char *dest, bool debug)
{
	if (!dest || !*dest)
		return;
	log_fd = log_open(dest);
	if (log_fd >= 0)
		atomic_store(&log_level_max, debug ? LOG_LEVEL_DBG : LOG_LEVEL_WARN);
}

void log_write(enum log_level level, const char *fmt, ...)
{
	static const char *const name[] = { "error", "warning", "debug" };
	char line[LOG_LINE_MAX];
	int saved_errno = errno;
	va_list ap;
	int n, m;

	n = snprintf(line, sizeof(line), "jitness[%ld/%ld] %s: ", (long)getpid(),
		     (long)syscall(SYS_gettid), name[level]);
	va_start(ap, fmt);
	m = vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	va_end(ap);
	if (m >= 0) {
		n += m;
		if (n > (int)sizeof(line) - 1)
			n = (int)sizeof(line) - 1;
		line[n++] = '\n'; /* may overwrite the NUL; write() does not need it */
		while (write(log_fd, line, (size_t)n) < 0 && errno == EINTR)
			;
	}
	errno = saved_errno;
}
