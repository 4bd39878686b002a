#include "decoder/utf8.h"

#include <string.h>

#include "decoder/mem.h"

#define REPLACEMENT "\xef\xbf\xbd"

size_t utf8_next(const uint8_t *p, size_t n, bool *ret_valid)
{
	uint8_t lo = 0x80, hi = 0xbf;
	size_t want, i;

	*ret_valid = true;
	if (p[0] < 0x80)
		return 1;
	*ret_valid = false;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 1;
	want = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	/* The second byte excludes overlong forms, surrogates and beyond U+10FFFF. */
	if (p[0] == 0xe0)
		lo = 0xa0;
	else if (p[0] == 0xed)
		hi = 0x9f;
	else if (p[0] == 0xf0)
		lo = 0x90;
	else if (p[0] == 0xf4)
		hi = 0x8f;
	for (i = 1; i < want; i++) {
		if (i >= n || p[i] < lo || p[i] > hi)
			return i;
		lo = 0x80;
		hi = 0xbf;
	}
	*ret_valid = true;
	return want;
}

char *utf8_clean(const void *text, size_t len)
{
	const uint8_t *p = text;
	char *out = mem_zalloc(len * 3 + 1, 1);
	size_t at = 0;

	for (size_t i = 0; i < len;) {
		bool valid;
		size_t n = utf8_next(p + i, len - i, &valid);

		if (valid && p[i]) {
			memcpy(out + at, p + i, n);
			at += n;
		} else {
			memcpy(out + at, REPLACEMENT, 3);
			at += 3;
		}
		i += n;
	}
	out[at] = 0;
	return out;
}
