/*
 * mem: memory for the decoder. These functions do not fail: without memory the
 * command says so and ends with EXIT_SYSTEM. Never used in the traced process.
 */
#ifndef JITNESS_DECODER_MEM_H
#define JITNESS_DECODER_MEM_H

#include <dirent.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void *mem_zalloc(size_t n, size_t size) __attribute__((malloc));
/* The same for a table of many MiB that is used all over: in large pages where the kernel has them. */
void *mem_table(size_t n, size_t size) __attribute__((malloc));
/* items: room for `want` elements of `size`; new ones are zeroed. *cap is updated. */
void *mem_grow(void *items, size_t *cap, size_t want, size_t size);
/* Copy with a NUL after it. */
char *mem_text(const void *text, size_t len);
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Makes room for one more in {item *list; size_t n, cap;}. */
#define MEM_MORE(list, n, cap) \
	((list) = (size_t)(n) < (cap) ? (list) : \
					mem_grow((list), &(cap), (size_t)(n) + 1, sizeof(*(list))))

static inline void scoped_free(void *p)
{
	free(*(void **)p);
}
static inline void scoped_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}
static inline void scoped_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
static inline void scoped_closedir(DIR **d)
{
	if (*d)
		closedir(*d);
}
/* Always initialised at declaration. */
#define SCOPED_FREE __attribute__((cleanup(scoped_free)))
#define SCOPED_FILE __attribute__((cleanup(scoped_fclose)))
#define SCOPED_FD   __attribute__((cleanup(scoped_close)))
#define SCOPED_DIR  __attribute__((cleanup(scoped_closedir)))

#endif
