/* dump_ops: `jitness dump --ops`: what the GPU was asked for, one line each, in the host's order. */
#ifndef JITNESS_DECODER_DUMP_OPS_H
#define JITNESS_DECODER_DUMP_OPS_H

/* All processes of the session at path, one after the other. An exit code; says what failed. */
int dump_ops(const char *path);

#endif
