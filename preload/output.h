/*
 * output: the session directory and the names of this process's files in it.
 *
 * Never follows a symbolic link to a file, never opens an existing one, leaves
 * descriptors 0 to 2 to the host. Start-up only, one thread.
 */
#ifndef JITNESS_PRELOAD_OUTPUT_H
#define JITNESS_PRELOAD_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#define OUTPUT_NAME_MAX 160
#define OUTPUT_HOST_MAX 65

struct output {
	int dirfd;                     /* of the session directory */
	char trace[OUTPUT_NAME_MAX];   /* <host>-<pid>-<start>.jnt */
	char journal[OUTPUT_NAME_MAX]; /* the same with .jnj */
};

/*
 * Opens (or makes, 0700) the directory. start_ns: CLOCK_REALTIME, part of the names.
 * 0, or -1 with errno and *ret untouched.
 */
int output_open(struct output *ret, const char *dir, uint64_t start_ns, bool redact);

void output_close(struct output *out);

/* The host as it stands in file names; "host" when redacted. */
void output_host(char ret[OUTPUT_HOST_MAX], bool redact);

#endif
