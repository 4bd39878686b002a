#include "preload/compiler_calls.h"

#include <stdio.h>
#include <string.h>

static const struct compiler_call calls[CALL_COUNT] = {
#define X(f, compiler, role, image, error) \
	[CALL_##f] = { #f, COMPILER_##compiler, CALL_##role, IMAGE_##image, error },
	COMPILER_CALLS(X)
#undef X
};

const struct compiler_call *compiler_call_of(enum call_id id)
{
	return &calls[id];
}

static bool has_prefix(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

/* "_13_0" */
static bool is_version(const char *s)
{
	return s[0] == '_' && s[1] >= '0' && s[1] <= '9' &&
	       s[1 + strspn(s + 1, "0123456789_")] == 0;
}

enum call_id compiler_call_find(const char *symbol)
{
	bool versioned = has_prefix(symbol, "__nvJitLink");
	const char *s = versioned ? symbol + 2 : symbol;

	if (!has_prefix(s, "nvrtc") && !has_prefix(s, "nvJitLink") && !has_prefix(s, "nvvm") &&
	    !has_prefix(s, "nvPTXCompiler"))
		return CALL_COUNT;
	for (int id = 0; id < CALL_COUNT; id++)
		if (has_prefix(s, calls[id].name)) {
			const char *rest = s + strlen(calls[id].name);

			if (versioned ? is_version(rest) : !*rest)
				return (enum call_id)id;
		}
	return CALL_COUNT;
}

void compiler_call_size_name(char *ret, size_t n, enum call_id id, const char *symbol)
{
	bool versioned = symbol[0] == '_';
	const char *stem = calls[id].name;
	int len = snprintf(ret, n, "%s%sSize%s", versioned ? "__" : "", stem,
			   versioned ? symbol + 2 + strlen(stem) : "");

	if (len < 0 || (size_t)len >= n)
		ret[0] = 0;
}

bool compiler_call_is_library(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	return has_prefix(name, "libnvrtc") || has_prefix(name, "libnvJitLink") ||
	       has_prefix(name, "libnvvm") || has_prefix(name, "libnvptxcompiler");
}
