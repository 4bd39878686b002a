/*
 * process_identity: what a process says about itself: its names (strings), its
 * information rows, pid and level, its threads, its devices, the tracer's notes.
 * process_model.h declares what is looked up in it.
 */
#ifndef JITNESS_DECODER_PROCESS_IDENTITY_H
#define JITNESS_DECODER_PROCESS_IDENTITY_H

#include "decoder/process_model.h"

/* Sections of STRING, INFO, PROCESS, THREAD, DEVICE and NOTE; what is beyond a PROCESS_*_MAX is left out. */
void process_identity_fold(struct process *p, const struct section *s, struct names *names);

#endif
