/* decoder/suggest: the nearest name, or none. */
#include "decoder/suggest.h"
#include "tests/unit/unit.h"

#include <string.h>

static unsigned distance(const char *a, const char *b)
{
	return suggest_distance(a, strlen(a), b, strlen(b));
}

TEST(suggest_distances)
{
	CHECK(distance("report", "report") == 0);
	CHECK(distance("reprt", "report") == 1);
	CHECK(distance("reoprt", "report") == 1); /* two letters swapped */
	CHECK(distance("", "abc") == 3);
	CHECK(distance("kitten", "sitting") == 3);
}

TEST(suggest_keeps_the_nearest)
{
	struct suggest s = SUGGEST_INIT("dmup", 4);

	suggest_offer(&s, "help");
	suggest_offer(&s, "dump");
	suggest_offer(&s, "doctor");
	CHECK(s.best && !strcmp(s.best, "dump"));
}

TEST(suggest_nothing_near)
{
	struct suggest s = SUGGEST_INIT("zzz", 3);

	suggest_offer(&s, "run");
	CHECK(!s.best);
}
