/* jitness help: the commands; the table of variables for docs/jitness-env.7.md. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "decoder/args.h"
#include "decoder/cmd.h"
#include "decoder/print.h"
#include "trace/options.h"

static void commands_text(void)
{
	puts("jitness " JITNESS_VERSION " records what a process compiles, loads and launches on "
	     "NVIDIA GPUs.\n\n"
	     "Usage: jitness COMMAND [OPTION...]\n\nCommands:");
	for (size_t i = 0; i < command_count; i++)
		printf("  %-10s %s\n", commands[i].name, commands[i].summary);
	puts("\n'jitness COMMAND --help' tells more; so do jitness(1) and jitness-env(7).");
}

static const char *type_text(enum option_type type)
{
	switch (type) {
	case OPTION_STRING:
		return "text";
	case OPTION_PATH:
		return "path";
	case OPTION_ENUM:
		return "one of";
	case OPTION_SIZE:
		return "size";
	case OPTION_UINT:
		return "number";
	case OPTION_BOOL:
		return "switch";
	}
	return "";
}

static void range_text(const struct option_row *row)
{
	char a[PRINT_BUF], b[PRINT_BUF];

	if (row->max == UINT64_MAX)
		return;
	if (row->type == OPTION_SIZE)
		printf("; %s to %s", print_size(a, row->min), print_size(b, row->max));
	else if (row->type == OPTION_UINT)
		printf("; %" PRIu64 " to %" PRIu64, row->min, row->max);
}

/* docs/jitness-env.7.md is this text; `make check-docs` compares. */
static void env_markdown(void)
{
	puts("# jitness-env(7)\n\n"
	     "<!-- Made by `jitness help --markdown-env` from trace/options.h; do not edit. "
	     "-->\n\n"
	     "Variables that the tracer (`libjitness.so`) and `jitness run` read. A flag of\n"
	     "`jitness run` wins over its variable. `jitness run` warns about a name that "
	     "begins\n"
	     "with `JITNESS_` and is not listed here. In a process that runs with raised "
	     "privileges\n"
	     "(set-user-ID, file capabilities) the tracer reads none of them and does "
	     "nothing.\n\n"
	     "Without the launcher:\n\n"
	     "    LD_PRELOAD=/path/to/libjitness.so JITNESS_OUT=/path/to/dir COMMAND\n\n"
	     "## Variables\n");
	for (int id = 0; id < OPTION_COUNT; id++) {
		const struct option_row *row = option_row_of((enum option_id)id);

		printf("**%s**=*%s*", row->env, row->value);
		if (row->flag) {
			printf(" (flag `--%s`", row->flag);
			if (row->letter)
				printf(", `-%c`", row->letter);
			putchar(')');
		}
		printf("\n: %s. ", row->help);
		printf("Type: %s", type_text(row->type));
		if (row->type == OPTION_ENUM)
			printf(" %s", row->value);
		range_text(row);
		printf("; default: %s.\n\n", row->dflt ? row->dflt : "unset");
	}
	puts("## See also\n\n[jitness(1)](jitness.1.md)");
}

int cmd_help(int argc, char **argv)
{
	bool markdown_env = false;
	const struct arg table[] = {
		{ .flag = "markdown-env", .on = &markdown_env,
		  .help = "the variables as Markdown: docs/jitness-env.7.md" },
	};
	const struct args args = {
		.command = "help",
		.synopsis = "[COMMAND]",
		.table = table,
		.count = sizeof(table) / sizeof(table[0]),
		.max_words = 1,
		.usage_code = EXIT_USAGE,
	};
	const char *word = NULL;
	size_t n = 0;
	int code;

	if (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h")) {
		commands_text();
		return EXIT_OK;
	}
	if (!args_parse(&args, argc, argv, &word, &n, &code))
		return code;
	for (size_t i = 0; word && i < command_count; i++) {
		char help[] = "--help";
		char *again[] = { argv[0], help, NULL };

		if (!strcmp(commands[i].name, word))
			return commands[i].run(2, again);
	}
	if (markdown_env)
		env_markdown();
	else
		commands_text();
	return EXIT_OK;
}
