/*
 * pass_label: tells the passes of one thread apart and gives them labels by votes; pass_find.h says how.
 */
#ifndef JITNESS_DECODER_PASS_LABEL_H
#define JITNESS_DECODER_PASS_LABEL_H

#include "decoder/pass_cut.h"

#define PASS_CLASSES_MAX 256u
#define PASS_LABEL_MIN   60 /* sum of votes; below: PASS_UNLABELLED */

/* Passes of one thread, in time. */
struct pass_seq {
	struct pass_found *list;
	struct spill_window *window; /* of list */
	uint32_t *order; /* indices in list */
	uint8_t *cls;    /* of the passes, by class: apart, because most walks need no more of most passes */
	size_t n;
};
static inline struct pass_found *seq_at(const struct pass_seq *s, size_t i)
{
	spill_touch(s->window, s->order[i]);
	return &s->list[s->order[i]];
}

/* Passes alike: nearly the same kernels, nearly as many. */
struct pass_class {
	struct pass_set set;
	uint32_t items, inner; /* of the first */
	uint64_t blocks;
	uint32_t begin, end_sym;
	uint32_t count;
	/* What the labels are decided from. */
	uint32_t family;       /* another model on the same thread */
	uint32_t runs, in_runs; /* of three or more in a row; passes in them */
	uint32_t pairs, up, down; /* neighbours in runs: more blocks, fewer */
	uint32_t led;          /* runs that follow another class */
	uint32_t leader, led_kinds; /* class that led last, + 1; how often it was another */
	uint64_t leaders[PASS_CLASSES_MAX / 64]; /* classes that led, a bit each */
	uint32_t leads;        /* runs of other classes that its passes led */
	uint32_t inputs;       /* of the pairs, where input was copied in between */
	uint32_t beside;       /* runs next to one of a decode class, with as much work */
	uint32_t led_input;    /* of the leaders, with input copied in */
	uint32_t led_more;     /* of these, after more work */
	uint32_t tokens, replays, one_row, training;
	int8_t vote[VOTE_COUNT];
	bool decode;
	uint64_t last_blocks;  /* of the run before, while labels are given; 0: none */
	uint32_t as_prefill;
	uint32_t before_steps; /* passes right before one of a decode class */
	uint32_t chunk_runs;   /* of three or more, before a decode run, after less work */
	bool chunk;            /* a prompt comes in parts: these */
};

struct pass_classes {
	struct pass_class list[PASS_CLASSES_MAX];
	uint32_t n;
};

/* Sets the classes, and dropped of passes that are like no other; s loses these. */
void pass_classes_find(struct pass_classes *ret, struct pass_seq *s);
/* Work of a against work of b: blocks, or GPU time where graphs hide the blocks. */
double pass_work_ratio(const struct pass_found *a, const struct pass_found *b);
/* The next pass of the same family, or s->n. */
size_t pass_next(const struct pass_classes *c, const struct pass_seq *s, size_t i);
/* The label if the votes suffice, else PASS_UNLABELLED; the votes are kept. */
void pass_label_set(struct pass_found *f, enum pass_label l, const int8_t *vote);
/* Sets label, confidence and votes. */
void pass_labels_find(struct pass_classes *c, const struct pass_seq *s);

/* Parts of it, in this order after prefill and decode are told apart. */
/* Batches to which sequences come and from which they go (pass_mixed.c). */
void pass_mixed_find(const struct pass_classes *c, const struct pass_seq *s);
/* What ran before anything was asked for (pass_warmup.c). */
void pass_warmup_find(const struct pass_seq *s);

#endif
