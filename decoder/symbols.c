#include "decoder/symbols.h"

#include <elf.h>
#include <string.h>
#include <strings.h>

#include "decoder/demangle.h"
#include "decoder/elf_file.h"
#include "decoder/function_table.h"
#include "decoder/idmap.h"
#include "decoder/mem.h"
#include "trace/hash.h"

#define DEBUG_ROOT "/usr/lib/debug"

enum source_kind { SOURCE_SYMTAB, SOURCE_DEBUG, SOURCE_DYNSYM, SOURCE_COUNT };

struct source {
	int tried;
	char *path; /* the file that has the names; NULL: nothing here */
	struct elf_identity identity;
	struct function_table table;
	struct idmap names; /* index of the function -> index in the file's list */
};

struct symbols_file {
	uint64_t hash; /* of path and build_id */
	char *path, *build_id;
	struct source sources[SOURCE_COUNT];
	char **names; /* NULL: the name could not be read */
	size_t name_count, name_cap;
};

static uint64_t hash_of(const char *path, const char *build_id)
{
	return hash64(path, strlen(path)) ^ hash64(build_id, strlen(build_id)) * 3;
}

static struct symbols_file *get_file(struct symbols *s, const char *path, const char *build_id)
{
	uint64_t hash = hash_of(path, build_id);
	struct symbols_file *f;

	for (size_t i = 0; i < s->n; i++) {
		f = s->files[i];
		if (f->hash == hash && !strcmp(f->path, path) && !strcmp(f->build_id, build_id))
			return f;
	}
	f = mem_zalloc(1, sizeof(*f));
	f->hash = hash;
	f->path = mem_text(path, strlen(path));
	f->build_id = mem_text(build_id, strlen(build_id));
	MEM_MORE(s->files, s->n, s->cap);
	s->files[s->n++] = f;
	return f;
}

/* NULL when there can be none. The id becomes part of a path: digits only. */
static char *debug_path(const char *root, const char *build_id)
{
	size_t len = strlen(build_id);

	if (len < 4 || len >= ELF_BUILD_ID_HEX ||
	    strspn(build_id, "0123456789abcdefABCDEF") != len)
		return NULL;
	return mem_printf("%s/.build-id/%.2s/%s.debug", root ? root : DEBUG_ROOT, build_id,
			  build_id + 2);
}

static void source_read(struct source *src, enum source_kind kind, const struct symbols_file *f,
			const char *debug_root)
{
	SCOPED_FREE char *path = NULL;
	struct elf_file elf;

	src->tried = 1;
	path = kind == SOURCE_DEBUG ? debug_path(debug_root, f->build_id)
				    : mem_text(f->path, strlen(f->path));
	if (!path || elf_open(&elf, path) < 0)
		return;
	if (!strcasecmp(elf.build_id, f->build_id) &&
	    function_table_read(&src->table, &elf,
				kind == SOURCE_DYNSYM ? SHT_DYNSYM : SHT_SYMTAB) == 0) {
		src->identity = elf.identity;
		src->path = path;
		path = NULL;
	}
	elf_release(&elf);
}

static const char *name_of(struct symbols_file *f, struct source *src,
			   const struct function_entry *e)
{
	uint64_t index = (uint64_t)(e - src->table.list);
	uint32_t known = idmap_get(&src->names, index);
	SCOPED_FREE char *raw = NULL;
	int fd;

	if (known != IDMAP_NONE)
		return f->names[known];
	fd = elf_reopen(src->path, &src->identity);
	if (fd >= 0) {
		raw = function_table_name(&src->table, e, fd);
		close(fd);
	}
	MEM_MORE(f->names, f->name_count, f->name_cap);
	f->names[f->name_count] = raw ? demangle_short(raw) : NULL;
	idmap_put(&src->names, index, (uint32_t)f->name_count);
	return f->names[f->name_count++];
}

const char *symbols_find(struct symbols *s, const char *path, const char *build_id,
			 uint64_t offset, uint64_t *ret_in_function)
{
	struct symbols_file *f = get_file(s, path, build_id);

	/* A return address may be the first byte after the function that called. */
	for (int kind = 0; offset && kind < SOURCE_COUNT; kind++) {
		struct source *src = &f->sources[kind];
		const struct function_entry *e;
		const char *name;

		if (!src->tried)
			source_read(src, (enum source_kind)kind, f, s->debug_root);
		e = function_table_find(&src->table, offset - 1);
		name = e ? name_of(f, src, e) : NULL;
		if (name) {
			*ret_in_function = offset - e->start;
			return name;
		}
	}
	return NULL;
}

static void file_free(struct symbols_file *f)
{
	for (int i = 0; i < SOURCE_COUNT; i++) {
		free(f->sources[i].path);
		function_table_release(&f->sources[i].table);
		idmap_release(&f->sources[i].names);
	}
	for (size_t i = 0; i < f->name_count; i++)
		free(f->names[i]);
	free(f->names);
	free(f->path);
	free(f->build_id);
	free(f);
}

void symbols_release(struct symbols *s)
{
	for (size_t i = 0; i < s->n; i++)
		file_free(s->files[i]);
	free(s->files);
	*s = (struct symbols){ .debug_root = s->debug_root };
}
