/*
 * bench_ops ROWS: how fast decoder/op_stream.c streams, and its memory. A trace of ROWS rows as
 * the tracer writes them (half launches, half kernels that come 20,000 operations later, some
 * copies and syncs), read twice: the model's pass and the operations'. Prints operations a second
 * of the second and the peak of resident memory after each. Build and run: make bench-ops.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "decoder/name_table.h"
#include "decoder/op_stream.h"
#include "decoder/process_model.h"
#include "trace/event.h"
#include "trace/reader.h"
#include "trace/writer.h"

#define STEP 260   /* kernels of a forward pass */
#define LAG  20000 /* operations: 200 ms between two flushes at 100,000 launches a second */

static uint64_t seed = 88172645463325252ull;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static long peak_mib(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return r.ru_maxrss / 1024;
}

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static void add(struct writer *w, uint32_t tid, enum event_kind kind, const uint64_t *f, unsigned n)
{
	if (writer_add(w, tid, kind, f, n, NULL, 0))
		die("writer_add");
}

/* Times differ a little from call to call; ids skip the calls that are not recorded. */
static void add_op(struct writer *w, uint64_t i, bool gpu)
{
	uint64_t t = 1763849000000000000ull + i * 4000 + rnd() % 900, corr = 100 + i * 5;
	uint64_t launch[LAUNCH_N] = { t, t + 2100 + rnd() % 300, corr, API_CU_LAUNCH_KERNEL, 0 };
	uint64_t kernel[KERNEL_N] = {
		[KERNEL_START] = t + 9000,   [KERNEL_END] = t + 11000 + rnd() % 900,
		[KERNEL_CORR] = corr,        [KERNEL_NAME] = 1 + i % STEP % 40,
		[KERNEL_CONTEXT] = 1,        [KERNEL_STREAM] = 7,
		[KERNEL_GRID_X] = 1 + i % STEP, [KERNEL_GRID_Y] = 1,
		[KERNEL_GRID_Z] = 1,         [KERNEL_BLOCK_X] = 256,
		[KERNEL_BLOCK_Y] = 1,        [KERNEL_BLOCK_Z] = 1,
		[KERNEL_REGISTERS] = 32,
	};
	uint64_t copy[MEMCPY_N] = {
		[MEMCPY_START] = t, [MEMCPY_END] = t + 1000, [MEMCPY_CORR] = corr + 1,
		[MEMCPY_BYTES] = 4, [MEMCPY_COPY_KIND] = COPY_DTOH, [MEMCPY_CONTEXT] = 1,
		[MEMCPY_STREAM] = 7,
	};
	uint64_t sync[SYNC_N] = { t, t + 1000, corr + 2, SYNC_OF_STREAM, 1, 7, 0 };

	if (!gpu) {
		add(w, 7, EVENT_LAUNCH, launch, LAUNCH_N);
		return;
	}
	add(w, 9, EVENT_KERNEL, kernel, KERNEL_N);
	if (i % STEP)
		return;
	add(w, 9, EVENT_MEMCPY, copy, MEMCPY_N);
	add(w, 9, EVENT_SYNC, sync, SYNC_N);
}

static void make_trace(int dir, const char *name, uint64_t launches)
{
	struct writer *w;

	if (writer_open(&w, dir, name, 7, 1763849000000000000ull, 0))
		die("writer_open");
	for (uint64_t id = 1; id <= 40; id++) {
		char text[32];
		int n = snprintf(text, sizeof(text), "kernel_%llu", (unsigned long long)id);

		if (writer_add(w, 9, EVENT_STRING, &id, STRING_N, text, (size_t)n))
			die("writer_add");
	}
	/* The GPU's records come in lumps, as flushes bring them. */
	for (uint64_t i = 0; i < launches; i += LAG) {
		for (uint64_t k = i; k < i + LAG && k < launches; k++)
			add_op(w, k, false);
		for (uint64_t k = i < LAG ? 0 : i - LAG; i && k < i; k++)
			add_op(w, k, true);
	}
	for (uint64_t k = (launches - 1) / LAG * LAG; k < launches; k++)
		add_op(w, k, true);
	if (writer_flush(w, 0))
		die("writer_flush");
	writer_close(w);
}

static bool count(void *arg, const struct op *op)
{
	*(uint64_t *)arg += op->grid;
	return true;
}

int main(int argc, char **argv)
{
	uint64_t rows = argc > 1 ? strtoull(argv[1], NULL, 0) : 1000000, blocks = 0;
	char dir_name[] = "/dev/shm/bench-ops-XXXXXX", *made = mkdtemp(dir_name);
	struct op_stream_status status;
	struct names names = { 0 };
	struct process p;
	struct reader *r;
	double start, model_s, ops_s;
	long model_mib;
	int dir;

	if (!made || (dir = open(made, O_RDONLY | O_DIRECTORY)) < 0)
		die("/dev/shm");
	make_trace(dir, "b.jnt", rows / 2);
	start = now_s();
	if (reader_open(&r, dir, "b.jnt") || process_read(&p, r, "b.jnt", &names, NULL, NULL))
		die("process_read");
	reader_close(r);
	model_s = now_s() - start;
	model_mib = peak_mib();
	start = now_s();
	if (reader_open(&r, dir, "b.jnt") || op_stream_run(&p, r, 1, count, &blocks, &status))
		die("op_stream_run");
	reader_close(r);
	ops_s = now_s() - start;
	printf("%llu rows: model %.2f s, peak %ld MiB; ops %llu in %.2f s, %.1f M ops/s, "
	       "peak %ld MiB (unmatched %llu, orphans %llu, late %llu)\n",
	       (unsigned long long)rows, model_s, model_mib, (unsigned long long)status.ops, ops_s,
	       (double)status.ops / ops_s / 1e6, peak_mib(), (unsigned long long)status.unmatched,
	       (unsigned long long)status.orphans, (unsigned long long)status.late);
	process_release(&p);
	names_release(&names);
	unlinkat(dir, "b.jnt", 0);
	rmdir(made);
	return blocks ? 0 : 1;
}
