#include "decoder/pass_python.h"

#include "decoder/mem.h"
#include "decoder/name_table.h"
#include "decoder/pass.h"
#include "decoder/phase_rules.h"
#include "decoder/process_model.h"
#include "decoder/sorted.h"

/* Passes looked at before the time of a stack: those of other threads lie between. */
#define PASSES_BACK 256

struct python {
	const struct process *p;
	const struct names *names;
	const struct phase_rules *rules;
	uint64_t *by_shape;
	struct frame_bits {
		uint64_t bits;
		bool known;
	} *frames; /* by index in stacks.frames */
};

/* NULL: the thread was in no pass. */
static const struct pass *pass_at(const struct pass_table *t, uint32_t tid, uint64_t time)
{
	size_t i = SORTED_UPTO(t->list, t->n, host_start, time);

	for (size_t back = 0; i-- && back < PASSES_BACK; back++)
		if (t->list[i].tid == tid)
			return time <= t->list[i].end ? &t->list[i] : NULL;
	return NULL;
}

static uint64_t bits_of(struct python *y, const struct stack_frame *f)
{
	struct frame_bits *known = &y->frames[f - y->p->stacks.frames];
	SCOPED_FREE char *text = NULL;

	if (known->known || f->function == STACK_NONE)
		return known->bits;
	known->known = true;
	text = mem_printf("%s:%s", f->file == STACK_NONE ? "" : names_text(y->names, f->file),
			  names_text(y->names, f->function));
	for (size_t i = 0; i < y->rules->n; i++)
		if (phase_rule_matches(&y->rules->list[i], PHASE_RULE_python, text))
			known->bits |= 1ull << y->rules->list[i].bit;
	return known->bits;
}

static void add(struct python *y, uint32_t tid, uint64_t time, uint64_t stack)
{
	const struct stack_frame *frames[STACK_DEPTH_MAX];
	const struct pass *x = stack ? pass_at(&y->p->passes, tid, time) : NULL;
	size_t n = x && x->shape < y->p->passes.n_shapes ?
			   stack_walk(&y->p->stacks, stack, frames, STACK_DEPTH_MAX) : 0;

	for (size_t i = 0; i < n; i++)
		y->by_shape[x->shape] |= bits_of(y, frames[i]);
}

uint64_t *passes_python(const struct process *p, const struct names *names,
			const struct phase_rules *rules)
{
	SCOPED_FREE struct frame_bits *frames = mem_zalloc(p->stacks.n_frames + 1, sizeof(*frames));
	struct python y = { p, names, rules, NULL, frames };

	y.by_shape = mem_zalloc(p->passes.n_shapes + 1, sizeof(*y.by_shape));
	for (size_t i = 0; i < p->modules.n_loads; i++)
		add(&y, p->modules.loads[i].tid, p->modules.loads[i].start, p->modules.loads[i].python);
	for (size_t i = 0; i < p->modules.n_modules; i++)
		add(&y, p->modules.modules[i].tid, p->modules.modules[i].time,
		    p->modules.modules[i].python);
	for (size_t i = 0; i < p->compiles.n_calls; i++)
		add(&y, p->compiles.calls[i].tid, p->compiles.calls[i].start,
		    p->compiles.calls[i].python);
	for (size_t i = 0; i < p->graphs.n_recordings; i++)
		add(&y, p->graphs.recordings[i].tid, p->graphs.recordings[i].start,
		    p->graphs.recordings[i].python);
	return y.by_shape;
}
