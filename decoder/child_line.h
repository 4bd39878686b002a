/*
 * child_line: the lines of a file of children, as fields (docs/trace-format.md, "Children").
 * Nothing of a line is trusted: one that is cut, too long or holds nonsense is damaged.
 */
#ifndef JITNESS_DECODER_CHILD_LINE_H
#define JITNESS_DECODER_CHILD_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/child.h"

/* Bytes, not NUL-terminated; in the line's own memory. */
struct child_field {
	const char *p;
	size_t n;
};

enum child_line_kind { CHILD_LINE_DAMAGED, CHILD_LINE_START, CHILD_LINE_END };

struct child_line {
	enum child_line_kind kind;
	uint64_t pid, start_ns;
	/* START */
	uint64_t ppid, ancestors[CHILD_ANCESTORS_MAX];
	unsigned n_ancestors;
	enum child_tool tool;
	struct child_field tool_name, exe, cwd;
	struct child_field args; /* NUL between arguments */
	uint64_t args_left_out;
	/* END */
	uint64_t end_ns, user_ns, sys_ns, children_user_ns, children_sys_ns, maxrss_kb;
	unsigned status;
	struct child_field output;
	uint64_t output_bytes, output_hash;
};

/* Reads n bytes without their newline; they are overwritten and then hold ret's fields. */
enum child_line_kind child_line_parse(struct child_line *ret, char *line, size_t n);

/* Reads a file line by line; memory does not depend on what the file holds. */
struct child_lines {
	int fd; /* -1: not open */
	size_t at, n;
	char buf[64 << 10];
};

/* A regular file, never through a link. 0, or -1 with errno. */
int child_lines_open(struct child_lines *ret, int dir_fd, const char *name);
/*
 * 1: *ret_line has the next one, valid until the next call; it may be changed. 0: there is no
 * more, or reading failed. A line over CHILD_LINE_MAX or without a newline is given as 0 bytes.
 */
int child_lines_next(struct child_lines *l, char **ret_line, size_t *ret_n);
void child_lines_close(struct child_lines *l);

/* The names of a session's files of children, sorted. Caller frees each and the list. */
size_t child_files(char ***ret, int dir_fd);

#endif
