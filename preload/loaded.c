#include "preload/loaded.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stddef.h>
#include <string.h>

/* This library's own bounds, from the linker. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));

#define CANDIDATES_MAX 16

/* What is looked at in a loaded object; pointers into it. */
struct object {
	const struct dl_phdr_info *info;
	const ElfW(Dyn) *dynamic;
	const ElfW(Sym) *symbols;
	const char *strings;
	const uint32_t *gnu_hash, *sysv_hash;
	const char *soname; /* or NULL */
};

bool loaded_is_self(const void *address)
{
	return (const char *)address >= __ehdr_start && (const char *)address < _end;
}

static int first_only(struct dl_phdr_info *info, size_t size, void *ret)
{
	if (size >= offsetof(struct dl_phdr_info, dlpi_subs) + sizeof(info->dlpi_subs))
		*(uint64_t *)ret = info->dlpi_subs;
	return 1;
}

uint64_t loaded_generation(void)
{
	uint64_t subs = 0;
	int saved_errno = errno;

	dl_iterate_phdr(first_only, &subs);
	errno = saved_errno;
	return subs;
}

/* glibc has relocated the pointers of most objects, not those of the vDSO. */
static const void *pointer(const struct dl_phdr_info *info, ElfW(Addr) value)
{
	return (const void *)(value < info->dlpi_addr ? value + info->dlpi_addr : value);
}

static bool object_read(struct object *ret, const struct dl_phdr_info *info)
{
	struct object o = { .info = info };
	size_t soname = 0;

	for (unsigned i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			o.dynamic = (const void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	if (!o.dynamic)
		return false;
	for (const ElfW(Dyn) *d = o.dynamic; d->d_tag != DT_NULL; d++) {
		switch (d->d_tag) {
		case DT_SYMTAB:
			o.symbols = pointer(info, d->d_un.d_ptr);
			break;
		case DT_STRTAB:
			o.strings = pointer(info, d->d_un.d_ptr);
			break;
		case DT_GNU_HASH:
			o.gnu_hash = pointer(info, d->d_un.d_ptr);
			break;
		case DT_HASH:
			o.sysv_hash = pointer(info, d->d_un.d_ptr);
			break;
		case DT_SONAME:
			soname = d->d_un.d_val;
			break;
		default:
			break;
		}
	}
	if (!o.symbols || !o.strings)
		return false;
	if (soname)
		o.soname = o.strings + soname;
	*ret = o;
	return true;
}

static bool object_holds(const struct dl_phdr_info *info, const void *address)
{
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		ElfW(Addr) start = info->dlpi_addr + p->p_vaddr;

		if (p->p_type == PT_LOAD && (ElfW(Addr))address - start < p->p_memsz)
			return true;
	}
	return false;
}

static void *defined_as(const struct object *o, uint32_t index, const char *name)
{
	const ElfW(Sym) *s = &o->symbols[index];
	unsigned type = ELF64_ST_TYPE(s->st_info);

	if (s->st_shndx == SHN_UNDEF || (type != STT_FUNC && type != STT_NOTYPE) ||
	    strcmp(o->strings + s->st_name, name))
		return NULL;
	return (void *)(o->info->dlpi_addr + s->st_value);
}

static void *lookup_gnu(const struct object *o, const char *name)
{
	const uint32_t *h = o->gnu_hash;
	uint32_t n_buckets = h[0], first = h[1], bloom_words = h[2], shift = h[3], hash = 5381;
	const ElfW(Addr) *bloom = (const void *)(h + 4);
	const uint32_t *buckets = (const void *)(bloom + bloom_words);
	const uint32_t *chain = buckets + n_buckets;
	const unsigned bits = sizeof(ElfW(Addr)) * CHAR_BIT;
	ElfW(Addr) word;
	void *found;

	for (const char *p = name; *p; p++)
		hash = hash * 33 + (unsigned char)*p;
	if (!n_buckets || !bloom_words)
		return NULL;
	word = bloom[hash / bits % bloom_words];
	if (!(word >> hash % bits & word >> (hash >> shift) % bits & 1))
		return NULL;
	for (uint32_t i = buckets[hash % n_buckets]; i >= first && i; i++) {
		if ((chain[i - first] | 1) == (hash | 1)) {
			found = defined_as(o, i, name);
			if (found)
				return found;
		}
		if (chain[i - first] & 1)
			break;
	}
	return NULL;
}

static void *lookup(const struct object *o, const char *name)
{
	void *found = NULL;

	if (o->gnu_hash)
		return lookup_gnu(o, name);
	/* DT_HASH: the second word is the number of symbols. Rare enough for a plain walk. */
	for (uint32_t i = 1; o->sysv_hash && !found && i < o->sysv_hash[1]; i++)
		found = defined_as(o, i, name);
	return found;
}

/* The references of an object stand before the symbols that its hash table covers. */
static bool refers_to(const struct object *o, const char *name)
{
	uint32_t n = o->gnu_hash ? o->gnu_hash[1] : o->sysv_hash ? o->sysv_hash[1] : 0;

	for (uint32_t i = 1; i < n; i++)
		if (o->symbols[i].st_shndx == SHN_UNDEF &&
		    !strcmp(o->strings + o->symbols[i].st_name, name))
			return true;
	return false;
}

static bool needs(const struct object *o, const char *soname)
{
	for (const ElfW(Dyn) *d = o->dynamic; soname && d->d_tag != DT_NULL; d++)
		if (d->d_tag == DT_NEEDED && !strcmp(o->strings + d->d_un.d_val, soname))
			return true;
	return false;
}

/* --- one walk for each question */
struct one_symbol {
	const void *address; /* in this object; NULL: in any but this library */
	const char *name;
	void *found;
};

static int find_one(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct one_symbol *q = arg;
	struct object o;

	(void)size;
	if (q->address ? !object_holds(info, q->address) : object_holds(info, __ehdr_start))
		return 0;
	if (object_read(&o, info))
		q->found = lookup(&o, q->name);
	return q->address || q->found;
}

void *loaded_beside(const void *address, const char *symbol)
{
	struct one_symbol q = { address, symbol, NULL };
	int saved_errno = errno;

	dl_iterate_phdr(find_one, &q);
	errno = saved_errno;
	return q.found;
}

bool loaded_anywhere(const char *symbol)
{
	return loaded_beside(NULL, symbol) != NULL;
}

struct symbol_of {
	const char *soname, *name;
	void *found;
};

static int find_in(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct symbol_of *q = arg;
	struct object o;

	(void)size;
	if (!object_read(&o, info) || !o.soname || strcmp(o.soname, q->soname))
		return 0;
	q->found = lookup(&o, q->name);
	return q->found != NULL;
}

void *loaded_in(const char *soname, const char *symbol)
{
	struct symbol_of q = { soname, symbol, NULL };
	int saved_errno = errno;

	dl_iterate_phdr(find_in, &q);
	errno = saved_errno;
	return q.found;
}

/* --- whom a call was meant for */
struct candidate {
	void *address;
	char soname[64]; /* a copy: the walk that found it is over */
	bool needed_by_caller, needed_by_reference;
};

struct candidates {
	const void *caller;
	const char *name;
	bool (*is_library)(const char *path);
	bool behind; /* behind this library in the order of the loader */
	unsigned n;
	void *foreign;
	struct candidate list[CANDIDATES_MAX];
};

static int collect(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct candidates *c = arg;
	struct candidate *new = &c->list[c->n];
	struct object o;
	void *found;

	(void)size;
	if (object_holds(info, __ehdr_start)) {
		c->behind = true;
		return 0;
	}
	if (!c->behind || !object_read(&o, info))
		return 0;
	found = lookup(&o, c->name);
	if (!found)
		return 0;
	*new = (struct candidate){ .address = found,
				   .needed_by_caller = object_holds(info, c->caller) };
	if (o.soname && strlen(o.soname) < sizeof(new->soname))
		strcpy(new->soname, o.soname);
	if (!c->foreign && !c->is_library(info->dlpi_name))
		c->foreign = found;
	return ++c->n == CANDIDATES_MAX;
}

/* Cheap questions first: most objects need none of the candidates. */
static int mark_needed(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct candidates *c = arg;
	bool caller = object_holds(info, c->caller), refers = false, asked = false;
	struct object o;

	(void)size;
	if (object_holds(info, __ehdr_start) || !object_read(&o, info))
		return 0;
	for (unsigned i = 0; i < c->n; i++) {
		struct candidate *k = &c->list[i];

		if (!k->soname[0] || !needs(&o, k->soname))
			continue;
		if (!asked)
			refers = refers_to(&o, c->name);
		asked = true;
		k->needed_by_caller |= caller;
		k->needed_by_reference |= refers;
	}
	return 0;
}

void *loaded_meant_by(const void *caller, const char *symbol, bool (*is_library)(const char *path),
		      void **ret_foreign)
{
	struct candidates c = { .caller = caller, .name = symbol, .is_library = is_library };
	struct candidate *found = c.list, *k;
	int saved_errno = errno;

	dl_iterate_phdr(collect, &c);
	if (c.n > 1) {
		dl_iterate_phdr(mark_needed, &c);
		for (k = c.list + c.n; k-- > c.list;)
			if (k->needed_by_reference)
				found = k;
		for (k = c.list + c.n; k-- > c.list;)
			if (k->needed_by_caller)
				found = k;
	}
	errno = saved_errno;
	if (c.foreign)
		*ret_foreign = c.foreign;
	return c.n ? found->address : NULL;
}
