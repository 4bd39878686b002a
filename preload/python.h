/*
 * python: the Python frames of the calling thread, read without the GIL.
 *
 * The thread is inside a call that Python made, so its own frames stand still; nothing of the
 * interpreter is called that needs the GIL, and every pointer is read in a way that cannot fault
 * when a layout is not what we think. CPython 3.9 to 3.13; anything else: no frames, and why.
 */
#ifndef JITNESS_PRELOAD_PYTHON_H
#define JITNESS_PRELOAD_PYTHON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct python_frame {
	const char *file, *function; /* UTF-8, not NUL-terminated; in the caller's text */
	uint32_t file_len, function_len; /* bytes; 0: not readable, or text is full */
	uint32_t line; /* 0: unknown */
};

#define PYTHON_STRING_MAX 1024 /* bytes; longer names are cut */

/*
 * Looks for an interpreter in this process (takes the loader's lock: cuInit or our own threads
 * only). Returns what will happen, static text for INFO "python": "3.12.3", "none", or a
 * reason such as "3.14.0: not supported". Idempotent; asks again after "none".
 */
const char *python_find(void);

/* An interpreter was found and python_walk() may give frames. */
bool python_ready(void);

/*
 * Fills at most max frames, innermost first; strings are copied to text (cut when it is full).
 * Frames of the same file or function may share them. Returns how many; 0: this thread runs no
 * Python, or what was read is no stack. Any thread; 20 KiB of stack; errno is kept.
 */
unsigned python_walk(struct python_frame *ret, unsigned max, char *text, size_t text_size);

#endif
