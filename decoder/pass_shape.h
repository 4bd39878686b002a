/* pass_shape: passes of one structure, and which of them came before the steady state. */
#ifndef JITNESS_DECODER_PASS_SHAPE_H
#define JITNESS_DECODER_PASS_SHAPE_H

#include "decoder/pass_cut.h"

#define PASS_SHAPES_MAX 1024u /* what is beyond goes to the last one */

/*
 * Sets shape of the n passes of found that were not dropped and fills ret's shapes. Passes of one shape have
 * one label, the same kernels, and, decode steps aside, as many blocks (2 %).
 */
void pass_shapes_find(struct pass_table *ret, struct pass_found *found, size_t n);

#endif
