/*
 * timeline: a session's episodes (episodes.h) as lines for people and as JSON, with totals
 * by origin and by half of the run: compiles in the second half are churn. Everything goes to
 * stdout. Times shown: seconds since the session's first event.
 */
#ifndef JITNESS_DECODER_TIMELINE_H
#define JITNESS_DECODER_TIMELINE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/episodes.h"

struct report_stacks;
struct session;

#define TIMELINE_SCHEMA "jitness.timeline.v1"

struct timeline_sum {
	const char *origin; /* NULL: all */
	size_t episodes, modules, stalls_unknown;
	size_t by_how[MODULE_HOWS], recorded; /* of episodes */
	uint64_t wall_ns, stall_ns;           /* wall: sums of episodes, which may overlap */
};

struct timeline_totals {
	struct timeline_sum *origins; /* the longest first */
	size_t n, cap;
	struct timeline_sum all, half[2]; /* of the session's time, by an episode's start */
	uint64_t middle_ns;               /* in the session's time */
};

void timeline_totals(struct timeline_totals *ret, const struct session *s);
void timeline_totals_release(struct timeline_totals *t);

/* Lines of the episodes whose id is over `after` (of top, the longest, when there are more). */
void timeline_lines(const struct session *s, struct report_stacks *stacks, size_t top);
void timeline_line(const struct session *s, struct report_stacks *stacks, const struct episode *e);
void timeline_header(void);
/* Everything: header, lines, totals, limits. */
void timeline_text(const struct session *s, size_t top);
/* The compile table of the report: the top longest, or nothing when there are none. */
void timeline_table(const struct session *s, size_t top);
/* What the figures do not cover; also the records that are lost. */
void timeline_limits(const struct session *s);

/* An exit code. */
int timeline_json(const struct session *s);
/* The array "compiles": docs/report-schema.md. */
void timeline_compiles_json(cJSON *root, const struct session *s, struct report_stacks *stacks);

/* "model.py:12 f", "cuModuleLoad caller (libfoo.so)"; brief: files without directories. */
char *timeline_trigger(const struct episode *e, const struct session *s,
		       struct report_stacks *stacks, bool brief);

#endif
