/*
 * pass_burst: a thread that waits after some of its passes and not after others: for each prompt,
 * and once for all the steps after it. Its waits do end passes; between two of them lie one or many.
 */
#ifndef JITNESS_DECODER_PASS_BURST_H
#define JITNESS_DECODER_PASS_BURST_H

#include <stdbool.h>
#include <stdint.h>

#include "decoder/pass_boundary.h"

struct pass_scoring;
struct pass_string;

/*
 * *ret cuts where `waits` does and, without a wait too, at one symbol; it must be released. Its
 * score says of waits what that of `waits` says. false: nothing tells that many passes lie between
 * two waits. cuts: where `waits` cuts. No errors; one thread.
 */
bool pass_rule_in_bursts(struct pass_rule *ret, const struct pass_rule *waits, const uint64_t *cuts,
			 const struct pass_string *string, struct pass_scoring *scoring);

#endif
