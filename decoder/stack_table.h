/*
 * stack_table: the call stacks of a process: a tree of frames, and the libraries that native
 * frames lie in. A stack is the id of its innermost frame; walk it by `parent`.
 */
#ifndef JITNESS_DECODER_STACK_TABLE_H
#define JITNESS_DECODER_STACK_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "decoder/idmap.h"

struct names;
struct section;

#define STACK_NONE       UINT32_MAX
#define STACK_FRAMES_MAX (1u << 18) /* frames listed per process; more are only counted */
#define STACK_DEPTH_MAX  256        /* of a walk: a damaged file may hold a cycle */

struct stack_frame {
	uint64_t id, parent;  /* FRAME ids; parent 0: outermost */
	uint64_t offset;      /* native: address in the file's own terms, or the address */
	uint32_t type;        /* enum frame_type */
	uint64_t object_id;   /* native: OBJECT id; 0: no file */
	uint32_t object;      /* native: index in objects, or STACK_NONE */
	uint32_t file, function; /* Python: session's names, or STACK_NONE */
	uint32_t line;        /* Python; 0: unknown */
};

struct stack_object {
	uint64_t id, time, base, start, end;
	uint32_t path, build_id; /* session's names */
};

struct stack_table {
	struct stack_frame *frames;
	struct stack_object *objects;
	size_t n_frames, frames_cap, n_objects, objects_cap;
	uint64_t unlisted;
	struct idmap frame_by_id, object_by_id;
};

/* One FRAME or OBJECT section. */
void stack_table_fold(struct stack_table *t, const struct section *s, struct names *names);
/* Once, when the process has been read: resolves objects (frames may come first). */
void stack_table_join(struct stack_table *t);
void stack_table_release(struct stack_table *t);

/* NULL for 0 and for an id whose definition is lost. */
const struct stack_frame *stack_frame_of(const struct stack_table *t, uint64_t id);
/* The frames of a stack, innermost first; at most max; returns how many. */
size_t stack_walk(const struct stack_table *t, uint64_t id, const struct stack_frame **ret,
		  size_t max);

#endif
