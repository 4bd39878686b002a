/*
 * bench_load [PART [LOADS]]: what one module load costs in the application's thread: a cubin loaded,
 * looked up and unloaded, and what the update of one node of an executable graph costs, with the callbacks
 * called as CUPTI calls them but without CUPTI, which has its own cost, and, "counted", at the driver's entry point. The native stack is a real
 * one, of this program. Prints for each size of a cubin ns of all, of loads of code that is new each
 * time, of the parts, and of an update; and again with caches that hold something else each time ("+cold"),
 * as after the driver's work. PART is one of these alone (all, new, stack, image, hash, list, update or counted; or all+cold,
 * ...) for callgrind and strace (tools/bench/bench.py): first one that warms up, then LOADS, of the small cubin.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cupti/entry_calls.h"
#include "cupti/entry_points.h"
#include "cupti/image.h"
#include "preload/stack.h"
#include "tests/unit/fake_driver.h"
#include "trace/hash.h"

#define MOST     2000u /* the journal is emptied between rounds */
#define ROUNDS   5u
#define SECTIONS 16u
#define SPOILED  (8u << 20) /* more than the caches that a core has for itself */
#define NODES    12u /* that XLA sets before each replay */
#define EXEC     HANDLE(CUgraphExec, 9)
#define DEPTH    12u /* from a callback to main() in a small program: CUPTI's frames and the driver's */

_Noreturn void unit_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "bench_load: %s:%d: %s\n", file, line, what);
	exit(1);
}

/* What CUPTI hands out is a copy of what the application loads. */
static uint8_t *image, *copy;
static size_t image_bytes;

static double now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

/* One kernel in as many sections as Triton's have. On the heap, as a program's are. */
static void cubin_make(size_t bytes)
{
	static const char names[] = "\0work";
	Elf64_Ehdr eh = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1 },
			  .e_type = ET_EXEC, .e_machine = 190, .e_version = 1,
			  .e_shoff = 256, .e_ehsize = 64, .e_shentsize = 64, .e_shnum = SECTIONS };
	Elf64_Sym sym[3] = { { 0 },
			     { .st_info = ELF64_ST_INFO(STB_LOCAL, STT_SECTION) },
			     { .st_name = 1, .st_other = 0x10,
			       .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC) } };
	Elf64_Shdr sh[SECTIONS] = { { 0 } };
	size_t code = eh.e_shoff + sizeof(sh);

	free(image);
	free(copy);
	image = malloc(bytes);
	copy = malloc(bytes);
	CHECK(image && copy);
	for (size_t i = 0; i < bytes; i++)
		image[i] = (uint8_t)(i * 2654435761u >> 13);
	for (unsigned i = 1; i < SECTIONS; i++)
		sh[i] = (Elf64_Shdr){ .sh_type = SHT_PROGBITS, .sh_offset = code,
				      .sh_size = bytes - code };
	sh[1].sh_type = SHT_STRTAB;
	sh[1].sh_offset = 64;
	sh[1].sh_size = sizeof(names);
	sh[2].sh_type = SHT_SYMTAB;
	sh[2].sh_offset = 128;
	sh[2].sh_size = sizeof(sym);
	sh[2].sh_link = 1;
	memcpy(image, &eh, sizeof(eh));
	memcpy(image + 64, names, sizeof(names));
	memcpy(image + 128, sym, sizeof(sym));
	memcpy(image + eh.e_shoff, sh, sizeof(sh));
	memcpy(copy, image, bytes);
	image_bytes = bytes;
}

static void load(uint32_t i)
{
	CUmodule module = HANDLE(CUmodule, 0x1234);
	cuModuleLoadData_params p = { .module = &module, .image = image };
	cuModuleGetFunction_params get = { .hmod = module, .name = "work" };
	CUpti_ModuleResourceData m = { .moduleId = i, .cubinSize = image_bytes,
				       .pCubin = (const char *)copy };

	DRIVER(ENTER, cuModuleLoadData, 2 * i, &p, 0);
	resource(CUPTI_CBID_RESOURCE_MODULE_LOADED, &m);
	DRIVER(EXIT, cuModuleLoadData, 2 * i, &p, 0);
	DRIVER(ENTER, cuModuleGetFunction, 2 * i + 1, &get, 0);
	DRIVER(EXIT, cuModuleGetFunction, 2 * i + 1, &get, 0);
	resource(CUPTI_CBID_RESOURCE_MODULE_UNLOAD_STARTING, &m);
}

static void load_new(uint32_t i)
{
	memcpy(image + image_bytes - sizeof(i), &i, sizeof(i));
	memcpy(copy + image_bytes - sizeof(i), &i, sizeof(i));
	load(i);
}

static void update(uint32_t i)
{
	CUDA_KERNEL_NODE_PARAMS node = { .func = HANDLE(CUfunction, 5 + i % NODES) };
	cuGraphExecKernelNodeSetParams_v2_params p = { .hGraphExec = EXEC,
						       .hNode = HANDLE(CUgraphNode, 100 + i % NODES),
						       .nodeParams = &node };

	DRIVER(ENTER, cuGraphExecKernelNodeSetParams_v2, i, &p, 0);
	DRIVER(EXIT, cuGraphExecKernelNodeSetParams_v2, i, &p, 0);
}

/* --- a driver of one function that does nothing */
static CUresult set_params(CUgraphExec exec, CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS *params)
{
	(void)exec, (void)node, (void)params;
	return CUDA_SUCCESS;
}

static void *in_driver(const char *symbol)
{
	return strcmp(symbol, "cuGraphExecKernelNodeSetParams_v2") ? (void *)in_driver : (void *)set_params;
}

static void *beside(const void *address, const char *symbol)
{
	(void)address;
	return in_driver(symbol);
}

static uint64_t generation(void)
{
	return 0;
}

static void *meant_by(unsigned id, const char *symbol, const void *caller)
{
	(void)id, (void)caller;
	return in_driver(symbol);
}

const struct entry_finder entry_finder = { in_driver, beside, generation, meant_by };

static CUresult (*entry_set)(CUgraphExec exec, CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS *params);

static void counted(uint32_t i)
{
	CUDA_KERNEL_NODE_PARAMS node = { .func = HANDLE(CUfunction, 5 + i % NODES) };

	entry_set(EXEC, HANDLE(CUgraphNode, 200 + i % NODES), &node);
}

static void part_stack(uint32_t i)
{
	struct stack_ids ids;

	(void)i;
	stack_take(&ids);
	CHECK(ids.native);
}

static void part_image(uint32_t i)
{
	struct image img;
	char path[4096];

	(void)i;
	image_inspect(&img, image, true, path, sizeof(path));
	CHECK(img.bytes == image_bytes && img.source == SOURCE_MEMORY);
}

static void part_hash(uint32_t i)
{
	static volatile uint64_t sink;

	(void)i;
	sink = hash64(image, image_bytes);
	(void)sink;
}

static void part_list(uint32_t i)
{
	(void)i;
	CHECK(image_kernels(image, image_bytes, NULL, NULL) == 1);
}

static const struct part {
	const char *name;
	void (*once)(uint32_t i);
} parts[] = {
	{ "all", load },	 { "new", load_new },	{ "stack", part_stack }, { "image", part_image },
	{ "hash", part_hash },	 { "list", part_list }, { "update", update },
	{ "counted", counted },
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

/* In place of the writer, which nobody runs here. */
static void journal_empty(void)
{
	for (uint32_t i = 0; i < recorded.chunk_count; i++) {
		struct journal_chunk *c = journal_chunk_at(&recorded, i);

		if (atomic_load(&c->state) == CHUNK_FULL)
			journal_chunk_free(&recorded, c);
	}
}

/* Fills the caches with something else, as the driver does between our callbacks. */
static void caches_spoil(void)
{
	static uint8_t other[SPOILED];

	for (unsigned at = 0; at < SPOILED; at += 64)
		other[at]++;
	__asm__ volatile("" ::"r"(other) : "memory");
}

static double warm(const struct part *part, uint32_t first, unsigned n)
{
	double start = now_ns(CLOCK_THREAD_CPUTIME_ID);

	for (uint32_t i = first; i < first + n; i++)
		part->once(i);
	return now_ns(CLOCK_THREAD_CPUTIME_ID) - start;
}

/* CLOCK_MONOTONIC: the thread's clock is a system call, too long beside one load. */
static double cold(const struct part *part, uint32_t first, unsigned n)
{
	double sum = 0, start;

	for (uint32_t i = first; i < first + n; i++) {
		caches_spoil();
		start = now_ns(CLOCK_MONOTONIC);
		part->once(i);
		sum += now_ns(CLOCK_MONOTONIC) - start;
	}
	return sum;
}

typedef double (*measure_fn)(const struct part *part, uint32_t first, unsigned n);

/* Frames of several sizes above the loads, none of them known to the unwinder as trivial. */
static __attribute__((noinline)) double under(unsigned depth, measure_fn measure,
					      const struct part *part, uint32_t first, unsigned n)
{
	volatile char room[160];
	double ns;

	room[0] = (char)depth;
	ns = depth ? under(depth - 1, measure, part, first, n) : measure(part, first, n);
	__asm__ volatile("" ::"r"(room) : "memory");
	return ns;
}

static void line(const char *label, measure_fn measure, uint32_t first, unsigned n)
{
	double ns, best;

	printf("%zu%s", image_bytes, label);
	for (unsigned p = 0; p < PARTS; p++) {
		best = 0;
		for (unsigned r = 0; r < ROUNDS; r++, first += n) {
			journal_empty();
			ns = under(DEPTH, measure, &parts[p], first, n) / n;
			best = !r || ns < best ? ns : best;
		}
		printf(" %.0f", best);
	}
	printf("\n");
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = { 4096, 20480 };
	unsigned n = argc > 2 ? (unsigned)atoi(argv[2]) : MOST / ROUNDS;
	CUgraphExec exec = EXEC;
	cuGraphInstantiateWithFlags_params made = { .phGraphExec = &exec, .hGraph = HANDLE(CUgraph, 3) };

	recording();
	stack_start(STACKS_NATIVE, false);
	calls_start(stack_take);
	cubin_make(sizes[0]);
	CALL(cuGraphInstantiateWithFlags, &made, 1, 0);
	entry_points_load();
	*(void **)&entry_set = entry_point_wrap(entry_point_find("cuGraphExecKernelNodeSetParams_v2"),
						 (void *)set_params);
	for (uint32_t i = 0; i < NODES; i++)
		counted(i);
	for (unsigned p = 0; argc > 1 && p < PARTS; p++) {
		size_t len = strlen(parts[p].name);

		if (strncmp(argv[1], parts[p].name, len) || (argv[1][len] && strcmp(argv[1] + len, "+cold")))
			continue;
		under(DEPTH, warm, &parts[p], 0, 1);
		under(DEPTH, argv[1][len] ? cold : warm, &parts[p], 1, n < MOST ? n : MOST);
		return 0;
	}
	if (argc > 1)
		return 2;
	for (unsigned s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		cubin_make(sizes[s]);
		line("", warm, 2 * s * PARTS * MOST + 1, n);
		line("+cold", cold, (2 * s + 1) * PARTS * MOST + 1, n / 4);
	}
	return journal_lost_total(&recorded) ? 1 : 0;
}
