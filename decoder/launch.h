/* launch: starts a command in our place on the terminal and waits for it. */
#ifndef JITNESS_DECODER_LAUNCH_H
#define JITNESS_DECODER_LAUNCH_H

#include <sys/types.h>

struct launch_result {
	pid_t pid;        /* -1: it was not started */
	int exec_errno;   /* why it could not be executed, or 0 */
	int wait_status;  /* as from waitpid, when exec_errno is 0 */
};

/*
 * Runs argv (searched in PATH) with envp in our process group, standard streams
 * and terminal, and waits until it ends. Signals from the terminal reach it
 * directly; INT, TERM, HUP, QUIT, USR1 and USR2 sent to us alone are passed on,
 * and do not end us before it. 0, or -1 with errno when nothing could be forked.
 */
int launch_run(struct launch_result *ret, char *const argv[], char *const envp[]);

/* What a shell would report: the exit status, 128 + signal, 127 or 126. */
int launch_status(const struct launch_result *r);

#endif
