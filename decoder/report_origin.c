#include "decoder/report_origin.h"

#include <stdio.h>
#include <string.h>

#include "decoder/json.h"
#include "decoder/mem.h"
#include "decoder/print.h"
#include "decoder/process_model.h"
#include "decoder/report_stack.h"
#include "decoder/session_model.h"

void report_origin_stacks(const struct process *p, size_t module, uint64_t *ret_native,
			  uint64_t *ret_python)
{
	const struct module *m = &p->modules.modules[module];
	const struct module_load *l = m->load == MODULES_NONE ? NULL : &p->modules.loads[m->load];

	*ret_native = l && l->native ? l->native : m->native;
	*ret_python = l && l->python ? l->python : m->python;
}

void report_origin_module_json(cJSON *o, struct report_stacks *stacks, const struct process *p,
			       size_t module)
{
	const struct session *s = stacks->session;
	const struct origin_verdict *v = &p->origins[module];
	char *why[ORIGIN_EVIDENCE_MAX];
	size_t n = origin_evidence(why, ORIGIN_EVIDENCE_MAX, s, p, module);
	uint64_t native, python;
	cJSON *list;

	json_string(o, "origin", origin_name(s, v));
	json_string(o, "origin_by", origin_basis_name((enum origin_basis)v->basis));
	json_string(o, "origin_rule", origin_rule_id(s, v));
	list = json_array(o, "evidence");
	for (size_t i = 0; i < n; i++) {
		json_item_text(list, why[i], strlen(why[i]));
		free(why[i]);
	}
	report_origin_stacks(p, module, &native, &python);
	report_stacks_json(o, stacks, p, native, python);
}

void report_origin_kernel_json(cJSON *o, const struct session *s, uint32_t name)
{
	struct origin_kernel k;

	origin_of_kernel(&k, s, name);
	json_string(o, "origin", origin_name(s, &k.verdict));
	json_string(o, "origin_by", origin_basis_name((enum origin_basis)k.verdict.basis));
	json_bool(o, "origin_mixed", k.mixed);
}

struct origin_count {
	const char *name;
	size_t n;
};

static int most_first(const void *a, const void *b)
{
	const struct origin_count *x = a, *y = b;

	if (x->n != y->n)
		return x->n < y->n ? 1 : -1;
	return strcmp(x->name, y->name);
}

/* Names are few: the origins there are, and those of a user's file. */
static void count(struct origin_count **list, size_t *n, size_t *cap, const char *name)
{
	for (size_t i = 0; i < *n; i++)
		if ((*list)[i].name == name || !strcmp((*list)[i].name, name)) {
			(*list)[i].n++;
			return;
		}
	MEM_MORE(*list, *n, *cap);
	(*list)[(*n)++] = (struct origin_count){ name, 1 };
}

void report_origin_line(const struct session *s)
{
	SCOPED_FREE struct origin_count *list = NULL;
	size_t n = 0, cap = 0, column = strlen("by origin:"), width = print_width();

	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < s->list[i]->modules.n_modules; k++)
			count(&list, &n, &cap, origin_name(s, &s->list[i]->origins[k]));
	if (!n)
		return;
	qsort(list, n, sizeof(*list), most_first);
	fputs("by origin:", stdout);
	for (size_t i = 0; i < n; i++) {
		char a[PRINT_BUF];
		size_t len = strlen(list[i].name) + strlen(print_count(a, list[i].n)) + 3;

		if (column + len > width) {
			fputs("\n          ", stdout);
			column = strlen("by origin:");
		}
		printf(" %s %s%s", list[i].name, a, i + 1 < n ? "," : "");
		column += len;
	}
	putchar('\n');
}
