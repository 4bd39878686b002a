/*
 * Little ELF cubins: reading the kernels out of a real one, building one for PTX that
 * the simulated JIT "compiles". A kernel is an STT_FUNC symbol whose st_other carries
 * STO_CUDA_ENTRY, as ptxas writes it.
 */
#include "tests/sim/drv.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ELF_MACHINE_CUDA = 190, ELF_STO_CUDA_ENTRY = 0x10, ELF_FLAGS_SM90 = 0x005a055a };

CUresult elf_size(const void *data, size_t *ret)
{
	const Elf64_Ehdr *h = data;
	const Elf64_Shdr *sections;
	size_t end;

	if (memcmp(h->e_ident, ELFMAG, SELFMAG) || h->e_ident[EI_CLASS] != ELFCLASS64 ||
	    h->e_machine != ELF_MACHINE_CUDA || h->e_shentsize != sizeof(*sections))
		return CUDA_ERROR_INVALID_IMAGE;
	end = h->e_shoff + (size_t)h->e_shnum * sizeof(*sections);
	if (h->e_phoff + (size_t)h->e_phnum * h->e_phentsize > end)
		end = h->e_phoff + (size_t)h->e_phnum * h->e_phentsize;
	sections = (const void *)((const char *)data + h->e_shoff);
	for (size_t i = 0; i < h->e_shnum; i++)
		if (sections[i].sh_type != SHT_NOBITS &&
		    sections[i].sh_offset + sections[i].sh_size > end)
			end = sections[i].sh_offset + sections[i].sh_size;
	*ret = end;
	return CUDA_SUCCESS;
}

CUresult elf_kernels(const void *data, const char ***ret, size_t *ret_n)
{
	const Elf64_Ehdr *h = data;
	const Elf64_Shdr *sections = (const void *)((const char *)data + h->e_shoff);
	const char **names = NULL;
	size_t n = 0;

	for (size_t i = 0; i < h->e_shnum; i++) {
		const Elf64_Shdr *s = &sections[i];
		const Elf64_Sym *symbols = (const void *)((const char *)data + s->sh_offset);
		const char *strings;

		if (s->sh_type != SHT_SYMTAB || s->sh_link >= h->e_shnum)
			continue;
		strings = (const char *)data + sections[s->sh_link].sh_offset;
		for (size_t k = 0; k < s->sh_size / sizeof(*symbols); k++) {
			const char **more;

			if (ELF64_ST_TYPE(symbols[k].st_info) != STT_FUNC ||
			    !(symbols[k].st_other & ELF_STO_CUDA_ENTRY))
				continue;
			more = realloc(names, (n + 1) * sizeof(*names));
			if (!more) {
				free(names);
				return CUDA_ERROR_OUT_OF_MEMORY;
			}
			names = more;
			names[n++] = drv_intern(strings + symbols[k].st_name);
		}
	}
	*ret = names;
	*ret_n = n;
	return CUDA_SUCCESS;
}

/* --- building: sections are null, one .text.NAME per kernel, and three tables */
enum { ELF_TEXT_BYTES = 128, ELF_TABLES = 3 };

struct elf_plan {
	size_t n, text, shstrtab, shstrtab_bytes, strtab, strtab_bytes, symtab, headers, total;
};

static const char elf_table_names[] = ".shstrtab\0.strtab\0.symtab";

static struct elf_plan elf_lay_out(const char *const *names, size_t n)
{
	struct elf_plan p = { .n = n, .text = sizeof(Elf64_Ehdr) };

	p.shstrtab = p.text + n * ELF_TEXT_BYTES;
	p.shstrtab_bytes = 1 + sizeof(elf_table_names);
	p.strtab_bytes = 1;
	for (size_t i = 0; i < n; i++) {
		p.shstrtab_bytes += strlen(".text.") + strlen(names[i]) + 1;
		p.strtab_bytes += strlen(names[i]) + 1;
	}
	p.strtab = p.shstrtab + p.shstrtab_bytes;
	p.symtab = (p.strtab + p.strtab_bytes + 7) & ~(size_t)7;
	p.headers = p.symtab + (n + 1) * sizeof(Elf64_Sym);
	p.total = p.headers + (1 + n + ELF_TABLES) * sizeof(Elf64_Shdr);
	return p;
}

static void elf_fill_text(unsigned char *at, uint64_t seed)
{
	for (size_t i = 0; i < ELF_TEXT_BYTES; i += 8) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		memcpy(at + i, &seed, 8);
	}
}

unsigned char *elf_build(const char *const *names, size_t n, uint64_t seed, size_t *ret_bytes)
{
	struct elf_plan p = elf_lay_out(names, n);
	unsigned char *elf = calloc(1, p.total);
	Elf64_Ehdr *h = (void *)elf;
	Elf64_Shdr *s;
	Elf64_Sym *symbols;
	size_t name_at = 1, string_at = 1;

	if (!elf)
		return NULL;
	memcpy(h->e_ident, ELFMAG, SELFMAG);
	h->e_ident[EI_CLASS] = ELFCLASS64;
	h->e_ident[EI_DATA] = ELFDATA2LSB;
	h->e_ident[EI_VERSION] = EV_CURRENT;
	h->e_ident[EI_OSABI] = 0x33;
	h->e_ident[EI_ABIVERSION] = 7;
	h->e_type = ET_EXEC;
	h->e_machine = ELF_MACHINE_CUDA;
	h->e_version = EV_CURRENT;
	h->e_flags = ELF_FLAGS_SM90;
	h->e_ehsize = sizeof(*h);
	h->e_shoff = p.headers;
	h->e_shentsize = sizeof(*s);
	h->e_shnum = (Elf64_Half)(1 + n + ELF_TABLES);
	h->e_shstrndx = (Elf64_Half)(1 + n);
	s = (void *)(elf + p.headers);
	symbols = (void *)(elf + p.symtab);
	for (size_t i = 0; i < n; i++) {
		s[1 + i].sh_name = (Elf64_Word)name_at;
		s[1 + i].sh_type = SHT_PROGBITS;
		s[1 + i].sh_flags = SHF_ALLOC | SHF_EXECINSTR;
		s[1 + i].sh_offset = p.text + i * ELF_TEXT_BYTES;
		s[1 + i].sh_size = ELF_TEXT_BYTES;
		s[1 + i].sh_addralign = 1;
		name_at += 1 + (size_t)sprintf((char *)elf + p.shstrtab + name_at, ".text.%s",
					       names[i]);
		symbols[1 + i].st_name = (Elf64_Word)string_at;
		symbols[1 + i].st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
		symbols[1 + i].st_other = ELF_STO_CUDA_ENTRY;
		symbols[1 + i].st_shndx = (Elf64_Section)(1 + i);
		symbols[1 + i].st_size = ELF_TEXT_BYTES;
		string_at += 1 + (size_t)sprintf((char *)elf + p.strtab + string_at, "%s",
						 names[i]);
		elf_fill_text(elf + p.text + i * ELF_TEXT_BYTES, seed + i);
	}
	memcpy(elf + p.shstrtab + name_at, elf_table_names, sizeof(elf_table_names));
	s += 1 + n;
	s[0] = (Elf64_Shdr){ .sh_name = (Elf64_Word)name_at, .sh_type = SHT_STRTAB,
			     .sh_offset = p.shstrtab, .sh_size = p.shstrtab_bytes,
			     .sh_addralign = 1 };
	s[1] = (Elf64_Shdr){ .sh_name = (Elf64_Word)name_at + 10, .sh_type = SHT_STRTAB,
			     .sh_offset = p.strtab, .sh_size = p.strtab_bytes,
			     .sh_addralign = 1 };
	s[2] = (Elf64_Shdr){ .sh_name = (Elf64_Word)name_at + 18, .sh_type = SHT_SYMTAB,
			     .sh_offset = p.symtab, .sh_size = (n + 1) * sizeof(Elf64_Sym),
			     .sh_link = (Elf64_Word)(2 + n), .sh_info = 1, .sh_addralign = 8,
			     .sh_entsize = sizeof(Elf64_Sym) };
	*ret_bytes = p.total;
	return elf;
}
