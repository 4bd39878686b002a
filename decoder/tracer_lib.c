#include "decoder/tracer_lib.h"

#include <limits.h>
#include <string.h>

#include "decoder/mem.h"

static char *own_directory(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (n <= 0)
		return NULL;
	path[n] = 0;
	slash = strrchr(path, '/');
	if (slash)
		*slash = 0;
	return mem_text(path, strlen(path));
}

static char *readable(const char *path)
{
	char *real = realpath(path, NULL);

	if (real && !access(real, R_OK))
		return real;
	free(real);
	return NULL;
}

char *tracer_lib_find(void)
{
	static const char *const places[] = { "libjitness.so", "../lib/jitness/libjitness.so",
					      "../lib/libjitness.so" };
	const char *given = getenv("JITNESS_LIB");
	SCOPED_FREE char *dir = NULL;

	if (given && *given)
		return readable(given);
	dir = own_directory();
	for (size_t i = 0; dir && i < sizeof(places) / sizeof(places[0]); i++) {
		SCOPED_FREE char *path = mem_printf("%s/%s", dir, places[i]);
		char *found = readable(path);

		if (found)
			return found;
	}
	return NULL;
}

char *tracer_lib_preload(const char *lib, const char *before)
{
	if (strpbrk(lib, " :"))
		return NULL;
	if (!before || !*before)
		return mem_text(lib, strlen(lib));
	return mem_printf("%s:%s", lib, before);
}
