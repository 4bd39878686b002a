/*
 * pass_find: finds the passes of a process in its stream of operations and labels them, from behaviour:
 * kernel names count as symbols, and what they mean gives at most a small vote.
 *
 * Two readings. The first (pass_items.h) makes of each thread a string of symbols: kernels by name, replays by
 * what is in the graph; with it go the host's pauses and waits, and the blocks. Long traces are sampled
 * in windows. What was recorded into a graph is left out, and so is what ran while code was compiled and
 * candidates were tried (masks). The second (pass_cut.h) applies the rule that was chosen, and gathers what
 * each pass ran (pass_work.h).
 *
 * Where passes begin (pass_boundary.c) is chosen from candidates of five sources:
 *  - waits. Two points of the program (symbol before, symbol after) are of one loop when they share a side:
 *    prefill to step, step to step and step to prefill hang together; the wait of an expert layer, of a mask,
 *    of a stopping criterion is another group, and another candidate;
 *  - pauses of the host much longer than usual, grouped in the same way;
 *  - anchors: a symbol that is everywhere and rare, as the first or the last of a pass;
 *  - replays: each begins a pass;
 *  - waits, and a symbol between them (pass_burst.h): a thread that waits for each prompt, and once for
 *    all the steps after it.
 * Each is scored over the string (pass_score.c): waits at its cuts, waits that it explains, the pause at a cut
 * against the one elsewhere, kinds of passes that recur, one symbol at which all begin or end, kernels that
 * repeat inside (layers), growth from one pass to the next (a cache). Against it speak: equal segments and,
 * after each n of them, one that has the same and more (layers of a pass); a finer rule that cuts at the
 * same places and more often (passes of a request); points that have nothing in common; segments of next to
 * nothing between large ones (choosing a token).
 *
 * Between two cuts lie bursts that waits end. A burst with most of the GPU time is the pass; what lies after
 * it, or before it across a longer pause, is outside. Passes of a thread which launches only
 * while another's pass runs (autograd) belong to that pass. What ran once, unlike everything else, and what
 * is next to nothing beside a pass is outside.
 *
 * Labels (pass_label.c), by thread, by class of passes alike, and, when two models take turns, by model:
 *  decode   three or more in a row, again and again, and: more blocks from one to the next; or after a pass
 *           with more work; or after passes that differ from one run to the next while the runs do not;
 *  prefill  the pass before such a run; inside a run, where the blocks fall back to the beginning, or where
 *           input was copied in as before no other step.
 *  prefill  also chunks of a prompt: three or more alike that take longer than the steps after
 *           them, at the beginning or after steps;
 *  mixed    a prompt in the same pass as running sequences (pass_mixed.c);
 *  warmup   calls before anything was served (pass_warmup.c). Not from slow first passes, compilation or
 *           recording: a first request has these too; they count as warm and keep their label.
 * A class that stands alone again and again, without growth, is not decode; calls with no steps after them
 * are prefill where all of their class that steps came after were.
 * Votes are summed; below PASS_LABEL_MIN the label is PASS_UNLABELLED. Kernels of a backward pass or an
 * optimizer rule labels out. A loop of one kind without growth has none of this: an image classifier, a
 * diffusion sampler and a plain loop stay "pass".
 *
 * Known limits: the very first prompt of a thread, when it is one token long and nothing was copied in; a prompt
 * with nothing but its length telling it from a step (unlabelled); the last chunk of a prompt when
 * it is as short as a step (a decode); batches of both kinds when tokens are not read back, when
 * other graphs replay the steps of each batch, or when one sequence ends where another joins (unlabelled, or a prefill); warm-up calls
 * whose result is read or compared (a prefill, a decode or unlabelled); a program whose host does
 * not wait and whose steps are compiled into kernels with no symbol in common; preparation that runs just
 * before a pass without a wait counts to it, unless most passes begin without.
 */
#ifndef JITNESS_DECODER_PASS_FIND_H
#define JITNESS_DECODER_PASS_FIND_H

#include <stddef.h>

struct pass_table;
struct phase_rules;
struct session;

/*
 * Fills s->list[process]->passes from its trace, read a second time. After episodes_find(). rules
 * may be NULL. What cannot be found is told in passes.why_none. No errors; one thread.
 */
void passes_find(struct session *s, size_t process, const struct phase_rules *rules);
void pass_table_release(struct pass_table *t);

#endif
