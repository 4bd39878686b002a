/* jitness verify: what a session was expected to be, and whether it was. */
#include <stdlib.h>
#include <string.h>

#include "decoder/analysis.h"
#include "decoder/args.h"
#include "decoder/cmd.h"
#include "decoder/junit.h"
#include "decoder/mem.h"
#include "decoder/origin_rules.h"
#include "decoder/phase_rules.h"
#include "decoder/policy.h"
#include "decoder/say.h"
#include "decoder/verify.h"

struct request {
	const char *dir, *policy, *junit, *rules_file, *origins_file, *reference;
	struct arg_values expect;
	bool json, strict;
};

/* All expectations, before anything is read: a wrong one is told at once. */
static int collect(struct verify *v, char **ret_reference, const struct request *q,
		   const struct origin_rules *origins)
{
	const struct expect_terms terms = { .origins = origins };

	*ret_reference = NULL;
	for (size_t i = 0; i < q->expect.n; i++) {
		struct expect_error err;

		if (expect_parse(&verify_add(v)->e, q->expect.list[i], &terms, &err)) {
			verify_say_error("verify", "--expect", q->expect.list[i], &err);
			return EXIT_USAGE;
		}
	}
	if (!q->expect.n && !q->policy)
		return say_fail(EXIT_USAGE, "verify", "nothing is expected: give --expect or --policy");
	v->strict = q->strict;
	return q->policy ? policy_load(v, ret_reference, "verify", q->policy, &terms) : EXIT_OK;
}

static int show(const struct verify *v, const struct request *q)
{
	int code = q->junit ? junit_write(v, "verify", q->junit) : EXIT_OK;

	if (!q->json)
		verify_text(v);
	else if (verify_json(v))
		code = EXIT_SYSTEM;
	return code ? code : verify_code(v);
}

static int run(struct verify *v, const struct request *q, const struct analysis_options *opt)
{
	struct expect_source source;
	struct analysis a;
	int code = analysis_load(&a, "verify", q->dir, opt);

	if (a.s.n) {
		int shown;

		expect_source_init(&source, &a);
		verify_judge(v, &a.s, &source);
		v->reference_unused = a.reference_unused;
		shown = show(v, q);
		code = shown ? shown : code;
	}
	analysis_release(&a);
	return code;
}

static int verify(const struct request *q)
{
	SCOPED_FREE char *reference = NULL;
	struct origin_rules origins = { 0 };
	struct phase_rules rules = { 0 };
	struct verify v = { 0 };
	int code = q->origins_file ? origin_rules_load(&origins, "verify", q->origins_file) : EXIT_OK;

	if (!code)
		code = collect(&v, &reference, q, &origins);
	if (!code && q->rules_file)
		code = phase_rules_load(&rules, "verify", q->rules_file);
	if (!code) {
		const struct analysis_options opt = {
			.origin_rules = q->origins_file ? &origins : NULL,
			.phase_rules = q->rules_file ? &rules : NULL,
			.reference = q->reference ? q->reference : reference,
		};

		code = run(&v, q, &opt);
	}
	phase_rules_release(&rules);
	origin_rules_release(&origins);
	verify_release(&v);
	return code;
}

int cmd_verify(int argc, char **argv)
{
	struct request q = { 0 };
	const struct arg table[] = {
		{ .flag = "expect",
		  .value = "EXPR",
		  .values = &q.expect,
		  .help = "what must hold, e.g. 'prefill:compiled'; may be given again (docs/verify.md)" },
		{ .flag = "policy",
		  .value = "FILE",
		  .text = &q.policy,
		  .help = "expectations from a JSON file" },
		{ .flag = "strict",
		  .on = &q.strict,
		  .help = "what cannot be decided fails, and whole 95 % intervals must keep to the limits" },
		{ .flag = "json", .on = &q.json, .help = "print one JSON object (" VERIFY_SCHEMA ")" },
		{ .flag = "junit",
		  .value = "FILE",
		  .text = &q.junit,
		  .help = "also write the results as JUnit XML" },
		{ .flag = "reference",
		  .value = "DIR",
		  .text = &q.reference,
		  .help = "an eager session of the same program, for verdicts (docs/verdicts.md)" },
		{ .flag = "origin-rules",
		  .value = "FILE",
		  .text = &q.origins_file,
		  .help = "rules of your own for origins; 'origin=' knows their names (docs/origins.md)" },
		{ .flag = "phase-rules",
		  .value = "FILE",
		  .text = &q.rules_file,
		  .help = "rules of your own for phases (docs/phases.md)" },
	};
	const struct args args = {
		.command = "verify",
		.synopsis = "DIR {--expect EXPR... | --policy FILE} [--strict] [--json] [--junit FILE]\n"
			    "       [--reference DIR] [--origin-rules FILE] [--phase-rules FILE]",
		.about = "Whether a session was what it was expected to be: how its passes ran, how long they "
			 "took,\nwhat was compiled when. Status 1 when an expectation fails, for CI.",
		.table = table,
		.count = sizeof(table) / sizeof(table[0]),
		.min_words = 1,
		.max_words = 1,
		.usage_code = EXIT_USAGE,
	};
	size_t n;
	int code;

	if (args_parse(&args, argc, argv, &q.dir, &n, &code))
		code = verify(&q);
	free(q.expect.list);
	return code;
}
