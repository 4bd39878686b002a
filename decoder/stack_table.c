#include "decoder/stack_table.h"

#include <string.h>

#include "decoder/mem.h"
#include "decoder/name_table.h"
#include "trace/encode.h"

#define OBJECTS_MAX 65536 /* libraries listed per process */

/* Two texts in one blob, a NUL between them. */
struct text_pair {
	const uint8_t *first, *second;
	size_t first_len, second_len;
};

static struct text_pair pair_of(const struct section *s, uint32_t i)
{
	static const uint8_t none[1];
	struct text_pair p = { .first = none, .second = none };
	size_t len;

	if (!s->blob_at)
		return p;
	p.first = s->blob + s->blob_at[i];
	len = s->blob_at[i + 1] - s->blob_at[i];
	p.first_len = strnlen((const char *)p.first, len);
	if (p.first_len < len) {
		p.second = p.first + p.first_len + 1;
		p.second_len = len - p.first_len - 1;
	}
	return p;
}

static void fold_frames(struct stack_table *t, const struct section *s, struct names *names)
{
	for (uint32_t i = 0; i < s->rows; i++) {
		uint64_t id = s->col[FRAME_ID][i];
		struct stack_frame *f;

		/* The first definition counts: a second one can only come from damage. */
		if (!id || idmap_get(&t->frame_by_id, id) != IDMAP_NONE)
			continue;
		if (t->n_frames >= STACK_FRAMES_MAX) {
			t->unlisted++;
			continue;
		}
		MEM_MORE(t->frames, t->n_frames, t->frames_cap);
		idmap_put(&t->frame_by_id, id, (uint32_t)t->n_frames);
		f = &t->frames[t->n_frames++];
		*f = (struct stack_frame){
			.id = id,
			.parent = s->col[FRAME_PARENT][i],
			.offset = s->col[FRAME_OFFSET][i],
			.type = (uint32_t)s->col[FRAME_TYPE][i],
			.object_id = s->col[FRAME_OBJECT][i],
			.object = STACK_NONE,
			.file = STACK_NONE,
			.function = STACK_NONE,
			.line = (uint32_t)s->col[FRAME_LINE][i],
		};
		if (f->type == FRAME_IS_PYTHON) {
			struct text_pair p = pair_of(s, i);

			f->file = names_put(names, p.first, p.first_len);
			f->function = names_put(names, p.second, p.second_len);
		}
	}
}

static void fold_objects(struct stack_table *t, const struct section *s, struct names *names)
{
	for (uint32_t i = 0; i < s->rows; i++) {
		uint64_t id = s->col[OBJECT_ID][i];
		struct text_pair p = pair_of(s, i);

		if (!id || idmap_get(&t->object_by_id, id) != IDMAP_NONE)
			continue;
		if (t->n_objects >= OBJECTS_MAX) {
			t->unlisted++;
			continue;
		}
		MEM_MORE(t->objects, t->n_objects, t->objects_cap);
		idmap_put(&t->object_by_id, id, (uint32_t)t->n_objects);
		t->objects[t->n_objects++] = (struct stack_object){
			.id = id,
			.time = s->col[OBJECT_TIME][i],
			.base = s->col[OBJECT_BASE][i],
			.start = s->col[OBJECT_START][i],
			.end = s->col[OBJECT_END][i],
			.path = names_put(names, p.first, p.first_len),
			.build_id = names_put(names, p.second, p.second_len),
		};
	}
}

void stack_table_fold(struct stack_table *t, const struct section *s, struct names *names)
{
	if (s->kind == EVENT_FRAME)
		fold_frames(t, s, names);
	else if (s->kind == EVENT_OBJECT)
		fold_objects(t, s, names);
}

void stack_table_join(struct stack_table *t)
{
	for (size_t i = 0; i < t->n_frames; i++) {
		struct stack_frame *f = &t->frames[i];

		if (f->object_id)
			f->object = idmap_get(&t->object_by_id, f->object_id);
	}
}

const struct stack_frame *stack_frame_of(const struct stack_table *t, uint64_t id)
{
	uint32_t i = id ? idmap_get(&t->frame_by_id, id) : IDMAP_NONE;

	return i == IDMAP_NONE ? NULL : &t->frames[i];
}

size_t stack_walk(const struct stack_table *t, uint64_t id, const struct stack_frame **ret,
		  size_t max)
{
	size_t n = 0;

	for (const struct stack_frame *f = stack_frame_of(t, id);
	     f && n < max && n < STACK_DEPTH_MAX; f = stack_frame_of(t, f->parent))
		ret[n++] = f;
	return n;
}

void stack_table_release(struct stack_table *t)
{
	free(t->frames);
	free(t->objects);
	idmap_release(&t->frame_by_id);
	idmap_release(&t->object_by_id);
	*t = (struct stack_table){ 0 };
}
