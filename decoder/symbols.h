/*
 * symbols: names of functions for addresses in files, after the traced process is
 * gone. Only the file that was traced gives names: its build id must be the
 * recorded one. Sources in order: the file's .symtab, the .symtab of its separate
 * debug file (ROOT/.build-id/xx/yyyy.debug), the file's .dynsym.
 * Each symbol table is read once, when the first address reaches it; no file
 * stays open. One thread. Without memory the command ends (decoder/mem.h).
 */
#ifndef JITNESS_DECODER_SYMBOLS_H
#define JITNESS_DECODER_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

struct symbols_file;

struct symbols {
	struct symbols_file **files;
	size_t n, cap;
	const char *debug_root; /* borrowed; NULL: /usr/lib/debug */
};

#define SYMBOLS_INIT { 0 }

/*
 * The function around a call, demangled and without parameters, or NULL: no such file, another
 * build id, or no symbol covers the call. `offset` is the call's return address in the address
 * space of the file (address - OBJECT's base); *ret_in_function becomes its distance from the
 * function's start. build_id: in hexadecimal; "" is the id of a file that has none.
 * Borrowed until symbols_release(). The bytes are the file's: clean them for a terminal.
 */
const char *symbols_find(struct symbols *s, const char *path, const char *build_id,
			 uint64_t offset, uint64_t *ret_in_function);
void symbols_release(struct symbols *s);

#endif
