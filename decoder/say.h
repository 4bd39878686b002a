/* say: the one sentence that goes to stderr when something did not work. */
#ifndef JITNESS_DECODER_SAY_H
#define JITNESS_DECODER_SAY_H

/*
 * Writes "jitness COMMAND: text" and a newline in one call (command NULL: "jitness: text").
 * Control characters in the text come out as '?'. errno is kept.
 */
void say(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same, and returns code: `return say_fail(EXIT_INPUT, "dump", ...)`. */
int say_fail(int code, const char *command, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
