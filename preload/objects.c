#include "preload/objects.h"

#include <dlfcn.h>
#include <elf.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cupti/emit.h"
#include "cupti/maps.h"
#include "cupti/session.h"
#include "preload/seen.h"
#include "trace/hash.h"
#include "trace/redact.h"

/* A large Python service maps 500 to 1,000 libraries, most of them never seen on a stack. */
#define OBJECTS_SIZE 4096

/* The headers lie in the first page of every file the usual linkers made. */
#define HEADERS_MAX 4096

/* Small, since stacks of threads may be; a longer path is cut. */
#define OBJECT_PATH_MAX 1024

#define NOTES_MAX     4096
#define BUILD_ID_MAX  32 /* bytes; 20 with ld, 8 or 16 with lld */
#define SEGMENTS_MAX  8  /* mappings of one file below the one that holds an address */

/* As in glibc 2.35's <bits/dl_find_object.h>, which older build machines lack. */
struct found_object {
	unsigned long long flags;
	void *start, *end;
	struct link_map *link_map;
	void *eh_frame;
	uint64_t reserved[7];
};

static int (*find_object)(void *, struct found_object *);
static struct seen objects;

/*
 * What an object is known again by, by its id: the loader's answer, and its build id where it lies. A cache line,
 * where to identify it takes a dozen.
 */
struct mark {
	const void *start, *end, *link_map, *eh_frame;
	uint16_t id_at; /* from start, within the first page, which every object has */
	uint8_t id_len;
	_Atomic uint8_t ready;
	uint8_t id[BUILD_ID_MAX - 4]; /* longer ones are not marked */
};
_Static_assert(sizeof(struct mark) == 64, "a cache line");
static struct mark *marks; /* OBJECTS_SIZE of them, untouched until used; or NULL */

static bool redacted;

enum objects_source objects_start(bool redact, bool map_only)
{
	redacted = redact;
	*(void **)&find_object = map_only ? NULL : dlsym(RTLD_DEFAULT, "_dl_find_object");
	if (seen_start(&objects, OBJECTS_SIZE))
		return OBJECTS_NONE;
	if (marks)
		munmap(marks, OBJECTS_SIZE * sizeof(*marks));
	marks = mmap(NULL, OBJECTS_SIZE * sizeof(*marks), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (marks == MAP_FAILED)
		marks = NULL;
	return find_object ? OBJECTS_LOADER : OBJECTS_MAP;
}

/* Fills in phdr; false when there is no ELF header at the object's start. */
static bool headers_find(struct object *o)
{
	const ElfW(Ehdr) *e = (const void *)o->start;

	if (o->end - o->start < HEADERS_MAX || memcmp(e->e_ident, ELFMAG, SELFMAG) ||
	    e->e_phentsize != sizeof(ElfW(Phdr)) ||
	    e->e_phoff > HEADERS_MAX || e->e_phnum > (HEADERS_MAX - e->e_phoff) / sizeof(ElfW(Phdr)))
		return false;
	o->phdr = (const void *)(o->start + e->e_phoff);
	o->phnum = e->e_phnum;
	return true;
}

/* The build id among the notes of one segment: bytes in the mapped file, and how many. */
static size_t note_build_id(const struct object *o, const ElfW(Phdr) *p, const uint8_t **ret)
{
	uintptr_t at = o->base + p->p_vaddr, end;
	size_t size = p->p_memsz < NOTES_MAX ? p->p_memsz : NOTES_MAX;

	if (at < o->start || at >= o->end || size > o->end - at || at % 4)
		return 0;
	for (end = at + size; end - at >= sizeof(ElfW(Nhdr));) {
		const ElfW(Nhdr) *n = (const void *)at;
		size_t name = ((size_t)n->n_namesz + 3) & ~(size_t)3;
		size_t desc = ((size_t)n->n_descsz + 3) & ~(size_t)3;

		at += sizeof(*n);
		if (name > end - at || desc > end - at - name)
			return 0;
		if (n->n_type == NT_GNU_BUILD_ID && n->n_namesz == 4 &&
		    !memcmp((const void *)at, "GNU", 4)) {
			*ret = (const uint8_t *)(at + name);
			return n->n_descsz < BUILD_ID_MAX ? n->n_descsz : BUILD_ID_MAX;
		}
		at += name + desc;
	}
	return 0;
}

static size_t build_id(const struct object *o, const uint8_t **ret)
{
	size_t n = 0;

	for (unsigned i = 0; !n && i < o->phnum; i++)
		if (o->phdr[i].p_type == PT_NOTE)
			n = note_build_id(o, &o->phdr[i], ret);
	return n;
}

static bool is_cupti(const char *path)
{
	const char *slash = strrchr(path, '/');

	return !strncmp(slash ? slash + 1 : path, "libcupti.so", 11);
}

static bool has(const struct object *o, uintptr_t addr)
{
	return addr >= o->start && addr < o->end;
}

/* One that is never unloaded: we hold on to it, or nobody can let it go. */
static bool stays(const struct object *o, const char *path)
{
	return !*path || cupti_holds(o->start, o->end) || has(o, (uintptr_t)munmap) ||
	       has(o, (uintptr_t)objects_find);
}

static __attribute__((noinline)) void announce(const struct object *o, const char *path,
					       const uint8_t *id, size_t id_len)
{
	static const char digit[] = "0123456789abcdef";
	char blob[OBJECT_PATH_MAX + 1 + 2 * BUILD_ID_MAX], full[OBJECT_PATH_MAX];
	struct maps_entry e;
	uint64_t f[OBJECT_N] = {
		[OBJECT_TIME] = emit_now(),
		[OBJECT_ID] = o->id,
		[OBJECT_BASE] = o->base,
		[OBJECT_START] = o->start,
		[OBJECT_END] = o->end,
	};
	size_t len = strnlen(path, OBJECT_PATH_MAX);
	ssize_t n;

	if (!len) { /* the loader's name for the main program */
		n = readlink("/proc/self/exe", full, sizeof(full));
		path = full;
		len = n > 0 ? (size_t)n : 0;
	} else if (path[0] != '/' && !maps_find(o->start, &e, full, sizeof(full)) && full[0]) {
		/* As it was asked for, relative to a directory that the reader does not know. */
		path = full;
		len = strlen(full);
	}
	if (redacted)
		len = redact_path(blob, OBJECT_PATH_MAX + 1, path, len);
	else
		memcpy(blob, path, len);
	blob[len++] = '\0';
	for (size_t i = 0; i < id_len; i++) {
		blob[len++] = digit[id[i] >> 4];
		blob[len++] = digit[id[i] & 15];
	}
	emit(EVENT_OBJECT, f, OBJECT_N, blob, len);
}

/*
 * The id is what the object is, not where the loader keeps it: another library at the
 * same addresses has another path or build id, and is another object.
 */
static const uint8_t *identify(struct object *o, const char *path, size_t *ret_id_len)
{
	const uint8_t *id = NULL;
	size_t id_len = build_id(o, &id);
	uint64_t what[5] = { o->start, o->end, o->base, hash64(path, strnlen(path, OBJECT_PATH_MAX)),
			     hash64(id, id_len) };
	bool fresh;

	o->tracer = has(o, (uintptr_t)objects_find) || is_cupti(path);
	o->stays = stays(o, path);
	o->id = seen_id(&objects, hash64(what, sizeof(what)), &fresh);
	if (!o->id)
		emit_lost(LOST_BY_MEMORY, 1);
	else if (fresh)
		announce(o, path, id, id_len);
	*ret_id_len = o->id && fresh ? id_len : 0;
	return id;
}

/* id: where the build id of a new object lies. */
static void mark(const struct object *o, const struct found_object *f, const uint8_t *id, size_t id_len)
{
	struct mark *m = &marks[o->id - 1];

	if (id_len > sizeof(m->id) || (uintptr_t)id + id_len > o->start + HEADERS_MAX)
		return;
	m->start = f->start;
	m->end = f->end;
	m->link_map = f->link_map;
	m->eh_frame = f->eh_frame;
	m->id_at = (uint16_t)((uintptr_t)id - o->start);
	m->id_len = (uint8_t)id_len;
	memcpy(m->id, id, id_len);
	atomic_store_explicit(&m->ready, 1, memory_order_release);
}

/*
 * Without the loader: from the mapping that holds addr down to the one of the file's beginning.
 * The mappings of a file follow each other; what the loader leaves unmapped between segments
 * is mapped from the file too, without access.
 */
static bool map_find(uintptr_t addr, struct object *ret, char *path, size_t path_size)
{
	char below[OBJECT_PATH_MAX];
	struct maps_entry e;
	uintptr_t lowest = UINTPTR_MAX, highest = 0;

	if (maps_find(addr, &e, path, path_size) || path[0] != '/')
		return false;
	for (unsigned i = 0; e.offset; i++)
		if (i == SEGMENTS_MAX || maps_find(e.start - 1, &e, below, sizeof(below)) ||
		    strcmp(path, below))
			return false;
	*ret = (struct object){ .start = e.start, .end = e.start + HEADERS_MAX };
	if (!headers_find(ret))
		return false;
	for (unsigned i = 0; i < ret->phnum; i++) {
		const ElfW(Phdr) *p = &ret->phdr[i];

		if (p->p_type != PT_LOAD)
			continue;
		lowest = p->p_vaddr < lowest ? p->p_vaddr : lowest;
		highest = p->p_vaddr + p->p_memsz > highest ? p->p_vaddr + p->p_memsz : highest;
	}
	if (highest <= lowest)
		return false;
	ret->base = ret->start - (lowest & ~(uintptr_t)4095);
	ret->end = (ret->base + highest + 4095) & ~(uintptr_t)4095;
	return addr < ret->end;
}

static bool loader_find(uintptr_t addr, struct object *ret)
{
	struct found_object f;
	const uint8_t *id;
	size_t id_len;

	if (find_object((void *)addr, &f) || !f.link_map)
		return false;
	*ret = (struct object){
		.start = (uintptr_t)f.start,
		.end = (uintptr_t)f.end,
		.base = f.link_map->l_addr,
	};
	(void)headers_find(ret);
	id = identify(ret, f.link_map->l_name ? f.link_map->l_name : "", &id_len);
	if (id_len && marks)
		mark(ret, &f, id, id_len);
	return true;
}

static __attribute__((noinline)) bool map_find_identified(uintptr_t addr, struct object *ret)
{
	char path[OBJECT_PATH_MAX];
	size_t id_len;

	if (!map_find(addr, ret, path, sizeof(path)))
		return false;
	(void)identify(ret, path, &id_len);
	return true;
}

bool objects_find(uintptr_t addr, struct object *ret)
{
	return find_object ? loader_find(addr, ret) : map_find_identified(addr, ret);
}

bool objects_still(uintptr_t addr, uint32_t id)
{
	const struct mark *m = marks && find_object && id ? &marks[id - 1] : NULL;
	struct found_object f;
	struct object o;

	if (m && atomic_load_explicit(&m->ready, memory_order_acquire) &&
	    !find_object((void *)addr, &f) && f.start == m->start && f.end == m->end &&
	    f.link_map == m->link_map && f.eh_frame == m->eh_frame &&
	    !memcmp((const uint8_t *)f.start + m->id_at, m->id, m->id_len))
		return true;
	return (objects_find(addr, &o) ? o.id : 0) == id;
}
