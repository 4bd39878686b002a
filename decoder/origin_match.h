/* origin_match: does a rule hold for an input? Patterns are compiled once per session. */
#ifndef JITNESS_DECODER_ORIGIN_MATCH_H
#define JITNESS_DECODER_ORIGIN_MATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "decoder/origin_rules.h"

struct origin_collector;
struct origin_input;
struct origin_matcher;

/* user may be NULL. Its patterns were compiled before (origin_rules_load), so this cannot fail. */
struct origin_matcher *origin_matcher_new(const struct origin_rules *user);
void origin_matcher_free(struct origin_matcher *m);
/* What is known about the modules of p; kept until another process is asked for. Borrowed. */
struct origin_collector *origin_matcher_collector(struct origin_matcher *m,
						  const struct session *s,
						  const struct process *p);

/* First the user's rules, then the table: index 0 .. count - 1. */
size_t origin_matcher_count(const struct origin_matcher *m);
const struct origin_rule *origin_matcher_rule(const struct origin_matcher *m, size_t i);

/*
 * True: rule i holds. False: *ret_why (may be NULL) is the first condition that does not, as a
 * printable text that the caller frees.
 */
bool origin_match(struct origin_matcher *m, size_t i, const struct origin_input *in,
		  char **ret_why);
/* The text that made pattern `which` of rule i match; "" when there is none. */
const char *origin_match_text(struct origin_matcher *m, size_t i, const struct origin_input *in,
			      enum origin_pattern which);
/* The first rule that is about names alone and holds for this name; count when none does. */
size_t origin_match_name(struct origin_matcher *m, const char *kernel);
/* A rule whose conditions are a kernel's name and what is not known. */
bool origin_rule_by_name(const struct origin_rule *r);

/* The first rule that holds; count when none does. */
size_t origin_match_first(struct origin_matcher *m, const struct origin_input *in);
/* What rule i says (without the user's name, which is in the session). */
struct origin_verdict origin_match_verdict(const struct origin_matcher *m, size_t i);

#endif
