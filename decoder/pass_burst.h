/*
 * pass_burst: a thread that waits after some of its passes and not after others: for each prompt,
 * and once for all the steps after it. Its waits do end passes; between two of them lie one or many.
 */
#ifndef JITNESS_DECODER_PASS_BURST_H
#define JITNESS_DECODER_PASS_BURST_H

#include <stdbool.h>
#include <stddef.h>

#include "decoder/pass_boundary.h"

/*
 * *ret cuts where `waits` does and, without a wait too, at one symbol; it must be released. Its
 * score says of waits what that of `waits` says. false: nothing tells that many passes lie between
 * two waits. No errors; one thread.
 */
bool pass_rule_in_bursts(struct pass_rule *ret, const struct pass_rule *waits,
			 const struct pass_item *items, size_t n);

#endif
