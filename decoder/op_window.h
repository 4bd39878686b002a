/*
 * op_window: operations that wait for rows which come later in the file, and for their turn. How far
 * behind rows come is known from the first reading (struct op_lag): what lies further back than that is
 * given out. A ring of places holds all ids that may wait, one place for each id; where most ids are of calls
 * that launch nothing, or rows come more than 2M ids late, a place holds a few neighbours. When OP_WINDOW operations wait,
 * the half with the lowest correlation ids is given out all the same, so a row may be OP_WINDOW / 2
 * operations late. Memory: at most 90 MiB, touched as it is needed; a usual trace needs 2 MiB.
 *
 * Correlation ids in here are unwrapped (op_window_id()), 0 is none. No errors; one thread.
 */
#ifndef JITNESS_DECODER_OP_WINDOW_H
#define JITNESS_DECODER_OP_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OP_WINDOW (1u << 20)

enum op_entry_flag {
	OP_HAS_LAUNCH = 1u << 0,
	OP_HAS_GPU = 1u << 1,   /* a record of what ran */
	OP_HAS_NODES = 1u << 2, /* symbol is a graph, grid counts its kernels */
	OP_HAS_RUN = 1u << 3,   /* symbol is a graph, from one record of the replay */
	OP_AFTER_GAP = 1u << 4, /* launches of its thread before it are not in the sample */
};

/* One call may copy, then wait: the order of entries of one id. */
enum op_rank { OP_RANK_LAUNCH, OP_RANK_COPY, OP_RANK_SYNC };

/* A cache line. */
struct op_entry {
	uint64_t key;        /* the id, and in the low two bits the rank */
	uint64_t host_start; /* copies and sets, which have no host times: bytes */
	uint64_t host_end;
	uint64_t gpu_start, gpu_end;
	uint32_t tid, context, stream;
	uint32_t symbol, grid;
	uint16_t block;
	uint8_t kind;   /* enum op_kind; of launches: what the call was */
	uint8_t flags;  /* enum op_entry_flag */
};
static inline uint64_t op_entry_id(const struct op_entry *e)
{
	return e->key >> 2;
}

/* Called in the order of ids. false: no more. */
typedef bool (*op_window_fn)(void *arg, const struct op_entry *e);

/* How far the rows of a trace come behind the highest id so far, and how many ids are used. All zeros: no rows. */
struct op_lag {
	uint64_t newest;
	uint64_t most;
	uint64_t first, rows;
};

struct op_window {
	void *block;       /* of the entries */
	struct op_entry *entries;
	uint32_t *below;   /* of each entry: the next lower one in its place, + 1; 0: none */
	uint32_t *places;  /* by id: the highest entry of the place, + 1; 0: none */
	uint64_t *waiting; /* a bit for each place: there is one */
	uint64_t mask;     /* places are this many, + 1 */
	unsigned shift;    /* ids of one place: 2^shift */
	uint32_t n, used;  /* that wait; entries that were ever used */
	uint32_t vacant;   /* of these, one that is free, + 1; the others follow by `below` */
	uint64_t next;     /* first place, not modulo the ring, that is not given out */
	uint64_t due;      /* a new id from here on: time to give out */
	uint64_t lag;      /* rows come at most so far behind newest, or are late */
	uint64_t newest;   /* highest id seen */
	op_window_fn fn;
	void *arg;
	uint64_t late;     /* rows and entries that came when their place had passed */
	bool stopped;      /* fn said so */
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

/* The entry that rows of this id join. NULL: there is none. */
static inline struct op_entry *op_window_find(const struct op_window *w, uint64_t id)
{
	const uint64_t key = id << 2 | OP_RANK_LAUNCH;
	uint32_t i = w->places[id >> w->shift & w->mask];

	while (i && w->entries[i - 1].key > key)
		i = w->below[i - 1];
	return i && w->entries[i - 1].key == key ? &w->entries[i - 1] : NULL;
}

/* Optional: rows of this id come soon; their entry is fetched meanwhile. */
static inline void op_window_ahead(const struct op_window *w, uint64_t corr)
{
	const uint32_t i = w->places[corr >> w->shift & w->mask];

	__builtin_prefetch(&w->entries[i ? i - 1 : 0], 1);
}

/*
 * A new entry, zeros but for its key; after those of its id and rank. For rank OP_RANK_LAUNCH there must be none
 * yet. NULL: late, or stopped.
 */
struct op_entry *op_window_add(struct op_window *w, uint64_t id, enum op_rank rank);

/* The entry that rows of this id join, a new one if need be. NULL: as above. */
static inline struct op_entry *op_window_join(struct op_window *w, uint64_t id)
{
	struct op_entry *e = op_window_find(w, id);

	return e ? e : op_window_add(w, id, OP_RANK_LAUNCH);
}

/* Gives out all that wait. */
void op_window_drain(struct op_window *w);

#endif
