#include "decoder/demangle.h"

#include <dlfcn.h>
#include <string.h>

#include "decoder/mem.h"

typedef char *demangle_fn(const char *mangled, char *buf, size_t *len, int *status);

/* A name as long as this takes longer to read than the rest of the report. */
#define NAME_MAX_BYTES 16384

/* Loaded at the first mangled name: most traces of C programs have none. */
static demangle_fn *runtime(void)
{
	static demangle_fn *fn;
	static int tried;
	void *lib;

	if (tried++)
		return fn;
	lib = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_LOCAL);
	if (!lib)
		lib = dlopen("libc++abi.so.1", RTLD_LAZY | RTLD_LOCAL);
	if (lib)
		fn = (demangle_fn *)dlsym(lib, "__cxa_demangle");
	return fn;
}

char *demangle(const char *name)
{
	demangle_fn *fn = NULL;
	int status = -1;
	char *out;

	if (!strncmp(name, "_Z", 2) && strlen(name) < NAME_MAX_BYTES)
		fn = runtime();
	out = fn ? fn(name, NULL, NULL, &status) : NULL;
	if (out && !status)
		return out;
	free(out);
	return mem_text(name, strlen(name));
}

/* Start of the parameters: the parenthesis that closes at the very end; NULL: none. */
static char *parameters(char *name)
{
	size_t len = strlen(name);
	int depth = 0;

	for (size_t i = len; i-- && name[len - 1] == ')';) {
		depth += (name[i] == ')') - (name[i] == '(');
		if (!depth)
			return i ? name + i : NULL;
	}
	return NULL;
}

char *demangle_short(const char *name)
{
	char *text = demangle(name), *cut;

	if (!strcmp(text, name))
		return text;
	cut = parameters(text);
	if (cut)
		*cut = 0;
	if (!strncmp(text, "void ", 5))
		memmove(text, text + 5, strlen(text + 5) + 1);
	return text;
}
