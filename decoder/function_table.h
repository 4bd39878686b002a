/*
 * function_table: the functions of one symbol table of an ELF file, in order of
 * address. Addresses are those of the file. Names stay in the file until one is
 * asked for: the names of a library of PyTorch are 80 MB.
 */
#ifndef JITNESS_DECODER_FUNCTION_TABLE_H
#define JITNESS_DECODER_FUNCTION_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct elf_file;

/* A larger symbol table gives no names; 24 bytes of memory for each function. */
#define FUNCTION_TABLE_SYMBOLS_MAX (8u << 20)

struct function_table {
	struct function_entry {
		uint64_t start, end; /* [start, end) lies in one section of code */
		uint32_t name;       /* bytes from names_at */
		uint32_t rank;       /* among functions of the same start; lower is better */
	} *list;
	size_t n, cap;
	uint64_t names_at, names_size; /* bytes in the file */
};

/*
 * Reads the first section of the type (SHT_SYMTAB or SHT_DYNSYM). 0, or -1 when there is none
 * that can be used; *ret is then empty. Of functions with the same start one stays: with a
 * size before without, global before weak before local. Functions without size in .dynsym are
 * left out: it lists no local functions, so nothing tells where they end.
 */
int function_table_read(struct function_table *ret, const struct elf_file *f, uint32_t type);
/*
 * The function that covers the address (a symbol without size: up to the next function), the
 * one with the highest start when several do; NULL: none. Borrowed.
 */
const struct function_entry *function_table_find(const struct function_table *t,
						 uint64_t address);
/* As in the file, without "@VERSION"; NULL when it has none. Caller frees. */
char *function_table_name(const struct function_table *t, const struct function_entry *e, int fd);
void function_table_release(struct function_table *t);

#endif
