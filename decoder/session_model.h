/* session_model: all processes of a session, and what they have in common. */
#ifndef JITNESS_DECODER_SESSION_MODEL_H
#define JITNESS_DECODER_SESSION_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "decoder/children.h"
#include "decoder/episodes.h"
#include "decoder/kernel_table.h"
#include "decoder/name_table.h"
#include "decoder/origin.h"

struct process;

struct session {
	char *path;
	struct names names;
	struct process **list; /* by start time */
	size_t n, cap;
	struct kernel_table kernels; /* by index in names, longest total first */
	struct children children;    /* compilers that ran as processes of their own */
	struct episodes episodes;    /* compiles, loads, graph recordings; see episodes_find() */
	struct origins origins;      /* of modules and kernels; see origins_decide() */
	size_t hosts;
	size_t empty_files;   /* traces that end before their header does */
	size_t failed_files;  /* traces that could not be read; a sentence was said about each */
	uint64_t first, last; /* CLOCK_MONOTONIC of the first process's host */
	uint64_t lost;
	size_t truncated;     /* processes without a clean end, or with a damaged trace */
};

/*
 * Reads the session at path (directory or single trace). EXIT_OK, or another
 * exit code after one sentence from `command`. EXIT_INPUT with *ret filled is
 * possible: some traces were read, others not (ret->failed_files).
 */
int session_load(struct session *ret, const char *command, const char *path);
void session_release(struct session *s);

/* Where in the session's time an event of p was: monotonic, hosts aligned by realtime. */
uint64_t session_time(const struct session *s, const struct process *p, uint64_t realtime);

#endif
