/*
 * episode_build: between the files that make episodes (episodes.h): events of a process,
 * in the order in which they are grouped, and what a thread launched between them.
 */
#ifndef JITNESS_DECODER_EPISODE_BUILD_H
#define JITNESS_DECODER_EPISODE_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/episodes.h"
#include "decoder/idmap.h"

struct near_list;

enum episode_event_kind { EVENT_OF_MODULE, EVENT_OF_LOAD, EVENT_OF_JIT, EVENT_OF_COMPILE,
			  EVENT_OF_GRAPH };

struct episode_event {
	uint64_t start, end;
	enum episode_event_kind kind;
	uint32_t index;   /* in the table of its kind */
	uint32_t tid;
	uint32_t episode; /* + 1, in struct episodes; 0: none yet */
	bool decided;     /* origin is that of a module; else the neighbour's, or unknown */
	struct origin_verdict origin;
	struct trigger trigger;
};

/* What a launch was for, beside its row in the near log. */
enum tune_flag { TUNE_BENCH = 1, TUNE_FLUSH = 2 };

struct tune_thread {
	uint32_t tid;
	const struct near_list *launches;
	uint8_t *flags; /* enum tune_flag, by launch */
};

struct episode_build {
	struct session *s;
	const struct process *p;
	struct episodes *out;
	size_t first; /* this process's episodes begin here */
	struct episode_event *events;
	size_t n_events, events_cap;
	bool launches; /* launches and GPU work were recorded */
	struct idmap made;  /* kernel's name -> event of the first module that holds it */
	struct tune_thread *tune;
	size_t n_tune, tune_cap;
	uint64_t *flush_corr; /* large memsets, sorted */
	size_t n_flush, flush_cap;
	struct capture_span {
		uint64_t start, end;
		uint32_t tid;
	} *captures; /* recordings of streams, by thread and start */
	size_t n_captures;
};

/* episode_events.c: fills events, by thread and start. */
void episode_events(struct episode_build *b);
/* episode_tune.c: which launches of a thread only benchmarked candidates; NULL: no launches. */
const struct tune_thread *episode_tune_of(struct episode_build *b, uint32_t tid);
/* Adds benchmarking to the episodes that caused it; they end with it. */
void episode_tune(struct episode_build *b);
void episode_tune_release(struct episode_build *b);
/* episode_group.c */
void episode_group(struct episode_build *b);
/* Did the thread launch what was there before the episode, between the two times? */
bool episode_launched_between(struct episode_build *b, const struct episode *e, uint32_t tid,
			      uint64_t from, uint64_t to);
void episode_add(struct episode_build *b, struct episode *e, const struct episode_event *ev);
/* episode_children.c: all processes' episodes are there. */
void episode_children(struct session *s);
/* stall.c */
void stall_find(struct episode *e);

/* The session's name of a string of the trace; IDMAP_NONE: lost. */
uint32_t episode_name(const struct process *p, uint32_t string);

#endif
