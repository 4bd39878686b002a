/*
 * child: the line in which a compiler says that it ran, and which programs are compilers
 * (docs/trace-format.md, "Children"). The tracer writes such lines, the decoder reads them.
 *
 * No allocation, no errno, no globals; building a line is async-signal-safe.
 */
#ifndef JITNESS_TRACE_CHILD_H
#define JITNESS_TRACE_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHILD_SUFFIX        ".children"
#define CHILD_LINE_MAX      4000 /* bytes of a line, its newline included: one write(2) */
#define CHILD_ANCESTORS_MAX 8

/* X(NAME, "name in the file"): names are stable; new ones go before OTHER. */
#define CHILD_TOOLS(X)                                                                     \
	X(PTXAS, "ptxas") X(CICC, "cicc") X(NVCC, "nvcc") X(NVLINK, "nvlink")              \
	X(FATBINARY, "fatbinary") X(CUDAFE, "cudafe++") X(TILEIRAS, "tileiras")            \
	X(GCC, "gcc") X(GXX, "g++") X(CC1, "cc1") X(CC1PLUS, "cc1plus")                    \
	X(COLLECT2, "collect2") X(LTO1, "lto1") X(LTO_WRAPPER, "lto-wrapper")              \
	X(AS, "as") X(LD, "ld") X(CLANG, "clang") X(NINJA, "ninja") X(WORKER, "worker")    \
	X(OTHER, "other")

enum child_tool {
#define X(name, text) CHILD_TOOL_##name,
	CHILD_TOOLS(X)
#undef X
	CHILD_TOOL_COUNT
};

/* Static text; "other" for a number that is none. */
const char *child_tool_name(enum child_tool tool);
/* By its name in the file; OTHER when this version does not know it. */
enum child_tool child_tool_named(const char *name, size_t len);
/*
 * By the path of an executable: a version at the end (gcc-12) and a target in front
 * (x86_64-linux-gnu-gcc) do not matter. OTHER: no compiler.
 */
enum child_tool child_tool_of(const char *exe, size_t len);

/* A line being built. */
struct child_text {
	size_t n;
	char p[CHILD_LINE_MAX];
};

void child_text_begin(struct child_text *t, char kind);
/* A tab and the bytes, escaped. False: they do not fit, and the line is as before. */
bool child_text_field(struct child_text *t, const char *p, size_t n);
void child_text_number(struct child_text *t, uint64_t v);
void child_text_hash(struct child_text *t, uint64_t v);
/* Field of ids, separated by commas. */
void child_text_ids(struct child_text *t, const uint64_t *id, unsigned n);
/* Instead of n more arguments. For this and the newline there is always room. */
void child_text_left_out(struct child_text *t, uint64_t n);
void child_text_end(struct child_text *t);

#endif
