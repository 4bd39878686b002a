/* decoder/idmap, name_table: lookups that grow. */
#include "decoder/idmap.h"
#include "decoder/name_table.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

TEST(idmap_many_ids)
{
	struct idmap m = { 0 };

	CHECK(idmap_get(&m, 7) == IDMAP_NONE);
	for (uint32_t i = 0; i < 100000; i++)
		idmap_put(&m, (uint64_t)i << 32 | i, i);
	for (uint32_t i = 0; i < 100000; i++)
		CHECK(idmap_get(&m, (uint64_t)i << 32 | i) == i);
	CHECK(idmap_get(&m, 5) == IDMAP_NONE);
	idmap_put(&m, 0, 17); /* replaces */
	CHECK(idmap_get(&m, 0) == 17 && m.n == 100000);
	idmap_release(&m);
}

TEST(names_each_text_once)
{
	struct names m = { 0 };
	char text[32];

	for (int round = 0; round < 2; round++)
		for (uint32_t i = 0; i < 5000; i++) {
			int n = snprintf(text, sizeof(text), "kernel_%u", i);

			CHECK(names_put(&m, text, (size_t)n) == i);
		}
	CHECK(!strcmp(names_text(&m, 4999), "kernel_4999"));
	CHECK(names_put(&m, "a\0b", 3) == 5000);
	CHECK(names_put(&m, "a\0c", 3) == 5001);
	CHECK(names_put(&m, "", 0) == 5002);
	names_release(&m);
}
