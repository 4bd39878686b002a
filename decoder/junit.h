/*
 * junit: the results of jitness verify as JUnit XML, which CI systems show: one test case for each expectation,
 * a failure where it fails, skipped where it cannot be decided (a failure when that is strict).
 * What XML 1.0 cannot hold (control characters, broken UTF-8) becomes U+FFFD. One thread.
 */
#ifndef JITNESS_DECODER_JUNIT_H
#define JITNESS_DECODER_JUNIT_H

#include <stdio.h>

struct verify;

/* Writes the whole file at path. EXIT_OK, or EXIT_SYSTEM after one sentence. */
int junit_write(const struct verify *v, const char *command, const char *path);

/* Text of an attribute or element, escaped. */
void junit_escape(FILE *f, const char *text);

#endif
