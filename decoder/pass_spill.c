#include "decoder/pass_spill.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
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
	struct spill_window *w = s->window;
	void *map;

	if (!w && (s->fd = temporary()) < 0)
		return false;
	/* Blocks are reserved now: a full disk must not end in SIGBUS. */
	if (posix_fallocate(s->fd, 0, (off_t)bytes))
		goto failed;
	map = w ? mremap(w->map, w->bytes, bytes, MREMAP_MAYMOVE) :
		  mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
	if (map == MAP_FAILED)
		goto failed;
	if (!w) {
		memcpy(map, s->list, s->n * s->size);
		free(s->list);
		madvise(map, s->n * s->size, MADV_DONTNEED);
		w = s->window = mem_zalloc(1, sizeof(*w));
		w->size = s->size;
		while (s->size << (w->bits + 1) <= SPILL_BLOCK)
			w->bits++;
		w->last = SIZE_MAX;
		w->writes = true; /* as long as it grows */
	}
	w->map = map;
	w->bytes = bytes;
	s->list = map;
	s->cap = cap;
	return true;
failed:
	if (!w)
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
	spill_free(s->list, s->window);
	close(s->fd);
	s->list = list;
	s->cap = cap;
	s->window = NULL;
}

/* Advice for the pages of a block; for the first of them it is as for the one before. */
static void advise(const struct spill_window *w, size_t block, int advice)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t from = (block << w->bits) * w->size / page * page;
	const size_t to = ((block + 1) << w->bits) * w->size;

	madvise(w->map + from, (to < w->bytes ? to : w->bytes) - from, advice);
}

void spill_turn(struct spill_window *w, size_t block)
{
	w->last = block;
	for (unsigned i = 0; i < SPILL_BLOCKS; i++)
		if (w->block[i] == block + 1)
			return;
	/* The kernel's copy stays, and goes to the file when it likes to. */
	if (w->block[w->next])
		advise(w, w->block[w->next] - 1, MADV_DONTNEED);
	if (w->writes)
		advise(w, block, MADV_POPULATE_WRITE); /* from Linux 5.14 on; else the faults do it */
	w->block[w->next] = block + 1;
	w->next = (w->next + 1) % SPILL_BLOCKS;
}

void *spill_more(struct pass_spill *s)
{
	if (s->n == s->cap) {
		if (s->cap * 2 <= SPILL_ITEMS || !to_file(s, s->cap * 2)) {
			if (s->window)
				to_memory(s);
			s->list = mem_grow(s->list, &s->cap, s->n + 1, s->size);
		}
	}
	spill_touch(s->window, s->n);
	return (char *)s->list + s->n++ * s->size;
}

void *spill_take(struct pass_spill *s, struct spill_window **ret_window)
{
	void *list = s->list;

	*ret_window = s->window;
	if (s->window) {
		s->window->writes = false;
		close(s->fd);
	}
	*s = (struct pass_spill){ .size = s->size };
	return list;
}

void spill_free(void *list, struct spill_window *window)
{
	if (window)
		munmap(window->map, window->bytes);
	else
		free(list);
	free(window);
}

void spill_release(struct pass_spill *s)
{
	struct spill_window *window;
	void *list = spill_take(s, &window);

	spill_free(list, window);
}
