/*
 * pass_shape: passes of one structure.
 *
 * First kinds: one label, one thread, nearly the same kernels and nearly as many; prefills and passes
 * without a label also as many blocks (2 %). Decode steps of any length are one kind: their cache grows.
 *
 * A kind is several shapes when its passes do clearly different work again and again: prompts of 9 and of 11 tokens
 * that run the same kernels, on other grids, or steps of 1 and of 8 sequences. Work is compared in parts (PASS_PARTS).
 * Parts that grow from pass to pass, and those of decode steps that change at all within a run, say how far
 * a sequence is, not how long a prompt was, and are left out. Of the others
 *  - prefills and plain passes of one shape have all equal, and replay the same graphs: a library
 *    that records one for each length gives them the same kernels by name;
 *  - steps of one shape have two thirds of them equal: another batch changes half of the kernels, a longer
 *    cache those of attention.
 * What did not come SHAPE_RECURS times, as grids that follow the data, stays together.
 */
#ifndef JITNESS_DECODER_PASS_SHAPE_H
#define JITNESS_DECODER_PASS_SHAPE_H

#include "decoder/pass_cut.h"

#define PASS_SHAPES_MAX 1024u /* what is beyond goes to the last one */
#define SHAPE_RECURS    3u    /* twice may be chance */

/*
 * Fills ret's shapes, and shapes[] (found->n) for the passes of found that were not dropped: found itself is not
 * written, which for a list on disk costs more than reading it. After labels.
 */
void pass_shapes_find(struct pass_table *ret, const struct pass_spill *found, uint16_t *shapes);

#endif
