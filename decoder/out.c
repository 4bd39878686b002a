#include "decoder/out.h"

#include <stdbool.h>
#include <stdio.h>

#include "decoder/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd"

void out_flush(struct out *o)
{
	fwrite(o->buf, 1, o->n, stdout);
	o->n = 0;
}

void out_bytes(struct out *o, const void *p, size_t n)
{
	const char *from = p;

	while (n) {
		size_t part;

		if (o->n == OUT_BYTES)
			out_flush(o);
		part = n < OUT_BYTES - o->n ? n : OUT_BYTES - o->n;
		memcpy(o->buf + o->n, from, part);
		o->n += part;
		from += part;
		n -= part;
	}
}

void out_uint(struct out *o, uint64_t v)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	out_bytes(o, digits + at, sizeof(digits) - at);
}

void out_int(struct out *o, int64_t v)
{
	if (v < 0)
		out_char(o, '-');
	out_uint(o, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

static const char hex[] = "0123456789abcdef";

void out_hex(struct out *o, uint64_t v)
{
	char digits[16];
	size_t at = sizeof(digits);

	do {
		digits[--at] = hex[v & 15];
		v >>= 4;
	} while (v);
	out_string(o, "0x");
	out_bytes(o, digits + at, sizeof(digits) - at);
}

static void json_escape(struct out *o, uint8_t c)
{
	static const char letters[] = "btnfr"; /* 8, 9, 10, 12, 13 */
	static const char values[] = "\b\t\n\f\r";
	const char *v = c ? strchr(values, c) : NULL;

	out_char(o, '\\');
	if (c == '"' || c == '\\') {
		out_char(o, (char)c);
	} else if (v) {
		out_char(o, letters[v - values]);
	} else {
		out_string(o, "u00");
		out_char(o, hex[c >> 4]);
		out_char(o, hex[c & 15]);
	}
}

void out_json(struct out *o, const void *text, size_t len)
{
	const uint8_t *p = text;

	out_char(o, '"');
	for (size_t i = 0; i < len;) {
		bool valid;
		size_t n = utf8_next(p + i, len - i, &valid);

		if (!valid)
			out_bytes(o, REPLACEMENT, 3);
		else if (p[i] < 0x20 || p[i] == '"' || p[i] == '\\')
			json_escape(o, p[i]);
		else
			out_bytes(o, p + i, n);
		i += n;
	}
	out_char(o, '"');
}

void out_text(struct out *o, const void *text, size_t len)
{
	const uint8_t *p = text;

	for (size_t i = 0; i < len;) {
		bool valid;
		size_t n = utf8_next(p + i, len - i, &valid);
		bool control = p[i] < 0x20 || p[i] == 0x7f ||
			       (p[i] == 0xc2 && n == 2 && p[i + 1] < 0xa0);

		if (!valid) {
			out_bytes(o, REPLACEMENT, 3);
		} else if (control) {
			uint8_t c = p[i + n - 1];

			out_string(o, "\\x");
			out_char(o, hex[c >> 4]);
			out_char(o, hex[c & 15]);
		} else {
			out_bytes(o, p + i, n);
		}
		i += n;
	}
}
