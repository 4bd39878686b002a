#include "decoder/rules_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "decoder/cmd.h"
#include "decoder/json_file.h"
#include "decoder/say.h"
#include "decoder/suggest.h"

#define RULES_MAX 4096

bool rules_file_wrong(const struct rules_file *f, size_t entry, const char *fmt, ...)
{
	char text[4608]; /* as long as a sentence can be: say() */
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say(f->command, "%s: %s: %s[%zu]%s", f->option, f->path, f->list, entry, text);
	return false;
}

const char *rules_file_text(const struct rules_file *f, size_t entry, size_t key, const cJSON *value)
{
	const char *text = cJSON_GetStringValue(value);

	if (!text)
		rules_file_wrong(f, entry, ".%s: it is no text", f->keys[key]);
	return text;
}

bool rules_file_regex(const struct rules_file *f, size_t entry, size_t key, const char *text,
		      regex_t *ret)
{
	int err = *text ? regcomp(ret, text, REG_EXTENDED | REG_NOSUB) : REG_BADPAT;
	char why[128] = "it is empty";

	if (!err)
		return true;
	if (*text)
		regerror(err, ret, why, sizeof(why));
	return rules_file_wrong(f, entry, ".%s: '%s' is no regular expression: %s", f->keys[key], text,
				why);
}

static bool bad_key(const struct rules_file *f, size_t entry, const char *key)
{
	struct suggest near = SUGGEST_INIT(key, strlen(key));
	const char *const of = f->entry_name ? f->entry_name : "a rule";
	char all[512] = "";
	size_t n = 0;

	for (size_t i = 0; i < f->n_keys; i++) {
		suggest_offer(&near, f->keys[i]);
		if (n < sizeof(all))
			n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s", i ? ", " : "",
					      f->keys[i]);
	}
	if (near.best)
		return rules_file_wrong(f, entry, ": '%s' is no key of %s; did you mean '%s'?", key, of,
					near.best);
	return rules_file_wrong(f, entry, ": '%s' is no key of %s (%s)", key, of, all);
}

static bool read_entry(const struct rules_file *f, size_t entry, const cJSON *item)
{
	const cJSON *value;

	if (!cJSON_IsObject(item))
		return rules_file_wrong(f, entry, " is no object");
	if (entry >= RULES_MAX) {
		say(f->command, "%s: %s: more than %d in '%s'", f->option, f->path, RULES_MAX, f->list);
		return false;
	}
	f->begin(f->arg);
	cJSON_ArrayForEach(value, item) {
		size_t key = 0;

		while (key < f->n_keys && strcmp(f->keys[key], value->string))
			key++;
		if (key == f->n_keys)
			return bad_key(f, entry, value->string);
		if (!f->member(f->arg, entry, key, value))
			return false;
	}
	return f->end(f->arg, entry);
}

static bool read_list(const struct rules_file *f, const cJSON *root)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, f->list), *item;
	size_t entry = 0;

	if (!cJSON_IsArray(list)) {
		say(f->command, "%s: %s: there is no list '%s'", f->option, f->path, f->list);
		return false;
	}
	cJSON_ArrayForEach(item, list)
		if (!read_entry(f, entry++, item))
			return false;
	return true;
}

int rules_file_list(const struct rules_file *f, const cJSON *root)
{
	return read_list(f, root) ? EXIT_OK : EXIT_USAGE;
}

int rules_file_read(const struct rules_file *f)
{
	cJSON *root;
	int code = json_file_read(&root, f->command, f->option, f->path);

	if (code)
		return code;
	code = rules_file_list(f, root);
	cJSON_Delete(root);
	return code;
}
