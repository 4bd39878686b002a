/*
 * process_end: how processes without an END record ended: what jitness run saw of
 * its child (session.ndjson), and whether one is still running on this host.
 */
#ifndef JITNESS_DECODER_PROCESS_END_H
#define JITNESS_DECODER_PROCESS_END_H

#define SESSION_LOG "session.ndjson"

struct session;

void process_ends_find(struct session *s, int dir_fd);

#endif
