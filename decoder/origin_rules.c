/*
 * The file of --origin-rules:
 *   {"origins": [{"name": "mine", "kernel": "^my_", "library": "libmine", "path": "/mine/",
 *                 "python": "mine\\.py$", "image": "cubin"}]}
 */
#include "decoder/origin_rules.h"

#include <string.h>

#include "decoder/cmd.h"
#include "decoder/mem.h"
#include "decoder/rules_file.h"
#include "trace/event.h"

enum { KEY_NAME, KEY_KERNEL, KEY_LIBRARY, KEY_PATH, KEY_PYTHON, KEY_IMAGE, KEY_COUNT };

static const char *const keys[KEY_COUNT] = {
	[KEY_NAME] = "name", [KEY_KERNEL] = "kernel", [KEY_LIBRARY] = "library",
	[KEY_PATH] = "path", [KEY_PYTHON] = "python", [KEY_IMAGE] = "image",
};
static const uint8_t pattern_of[KEY_COUNT] = {
	[KEY_KERNEL] = ORIGIN_PATTERN_kernel,
	[KEY_LIBRARY] = ORIGIN_PATTERN_caller,
	[KEY_PATH] = ORIGIN_PATTERN_path,
	[KEY_PYTHON] = ORIGIN_PATTERN_python,
};

struct load {
	struct rules_file file;
	struct origin_rules rules;
};

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

/* The key again: the last one counts, as in other JSON. */
static void set_text(const char **ret, const char *text)
{
	free((void *)(uintptr_t)*ret);
	*ret = mem_text(text, strlen(text));
}

static bool add_pattern(const struct load *l, size_t entry, size_t key, const char *text,
			const char **ret)
{
	regex_t compiled;

	if (!rules_file_regex(&l->file, entry, key, text, &compiled))
		return false;
	regfree(&compiled);
	set_text(ret, text);
	return true;
}

static bool add_image(const struct load *l, size_t entry, const char *text, uint32_t *ret)
{
	*ret = !strcmp(text, "cubin") ? 1u << IMAGE_CUBIN : !strcmp(text, "ptx") ? 1u << IMAGE_PTX :
	       !strcmp(text, "fatbin") ? 1u << IMAGE_FATBIN : 0;
	return *ret || rules_file_wrong(&l->file, entry, ".image: '%s' is not one of cubin, ptx, fatbin",
					text);
}

static bool add_name(const struct load *l, size_t entry, const char *text, const char **ret)
{
	size_t n = strspn(text, ORIGIN_RULE_NAME_CHARS);

	if (!n || text[n] || n > ORIGIN_RULE_NAME_MAX)
		return rules_file_wrong(&l->file, entry, ".name: '%s' is not 1 to 64 of letters, digits, "
							 "'_', '.', '-'", text);
	set_text(ret, text);
	return true;
}

static void begin(void *arg)
{
	struct load *l = arg;

	MEM_MORE(l->rules.list, l->rules.n, l->rules.cap);
	l->rules.list[l->rules.n++] = (struct origin_rule){ .origin = ORIGIN_USER };
}

static bool add_member(void *arg, size_t entry, size_t key, const cJSON *value)
{
	struct load *l = arg;
	struct origin_rule *r = &l->rules.list[l->rules.n - 1];
	const char *text = rules_file_text(&l->file, entry, key, value);

	if (!text)
		return false;
	switch (key) {
	case KEY_NAME:
		return add_name(l, entry, text, &r->id);
	case KEY_IMAGE:
		return add_image(l, entry, text, &r->images);
	default:
		return add_pattern(l, entry, key, text, &r->pattern[pattern_of[key]]);
	}
}

static bool end(void *arg, size_t entry)
{
	const struct load *l = arg;
	const struct origin_rule *r = &l->rules.list[l->rules.n - 1];

	if (!r->id)
		return rules_file_wrong(&l->file, entry, " has no 'name'");
	for (unsigned p = 0; p < ORIGIN_PATTERN_COUNT; p++)
		if (r->pattern[p])
			return true;
	return r->images || rules_file_wrong(&l->file, entry, " ('%s') has no condition", r->id);
}

int origin_rules_load(struct origin_rules *ret, const char *command, const char *path)
{
	struct load l = {
		.file = { command, "--origin-rules", path, "origins", keys, KEY_COUNT, begin,
			  add_member, end, &l },
	};
	int code = rules_file_read(&l.file);

	if (code)
		origin_rules_release(&l.rules);
	*ret = l.rules;
	return code;
}
