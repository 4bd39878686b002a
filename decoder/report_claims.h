/* report_claims: the claims of a report (claims.h), judged: a table for people, and JSON. One thread. */
#ifndef JITNESS_DECODER_REPORT_CLAIMS_H
#define JITNESS_DECODER_REPORT_CLAIMS_H

#include <cjson/cJSON.h>

struct claims;
struct session;

/* Claim | Evidence | Status, to stdout. */
void report_claims_text(const struct claims *c);
/* The member "claims" of docs/report-schema.md. */
void report_claims_json(cJSON *root, const struct claims *c, const struct session *s);

#endif
