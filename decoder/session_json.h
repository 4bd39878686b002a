/* session_json: what every report says of its session. */
#ifndef JITNESS_DECODER_SESSION_JSON_H
#define JITNESS_DECODER_SESSION_JSON_H

#include <cjson/cJSON.h>

struct session;

/* Adds processes, start_ns, end_ns, lost_records and truncated_processes to the object. */
void session_json(cJSON *o, const struct session *s);

#endif
