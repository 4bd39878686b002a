/*
 * bench_load [PART [LOADS]]: what one module load costs in the application's thread: a cubin loaded,
 * looked up and unloaded, with the callbacks called as CUPTI calls them but without CUPTI, which
 * has its own cost. The native stack is a real one, of this program. Prints for each size of a cubin
 * ns of all, of loads of code that is new each time, and of the parts (a load hashes twice); PART
 * is one of these alone: all, new, stack, image, hash, list, for callgrind and strace
 * (tools/bench/bench.py): first one that warms up, then LOADS, of the small cubin.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cupti/image.h"
#include "preload/stack.h"
#include "tests/unit/fake_driver.h"
#include "trace/hash.h"

#define MOST     2000u /* the journal is not emptied meanwhile */
#define ROUNDS   5u
#define SECTIONS 16u
#define DEPTH    12u /* from a callback to main() in a small program: CUPTI's frames and the driver's */

_Noreturn void unit_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "bench_load: %s:%d: %s\n", file, line, what);
	exit(1);
}

/* What CUPTI hands out is a copy of what the application loads. */
static uint8_t *image, *copy;
static size_t image_bytes;

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
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
	{ "all", load },	 { "new", load_new },	{ "stack", part_stack },
	{ "image", part_image }, { "hash", part_hash }, { "list", part_list },
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

/* Frames of several sizes above the loads, none of them known to the unwinder as trivial. */
static __attribute__((noinline)) double under(unsigned depth, const struct part *part,
					      uint32_t first, unsigned n)
{
	volatile char room[160];
	double ns;

	room[0] = (char)depth;
	if (depth) {
		ns = under(depth - 1, part, first, n);
	} else {
		ns = now_ns();
		for (uint32_t i = first; i < first + n; i++)
			part->once(i);
		ns = now_ns() - ns;
	}
	__asm__ volatile("" ::"r"(room) : "memory");
	return ns;
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = { 4096, 20480 };
	unsigned n = argc > 2 ? (unsigned)atoi(argv[2]) : MOST / ROUNDS;
	double ns, best;
	uint32_t next = 1;

	recording();
	stack_start(STACKS_NATIVE, false);
	calls_start(stack_take);
	cubin_make(sizes[0]);
	for (unsigned p = 0; argc > 1 && p < PARTS; p++)
		if (!strcmp(argv[1], parts[p].name)) {
			under(DEPTH, &parts[p], 0, 1);
			under(DEPTH, &parts[p], 1, n < MOST ? n : MOST);
			return 0;
		}
	if (argc > 1)
		return 2;
	for (unsigned s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		cubin_make(sizes[s]);
		printf("%6zu", image_bytes);
		for (unsigned p = 0; p < PARTS; p++) {
			best = 0;
			for (unsigned r = 0; r < ROUNDS; r++, next += n) {
				ns = under(DEPTH, &parts[p], next, n) / n;
				best = !r || ns < best ? ns : best;
			}
			printf(" %8.0f", best);
		}
		printf("\n");
	}
	return emit_on() ? 0 : 1;
}
