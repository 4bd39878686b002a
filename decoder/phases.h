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
#include "decoder/verdict.h"

struct phase_rules;
struct session;

#define PHASES_SCHEMA "jitness.phases.v1"

struct phases {
	const struct session *session; /* borrowed */
	struct phase_table rows;
	struct verdicts verdicts;
	struct tail tail;
	struct findings findings;
	const char *reference_unused; /* of phases_options */
};

/* All zeros: no rules, no reference, everything. Borrowed for the call. */
struct phases_options {
	const struct phase_rules *rules;
	const struct verdict_reference *reference;
	const char *reference_unused; /* why there is none though one was given; as long as the phases. NULL: nothing to say */
	/* Rows and verdicts alone, for phases_table(); findings and tail cost a fifth of it and stay empty. */
	bool brief;
};

/* Reads the traces again for their passes and what is in them; after episodes_find(). */
void phases_find(struct phases *ret, struct session *s, const struct phases_options *opt);
void phases_release(struct phases *p);

/* Table, mixtures, findings, tail; top: slow passes listed. */
void phases_text(const struct phases *p, size_t top);
/* The short table of the report, or nothing when there are no passes. */
void phases_table(const struct phases *p, size_t top);
/* That the reference is not used and why, or nothing. */
void phases_reference_line(const struct phases *p);
/* What speaks for each label and verdict, or why there is none. label: NULL: all. Rows told. */
size_t phases_explain(const struct phases *p, const char *label);
/* RFC 4180, a line for each pass. */
void phases_csv(const struct phases *p);

/* The arrays "phases" and "findings" of docs/report-schema.md; p NULL: empty ones. */
void phases_json_members(cJSON *root, const struct phases *p);
/* PHASES_SCHEMA. An exit code. */
int phases_json(const struct phases *p, size_t top);

#endif
