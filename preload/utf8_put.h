/*
 * utf8_put: one character as UTF-8. Any thread; no errors: what is no character becomes U+FFFD.
 */
#ifndef JITNESS_PRELOAD_UTF8_PUT_H
#define JITNESS_PRELOAD_UTF8_PUT_H

#include <stdint.h>

/* Returns the bytes written, 1 to 4; no NUL. */
static inline unsigned utf8_put(char out[4], uint32_t c)
{
	if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		c = 0xfffd; /* a byte of a file name that was not UTF-8 is a lone surrogate */
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

#endif
