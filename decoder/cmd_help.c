/* jitness help: the commands; the table of variables for docs/jitness-env.7.md. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "decoder/args.h"
#include "decoder/cmd.h"
#include "decoder/origin_rules.h"
#include "decoder/print.h"
#include "trace/event.h"
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

/* A pattern in a table: "|" would end the cell. */
static void pattern_markdown(const char *pattern)
{
	putchar('`');
	for (; *pattern; pattern++) {
		if (*pattern == '|')
			putchar('\\');
		putchar(*pattern);
	}
	putchar('`');
}

static void one_of(const char *const *names, size_t n, uint32_t bits, const char *before)
{
	const char *between = before;

	for (size_t i = 0; i < n; i++)
		if (bits & 1u << i) {
			printf("%s%s", between, names[i]);
			between = " or ";
		}
}

static void rule_markdown(const struct origin_rule *r)
{
	static const char *const patterns[] = {
#define X(m, text) text,
		ORIGIN_PATTERNS(X)
#undef X
	};
	static const char *const needs[] = {
#define X(N, text, when) text,
		ORIGIN_NEEDS(X)
#undef X
	};
	static const char *const compilers[] = {
#define X(N, text) text,
		ORIGIN_COMPILERS(X)
#undef X
	};
	static const char *const images[] = {
#define X(N, v, text) text,
		IMAGE_KINDS(X)
#undef X
	};
	static const char *const sources[] = {
#define X(N, v, text) text,
		IMAGE_SOURCES(X)
#undef X
	};
	const char *between = "";

	printf("| %s | %s | ", r->id, origin_id_name(r->origin));
	for (unsigned p = 0; p < ORIGIN_PATTERN_COUNT; p++)
		if (r->pattern[p]) {
			printf("%s%s ", between, patterns[p]);
			pattern_markdown(r->pattern[p]);
			between = "; ";
		}
	printf(" | ");
	one_of(images, sizeof(images) / sizeof(images[0]), r->images, "image: ");
	between = r->images ? "; " : "";
	if (r->sources) {
		fputs(between, stdout);
		one_of(sources, sizeof(sources) / sizeof(sources[0]), r->sources, "lay in: ");
		between = "; ";
	}
	if (r->made) {
		fputs(between, stdout);
		one_of(compilers, sizeof(compilers) / sizeof(compilers[0]), r->made, "made by: ");
		between = "; ";
	}
	for (unsigned i = 0; i < ORIGIN_NEED_COUNT; i++)
		if (r->needs & 1u << i) {
			printf("%s%s", between, needs[i]);
			between = ", ";
		}
	puts(" |");
}

/* The tables of docs/origins.md; `make check-docs` compares. */
static void origins_markdown(void)
{
	static const char *const made[] = { "compiled at run time", "shipped", "either" };
	static const struct {
		const char *name, *when;
	} needs[] = {
#define X(N, text, when) { text, when },
		ORIGIN_NEEDS(X)
#undef X
	};

	puts("<!-- From here on made by `jitness help --markdown-origins`; do not edit. -->\n\n"
	     "## Origins\n\n| origin | what it is | its code is |\n|---|---|---|");
	for (unsigned i = 0; i < ORIGIN_COUNT; i++)
		printf("| %s | %s | %s |\n", origin_id_name((enum origin_id)i),
		       origin_id_text((enum origin_id)i), made[origin_id_made((enum origin_id)i)]);
	puts("\n## Rules, in their order\n\n| rule | origin | patterns | and |\n|---|---|---|---|");
	for (size_t i = 0; i < origin_table_count; i++)
		rule_markdown(&origin_table[i]);
	puts("\n## Conditions\n\n| condition | it holds when |\n|---|---|");
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
		printf("| %s | %s |\n", needs[i].name, needs[i].when);
}

int cmd_help(int argc, char **argv)
{
	bool markdown_env = false, markdown_origins = false;
	const struct arg table[] = {
		{ .flag = "markdown-env", .on = &markdown_env,
		  .help = "the variables as Markdown: docs/jitness-env.7.md" },
		{ .flag = "markdown-origins", .on = &markdown_origins,
		  .help = "the rules of origins as Markdown: docs/origins.md" },
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
	else if (markdown_origins)
		origins_markdown();
	else
		commands_text();
	return EXIT_OK;
}
