/* session_files: the traces of a session: every *.jnt of a directory, or one file. */
#ifndef JITNESS_DECODER_SESSION_FILES_H
#define JITNESS_DECODER_SESSION_FILES_H

#include <stdbool.h>
#include <stddef.h>

struct reader;

struct session_files {
	char *path;   /* as the user gave it */
	int dir_fd;   /* -1: not open */
	char **names; /* sorted */
	size_t n, cap;
	bool single;  /* path is one trace */
};

/*
 * Finds them. EXIT_OK, or EXIT_INPUT after one sentence from `command`: nothing
 * there, no trace in the directory, not a trace.
 */
int session_files_open(struct session_files *ret, const char *command, const char *path);
void session_files_release(struct session_files *f);

enum session_open {
	SESSION_OPEN,   /* *ret is a reader */
	SESSION_EMPTY,  /* the file ends before its header does: nothing was recorded */
	SESSION_FAILED, /* one sentence was said */
};
/* Opens the i-th trace. An empty one is said only when it is the only one. */
enum session_open session_files_reader(struct reader **ret, const struct session_files *f,
				       size_t i, const char *command);

/* Does the directory hold a trace or a journal? */
bool session_files_any(int dir_fd);

#endif
