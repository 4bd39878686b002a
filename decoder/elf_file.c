#include "decoder/elf_file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "decoder/mem.h"
#include "trace/wire.h"

#define NOTES_MAX (64u << 10) /* bytes of one section; a build id takes 36 */

#define FIELD16(p, type, field) get_le16((p) + offsetof(type, field))
#define FIELD32(p, type, field) get_le32((p) + offsetof(type, field))
#define FIELD64(p, type, field) get_le64((p) + offsetof(type, field))

int elf_read(int fd, uint64_t offset, void *buf, size_t n)
{
	uint8_t *p = buf;
	ssize_t got;

	while (n) {
		got = pread(fd, p, n, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -1;
		p += got;
		offset += (size_t)got;
		n -= (size_t)got;
	}
	return 0;
}

/* The path comes from a trace: opening a device or a FIFO may have effects. */
static int open_regular(const char *path, struct elf_identity *ret)
{
	struct stat st;
	int fd;

	if (path[0] != '/' || stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < 0) {
		close(fd);
		return -1;
	}
	*ret = (struct elf_identity){ st.st_dev, st.st_ino, (uint64_t)st.st_size, st.st_mtim };
	return fd;
}

int elf_reopen(const char *path, const struct elf_identity *identity)
{
	struct elf_identity now;
	int fd = open_regular(path, &now);

	if (fd < 0)
		return -1;
	if (now.device == identity->device && now.inode == identity->inode &&
	    now.size == identity->size && now.modified.tv_sec == identity->modified.tv_sec &&
	    now.modified.tv_nsec == identity->modified.tv_nsec)
		return fd;
	close(fd);
	return -1;
}

static int is_inside(const struct elf_file *f, uint64_t offset, uint64_t size)
{
	return offset <= f->identity.size && size <= f->identity.size - offset;
}

static struct elf_section section_parse(const struct elf_file *f, const uint8_t *p)
{
	struct elf_section s = {
		.type = FIELD32(p, Elf64_Shdr, sh_type),
		.link = FIELD32(p, Elf64_Shdr, sh_link),
		.flags = FIELD64(p, Elf64_Shdr, sh_flags),
		.address = FIELD64(p, Elf64_Shdr, sh_addr),
		.offset = FIELD64(p, Elf64_Shdr, sh_offset),
		.size = FIELD64(p, Elf64_Shdr, sh_size),
		.entry_size = FIELD64(p, Elf64_Shdr, sh_entsize),
	};

	/* NOBITS has an address but no bytes: so is all code in a separate debug file. */
	if (s.type != SHT_NOBITS && !is_inside(f, s.offset, s.size))
		s = (struct elf_section){ 0 };
	return s;
}

static int read_sections(struct elf_file *f, const uint8_t *header)
{
	uint64_t at = FIELD64(header, Elf64_Ehdr, e_shoff);
	uint64_t n = FIELD16(header, Elf64_Ehdr, e_shnum);
	uint8_t first[sizeof(Elf64_Shdr)];
	SCOPED_FREE uint8_t *raw = NULL;

	if (!at || FIELD16(header, Elf64_Ehdr, e_shentsize) != sizeof(Elf64_Shdr) ||
	    !is_inside(f, at, sizeof(first)) || elf_read(f->fd, at, first, sizeof(first)) < 0)
		return -1;
	if (!n) /* 65280 and more: the count is in section 0 */
		n = FIELD64(first, Elf64_Shdr, sh_size);
	if (!n || n > ELF_SECTIONS_MAX || !is_inside(f, at, n * sizeof(Elf64_Shdr)))
		return -1;
	raw = mem_zalloc(n, sizeof(Elf64_Shdr));
	if (elf_read(f->fd, at, raw, n * sizeof(Elf64_Shdr)) < 0)
		return -1;
	f->sections = mem_zalloc(n, sizeof(*f->sections));
	f->section_count = (uint32_t)n;
	for (uint64_t i = 0; i < n; i++)
		f->sections[i] = section_parse(f, raw + i * sizeof(Elf64_Shdr));
	return 0;
}

static void to_hex(char *ret, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		*ret++ = "0123456789abcdef"[p[i] >> 4];
		*ret++ = "0123456789abcdef"[p[i] & 15];
	}
	*ret = 0;
}

/* The GNU build id among n bytes of notes: 1 when it is there. */
static int notes_parse(const uint8_t *p, size_t n, char *ret)
{
	while (n >= sizeof(Elf64_Nhdr)) {
		uint64_t name = FIELD32(p, Elf64_Nhdr, n_namesz);
		uint64_t desc = FIELD32(p, Elf64_Nhdr, n_descsz);
		uint64_t desc_at = sizeof(Elf64_Nhdr) + ((name + 3) & ~3ull);
		uint64_t next = desc_at + ((desc + 3) & ~3ull);

		if (desc_at > n || desc > n - desc_at)
			return 0;
		if (FIELD32(p, Elf64_Nhdr, n_type) == NT_GNU_BUILD_ID && name == 4 && desc &&
		    desc <= ELF_BUILD_ID_HEX / 2 && !memcmp(p + sizeof(Elf64_Nhdr), "GNU", 4)) {
			to_hex(ret, p + desc_at, desc);
			return 1;
		}
		if (next > n)
			return 0;
		p += next;
		n -= next;
	}
	return 0;
}

static int read_notes(struct elf_file *f, const struct elf_section *s)
{
	SCOPED_FREE uint8_t *notes = mem_zalloc(s->size, 1);

	return elf_read(f->fd, s->offset, notes, s->size) == 0 &&
	       notes_parse(notes, s->size, f->build_id);
}

/* Only notes that are loaded: the traced process can have seen no others. */
static void read_build_id(struct elf_file *f)
{
	for (uint32_t i = 0; i < f->section_count; i++) {
		const struct elf_section *s = &f->sections[i];

		if (s->type == SHT_NOTE && s->flags & SHF_ALLOC && s->size <= NOTES_MAX &&
		    read_notes(f, s))
			return;
	}
}

static int read_header(struct elf_file *f)
{
	uint8_t h[sizeof(Elf64_Ehdr)];
	uint16_t type;

	if (!is_inside(f, 0, sizeof(h)) || elf_read(f->fd, 0, h, sizeof(h)) < 0 ||
	    memcmp(h, ELFMAG, SELFMAG) != 0 || h[EI_CLASS] != ELFCLASS64 ||
	    h[EI_DATA] != ELFDATA2LSB)
		return -1;
	type = FIELD16(h, Elf64_Ehdr, e_type);
	if (type != ET_DYN && type != ET_EXEC)
		return -1;
	return read_sections(f, h);
}

int elf_open(struct elf_file *ret, const char *path)
{
	struct elf_file f = ELF_FILE_INIT;

	*ret = f;
	f.fd = open_regular(path, &f.identity);
	if (f.fd < 0)
		return -1;
	if (read_header(&f) < 0) {
		elf_release(&f);
		return -1;
	}
	read_build_id(&f);
	*ret = f;
	return 0;
}

const struct elf_section *elf_section_of(const struct elf_file *f, uint32_t type)
{
	for (uint32_t i = 0; i < f->section_count; i++)
		if (f->sections[i].type == type && f->sections[i].size)
			return &f->sections[i];
	return NULL;
}

void elf_release(struct elf_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	free(f->sections);
	*f = (struct elf_file)ELF_FILE_INIT;
}
