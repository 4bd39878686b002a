/*
 * children: the compilers and compile workers that ran as processes of their own below the
 * traced command, as they reported themselves (docs/trace-format.md, "Children").
 *
 * Times are CLOCK_REALTIME in ns, durations ns. Texts belong to struct children and end with
 * NUL; they are bytes of the traced processes (print_text, json_text). A child is known by host,
 * pid and start: pids are given out again.
 */
#ifndef JITNESS_DECODER_CHILDREN_H
#define JITNESS_DECODER_CHILDREN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/child.h"

/* Larger sessions keep the first ones and count the others. */
#define CHILDREN_MAX      65536
#define CHILDREN_TEXT_MAX (64u << 20) /* bytes of all texts */

struct child {
	uint64_t pid, ppid;
	uint64_t ancestors[CHILD_ANCESTORS_MAX]; /* nearest first; the first is ppid */
	unsigned n_ancestors;
	enum child_tool tool;
	bool ended;             /* it reported its end; what follows is known only then */
	uint64_t start, end;    /* end 0: unknown */
	uint64_t user_ns, sys_ns;                   /* CPU time of its own */
	uint64_t children_user_ns, children_sys_ns; /* of the children it waited for */
	uint64_t maxrss_kb;
	int status;             /* exit status, 0 to 255; -1: unknown */
	const char *exe, *cwd;  /* "": unknown */
	const char *args;       /* separated by blanks, for display */
	uint64_t args_left_out; /* that the tracer had no room for */
	const char *output;     /* path of what it wrote; "": none, or unknown */
	uint64_t output_bytes;  /* 0: unknown */
	uint64_t output_hash;   /* XXH64 of a cubin, to be compared with MODULE and LOAD; 0: unknown */
	const char *host;       /* as in the file's name */
};

struct children {
	struct child *list; /* by start */
	size_t n, cap;
	size_t unfinished;  /* of n: without an end (killed, still running, quick_exit) */
	uint64_t damaged;   /* lines that could not be read */
	uint64_t ends_alone; /* ends without a start */
	uint64_t unlisted;  /* children beyond the limits above */
	/* private */
	struct child **by_hash, **by_pid;
	size_t n_hash;
	char **texts;
	size_t n_texts, texts_cap;
	size_t text_bytes;
};

/* Reads every file of children in a session's directory; what cannot be read is counted. */
void children_read(struct children *ret, int dir_fd);
void children_release(struct children *c);

/*
 * The children whose output is the bytes with this hash, by start: the first one (after NULL), then
 * the one after `after`. NULL: no more. A hash of 0 is none. "This module was made by that ptxas."
 */
const struct child *children_by_hash(const struct children *c, uint64_t hash,
				     const struct child *after);

/*
 * Is pid, of the child's host, an ancestor of the child? Follows the ancestors that are children
 * themselves beyond the eight that a child names. A pid alone does not tell processes that had
 * the same one after another: compare times as well.
 */
bool child_descends(const struct children *c, const struct child *child, uint64_t pid);

#endif
