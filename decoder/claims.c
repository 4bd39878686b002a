#include "decoder/claims.h"

#include <stdlib.h>
#include <string.h>

#include "decoder/analysis.h"
#include "decoder/cmd.h"
#include "decoder/json_file.h"
#include "decoder/mem.h"
#include "decoder/rules_file.h"
#include "decoder/say.h"
#include "decoder/suggest.h"

#define OPTION      "--claims"
#define GROUNDS_MAX 64

enum { KEY_CLAIM, KEY_EXPECT, KEY_COUNT };
static const char *const keys[KEY_COUNT] = { "claim", "expect" };

struct load {
	struct rules_file file;
	const struct expect_terms *terms;
	struct claims *claims;
};

static void release(struct claim *c)
{
	free(c->text);
	verify_release(&c->grounds);
}

void claims_release(struct claims *c)
{
	for (size_t i = 0; i < c->n; i++)
		release(&c->list[i]);
	free(c->list);
	free(c->label);
	*c = (struct claims){ 0 };
}

/* --- the file */

static struct claim *last(const struct load *l)
{
	return &l->claims->list[l->claims->n - 1];
}

static void begin(void *arg)
{
	struct claims *c = ((struct load *)arg)->claims;

	MEM_MORE(c->list, c->n, c->cap);
	c->list[c->n++] = (struct claim){ .grounds.strict = true };
}

static bool ground(struct load *l, size_t entry, const cJSON *value, const char *where)
{
	const char *text = cJSON_GetStringValue(value);
	SCOPED_FREE char *place = NULL;
	struct expect_error err;

	if (!text)
		return rules_file_wrong(&l->file, entry, "%s: it is no text", where);
	if (last(l)->grounds.n == GROUNDS_MAX)
		return rules_file_wrong(&l->file, entry, "%s: more than %d", where, GROUNDS_MAX);
	if (!expect_parse(&verify_add(&last(l)->grounds)->e, text, l->terms, &err))
		return true;
	place = mem_printf(OPTION ": %s: claims[%zu]%s", l->file.path, entry, where);
	verify_say_error(l->file.command, place, text, &err);
	return false;
}

static bool grounds(struct load *l, size_t entry, const cJSON *value)
{
	const cJSON *item;
	size_t i = 0;

	verify_release(&last(l)->grounds); /* the key again: the last one counts, as in other JSON */
	last(l)->grounds.strict = true;
	if (cJSON_IsString(value))
		return ground(l, entry, value, ".expect");
	if (!cJSON_IsArray(value) || !cJSON_GetArraySize(value))
		return rules_file_wrong(&l->file, entry, ".expect: it is neither an expectation nor a list of them");
	cJSON_ArrayForEach(item, value) {
		SCOPED_FREE char *where = mem_printf(".expect[%zu]", i++);

		if (!ground(l, entry, item, where))
			return false;
	}
	return true;
}

static bool member(void *arg, size_t entry, size_t key, const cJSON *value)
{
	struct load *l = arg;
	const char *text;

	if (key == KEY_EXPECT)
		return grounds(l, entry, value);
	text = rules_file_text(&l->file, entry, key, value);
	if (!text)
		return false;
	if (!*text)
		return rules_file_wrong(&l->file, entry, ".claim: it is empty");
	free(last(l)->text);
	last(l)->text = mem_text(text, strlen(text));
	return true;
}

static bool end(void *arg, size_t entry)
{
	const struct load *l = arg;

	if (!last(l)->text)
		return rules_file_wrong(&l->file, entry, " has no 'claim'");
	return last(l)->grounds.n ||
	       rules_file_wrong(&l->file, entry, " ('%s') has no 'expect': what must hold for it?", last(l)->text);
}

static int wrong_key(const struct load *l, const char *key)
{
	struct suggest near = SUGGEST_INIT(key, strlen(key));

	suggest_offer(&near, "label");
	suggest_offer(&near, "claims");
	return say_fail(EXIT_USAGE, l->file.command, OPTION ": %s: '%s' is no key of a file of claims%s%s%s", l->file.path,
			key, near.best ? "; did you mean '" : " (label, claims)", near.best ? near.best : "",
			near.best ? "'?" : "");
}

static int read_root(struct load *l, const cJSON *root)
{
	const cJSON *m;
	int code;

	cJSON_ArrayForEach(m, root) {
		if (!m->string || (strcmp(m->string, "label") && strcmp(m->string, "claims")))
			return m->string ? wrong_key(l, m->string) : rules_file_list(&l->file, root);
		if (*m->string == 'c')
			continue;
		if (!cJSON_IsString(m) || !*m->valuestring)
			return say_fail(EXIT_USAGE, l->file.command, OPTION ": %s: label: it is no text", l->file.path);
		free(l->claims->label);
		l->claims->label = mem_text(m->valuestring, strlen(m->valuestring));
	}
	code = rules_file_list(&l->file, root);
	if (!code && !l->claims->n)
		code = say_fail(EXIT_USAGE, l->file.command, OPTION ": %s: it claims nothing", l->file.path);
	return code;
}

int claims_load(struct claims *ret, const char *command, const char *path, const struct expect_terms *terms)
{
	struct load l = {
		.file = { .command = command, .option = OPTION, .path = path, .list = "claims", .keys = keys,
			  .n_keys = KEY_COUNT, .begin = begin, .member = member, .end = end, .arg = &l,
			  .entry_name = "a claim" },
		.terms = terms,
		.claims = ret,
	};
	cJSON *root;
	int code = json_file_read(&root, command, OPTION, path);

	*ret = (struct claims){ 0 };
	if (code)
		return code;
	code = read_root(&l, root);
	cJSON_Delete(root);
	if (code)
		claims_release(ret);
	return code;
}

/* --- judgement */

const char *claim_status_name(enum claim_status status)
{
	static const char *const name[] = {
#define X(N, s) s,
		CLAIM_STATUSES(X)
#undef X
	};

	return name[status];
}

/* The status that one expectation alone would give. */
static enum claim_status status_of(const struct expect_result *r)
{
	switch (r->state) {
	case EXPECT_HOLDS:
		return CLAIM_SUPPORTED;
	case EXPECT_FAILS:
		return CLAIM_CONTRADICTED;
	case EXPECT_UNDECIDED:
		break;
	}
	return r->absent ? CLAIM_NOT_SUPPORTED : CLAIM_UNDECIDED;
}

bool claim_decides(const struct claim *c, const struct expect_result *r)
{
	return status_of(r) == c->status;
}

/*
 * One that fails contradicts, whatever is unknown. What cannot be decided could still do so: it comes before what is
 * not there.
 */
static void judge(struct claim *c, const struct session *s, const struct expect_source *source)
{
	static const enum claim_status order[] = { CLAIM_CONTRADICTED, CLAIM_UNDECIDED, CLAIM_NOT_SUPPORTED };

	verify_judge(&c->grounds, s, source);
	c->status = CLAIM_SUPPORTED;
	for (size_t k = 0; k < 3; k++)
		for (size_t i = 0; i < c->grounds.n; i++)
			if (status_of(&c->grounds.list[i].result) == order[k]) {
				c->status = order[k];
				return;
			}
}

void claims_judge(struct claims *c, const struct analysis *a)
{
	struct expect_source source;

	expect_source_init(&source, a);
	for (size_t i = 0; i < c->n; i++)
		judge(&c->list[i], &a->s, &source);
}
