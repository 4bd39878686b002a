/*
 * Logging from inside a process that is not ours.
 *
 * Silent unless JITNESS_LOG names a descriptor (not 0 or 1) or an absolute path. One
 * line is one write(2): no stdio stream, no allocation, no lock, errno kept.
 * Callable from any thread and from CUPTI callbacks; not from a signal handler
 * (vsnprintf). Pass errno as a number: %m may load message catalogues.
 */
#ifndef JITNESS_PRELOAD_LOG_H
#define JITNESS_PRELOAD_LOG_H

#include <stdbool.h>

/* err: tracing is lost for the process; warn: something is missing; dbg: all else. */
enum log_level { LOG_LEVEL_ERR, LOG_LEVEL_WARN, LOG_LEVEL_DBG };

/* Once, from the constructor, while the host has one thread. dest may be NULL: silent. */
void log_init(const char *dest, bool debug);

void log_write(enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

extern _Atomic int log_level_max; /* -1: silent */

#define log_at(level, ...)                                                     \
	do {                                                                   \
		if (__builtin_expect(log_level_max >= (int)(level), 0))        \
			log_write((level), __VA_ARGS__);                       \
	} while (0)

#define log_err(...)  log_at(LOG_LEVEL_ERR, __VA_ARGS__)
#define log_warn(...) log_at(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_dbg(...)  log_at(LOG_LEVEL_DBG, __VA_ARGS__)

#endif
