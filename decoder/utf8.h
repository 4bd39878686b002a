/*
 * utf8: bytes from a traced process as text that is safe to hand on. Invalid
 * bytes become U+FFFD, one for each maximal part of a character (Unicode,
 * "substitution of maximal subparts"), exactly as Python's errors="replace".
 */
#ifndef JITNESS_DECODER_UTF8_H
#define JITNESS_DECODER_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the character at p (n > 0 left); *ret_valid: false for a part to replace. */
size_t utf8_next(const uint8_t *p, size_t n, bool *ret_valid);

/* Valid UTF-8 copy with a NUL after it, NULs inside as U+FFFD too. Caller frees. */
char *utf8_clean(const void *text, size_t len);

#endif
