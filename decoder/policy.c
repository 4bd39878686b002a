#include "decoder/policy.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/cmd.h"
#include "decoder/json_file.h"
#include "decoder/mem.h"
#include "decoder/say.h"
#include "decoder/suggest.h"
#include "decoder/verify.h"

#define CHECKS_MAX 4096

struct load {
	const char *command, *path;
	const struct expect_terms *terms;
	struct verify *v;
	char *reference;
};

static bool wrong(const struct load *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool wrong(const struct load *l, const char *fmt, ...)
{
	SCOPED_FREE char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	say(l->command, "--policy: %s: %s", l->path, text ? text : "out of memory");
	return false;
}

/* "... 'expct' is no key of a policy; did you mean 'expect'?" */
static bool bad_key(const struct load *l, const char *key, const char *of, const char *const *keys, size_t n)
{
	struct suggest near = SUGGEST_INIT(key, strlen(key));

	for (size_t i = 0; i < n; i++)
		suggest_offer(&near, keys[i]);
	return wrong(l, "'%s' is no key of %s%s%s%s", key, of, near.best ? "; did you mean '" : "",
		     near.best ? near.best : "", near.best ? "'?" : "");
}

static bool parse(struct load *l, size_t i, const char *text, struct verify_check *c)
{
	SCOPED_FREE char *where = mem_printf("--policy: %s: expect[%zu]", l->path, i);
	struct expect_error err;

	if (!expect_parse(&c->e, text, l->terms, &err))
		return true;
	verify_say_error(l->command, where, text, &err);
	return false;
}

static bool object(struct load *l, size_t i, const cJSON *item, struct verify_check *c)
{
	static const char *const keys[] = { "expr", "name", "why" };
	const cJSON *m;
	const char *expr = NULL;

	cJSON_ArrayForEach(m, item) {
		const char *text = cJSON_GetStringValue(m);
		size_t k = 0;

		while (k < 3 && strcmp(m->string, keys[k]))
			k++;
		if (k == 3)
			return bad_key(l, m->string, "an expectation", keys, 3);
		if (!text)
			return wrong(l, "expect[%zu].%s is no text", i, keys[k]);
		if (k == 0) {
			expr = text;
			continue;
		}
		free(k == 1 ? c->name : c->why); /* the key again: the last one counts, as in other JSON */
		*(k == 1 ? &c->name : &c->why) = mem_text(text, strlen(text));
	}
	return expr ? parse(l, i, expr, c) : wrong(l, "expect[%zu] has no 'expr'", i);
}

static bool expectations(struct load *l, const cJSON *list)
{
	const cJSON *item;
	size_t i = 0;

	if (!cJSON_IsArray(list))
		return wrong(l, "'expect' is no list");
	cJSON_ArrayForEach(item, list) {
		struct verify_check *c;

		if (i == CHECKS_MAX)
			return wrong(l, "more than %d expectations", CHECKS_MAX);
		c = verify_add(l->v);
		if (cJSON_IsString(item) ? !parse(l, i, item->valuestring, c) :
		    cJSON_IsObject(item) ? !object(l, i, item, c) :
		    !wrong(l, "expect[%zu] is neither a text nor an object", i))
			return false;
		i++;
	}
	return true;
}

/* Beside the policy, unless it is absolute. */
static char *beside(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	return *name == '/' || !slash ? mem_text(name, strlen(name)) :
	       mem_printf("%.*s/%s", (int)(slash - path), path, name);
}

static bool member(struct load *l, const cJSON *m)
{
	static const char *const keys[] = { "expect", "strict", "reference" };

	if (!strcmp(m->string, keys[0]))
		return expectations(l, m);
	if (!strcmp(m->string, keys[1])) {
		if (!cJSON_IsBool(m))
			return wrong(l, "'strict' is neither true nor false");
		l->v->strict |= cJSON_IsTrue(m);
		return true;
	}
	if (!strcmp(m->string, keys[2])) {
		if (!cJSON_IsString(m) || !*m->valuestring)
			return wrong(l, "'reference' names no directory");
		free(l->reference);
		l->reference = beside(l->path, m->valuestring);
		return true;
	}
	return bad_key(l, m->string, "a policy", keys, 3);
}

static bool members(struct load *l, const cJSON *root)
{
	const size_t before = l->v->n;
	const cJSON *m;

	if (!cJSON_IsObject(root))
		return wrong(l, "it is no object");
	cJSON_ArrayForEach(m, root)
		if (!member(l, m))
			return false;
	return l->v->n > before || wrong(l, "it expects nothing: 'expect' is missing or empty");
}

int policy_load(struct verify *v, char **ret_reference, const char *command, const char *path,
		const struct expect_terms *terms)
{
	struct load l = { .command = command, .path = path, .v = v, .terms = terms };
	cJSON *root;
	int code = json_file_read(&root, command, "--policy", path);
	bool good;

	*ret_reference = NULL;
	if (code)
		return code;
	good = members(&l, root);
	cJSON_Delete(root);
	if (!good) {
		free(l.reference);
		return EXIT_USAGE;
	}
	*ret_reference = l.reference;
	return EXIT_OK;
}
