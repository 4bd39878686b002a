/*
 * The file of --origin-rules:
 *   {"origins": [{"name": "mine", "kernel": "^my_", "library": "libmine", "path": "/mine/",
 *                 "python": "mine\\.py$", "image": "cubin"}]}
 */
#include "decoder/origin_rules.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <regex.h>
#include <string.h>

#include "decoder/cmd.h"
#include "decoder/mem.h"
#include "decoder/say.h"
#include "decoder/suggest.h"
#include "trace/event.h"

#define FILE_MAX_BYTES (4u << 20)
#define RULES_MAX      4096
#define NAME_MAX_BYTES 64

struct load {
	const char *command, *path;
	struct origin_rules rules;
};

static const struct {
	const char *key;
	enum origin_pattern pattern;
} keys[] = {
	{ "kernel", ORIGIN_PATTERN_kernel },
	{ "library", ORIGIN_PATTERN_caller },
	{ "path", ORIGIN_PATTERN_path },
	{ "python", ORIGIN_PATTERN_python },
};
#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

void origin_rules_release(struct origin_rules *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free((void *)(uintptr_t)r->list[i].id);
		for (unsigned p = 0; p < ORIGIN_PATTERN_COUNT; p++)
			free((void *)(uintptr_t)r->list[i].pattern[p]);
	}
	free(r->list);
	*r = (struct origin_rules){ 0 };
}

/* NULL after a sentence, or the text of the file; caller frees. */
static char *file_text(const struct load *l)
{
	SCOPED_FILE FILE *f = fopen(l->path, "r");
	char *text = NULL;
	size_t n = 0, cap = 0;

	if (!f) {
		say(l->command, "--origin-rules: cannot open '%s': %s", l->path, strerror(errno));
		return NULL;
	}
	do {
		text = mem_grow(text, &cap, n + 65536, 1);
		n += fread(text + n, 1, cap - n - 1, f);
	} while (!ferror(f) && !feof(f) && n <= FILE_MAX_BYTES);
	if (ferror(f) || n > FILE_MAX_BYTES) {
		say(l->command, "--origin-rules: cannot read '%s': %s", l->path,
		    ferror(f) ? strerror(errno) : "it is larger than 4 MiB");
		free(text);
		return NULL;
	}
	text[n] = 0;
	return text;
}

static unsigned line_of(const char *text, const char *at)
{
	unsigned line = 1;

	for (; text < at && *text; text++)
		line += *text == '\n';
	return line;
}

static bool bad_key(const struct load *l, size_t entry, const char *key)
{
	struct suggest near = SUGGEST_INIT(key, strlen(key));

	for (size_t i = 0; i < N_KEYS; i++)
		suggest_offer(&near, keys[i].key);
	suggest_offer(&near, "name");
	suggest_offer(&near, "image");
	say(l->command, "--origin-rules: %s: origins[%zu]: '%s' is no key of a rule%s%s%s", l->path,
	    entry, key, near.best ? "; did you mean '" : " (name, kernel, library, path, python, "
							  "image)",
	    near.best ? near.best : "", near.best ? "'?" : "");
	return false;
}

static bool add_pattern(const struct load *l, size_t entry, const char *key, const char *text,
			const char **ret)
{
	regex_t compiled;
	int err = *text ? regcomp(&compiled, text, REG_EXTENDED | REG_NOSUB) : REG_BADPAT;
	char why[128] = "it is empty";

	if (err) {
		if (*text)
			regerror(err, &compiled, why, sizeof(why));
		say(l->command, "--origin-rules: %s: origins[%zu].%s: '%s' is no regular expression: "
				"%s", l->path, entry, key, text, why);
		return false;
	}
	regfree(&compiled);
	free((void *)(uintptr_t)*ret); /* the key again: the last one counts, as in other JSON */
	*ret = mem_text(text, strlen(text));
	return true;
}

static bool add_image(const struct load *l, size_t entry, const char *text, uint32_t *ret)
{
	*ret = !strcmp(text, "cubin") ? 1u << IMAGE_CUBIN : !strcmp(text, "ptx") ? 1u << IMAGE_PTX :
	       !strcmp(text, "fatbin") ? 1u << IMAGE_FATBIN : 0;
	if (!*ret)
		say(l->command, "--origin-rules: %s: origins[%zu].image: '%s' is not one of cubin, "
				"ptx, fatbin", l->path, entry, text);
	return *ret != 0;
}

static bool add_name(const struct load *l, size_t entry, const char *text, const char **ret)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	if (!n || text[n] || n > NAME_MAX_BYTES) {
		say(l->command, "--origin-rules: %s: origins[%zu].name: '%s' is not 1 to 64 of "
				"letters, digits, '_', '.', '-'", l->path, entry, text);
		return false;
	}
	free((void *)(uintptr_t)*ret);
	*ret = mem_text(text, n);
	return true;
}

static bool add_member(const struct load *l, size_t entry, struct origin_rule *r,
		       const cJSON *member)
{
	const char *key = member->string, *text = cJSON_GetStringValue(member);
	size_t k = 0;

	while (k < N_KEYS && strcmp(keys[k].key, key))
		k++;
	if (k == N_KEYS && strcmp(key, "name") && strcmp(key, "image"))
		return bad_key(l, entry, key);
	if (!text) {
		say(l->command, "--origin-rules: %s: origins[%zu].%s: it is no text", l->path, entry,
		    key);
		return false;
	}
	if (!strcmp(key, "name"))
		return add_name(l, entry, text, &r->id);
	if (!strcmp(key, "image"))
		return add_image(l, entry, text, &r->images);
	return add_pattern(l, entry, key, text, &r->pattern[keys[k].pattern]);
}

static bool add_rule(struct load *l, size_t entry, const cJSON *item)
{
	struct origin_rule *r;
	const cJSON *member;

	if (!cJSON_IsObject(item)) {
		say(l->command, "--origin-rules: %s: origins[%zu] is no object", l->path, entry);
		return false;
	}
	if (entry >= RULES_MAX) {
		say(l->command, "--origin-rules: %s: more than %d rules", l->path, RULES_MAX);
		return false;
	}
	MEM_MORE(l->rules.list, l->rules.n, l->rules.cap);
	r = &l->rules.list[l->rules.n++];
	*r = (struct origin_rule){ .origin = ORIGIN_USER };
	cJSON_ArrayForEach(member, item)
		if (!add_member(l, entry, r, member))
			return false;
	if (!r->id) {
		say(l->command, "--origin-rules: %s: origins[%zu] has no 'name'", l->path, entry);
		return false;
	}
	for (unsigned p = 0; p < ORIGIN_PATTERN_COUNT; p++)
		if (r->pattern[p])
			return true;
	if (!r->images)
		say(l->command, "--origin-rules: %s: origins[%zu] ('%s') has no condition", l->path,
		    entry, r->id);
	return r->images != 0;
}

static bool add_rules(struct load *l, const cJSON *root)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "origins"), *item;
	size_t entry = 0;

	if (!cJSON_IsArray(list)) {
		say(l->command, "--origin-rules: %s: there is no list 'origins'", l->path);
		return false;
	}
	cJSON_ArrayForEach(item, list)
		if (!add_rule(l, entry++, item))
			return false;
	return true;
}

int origin_rules_load(struct origin_rules *ret, const char *command, const char *path)
{
	struct load l = { .command = command, .path = path };
	SCOPED_FREE char *text = NULL;
	cJSON *root;
	bool good;

	*ret = (struct origin_rules){ 0 };
	text = file_text(&l);
	if (!text)
		return EXIT_INPUT;
	root = cJSON_Parse(text);
	if (!root) {
		const char *at = cJSON_GetErrorPtr();

		return say_fail(EXIT_USAGE, command, "--origin-rules: %s is no JSON: line %u", path,
				at ? line_of(text, at) : 1);
	}
	good = add_rules(&l, root);
	cJSON_Delete(root);
	if (!good) {
		origin_rules_release(&l.rules);
		return EXIT_USAGE;
	}
	*ret = l.rules;
	return EXIT_OK;
}
