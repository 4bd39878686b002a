/* jitness doctor: would tracing work here? One line per check, and what to do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/args.h"
#include "decoder/cmd.h"
#include "decoder/doctor.h"
#include "decoder/json.h"
#include "decoder/mem.h"
#include "decoder/print.h"

static const char *const state_name[] = { "ok", "warn", "bad" };

void doctor_add(struct doctor *d, enum finding_state state, const char *check, char *text,
		char *advice)
{
	MEM_MORE(d->list, d->n, d->cap);
	d->list[d->n++] = (struct finding){ state, check, text, advice };
}

static void print_findings(const struct doctor *d)
{
	struct print_style st = print_style();

	for (size_t i = 0; i < d->n; i++) {
		const struct finding *f = &d->list[i];
		bool good = f->state == FINDING_OK;

		printf("%s%-5s%s %-11s ", good ? "" : st.warn, state_name[f->state],
		       good ? "" : st.off, f->check);
		print_text(f->text, strlen(f->text), 0);
		if (f->advice)
			printf(": %s", f->advice);
		putchar('\n');
	}
}

static int json_findings(const struct doctor *d, bool works)
{
	cJSON *root = cJSON_CreateObject();
	cJSON *list;

	json_string(root, "schema", "jitness.doctor.v1");
	json_bool(root, "works", works);
	list = json_array(root, "checks");
	for (size_t i = 0; i < d->n; i++) {
		cJSON *o = json_item(list);

		json_string(o, "check", d->list[i].check);
		json_string(o, "state", state_name[d->list[i].state]);
		json_string(o, "text", d->list[i].text);
		json_string(o, "advice", d->list[i].advice);
	}
	return json_print(root);
}

int cmd_doctor(int argc, char **argv)
{
	static void (*const checks[])(struct doctor *d) = {
		doctor_tracer, doctor_driver, doctor_devices,
		doctor_cupti,  doctor_others, doctor_output,
	};
	bool json = false, works = true;
	const struct arg table[] = {
		{ .flag = "json", .on = &json, .help = "print one JSON object" },
	};
	const struct args args = {
		.command = "doctor",
		.synopsis = "[--json]",
		.about = "Checks what tracing needs, in child processes; changes nothing. Exit "
			 "status 0: "
			 "tracing\nwould work here; 1: it would not.",
		.table = table,
		.count = sizeof(table) / sizeof(table[0]),
		.usage_code = EXIT_USAGE,
	};
	struct doctor d = { 0 };
	const char *word;
	size_t n;
	int code;

	if (!args_parse(&args, argc, argv, &word, &n, &code))
		return code;
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		checks[i](&d);
	for (size_t i = 0; i < d.n; i++)
		works &= d.list[i].state != FINDING_BAD;
	code = works ? EXIT_OK : EXIT_FOUND;
	if (!json)
		print_findings(&d);
	else if (json_findings(&d, works))
		code = EXIT_SYSTEM;
	for (size_t i = 0; i < d.n; i++) {
		free(d.list[i].text);
		free(d.list[i].advice);
	}
	free(d.list);
	return code;
}
