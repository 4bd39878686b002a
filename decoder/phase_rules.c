/* The file of --phase-rules; phase_rules.h has its form. */
#include "decoder/phase_rules.h"

#include <stdlib.h>
#include <string.h>

#include "decoder/cmd.h"
#include "decoder/mem.h"
#include "decoder/pass.h"
#include "decoder/rules_file.h"

struct phase_regex {
	regex_t regex;
};

struct load {
	struct rules_file file;
	struct phase_rules rules;
	unsigned bits;
	bool labelled; /* the entry that is read */
};

/* Of an entry: the label, patterns in the order of their enum, numbers in that of theirs. */
enum { KEY_LABEL, KEY_PATTERNS, KEY_NUMBERS = KEY_PATTERNS + PHASE_RULE_PATTERN_COUNT,
       KEY_COUNT = KEY_NUMBERS + PHASE_RULE_NUMBER_COUNT };

#define X(m, s) s,
static const char *const keys[KEY_COUNT] = {
	"label", PHASE_RULE_PATTERNS(X) PHASE_RULE_NUMBERS(X)
};
#undef X
static const char *const labels[] = {
#define X(N, s) s,
	PASS_LABELS(X)
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

bool phase_rule_of_ops(const struct phase_rule *r)
{
	return r->compiled[PHASE_RULE_kernel] || r->has[PHASE_RULE_graph] || r->has[PHASE_RULE_stream];
}

static bool add_label(const struct load *l, size_t entry, const char *text, struct phase_rule *r)
{
	for (unsigned i = 0; i < PASS_LABEL_COUNT; i++)
		if (text && !strcmp(text, labels[i])) {
			r->label = (uint8_t)i;
			return true;
		}
	return rules_file_wrong(&l->file, entry, ".label: '%s' is not one of prefill, decode, mixed, "
						 "warmup, pass", text ? text : "");
}

static bool add_pattern(const struct load *l, size_t entry, unsigned which, const cJSON *value,
			struct phase_rule *r)
{
	const char *text = rules_file_text(&l->file, entry, KEY_PATTERNS + which, value);
	struct phase_regex *compiled;

	if (!text)
		return false;
	compiled = mem_zalloc(1, sizeof(*compiled));
	if (!rules_file_regex(&l->file, entry, KEY_PATTERNS + which, text, &compiled->regex)) {
		free(compiled);
		return false;
	}
	drop_pattern(r, which); /* the key again: the last one counts, as in other JSON */
	r->pattern[which] = mem_text(text, strlen(text));
	r->compiled[which] = compiled;
	return true;
}

static bool add_number(const struct load *l, size_t entry, unsigned which, const cJSON *value,
		       struct phase_rule *r)
{
	const char *text = cJSON_GetStringValue(value);
	double v = value->valuedouble;

	if (which == PHASE_RULE_graph && text && !strcmp(text, "any")) {
		r->number[which] = PHASE_RULE_ANY;
	} else {
		if (!cJSON_IsNumber(value) || v < 0 || v > 9e15 || v != (double)(uint64_t)v)
			return rules_file_wrong(&l->file, entry, ".%s: it is no whole number%s",
						keys[KEY_NUMBERS + which],
						which == PHASE_RULE_graph ? ", and not \"any\"" : "");
		r->number[which] = (uint64_t)v;
	}
	r->has[which] = true;
	return true;
}

static void begin(void *arg)
{
	struct load *l = arg;

	MEM_MORE(l->rules.list, l->rules.n, l->rules.cap);
	l->rules.list[l->rules.n++] = (struct phase_rule){ .bit = PHASE_RULE_NO_BIT };
	l->labelled = false;
}

static bool add_member(void *arg, size_t entry, size_t key, const cJSON *value)
{
	struct load *l = arg;
	struct phase_rule *r = &l->rules.list[l->rules.n - 1];

	if (key == KEY_LABEL)
		return l->labelled = add_label(l, entry, cJSON_GetStringValue(value), r);
	if (key < KEY_NUMBERS)
		return add_pattern(l, entry, (unsigned)key - KEY_PATTERNS, value, r);
	return add_number(l, entry, (unsigned)key - KEY_NUMBERS, value, r);
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

static bool end(void *arg, size_t entry)
{
	struct load *l = arg;
	struct phase_rule *r = &l->rules.list[l->rules.n - 1];

	if (!l->labelled)
		return rules_file_wrong(&l->file, entry, " has no 'label'");
	if (!has_condition(r))
		return rules_file_wrong(&l->file, entry, " ('%s') has no condition", labels[r->label]);
	if (!phase_rule_of_ops(r) && !r->compiled[PHASE_RULE_python])
		return true;
	if (l->bits == PHASE_RULE_BITS)
		return rules_file_wrong(&l->file, entry, ": more than %d rules ask for a kernel, graph, "
							 "stream or Python function", PHASE_RULE_BITS);
	r->bit = (uint8_t)l->bits++;
	return true;
}

int phase_rules_load(struct phase_rules *ret, const char *command, const char *path)
{
	struct load l = {
		.file = { command, "--phase-rules", path, "phases", keys, KEY_COUNT, begin,
			  add_member, end, &l },
	};
	int code = rules_file_read(&l.file);

	if (code)
		phase_rules_release(&l.rules);
	*ret = l.rules;
	return code;
}
