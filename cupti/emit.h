/*
 * emit: the one way a record gets from the host's threads into the journal.
 *
 * Keeps the calling thread's journal lane (thread-local), announces the thread
 * with a THREAD record at its first one, and hands the chunk back at thread exit.
 * Any thread; never blocks, allocates, prints or changes errno. Does nothing
 * before emit_start() and in a forked child.
 */
#ifndef JITNESS_CUPTI_EMIT_H
#define JITNESS_CUPTI_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/event.h"

struct journal;
struct journal_place;

/* Once per process image. The journal must stay mapped until the process ends. 0, or -1 with errno. */
int emit_start(struct journal *j);

/* True while records are accepted: after emit_start(), before emit_stop(), not in a forked child. */
bool emit_on(void);

/* From now on emit() does nothing (end of the process, tracing stopped). */
void emit_stop(void);

/* As journal_append(); false: dropped and counted, or not on. */
bool emit(enum event_kind kind, const uint64_t *fields, unsigned n_fields, const void *blob,
	  size_t blob_len);

/*
 * As emit(), without a blob; *ret is where the row is, for emit_repeat(). On a thread that runs no
 * signal handler of the host.
 */
bool emit_whole(struct journal_place *ret, enum event_kind kind, const uint64_t *fields,
		unsigned n_fields);

/* As journal_repeat(), on the calling thread: false also when not on. Not for LAUNCH. */
bool emit_repeat(const struct journal_place *of, enum event_kind kind, const uint64_t *fields,
		 unsigned n_own);

/* LAUNCH records accepted so far. Any thread. */
uint64_t emit_launches(void);

/* Counts records lost outside the journal, and leaves a LOST record when it can. */
void emit_lost(enum lost_reason reason, uint64_t count);

/* One sentence for the user (NOTE record). */
void emit_note(enum note_code code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Key and value for the session's description (INFO record). */
void emit_info(const char *key, const void *value, size_t value_len);

/* CLOCK_REALTIME in ns: the clock of every time in a trace. */
uint64_t emit_now(void);

/*
 * The guard of every hook and callback: false when this thread is already inside
 * our code, so that calls we make ourselves are not traced. Pairs with emit_leave().
 */
bool emit_enter(void);
void emit_leave(void);

#endif
