#include "decoder/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void child(int fd, int (*try)(void *arg, FILE *out), void *arg, unsigned seconds)
{
	int null = open("/dev/null", O_RDWR);
	FILE *out = fdopen(fd, "w");
	int code;

	for (int std = 0; std <= 2; std++)
		dup2(null, std);
	signal(SIGALRM, SIG_DFL);
	alarm(seconds);
	/* The probed library must not start tracing us. */
	unsetenv("JITNESS_OUT");
	code = out ? try(arg, out) : 1;
	if (out)
		fflush(out);
	/* Not exit(): destructors of what was loaded have nothing to do here. */
	_exit(code);
}

void probe_run(struct probe *ret, int (*try)(void *arg, FILE *out), void *arg, unsigned seconds)
{
	size_t at = 0;
	int fd[2], status;
	pid_t pid;

	*ret = (struct probe){ .code = -1 };
	if (pipe2(fd, O_CLOEXEC))
		return;
	fflush(stdout);
	pid = fork();
	if (!pid)
		child(fd[1], try, arg, seconds);
	close(fd[1]);
	for (;;) {
		ssize_t n = pid < 0 ? 0 : read(fd[0], ret->text + at, sizeof(ret->text) - 1 - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	close(fd[0]);
	if (pid < 0)
		return;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return;
	if (WIFSIGNALED(status))
		ret->signal = WTERMSIG(status);
	else
		ret->code = WEXITSTATUS(status);
}

const char *probe_value(const struct probe *p, const char *key, char *buf, size_t n)
{
	size_t len = strlen(key);

	buf[0] = 0;
	for (const char *line = p->text; *line;
	     line += strcspn(line, "\n"), line += *line == '\n') {
		if (!strncmp(line, key, len) && line[len] == '=') {
			snprintf(buf, n, "%.*s", (int)strcspn(line + len + 1, "\n"),
				 line + len + 1);
			break;
		}
	}
	return buf;
}
