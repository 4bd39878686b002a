#include "decoder/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static void say_v(const char *command, const char *fmt, va_list ap)
{
	char line[4608];
	int saved_errno = errno;
	int n, m;

	n = snprintf(line, sizeof(line), "jitness%s%s: ", command ? " " : "",
		     command ? command : "");
	m = vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	if (m > 0)
		n += m;
	if (n > (int)sizeof(line) - 1)
		n = (int)sizeof(line) - 1;
	/* Paths and names are the user's: they must not move the cursor. */
	for (int i = 0; i < n; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[n++] = '\n';
	fflush(stdout);
	for (int at = 0; at < n;) {
		ssize_t wrote = write(STDERR_FILENO, line + at, (size_t)(n - at));

		if (wrote < 0 && errno != EINTR)
			break;
		if (wrote > 0)
			at += (int)wrote;
	}
	errno = saved_errno;
}

void say(const char *command, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_v(command, fmt, ap);
	va_end(ap);
}

int say_fail(int code, const char *command, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_v(command, fmt, ap);
	va_end(ap);
	return code;
}
