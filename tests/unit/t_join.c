/* decoder/join: launches and GPU work by correlation id, in any order, in fixed memory. */
#include "decoder/join.h"
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
