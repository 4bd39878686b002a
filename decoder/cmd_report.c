/* jitness report: a session at a glance. */
#include "decoder/analysis.h"
#include "decoder/args.h"
#include "decoder/claims.h"
#include "decoder/cmd.h"
#include "decoder/origin_rules.h"
#include "decoder/report.h"
#include "decoder/report_claims.h"
#include "decoder/report_origin.h"
#include "decoder/say.h"
#include "trace/options.h"

#define TOP_DEFAULT 20

/* claims: NULL: none. */
static int show(const struct analysis *a, struct claims *claims, bool json, const char *which, size_t top)
{
	if (claims)
		claims_judge(claims, a);
	if (json)
		return report_json(&a->s, &a->phases, claims);
	if (which)
		return report_explain(&a->s, which, top);
	report_text(&a->s, &a->phases, top);
	if (claims)
		report_claims_text(claims);
	return EXIT_OK;
}

int cmd_report(int argc, char **argv)
{
	const char *dir = NULL, *top_text = NULL, *which = NULL, *rules_file = NULL, *claims_file = NULL;
	struct analysis_options opt = { 0 };
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
		{ .flag = "claims",
		  .value = "FILE",
		  .text = &claims_file,
		  .help = "what is claimed of the session, and what the trace says to it (docs/verify.md)" },
		{ .flag = "reference",
		  .value = "DIR",
		  .text = &opt.reference,
		  .help = "an eager session of the same program, for verdicts (docs/verdicts.md)" },
		{ .flag = "origin-rules",
		  .value = "FILE",
		  .text = &rules_file,
		  .help = "rules of your own for origins (docs/origins.md)" },
	};
	const struct args args = {
		.command = "report",
		.synopsis = "DIR [--json] [--top N] [--explain MODULE] [--no-phases] "
			    "[--claims FILE]\n       [--reference DIR] [--origin-rules FILE]",
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
	const struct expect_terms terms = { .origins = &rules };
	struct claims claims = { 0 };
	struct analysis a = { 0 };
	uint64_t top = TOP_DEFAULT;
	size_t n;
	int code;

	if (!args_parse(&args, argc, argv, &dir, &n, &code))
		return code;
	if (top_text && option_parse_uint(&top, top_text))
		return say_fail(EXIT_USAGE, "report", "--top: '%s' is not a number", top_text);
	if (which && json)
		return say_fail(EXIT_USAGE, "report", "--explain and --json: choose one");
	if (claims_file && (which || no_phases))
		return say_fail(EXIT_USAGE, "report", "--claims and %s: choose one", which ? "--explain" : "--no-phases");
	if (rules_file && (code = origin_rules_load(&rules, "report", rules_file)))
		return code;
	if (claims_file && (code = claims_load(&claims, "report", claims_file, &terms))) {
		origin_rules_release(&rules);
		return code;
	}
	opt.origin_rules = rules_file ? &rules : NULL;
	opt.no_phases = no_phases || which;
	opt.brief = !json && !claims_file;
	code = analysis_load(&a, "report", dir, &opt);
	if (a.s.n) {
		const int shown = show(&a, claims_file ? &claims : NULL, json, which, top);

		code = shown ? shown : code;
	}
	analysis_release(&a);
	claims_release(&claims);
	origin_rules_release(&rules);
	return code;
}
