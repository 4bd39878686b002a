/* decoder/op_window: how far rows come out of order. */
#include "decoder/op_window.h"

#include "tests/unit/trace_kit.h"
#include "tests/unit/unit.h"

/* The lag of rows that rise is told from their ends: the same as of all of them, one by one. */
TEST(op_lag_of_rising_rows)
{
	enum { ROWS = 40 };
	struct op_lag lag = { 0 };
	uint64_t newest = 0, most = 0, n = 0, at = 100;

	for (unsigned round = 0; round < 20000; round++) {
		uint64_t corr[ROWS], id;
		const uint32_t rows = (uint32_t)(kit_random() % (ROWS + 1));
		/* Some begin far back or ahead, some steps are large or lead back, some ids can not be. */
		const uint64_t step = kit_random() % 20 ? 30 : 1u << 30;

		at += kit_random() % 3 ? 0 : kit_random() % 5000 - 2500;
		at = (uint32_t)(kit_random() % 500 ? at : kit_random());
		for (uint32_t i = 0; i < rows; i++) {
			at += kit_random() % step;
			at -= kit_random() % 300 ? 0 : 1000;
			at = (uint32_t)at;
			corr[i] = kit_random() % 500 ? at : kit_random() % 2 << 40;
			if (!corr[i] || corr[i] > UINT32_MAX)
				continue;
			id = op_id(&newest, (uint32_t)corr[i]);
			most = newest - id > most ? newest - id : most;
			n++;
		}
		op_lag_add(&lag, corr, rows);
		CHECK(lag.newest == newest && lag.most == most && lag.rows == n);
	}
}
