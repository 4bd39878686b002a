/*
 * pass_spill: a list that goes to an unlinked temporary file (in $TMPDIR or /tmp) when it has grown
 * beyond SPILL_ITEMS: what a long trace needs is the disk's, not memory's. Of the file SPILL_BLOCKS
 * blocks are in memory, those that came last, if each use of an item is told by spill_touch(): what
 * was used before leaves, and comes back when it is used again. Pointers stay valid all the time; an
 * item that is used without telling stays in memory, which is right for a few. Where no file can be
 * made it all stays in memory. Without memory the command ends, as with mem.h. One thread.
 */
#ifndef JITNESS_DECODER_PASS_SPILL_H
#define JITNESS_DECODER_PASS_SPILL_H

#include <stdbool.h>
#include <stddef.h>

#define SPILL_ITEMS      (16u << 10)
#define SPILL_BLOCK      (384u << 10) /* bytes, about: a block has a power of two of items */
#define SPILL_BLOCKS     8u /* more than the places at which one loop works */

/* What of a mapped list is in memory. */
struct spill_window {
	char *map;
	size_t bytes, size;         /* of the map, of an item */
	unsigned bits;              /* items of a block: 2^bits */
	size_t last;                /* block used last */
	size_t block[SPILL_BLOCKS]; /* + 1; 0: none; in the order they came, from next on */
	unsigned next;
	bool writes;                /* blocks that come will be written */
};

struct pass_spill {
	void *list;
	size_t n, cap, size;         /* size: of an item; set by the user */
	struct spill_window *window; /* NULL: malloc */
	int fd;                      /* while there is a window */
};

/* Another block than the last one: see spill_touch(). */
void spill_turn(struct spill_window *w, size_t block);
/* Item i of the list is about to be used. w NULL: nothing to do. */
static inline void spill_touch(struct spill_window *w, size_t i)
{
	if (w && i >> w->bits != w->last)
		spill_turn(w, i >> w->bits);
}

/*
 * A walk that writes nearly every item begins or ends: its blocks come writable as a whole, where without
 * telling each page costs a fault of its own. w NULL: nothing to do.
 */
static inline void spill_writes(struct spill_window *w, bool on)
{
	if (w)
		w->writes = on;
}

/* A new item at the end, to be filled. Valid until the next call. */
void *spill_more(struct pass_spill *s);
/* The list, to be freed by spill_free(list, window). *s is empty then. */
void *spill_take(struct pass_spill *s, struct spill_window **ret_window);
void spill_free(void *list, struct spill_window *window);
void spill_release(struct pass_spill *s);

#endif
