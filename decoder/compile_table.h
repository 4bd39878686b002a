/*
 * compile_table: calls of compiler libraries in a process (NVRTC, nvJitLink, libNVVM,
 * nvPTXCompiler) and the code they gave back, found again by its hash.
 */
#ifndef JITNESS_DECODER_COMPILE_TABLE_H
#define JITNESS_DECODER_COMPILE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "decoder/idmap.h"

struct names;
struct section;

#define COMPILES_MAX  (1u << 18)
#define COMPILES_NONE UINT32_MAX

struct compile_call {
	uint64_t start, end, result, handle, native, python;
	uint32_t compiler;          /* enum compiler */
	uint32_t program, library;  /* session's names */
	uint32_t tid;
	uint32_t jit_hits, jit_misses; /* of the driver's cache meanwhile: module_how_find() */
};

struct compile_code {
	uint64_t time, handle, bytes, hash;
	uint32_t compiler, image, tid;
	uint32_t call;  /* the compile_call it came from, or COMPILES_NONE */
	uint32_t older; /* the code before with the same hash, or COMPILES_NONE */
};

struct compile_table {
	struct compile_call *calls;
	struct compile_code *codes;
	size_t n_calls, calls_cap, n_codes, codes_cap;
	uint64_t unlisted;
	struct idmap code_by_hash;
};

/* One COMPILE or CODE section. */
void compile_table_fold(struct compile_table *t, const struct section *s, struct names *names);
void compile_table_join(struct compile_table *t);
void compile_table_release(struct compile_table *t);

/* Index of the call that a thread was in at `time`, the innermost; COMPILES_NONE: none. */
uint32_t compile_call_at(const struct compile_table *t, uint32_t tid, uint64_t time);
/* The latest code with this hash handed out at or before `time`; NULL: none. */
const struct compile_code *compile_code_of(const struct compile_table *t, uint64_t hash,
					   uint64_t time);

#endif
