/*
 * analysis: all that is concluded from a session, in the order in which one conclusion needs another: session, origins,
 * how modules came, episodes, passes, phases, verdicts. What report, phases, verify and diff share. One thread.
 */
#ifndef JITNESS_DECODER_ANALYSIS_H
#define JITNESS_DECODER_ANALYSIS_H

#include <stdbool.h>

#include "decoder/phases.h"
#include "decoder/session_model.h"

struct origin_rules;
struct phase_rules;

/* All zeros: the defaults. Everything is borrowed for the call, the rules as long as the analysis. */
struct analysis_options {
	const struct origin_rules *origin_rules;
	const struct phase_rules *phase_rules;
	const char *reference; /* directory of an eager session of the same program; NULL: none */
	bool no_phases;        /* stop after the episodes */
	bool brief;            /* of phases_find() */
};

struct analysis {
	struct session s;
	struct phases phases; /* with verdicts; empty after no_phases */
	bool has_phases;
	char *reference_unused; /* why nothing was concluded from the reference; NULL: it was, or there is none */
};

/*
 * EXIT_OK, or another exit code after one sentence from `command`. EXIT_INPUT with ret->s.n > 0: some traces were
 * read, others not, and *ret holds what could be said. *ret must be released in any case.
 */
int analysis_load(struct analysis *ret, const char *command, const char *dir,
		  const struct analysis_options *opt);
void analysis_release(struct analysis *a);

#endif
