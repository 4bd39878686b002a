/*
 * pass_cut: cuts the stream of operations into passes by the rules of its threads. Between two cuts
 * the operations form bursts, each ended by a wait; when one of them is nearly all of it, the pass is
 * that burst and the rest (choosing a token, bookkeeping) lies between the passes. Where the host does not wait
 * between preparation and the pass, how most passes begin tells them apart (pass_begin.h).
 */
#ifndef JITNESS_DECODER_PASS_CUT_H
#define JITNESS_DECODER_PASS_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/pass.h"
#include "decoder/pass_boundary.h"
#include "decoder/pass_items.h"
#include "decoder/pass_spill.h"

/* What a kernel's name says; by symbol. */
enum pass_name_flag {
	NAME_ONE_ROW = 1, /* made for few rows, or for a query of one token */
	NAME_TRAINING = 2,
};

#define PASS_PARTS 32u /* symbols fall into so many parts: their blocks tell passes of a shape apart */

/* A pass as it was cut, with what its label is found from. */
struct pass_found {
	struct pass pass;
	struct pass_set set;
	uint64_t blocks;       /* of its kernels; replays: their kernels */
	uint32_t part[PASS_PARTS]; /* the same by symbol modulo PASS_PARTS; wraps */
	uint32_t graphs;       /* of which graphs were replayed: sum of hashes */
	uint32_t items;        /* kernels and replays */
	uint32_t inner;        /* kernels, those of replays too */
	uint32_t begin, end_sym;
	uint32_t one_row;      /* kernels with NAME_ONE_ROW */
	uint16_t in_copies;    /* host to device, just before it */
	uint32_t read_bytes;   /* that came back at its end; wraps */
	bool token;            /* a few bytes came back at its end */
	bool training, waited;
	bool replay_last;      /* ended with a replay */
	bool ready;            /* begins with what made ready for it, unwaited for: the copy of its input, changes of a graph */
	bool edge;             /* the first or last of its thread: cut at one side only */
	bool dropped;          /* not a pass: nothing like it elsewhere */
	uint64_t host_end;     /* of its last launch */
	uint64_t quiet_until;  /* end of what the thread did before it */
};

/* One of a list of them: pass_spill.h says what of it is in memory. */
static inline struct pass_found *pass_found_at(const struct pass_spill *found, size_t i)
{
	spill_touch(found->window, i);
	return (struct pass_found *)found->list + i;
}

struct pass_cut;

/* rules are borrowed. found: size of struct pass_found; ran: of struct pass_ran. */
struct pass_cut *pass_cut_new(struct pass_spill *found, struct pass_spill *ran);
/* The rule of a thread, and what was learned of it (copied); threads without a rule have no passes. */
void pass_cut_rule(struct pass_cut *c, uint32_t tid, const struct pass_rule *r,
		   const struct pass_after *after);
/* What an operation is to the cutting. */
struct cut_symbol {
	uint32_t sym;   /* of pass_items.h */
	uint32_t code;  /* of pass_work.h */
	uint8_t flags;  /* enum pass_name_flag */
};

/*
 * s: of items only. masked: something was compiled or tried out: part of a pass, but no pass begins or ends
 * in it.
 */
void pass_cut_op(struct pass_cut *c, const struct op *op, const struct cut_symbol *s, bool masked);
/* Adds what is the work of `more` to the work of f: items, blocks, kernels. */
void pass_found_add(struct pass_found *f, const struct pass_found *more);
/* Closes what is open. *ret_ops: operations; *ret_outside: those in no pass. */
void pass_cut_end(struct pass_cut *c, uint64_t *ret_ops, uint64_t *ret_outside);

#endif
