/* Error codes of the trace library. 0 is success; a failure is negative. */
#ifndef JITNESS_TRACE_ERR_H
#define JITNESS_TRACE_ERR_H

/* X(NAME, value, text): values are stable; new ones are appended. */
#define TRACE_ERRORS(X)                                                     \
	X(IO, -1, "read or write failed")                                   \
	X(TRUNC, -2, "input ends inside a unit")                            \
	X(FORMAT, -3, "not a jitness trace")                                \
	X(VERSION, -4, "written by a newer format version")                 \
	X(LIMIT, -5, "a size in the input exceeds the reader's limit")      \
	X(CORRUPT, -6, "checksum or contents of a frame are wrong")         \
	X(NOMEM, -7, "out of memory")                                       \
	X(FULL, -8, "no space left for the trace")                          \
	X(EXISTS, -9, "the file exists already")                            \
	X(ACCESS, -10, "permission denied")

enum trace_err {
	TRACE_OK = 0,
#define X(name, value, text) TRACE_E_##name = (value),
	TRACE_ERRORS(X)
#undef X
};

/* Never NULL; the string is static. */
const char *trace_strerror(int err);

#endif
