/*
 * helper: python_walk() as Python code can call it, through ctypes: CDLL gives up the GIL for the
 * call, PyDLL keeps it. Made of preload/python*.c alone.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "preload/python.h"
#include "preload/python_lines.h"
#include "preload/python_peek.h"

#define SHOW __attribute__((visibility("default")))
#define FRAMES_MAX 2048

SHOW const char *helper_find(void);
SHOW int helper_ready(void);
SHOW int helper_walk(char *out, unsigned size, unsigned max, unsigned text_size,
		     void (*then)(void));
SHOW double helper_time(unsigned max, unsigned rounds, unsigned *ret_frames);
SHOW int helper_foreign_thread(void);
SHOW unsigned helper_line(int format, const char *table, unsigned size, int first, int instr);
SHOW unsigned helper_check(const char *function, unsigned line, unsigned rounds);

const char *helper_find(void)
{
	return python_find();
}

int helper_ready(void)
{
	return python_ready();
}

/*
 * Walks at most max frames with text_size bytes for strings; writes "line\tfunction\tfile\n" of
 * each to out.
 * Then calls back (unless NULL): what Python sees there above its callback is what was walked.
 */
int helper_walk(char *out, unsigned size, unsigned max, unsigned text_size, void (*then)(void))
{
	static __thread struct python_frame frames[FRAMES_MAX];
	static __thread char text[1u << 20];
	unsigned n, at = 0;

	if (max > FRAMES_MAX || text_size > sizeof(text))
		return -1;
	n = python_walk(frames, max, text, text_size);
	out[0] = 0;
	for (unsigned i = 0; i < n && at < size; i++)
		at += (unsigned)snprintf(out + at, size - at, "%u\t%.*s\t%.*s\n", frames[i].line,
					 (int)frames[i].function_len, frames[i].function,
					 (int)frames[i].file_len, frames[i].file);
	if (then)
		then();
	return at < size ? (int)n : -1;
}

/* Best time of a walk in microseconds. */
double helper_time(unsigned max, unsigned rounds, unsigned *ret_frames)
{
	static struct python_frame frames[FRAMES_MAX];
	static char text[1u << 18];
	struct timespec a, b;
	double us, best = 1e9;

	for (unsigned i = 0; i < rounds; i++) {
		clock_gettime(CLOCK_MONOTONIC, &a);
		*ret_frames = python_walk(frames, max, text, sizeof(text));
		clock_gettime(CLOCK_MONOTONIC, &b);
		us = (double)(b.tv_sec - a.tv_sec) * 1e6 + (double)(b.tv_nsec - a.tv_nsec) / 1e3;
		if (us < best)
			best = us;
	}
	return best;
}

/* One line of a line table. */
unsigned helper_line(int format, const char *table, unsigned size, int first, int instr)
{
	struct peek_stream s = { .at = (uintptr_t)table, .left = size };

	return python_line((enum line_format)format, &s, first, instr);
}

/* A thread that Python does not know: how many frames it has. */
static void *foreign(void *arg)
{
	struct python_frame frames[8];
	char text[1024];

	*(int *)arg = (int)python_walk(frames, 8, text, sizeof(text));
	return NULL;
}

int helper_foreign_thread(void)
{
	pthread_t t;
	int n = -1;

	if (pthread_create(&t, NULL, foreign, &n))
		return -1;
	pthread_join(t, NULL);
	return n;
}

/* Walks again and again; how often the innermost frame was another function or line, or none. */
unsigned helper_check(const char *function, unsigned line, unsigned rounds)
{
	struct python_frame frames[64];
	char text[16384];
	unsigned bad = 0, n;

	for (unsigned i = 0; i < rounds; i++) {
		n = python_walk(frames, 64, text, sizeof(text));
		bad += !n || frames[0].line != line || frames[0].function_len != strlen(function) ||
		       memcmp(frames[0].function, function, frames[0].function_len);
	}
	return bad;
}
