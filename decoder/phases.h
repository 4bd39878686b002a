/*
 * phases: the views of a session's passes: text, JSON, CSV, and why a label was given. All to stdout;
 * one thread; no errors beyond the codes said. Times shown: milliseconds or microseconds as said;
 * starts in seconds since the session's first event, in CSV and JSON CLOCK_MONOTONIC.
 */
#ifndef JITNESS_DECODER_PHASES_H
#define JITNESS_DECODER_PHASES_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "decoder/phase_findings.h"
#include "decoder/phase_stats.h"
#include "decoder/phase_tail.h"

struct phase_rules;
struct session;

#define PHASES_SCHEMA "jitness.phases.v1"

struct phases {
	const struct session *session; /* borrowed */
	struct phase_table rows;
	struct tail tail;
	struct findings findings;
};

/*
 * Reads the traces again for their passes; after episodes_find(). rules: NULL: none. brief: the rows
 * alone, for phases_table(); findings and tail cost a fifth of it and stay empty.
 */
void phases_find(struct phases *ret, struct session *s, const struct phase_rules *rules, bool brief);
void phases_release(struct phases *p);

/* Table, mixtures, findings, tail; top: slow passes listed. */
void phases_text(const struct phases *p, size_t top);
/* The short table of the report, or nothing when there are no passes. */
void phases_table(const struct phases *p, size_t top);
/* What speaks for each label, or why there is none. label: NULL: all. Rows told. */
size_t phases_explain(const struct phases *p, const char *label);
/* RFC 4180, a line for each pass. */
void phases_csv(const struct phases *p);

/* The arrays "phases" and "findings" of docs/report-schema.md; p NULL: empty ones. */
void phases_json_members(cJSON *root, const struct phases *p);
/* PHASES_SCHEMA. An exit code. */
int phases_json(const struct phases *p, size_t top);

#endif
