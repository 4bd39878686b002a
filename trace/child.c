#include "trace/child.h"

#include <string.h>

#define NUMBER_MAX   20 /* digits of 2^64 - 1 */
/* "\t%+N\n" always fits behind the fields. */
#define TAIL_RESERVE (NUMBER_MAX + 4)

/* The executables; what is not here is no compiler. */
static const struct {
	const char *name;
	enum child_tool tool;
} executables[] = {
	{ "ptxas", CHILD_TOOL_PTXAS },
	{ "ptxas-blackwell", CHILD_TOOL_PTXAS }, /* Triton brings two */
	{ "cicc", CHILD_TOOL_CICC },
	{ "nvcc", CHILD_TOOL_NVCC },
	{ "nvlink", CHILD_TOOL_NVLINK },
	{ "fatbinary", CHILD_TOOL_FATBINARY },
	{ "cudafe++", CHILD_TOOL_CUDAFE },
	{ "tileiras", CHILD_TOOL_TILEIRAS },
	{ "gcc", CHILD_TOOL_GCC },
	{ "cc", CHILD_TOOL_GCC },
	{ "g++", CHILD_TOOL_GXX },
	{ "c++", CHILD_TOOL_GXX },
	{ "cc1", CHILD_TOOL_CC1 },
	{ "cc1plus", CHILD_TOOL_CC1PLUS },
	{ "collect2", CHILD_TOOL_COLLECT2 },
	{ "lto1", CHILD_TOOL_LTO1 },
	{ "lto-wrapper", CHILD_TOOL_LTO_WRAPPER },
	{ "as", CHILD_TOOL_AS },
	{ "ld", CHILD_TOOL_LD },
	{ "ld.bfd", CHILD_TOOL_LD },
	{ "ld.gold", CHILD_TOOL_LD },
	{ "gold", CHILD_TOOL_LD },
	{ "ld.lld", CHILD_TOOL_LD },
	{ "lld", CHILD_TOOL_LD },
	{ "mold", CHILD_TOOL_LD },
	{ "clang", CHILD_TOOL_CLANG },
	{ "clang++", CHILD_TOOL_CLANG },
	{ "ninja", CHILD_TOOL_NINJA },
	{ "ninja-build", CHILD_TOOL_NINJA },
};

static const char *const tool_names[CHILD_TOOL_COUNT] = {
#define X(name, text) [CHILD_TOOL_##name] = text,
	CHILD_TOOLS(X)
#undef X
};

const char *child_tool_name(enum child_tool tool)
{
	return tool_names[(unsigned)tool < CHILD_TOOL_COUNT ? tool : CHILD_TOOL_OTHER];
}

static bool is_text(const char *p, size_t n, const char *text)
{
	return strlen(text) == n && !memcmp(p, text, n);
}

enum child_tool child_tool_named(const char *name, size_t len)
{
	for (unsigned i = 0; i < CHILD_TOOL_COUNT; i++)
		if (is_text(name, len, tool_names[i]))
			return (enum child_tool)i;
	return CHILD_TOOL_OTHER;
}

static enum child_tool executable(const char *p, size_t n)
{
	for (size_t i = 0; i < sizeof(executables) / sizeof(executables[0]); i++)
		if (is_text(p, n, executables[i].name))
			return executables[i].tool;
	return CHILD_TOOL_OTHER;
}

/* Length without "-12" or "-17.0.1" at the end. */
static size_t without_version(const char *p, size_t n)
{
	size_t end = n;

	while (end && ((p[end - 1] >= '0' && p[end - 1] <= '9') || p[end - 1] == '.'))
		end--;
	return end > 1 && end < n && p[end - 1] == '-' ? end - 1 : n;
}

enum child_tool child_tool_of(const char *exe, size_t len)
{
	const char *slash = memrchr(exe, '/', len), *p = slash ? slash + 1 : exe;
	const char *dash = p;
	size_t n = without_version(p, len - (size_t)(p - exe));
	enum child_tool tool = executable(p, n);

	/* A target has two parts at least: nvptx-none-as, x86_64-linux-gnu-gcc. */
	for (unsigned parts = 0; tool == CHILD_TOOL_OTHER; parts++) {
		dash = memchr(dash, '-', n - (size_t)(dash - p));
		if (!dash)
			break;
		dash++;
		if (parts)
			tool = executable(dash, n - (size_t)(dash - p));
	}
	return tool;
}

void child_text_begin(struct child_text *t, char kind)
{
	t->p[0] = kind;
	t->n = 1;
}

bool child_text_field(struct child_text *t, const char *p, size_t n)
{
	static const char digit[] = "0123456789ABCDEF";
	const size_t limit = CHILD_LINE_MAX - TAIL_RESERVE;
	size_t at = t->n;

	if (at >= limit)
		return false;
	t->p[at++] = '\t';
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];
		bool plain = c > ' ' && c != '%' && c != 0x7f;

		if (limit - at < (plain ? 1u : 3u))
			return false;
		if (plain) {
			t->p[at++] = (char)c;
			continue;
		}
		t->p[at++] = '%';
		t->p[at++] = digit[c >> 4];
		t->p[at++] = digit[c & 15];
	}
	t->n = at;
	return true;
}

/* Digits at the end of buf; returns how many. */
static size_t digits(char buf[NUMBER_MAX], uint64_t v)
{
	size_t n = 0;

	do
		buf[NUMBER_MAX - ++n] = (char)('0' + v % 10);
	while (v /= 10);
	return n;
}

void child_text_number(struct child_text *t, uint64_t v)
{
	char buf[NUMBER_MAX];
	size_t n = digits(buf, v);

	child_text_field(t, buf + NUMBER_MAX - n, n);
}

void child_text_hash(struct child_text *t, uint64_t v)
{
	char buf[18] = "0x";

	for (unsigned i = 0; i < 16; i++)
		buf[2 + i] = "0123456789abcdef"[v >> (60 - 4 * i) & 15];
	child_text_field(t, buf, sizeof(buf));
}

void child_text_ids(struct child_text *t, const uint64_t *id, unsigned n)
{
	char buf[CHILD_ANCESTORS_MAX * (NUMBER_MAX + 1)], one[NUMBER_MAX];
	size_t at = 0;

	for (unsigned i = 0; i < n && i < CHILD_ANCESTORS_MAX; i++) {
		size_t len = digits(one, id[i]);

		if (i)
			buf[at++] = ',';
		memcpy(buf + at, one + NUMBER_MAX - len, len);
		at += len;
	}
	child_text_field(t, buf, at);
}

void child_text_left_out(struct child_text *t, uint64_t n)
{
	char buf[NUMBER_MAX];
	size_t len = digits(buf, n);

	memcpy(t->p + t->n, "\t%+", 3);
	memcpy(t->p + t->n + 3, buf + NUMBER_MAX - len, len);
	t->n += 3 + len;
}

void child_text_end(struct child_text *t)
{
	t->p[t->n++] = '\n';
}
