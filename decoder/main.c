/* jitness: the command. Picks the subcommand; everything else is in cmd_*.c. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "decoder/cmd.h"
#include "decoder/say.h"
#include "decoder/suggest.h"

/* A full disk must not look like success. */
static int finish(int code)
{
	if (fflush(stdout) || ferror(stdout)) {
		say(NULL, "cannot write the output");
		return EXIT_SYSTEM;
	}
	return code;
}

static int not_a_command(const char *name)
{
	struct suggest s = SUGGEST_INIT(name, strlen(name));

	for (size_t i = 0; i < command_count; i++)
		suggest_offer(&s, commands[i].name);
	if (s.best)
		return say_fail(EXIT_USAGE, NULL, "'%s' is not a command; did you mean '%s'?", name,
				s.best);
	return say_fail(EXIT_USAGE, NULL, "'%s' is not a command; try 'jitness --help'", name);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;

	if (!name)
		return say_fail(EXIT_USAGE, NULL, "no command given; try 'jitness --help'");
	if (!strcmp(name, "--help") || !strcmp(name, "-h"))
		return finish(cmd_help(argc - 1, argv + 1));
	if (!strcmp(name, "--version")) {
		puts("jitness " JITNESS_VERSION);
		return finish(EXIT_OK);
	}
	for (size_t i = 0; i < command_count; i++)
		if (!strcmp(name, commands[i].name))
			return finish(commands[i].run(argc - 1, argv + 1));
	return not_a_command(name);
}
