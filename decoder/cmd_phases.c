/* jitness phases: forward passes, told apart, and their latency. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "decoder/analysis.h"
#include "decoder/args.h"
#include "decoder/cmd.h"
#include "decoder/phase_rules.h"
#include "decoder/process_model.h"
#include "decoder/say.h"
#include "trace/options.h"

#define TOP_DEFAULT 20

struct request {
	const char *dir, *label, *rules_file, *reference;
	bool json, passes, explain;
	uint64_t top;
};

/* One sentence for each process, and not an error: a program need not have passes. */
static void none_text(const struct session *s)
{
	for (size_t i = 0; i < s->n; i++)
		printf("Process %" PRIu64 ": no passes: %s\n", s->list[i]->pid,
		       s->list[i]->passes.why_none ? s->list[i]->passes.why_none : "nothing repeats");
}

static int explain(const struct phases *v, const char *label)
{
	if (!v->rows.n) {
		none_text(v->session);
		return EXIT_OK;
	}
	if (phases_explain(v, label))
		return EXIT_OK;
	return say_fail(EXIT_FOUND, "phases", "no phase or shape is called '%s'", label);
}

static int show(const struct request *q, const struct phases *v)
{
	if (q->json)
		return phases_json(v, q->top);
	if (q->explain)
		return explain(v, q->label);
	if (q->passes)
		phases_csv(v);
	else
		phases_text(v, q->top);
	return EXIT_OK;
}

static int run(const struct request *q, const struct phase_rules *rules)
{
	const struct analysis_options opt = { .phase_rules = rules, .reference = q->reference };
	struct analysis a;
	int code = analysis_load(&a, "phases", q->dir, &opt);

	if (a.s.n) {
		const int shown = show(q, &a.phases);

		code = shown ? shown : code;
	}
	analysis_release(&a);
	return code;
}

static bool is_label(const char *word)
{
	for (unsigned i = 0; i < PASS_LABEL_COUNT; i++)
		if (!strcmp(word, pass_label_name(i)))
			return true;
	return false;
}

int cmd_phases(int argc, char **argv)
{
	struct request q = { .top = TOP_DEFAULT };
	const char *top_text = NULL, *words[2] = { NULL, NULL };
	const struct arg table[] = {
		{ .flag = "json", .on = &q.json, .help = "print one JSON object (" PHASES_SCHEMA ")" },
		{ .flag = "passes",
		  .on = &q.passes,
		  .help = "print one line of CSV for each pass" },
		{ .flag = "explain",
		  .on = &q.explain,
		  .help = "what speaks for each label and verdict; of PHASE (a label or shape) only" },
		{ .flag = "phase-rules",
		  .value = "FILE",
		  .text = &q.rules_file,
		  .help = "rules of your own for phases (docs/phases.md)" },
		{ .flag = "reference",
		  .value = "DIR",
		  .text = &q.reference,
		  .help = "an eager session of the same program, for verdicts (docs/verdicts.md)" },
		{ .flag = "top",
		  .value = "N",
		  .text = &top_text,
		  .help = "rows, findings and slow passes shown; default 20" },
	};
	const struct args args = {
		.command = "phases",
		.synopsis = "DIR [--json | --passes | --explain [PHASE]] [--phase-rules FILE]\n       "
			    "[--reference DIR] [--top N]",
		.about = "The forward passes of a process, told apart from behaviour alone: latency by "
			 "phase and\nshape, cold starts and changes, and why slow passes were slow.",
		.table = table,
		.count = sizeof(table) / sizeof(table[0]),
		.min_words = 1,
		.max_words = 2,
		.usage_code = EXIT_USAGE,
	};
	struct phase_rules rules = { 0 };
	size_t n;
	int code;

	if (!args_parse(&args, argc, argv, words, &n, &code))
		return code;
	if (top_text && option_parse_uint(&q.top, top_text))
		return say_fail(EXIT_USAGE, "phases", "--top: '%s' is not a number", top_text);
	if (q.json + q.passes + q.explain > 1)
		return say_fail(EXIT_USAGE, "phases", "--json, --passes and --explain: choose one");
	if (n == 2 && !q.explain)
		return say_fail(EXIT_USAGE, "phases", "'%s': one DIR only", words[1]);
	q.dir = words[0];
	q.label = n == 2 ? words[1] : NULL;
	if (n == 2 && is_label(words[0]) && !is_label(words[1])) { /* --explain decode DIR */
		q.dir = words[1];
		q.label = words[0];
	}
	if (q.rules_file && (code = phase_rules_load(&rules, "phases", q.rules_file)))
		return code;
	code = run(&q, q.rules_file ? &rules : NULL);
	phase_rules_release(&rules);
	return code;
}
