/*
 * elf_file: the section headers and the build id of an ELF file, 64-bit
 * little-endian only. Read with pread, never mapped: a file that shrinks while
 * it is read is a short read and not a SIGBUS. Nothing in the file is trusted;
 * a section that reaches beyond the end of the file is left out.
 */
#ifndef JITNESS_DECODER_ELF_FILE_H
#define JITNESS_DECODER_ELF_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define ELF_SECTIONS_MAX  65536u /* 4 MiB of headers; linkers write about 40 */
#define ELF_BUILD_ID_HEX  129    /* up to 64 bytes, and the NUL */

struct elf_section {
	uint32_t type; /* 0: left out */
	uint32_t link;
	uint64_t flags;
	uint64_t address; /* in the file's address space */
	uint64_t offset;  /* bytes in the file */
	uint64_t size;    /* bytes */
	uint64_t entry_size;
};

/* To see whether a file that is opened again is still the one. */
struct elf_identity {
	dev_t device;
	ino_t inode;
	uint64_t size; /* bytes */
	struct timespec modified;
};

struct elf_file {
	int fd;
	struct elf_identity identity;
	struct elf_section *sections;
	uint32_t section_count;
	char build_id[ELF_BUILD_ID_HEX]; /* lower case; "": none */
};

#define ELF_FILE_INIT { .fd = -1 }

/*
 * 0, or -1 when path is no absolute path of a regular file, cannot be read or is no such ELF
 * file; then *ret is as after elf_release(). Never blocks on a FIFO.
 */
int elf_open(struct elf_file *ret, const char *path);
/* A descriptor of the file when it is still the one; -1 when not. Caller closes. */
int elf_reopen(const char *path, const struct elf_identity *identity);
/* The first section of the type with bytes in the file; NULL: none. Borrowed. */
const struct elf_section *elf_section_of(const struct elf_file *f, uint32_t type);
/* Accepts what elf_open() refused and what was released before. */
void elf_release(struct elf_file *f);

/* All n bytes at offset: 0, or -1. */
int elf_read(int fd, uint64_t offset, void *buf, size_t n);

#endif
