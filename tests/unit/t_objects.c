/* objects: found with and without the loader, told apart by their builds, redacted. */
#include "preload/objects.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/recorded.h"

static void start(bool map_only)
{
	recording_start();
	CHECK(objects_start(false, map_only) != OBJECTS_NONE);
}

TEST(objects_agree_with_and_without_the_loader)
{
	struct object a, b;
	uintptr_t addr[] = { (uintptr_t)start, (uintptr_t)dlsym(RTLD_DEFAULT, "qsort"),
			     (uintptr_t)dlsym(RTLD_DEFAULT, "ZSTD_versionNumber") };

	start(false);
	for (unsigned i = 0; i < 3; i++) {
		objects_start(false, false);
		CHECK(objects_find(addr[i], &a));
		CHECK(objects_start(false, true) == OBJECTS_MAP && objects_find(addr[i], &b));
		CHECK(a.start == b.start && a.base == b.base && a.phdr == b.phdr && a.end <= b.end);
		CHECK(a.phnum && a.phnum == b.phnum);
	}
	CHECK(!objects_find(0, &b) && !objects_find((uintptr_t)&a, &b));
}

/* One file in memory, whose build id changes under the same path and addresses. */
struct file {
	ElfW(Ehdr) e;
	ElfW(Phdr) load, note;
	ElfW(Nhdr) n;
	char name[4];
	uint8_t id[8];
	uint8_t rest[8192];
};

static struct file *file_map(void)
{
	char path[] = "/tmp/jitness-unit-XXXXXX";
	int fd = mkstemp(path);
	struct file *f;

	CHECK(fd >= 0 && !ftruncate(fd, sizeof(*f)));
	f = mmap(NULL, sizeof(*f), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(f != MAP_FAILED);
	unlink(path);
	close(fd);
	memcpy(f->e.e_ident, ELFMAG, SELFMAG);
	f->e.e_phentsize = sizeof(f->load);
	f->e.e_phnum = 2;
	f->e.e_phoff = offsetof(struct file, load);
	f->load = (ElfW(Phdr)){ .p_type = PT_LOAD, .p_memsz = sizeof(*f) };
	f->note = (ElfW(Phdr)){ .p_type = PT_NOTE,
				.p_vaddr = offsetof(struct file, n),
				.p_memsz = sizeof(f->n) + sizeof(f->name) + sizeof(f->id) };
	f->n = (ElfW(Nhdr)){ .n_namesz = 4, .n_descsz = 8, .n_type = NT_GNU_BUILD_ID };
	memcpy(f->name, "GNU", 4);
	memcpy(f->id, "\x01\x23\x45\x67\x89\xab\xcd\xef", 8);
	return f;
}

TEST(objects_tell_builds_apart)
{
	struct file *f;
	struct object a, b, c;
	struct row r;

	start(true); /* the kernel's map takes any file with an ELF header */
	f = file_map();
	CHECK(objects_find((uintptr_t)f->rest + 5000, &a) && a.id);
	CHECK(objects_find((uintptr_t)f->rest + 6000, &b) && a.id == b.id);
	CHECK(rows_of(EVENT_OBJECT) == 1 && row_find(&r, EVENT_OBJECT, 0));
	CHECK(r.field[OBJECT_ID] == a.id && r.field[OBJECT_BASE] == (uintptr_t)f);
	CHECK(!memcmp(r.blob + r.head->blob_len - 17, "\0" "0123456789abcdef", 17));
	CHECK(!memcmp(r.blob, "/tmp/jitness-unit-", 18));
	f->id[7] ^= 1;
	CHECK(objects_find((uintptr_t)f->rest, &b) && b.id != a.id);
	/* Damaged headers: no build id, or no object; nothing beyond is read. */
	f->n.n_descsz = UINT32_MAX;
	CHECK(objects_find((uintptr_t)f->rest, &c) && c.id != a.id && c.id != b.id);
	f->note.p_vaddr = UINTPTR_MAX - 3;
	CHECK(objects_find((uintptr_t)f->rest, &b) && b.id == c.id);
	f->e.e_phnum = UINT16_MAX;
	CHECK(!objects_find((uintptr_t)f->rest, &c));
}

static int build_id_find(struct dl_phdr_info *info, size_t size, void *arg)
{
	const char **path_and_id = arg;

	(void)size;
	for (unsigned i = 0; strstr(info->dlpi_name, path_and_id[0]) && i < info->dlpi_phnum; i++) {
		const char *note = (const char *)info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;

		if (info->dlpi_phdr[i].p_type == PT_NOTE)
			path_and_id[1] = memmem(note, info->dlpi_phdr[i].p_memsz, "\3\0\0\0GNU", 8);
		if (path_and_id[1])
			return 1;
	}
	return 0;
}

/* As if another build had been mapped in the place of this one. */
TEST(objects_still_there_or_exchanged)
{
	const char *path_and_id[2] = { "libutil.so", NULL };
	void *lib = dlopen("libutil.so.1", RTLD_NOW);
	uintptr_t page, at;
	struct object o, other;

	start(false);
	CHECK(lib && dl_iterate_phdr(build_id_find, path_and_id));
	at = (uintptr_t)path_and_id[1];
	CHECK(objects_find(at, &o) && o.id && !o.stays);
	CHECK(objects_still(at, o.id) && !objects_still(at, 0));
	CHECK(objects_find((uintptr_t)start, &other) && other.stays && other.id != o.id);
	CHECK(!objects_still(at, other.id) && !objects_still((uintptr_t)start, o.id));
	CHECK(objects_still((uintptr_t)&o, 0) && !objects_still((uintptr_t)&o, o.id));
	page = at & ~(uintptr_t)4095;
	CHECK(!mprotect((void *)page, 4096, PROT_READ | PROT_WRITE));
	((char *)page)[(at & 4095) + 8] ^= 1; /* behind the name: the id */
	CHECK(!objects_still(at, o.id));
	CHECK(objects_find(at, &other) && other.id != o.id);
	CHECK(objects_still(at, other.id));
}

TEST(objects_are_redacted)
{
	struct object o;
	struct row r;

	recording_start();
	CHECK(objects_start(true, true) == OBJECTS_MAP);
	CHECK(objects_find((uintptr_t)file_map(), &o) && row_find(&r, EVENT_OBJECT, 0));
	CHECK(!strcmp(r.blob, "<path>"));
}
