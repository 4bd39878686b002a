/*
 * pass_ran: for which passes the conditions of rules about operations hold: what ran in a pass
 * (phase_rules.h: `kernel`, `graph`, `stream`). One more reading of the stream of operations; memory follows
 * threads and distinct kernels. One thread; no errors beyond the source's.
 *
 * To a pass belongs what its thread launched from its first launch to its end. Of a replay: the kernels
 * that were listed last for its graph.
 */
#ifndef JITNESS_DECODER_PASS_RAN_H
#define JITNESS_DECODER_PASS_RAN_H

#include <stddef.h>
#include <stdint.h>

struct names;
struct pass_source;
struct phase_rules;
struct process;

/* rules: a bit for each (phase_rule.bit) of which all such conditions hold, if it has any. */
typedef void (*pass_ran_fn)(void *arg, size_t pass, uint64_t rules);

/* Once for each pass of p, those of a thread in order; with no bits where the source could not be read. */
void passes_ran(const struct process *p, const struct names *names, const struct phase_rules *rules,
		const struct pass_source *src, pass_ran_fn fn, void *arg);

#endif
