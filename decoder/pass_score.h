/*
 * pass_score: scores what a rule makes of the items; pass_find.h says what counts and why. No errors; one
 * thread.
 */
#ifndef JITNESS_DECODER_PASS_SCORE_H
#define JITNESS_DECODER_PASS_SCORE_H

#include <stdint.h>

#include "decoder/pass_boundary.h"

struct pass_scoring;
struct pass_string;

/* For the rules of one string, which is borrowed. Must be freed. */
struct pass_scoring *pass_scoring_new(const struct pass_string *string);
void pass_scoring_free(struct pass_scoring *s);
/* Of the rule that cuts there (pass_string_cuts()). */
struct pass_score pass_score_of(struct pass_scoring *s, const uint64_t *cuts);

#endif
