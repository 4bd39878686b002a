#include "decoder/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "decoder/cmd.h"
#include "decoder/say.h"

static _Noreturn void out_of_memory(void)
{
	say(NULL, "out of memory");
	_exit(EXIT_SYSTEM);
}

void *mem_zalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		out_of_memory();
	return p;
}

void *mem_table(size_t n, size_t size)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	char *p = mem_zalloc(n, size);
	const uintptr_t from = ((uintptr_t)p + page - 1) & ~(page - 1);
	const uintptr_t to = ((uintptr_t)p + n * size) & ~(page - 1);

	if (to > from)
		madvise((void *)from, to - from, MADV_HUGEPAGE); /* a wish */
	return p;
}

void *mem_grow(void *items, size_t *cap, size_t want, size_t size)
{
	size_t n = *cap ? *cap : 8;
	size_t bytes;
	char *p;

	if (want <= *cap)
		return items;
	while (n < want)
		n += n / 2;
	if (__builtin_mul_overflow(n, size, &bytes))
		out_of_memory();
	p = realloc(items, bytes);
	if (!p)
		out_of_memory();
	memset(p + *cap * size, 0, bytes - *cap * size);
	*cap = n;
	return p;
}

char *mem_text(const void *text, size_t len)
{
	char *p = mem_zalloc(len + 1, 1);

	memcpy(p, text, len);
	return p;
}

char *mem_printf(const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&p, fmt, ap);
	va_end(ap);
	if (n < 0)
		out_of_memory();
	return p;
}
