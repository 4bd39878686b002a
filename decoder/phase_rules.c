/* The file of --phase-rules; phase_rules.h has its form. */
#include "decoder/phase_rules.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/cmd.h"
#include "decoder/mem.h"
#include "decoder/pass.h"
#include "decoder/say.h"
#include "decoder/suggest.h"

#define FILE_MAX_BYTES (4u << 20)
#define RULES_MAX      4096

struct phase_regex {
	regex_t regex;
};

struct load {
	const char *command, *path;
	struct phase_rules rules;
};

static const char *const labels[] = {
#define X(N, s) s,
	PASS_LABELS(X)
#undef X
};
static const char *const patterns[] = {
#define X(m, s) s,
	PHASE_RULE_PATTERNS(X)
#undef X
};
static const char *const numbers[] = {
#define X(m, s) s,
	PHASE_RULE_NUMBERS(X)
#undef X
};

static void drop_pattern(struct phase_rule *r, unsigned which)
{
	if (r->compiled[which])
		regfree(&r->compiled[which]->regex);
	free(r->compiled[which]);
	free(r->pattern[which]);
	r->compiled[which] = NULL;
	r->pattern[which] = NULL;
}

void phase_rules_release(struct phase_rules *r)
{
	for (size_t i = 0; i < r->n; i++)
		for (unsigned k = 0; k < PHASE_RULE_PATTERN_COUNT; k++)
			drop_pattern(&r->list[i], k);
	free(r->list);
	*r = (struct phase_rules){ 0 };
}

bool phase_rule_matches(const struct phase_rule *r, enum phase_rule_pattern which, const char *text)
{
	return r->compiled[which] && !regexec(&r->compiled[which]->regex, text, 0, NULL, 0);
}

/* NULL after a sentence, or the text of the file; caller frees. */
static char *file_text(const struct load *l)
{
	SCOPED_FILE FILE *f = fopen(l->path, "r");
	char *text = NULL;
	size_t n = 0, cap = 0;

	if (!f) {
		say(l->command, "--phase-rules: cannot open '%s': %s", l->path, strerror(errno));
		return NULL;
	}
	do {
		text = mem_grow(text, &cap, n + 65536, 1);
		n += fread(text + n, 1, cap - n - 1, f);
	} while (!ferror(f) && !feof(f) && n <= FILE_MAX_BYTES);
	if (ferror(f) || n > FILE_MAX_BYTES) {
		say(l->command, "--phase-rules: cannot read '%s': %s", l->path,
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

	suggest_offer(&near, "label");
	for (unsigned i = 0; i < PHASE_RULE_PATTERN_COUNT; i++)
		suggest_offer(&near, patterns[i]);
	for (unsigned i = 0; i < PHASE_RULE_NUMBER_COUNT; i++)
		suggest_offer(&near, numbers[i]);
	say(l->command, "--phase-rules: %s: phases[%zu]: '%s' is no key of a rule%s%s%s", l->path, entry,
	    key, near.best ? "; did you mean '" : " (label, nvtx, thread)",
	    near.best ? near.best : "", near.best ? "'?" : "");
	return false;
}

static bool add_label(const struct load *l, size_t entry, const char *text, struct phase_rule *r)
{
	for (unsigned i = 0; i < PASS_LABEL_COUNT; i++)
		if (text && !strcmp(text, labels[i])) {
			r->label = (uint8_t)i;
			return true;
		}
	say(l->command, "--phase-rules: %s: phases[%zu].label: '%s' is not one of prefill, decode, mixed, "
			"warmup, pass", l->path, entry, text ? text : "");
	return false;
}

static bool add_pattern(const struct load *l, size_t entry, unsigned which, const char *text,
			struct phase_rule *r)
{
	struct phase_regex *compiled;
	char why[128] = "it is empty";
	int err;

	if (!text) {
		say(l->command, "--phase-rules: %s: phases[%zu].%s: it is no text", l->path, entry,
		    patterns[which]);
		return false;
	}
	compiled = mem_zalloc(1, sizeof(*compiled));
	err = *text ? regcomp(&compiled->regex, text, REG_EXTENDED | REG_NOSUB) : REG_BADPAT;
	if (err) {
		if (*text)
			regerror(err, &compiled->regex, why, sizeof(why));
		say(l->command, "--phase-rules: %s: phases[%zu].%s: '%s' is no regular expression: %s",
		    l->path, entry, patterns[which], text, why);
		free(compiled);
		return false;
	}
	drop_pattern(r, which); /* the key again: the last one counts, as in other JSON */
	r->pattern[which] = mem_text(text, strlen(text));
	r->compiled[which] = compiled;
	return true;
}

static bool add_number(const struct load *l, size_t entry, unsigned which, const cJSON *member,
		       struct phase_rule *r)
{
	double v = member->valuedouble;

	if (!cJSON_IsNumber(member) || v < 0 || v > 9e15 || v != (double)(uint64_t)v) {
		say(l->command, "--phase-rules: %s: phases[%zu].%s: it is no whole number", l->path, entry,
		    numbers[which]);
		return false;
	}
	r->has[which] = true;
	r->number[which] = (uint64_t)v;
	return true;
}

static bool add_member(const struct load *l, size_t entry, struct phase_rule *r, bool *labelled,
		       const cJSON *member)
{
	const char *key = member->string;

	if (!strcmp(key, "label"))
		return *labelled = add_label(l, entry, cJSON_GetStringValue(member), r);
	for (unsigned i = 0; i < PHASE_RULE_PATTERN_COUNT; i++)
		if (!strcmp(key, patterns[i]))
			return add_pattern(l, entry, i, cJSON_GetStringValue(member), r);
	for (unsigned i = 0; i < PHASE_RULE_NUMBER_COUNT; i++)
		if (!strcmp(key, numbers[i]))
			return add_number(l, entry, i, member, r);
	return bad_key(l, entry, key);
}

static bool has_condition(const struct phase_rule *r)
{
	for (unsigned i = 0; i < PHASE_RULE_PATTERN_COUNT; i++)
		if (r->compiled[i])
			return true;
	for (unsigned i = 0; i < PHASE_RULE_NUMBER_COUNT; i++)
		if (r->has[i])
			return true;
	return false;
}

static bool add_rule(struct load *l, size_t entry, const cJSON *item)
{
	struct phase_rule *r;
	const cJSON *member;
	bool labelled = false;

	if (!cJSON_IsObject(item)) {
		say(l->command, "--phase-rules: %s: phases[%zu] is no object", l->path, entry);
		return false;
	}
	if (entry >= RULES_MAX) {
		say(l->command, "--phase-rules: %s: more than %d rules", l->path, RULES_MAX);
		return false;
	}
	MEM_MORE(l->rules.list, l->rules.n, l->rules.cap);
	r = &l->rules.list[l->rules.n++];
	*r = (struct phase_rule){ 0 };
	cJSON_ArrayForEach(member, item)
		if (!add_member(l, entry, r, &labelled, member))
			return false;
	if (!labelled)
		say(l->command, "--phase-rules: %s: phases[%zu] has no 'label'", l->path, entry);
	else if (!has_condition(r))
		say(l->command, "--phase-rules: %s: phases[%zu] ('%s') has no condition", l->path, entry,
		    labels[r->label]);
	return labelled && has_condition(r);
}

static bool add_rules(struct load *l, const cJSON *root)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "phases"), *item;
	size_t entry = 0;

	if (!cJSON_IsArray(list)) {
		say(l->command, "--phase-rules: %s: there is no list 'phases'", l->path);
		return false;
	}
	cJSON_ArrayForEach(item, list)
		if (!add_rule(l, entry++, item))
			return false;
	return true;
}

int phase_rules_load(struct phase_rules *ret, const char *command, const char *path)
{
	struct load l = { .command = command, .path = path };
	SCOPED_FREE char *text = NULL;
	cJSON *root;
	bool good;

	*ret = (struct phase_rules){ 0 };
	text = file_text(&l);
	if (!text)
		return EXIT_INPUT;
	root = cJSON_Parse(text);
	if (!root) {
		const char *at = cJSON_GetErrorPtr();

		return say_fail(EXIT_USAGE, command, "--phase-rules: %s is no JSON: line %u", path,
				at ? line_of(text, at) : 1);
	}
	good = add_rules(&l, root);
	cJSON_Delete(root);
	if (!good) {
		phase_rules_release(&l.rules);
		return EXIT_USAGE;
	}
	*ret = l.rules;
	return EXIT_OK;
}
