/* decoder/histogram: quantiles to 0.8 %, exact below 128, merging. */
#include "decoder/histogram.h"
#include "tests/unit/unit.h"

static void check_near(uint64_t got, uint64_t want)
{
	uint64_t off = got > want ? got - want : want - got;

	CHECK((double)off <= 0.0079 * (double)want);
}

TEST(histogram_empty)
{
	struct histogram h = { 0 };

	CHECK(histogram_quantile(&h, 0.5) == 0);
	histogram_release(&h);
}

TEST(histogram_every_value_is_near)
{
	for (uint64_t v = 1; v < UINT64_MAX / 3; v = v * 2 + v / 7 + 1) {
		struct histogram h = { 0 };

		histogram_add(&h, v);
		check_near(histogram_quantile(&h, 0.5), v);
		check_near(histogram_quantile(&h, 0.99), v);
		histogram_release(&h);
	}
}

TEST(histogram_small_values_are_exact)
{
	for (uint64_t v = 0; v < 128; v++) {
		struct histogram h = { 0 };

		histogram_add(&h, v);
		CHECK(histogram_quantile(&h, 1.0) == v);
		histogram_release(&h);
	}
}

TEST(histogram_extremes)
{
	struct histogram h = { 0 };

	histogram_add(&h, 0);
	histogram_add(&h, UINT64_MAX);
	CHECK(histogram_quantile(&h, 0.5) == 0);
	check_near(histogram_quantile(&h, 1.0), UINT64_MAX);
	histogram_release(&h);
}

TEST(histogram_ranks)
{
	struct histogram h = { 0 };

	for (uint64_t v = 1; v <= 100; v++)
		histogram_add(&h, v);
	CHECK(histogram_quantile(&h, 0.01) == 1);
	CHECK(histogram_quantile(&h, 0.5) == 50);
	CHECK(histogram_quantile(&h, 0.99) == 99);
	CHECK(histogram_quantile(&h, 1.0) == 100);
	histogram_release(&h);
}

TEST(histogram_merged_is_as_if_added)
{
	struct histogram a = { 0 }, b = { 0 }, both = { 0 };

	for (uint64_t i = 0; i < 10000; i++) {
		uint64_t v = i * i * 31 % 5000000;

		histogram_add(i % 3 ? &a : &b, v);
		histogram_add(&both, v);
	}
	histogram_merge(&a, &b);
	CHECK(a.n == both.n);
	for (int q = 1; q <= 100; q++)
		CHECK(histogram_quantile(&a, q / 100.0) == histogram_quantile(&both, q / 100.0));
	histogram_release(&a);
	histogram_release(&b);
	histogram_release(&both);
}
