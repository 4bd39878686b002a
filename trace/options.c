#include "trace/options.h"

#include <string.h>

static const struct option_row rows[OPTION_COUNT] = {
#define X(NAME, flag, letter, env, type, dflt, min, max, value, help) \
	[OPTION_##NAME##_ID] = { flag, letter, env, OPTION_##type, dflt, min, max, value, help },
	OPTIONS(X)
#undef X
};

#define ENV_PREFIX     "JITNESS_"
#define ENV_PREFIX_LEN (sizeof(ENV_PREFIX) - 1)

static int name_is(const char *name, const char *text, size_t len)
{
	return name && strlen(name) == len && !memcmp(name, text, len);
}

const struct option_row *option_row_of(enum option_id id)
{
	return &rows[id];
}

const struct option_row *option_find_env(const char *name, size_t len)
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (name_is(rows[i].env, name, len))
			return &rows[i];
	return NULL;
}

const struct option_row *option_find_flag(const char *flag, size_t len)
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (name_is(rows[i].flag, flag, len))
			return &rows[i];
	return NULL;
}

enum option_id option_id_of(const struct option_row *row)
{
	return (enum option_id)(row - rows);
}

const char *option_unknown_env(const char *entry, size_t *ret_len)
{
	size_t len = strcspn(entry, "=");

	if (len < ENV_PREFIX_LEN || memcmp(entry, ENV_PREFIX, ENV_PREFIX_LEN))
		return NULL;
	if (option_find_env(entry, len))
		return NULL;
	*ret_len = len;
	return entry;
}

/* Digits at *text; leaves *text behind the last one. */
static int take_digits(uint64_t *ret, const char **text)
{
	const char *p = *text;
	uint64_t v = 0;

	if (*p < '0' || *p > '9')
		return OPTION_E_SYNTAX;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return OPTION_E_RANGE;
	*text = p;
	*ret = v;
	return 0;
}

int option_parse_uint(uint64_t *ret, const char *text)
{
	uint64_t v = 0;
	int err = take_digits(&v, &text);

	if (err)
		return err;
	if (*text)
		return OPTION_E_SYNTAX;
	*ret = v;
	return 0;
}

int option_parse_size(uint64_t *ret, const char *text)
{
	static const char units[] = "KMGT";
	uint64_t v = 0;
	int err = take_digits(&v, &text);

	if (err)
		return err;
	if (*text) {
		const char upper = (char)(*text >= 'a' && *text <= 'z' ? *text - 'a' + 'A' : *text);
		const char *unit = strchr(units, upper);
		unsigned shift;

		if (!unit)
			return OPTION_E_SYNTAX;
		/* 64M, 64MB and 64MiB mean the same. */
		text++;
		if (strcmp(text, "") && strcmp(text, "B") && strcmp(text, "iB"))
			return OPTION_E_SYNTAX;
		shift = 10 * (unsigned)(unit - units + 1);
		if (v > UINT64_MAX >> shift)
			return OPTION_E_RANGE;
		v <<= shift;
	}
	*ret = v;
	return 0;
}

int option_parse_bool(uint64_t *ret, const char *text)
{
	uint64_t v = 0;

	if (option_parse_enum(&v, "0|1|no|yes|false|true|off|on", text))
		return OPTION_E_SYNTAX;
	*ret = v & 1;
	return 0;
}

int option_parse_enum(uint64_t *ret, const char *values, const char *text)
{
	size_t len = strlen(text);

	for (uint64_t i = 0; *values; i++) {
		size_t n = strcspn(values, "|");

		if (n == len && !memcmp(values, text, n)) {
			*ret = i;
			return 0;
		}
		values += n + (values[n] == '|');
	}
	return OPTION_E_SYNTAX;
}

int option_value(uint64_t *ret, const struct option_row *row, const char *text)
{
	uint64_t v = 0;
	int err = OPTION_E_SYNTAX;

	if (!text || !*text)
		text = row->dflt;
	if (!text || row->type == OPTION_STRING || row->type == OPTION_PATH) {
		*ret = 0;
		return 0;
	}
	switch (row->type) {
	case OPTION_ENUM:
		err = option_parse_enum(&v, row->value, text);
		break;
	case OPTION_BOOL:
		err = option_parse_bool(&v, text);
		break;
	case OPTION_SIZE:
		err = option_parse_size(&v, text);
		break;
	case OPTION_UINT:
		err = option_parse_uint(&v, text);
		break;
	case OPTION_STRING:
	case OPTION_PATH:
		break;
	}
	if (err)
		return err;
	if ((row->type == OPTION_SIZE || row->type == OPTION_UINT) &&
	    (v < row->min || v > row->max))
		return OPTION_E_RANGE;
	*ret = v;
	return 0;
}
