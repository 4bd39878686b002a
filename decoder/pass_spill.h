/*
 * pass_spill: a list that goes to an unlinked temporary file (in $TMPDIR or /tmp) when it has grown
 * beyond SPILL_ITEMS: what a long trace needs is the disk's, not memory's. Where no file can be made it
 * stays in memory. Without memory the command ends, as with mem.h. One thread.
 */
#ifndef JITNESS_DECODER_PASS_SPILL_H
#define JITNESS_DECODER_PASS_SPILL_H

#include <stddef.h>

#define SPILL_ITEMS (64u << 10)

struct pass_spill {
	void *list;
	size_t n, cap, size; /* size: of an item; set by the user */
	size_t mapped;       /* bytes; 0: malloc */
	int fd;              /* while mapped */
};

/* A new item at the end, zeroed. Valid until the next call. */
void *spill_more(struct pass_spill *s);
/* The list, to be freed by spill_free(list, mapped). *s is empty then. */
void *spill_take(struct pass_spill *s, size_t *ret_mapped);
void spill_free(void *list, size_t mapped);
void spill_release(struct pass_spill *s);

#endif
