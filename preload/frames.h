/*
 * frames: the tree of all frames seen, as FRAME and OBJECT records. A frame is written
 * once, when it is first seen under its parent; its id is its place in a table of
 * fixed size, so that no lock is needed.
 */
#ifndef JITNESS_PRELOAD_FRAMES_H
#define JITNESS_PRELOAD_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Maps the table. 0, or -1 with errno: then every id is 0. */
int frames_start(bool redact);

/*
 * Id of the frame, or `parent` when the table is full (counted as LOST, reason memory limit).
 * parent 0: outermost. Any thread; callers go from the outermost frame inwards.
 */
uint32_t frames_native(uint32_t parent, uint32_t object, uint64_t offset);
uint32_t frames_python(uint32_t parent, const char *file, size_t file_len, const char *function,
		       size_t function_len, uint32_t line);

#endif
