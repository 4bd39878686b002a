/* print: numbers and names for people. Nothing here writes anywhere but to stdout. */
#ifndef JITNESS_DECODER_PRINT_H
#define JITNESS_DECODER_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PRINT_BUF 32

/* "" for 1, "s" otherwise. */
static inline const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/* "1.234 ms": three or four digits and a unit. */
const char *print_ns(char buf[PRINT_BUF], uint64_t ns);
/* "12.3 MiB" */
const char *print_bytes(char buf[PRINT_BUF], uint64_t bytes);
/* "64M": as an option's size is written; exact. */
const char *print_size(char buf[PRINT_BUF], uint64_t bytes);
/* "1,234,567" */
const char *print_count(char buf[PRINT_BUF], uint64_t n);

/*
 * Text from a traced process, at most `width` columns (0: no limit): control
 * characters as '?', invalid UTF-8 replaced, a cut marked "...".
 */
void print_text(const char *text, size_t len, size_t width);

/* Columns of a text as print_text() writes it. */
size_t print_columns(const char *text, size_t len);
/*
 * Bytes of the text that go on a line of `width` columns: up to the last blank that fits, or, where there is none, as
 * many as fit. Blanks that follow are the caller's to skip.
 */
size_t print_line(const char *text, size_t len, size_t width);

/* Columns of the terminal, at least 100; 100 when stdout is none. */
size_t print_width(void);

/* Escape sequences when stdout is a terminal and NO_COLOR is not set; "" otherwise. */
struct print_style {
	const char *bold, *dim, *warn, *off;
};
struct print_style print_style(void);

#endif
