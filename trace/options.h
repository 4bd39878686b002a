/*
 * options: what can be set, and how its text is read. One table drives the
 * tracer's JITNESS_* variables, the flags of `jitness run`, its help,
 * docs/jitness-env.7.md and the warning about an unknown JITNESS_ name.
 *
 * Pure functions on const tables: no allocation, no errno, no locale, no logging.
 * The same object is linked into the tracer and into the decoder.
 */
#ifndef JITNESS_TRACE_OPTIONS_H
#define JITNESS_TRACE_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

/*
 * X(NAME, "flag" of jitness run or NULL, 'letter' or 0, "JITNESS_VARIABLE", type,
 *   "default" or NULL, min, max, "what the value is", "help")
 * min and max are for SIZE and UINT; ENUM: the value names, separated by |, are
 * also what the value is, and the number is the position (enum capture_level for LEVEL).
 */
#define OPTIONS(X)                                                                               \
	X(OUT, "output", 'o', "JITNESS_OUT", PATH, NULL, 0, 0, "DIR",                            \
	  "directory of the session; without it the tracer does nothing "                       \
	  "(jitness run: NAME-YYYYmmdd-HHMMSS.jitness)")                                         \
	X(LEVEL, "level", 0, "JITNESS_LEVEL", ENUM, "graph", 0, 0, "churn|graph|node",           \
	  "what is recorded: churn = loads, compiles and graphs, without CUPTI; graph = also every "     \
	  "kernel, copy, set and wait, a graph replay as one record; node = also every graph node") \
	X(MAX_SIZE, "max-size", 0, "JITNESS_MAX_SIZE", SIZE, "0", 0, UINT64_MAX, "SIZE",         \
	  "most bytes of trace per process (K, M, G); 0 = no limit")                             \
	X(MEMORY, "memory", 0, "JITNESS_MEMORY", SIZE, "64M", 24u << 20, 16ull << 30, "SIZE",    \
	  "most memory the tracer uses per process (K, M, G)")                                   \
	X(STACKS, "stacks", 0, "JITNESS_STACKS", ENUM, "all", 0, 0, "off|native|python|all",      \
	  "call stacks at module loads, compiler calls and graph instantiations; never at "      \
	  "launches")                                                                            \
	X(DLSYM, "dlsym", 0, "JITNESS_DLSYM", BOOL, "1", 0, 1, "0|1",                            \
	  "also see compiler libraries that are found by dlsym (CuPy, XLA, cuda-python), and at " \
	  "level churn the driver; 0 = leave dlsym alone: level churn then takes CUPTI")                                                                   \
	X(NVTX, "nvtx", 0, "JITNESS_NVTX", ENUM, "auto", 0, 0, "0|1|auto",                       \
	  "record NVTX ranges and marks; 0 = leave NVTX_INJECTION64_PATH alone; auto = 0 at level churn, " \
	  "else all but XLA's, which makes some for each operation once a tool listens")         \
	X(FLUSH_MS, "flush-ms", 0, "JITNESS_FLUSH_MS", UINT, "200", 20, 60000, "MS",             \
	  "milliseconds between two flushes of GPU records; what SIGKILL can cost")              \
	X(CUPTI, "cupti", 0, "JITNESS_CUPTI", PATH, NULL, 0, 0, "PATH",                          \
	  "libcupti to use instead of the one that is found (see jitness doctor)")               \
	X(REDACT, "redact", 0, "JITNESS_REDACT", BOOL, "0", 0, 1, "0|1",                         \
	  "leave user paths and arguments out of the trace")                                     \
	X(LOG, NULL, 0, "JITNESS_LOG", STRING, NULL, 0, 0, "FD|PATH",                            \
	  "where the tracer's own messages go: a descriptor (not 1) or an absolute path; "       \
	  "without it, nowhere")                                                                 \
	X(DEBUG, NULL, 0, "JITNESS_DEBUG", BOOL, "0", 0, 1, "0|1",                               \
	  "also log what is only of interest to developers")                                     \
	X(LIB, NULL, 0, "JITNESS_LIB", PATH, NULL, 0, 0, "PATH",                                 \
	  "libjitness.so for jitness run, when it is not beside the command")                    \
	X(CHAIN, NULL, 0, "JITNESS_CHAIN", PATH, NULL, 0, 0, "PATH",                             \
	  "set by the tracer: another tool's CUDA_INJECTION64_PATH, which it starts first") \
	X(NVTX_CHAIN, NULL, 0, "JITNESS_NVTX_CHAIN", PATH, NULL, 0, 0, "PATH",                   \
	  "set by the tracer: another tool's NVTX_INJECTION64_PATH, which it starts first")

enum option_type {
	OPTION_STRING,
	OPTION_PATH,
	OPTION_ENUM,
	OPTION_SIZE, /* bytes; K, M, G, T are powers of 1024 */
	OPTION_UINT,
	OPTION_BOOL, /* 1 yes true on / 0 no false off; the bare flag is 1 */
};

enum option_id {
#define X(NAME, flag, letter, env, type, dflt, min, max, value, help) OPTION_##NAME##_ID,
	OPTIONS(X)
#undef X
	OPTION_COUNT
};

struct option_row {
	const char *flag; /* without the dashes, or NULL */
	char letter;      /* short form, or 0 */
	const char *env;
	enum option_type type;
	const char *dflt; /* as text, or NULL: unset */
	uint64_t min, max;
	const char *value; /* what the value is; ENUM: its names */
	const char *help;
};

/* id < OPTION_COUNT. Static storage. */
const struct option_row *option_row_of(enum option_id id);

/* By exact name; NULL: there is none. The id is the offset in the table. */
const struct option_row *option_find_env(const char *name, size_t len);
const struct option_row *option_find_flag(const char *flag, size_t len);
enum option_id option_id_of(const struct option_row *row);

/*
 * NULL when `entry` ("NAME=value" or "NAME") is not JITNESS_*, or is a known option;
 * otherwise entry. *ret_len is then the length of the name.
 */
const char *option_unknown_env(const char *entry, size_t *ret_len);

enum option_err {
	OPTION_OK = 0,
	OPTION_E_SYNTAX = -1, /* not a value of this type */
	OPTION_E_RANGE = -2,  /* below min or above max, or does not fit 64 bits */
};

/* Text to number; *ret is untouched on failure. Surrounding space is an error. */
int option_parse_uint(uint64_t *ret, const char *text);
int option_parse_size(uint64_t *ret, const char *text);
int option_parse_bool(uint64_t *ret, const char *text);
int option_parse_enum(uint64_t *ret, const char *values, const char *text);

/*
 * Value of the row from text, range checked; text NULL or empty: the default.
 * STRING and PATH have no number: *ret is 0 and the text is the value.
 */
int option_value(uint64_t *ret, const struct option_row *row, const char *text);

#endif
