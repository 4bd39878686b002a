/*
 * A library for t_symbols.c: functions of each kind, and their addresses as the loader and the
 * linker know them. Built plain in every VARIANT, because only its file is read.
 */
#include <stddef.h>

struct sample {
	const char *name; /* as in the symbol table */
	const void *address;
	int exported;
};
const struct sample *sample_list(size_t *ret_count);

int sample_global(int x);
int sample_mangled(int x) __asm__("_ZN4demo6Kernel3runEi");
extern char sample_no_size[] __attribute__((visibility("hidden")));
extern char sample_alias[], sample_data[];

/* A name that does not fit into the first read. */
#define A16(x) x x x x x x x x x x x x x x x x
#define LONG_NAME "sample_" A16("0123456789") A16("abcdefghij") A16("0123456789") A16("abcdefghij")
int sample_long_name(int x) __asm__(LONG_NAME);

__attribute__((noinline)) static int sample_static(int x)
{
	return x * 3 + 1;
}

int sample_global(int x)
{
	return sample_static(x) + 1;
}

int sample_mangled(int x)
{
	return sample_static(x + 1);
}

int sample_long_name(int x)
{
	return sample_static(x + 2);
}

/*
 * sample_no_size reaches up to sample_outer. sample_inner lies in sample_outer, which has code
 * after it; sample_outer has a weak and a local name, too. 32 bytes after it belong to nobody;
 * then comes sample_bare, exported and without size.
 */
__asm__(".section .text.sample,\"ax\",@progbits\n"
	".type sample_no_size,@function\n"
	"sample_no_size: .fill 32, 1, 0x90\n"
	".globl sample_outer\n"
	".weak sample_alias\n"
	".type a_local_name,@function\n"
	".type sample_alias,@function\n"
	".type sample_outer,@function\n"
	"a_local_name:\n"
	"sample_alias:\n"
	"sample_outer: .fill 16, 1, 0x90\n"
	".type sample_inner,@function\n"
	"sample_inner: .fill 16, 1, 0x90\n"
	".size sample_inner, .-sample_inner\n"
	".fill 16, 1, 0x90\n"
	".size sample_outer, .-sample_outer\n"
	".size sample_alias, .-sample_alias\n"
	".size a_local_name, .-a_local_name\n"
	".fill 32, 1, 0x90\n"
	".globl sample_bare\n"
	".type sample_bare,@function\n"
	"sample_bare: .fill 16, 1, 0x90\n"
	".text\n");

char sample_data[64] = "not code";

const struct sample *sample_list(size_t *ret_count)
{
	static struct sample list[] = {
		{ "sample_global", (const void *)sample_global, 1 },
		{ "sample_static", (const void *)sample_static, 0 },
		{ "_ZN4demo6Kernel3runEi", (const void *)sample_mangled, 1 },
		{ LONG_NAME, (const void *)sample_long_name, 1 },
		{ "sample_no_size", sample_no_size, 0 },
		{ "sample_outer", sample_alias, 1 },
		{ NULL, sample_data, 1 },
	};

	*ret_count = sizeof(list) / sizeof(*list);
	return list;
}
