#include "decoder/args.h"

#include <stdio.h>
#include <string.h>

#include "decoder/cmd.h"
#include "decoder/mem.h"
#include "decoder/say.h"
#include "decoder/suggest.h"

#define HELP_COLUMN 26
#define HELP_WIDTH  96

static void print_wrapped(const char *text, size_t at)
{
	while (*text) {
		size_t n = strcspn(text, " ");

		if (at > HELP_COLUMN && at + 1 + n > HELP_WIDTH) {
			printf("\n%*s", HELP_COLUMN, "");
			at = HELP_COLUMN;
		} else if (at > HELP_COLUMN) {
			putchar(' ');
			at++;
		}
		printf("%.*s", (int)n, text);
		at += n;
		text += n + (text[n] == ' ');
	}
	putchar('\n');
}

static void print_help(const struct args *a)
{
	printf("Usage: jitness %s %s\n", a->command, a->synopsis);
	if (a->about)
		printf("\n%s\n", a->about);
	printf("\nOptions:\n");
	for (size_t i = 0; i < a->count; i++) {
		const struct arg *o = &a->table[i];
		char left[64];
		int n = snprintf(left, sizeof(left), "  %s%c%s--%s%s%s", o->letter ? "-" : "  ",
				 o->letter ? o->letter : ' ', o->letter ? ", " : " ", o->flag,
				 o->value ? " " : "", o->value ? o->value : "");

		if (n < HELP_COLUMN - 1)
			printf("%-*s", HELP_COLUMN, left);
		else
			printf("%s\n%*s", left, HELP_COLUMN, "");
		print_wrapped(o->help, HELP_COLUMN);
	}
	printf("      --help              this text\n");
}

static int usage(const struct args *a, const char *what, const char *name, size_t len)
{
	return say_fail(a->usage_code, a->command, "%s '%.*s'; try 'jitness %s --help'", what,
			(int)len, name, a->command);
}

static const struct arg *find_flag(const struct args *a, const char *name, size_t len)
{
	for (size_t i = 0; i < a->count; i++)
		if (strlen(a->table[i].flag) == len && !memcmp(a->table[i].flag, name, len))
			return &a->table[i];
	return NULL;
}

static const struct arg *find_letter(const struct args *a, char letter)
{
	for (size_t i = 0; i < a->count; i++)
		if (a->table[i].letter == letter)
			return &a->table[i];
	return NULL;
}

static int unknown_flag(const struct args *a, const char *name, size_t len)
{
	struct suggest s = SUGGEST_INIT(name, len);

	for (size_t i = 0; i < a->count; i++)
		suggest_offer(&s, a->table[i].flag);
	suggest_offer(&s, "help");
	if (!s.best)
		return say_fail(a->usage_code, a->command,
				"unknown option '--%.*s'; try 'jitness %s --help'", (int)len, name,
				a->command);
	return say_fail(a->usage_code, a->command, "unknown option '--%.*s'; did you mean '--%s'?",
			(int)len, name, s.best);
}

struct args_cursor {
	int argc;
	char **argv;
	int i;
};

/* 0 and the option is stored, or a usage code. value: the text behind "=", or NULL. */
static int store(const struct args *a, const struct arg *o, const char *value,
		 struct args_cursor *c)
{
	if (!o->value) {
		if (value)
			return usage(a, "no value belongs to", o->flag, strlen(o->flag));
		*o->on = true;
		return 0;
	}
	if (!value) {
		if (c->i + 1 >= c->argc)
			return say_fail(a->usage_code, a->command, "'--%s' needs a value: %s",
					o->flag, o->value);
		value = c->argv[++c->i];
	}
	if (o->values) {
		MEM_MORE(o->values->list, o->values->n, o->values->cap);
		o->values->list[o->values->n++] = value;
	} else {
		*o->text = value;
	}
	return 0;
}

static int parse_long(const struct args *a, struct args_cursor *c)
{
	const char *name = c->argv[c->i] + 2;
	size_t len = strcspn(name, "=");
	const struct arg *o = find_flag(a, name, len);

	if (!o)
		return unknown_flag(a, name, len);
	return store(a, o, name[len] ? name + len + 1 : NULL, c);
}

static int parse_letters(const struct args *a, struct args_cursor *c)
{
	for (const char *p = c->argv[c->i] + 1; *p; p++) {
		const struct arg *o = find_letter(a, *p);
		int code;

		if (!o)
			return usage(a, "unknown option", p - 1, 2);
		if (o->value && p[1])
			return store(a, o, p + 1, c);
		code = store(a, o, NULL, c);
		if (code || o->value)
			return code;
	}
	return 0;
}

bool args_parse(const struct args *a, int argc, char **argv, const char **words, size_t *ret_n,
		int *ret_code)
{
	struct args_cursor c = { .argc = argc, .argv = argv, .i = 1 };
	bool options = true;
	size_t n = 0;

	for (; c.i < argc; c.i++) {
		const char *arg = argv[c.i];
		int code = 0;

		if (options && !strcmp(arg, "--")) {
			options = false;
			continue;
		}
		if (!options || arg[0] != '-' || !arg[1]) {
			if (a->stop_at_word)
				options = false;
			else if (n == a->max_words) {
				*ret_code = usage(a, "unexpected operand", arg, strlen(arg));
				return false;
			}
			words[n++] = arg;
			continue;
		}
		if (!strcmp(arg, "--help") || !strcmp(arg, "-h")) {
			print_help(a);
			*ret_code = EXIT_OK;
			return false;
		}
		code = arg[1] == '-' ? parse_long(a, &c) : parse_letters(a, &c);
		if (code) {
			*ret_code = code;
			return false;
		}
	}
	if (n < a->min_words) {
		const int line = (int)strcspn(a->synopsis, "\n"); /* the rest is in --help */

		*ret_code = say_fail(a->usage_code, a->command,
				     "missing operand; usage: jitness %s %.*s%s", a->command, line,
				     a->synopsis, a->synopsis[line] ? " ..." : "");
		return false;
	}
	*ret_n = n;
	return true;
}
