/* jitness diff: two sessions, phase by phase. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "decoder/analysis.h"
#include "decoder/args.h"
#include "decoder/cmd.h"
#include "decoder/diff.h"
#include "decoder/diff_expect.h"
#include "decoder/json.h"
#include "decoder/phase_rules.h"
#include "decoder/say.h"
#include "decoder/verify.h"
#include "trace/options.h"

#define TOP_DEFAULT 20

struct request {
	const char *dir[2];
	struct arg_values expect;
	bool json, strict;
	uint64_t top, seed;
};

/* Before anything is read: a wrong one is told at once. */
static int collect(struct verify *v, const struct request *q)
{
	static const struct expect_terms terms = { .ratio = true };

	v->strict = q->strict;
	for (size_t i = 0; i < q->expect.n; i++) {
		struct expect_error err;

		if (expect_parse(&verify_add(v)->e, q->expect.list[i], &terms, &err)) {
			verify_say_error("diff", "--expect", q->expect.list[i], &err);
			return EXIT_USAGE;
		}
	}
	return EXIT_OK;
}

static void expect_text(const struct verify *v)
{
	if (v->n)
		putchar('\n');
	for (size_t i = 0; i < v->n; i++) {
		const struct verify_check *c = &v->list[i];

		printf("%-9s  %s: %s\n", expect_state_name(c->result.state), c->e.text, c->result.sentence);
	}
}

static void expect_json(cJSON *root, const struct verify *v)
{
	cJSON *list = json_array(root, "expectations");

	for (size_t i = 0; i < v->n; i++) {
		cJSON *o = json_item(list);

		json_string(o, "expect", v->list[i].e.text);
		json_string(o, "state", expect_state_name(v->list[i].result.state));
		json_string(o, "text", v->list[i].result.sentence);
	}
}

static int show(const struct request *q, const struct diff *d, const struct verify *v)
{
	int code = EXIT_OK;

	if (q->json) {
		cJSON *root = diff_json(d, q->top);

		expect_json(root, v);
		code = json_print(root);
	} else {
		diff_text(d, q->top);
		expect_text(v);
	}
	return code ? code : verify_code(v);
}

static int run(struct verify *v, const struct request *q, const struct phase_rules *rules)
{
	const struct analysis_options opt = { .phase_rules = rules, .brief = !q->expect.n };
	struct analysis side[2] = { { .has_phases = false }, { .has_phases = false } };
	struct diff d;
	int code = EXIT_OK, shown;

	for (int i = 0; i < 2; i++) {
		int loaded = analysis_load(&side[i], "diff", q->dir[i], &opt);

		code = loaded ? loaded : code;
	}
	if (side[0].has_phases && side[1].has_phases) {
		diff_find(&d, &side[0], &side[1], q->seed);
		diff_expect(v, &d);
		shown = show(q, &d, v);
		diff_release(&d);
		code = shown ? shown : code;
	}
	analysis_release(&side[0]);
	analysis_release(&side[1]);
	return code;
}

static int diff(const struct request *q, const char *rules_file)
{
	struct phase_rules rules = { 0 };
	struct verify v = { 0 };
	int code = collect(&v, q);

	if (!code && rules_file)
		code = phase_rules_load(&rules, "diff", rules_file);
	if (!code)
		code = run(&v, q, rules_file ? &rules : NULL);
	phase_rules_release(&rules);
	verify_release(&v);
	return code;
}

int cmd_diff(int argc, char **argv)
{
	struct request q = { .top = TOP_DEFAULT, .seed = 1 };
	const char *top_text = NULL, *seed_text = NULL, *rules_file = NULL;
	const struct arg table[] = {
		{ .flag = "json", .on = &q.json, .help = "print one JSON object (" DIFF_SCHEMA ")" },
		{ .flag = "expect",
		  .value = "EXPR",
		  .values = &q.expect,
		  .help = "what must hold, e.g. 'median(decode) ratio < 1.05'; may be given again" },
		{ .flag = "strict", .on = &q.strict, .help = "what cannot be decided fails" },
		{ .flag = "top", .value = "N", .text = &top_text, .help = "rows shown; default 20" },
		{ .flag = "seed",
		  .value = "N",
		  .text = &seed_text,
		  .help = "of the bootstrap's random numbers; default 1" },
		{ .flag = "phase-rules",
		  .value = "FILE",
		  .text = &rules_file,
		  .help = "rules of your own for phases (docs/phases.md)" },
	};
	const struct args args = {
		.command = "diff",
		.synopsis = "A B [--expect EXPR...] [--strict] [--json] [--top N] [--seed N] "
			    "[--phase-rules FILE]",
		.about = "What got faster or slower from session A to session B, phase by phase, with "
			 "confidence\nintervals, and what else is different (docs/diff.md).",
		.table = table,
		.count = sizeof(table) / sizeof(table[0]),
		.min_words = 2,
		.max_words = 2,
		.usage_code = EXIT_USAGE,
	};
	size_t n;
	int code;

	if (!args_parse(&args, argc, argv, q.dir, &n, &code))
		;
	else if (top_text && option_parse_uint(&q.top, top_text))
		code = say_fail(EXIT_USAGE, "diff", "--top: '%s' is not a number", top_text);
	else if (seed_text && option_parse_uint(&q.seed, seed_text))
		code = say_fail(EXIT_USAGE, "diff", "--seed: '%s' is not a number", seed_text);
	else
		code = diff(&q, rules_file);
	free(q.expect.list);
	return code;
}
