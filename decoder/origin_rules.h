/*
 * origin_rules: rules that name the origin of a module, the built-in table and those of a user's
 * file. A rule holds when all its conditions hold; the first one that holds decides.
 *
 * Patterns are POSIX extended regular expressions, found anywhere in the text; NULL: no
 * condition. A text that is not known ("") matches no pattern.
 */
#ifndef JITNESS_DECODER_ORIGIN_RULES_H
#define JITNESS_DECODER_ORIGIN_RULES_H

#include <stddef.h>
#include <stdint.h>

#include "decoder/origin.h"

/* X(NAME, "as in documents", "when it holds") */
#define ORIGIN_NEEDS(X)                                                                   \
	X(NO_NATIVE, "no native stack", "the calling library is not known")              \
	X(NO_PYTHON, "no Python stack", "no Python file is known")                       \
	X(NO_LOAD, "no load call", "the load call is not known")                         \
	X(NO_KERNELS, "no kernels", "the image holds no kernel")                         \
	X(ONE_KERNEL, "one kernel", "the image holds exactly one kernel")                \
	X(NOT_MADE, "not compiled here", "no compiler of the session wrote these bytes")  \
	X(NO_PLACE, "no file", "the image did not lie in a file whose path is known")    \
	X(PROGRAM, "in the program", "the image lay in the main program")                \
	X(LINKED, "linked here", "ld wrote the file in this session")

enum origin_need_index {
#define X(N, s, t) ORIGIN_NEED_INDEX_##N,
	ORIGIN_NEEDS(X)
#undef X
	ORIGIN_NEED_COUNT
};
enum origin_need {
#define X(N, s, t) ORIGIN_NEED_##N = 1u << ORIGIN_NEED_INDEX_##N,
	ORIGIN_NEEDS(X)
#undef X
};

/* Who compiled the bytes, as far as the trace proves it. X(NAME, "as in documents") */
#define ORIGIN_COMPILERS(X)                                                               \
	X(NVRTC, "NVRTC") X(NVJITLINK, "nvJitLink") X(NVVM, "libNVVM")                   \
	X(NVPTX, "nvPTXCompiler") X(CHILD, "a compiler process") X(DRIVER, "the driver's JIT") \
	X(DRIVER_NVVM, "the driver's NVVM, as NVRTC uses it")

enum origin_compiler_index {
#define X(N, s) ORIGIN_COMPILER_INDEX_##N,
	ORIGIN_COMPILERS(X)
#undef X
	ORIGIN_COMPILER_COUNT
};
enum origin_compiler {
#define X(N, s) ORIGIN_MADE_BY_##N = 1u << ORIGIN_COMPILER_INDEX_##N,
	ORIGIN_COMPILERS(X)
#undef X
};

/* Texts a pattern can be about. X(MEMBER, "as in documents") */
#define ORIGIN_PATTERNS(X)                                                                \
	X(path, "image in") X(caller, "called from") X(python, "Python stack")           \
	X(compiler, "compiler") X(neighbour, "loaded just before") X(kernel, "kernel name")

enum origin_pattern {
#define X(m, s) ORIGIN_PATTERN_##m,
	ORIGIN_PATTERNS(X)
#undef X
	ORIGIN_PATTERN_COUNT
};

/* Of a user's rule. */
#define ORIGIN_RULE_NAME_MAX   64
#define ORIGIN_RULE_NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

struct origin_rule {
	const char *id;         /* stable; lower case and dashes */
	enum origin_id origin;
	const char *pattern[ORIGIN_PATTERN_COUNT];
	uint32_t images;        /* 1u << enum image_kind, any of them; 0: all */
	uint32_t sources;       /* 1u << enum image_source, any of them; 0: all */
	uint32_t made;          /* enum origin_compiler, any of them; 0: no condition */
	uint32_t needs;         /* enum origin_need, all of them */
};

extern const struct origin_rule origin_table[];
extern const size_t origin_table_count;

/* A user's rules. */
struct origin_rules {
	struct origin_rule *list; /* .id is the user's name for the origin */
	size_t n, cap;
};

/*
 * Reads the file of --origin-rules. EXIT_OK; or EXIT_INPUT when it cannot be read, EXIT_USAGE
 * when an entry is wrong, after one sentence from `command`; *ret is then empty.
 */
int origin_rules_load(struct origin_rules *ret, const char *command, const char *path);
void origin_rules_release(struct origin_rules *r);

#endif
