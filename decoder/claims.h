/*
 * claims: what is claimed of a session (of its label, in a document) and what the trace says to it. A file names claims
 * and the expectations (expect.h) that each rests on, JSON:
 *
 *   {"label": "gpu-compile",
 *    "claims": [{"claim": "prefill runs compiled", "expect": "prefill:compiled"},
 *               {"claim": "decode is compiled and fast", "expect": ["decode:compiled", "p99(decode)<12ms"]}]}
 *
 * All of a claim's expectations must hold for it to be supported, whole 95 % intervals on one side of their limits.
 * Memory: all texts belong to struct claims. One thread.
 */
#ifndef JITNESS_DECODER_CLAIMS_H
#define JITNESS_DECODER_CLAIMS_H

#include <stddef.h>

#include "decoder/verify.h"

struct analysis;

/* X(NAME, "in reports"): append-only, names reach scripts. */
#define CLAIM_STATUSES(X)                                                                           \
	X(SUPPORTED, "supported")         /* all hold */                                            \
	X(NOT_SUPPORTED, "not supported") /* recorded as it should be, and it is not in the session */ \
	X(CONTRADICTED, "contradicted")   /* one fails */                                           \
	X(UNDECIDED, "undecided")         /* the trace does not suffice */
enum claim_status {
#define X(N, s) CLAIM_##N,
	CLAIM_STATUSES(X)
#undef X
	CLAIM_STATUS_COUNT
};

struct claim {
	char *text;
	struct verify grounds; /* at least one */
	enum claim_status status;
};

struct claims {
	char *label; /* NULL: none */
	struct claim *list;
	size_t n, cap;
};

/*
 * EXIT_OK; or EXIT_INPUT when the file cannot be read, EXIT_USAGE when it is wrong, after one sentence from `command`;
 * *ret is then empty.
 */
int claims_load(struct claims *ret, const char *command, const char *path, const struct expect_terms *terms);
/* Once. Findings must be there (not analysis_options.brief). */
void claims_judge(struct claims *c, const struct analysis *a);
void claims_release(struct claims *c);

const char *claim_status_name(enum claim_status status);
/* Does what came of this one decide the status? */
bool claim_decides(const struct claim *c, const struct expect_result *r);

#endif
