/*
 * op_window: operations that wait for rows which come later in the file, and for their turn. How far
 * behind rows come is known from the first reading (struct op_lag): what lies further back than that is
 * given out, and the room grows only when it does not hold the rest. At OP_WINDOW it is full: then
 * the half with the lowest correlation ids is given out all the same, so a row may be OP_WINDOW / 2
 * operations late. Memory: at most 100 MiB, touched as it is needed; a usual trace needs 2 MiB.
 *
 * Correlation ids in here are unwrapped (op_window_id()), 0 is none. No errors; one thread.
 */
#ifndef JITNESS_DECODER_OP_WINDOW_H
#define JITNESS_DECODER_OP_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OP_WINDOW_BITS 20
#define OP_WINDOW      (1u << OP_WINDOW_BITS)
#define OP_WINDOW_MIN  (1u << 13) /* with its index it stays in a second-level cache */

enum op_entry_flag {
	OP_HAS_LAUNCH = 1u << 0,
	OP_HAS_GPU = 1u << 1,   /* a record of what ran */
	OP_HAS_NODES = 1u << 2, /* symbol is a graph, grid counts its kernels */
	OP_HAS_RUN = 1u << 3,   /* symbol is a graph, from one record of the replay */
};

/* One call may copy, then wait: the order of entries of one id. */
enum op_rank { OP_RANK_LAUNCH, OP_RANK_COPY, OP_RANK_SYNC };

/* 64 bytes: a million of them wait at once. */
struct op_entry {
	uint64_t corr;
	uint64_t host_start; /* copies and sets, which have no host times: bytes */
	uint64_t host_end;
	uint64_t gpu_start, gpu_end;
	uint32_t tid, context, stream;
	uint32_t symbol, grid;
	uint16_t block;
	uint8_t kind;  /* enum op_kind; of launches: what the call was */
	uint8_t flags; /* enum op_entry_flag */
};

/* Called in the order of corr. false: no more. */
typedef bool (*op_window_fn)(void *arg, const struct op_entry *e);

/* How far the rows of a trace come behind the highest id so far. All zeros: no rows. */
struct op_lag {
	uint64_t newest;
	uint64_t most;
};

struct op_window {
	struct op_entry *entries;
	uint32_t *slots;         /* by corr: the entry that rows join, + 1; 0: free */
	uint64_t slots_mask;
	uint64_t *order, *spare; /* key, and in the low bits the index; in the order of arrival */
	uint32_t *vacant;        /* indices of what was given out, lowest corr first */
	uint32_t n, used, vacant_next;
	uint32_t limit;          /* entries there is room for, at present */
	uint64_t lag;            /* rows come at most so far behind newest, or are late */
	uint64_t newest;         /* highest corr seen */
	uint64_t passed;         /* highest corr given out: what comes now must be above */
	op_window_fn fn;
	void *arg;
	uint64_t late;           /* rows and entries that came when their place had passed */
	bool stopped;            /* fn said so */
};

/* lag: of the same rows. */
void op_window_init(struct op_window *w, const struct op_lag *lag, op_window_fn fn, void *arg);
void op_window_release(struct op_window *w);

/*
 * corr as a number that only rises: CUPTI's 32 bits start again after 2^32 calls. Rows may be
 * 2^31 calls out of order. The trace's first round reads as OP_ID_BASE + corr.
 */
#define OP_ID_BASE (1ull << 32)
static inline uint64_t op_id(uint64_t *newest, uint32_t corr)
{
	uint64_t id = OP_ID_BASE + corr;

	if (*newest)
		id = *newest + (uint64_t)(int64_t)(int32_t)(corr - (uint32_t)*newest);
	if (id > *newest)
		*newest = id;
	return id;
}

static inline uint64_t op_window_id(struct op_window *w, uint32_t corr)
{
	return op_id(&w->newest, corr);
}

/* The rows of one section, in the order of the file. */
void op_lag_add(struct op_lag *l, const uint64_t *corr, uint32_t rows);

/* The entry that rows of this id join; a new one is zeros but for corr. NULL: late, or stopped. */
struct op_entry *op_window_join(struct op_window *w, uint64_t id);
/* An entry of its own. NULL: as above. */
struct op_entry *op_window_add(struct op_window *w, uint64_t id, enum op_rank rank);
/* Gives out all that wait. */
void op_window_drain(struct op_window *w);

#endif
