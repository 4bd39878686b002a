/*
 * phase_findings: what the series of passes say beyond their percentiles: cold starts, change
 * points, plateaus of the same kernels stretched, a mean that says the opposite of the median,
 * phases of several modes, markers that contradict behaviour. The statistics are those of
 * coldstart.h and changepoint.h; a finding is a sentence with its figures. No errors; one thread.
 */
#ifndef JITNESS_DECODER_PHASE_FINDINGS_H
#define JITNESS_DECODER_PHASE_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "decoder/phase_stats.h"

/* X(NAME, "id in reports", severity): append-only. */
#define FINDING_IDS(X)                                        \
	X(COLD_START, "cold_start", INFO)                     \
	X(CHANGE_POINT, "change_point", INFO)                 \
	X(STRETCHED, "stretched_plateau", WARN)               \
	X(FLIP, "mean_median_flip", WARN)                     \
	X(MIXTURE, "mixture", INFO)                           \
	X(MODES, "separate_modes", INFO)                      \
	X(MARKER, "marker_contradicts", WARN)                 \
	X(LOST, "lost_records", WARN)                         \
	X(FALLBACK, "fallback", BAD)                          \
	X(TURNED_EAGER, "turned_eager", BAD)                  \
	X(TURNED_COMPILED, "turned_compiled", INFO)

enum finding_id {
#define X(N, s, v) FINDING_##N,
	FINDING_IDS(X)
#undef X
};
enum finding_severity { FINDING_INFO_LEVEL, FINDING_WARN_LEVEL, FINDING_BAD_LEVEL };

struct verdicts;

#define FINDING_EVIDENCE_MAX 6
struct finding {
	enum finding_id id;
	size_t row;      /* in phase_table.list */
	char *text;      /* one sentence */
	char *evidence[FINDING_EVIDENCE_MAX];
	size_t n_evidence;
};

struct findings {
	struct finding *list; /* those of verdicts, then by row */
	size_t n, cap;
};

void findings_find(struct findings *ret, const struct phase_table *t);
/* Adds what verdicts say, after findings_find(): fallback, and phases that changed for good. */
void findings_of_verdicts(struct findings *f, const struct phase_table *t, const struct verdicts *v);
void findings_release(struct findings *f);

/* Both take the text. Evidence beyond FINDING_EVIDENCE_MAX is dropped. */
struct finding *finding_add(struct findings *f, enum finding_id id, size_t row, char *text);
void finding_evidence(struct finding *f, char *text);

const char *finding_id_name(enum finding_id id);
const char *finding_severity_name(enum finding_id id); /* "info", "warn", "bad" */

#endif
