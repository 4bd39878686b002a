#include "decoder/json_file.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "decoder/cmd.h"
#include "decoder/mem.h"
#include "decoder/say.h"

#define FILE_MAX_BYTES (4u << 20)

/* NULL after a sentence, or the text of the file; caller frees. */
static char *file_text(const char *command, const char *option, const char *path, size_t *ret_len)
{
	SCOPED_FILE FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t n = 0, cap = 0;

	if (!f) {
		say(command, "%s: cannot open '%s': %s", option, path, strerror(errno));
		return NULL;
	}
	do {
		text = mem_grow(text, &cap, n + 65536, 1);
		n += fread(text + n, 1, cap - n - 1, f);
	} while (!ferror(f) && !feof(f) && n <= FILE_MAX_BYTES);
	if (ferror(f) || n > FILE_MAX_BYTES) {
		say(command, "%s: cannot read '%s': %s", option, path,
		    ferror(f) ? strerror(errno) : "it is larger than 4 MiB");
		free(text);
		return NULL;
	}
	text[n] = 0;
	*ret_len = n;
	return text;
}

static unsigned line_of(const char *text, const char *at)
{
	unsigned line = 1;

	for (; text < at && *text; text++)
		line += *text == '\n';
	return line;
}

int json_file_read(cJSON **ret, const char *command, const char *option, const char *path)
{
	size_t len;
	SCOPED_FREE char *text = file_text(command, option, path, &len);
	const char *end = NULL;
	cJSON *root;

	if (!text)
		return EXIT_INPUT;
	root = cJSON_ParseWithOpts(text, &end, true);
	if (!root || strlen(text) != len) { /* a NUL ends the text for the parser alone */
		cJSON_Delete(root);
		return say_fail(EXIT_USAGE, command, "%s: %s is no JSON: line %u", option, path,
				end ? line_of(text, end) : 1);
	}
	*ret = root;
	return EXIT_OK;
}
