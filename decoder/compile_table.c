#include "decoder/compile_table.h"

#include <stdbool.h>
#include <string.h>

#include "decoder/mem.h"
#include "decoder/name_table.h"
#include "decoder/sorted.h"
#include "trace/encode.h"

static bool room(struct compile_table *t, size_t n)
{
	if (n < COMPILES_MAX)
		return true;
	t->unlisted++;
	return false;
}

static void fold_calls(struct compile_table *t, const struct section *s, struct names *names)
{
	for (uint32_t i = 0; i < s->rows; i++) {
		const uint8_t *text = (const uint8_t *)"";
		size_t len = 0, program;

		if (!room(t, t->n_calls))
			continue;
		if (s->blob_at) {
			text = s->blob + s->blob_at[i];
			len = s->blob_at[i + 1] - s->blob_at[i];
		}
		program = strnlen((const char *)text, len);
		MEM_MORE(t->calls, t->n_calls, t->calls_cap);
		t->calls[t->n_calls++] = (struct compile_call){
			.start = s->col[COMPILE_START][i],
			.end = s->col[COMPILE_END][i],
			.result = s->col[COMPILE_RESULT][i],
			.handle = s->col[COMPILE_HANDLE][i],
			.native = s->col[COMPILE_NATIVE][i],
			.python = s->col[COMPILE_PYTHON][i],
			.compiler = (uint32_t)s->col[COMPILE_COMPILER][i],
			.program = names_put(names, text, program),
			.library = program < len ? names_put(names, text + program + 1,
							     len - program - 1)
						 : names_put(names, "", 0),
			.tid = s->tid,
		};
	}
}

static void fold_codes(struct compile_table *t, const struct section *s)
{
	for (uint32_t i = 0; i < s->rows; i++) {
		if (!room(t, t->n_codes))
			continue;
		MEM_MORE(t->codes, t->n_codes, t->codes_cap);
		t->codes[t->n_codes++] = (struct compile_code){
			.time = s->col[CODE_TIME][i],
			.handle = s->col[CODE_HANDLE][i],
			.bytes = s->col[CODE_BYTES][i],
			.hash = s->col[CODE_HASH][i],
			.compiler = (uint32_t)s->col[CODE_COMPILER][i],
			.image = (uint32_t)s->col[CODE_IMAGE][i],
			.tid = s->tid,
			.call = COMPILES_NONE,
			.older = COMPILES_NONE,
		};
	}
}

void compile_table_fold(struct compile_table *t, const struct section *s, struct names *names)
{
	if (s->kind == EVENT_COMPILE)
		fold_calls(t, s, names);
	else if (s->kind == EVENT_CODE)
		fold_codes(t, s);
}

static int calls_by_start(const void *a, const void *b)
{
	const struct compile_call *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

static int codes_by_time(const void *a, const void *b)
{
	const struct compile_code *x = a, *y = b;

	return x->time < y->time ? -1 : x->time > y->time;
}

/* A handle is an address and comes again: one step through both lists in order of time. */
static void find_calls(struct compile_table *t)
{
	struct idmap latest[COMPILER_NVPTX + 1] = { 0 };
	size_t call = 0;

	for (size_t i = 0; i < t->n_codes; i++) {
		struct compile_code *c = &t->codes[i];

		for (; call < t->n_calls && t->calls[call].start <= c->time; call++)
			if (t->calls[call].compiler <= COMPILER_NVPTX)
				idmap_put(&latest[t->calls[call].compiler], t->calls[call].handle,
					  (uint32_t)call);
		if (c->compiler <= COMPILER_NVPTX)
			c->call = idmap_get(&latest[c->compiler], c->handle);
	}
	for (unsigned i = 0; i <= COMPILER_NVPTX; i++)
		idmap_release(&latest[i]);
}

void compile_table_join(struct compile_table *t)
{
	if (t->n_calls)
		qsort(t->calls, t->n_calls, sizeof(*t->calls), calls_by_start);
	if (t->n_codes)
		qsort(t->codes, t->n_codes, sizeof(*t->codes), codes_by_time);
	find_calls(t);
	for (size_t i = 0; i < t->n_codes; i++) {
		struct compile_code *c = &t->codes[i];

		if (!c->hash)
			continue;
		c->older = idmap_get(&t->code_by_hash, c->hash);
		idmap_put(&t->code_by_hash, c->hash, (uint32_t)i);
	}
}

/* Calls of other threads lie between; the list is by start. */
#define CALLS_BACK 256

uint32_t compile_call_at(const struct compile_table *t, uint32_t tid, uint64_t time)
{
	size_t lo = SORTED_UPTO(t->calls, t->n_calls, start, time);

	for (int back = 0; back < CALLS_BACK && lo--; back++)
		if (t->calls[lo].tid == tid && t->calls[lo].end >= time)
			return (uint32_t)lo;
	return COMPILES_NONE;
}

const struct compile_code *compile_code_of(const struct compile_table *t, uint64_t hash,
					   uint64_t time)
{
	uint32_t i = hash ? idmap_get(&t->code_by_hash, hash) : IDMAP_NONE;

	while (i != IDMAP_NONE && t->codes[i].time > time)
		i = t->codes[i].older;
	return i == IDMAP_NONE ? NULL : &t->codes[i];
}

void compile_table_release(struct compile_table *t)
{
	free(t->calls);
	free(t->codes);
	idmap_release(&t->code_by_hash);
	*t = (struct compile_table){ 0 };
}
