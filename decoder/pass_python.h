/*
 * pass_python: Python functions that were on the stack of a pass. Stacks are taken at loads, compiles
 * and recordings of graphs (trace/event.h), so most passes have none, and their shape speaks for them.
 * One thread; no errors.
 */
#ifndef JITNESS_DECODER_PASS_PYTHON_H
#define JITNESS_DECODER_PASS_PYTHON_H

#include <stdint.h>

struct names;
struct phase_rules;
struct process;

/*
 * By shape of p->passes: a bit for each rule (phase_rule.bit) whose `python` is found in "file:function" of a
 * frame. The caller frees it.
 */
uint64_t *passes_python(const struct process *p, const struct names *names,
			const struct phase_rules *rules);

#endif
