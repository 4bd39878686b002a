#include "decoder/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "decoder/cmd.h"

static const int forwarded[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };

struct signal_state {
	sigset_t mask;            /* before */
	sigset_t waited;          /* what the parent takes with sigwaitinfo */
	struct sigaction on_child; /* SIGCHLD's disposition before */
};

static void signals_take(struct signal_state *ret)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };

	sigemptyset(&ret->waited);
	sigaddset(&ret->waited, SIGCHLD);
	for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
		sigaddset(&ret->waited, forwarded[i]);
	sigprocmask(SIG_BLOCK, &ret->waited, &ret->mask);
	/* Inherited as ignored, it would keep waitpid from telling the status. */
	sigaction(SIGCHLD, &dfl, &ret->on_child);
}

static void signals_give_back(const struct signal_state *s)
{
	sigaction(SIGCHLD, &s->on_child, NULL);
	sigprocmask(SIG_SETMASK, &s->mask, NULL);
}

static _Noreturn void child(char *const argv[], char *const envp[], const struct signal_state *s,
			    int report_fd)
{
	int err;

	signals_give_back(s);
	execvpe(argv[0], argv, envp);
	err = errno;
	while (write(report_fd, &err, sizeof(err)) < 0 && errno == EINTR)
		;
	_exit(err == ENOENT ? EXIT_RUN_ABSENT : EXIT_RUN_DENIED);
}

/* errno of the failed exec, or 0: the pipe was closed by a successful one. */
static int exec_outcome(int fd)
{
	int err = 0;
	ssize_t n;

	do
		n = read(fd, &err, sizeof(err));
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(err) ? err : 0;
}

static int wait_for(pid_t pid, const struct signal_state *s)
{
	int status;

	for (;;) {
		siginfo_t info;
		pid_t done = waitpid(pid, &status, WNOHANG);
		int sig;

		if (done == pid)
			return status;
		if (done < 0 && errno != EINTR)
			return 0;
		sig = sigwaitinfo(&s->waited, &info);
		/* The kernel sends to the whole foreground group: the command has it already. */
		if (sig > 0 && sig != SIGCHLD && info.si_code <= 0)
			kill(pid, sig);
	}
}

int launch_run(struct launch_result *ret, char *const argv[], char *const envp[])
{
	struct launch_result r = { .pid = -1 };
	struct signal_state signals;
	int report[2];

	if (pipe2(report, O_CLOEXEC))
		return -1;
	signals_take(&signals);
	r.pid = fork();
	if (r.pid < 0) {
		int saved_errno = errno;

		signals_give_back(&signals);
		close(report[0]);
		close(report[1]);
		errno = saved_errno;
		return -1;
	}
	if (!r.pid)
		child(argv, envp, &signals, report[1]);
	close(report[1]);
	r.exec_errno = exec_outcome(report[0]);
	close(report[0]);
	r.wait_status = wait_for(r.pid, &signals);
	signals_give_back(&signals);
	*ret = r;
	return 0;
}

int launch_status(const struct launch_result *r)
{
	if (r->exec_errno)
		return r->exec_errno == ENOENT ? EXIT_RUN_ABSENT : EXIT_RUN_DENIED;
	if (WIFSIGNALED(r->wait_status))
		return EXIT_RUN_SIGNAL + WTERMSIG(r->wait_status);
	return WEXITSTATUS(r->wait_status);
}
