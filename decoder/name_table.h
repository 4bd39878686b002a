/*
 * name_table: every distinct text of a session once, as a small number. Kernel names,
 * paths and thread names repeat in every process; here they do not.
 */
#ifndef JITNESS_DECODER_NAME_TABLE_H
#define JITNESS_DECODER_NAME_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct names {
	struct name {
		char *text; /* with a NUL after it; may hold NULs */
		uint32_t len;
		uint32_t next; /* index + 1 of the next with the same hash bucket */
	} *list;
	size_t n, cap;
	uint32_t *buckets; /* index + 1 */
	size_t bucket_count;
};

/* Index of the text, added when it is new. len < 4 GiB. */
uint32_t names_put(struct names *m, const void *text, size_t len);
/* Borrowed; valid until names_release(). */
const char *names_text(const struct names *m, uint32_t index);
void names_release(struct names *m);

#endif
