/*
 * bench_encode: what the writer costs. Journal rows of a synthetic inference loop
 * (LAUNCH rows of a few threads, KERNEL rows of one) through writer_pump() into a
 * file on /dev/shm; prints bytes per launch and CPU time. Build: see tools/bench-encode.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "trace/journal.h"
#include "trace/writer.h"

#define STEP 260 /* kernels of a forward pass */

static uint64_t seed = 88172645463325252ull;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

/* Sum of four: roughly bell-shaped around mean, as measured times are. */
static uint64_t jitter(uint64_t mean, uint64_t spread)
{
	return mean - spread + (rnd() % spread + rnd() % spread + rnd() % spread + rnd() % spread) / 2;
}

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

struct shape {
	uint64_t name, grid[3], block[3], dynamic, registers, ns;
};

static void shapes_make(struct shape *s)
{
	for (int i = 0; i < STEP; i++) {
		s[i] = (struct shape){ .name = 1 + rnd() % 22, .registers = 16 + 8 * (rnd() % 20) };
		s[i].grid[0] = 1 + rnd() % 512;
		s[i].grid[1] = 1 + rnd() % 8;
		s[i].grid[2] = 1;
		s[i].block[0] = 32u << (rnd() % 5);
		s[i].block[1] = s[i].block[2] = 1;
		s[i].dynamic = rnd() % 3 ? 0 : 1024 * (rnd() % 200);
		s[i].ns = 1500 + rnd() % 40000;
	}
}

int main(int argc, char **argv)
{
	uint64_t launches = argc > 1 ? strtoull(argv[1], NULL, 0) : 1000000;
	const char *dir = argc > 2 ? argv[2] : "/dev/shm";
	int dirfd = open(dir, O_DIRECTORY | O_RDONLY);
	struct journal j = JOURNAL_INIT;
	struct journal_lane host = { 0 }, gpu = { 0 };
	struct shape shapes[STEP];
	uint64_t t = 1763849000123456789ull, g = t + 20000, corr = 1, rows = 0;
	double append = 0, pump = 0, at;
	struct writer *w;

	unlinkat(dirfd, "bench.jnt", 0);
	unlinkat(dirfd, "bench.jnj", 0);
	if (journal_create(&j, dirfd, "bench.jnj", 16u << 20) ||
	    writer_open(&w, dirfd, "bench.jnt", 1, t, 0))
		return 1;
	shapes_make(shapes);
	for (uint64_t i = 0; i < launches;) {
		at = cpu_s();
		for (int n = 0; n < 20000 && i < launches; n++, i++) {
			const struct shape *s = &shapes[i % STEP];
			uint64_t took = jitter(2300, 600), gpu_ns = jitter(s->ns, s->ns / 40 + 30);
			uint64_t launch[LAUNCH_N] = { t, t + took, corr, API_CU_LAUNCH_KERNEL, 0 };
			uint64_t kernel[KERNEL_N] = {
				[KERNEL_NAME] = s->name,
				[KERNEL_CORR] = corr,
				[KERNEL_START] = g,
				[KERNEL_END] = g + gpu_ns / 32 * 32,
				[KERNEL_CONTEXT] = 1,
				[KERNEL_STREAM] = 7,
				[KERNEL_GRID_X] = s->grid[0],
				[KERNEL_GRID_Y] = s->grid[1],
				[KERNEL_GRID_Z] = s->grid[2],
				[KERNEL_BLOCK_X] = s->block[0],
				[KERNEL_BLOCK_Y] = s->block[1],
				[KERNEL_BLOCK_Z] = s->block[2],
				[KERNEL_DYNAMIC_SHARED] = s->dynamic,
				[KERNEL_REGISTERS] = s->registers,
			};

			t += took + jitter(3000, 1500) + (i % STEP ? 0 : 300000);
			g += gpu_ns / 32 * 32 + 32 * (jitter(40, 12));
			g = g > t ? g : t + 9000;
			corr += 1 + (i % 3 == 0);
			rows += journal_append(&j, &host, 100, EVENT_LAUNCH, launch, LAUNCH_N, NULL, 0);
			rows += journal_append(&j, &gpu, 200, EVENT_KERNEL, kernel, KERNEL_N, NULL, 0);
		}
		append += cpu_s() - at;
		at = cpu_s();
		writer_pump(w, &j, true);
		pump += cpu_s() - at;
	}
	printf("rows %llu lost %llu  bytes/launch %.2f  append %.0f ns/row  pump %.0f ns/row, "
	       "%.0f MB/s of journal rows\n",
	       (unsigned long long)rows, (unsigned long long)journal_lost_total(&j),
	       (double)writer_bytes(w) / (double)launches, append / (double)rows * 1e9,
	       pump / (double)rows * 1e9, (double)launches * (48 + 168) / pump / 1e6);
	writer_close(w);
	journal_release(&j);
	unlinkat(dirfd, "bench.jnj", 0);
	if (argc < 4)
		unlinkat(dirfd, "bench.jnt", 0);
	return 0;
}
