/* decoder/join: launches and GPU work by correlation id, in any order, in fixed memory. */
#include "decoder/join.h"

#include <stdbool.h>

#include "tests/unit/trace_kit.h"
#include "tests/unit/unit.h"

TEST(join_either_side_first)
{
	struct join j = { 0 };

	join_launch(&j, 1, 100);
	join_work(&j, 1, 150);
	join_work(&j, 2, 250);
	join_launch(&j, 2, 200);
	join_end(&j);
	CHECK(j.launches == 2 && j.launches_matched == 2 && j.work_matched == 2);
	CHECK(!j.early && !j.launches_alone && !j.work_alone && !j.overflow);
	CHECK(histogram_quantile(&j.delay, 1.0) == 50);
	join_release(&j);
}

TEST(join_alone_and_early)
{
	struct join j = { 0 };

	join_launch(&j, 1, 100);
	join_work(&j, 2, 100);
	join_launch(&j, 3, 100);
	join_work(&j, 3, 99);
	join_launch(&j, 0, 1); /* no id: not joined */
	join_end(&j);
	CHECK(j.launches_alone == 1 && j.work_alone == 1 && j.early == 1);
	join_release(&j);
}

TEST(join_nodes_of_one_graph_launch)
{
	struct join j = { 0 };

	join_work(&j, 5, 300);
	join_work(&j, 5, 250);
	join_launch(&j, 5, 200);
	join_work(&j, 5, 400);
	join_end(&j);
	CHECK(j.launches == 1 && j.launches_matched == 1 && j.work_matched == 3);
	CHECK(histogram_quantile(&j.delay, 0.5) == 50);
	join_release(&j);
}

TEST(join_unknown_gpu_time_pairs_without_delay)
{
	struct join j = { 0 };

	join_launch(&j, 1, 100);
	join_work(&j, 1, 0);
	join_end(&j);
	CHECK(j.launches_matched == 1 && !j.early && !j.delay.n);
	join_release(&j);
}

TEST(join_ten_million_in_fixed_memory)
{
	struct join j = { 0 };
	uint64_t lag = 900000, n = 10000000;

	for (uint64_t i = 1; i <= n + lag; i++) {
		if (i <= n)
			join_launch(&j, i, i * 10);
		if (i > lag)
			join_work(&j, i - lag, (i - lag) * 10 + 7);
	}
	join_end(&j);
	CHECK(j.launches_matched == n && !j.overflow && !j.launches_alone && !j.work_alone);
	join_release(&j);
}

TEST(join_too_late_is_counted)
{
	struct join j = { 0 };

	for (uint64_t i = 1; i <= 3000000; i++)
		join_launch(&j, i, i);
	join_end(&j);
	CHECK(j.launches == 3000000 && j.overflow + j.launches_alone == 3000000 && j.overflow);
	join_release(&j);
}

/* Rows at a time: what they count one by one. */
TEST(join_rows_as_one_by_one)
{
	enum { ROWS = 500 };
	struct join one = { 0 }, many = { 0 };
	uint64_t corr[ROWS], time[ROWS], result[ROWS];

	for (unsigned round = 0; round < 40; round++) {
		const bool launches = round % 2 == 0;

		for (unsigned i = 0; i < ROWS; i++) {
			corr[i] = kit_random() % 3000 + (kit_random() % 9 ? 0 : JOIN_IDS);
			time[i] = 5000 + kit_random() % 1000 + (launches ? 0 : 900);
			result[i] = kit_random() % 10 == 0;
			if (launches && !result[i])
				join_launch(&one, corr[i], time[i]);
			if (!launches)
				join_work(&one, corr[i], time[i]);
		}
		join_ahead(&many, corr, ROWS);
		if (launches)
			join_launches(&many, corr, time, result, ROWS);
		else
			join_works(&many, corr, time, ROWS);
	}
	join_end(&one);
	join_end(&many);
	CHECK(one.launches && one.launches == many.launches);
	CHECK(one.launches_matched && one.launches_matched == many.launches_matched);
	CHECK(one.work_matched == many.work_matched && one.early == many.early);
	CHECK(one.overflow && one.overflow == many.overflow);
	CHECK(one.launches_alone == many.launches_alone && one.work_alone == many.work_alone);
	join_release(&one);
	join_release(&many);
}
