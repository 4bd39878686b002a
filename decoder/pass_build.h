/* pass_build: the passes of any stream of operations that can be read twice; pass_find.h is for sessions. */
#ifndef JITNESS_DECODER_PASS_BUILD_H
#define JITNESS_DECODER_PASS_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/op_stream.h"
#include "decoder/pass_wall.h"

struct pass_table;
struct process;

struct pass_source {
	/*
	 * Gives all operations to fn, the same each time; with a stride of more than 1 a sample of them, as
	 * op_stream_run() does, or all. false: the trace could not be read.
	 */
	bool (*run)(void *arg, uint64_t stride, op_fn fn, void *fn_arg);
	/* Name of a kernel's symbol; NULL: not known. */
	const char *(*name)(void *arg, uint32_t symbol);
	void *arg;
	const struct process *p; /* of the graphs; may be NULL */
	/* Times in which code was compiled and candidates were tried: no passes of their own. By start, apart. */
	struct pass_mask {
		uint64_t start, end;
		uint64_t tried; /* zero; when a cache was emptied, or an event waited for, to time a candidate */
	} *masks;
	size_t n_masks;
	struct pass_holds holds; /* what held the threads between passes; borrowed */
	uint64_t expected;       /* operations, about: how long traces are sampled; 0: few */
};

/* *ret must be released with pass_table_release(). */
void passes_build(struct pass_table *ret, const struct pass_source *src);

#endif
