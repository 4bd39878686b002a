/* jitness timeline: when code was compiled, loaded and recorded, and what that cost. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "decoder/analysis.h"
#include "decoder/args.h"
#include "decoder/cmd.h"
#include "decoder/episodes.h"
#include "decoder/idmap.h"
#include "decoder/origin_rules.h"
#include "decoder/process_model.h"
#include "decoder/report_stack.h"
#include "decoder/say.h"
#include "decoder/timeline.h"
#include "trace/options.h"

#define TOP_DEFAULT 200

/* An episode that may still grow is not told yet. */
#define SETTLED_NS 1000000000u

static int load(struct analysis *ret, const char *dir, const struct origin_rules *rules)
{
	const struct analysis_options opt = { .origin_rules = rules, .no_phases = true };

	return analysis_load(ret, "timeline", dir, &opt);
}

static bool running(const struct session *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->list[i]->running)
			return true;
	return false;
}

/*
 * Of an episode, each time its session is read again: where and when it began. By the trace's own
 * clock: the session's time moves a little with every pair of clocks that is added.
 */
static uint64_t key_of(const struct episode *e)
{
	return idmap_hash(e->start) ^ e->trigger.tid ^ (uint64_t)e->origin.id << 32 ^
	       (uint64_t)e->kind << 48;
}

/* What nothing was added to for a while, once. */
static void tell_new(const struct session *s, struct idmap *told, bool last)
{
	struct report_stacks stacks = { .session = s };

	for (size_t i = 0; i < s->episodes.n; i++) {
		const struct episode *e = &s->episodes.list[i];

		if (!last && episode_end(s, e) + SETTLED_NS > s->last)
			continue;
		if (idmap_get(told, key_of(e)) != IDMAP_NONE)
			continue;
		idmap_put(told, key_of(e), 1);
		timeline_line(s, &stacks, e);
	}
	report_stacks_release(&stacks);
	fflush(stdout);
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig)
{
	(void)sig;
	interrupted = 1;
}

static int follow(const char *dir, const struct origin_rules *rules, uint64_t interval_ms)
{
	struct timespec pause = { .tv_sec = (time_t)(interval_ms / 1000),
				  .tv_nsec = (long)(interval_ms % 1000) * 1000000 };
	struct sigaction act = { .sa_handler = on_interrupt };
	struct idmap told = { 0 };
	/* The last look comes after the end was seen: what was written meanwhile belongs to it. */
	bool ended = false, more = true;
	int code = EXIT_OK;

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	if (isatty(STDOUT_FILENO))
		timeline_header();
	while (more) {
		struct analysis a;

		code = load(&a, dir, rules);
		if (!a.s.n) {
			analysis_release(&a);
			break;
		}
		more = !ended && !interrupted && !ferror(stdout);
		ended = !running(&a.s);
		tell_new(&a.s, &told, !more);
		if (!more && isatty(STDOUT_FILENO))
			timeline_limits(&a.s);
		analysis_release(&a);
		if (more && !ended)
			nanosleep(&pause, NULL); /* a signal cuts it short: then the last look follows */
	}
	idmap_release(&told);
	return code;
}

static int show(const char *dir, const struct origin_rules *rules, bool json, size_t top)
{
	struct analysis a;
	int code = load(&a, dir, rules);

	if (a.s.n && json) {
		int printed = timeline_json(&a.s);

		code = printed ? printed : code;
	} else if (a.s.n) {
		timeline_text(&a.s, top);
	}
	analysis_release(&a);
	return code;
}

int cmd_timeline(int argc, char **argv)
{
	const char *dir = NULL, *top_text = NULL, *rules_file = NULL, *interval_text = NULL;
	bool json = false, follows = false;
	const struct arg table[] = {
		{ .flag = "json",
		  .on = &json,
		  .help = "print one JSON object (" TIMELINE_SCHEMA ")" },
		{ .flag = "origin-rules",
		  .value = "FILE",
		  .text = &rules_file,
		  .help = "rules of your own for origins (docs/origins.md)" },
		{ .flag = "top",
		  .value = "N",
		  .text = &top_text,
		  .help = "show the N longest episodes; default 200" },
		{ .flag = "follow",
		  .on = &follows,
		  .help = "a session that still runs: print episodes as they end" },
		{ .flag = "interval",
		  .value = "MS",
		  .text = &interval_text,
		  .help = "with --follow: milliseconds between two looks; default 1000" },
	};
	const struct args args = {
		.command = "timeline",
		.synopsis = "DIR [--json] [--top N] [--origin-rules FILE] [--follow [--interval MS]]",
		.about = "One line for each episode in which code was compiled, loaded or recorded: "
			 "when, how long,\nfor whom, what it cost and how long the GPU stood still "
			 "for it.",
		.table = table,
		.count = sizeof(table) / sizeof(table[0]),
		.min_words = 1,
		.max_words = 1,
		.usage_code = EXIT_USAGE,
	};
	struct origin_rules rules = { 0 };
	uint64_t top = TOP_DEFAULT, interval = 1000;
	size_t n;
	int code;

	if (!args_parse(&args, argc, argv, &dir, &n, &code))
		return code;
	if (top_text && option_parse_uint(&top, top_text))
		return say_fail(EXIT_USAGE, "timeline", "--top: '%s' is not a number", top_text);
	if (interval_text && (option_parse_uint(&interval, interval_text) || !interval))
		return say_fail(EXIT_USAGE, "timeline", "--interval: '%s' is not a number of "
							"milliseconds", interval_text);
	if (json && follows)
		return say_fail(EXIT_USAGE, "timeline", "--json and --follow: choose one");
	if (rules_file && (code = origin_rules_load(&rules, "timeline", rules_file)))
		return code;
	code = follows ? follow(dir, rules_file ? &rules : NULL, interval) :
			 show(dir, rules_file ? &rules : NULL, json, top);
	origin_rules_release(&rules);
	return code;
}
