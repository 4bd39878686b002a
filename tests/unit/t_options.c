/* trace/options: reading of values, and the table itself. */
#include "trace/options.h"
#include "tests/unit/unit.h"

#include <string.h>

static uint64_t size_of(const char *text)
{
	uint64_t v = 4711;

	return option_parse_size(&v, text) ? 4711 : v;
}

TEST(options_sizes)
{
	CHECK(size_of("0") == 0);
	CHECK(size_of("64M") == 64u << 20);
	CHECK(size_of("64m") == 64u << 20);
	CHECK(size_of("64MB") == 64u << 20);
	CHECK(size_of("64MiB") == 64u << 20);
	CHECK(size_of("2G") == 2ull << 30);
	CHECK(size_of("1T") == 1ull << 40);
	CHECK(size_of("18446744073709551615") == UINT64_MAX);
	CHECK(size_of("") == 4711);
	CHECK(size_of("M") == 4711);
	CHECK(size_of("-1") == 4711);
	CHECK(size_of(" 1") == 4711);
	CHECK(size_of("1 ") == 4711);
	CHECK(size_of("1X") == 4711);
	CHECK(size_of("1MX") == 4711);
	CHECK(size_of("18446744073709551616") == 4711);
	CHECK(size_of("18014398509481984K") == 4711);
}

TEST(options_values)
{
	uint64_t v = 9;

	CHECK(option_value(&v, option_row_of(OPTION_LEVEL_ID), "node") == 0 && v == 2);
	CHECK(option_value(&v, option_row_of(OPTION_LEVEL_ID), NULL) == 0 && v == 1);
	CHECK(option_value(&v, option_row_of(OPTION_LEVEL_ID), "nod") == OPTION_E_SYNTAX && v == 1);
	CHECK(option_value(&v, option_row_of(OPTION_LEVEL_ID), "churn|graph") == OPTION_E_SYNTAX);
	CHECK(option_value(&v, option_row_of(OPTION_MEMORY_ID), "") == 0 && v == 64u << 20);
	CHECK(option_value(&v, option_row_of(OPTION_MEMORY_ID), "23M") == OPTION_E_RANGE);
	CHECK(option_value(&v, option_row_of(OPTION_FLUSH_MS_ID), "19") == OPTION_E_RANGE);
	CHECK(option_value(&v, option_row_of(OPTION_FLUSH_MS_ID), "20") == 0 && v == 20);
	CHECK(option_value(&v, option_row_of(OPTION_REDACT_ID), "yes") == 0 && v == 1);
	CHECK(option_value(&v, option_row_of(OPTION_REDACT_ID), "off") == 0 && v == 0);
	CHECK(option_value(&v, option_row_of(OPTION_REDACT_ID), "2") == OPTION_E_SYNTAX);
	CHECK(option_value(&v, option_row_of(OPTION_OUT_ID), "/x") == 0 && v == 0);
}

TEST(options_table_is_sound)
{
	for (int i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *row = option_row_of((enum option_id)i);
		uint64_t v;

		CHECK(!strncmp(row->env, "JITNESS_", 8));
		CHECK(option_value(&v, row, NULL) == 0); /* the default is in range */
		CHECK(option_find_env(row->env, strlen(row->env)) == row);
		CHECK(option_id_of(row) == (enum option_id)i);
		if (row->flag)
			CHECK(option_find_flag(row->flag, strlen(row->flag)) == row);
	}
}

TEST(options_unknown_variables)
{
	size_t len = 0;

	CHECK(!option_unknown_env("PATH=/bin", &len));
	CHECK(!option_unknown_env("JITNESS_LEVEL=node", &len));
	CHECK(option_unknown_env("JITNESS_LEVL=node", &len) && len == 12);
	CHECK(option_unknown_env("JITNESS_", &len) && len == 8);
}
