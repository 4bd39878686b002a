/* decoder/utf8: substitution of maximal subparts, as Python's errors="replace". */
#include "decoder/utf8.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#define R "\xef\xbf\xbd"

static void check_clean(const char *in, size_t len, const char *want)
{
	char *got = utf8_clean(in, len);

	CHECK(!strcmp(got, want));
	free(got);
}
#define CLEAN(in, want) check_clean("" in "", sizeof(in) - 1, "" want "")

TEST(utf8_valid_text_stays)
{
	CLEAN("", "");
	CLEAN("abc", "abc");
	CLEAN("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
	CLEAN("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf");
}

TEST(utf8_one_replacement_for_each_maximal_part)
{
	CLEAN("\xff", R);
	CLEAN("a\x80z", "a" R "z");
	CLEAN("\xe2\x82", R);               /* cut off */
	CLEAN("\xf0\x9f\x98", R);
	CLEAN("\xf0\x9f\x98z", R "z");
	CLEAN("\xc0\x80", R R);             /* overlong */
	CLEAN("\xe0\x80\x80", R R R);
	CLEAN("\xed\xa0\x80", R R R);       /* surrogate */
	CLEAN("\xf4\x90\x80\x80", R R R R); /* beyond U+10FFFF */
	CLEAN("\xf5\x80", R R);
	CLEAN("\xe2\x28\xa1", R "(" R);
	CLEAN("\xc3\xc3\xa4", R "\xc3\xa4");
}

TEST(utf8_nul_is_not_text)
{
	CLEAN("a\0b", "a" R "b");
}
