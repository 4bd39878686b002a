#include "decoder/stack_text.h"

#include <inttypes.h>
#include <string.h>

#include "decoder/mem.h"

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

char *stack_text_native(const char *function, uint64_t in_function, const char *object,
			uint64_t offset)
{
	const char *name = object && *object ? last_part(object) : NULL;

	if (function && name)
		return mem_printf("%s+0x%" PRIx64 " (%s)", function, in_function, name);
	if (function)
		return mem_printf("%s+0x%" PRIx64, function, in_function);
	if (name)
		return mem_printf("%s+0x%" PRIx64, name, offset);
	return mem_printf("0x%" PRIx64, offset);
}

/* After the last of the directories that installers fill (dist-packages: Debian's). */
static const char *from_package(const char *file)
{
	static const char *const roots[] = { "/site-packages/", "/dist-packages/" };
	const char *p;

	for (size_t i = 0; i < sizeof(roots) / sizeof(*roots); i++)
		while ((p = strstr(file, roots[i])) && p[strlen(roots[i])])
			file = p + strlen(roots[i]);
	return file;
}

char *stack_text_python(const char *file, uint64_t line, const char *function)
{
	const char *name = file && *file ? from_package(file) : "?";
	const char *in = function ? function : "";
	const char *space = *in ? " " : "";

	if (line)
		return mem_printf("%s:%" PRIu64 "%s%s", name, line, space, in);
	return mem_printf("%s%s%s", name, space, in);
}
