/* jitness report: a session at a glance. */
#include "decoder/args.h"
#include "decoder/cmd.h"
#include "decoder/module_how.h"
#include "decoder/origin_rules.h"
#include "decoder/phases.h"
#include "decoder/report.h"
#include "decoder/report_origin.h"
#include "decoder/say.h"
#include "decoder/session_model.h"
#include "trace/options.h"

#define TOP_DEFAULT 20

int cmd_report(int argc, char **argv)
{
	const char *dir = NULL, *top_text = NULL, *which = NULL, *rules_file = NULL;
	bool json = false, no_phases = false;
	const struct arg table[] = {
		{ .flag = "json",
		  .on = &json,
		  .help = "print one JSON object (" REPORT_SCHEMA ")" },
		{ .flag = "top",
		  .value = "N",
		  .text = &top_text,
		  .help = "rows of each table; default 20" },
		{ .flag = "explain",
		  .value = "MODULE",
		  .text = &which,
		  .help = "where a module comes from: its id, or a part of a kernel's name" },
		{ .flag = "no-phases",
		  .on = &no_phases,
		  .help = "leave out phases: they need a second reading of the traces" },
		{ .flag = "origin-rules",
		  .value = "FILE",
		  .text = &rules_file,
		  .help = "rules of your own for origins (docs/origins.md)" },
	};
	const struct args args = {
		.command = "report",
		.synopsis = "DIR [--json] [--top N] [--explain MODULE] [--no-phases] "
			    "[--origin-rules FILE]",
		.about = "What ran, what was loaded and compiled, and what was lost. DIR is a "
			 "session's "
			 "directory\nor a single trace.",
		.table = table,
		.count = sizeof(table) / sizeof(table[0]),
		.min_words = 1,
		.max_words = 1,
		.usage_code = EXIT_USAGE,
	};
	struct origin_rules rules = { 0 };
	struct session s = { 0 };
	struct phases phases = { 0 };
	uint64_t top = TOP_DEFAULT;
	size_t n;
	int code;

	if (!args_parse(&args, argc, argv, &dir, &n, &code))
		return code;
	if (top_text && option_parse_uint(&top, top_text))
		return say_fail(EXIT_USAGE, "report", "--top: '%s' is not a number", top_text);
	if (which && json)
		return say_fail(EXIT_USAGE, "report", "--explain and --json: choose one");
	if (rules_file && (code = origin_rules_load(&rules, "report", rules_file)))
		return code;
	code = session_load(&s, "report", dir);
	if (code && !s.n) {
		origin_rules_release(&rules);
		return code;
	}
	origins_decide(&s, rules_file ? &rules : NULL);
	module_how_find(&s);
	episodes_find(&s);
	if (!no_phases && !which)
		phases_find(&phases, &s, NULL, !json);
	if (json || which) {
		int printed = json ? report_json(&s, &phases) : report_explain(&s, which, top);

		code = printed ? printed : code;
	} else {
		report_text(&s, &phases, top);
	}
	phases_release(&phases);
	session_release(&s);
	origin_rules_release(&rules);
	return code;
}
