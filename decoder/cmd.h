/* Subcommands: one file each, one prototype here, one row in commands.c. */
#ifndef JITNESS_DECODER_CMD_H
#define JITNESS_DECODER_CMD_H

#include <stddef.h>

/* Exit codes, documented in docs/jitness.1.md; scripts rely on them. */
enum exit_code {
	EXIT_OK = 0,
	EXIT_FOUND = 1,  /* the answer is no */
	EXIT_USAGE = 2,
	EXIT_INPUT = 3,  /* missing, damaged beyond use, or not a trace */
	EXIT_SYSTEM = 4, /* no memory, or the output cannot be written */
	/* jitness run only; every other status is the command's own: */
	EXIT_RUN_FAILED = 125, /* jitness itself failed; nothing was run */
	EXIT_RUN_DENIED = 126, /* the command is there but cannot be executed */
	EXIT_RUN_ABSENT = 127, /* the command was not found */
	EXIT_RUN_SIGNAL = 128, /* plus the number of the signal that killed it */
};

int cmd_run(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_timeline(int argc, char **argv);
int cmd_phases(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_dump(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_help(int argc, char **argv);

struct command {
	const char *name;
	int (*run)(int argc, char **argv); /* argv[0] is the name */
	const char *summary;
};

/* commands.c */
extern const struct command commands[];
extern const size_t command_count;

#endif
