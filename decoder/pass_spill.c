#include "decoder/pass_spill.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "decoder/mem.h"

static int temporary(void)
{
	const char *dir = getenv("TMPDIR");
	SCOPED_FREE char *path = NULL;
	int fd;

	path = mem_printf("%s/jitness-passes.XXXXXX", dir && *dir ? dir : "/tmp");
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

/* false: it stays where it is. */
static bool to_file(struct pass_spill *s, size_t cap)
{
	const size_t bytes = cap * s->size;
	void *map;

	if (!s->mapped && (s->fd = temporary()) < 0)
		return false;
	/* Blocks are reserved now: a full disk must not end in SIGBUS. */
	if (posix_fallocate(s->fd, 0, (off_t)bytes))
		goto failed;
	map = s->mapped ? mremap(s->list, s->mapped, bytes, MREMAP_MAYMOVE) :
			  mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
	if (map == MAP_FAILED)
		goto failed;
	if (!s->mapped) {
		memcpy(map, s->list, s->n * s->size);
		free(s->list);
	}
	s->list = map;
	s->mapped = bytes;
	s->cap = cap;
	return true;
failed:
	if (!s->mapped)
		close(s->fd);
	return false;
}

/* The file cannot grow: back into memory. */
static void to_memory(struct pass_spill *s)
{
	void *list = NULL;
	size_t cap = 0;

	list = mem_grow(NULL, &cap, s->n + 1, s->size);
	memcpy(list, s->list, s->n * s->size);
	munmap(s->list, s->mapped);
	close(s->fd);
	s->list = list;
	s->cap = cap;
	s->mapped = 0;
}

void *spill_more(struct pass_spill *s)
{
	if (s->n == s->cap) {
		if (s->cap * 2 <= SPILL_ITEMS || !to_file(s, s->cap * 2)) {
			if (s->mapped)
				to_memory(s);
			s->list = mem_grow(s->list, &s->cap, s->n + 1, s->size);
		}
	}
	return memset((char *)s->list + s->n++ * s->size, 0, s->size);
}

void *spill_take(struct pass_spill *s, size_t *ret_mapped)
{
	void *list = s->list;

	*ret_mapped = s->mapped;
	if (s->mapped)
		close(s->fd);
	*s = (struct pass_spill){ .size = s->size };
	return list;
}

void spill_free(void *list, size_t mapped)
{
	if (mapped)
		munmap(list, mapped);
	else
		free(list);
}

void spill_release(struct pass_spill *s)
{
	size_t mapped;
	void *list = spill_take(s, &mapped);

	spill_free(list, mapped);
}
