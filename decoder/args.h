/*
 * args: options of a subcommand, from a table. The table is also its --help.
 * Long options take "--flag=value" and "--flag value"; "--" ends the options.
 */
#ifndef JITNESS_DECODER_ARGS_H
#define JITNESS_DECODER_ARGS_H

#include <stdbool.h>
#include <stddef.h>

/* Every value of an option that may be given again, in order; the caller frees list. */
struct arg_values {
	const char **list; /* borrowed from argv */
	size_t n, cap;
};

struct arg {
	const char *flag;   /* without the dashes */
	char letter;        /* or 0 */
	const char *value;  /* what the value is called; NULL: a switch */
	const char **text;  /* where the value goes (borrowed from argv) */
	struct arg_values *values; /* instead of text */
	bool *on;           /* for a switch */
	const char *help;
};

struct args {
	const char *command;  /* for messages and help */
	const char *synopsis; /* "DIR [options]" */
	const char *about;    /* sentences after the synopsis in --help */
	const struct arg *table;
	size_t count;
	size_t min_words, max_words; /* operands; max 0 with stop_at_word: not counted */
	bool stop_at_word;    /* the first operand ends the options (a command follows) */
	int usage_code;       /* exit code of a usage error */
};

/*
 * True: go on, with the operands in words[0..*ret_n) (room for max_words, or argc when
 * stop_at_word). False: *ret_code is the exit status (help was shown, or a usage
 * error was said).
 */
bool args_parse(const struct args *a, int argc, char **argv, const char **words, size_t *ret_n,
		int *ret_code);

#endif
