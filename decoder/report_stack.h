/* report_stack: the call stacks of a process as text, with symbols where their files are found. */
#ifndef JITNESS_DECODER_REPORT_STACK_H
#define JITNESS_DECODER_REPORT_STACK_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "decoder/idmap.h"
#include "decoder/symbols.h"

struct process;
struct session;

#define REPORT_STACK_MAX 128 /* frames shown */

/* Many modules come from the same place: a stack is made into JSON, with its symbols, once. */
struct report_stacks {
	const struct session *session;
	struct symbols symbols;
	const struct process *process; /* whose FRAME ids `text_by_id` has */
	struct idmap text_by_id;
	char **texts;
	size_t n_texts, texts_cap;
};

void report_stacks_release(struct report_stacks *r);

/* Arrays "native_stack" (texts) and "python_stack" (file, line, function), innermost first. */
void report_stacks_json(cJSON *o, struct report_stacks *r, const struct process *p,
			uint64_t native, uint64_t python);
/* The same for people: a line a frame, after `indent`. */
void report_stacks_text(struct report_stacks *r, const struct process *p, uint64_t native,
			uint64_t python, const char *indent);

#endif
