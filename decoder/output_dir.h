/* output_dir: the directory a session is written to. */
#ifndef JITNESS_DECODER_OUTPUT_DIR_H
#define JITNESS_DECODER_OUTPUT_DIR_H

#include <stdbool.h>

struct output_dir {
	char *path; /* absolute; NULL: there is none */
	int fd;
	bool made;  /* by us */
};

enum output_dir_result {
	OUTPUT_DIR_READY,
	OUTPUT_DIR_UNUSABLE, /* cannot be made or written; one sentence was said */
	OUTPUT_DIR_TAKEN,    /* holds a session already; one sentence was said */
};

/* Who asks, for the sentences. */
struct output_dir_user {
	const char *command;   /* "run" */
	const char *otherwise; /* what happens when it is unusable: "; running without tracing" */
	const char *name;      /* base of a default name; may be a path */
};

/*
 * Makes or opens `path`, mode 0700, never through a symbolic link. path NULL: a new
 * one in the working directory, named after user->name and the time.
 */
enum output_dir_result output_dir_open(struct output_dir *ret, const char *path,
				       const struct output_dir_user *user);
void output_dir_release(struct output_dir *d);

/* Removes the files of children when there is no trace: compilers alone are no session. */
void output_dir_drop_children(const struct output_dir *d);

/* Removes it when it holds nothing but session.ndjson and files of children. */
void output_dir_remove(const struct output_dir *d);

/* Appends one line to session.ndjson. 0, or -1 with errno. */
int output_dir_log(const struct output_dir *d, const char *line);

#endif
