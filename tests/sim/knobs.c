/* Linked into both libraries: each reads its environment when it is loaded. */
#include "tests/sim/knobs.h"

#include <stdlib.h>
#include <string.h>

struct sim_knobs sim_knobs;

static uint64_t knobs_number(const char *name, uint64_t value)
{
	const char *text = getenv(name);
	char *end;
	unsigned long long n;

	if (!text || !*text)
		return value;
	n = strtoull(text, &end, 0);
	return *end ? value : n;
}

static const char *knobs_string(const char *name)
{
	const char *text = getenv(name);

	/* A copy, never freed: the program may change its environment. */
	return text && *text ? strdup(text) : NULL;
}

__attribute__((constructor(101))) static void knobs_read(void)
{
#define X(env, field, value) sim_knobs.field = knobs_number(env, value);
	SIM_NUMBERS(X)
#undef X
#define X(env, field) sim_knobs.field = knobs_string(env);
	SIM_STRINGS(X)
#undef X
}
