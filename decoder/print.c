#include "decoder/print.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "decoder/utf8.h"

const char *print_ns(char buf[PRINT_BUF], uint64_t ns)
{
	static const struct {
		double ns;
		const char *name;
	} units[] = { { 1e9, "s" }, { 1e6, "ms" }, { 1e3, "us" } };

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		double v = (double)ns / units[i].ns;

		if (v < 1)
			continue;
		snprintf(buf, PRINT_BUF, "%.*f %s", v < 10 ? 3 : v < 100 ? 2 : 1, v, units[i].name);
		return buf;
	}
	snprintf(buf, PRINT_BUF, "%" PRIu64 " ns", ns);
	return buf;
}

const char *print_bytes(char buf[PRINT_BUF], uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double v = (double)bytes;
	size_t i = 0;

	while (v >= 1024 && i + 1 < sizeof(units) / sizeof(units[0])) {
		v /= 1024;
		i++;
	}
	snprintf(buf, PRINT_BUF, "%.*f %s", i && v < 100 ? 1 : 0, v, units[i]);
	return buf;
}

const char *print_size(char buf[PRINT_BUF], uint64_t bytes)
{
	static const char units[] = "KMGT";
	int unit = -1;

	while (unit < 3 && bytes && !(bytes & 1023)) {
		bytes >>= 10;
		unit++;
	}
	snprintf(buf, PRINT_BUF, "%" PRIu64 "%.*s", bytes, unit >= 0,
		 unit >= 0 ? units + unit : "");
	return buf;
}

const char *print_count(char buf[PRINT_BUF], uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n), at = 0;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			buf[at++] = ',';
		buf[at++] = digits[i];
	}
	buf[at] = 0;
	return buf;
}

/* Columns: one for each character; wide ones are rare in kernel names. */
size_t print_columns(const char *text, size_t len)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t n = 0;

	for (size_t i = 0; i < len; n++) {
		bool valid;

		i += utf8_next(p + i, len - i, &valid);
	}
	return n;
}

size_t print_line(const char *text, size_t len, size_t width)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t fits = 0, blank = 0;

	for (; fits < len && width; width--) {
		bool valid;

		if (p[fits] == ' ')
			blank = fits;
		fits += utf8_next(p + fits, len - fits, &valid);
	}
	return fits == len || p[fits] == ' ' || !blank ? fits : blank;
}

void print_text(const char *text, size_t len, size_t width)
{
	const uint8_t *p = (const uint8_t *)text;
	bool cut = width && print_columns(text, len) > width;
	size_t room = cut ? (width > 3 ? width - 3 : 0) : SIZE_MAX;

	for (size_t i = 0; i < len && room; room--) {
		bool valid;
		size_t n = utf8_next(p + i, len - i, &valid);

		if (!valid)
			fputs("\xef\xbf\xbd", stdout);
		/* C0, DEL and C1 (U+0080..9F) could move the cursor or change colours. */
		else if (p[i] < 0x20 || p[i] == 0x7f || (p[i] == 0xc2 && p[i + 1] < 0xa0))
			putchar('?');
		else
			fwrite(p + i, 1, n, stdout);
		i += n;
	}
	if (cut)
		fputs("...", stdout);
}

struct print_style print_style(void)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if ((no_color && *no_color) || !isatty(STDOUT_FILENO) || (term && !strcmp(term, "dumb")))
		return (struct print_style){ "", "", "", "" };
	return (struct print_style){ "\033[1m", "\033[2m", "\033[33m", "\033[0m" };
}

size_t print_width(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || size.ws_col < 100)
		return 100;
	return size.ws_col;
}
