#include "decoder/function_table.h"

#include <elf.h>
#include <string.h>

#include "decoder/elf_file.h"
#include "decoder/mem.h"
#include "trace/wire.h"

#define READ_SYMBOLS    32768u        /* a pread of 768 KiB */
#define NAME_READ_FIRST 512u          /* bytes; most names are shorter */
#define NAME_READ_MAX   (64u << 10)   /* a longer name is none */
#define NESTED_MAX      64            /* functions inside another, as in hand-written assembly */

struct ranges { /* of code, in order of address */
	struct range {
		uint64_t start, end;
	} *list;
	size_t n, cap;
};

static int range_order(const void *pa, const void *pb)
{
	const struct range *a = pa, *b = pb;

	return (a->start > b->start) - (a->start < b->start);
}

static struct ranges ranges_of_code(const struct elf_file *f)
{
	const uint64_t code = SHF_ALLOC | SHF_EXECINSTR;
	struct ranges r = { 0 };

	for (uint32_t i = 0; i < f->section_count; i++) {
		const struct elf_section *s = &f->sections[i];

		if ((s->flags & code) != code || s->size > UINT64_MAX - s->address)
			continue;
		MEM_MORE(r.list, r.n, r.cap);
		r.list[r.n++] = (struct range){ s->address, s->address + s->size };
	}
	if (r.n)
		qsort(r.list, r.n, sizeof(*r.list), range_order);
	return r;
}

static const struct range *ranges_find(const struct ranges *r, uint64_t address)
{
	size_t low = 0, high = r->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (r->list[mid].start <= address)
			low = mid + 1;
		else
			high = mid;
	}
	return low && address < r->list[low - 1].end ? &r->list[low - 1] : NULL;
}

/* With a size first; then as a linker prefers them. */
static uint32_t rank_of(unsigned bind, uint64_t size)
{
	uint32_t rank = bind == STB_LOCAL ? 2 : bind == STB_WEAK ? 1 : 0;

	return size ? rank : rank + 3;
}

struct reading {
	struct function_table *table;
	struct ranges code;
	int complete; /* the table lists local functions, too */
};

static void add(const struct reading *r, const uint8_t *p)
{
	struct function_table *t = r->table;
	unsigned info = p[offsetof(Elf64_Sym, st_info)];
	uint32_t name = get_le32(p + offsetof(Elf64_Sym, st_name));
	uint16_t section = get_le16(p + offsetof(Elf64_Sym, st_shndx));
	uint64_t start = get_le64(p + offsetof(Elf64_Sym, st_value));
	uint64_t size = get_le64(p + offsetof(Elf64_Sym, st_size));
	const struct range *in;

	if (ELF64_ST_TYPE(info) != STT_FUNC && ELF64_ST_TYPE(info) != STT_GNU_IFUNC)
		return;
	/* An absolute symbol does not move with the file. */
	if (section == SHN_UNDEF || section == SHN_ABS || !name || name >= t->names_size)
		return;
	if (!size && !r->complete)
		return;
	in = ranges_find(&r->code, start);
	if (!in)
		return;
	MEM_MORE(t->list, t->n, t->cap);
	t->list[t->n++] = (struct function_entry){
		.start = start,
		.end = size && size < in->end - start ? start + size : in->end,
		.name = name,
		.rank = rank_of(ELF64_ST_BIND(info), size),
	};
}

static int entry_order(const void *pa, const void *pb)
{
	const struct function_entry *a = pa, *b = pb;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return (a->name > b->name) - (a->name < b->name);
}

static void sort(struct function_table *t)
{
	size_t kept = 0;

	if (!t->n)
		return;
	qsort(t->list, t->n, sizeof(*t->list), entry_order);
	for (size_t i = 0; i < t->n; i++)
		if (!kept || t->list[i].start != t->list[kept - 1].start)
			t->list[kept++] = t->list[i];
	t->n = kept;
	for (size_t i = 0; i + 1 < t->n; i++)
		if (t->list[i].rank >= rank_of(STB_GLOBAL, 0) &&
		    t->list[i].end > t->list[i + 1].start)
			t->list[i].end = t->list[i + 1].start;
}

static int read_all(const struct reading *r, const struct elf_file *f,
		    const struct elf_section *s)
{
	uint64_t left = s->size / sizeof(Elf64_Sym), at = s->offset;
	SCOPED_FREE uint8_t *chunk = mem_zalloc(READ_SYMBOLS, sizeof(Elf64_Sym));

	while (left) {
		size_t n = left < READ_SYMBOLS ? (size_t)left : READ_SYMBOLS;

		if (elf_read(f->fd, at, chunk, n * sizeof(Elf64_Sym)) < 0)
			return -1;
		for (size_t i = 0; i < n; i++)
			add(r, chunk + i * sizeof(Elf64_Sym));
		at += n * sizeof(Elf64_Sym);
		left -= n;
	}
	return 0;
}

int function_table_read(struct function_table *ret, const struct elf_file *f, uint32_t type)
{
	const struct elf_section *s = elf_section_of(f, type), *names;
	struct function_table t = { 0 };
	struct reading r = { .table = &t, .complete = type == SHT_SYMTAB };
	int err;

	*ret = t;
	if (!s || s->entry_size != sizeof(Elf64_Sym) || s->link >= f->section_count ||
	    s->size / sizeof(Elf64_Sym) > FUNCTION_TABLE_SYMBOLS_MAX)
		return -1;
	names = &f->sections[s->link];
	if (names->type != SHT_STRTAB)
		return -1;
	t.names_at = names->offset;
	t.names_size = names->size;
	r.code = ranges_of_code(f);
	err = read_all(&r, f, s);
	free(r.code.list);
	if (err) {
		function_table_release(&t);
		return -1;
	}
	sort(&t);
	*ret = t;
	return 0;
}

const struct function_entry *function_table_find(const struct function_table *t, uint64_t address)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (t->list[mid].start <= address)
			low = mid + 1;
		else
			high = mid;
	}
	for (size_t i = low, seen = 0; i-- && seen < NESTED_MAX; seen++)
		if (address < t->list[i].end)
			return &t->list[i];
	return NULL;
}

char *function_table_name(const struct function_table *t, const struct function_entry *e, int fd)
{
	uint64_t left = t->names_size - e->name;

	for (uint32_t want = NAME_READ_FIRST;; want = NAME_READ_MAX) {
		size_t n = left < want ? (size_t)left : want;
		SCOPED_FREE char *buf = mem_zalloc(n, 1);
		size_t len;

		if (elf_read(fd, t->names_at + e->name, buf, n) < 0)
			return NULL;
		len = strnlen(buf, n);
		if (len < n) {
			char *version = strchr(buf + (len > 0), '@');

			if (version)
				len = (size_t)(version - buf);
			return len ? mem_text(buf, len) : NULL;
		}
		if (n == left || want == NAME_READ_MAX)
			return NULL;
	}
}

void function_table_release(struct function_table *t)
{
	free(t->list);
	*t = (struct function_table){ 0 };
}
