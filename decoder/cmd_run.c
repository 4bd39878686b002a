/*
 * jitness run: a command with the tracer in it. The command comes first: when
 * nothing can be recorded it still runs, and its exit status is given back.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "decoder/args.h"
#include "decoder/children.h"
#include "decoder/cmd.h"
#include "decoder/launch.h"
#include "decoder/mem.h"
#include "decoder/output_dir.h"
#include "decoder/print.h"
#include "decoder/say.h"
#include "decoder/suggest.h"
#include "decoder/totals.h"
#include "decoder/tracer_lib.h"
#include "trace/options.h"

extern char **environ;

/* Options as text: from the flag, else from the variable. */
struct run_options {
	const char *text[OPTION_COUNT];
	bool on[OPTION_COUNT];
};

static size_t option_args(struct arg *table, struct run_options *o)
{
	size_t n = 0;

	for (int id = 0; id < OPTION_COUNT; id++) {
		const struct option_row *row = option_row_of((enum option_id)id);

		if (!row->flag)
			continue;
		table[n++] = (struct arg){
			.flag = row->flag,
			.letter = row->letter,
			.value = row->type == OPTION_BOOL ? NULL : row->value,
			.text = &o->text[id],
			.on = &o->on[id],
			.help = row->help,
		};
	}
	return n;
}

static int bad_value(const struct option_row *row, const char *name, const char *text, int err)
{
	char a[PRINT_BUF], b[PRINT_BUF];

	if (row->type == OPTION_ENUM)
		return say_fail(EXIT_RUN_FAILED, "run", "%s: '%s' is not one of %s", name, text,
				row->value);
	if (err == OPTION_E_RANGE)
		return say_fail(EXIT_RUN_FAILED, "run", "%s: '%s' is out of range (%s to %s)", name,
				text, print_size(a, row->min), print_size(b, row->max));
	return say_fail(EXIT_RUN_FAILED, "run", "%s: '%s' is not %s", name, text,
			row->type == OPTION_SIZE ? "a size, such as 64M or 2G" :
			row->type == OPTION_BOOL ? "0 or 1" : "a number");
}

/* Flags before variables; every value is checked here, where somebody reads the message. */
static int check_options(struct run_options *o)
{
	for (int id = 0; id < OPTION_COUNT; id++) {
		const struct option_row *row = option_row_of((enum option_id)id);
		char flag[64];
		const char *name = row->env;
		uint64_t value;
		int err;

		snprintf(flag, sizeof(flag), "--%s", row->flag ? row->flag : "");
		if (o->on[id])
			o->text[id] = "1";
		if (o->text[id])
			name = flag;
		else
			o->text[id] = getenv(row->env);
		if (o->text[id] && !*o->text[id])
			o->text[id] = NULL;
		err = option_value(&value, row, o->text[id]);
		if (err)
			return bad_value(row, name, o->text[id], err);
	}
	return 0;
}

/* A misspelt variable would be silently without effect. */
static void warn_unknown_env(void)
{
	for (char **e = environ; *e; e++) {
		size_t len;
		struct suggest s;

		if (!option_unknown_env(*e, &len))
			continue;
		s = (struct suggest)SUGGEST_INIT(*e, len);
		for (int id = 0; id < OPTION_COUNT; id++)
			suggest_offer(&s, option_row_of((enum option_id)id)->env);
		if (s.best)
			say("run", "unknown variable %.*s is ignored; did you mean %s?", (int)len,
			    *e, s.best);
		else
			say("run", "unknown variable %.*s is ignored; see jitness-env(7)", (int)len,
			    *e);
	}
}

/* `add` in front, older values of the same names left out; both borrowed. Caller frees the list. */
static char **env_with(char *const *add, size_t n_add)
{
	size_t n = 0, at = 0;
	char **env;

	while (environ[n])
		n++;
	env = mem_zalloc(n + n_add + 1, sizeof(*env));
	for (size_t i = 0; i < n_add; i++)
		env[at++] = add[i];
	for (size_t i = 0; i < n; i++) {
		bool replaced = false;

		for (size_t k = 0; k < n_add; k++) {
			size_t len = strcspn(add[k], "=") + 1;

			replaced |= !strncmp(add[k], environ[i], len);
		}
		if (!replaced)
			env[at++] = environ[i];
	}
	return env;
}

/* Variables for the tracer, in add; returns how many. Caller frees each. */
static size_t traced_vars(char *add[OPTION_COUNT + 1], const struct run_options *o,
			  const struct output_dir *dir, const char *preload)
{
	size_t n = 0;

	add[n++] = mem_printf("LD_PRELOAD=%s", preload);
	for (int id = 0; id < OPTION_COUNT; id++) {
		const struct option_row *row = option_row_of((enum option_id)id);

		if (id == OPTION_OUT_ID)
			add[n++] = mem_printf("%s=%s", row->env, dir->path);
		else if (row->flag && o->text[id])
			add[n++] = mem_printf("%s=%s", row->env, o->text[id]);
	}
	return n;
}

static void log_exit(const struct output_dir *dir, const struct launch_result *r)
{
	bool killed = WIFSIGNALED(r->wait_status);
	SCOPED_FREE char *line =
		mem_printf("{\"event\":\"exit\",\"pid\":%ld,\"%s\":%d}", (long)r->pid,
			   killed ? "signal" : "status",
			   killed ? WTERMSIG(r->wait_status) : WEXITSTATUS(r->wait_status));

	if (output_dir_log(dir, line))
		say("run", "cannot write to '%s': %s", dir->path, strerror(errno));
}

/* ", 5 compiler children", or NULL: there were none. Caller frees it. */
static char *children_text(const struct output_dir *dir)
{
	struct children c;
	uint64_t n;

	children_read(&c, dir->fd);
	n = c.n + c.unlisted;
	children_release(&c);
	return n ? mem_printf(", %" PRIu64 " compiler child%s", n, n == 1 ? "" : "ren") : NULL;
}

/* The one line at the end. named: the user chose the directory. */
static void summary(const struct output_dir *dir, const char *shown, bool named)
{
	SCOPED_FREE char *without = NULL, *cut = NULL, *children = NULL, *jit = NULL;
	struct totals t;

	totals_read(&t, dir->fd);
	if (!t.processes && !t.unreadable) {
		if (named)
			output_dir_drop_children(dir);
		else
			output_dir_remove(dir);
		say(NULL, "nothing was recorded%s%s: no process used CUDA, or none could be traced "
			  "('jitness doctor' tells)", named ? " in " : "", named ? shown : "");
		return;
	}
	if (t.without_gpu)
		without = mem_printf(", %zu without full GPU records%s%s%s", t.without_gpu,
				     t.reason && *t.reason ? " (" : "", t.reason ? t.reason : "",
				     t.reason && *t.reason ? ")" : "");
	if (t.cut_off)
		cut = mem_printf(", %zu still running or cut off", t.cut_off);
	/* What was not looked for is not 0. */
	jit = t.without_jit ? mem_text("", 0) :
			      mem_printf(", %" PRIu64 " JIT compile%s", t.jit_compiles,
					 plural(t.jit_compiles));
	children = children_text(dir);
	say(NULL,
	    "%zu process%s%s%s, %" PRIu64 " kernel%s, %" PRIu64 " graph launch%s, %" PRIu64
	    " module%s%s%s, %" PRIu64 " record%s lost; %s",
	    t.processes, t.processes == 1 ? "" : "es", without ? without : "", cut ? cut : "",
	    t.kernels, plural(t.kernels), t.graph_launches, t.graph_launches == 1 ? "" : "es",
	    t.modules, plural(t.modules), jit, children ? children : "", t.lost, plural(t.lost), shown);
	totals_release(&t);
}

/* dir NULL: untraced. named: the user's name for it, or NULL: it has our default name. */
static int run(char **argv, char **env, const struct output_dir *dir, const char *named)
{
	struct launch_result result;
	int status;

	if (launch_run(&result, argv, env))
		return say_fail(EXIT_RUN_FAILED, "run", "cannot start a process: %s",
				strerror(errno));
	status = launch_status(&result);
	if (result.exec_errno) {
		if (dir && dir->made)
			output_dir_remove(dir);
		return say_fail(status, "run", "cannot run '%s': %s", argv[0],
				strerror(result.exec_errno));
	}
	if (dir) {
		log_exit(dir, &result);
		/* The path as the user would type it. */
		summary(dir, named ? named : strrchr(dir->path, '/') + 1, named != NULL);
	}
	return status;
}

static int run_traced(struct run_options *o, char **argv)
{
	SCOPED_FREE char *lib = tracer_lib_find();
	SCOPED_FREE char *preload = NULL;
	SCOPED_FREE char **env = NULL;
	char *add[OPTION_COUNT + 1];
	size_t n;
	int status;
	const struct output_dir_user user = { "run", "; running without tracing", argv[0] };
	struct output_dir dir;

	if (!lib)
		return say_fail(EXIT_RUN_FAILED, "run",
				"cannot find libjitness.so beside this command; set JITNESS_LIB to "
				"its path");
	preload = tracer_lib_preload(lib, getenv("LD_PRELOAD"));
	if (!preload)
		return say_fail(EXIT_RUN_FAILED, "run",
				"the dynamic loader cannot preload '%s': its path holds a space or "
				"a colon; set JITNESS_LIB to a copy elsewhere", lib);
	switch (output_dir_open(&dir, o->text[OPTION_OUT_ID], &user)) {
	case OUTPUT_DIR_TAKEN:
		return EXIT_RUN_FAILED;
	case OUTPUT_DIR_UNUSABLE:
		return run(argv, environ, NULL, NULL);
	case OUTPUT_DIR_READY:
		break;
	}
	n = traced_vars(add, o, &dir, preload);
	env = env_with(add, n);
	status = run(argv, env, &dir, o->text[OPTION_OUT_ID]);
	while (n)
		free(add[--n]);
	output_dir_release(&dir);
	return status;
}

int cmd_run(int argc, char **argv)
{
	struct run_options options = { 0 };
	struct arg table[OPTION_COUNT];
	struct args args = {
		.command = "run",
		.synopsis = "[-o DIR] [options] [--] COMMAND [ARGUMENT...]",
		.about = "Runs COMMAND with the tracer in it and gives back its exit status: 125 "
			 "when "
			 "jitness\nitself failed, 126 when COMMAND cannot be executed, 127 when "
			 "it was "
			 "not found, 128 + n\nwhen signal n killed it. Each option can also be "
			 "given as "
			 "a variable: jitness-env(7).",
		.table = table,
		.count = option_args(table, &options),
		.stop_at_word = true,
		.usage_code = EXIT_RUN_FAILED,
	};
	SCOPED_FREE const char **words = mem_zalloc((size_t)argc + 1, sizeof(*words));
	size_t n = 0;
	int code;

	if (!args_parse(&args, argc, argv, words, &n, &code))
		return code;
	if (!n)
		return say_fail(EXIT_RUN_FAILED, "run",
				"no command given; usage: jitness run %s", args.synopsis);
	code = check_options(&options);
	if (code)
		return code;
	warn_unknown_env();
	/* argv of the command: the last n of ours, which ends with NULL. */
	return run_traced(&options, argv + argc - n);
}
