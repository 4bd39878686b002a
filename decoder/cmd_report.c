/* jitness report: a session at a glance. */
#include "decoder/args.h"
#include "decoder/cmd.h"
#include "decoder/report.h"
#include "decoder/say.h"
#include "decoder/session_model.h"
#include "trace/options.h"

#define TOP_DEFAULT 20

int cmd_report(int argc, char **argv)
{
	const char *dir = NULL, *top_text = NULL;
	bool json = false;
	const struct arg table[] = {
		{ .flag = "json",
		  .on = &json,
		  .help = "print one JSON object (" REPORT_SCHEMA ")" },
		{ .flag = "top",
		  .value = "N",
		  .text = &top_text,
		  .help = "rows of each table; default 20" },
	};
	const struct args args = {
		.command = "report",
		.synopsis = "DIR [--json] [--top N]",
		.about = "What ran, what was loaded and compiled, and what was lost. DIR is a "
			 "session's "
			 "directory\nor a single trace.",
		.table = table,
		.count = sizeof(table) / sizeof(table[0]),
		.min_words = 1,
		.max_words = 1,
		.usage_code = EXIT_USAGE,
	};
	struct session s = { 0 };
	uint64_t top = TOP_DEFAULT;
	size_t n;
	int code;

	if (!args_parse(&args, argc, argv, &dir, &n, &code))
		return code;
	if (top_text && option_parse_uint(&top, top_text))
		return say_fail(EXIT_USAGE, "report", "--top: '%s' is not a number", top_text);
	code = session_load(&s, "report", dir);
	if (code && !s.n)
		return code;
	if (json) {
		int printed = report_json(&s);

		code = printed ? printed : code;
	} else {
		report_text(&s, top);
	}
	session_release(&s);
	return code;
}
