/* verdict_build: verdicts while they are found; for verdict*.c alone. */
#ifndef JITNESS_DECODER_VERDICT_BUILD_H
#define JITNESS_DECODER_VERDICT_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/idmap.h"
#include "decoder/verdict.h"

struct session;

/* How a row's passes ran, before they are compared with others of their phase. */
enum verdict_way {
	WAY_UNKNOWN,  /* not known */
	WAY_COMPILED, /* with a compiler's kernels, all or a part of it */
	WAY_GRAPH,    /* replays without them */
	WAY_EAGER,    /* proved */
	WAY_LIBRARY,  /* library calls alone: eager, or compiled to nothing else */
};

struct verdict_build {
	const struct session *s;
	const struct phase_table *t;
	struct verdicts *v;
	uint8_t *way;     /* enum verdict_way, by row */
	double *products; /* by row: matrix products and attention per pass */
	double *compilers; /* by row: compilers' kernels per pass */
	struct idmap hows; /* of process hows_of: kernel -> bits of how the modules with it came */
	size_t hows_of;
};

/* Fills all but the mixes, which are there. */
void verdicts_judge(struct verdicts *v, const struct session *s, const struct phase_table *t,
		    const struct verdict_reference *reference);

/* Takes the text. Dropped when the list is full. */
void verdict_say(struct verdict *v, char *text);
/* The same, before all others: it decides. */
void verdict_say_first(struct verdict *v, char *text);

/* What the rows of a phase say of each other: fallback, shares of passes. Needs everything above. */
void verdict_phases_find(struct verdict_build *b);
/* Could the two rows be one model in one phase, run eagerly and compiled? */
bool verdict_same_phase(const struct verdict_build *b, size_t eager, size_t compiled);
/* After that. */
void verdict_flips_find(struct verdict_build *b);

const struct shape_mix *verdict_mix(const struct verdicts *v, const struct phase_row *r);

#endif
