/* decoder/symbols: names for addresses in files, compared with what the loader says. */
#include "decoder/symbols.h"
#include "decoder/demangle.h"
#include "decoder/mem.h"
#include "tests/unit/unit.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct sample { /* as in symbols_sample.c */
	const char *name;
	const void *address;
	int exported;
};

struct lib {
	char path[4096], stripped[4096], debug[4096], id[129];
	uintptr_t base;
	const struct sample *list;
	size_t n;
};

struct loaded {
	uintptr_t base;
	char *id;
};

/* The build id as a process sees it: in its memory, by program header. */
static int loaded_id(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct loaded *l = arg;

	(void)size;
	if (info->dlpi_addr != l->base)
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const uint8_t *p = (const uint8_t *)info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
		const uint8_t *end = p + info->dlpi_phdr[i].p_memsz;

		while (info->dlpi_phdr[i].p_type == PT_NOTE && p + 12 <= end) {
			const Elf64_Nhdr *n = (const void *)p;
			const uint8_t *desc = p + 12 + ((n->n_namesz + 3) & ~3u);

			for (uint32_t k = 0; n->n_type == NT_GNU_BUILD_ID && k < n->n_descsz; k++)
				sprintf(l->id + 2 * k, "%02x", desc[k]);
			p = desc + ((n->n_descsz + 3) & ~3u);
		}
	}
	return 1;
}

static void beside_unit(char *ret, const char *name)
{
	ssize_t n = readlink("/proc/self/exe", ret, 4000);

	CHECK(n > 0);
	ret[n] = 0;
	strcpy(strrchr(ret, '/') + 1, name);
}

static struct lib load(void)
{
	struct lib l = { .id = "" };
	const struct sample *(*list)(size_t *);
	struct loaded at;
	Dl_info info;
	void *h;

	beside_unit(l.path, "symbols_sample.so");
	beside_unit(l.stripped, "symbols_stripped.so");
	beside_unit(l.debug, "symbols_sample.debug");
	h = dlopen(l.path, RTLD_NOW | RTLD_LOCAL);
	CHECK(h);
	list = (const struct sample *(*)(size_t *))dlsym(h, "sample_list");
	CHECK(list && dladdr((const void *)list, &info));
	l.list = list(&l.n);
	l.base = (uintptr_t)info.dli_fbase;
	at = (struct loaded){ l.base, l.id };
	CHECK(dl_iterate_phdr(loaded_id, &at) && strlen(l.id) == 40);
	return l;
}

static uint64_t offset_of(const struct lib *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->list[i].name && !strcmp(l->list[i].name, name))
			return (uintptr_t)l->list[i].address - l->base;
	CHECK(!"a sample of that name");
}

/* The name of the call that returns to offset; NULL when *in is not as it should be. */
static const char *at(struct symbols *s, const char *path, const char *id, uint64_t offset,
		      uint64_t in)
{
	uint64_t got = UINT64_MAX;
	const char *name = symbols_find(s, path, id, offset, &got);

	CHECK(name ? got == in : got == UINT64_MAX);
	return name;
}

static int is(const char *name, const char *want)
{
	return name && !strcmp(name, want);
}

static void check_all(struct symbols *s, const struct lib *l, const char *path, int local)
{
	for (size_t i = 0; i < l->n; i++) {
		uint64_t offset = (uintptr_t)l->list[i].address - l->base;
		const char *name = at(s, path, l->id, offset + 4, 4);
		char *want;

		if (!l->list[i].name || (!local && !l->list[i].exported)) {
			CHECK(!name || (l->list[i].name && strcmp(name, l->list[i].name)));
			continue;
		}
		want = demangle_short(l->list[i].name);
		CHECK(is(name, want));
		CHECK(name == at(s, path, l->id, offset + 4, 4)); /* the same text again */
		free(want);
	}
}

TEST(symbols_of_a_library)
{
	struct symbols s = SYMBOLS_INIT;
	struct lib l = load();

	check_all(&s, &l, l.path, 1);
	symbols_release(&s);
}

TEST(symbols_of_a_stripped_library_are_the_exported)
{
	struct symbols s = SYMBOLS_INIT;
	struct lib l = load();

	s.debug_root = "/nonexistent";
	check_all(&s, &l, l.stripped, 0);
	symbols_release(&s);
}

TEST(symbols_of_the_separate_debug_file)
{
	char root[] = "/tmp/jitness-symbols-XXXXXX", upper[129] = "";
	struct symbols s = SYMBOLS_INIT;
	struct lib l = load();
	char *a, *b, *link;

	CHECK(mkdtemp(root));
	a = mem_printf("%s/.build-id", root);
	b = mem_printf("%s/%.2s", a, l.id);
	link = mem_printf("%s/%s.debug", b, l.id + 2);
	CHECK(!mkdir(a, 0700) && !mkdir(b, 0700) && !symlink(l.debug, link));
	s.debug_root = root;
	check_all(&s, &l, l.stripped, 1);
	CHECK(!unlink(link));

	/* A debug file of another build is none. */
	CHECK(!symlink("/proc/self/exe", link));
	symbols_release(&s);
	check_all(&s, &l, l.stripped, 0);
	CHECK(!unlink(link) && !rmdir(b) && !rmdir(a) && !rmdir(root));
	symbols_release(&s);

	for (size_t i = 0; l.id[i]; i++)
		upper[i] = (char)(l.id[i] >= 'a' ? l.id[i] - 32 : l.id[i]);
	CHECK(at(&s, l.path, upper, offset_of(&l, "sample_global") + 1, 1));
	symbols_release(&s);
	free(a);
	free(b);
	free(link);
}

TEST(symbols_take_the_call_and_not_what_follows)
{
	struct symbols s = SYMBOLS_INIT;
	struct lib l = load();
	uint64_t outer = offset_of(&l, "sample_outer");

	/* [-32, 0) without size, [0, 48) outer with [16, 32) inner, [48, 80) nobody's, [80, bare */
	CHECK(is(at(&s, l.path, l.id, outer - 31, 1), "sample_no_size"));
	CHECK(is(at(&s, l.path, l.id, outer, 32), "sample_no_size"));
	CHECK(is(at(&s, l.path, l.id, outer + 1, 1), "sample_outer"));
	CHECK(is(at(&s, l.path, l.id, outer + 16, 16), "sample_outer"));
	CHECK(is(at(&s, l.path, l.id, outer + 17, 1), "sample_inner"));
	CHECK(is(at(&s, l.path, l.id, outer + 32, 16), "sample_inner"));
	CHECK(is(at(&s, l.path, l.id, outer + 33, 33), "sample_outer"));
	CHECK(is(at(&s, l.path, l.id, outer + 48, 48), "sample_outer"));
	CHECK(!at(&s, l.path, l.id, outer + 49, 0) && !at(&s, l.path, l.id, outer + 80, 0));
	CHECK(is(at(&s, l.path, l.id, outer + 81, 1), "sample_bare"));
	s.debug_root = "/nonexistent";
	CHECK(is(at(&s, l.stripped, l.id, outer + 17, 17), "sample_outer"));
	CHECK(!at(&s, l.stripped, l.id, outer + 81, 0)); /* where it ends is not known */
	CHECK(!at(&s, l.path, l.id, 0, 0) && !at(&s, l.path, l.id, 1, 0));
	CHECK(!at(&s, l.path, l.id, UINT64_MAX, 0));
	symbols_release(&s);
}

TEST(symbols_of_another_file_are_never_guessed)
{
	struct symbols s = SYMBOLS_INIT;
	struct lib l = load();
	uint64_t offset = offset_of(&l, "sample_global") + 1;
	char other[129];

	strcpy(other, l.id);
	other[39] = other[39] == '0' ? '1' : '0';
	CHECK(at(&s, l.path, l.id, offset, 1));
	CHECK(!at(&s, l.path, other, offset, 0));
	other[39] = 0;
	CHECK(!at(&s, l.path, other, offset, 0));
	CHECK(!at(&s, l.path, "", offset, 0));
	CHECK(!at(&s, l.path, "../../../../tmp/x", offset, 0));
	CHECK(!at(&s, "/nonexistent/lib.so", l.id, offset, 0));
	CHECK(!at(&s, "/nonexistent/lib.so", "", offset, 0));
	CHECK(!at(&s, "symbols_sample.so", l.id, offset, 0));
	CHECK(!at(&s, "", "", offset, 0) && !at(&s, "[vdso]", "", offset, 0));
	CHECK(!at(&s, "/", "", offset, 0) && !at(&s, "/dev/zero", "", offset, 0));
	CHECK(!at(&s, "/proc/self/maps", "", offset, 0));
	symbols_release(&s);
}

__attribute__((noinline)) static int here(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x + 1;
}

TEST(symbols_of_this_program)
{
	struct symbols s = SYMBOLS_INIT;
	char path[4096], id[129] = "";
	struct loaded at_base = { 0, id };
	Dl_info info;
	uint64_t in = 0;

	CHECK(dladdr((const void *)here, &info) && here(1) == 2);
	at_base.base = (uintptr_t)info.dli_fbase;
	CHECK(dl_iterate_phdr(loaded_id, &at_base));
	beside_unit(path, "unit");
	CHECK(is(symbols_find(&s, path, id, (uintptr_t)here - at_base.base + 3, &in), "here"));
	CHECK(in == 3);
	symbols_release(&s);
}

/* --- files that are not as they should be */

struct bytes {
	uint8_t *p;
	size_t n;
};

static struct bytes slurp(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	struct bytes b;

	CHECK(fd >= 0 && !fstat(fd, &st));
	b = (struct bytes){ mem_zalloc((size_t)st.st_size, 1), (size_t)st.st_size };
	CHECK(read(fd, b.p, b.n) == st.st_size);
	close(fd);
	return b;
}

static void put_file(const char *path, const void *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0 && write(fd, p, n) == (ssize_t)n && !close(fd));
}

/* Whatever the file says: names are text, offsets lie before the address, no crash. */
static void look_around(const char *path, const struct lib *l)
{
	static const uint64_t edges[] = { 0, 1, 1ull << 31, 1ull << 32, 1ull << 63, UINT64_MAX };
	struct symbols s = SYMBOLS_INIT;
	uint64_t in;

	for (size_t i = 0; i < l->n + 6; i++) {
		uint64_t offset = i < l->n ? (uintptr_t)l->list[i].address - l->base + 1
					   : edges[i - l->n];
		const char *name = symbols_find(&s, path, l->id, offset, &in);

		CHECK(!name || (*name && in && in <= offset));
		name = symbols_find(&s, path, "", offset, &in);
		CHECK(!name || (*name && in && in <= offset));
	}
	symbols_release(&s);
}

static const char temporary[] = "/tmp/jitness-symbols-XXXXXX";

static void temporary_file(char *ret)
{
	int fd;

	strcpy(ret, temporary);
	fd = mkstemp(ret);
	CHECK(fd >= 0);
	close(fd);
}

TEST(symbols_of_a_truncated_file)
{
	struct lib l = load();
	struct bytes b = slurp(l.path);
	char path[sizeof(temporary)];
	size_t step = b.n / 300 + 1;

	temporary_file(path);
	for (size_t n = 0; n < b.n; n += n < 128 ? 1 : step) {
		put_file(path, b.p, n);
		look_around(path, &l);
	}
	unlink(path);
	free(b.p);
}

static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	return *x ^= *x << 17;
}

/* Values that parsers trip over, at random places of the regions that are parsed. */
static void corrupt(struct bytes b, const size_t region[][2], size_t regions, uint64_t *x)
{
	static const uint64_t bad[] = { 0, 1, 23, 0xff, 0xffff, UINT32_MAX, 1ull << 40, INT64_MAX,
					UINT64_MAX, UINT64_MAX - 23 };

	for (uint64_t k = next_random(x) % 4 + 1; k; k--) {
		/* Half of them in what comes first: section headers, mostly. */
		const size_t *r = region[next_random(x) % 2 ? next_random(x) % regions : 0];
		size_t at = r[0] + next_random(x) % r[1];
		uint64_t v = next_random(x) % 3 ? bad[next_random(x) % 10] : next_random(x);
		size_t width = (size_t)1 << next_random(x) % 4;

		if (at + width <= b.n)
			memcpy(b.p + at, &v, width);
	}
}

TEST(symbols_of_a_corrupt_file)
{
	struct lib l = load();
	struct bytes good = slurp(l.path), b = { mem_zalloc(good.n, 1), good.n };
	const Elf64_Ehdr *h = (const void *)good.p;
	const Elf64_Shdr *sh = (const void *)(good.p + h->e_shoff);
	size_t region[64][2] = { { 0, sizeof(*h) }, { h->e_shoff, h->e_shnum * sizeof(*sh) } };
	size_t regions = 2;
	uint64_t x = 0x9e3779b97f4a7c15u;
	char path[sizeof(temporary)];

	for (unsigned i = 1; i < h->e_shnum && regions < 64; i++)
		if (sh[i].sh_type == SHT_SYMTAB || sh[i].sh_type == SHT_DYNSYM ||
		    sh[i].sh_type == SHT_STRTAB || sh[i].sh_type == SHT_NOTE) {
			region[regions][0] = sh[i].sh_offset;
			region[regions++][1] = sh[i].sh_size;
		}
	CHECK(regions >= 7);
	temporary_file(path);
	for (int round = 0; round < 4000; round++) {
		memcpy(b.p, good.p, good.n);
		/* Most rounds leave the header alone: behind a bad one nothing is read. */
		corrupt(b, round % 8 ? region + 1 : region, round % 8 ? regions - 1 : regions, &x);
		put_file(path, b.p, b.n);
		look_around(path, &l);
	}
	unlink(path);
	free(b.p);
	free(good.p);
}

/* The entry of sample_static, which is in .symtab only. */
static Elf64_Sym *static_symbol(struct bytes b, const struct lib *l, Elf64_Shdr **ret_names)
{
	const Elf64_Ehdr *h = (const void *)b.p;
	Elf64_Shdr *sh = (void *)(b.p + h->e_shoff);

	for (unsigned i = 0; i < h->e_shnum; i++) {
		Elf64_Sym *sym = (void *)(b.p + sh[i].sh_offset);

		for (size_t k = 0; sh[i].sh_type == SHT_SYMTAB && k < sh[i].sh_size / 24; k++)
			if (sym[k].st_value == offset_of(l, "sample_static")) {
				*ret_names = &sh[sh[i].sh_link];
				return &sym[k];
			}
	}
	CHECK(!"sample_static in .symtab");
}

TEST(symbols_that_are_no_functions_of_the_file)
{
	struct lib l = load();
	struct bytes b = slurp(l.path);
	uint64_t offset = offset_of(&l, "sample_static") + 1, in;
	char path[sizeof(temporary)];
	Elf64_Shdr *names;
	Elf64_Sym *sym = static_symbol(b, &l, &names), good = *sym;

	temporary_file(path);
	for (int round = 0; round < 9; round++) {
		struct symbols s = SYMBOLS_INIT;
		const char *name;

		*sym = good;
		switch (round) {
		case 1: sym->st_name = (uint32_t)names->sh_size + 1; break;
		case 2: sym->st_name = 0; break;
		case 3: sym->st_info = ELF64_ST_INFO(STB_LOCAL, STT_OBJECT); break;
		case 4: sym->st_shndx = SHN_UNDEF; break;
		case 5: sym->st_shndx = SHN_ABS; break;
		case 6: sym->st_value = 0; sym->st_size = UINT64_MAX; break;
		case 7: sym->st_info = ELF64_ST_INFO(STB_LOCAL, STT_GNU_IFUNC); break;
		case 8: sym->st_size = UINT64_MAX; break;
		default: break;
		}
		put_file(path, b.p, b.n);
		/* Without it the function before, which has no size, reaches further. */
		name = symbols_find(&s, path, l.id, offset, &in);
		CHECK(is(name, "sample_static") == (round == 0 || round > 6));
		CHECK(!is(name, "sample_static") || in == 1);
		CHECK(!name || *name != '.'); /* ".symtab": beyond the names */
		/* A size ends with the section. */
		CHECK(!at(&s, path, l.id, (uintptr_t)l.list[l.n - 1].address - l.base, 0));
		symbols_release(&s);
	}
	unlink(path);
	free(b.p);
}

TEST(symbols_of_a_file_that_was_replaced_meanwhile)
{
	struct symbols s = SYMBOLS_INIT;
	struct lib l = load();
	struct bytes b = slurp(l.path);
	char path[sizeof(temporary)], other[sizeof(temporary)];
	Elf64_Shdr *names;
	uint64_t in;

	temporary_file(path);
	temporary_file(other);
	put_file(path, b.p, b.n);
	CHECK(symbols_find(&s, path, l.id, offset_of(&l, "sample_global") + 1, &in));
	static_symbol(b, &l, &names);
	memset(b.p + names->sh_offset + 1, 'x', names->sh_size - 2);
	put_file(other, b.p, b.n);
	CHECK(!rename(other, path));
	CHECK(is(symbols_find(&s, path, l.id, offset_of(&l, "sample_global") + 1, &in),
		 "sample_global"));
	CHECK(!symbols_find(&s, path, l.id, offset_of(&l, "sample_static") + 1, &in));
	unlink(path);
	symbols_release(&s);
	free(b.p);
}
