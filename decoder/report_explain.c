/* jitness report DIR --explain MODULE: where one module comes from, and how that is known. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "decoder/cmd.h"
#include "decoder/demangle.h"
#include "decoder/mem.h"
#include "decoder/module_how.h"
#include "decoder/print.h"
#include "decoder/process_model.h"
#include "decoder/report.h"
#include "decoder/report_origin.h"
#include "decoder/report_stack.h"
#include "decoder/say.h"
#include "decoder/session_model.h"
#include "trace/event.h"
#include "trace/options.h"

#define KERNELS_SHOWN 8

struct module_at {
	const struct process *p;
	size_t module;
};

struct found {
	struct module_at *list;
	size_t n, cap;
};

static void find_add(struct found *f, const struct process *p, size_t module)
{
	MEM_MORE(f->list, f->n, f->cap);
	f->list[f->n++] = (struct module_at){ p, module };
}

static void find_id(struct found *f, const struct session *s, const uint64_t *pid, uint64_t id)
{
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < s->list[i]->modules.n_modules; k++)
			if (s->list[i]->modules.modules[k].module == id &&
			    (!pid || s->list[i]->pid == *pid))
				find_add(f, s->list[i], k);
}

static bool holds_kernel(const struct session *s, const struct process *p, size_t module,
			 const char *part)
{
	const struct module_names *names =
		module_kernels(&p->modules, &p->modules.modules[module]);

	for (size_t i = 0; names && i < names->n; i++) {
		const char *name = names_text(&s->names, names->kernels[i]);
		SCOPED_FREE char *readable = NULL;

		if (strstr(name, part))
			return true;
		readable = demangle(name);
		if (strstr(readable, part))
			return true;
	}
	return false;
}

/* "12:34", "34", or a part of a kernel's name. True: it was an id. */
static bool find(struct found *f, const struct session *s, const char *which)
{
	const char *colon = strchr(which, ':');
	SCOPED_FREE char *head = mem_text(which, colon ? (size_t)(colon - which) : 0);
	uint64_t pid, id;

	if (colon && !option_parse_uint(&pid, head) && !option_parse_uint(&id, colon + 1)) {
		find_id(f, s, &pid, id);
		return true;
	}
	if (!colon && !option_parse_uint(&id, which)) {
		find_id(f, s, NULL, id);
		return true;
	}
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < s->list[i]->modules.n_modules; k++)
			if (holds_kernel(s, s->list[i], k, which))
				find_add(f, s->list[i], k);
	return false;
}

static void field(const char *name)
{
	printf("  %-10s ", name);
}

static void text_field(const char *name, const char *text)
{
	field(name);
	print_text(text, strlen(text), 0);
	putchar('\n');
}

static void load_fields(const struct session *s, const struct process *p, const struct module *m,
			const struct module_load *l)
{
	const char *image = event_enum_name(EVENT_LOAD, LOAD_IMAGE, l ? l->image : m->image);
	const char *source = l ? event_enum_name(EVENT_LOAD, LOAD_SOURCE, l->source) : NULL;
	const char *api = l ? event_enum_name(EVENT_LOAD, LOAD_API, l->api) : NULL;
	char a[PRINT_BUF], b[PRINT_BUF];
	uint64_t at = session_time(s, p, m->time);

	field("image");
	printf("%s, %s", image ? image : "?", print_bytes(a, m->bytes));
	if (source)
		printf(", %s", source);
	printf(", hash %016" PRIx64 "\n", m->hash);
	if (l && l->path != MODULES_NONE) {
		field("file");
		print_text(names_text(&s->names, l->path), strlen(names_text(&s->names, l->path)),
			   0);
		if (l->source == SOURCE_MAPPED)
			printf(" at %" PRIu64, l->offset);
		putchar('\n');
	}
	field("loaded");
	printf("%s after the start, thread %" PRIu32, print_ns(a, at > s->first ? at - s->first : 0),
	       m->tid);
	if (l)
		printf(", by %s in %s%s", api ? api : "?",
		       time_pair_valid(l->start, l->end) ? print_ns(b, l->end - l->start) : "?",
		       m->lazy ? ", at its first use" : "");
	else if (m->call_api)
		printf(", inside %s", event_enum_name(EVENT_MODULE, MODULE_CALL_API, m->call_api) ?:
					      "another call");
	else
		printf(", its call is not known");
	putchar('\n');
	field("how");
	printf("%s%s%s\n", module_how_name((enum module_how)m->how), m->how_why ? ": " : "",
	       m->how_why ? m->how_why : "");
}

static void kernel_fields(const struct session *s, const struct process *p, const struct module *m)
{
	const struct module_names *names = module_kernels(&p->modules, m);

	for (size_t i = 0; names && i < names->n && i < KERNELS_SHOWN; i++) {
		SCOPED_FREE char *readable = demangle(names_text(&s->names, names->kernels[i]));

		field(i ? "" : "kernels");
		print_text(readable, strlen(readable), print_width() - 13);
		putchar('\n');
	}
	if (names && names->n > KERNELS_SHOWN)
		printf("  %-10s ... and %zu more\n", "", names->n - KERNELS_SHOWN);
}

static void tried_line(void *arg, const char *rule, const char *why)
{
	bool *first = arg;

	printf("  %-10s %s: %s\n", *first ? "rules" : "", rule, why ? why : "");
	*first = false;
}

static void explain(const struct session *s, struct report_stacks *stacks,
		    const struct module_at *at)
{
	const struct process *p = at->p;
	const struct module *m = &p->modules.modules[at->module];
	const struct module_load *l = m->load == MODULES_NONE ? NULL : &p->modules.loads[m->load];
	const struct origin_verdict *v = &p->origins[at->module];
	const char *basis = origin_basis_name((enum origin_basis)v->basis);
	const char *rule = origin_rule_id(s, v);
	struct print_style st = print_style();
	char *why[ORIGIN_EVIDENCE_MAX];
	size_t n = origin_evidence(why, ORIGIN_EVIDENCE_MAX, s, p, at->module);
	uint64_t native, python;
	bool first = true;

	printf("%sModule %" PRIu64 ":%" PRIu64 "%s: %s", st.bold, p->pid, m->module, st.off,
	       origin_name(s, v));
	if (v->id != ORIGIN_USER)
		printf(" (%s)", origin_id_text((enum origin_id)v->id));
	putchar('\n');
	if (basis && rule) {
		field("decided");
		printf("by %s, rule %s\n", basis, rule);
	}
	for (size_t i = 0; i < n; i++) {
		text_field(i ? "" : "because", why[i]);
		free(why[i]);
	}
	load_fields(s, p, m, l);
	kernel_fields(s, p, m);
	report_origin_stacks(p, at->module, &native, &python);
	if (native || python)
		puts("  stacks, innermost first (Python, then native)");
	report_stacks_text(stacks, p, native, python, "    ");
	origin_tried(s, p, at->module, tried_line, &first);
}

int report_explain(const struct session *s, const char *which, size_t top)
{
	struct report_stacks stacks = { .session = s };
	SCOPED_FREE struct module_at *list = NULL;
	struct found f = { 0 };
	bool by_id = find(&f, s, which);

	list = f.list;
	if (!f.n)
		return say_fail(EXIT_FOUND, "report", "--explain: no module %s '%s'",
				by_id ? "has the id" : "holds a kernel with", which);
	if (by_id && f.n > 1 && !strchr(which, ':'))
		return say_fail(EXIT_USAGE, "report",
				"--explain: %zu processes have a module '%s'; say which: "
				"%" PRIu64 ":%s, %" PRIu64 ":%s%s", f.n, which, f.list[0].p->pid,
				which, f.list[1].p->pid, which, f.n > 2 ? ", ..." : "");
	for (size_t i = 0; i < f.n && i < top; i++) {
		if (i)
			putchar('\n');
		explain(s, &stacks, &f.list[i]);
	}
	if (f.n > top)
		printf("\n... and %zu more modules (--top)\n", f.n - top);
	report_stacks_release(&stacks);
	return EXIT_OK;
}
