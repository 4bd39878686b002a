/*
 * reference: whether an eager session of the same program can say what eager looks like in another one. One thread.
 */
#ifndef JITNESS_DECODER_REFERENCE_H
#define JITNESS_DECODER_REFERENCE_H

struct analysis;
struct session;

/*
 * NULL: it can. Else one sentence that says why nothing is concluded from it: it shows no passes, none of them is eager,
 * or it ran on another model of GPU, where libraries choose other kernels. Caller frees.
 */
char *reference_unfit(const struct analysis *reference, const struct session *s);

#endif
