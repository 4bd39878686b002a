/*
 * shapes: the kernels that were seen lately, with all that is the same whenever one of them runs
 * (name, grid, stream, ...), so that the next run of it is a short row. Drain thread only.
 */
#ifndef JITNESS_CUPTI_SHAPES_H
#define JITNESS_CUPTI_SHAPES_H

#include <stdbool.h>
#include <stdint.h>

#include "cupti/layout.h"
#include "trace/journal.h"

#define SHAPE_WORDS 10

struct shape {
	uint64_t word[SHAPE_WORDS]; /* of the record: all that is kept but times and correlation id */
	struct journal_place row;   /* the last whole row of it */
	uint32_t name;              /* id of its STRING; 0: none, or not known */
	uint32_t buffer;            /* the name was read for this shapes_buffer(); 0: for none */
	struct shape *next;         /* what came after it; may be another by now */
};

/* Before the first buffer: rows of an earlier journal cannot be repeated. */
void shapes_reset(void);

/*
 * Another buffer begins: names are read again, because behind a pointer there may be another one
 * now (a module was unloaded). Within a buffer they are read at about the same instant anyway.
 */
void shapes_buffer(void);

/* The shape of this kernel record; a new one takes the place of another. */
struct shape *shapes_of(const struct layout_record *r);

/* Whether s->name has been read for this buffer. */
bool shapes_fresh(const struct shape *s);

/* The name was read: its id. A shape of another name is another one. */
void shapes_name(struct shape *s, uint32_t name);

#endif
