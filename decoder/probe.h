/*
 * probe: tries something in a child process, so that a library that crashes,
 * hangs or exits when it is loaded takes only the child with it.
 */
#ifndef JITNESS_DECODER_PROBE_H
#define JITNESS_DECODER_PROBE_H

#include <stddef.h>
#include <stdio.h>

#define PROBE_TEXT 4096

struct probe {
	int code;              /* what try() returned; -1: it did not get that far */
	int signal;            /* that killed it, or 0; SIGALRM: it took too long */
	char text[PROBE_TEXT]; /* what try() wrote, NUL-terminated */
};

/* Runs try(arg, out) with stdin, stdout and stderr on /dev/null. */
void probe_run(struct probe *ret, int (*try)(void *arg, FILE *out), void *arg, unsigned seconds);

/* Value of "key=value\n" in the text, cut at n; "" when it is not there. */
const char *probe_value(const struct probe *p, const char *key, char *buf, size_t n);

#endif
