#include "decoder/report_stack.h"

#include <stdio.h>
#include <string.h>

#include "decoder/json.h"
#include "decoder/mem.h"
#include "decoder/print.h"
#include "decoder/process_model.h"
#include "decoder/session_model.h"
#include "decoder/stack_text.h"

void report_stacks_release(struct report_stacks *r)
{
	symbols_release(&r->symbols);
	idmap_release(&r->text_by_id);
	for (size_t i = 0; i < r->n_texts; i++)
		free(r->texts[i]);
	free(r->texts);
	*r = (struct report_stacks){ 0 };
}

/* Caller frees. */
static char *native_text(struct report_stacks *r, const struct process *p,
			 const struct stack_frame *f)
{
	const struct stack_table *t = &p->stacks;
	const struct names *names = &r->session->names;
	const char *path = NULL, *function = NULL;
	uint64_t in_function = 0;

	if (f->object < t->n_objects) {
		const struct stack_object *o = &t->objects[f->object];

		path = names_text(names, o->path);
		function = symbols_find(&r->symbols, path, names_text(names, o->build_id),
					f->offset, &in_function);
	}
	return stack_text_native(function, in_function, path, f->offset);
}

static const char *name_or_null(const struct report_stacks *r, uint32_t name)
{
	return name == STACK_NONE ? NULL : names_text(&r->session->names, name);
}

static void python_json(cJSON *item, const struct report_stacks *r, const struct stack_frame *f)
{
	json_string(item, "file", name_or_null(r, f->file));
	if (f->line)
		json_uint(item, "line", f->line);
	else
		json_null(item, "line");
	json_string(item, "function", name_or_null(r, f->function));
}

/* The array for a stack, as text. */
static char *stack_json(struct report_stacks *r, const struct process *p, uint64_t id)
{
	const struct stack_frame *frames[REPORT_STACK_MAX];
	size_t n = stack_walk(&p->stacks, id, frames, REPORT_STACK_MAX);
	cJSON *list = cJSON_CreateArray();
	char *text;

	for (size_t i = 0; i < n; i++) {
		if (frames[i]->type == FRAME_IS_PYTHON) {
			python_json(json_item(list), r, frames[i]);
		} else {
			SCOPED_FREE char *line = native_text(r, p, frames[i]);

			json_item_text(list, line, strlen(line));
		}
	}
	text = cJSON_PrintUnformatted(list);
	cJSON_Delete(list);
	return text;
}

static void stack_member(cJSON *o, const char *key, struct report_stacks *r,
			 const struct process *p, uint64_t id)
{
	uint32_t at;

	if (!id) {
		json_array(o, key);
		return;
	}
	if (r->process != p) {
		r->process = p;
		idmap_release(&r->text_by_id);
		r->text_by_id = (struct idmap){ 0 };
	}
	at = idmap_get(&r->text_by_id, id);
	if (at == IDMAP_NONE) {
		at = (uint32_t)r->n_texts;
		MEM_MORE(r->texts, r->n_texts, r->texts_cap);
		r->texts[r->n_texts++] = stack_json(r, p, id);
		idmap_put(&r->text_by_id, id, at);
	}
	cJSON_AddRawToObject(o, key, r->texts[at] ? r->texts[at] : "[]");
}

void report_stacks_json(cJSON *o, struct report_stacks *r, const struct process *p,
			uint64_t native, uint64_t python)
{
	stack_member(o, "native_stack", r, p, native);
	stack_member(o, "python_stack", r, p, python);
}

static void frame_line(const char *indent, char *text)
{
	fputs(indent, stdout);
	print_text(text, strlen(text), print_width() - strlen(indent));
	putchar('\n');
	free(text);
}

void report_stacks_text(struct report_stacks *r, const struct process *p, uint64_t native,
			uint64_t python, const char *indent)
{
	const struct stack_frame *frames[REPORT_STACK_MAX];
	size_t n = stack_walk(&p->stacks, python, frames, REPORT_STACK_MAX);

	for (size_t i = 0; i < n; i++)
		frame_line(indent, stack_text_python(name_or_null(r, frames[i]->file),
						     frames[i]->line,
						     name_or_null(r, frames[i]->function)));
	n = stack_walk(&p->stacks, native, frames, REPORT_STACK_MAX);
	for (size_t i = 0; i < n; i++)
		frame_line(indent, native_text(r, p, frames[i]));
}
