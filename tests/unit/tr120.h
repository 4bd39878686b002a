/* tr120: tests/data/tr120.json for t_stats.c and t_changepoint.c. Run from the root of the tree. */
#ifndef JITNESS_TESTS_TR120_H
#define JITNESS_TESTS_TR120_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/unit.h"

/* Caller deletes. */
static inline cJSON *tr120_read(void)
{
	static char text[64 << 10];
	FILE *f = fopen("tests/data/tr120.json", "re");
	size_t n;
	cJSON *ret;

	CHECK(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	CHECK(n > 0 && feof(f));
	fclose(f);
	ret = cJSON_Parse(text);
	CHECK(ret);
	return ret;
}

/* A member that must be there. */
static inline const cJSON *tr120_get(const cJSON *object, const char *name)
{
	const cJSON *ret = cJSON_GetObjectItemCaseSensitive(object, name);

	CHECK(ret);
	return ret;
}

static inline double tr120_number(const cJSON *object, const char *name)
{
	const cJSON *v = tr120_get(object, name);

	CHECK(cJSON_IsNumber(v));
	return v->valuedouble;
}

/* Numbers of an array; caller frees. */
static inline double *tr120_array(const cJSON *array, size_t *ret_n)
{
	size_t n = (size_t)cJSON_GetArraySize(array), i = 0;
	double *ret = malloc((n + 1) * sizeof(*ret));
	const cJSON *v;

	CHECK(ret);
	cJSON_ArrayForEach(v, array) {
		CHECK(cJSON_IsNumber(v));
		ret[i++] = v->valuedouble;
	}
	*ret_n = n;
	return ret;
}

/* splitmix64: the same numbers on every machine. */
static inline uint64_t random_bits(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* In (0, 1). */
static inline double random_unit(uint64_t *state)
{
	return ((double)(random_bits(state) >> 11) + 0.5) / 9007199254740992.0;
}

/* Of a standard normal (sum of twelve: near enough, and without libm's last bits). */
static inline double random_normal(uint64_t *state)
{
	double sum = -6;

	for (int i = 0; i < 12; i++)
		sum += random_unit(state);
	return sum;
}

#endif
