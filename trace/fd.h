/*
 * fd: descriptors inside a process that is not ours. A program started with
 * closed stdio gets our file as descriptor 0, 1 or 2 and would then print into
 * it; a program that counts on the lowest free number must not notice us.
 */
#ifndef JITNESS_TRACE_FD_H
#define JITNESS_TRACE_FD_H

/*
 * Moves fd to a high number (close-on-exec) and closes the original. Returns the new
 * one; fd itself, still open, when the limit on open files leaves no room.
 */
int fd_move_high(int fd);

#endif
