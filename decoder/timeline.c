/* Sums over episodes, and who triggered one. */
#include "decoder/timeline.h"

#include <string.h>

#include "decoder/mem.h"
#include "decoder/name_table.h"
#include "decoder/process_model.h"
#include "decoder/report_stack.h"
#include "decoder/session_model.h"
#include "decoder/stack_text.h"

static void add(struct timeline_sum *t, const struct episode *e)
{
	t->episodes++;
	t->modules += e->n_modules;
	if (e->kind == EPISODE_GRAPH)
		t->recorded++;
	else
		t->by_how[e->how]++;
	t->wall_ns += e->end - e->start;
	if (e->stall_known)
		t->stall_ns += e->stall_ns;
	else
		t->stalls_unknown++;
}

static int longest_first(const void *a, const void *b)
{
	const struct timeline_sum *x = a, *y = b;

	if (x->wall_ns != y->wall_ns)
		return x->wall_ns < y->wall_ns ? 1 : -1;
	return strcmp(x->origin, y->origin);
}

void timeline_totals(struct timeline_totals *ret, const struct session *s)
{
	*ret = (struct timeline_totals){ .middle_ns = s->first + (s->last - s->first) / 2 };
	for (size_t i = 0; i < s->episodes.n; i++) {
		const struct episode *e = &s->episodes.list[i];
		const char *origin = episode_origin_name(s, e);
		size_t at = 0;

		while (at < ret->n && strcmp(ret->origins[at].origin, origin))
			at++;
		if (at == ret->n) {
			MEM_MORE(ret->origins, ret->n, ret->cap);
			ret->origins[ret->n++] = (struct timeline_sum){ .origin = origin };
		}
		add(&ret->origins[at], e);
		add(&ret->all, e);
		add(&ret->half[episode_start(s, e) >= ret->middle_ns], e);
	}
	if (ret->n)
		qsort(ret->origins, ret->n, sizeof(*ret->origins), longest_first);
}

void timeline_totals_release(struct timeline_totals *t)
{
	free(t->origins);
	*t = (struct timeline_totals){ 0 };
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static char *native_text(const struct episode *e, const struct session *s,
			 struct report_stacks *stacks)
{
	const struct stack_frame *f = e->trigger.caller;
	const char *path = NULL, *function = NULL;
	uint64_t in_function = 0;

	if (f->object < e->p->stacks.n_objects) {
		const struct stack_object *o = &e->p->stacks.objects[f->object];

		path = names_text(&s->names, o->path);
		function = symbols_find(&stacks->symbols, path, names_text(&s->names, o->build_id),
					f->offset, &in_function);
	}
	return stack_text_native(function, in_function, path, f->offset);
}

char *timeline_trigger(const struct episode *e, const struct session *s,
		       struct report_stacks *stacks, bool brief)
{
	const struct stack_frame *f = e->trigger.user;

	if (!f && e->trigger.python) {
		/* Nothing but machinery: its innermost call is the best there is. */
		f = stack_frame_of(&e->p->stacks, e->trigger.python);
		if (f && f->type != FRAME_IS_PYTHON)
			f = NULL;
	}
	if (f) {
		const char *file = names_text(&s->names, f->file);

		return stack_text_python(brief ? base_of(file) : file, f->line,
					 names_text(&s->names, f->function));
	}
	if (e->trigger.caller)
		return native_text(e, s, stacks);
	return NULL;
}
