/*
 * pass_items: what the choice of the cut looks at: the kernels and graph replays of one thread as a string
 * of symbols, each with how the host came to it. A sample of a long trace (op_stream_run()): windows
 * evenly spread, so memory is bounded. Symbols are dense numbers, the same for all threads.
 */
#ifndef JITNESS_DECODER_PASS_ITEMS_H
#define JITNESS_DECODER_PASS_ITEMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/idmap.h"
#include "decoder/op_stream.h"
#include "decoder/pass_after.h"
#include "trace/event.h"

#define PASS_ITEMS_MAX (1u << 18) /* of all threads together, about */
#define PASS_THREADS_MAX 256u
#define PASS_SYMBOLS_MAX 65536u

enum pass_item_flag {
	ITEM_WAIT = 1,  /* the host waited for the GPU right before it */
	ITEM_BREAK = 2, /* what came before it is not in the sample */
	ITEM_GRAPH = 4, /* a replay; its blocks are its kernels */
};

struct pass_item {
	uint64_t blocks;
	uint32_t gap_ns; /* of the host since its last launch or wait; saturates */
	uint32_t sym;
	uint8_t flags;
};

/* Dense symbols: kernels by name, replays by what is in the graph. */
struct pass_symbols {
	struct idmap by_key;
	uint32_t n;
};

/* Where a thread is; the same for learning and for cutting, so that both see the same string. */
struct pass_cursor {
	uint64_t at;   /* end of the last launch or wait; 0: none yet */
	uint32_t left; /* symbol before, + 1; 0: none */
	bool waited;   /* since the last launch */
};

struct pass_thread_items {
	uint32_t tid;
	struct pass_cursor cursor;
	struct pass_after after;
	uint64_t gpu_end;  /* of what it launched since it waited */
	struct pass_item *list;
	size_t n, cap;
	bool gap;          /* of the sample, before the next item */
};

struct process;

/* A launch that does GPU work of its own: what strings are made of. */
static inline bool pass_op_is_item(const struct op *op)
{
	return (op->kind == OP_KERNEL || op->kind == OP_GRAPH) && !op->captured;
}
/* An operation for which the host stood still until the GPU was done. */
static inline bool pass_op_is_wait(const struct op *op)
{
	return op->kind == OP_SYNC && op->symbol != SYNC_OF_STREAM_WAIT;
}
/* p may be NULL: graphs by their id alone. */
uint32_t pass_symbol(struct pass_symbols *s, const struct process *p, const struct op *op);
/* *ret is the item of op; the cursor goes on. op must be an item or a wait; false: a wait. */
static inline bool pass_step(struct pass_cursor *c, const struct op *op, uint32_t sym,
			     struct pass_item *ret)
{
	uint64_t gap;

	if (pass_op_is_wait(op)) {
		c->waited = true;
		if (op->host_end > c->at)
			c->at = op->host_end;
		return false;
	}
	gap = c->at && op->host_start > c->at ? op->host_start - c->at : 0;
	*ret = (struct pass_item){
		.blocks = op->grid,
		.gap_ns = gap > UINT32_MAX ? UINT32_MAX : (uint32_t)gap,
		.sym = sym,
		.flags = (uint8_t)((c->waited ? ITEM_WAIT : 0) |
				   (op->kind == OP_GRAPH ? ITEM_GRAPH : 0)),
	};
	c->waited = false;
	c->left = sym + 1;
	if (op->host_end > c->at)
		c->at = op->host_end;
	return true;
}
/* Kernels, those of a replay too. */
static inline uint64_t pass_item_weight(const struct pass_item *i)
{
	return i->flags & ITEM_GRAPH && i->blocks ? i->blocks : 1;
}

#endif
