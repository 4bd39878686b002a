#include "decoder/op_stream.h"

#include "decoder/mem.h"
#include "decoder/op_captures.h"
#include "decoder/op_window.h"
#include "decoder/process_model.h"
#include "trace/encode.h"
#include "trace/event.h"
#include "trace/reader.h"

/*
 * Whose stream is it? Programs use few streams; one that loses its place to another falls back
 * to its context, as one that is new does.
 */
#define STREAMS  1024u
#define CONTEXTS 64u
#define AHEAD    16u /* rows: about as long as memory takes */

struct op_stream {
	const struct process *p;
	struct op_window window;
	uint64_t stride;
	struct sampled {
		uint64_t launches; /* so far */
		bool gap;          /* some were left out since the last one that was taken */
	} *sampled;                /* as p->launch_counts.list; NULL: nothing is left out */
	struct op_captures captures;
	struct kernel_key {
		uint32_t context, stream, symbol, graph, grid;
		uint16_t block;
	} *keys; /* of the section of kernels that is folded */
	size_t keys_cap;
	struct reader *reader;
	int err;
	struct op_owner {
		uint32_t context, stream, tid; /* tid 0: free */
	} streams[STREAMS], contexts[CONTEXTS];
	op_fn fn;
	void *arg;
	struct op_stream_status status;
};

static struct op_owner *owner_of_stream(struct op_stream *st, uint32_t context, uint32_t stream)
{
	return &st->streams[(stream ^ context * 0x9e3779b1u >> 22) % STREAMS];
}

static void own(struct op_stream *st, const struct op_entry *e)
{
	struct op_owner owner = { e->context, e->stream, e->tid };

	*owner_of_stream(st, e->context, e->stream) = owner;
	st->contexts[e->context % CONTEXTS] = owner;
}

static uint32_t thread_of(struct op_stream *st, const struct op_entry *e)
{
	const struct op_owner *s = owner_of_stream(st, e->context, e->stream);
	const struct op_owner *c = &st->contexts[e->context % CONTEXTS];

	if (s->tid && s->context == e->context && s->stream == e->stream)
		return s->tid;
	return c->tid && c->context == e->context ? c->tid : st->p->main_tid;
}

/* --- from entries to operations */

/* What the replay did not tell itself. */
static uint32_t graph_kernels(const struct process *p, uint32_t graph)
{
	uint32_t i = idmap_get(&p->graphs.by_id, graph);

	return i == IDMAP_NONE ? 0 : (uint32_t)p->graphs.list[i].kernel_nodes;
}

/* false: there is no operation in it. */
static bool launch_op(struct op_stream *st, const struct op_entry *e, struct op *op)
{
	const bool graph = e->kind == OP_GRAPH || e->flags & (OP_HAS_NODES | OP_HAS_RUN);

	if (!(e->flags & OP_HAS_LAUNCH)) {
		st->status.orphans++;
		return false;
	}
	op->kind = graph ? OP_GRAPH : OP_KERNEL;
	op->host_start = e->host_start;
	op->host_end = e->host_end;
	op->tid = e->tid;
	op->after_gap = e->flags & OP_AFTER_GAP;
	if (!(e->flags & OP_HAS_GPU)) {
		op->symbol = OP_SYMBOL_NONE;
		op->captured = op_captures_cover(&st->captures, e->tid, e->host_start);
		st->status.captured += op->captured;
		st->status.unmatched += !op->captured;
		return true;
	}
	own(st, e);
	op->symbol = e->symbol;
	op->grid = e->grid;
	op->block = e->block;
	if (!graph)
		return true;
	op->block = 0;
	if (!(e->flags & (OP_HAS_NODES | OP_HAS_RUN))) {
		op->symbol = OP_SYMBOL_NONE; /* a kernel's name, and we do not know of which node */
		op->grid = 0;
	} else if (!op->grid) {
		op->grid = graph_kernels(st->p, op->symbol);
	}
	return true;
}

static bool give(void *arg, const struct op_entry *e)
{
	struct op_stream *st = arg;
	struct op op = {
		.corr = op_entry_id(e) - OP_ID_BASE,
		.gpu_start = e->gpu_start,
		.gpu_end = e->gpu_end,
		.kind = e->kind,
		.context = e->context,
		.stream = e->stream,
	};

	switch ((enum op_kind)e->kind) {
	case OP_KERNEL:
	case OP_GRAPH:
		if (!launch_op(st, e, &op))
			return true;
		break;
	case OP_MEMCPY:
	case OP_MEMSET:
		op.tid = thread_of(st, e);
		op.symbol = e->symbol;
		op.bytes = e->host_start;
		break;
	case OP_SYNC:
		op.tid = e->tid ? e->tid : thread_of(st, e);
		op.symbol = e->symbol;
		op.host_start = e->host_start;
		op.host_end = e->host_end;
		break;
	case OP_UPDATE:
		op.tid = e->tid;
		op.symbol = e->symbol;
		op.host_start = e->host_start;
		op.host_end = e->host_end;
		break;
	}
	st->status.ops++;
	return st->fn(st->arg, &op);
}

/* --- from rows to entries */

/* 0: the row has none that CUPTI can have given. */
static uint64_t id_of(struct op_stream *st, uint64_t corr)
{
	if (corr && corr <= UINT32_MAX)
		return op_window_id(&st->window, (uint32_t)corr);
	st->status.unplaced++;
	return 0;
}

/* Of a launch, or of what ran for one: of a sample only what its launch is in. */
static struct op_entry *join(struct op_stream *st, uint64_t corr)
{
	uint64_t id = id_of(st, corr);

	if (!id)
		return NULL;
	return st->sampled ? op_window_find(&st->window, id) : op_window_join(&st->window, id);
}

static struct op_entry *add(struct op_stream *st, uint64_t corr, enum op_kind kind)
{
	uint64_t id = id_of(st, corr);
	struct op_entry *e = NULL;

	if (id)
		e = op_window_add(&st->window, id,
				  kind == OP_SYNC ? OP_RANK_SYNC : OP_RANK_COPY);
	if (e)
		e->kind = kind;
	return e;
}

static void widen(struct op_entry *e, uint64_t start, uint64_t end)
{
	e->flags |= OP_HAS_GPU;
	if (start && (!e->gpu_start || start < e->gpu_start))
		e->gpu_start = start;
	if (end > e->gpu_end)
		e->gpu_end = end;
}

/* Rows [from, to). *gap: launches of the thread before them were left out; false once it is said. */
static void take_launches(struct op_stream *st, const struct section *s, uint32_t from, uint32_t to,
			  bool *gap)
{
	const uint64_t *start = s->col[LAUNCH_START], *end = s->col[LAUNCH_END];
	const uint64_t *corr = s->col[LAUNCH_CORR], *api = s->of_key[LAUNCH_API];
	const uint64_t *result = s->col[LAUNCH_RESULT];
	const uint32_t tid = s->tid;

	for (uint32_t i = from; i < to; i++) {
		uint64_t id = result[i] ? 0 : id_of(st, corr[i]);
		struct op_entry *e = id ? op_window_join(&st->window, id) : NULL;

		if (!e)
			continue;
		/* Two calls of one launch share its id: the outer one counts. */
		if (!(e->flags & OP_HAS_LAUNCH) || start[i] < e->host_start)
			e->host_start = start[i];
		if (end[i] > e->host_end)
			e->host_end = end[i];
		e->tid = tid;
		e->kind = api[s->key[i]] == API_CU_GRAPH_LAUNCH ? OP_GRAPH : OP_KERNEL;
		e->flags |= OP_HAS_LAUNCH | (*gap ? OP_AFTER_GAP : 0);
		*gap = false;
	}
}

/* The rest of a section's columns; false: no memory, and the stream ends. */
static bool whole(struct op_stream *st, struct section *s)
{
	const int err = reader_whole(st->reader, s);

	st->err = err ? err : st->err;
	return !err;
}

/* Of a sample: those of the windows. */
static void sample_launches(struct op_stream *st, struct section *s, struct sampled *t)
{
	bool decoded = false;

	for (uint32_t i = 0, n; i < s->rows; i += n, t->launches += n) {
		const uint64_t left = OP_SAMPLE_WINDOW - t->launches % OP_SAMPLE_WINDOW;
		uint64_t last;

		n = left < s->rows - i ? (uint32_t)left : s->rows - i;
		if (t->launches / OP_SAMPLE_WINDOW % st->stride == 0) {
			if (!decoded && !whole(st, s))
				return;
			decoded = true;
			take_launches(st, s, i, i + n, &t->gap);
			continue;
		}
		/* Ids go on; they start again after 2^32. */
		last = s->col[LAUNCH_CORR][i + n - 1];
		if (last && last <= UINT32_MAX)
			op_window_id(&st->window, (uint32_t)last);
		t->gap = true;
	}
}

static void fold_launches(struct op_stream *st, struct section *s)
{
	uint32_t i = st->sampled ? idmap_get(&st->p->launch_counts.by_tid, s->tid) : IDMAP_NONE;
	bool gap = false;

	if (i != IDMAP_NONE)
		sample_launches(st, s, &st->sampled[i]);
	else if (!st->sampled || whole(st, s))
		take_launches(st, s, 0, s->rows, &gap);
}

static uint32_t saturate(uint64_t a, uint64_t b, uint64_t c, uint32_t max)
{
	unsigned __int128 n = (unsigned __int128)a * b;

	if (n > max || (n *= c) > max)
		return max;
	return (uint32_t)n;
}

/* One record of many for a replay. */
static void fold_node(struct op_entry *e, uint64_t graph, uint64_t context, uint64_t stream)
{
	if (!(e->flags & OP_HAS_GPU)) {
		e->context = (uint32_t)context;
		e->stream = (uint32_t)stream;
	}
	if (!(e->flags & (OP_HAS_NODES | OP_HAS_RUN))) {
		e->symbol = (uint32_t)graph;
		e->grid = 0;
	}
	e->flags |= OP_HAS_NODES;
}

/* Of a sample: does a launch of the windows wait for one of these rows? */
static bool any_waits(struct op_stream *st, const uint64_t *corr, uint32_t rows)
{
	bool any = false;

	for (uint32_t i = 0; i < rows && !any; i++) {
		if (!corr[i] || corr[i] > UINT32_MAX)
			continue;
		any = op_window_find(&st->window, op_window_id(&st->window, (uint32_t)corr[i]));
	}
	return any;
}

/* What the rows of a key are. Valid until the next section. */
static const struct kernel_key *kernel_keys(struct op_stream *st, const struct section *s)
{
	const uint64_t *const *v = s->of_key;

	if (s->n_keys > st->keys_cap)
		st->keys = mem_grow(st->keys, &st->keys_cap, s->n_keys, sizeof(*st->keys));
	for (uint32_t i = 0; i < s->n_keys; i++)
		st->keys[i] = (struct kernel_key){
			.context = (uint32_t)v[KERNEL_CONTEXT][i],
			.stream = (uint32_t)v[KERNEL_STREAM][i],
			.symbol = idmap_get(&st->p->strings, v[KERNEL_NAME][i]),
			.graph = (uint32_t)v[KERNEL_GRAPH][i],
			.grid = saturate(v[KERNEL_GRID_X][i], v[KERNEL_GRID_Y][i],
					 v[KERNEL_GRID_Z][i], UINT32_MAX),
			.block = (uint16_t)saturate(v[KERNEL_BLOCK_X][i], v[KERNEL_BLOCK_Y][i],
						    v[KERNEL_BLOCK_Z][i], UINT16_MAX),
		};
	return st->keys;
}

static void fold_kernels(struct op_stream *st, const struct section *s)
{
	const uint64_t *start = s->col[KERNEL_START], *end = s->col[KERNEL_END];
	const uint64_t *corr = s->col[KERNEL_CORR], *node = s->col[KERNEL_NODE];
	const struct kernel_key *keys = kernel_keys(st, s);
	const uint32_t *key = s->key;

	for (uint32_t i = 0; i < s->rows; i++) {
		const struct kernel_key *k;
		struct op_entry *e;

		op_window_ahead(&st->window, corr[s->rows - i > AHEAD ? i + AHEAD : i]);
		e = join(st, corr[i]);
		if (!e)
			continue;
		k = &keys[key[i]];
		if (node[i]) {
			fold_node(e, k->graph, k->context, k->stream);
			e->grid++;
			widen(e, start[i], end[i]);
			continue;
		}
		/* More for one call (several devices at once) lengthen it. */
		if (!(e->flags & OP_HAS_GPU)) {
			e->context = k->context;
			e->stream = k->stream;
			e->symbol = k->symbol;
			e->grid = k->grid;
			e->block = k->block;
		}
		widen(e, start[i], end[i]);
	}
}

static void fold_graph_runs(struct op_stream *st, const struct section *s)
{
	for (uint32_t i = 0; i < s->rows; i++) {
		struct op_entry *e = join(st, s->col[GRAPH_RUN_CORR][i]);

		if (!e)
			continue;
		e->context = (uint32_t)s->col[GRAPH_RUN_CONTEXT][i];
		e->stream = (uint32_t)s->col[GRAPH_RUN_STREAM][i];
		e->symbol = (uint32_t)s->col[GRAPH_RUN_GRAPH][i];
		e->flags |= OP_HAS_RUN;
		widen(e, s->col[GRAPH_RUN_START][i], s->col[GRAPH_RUN_END][i]);
	}
}

/* The same, of copies that are nodes. */
static bool any_nodes(const struct section *s)
{
	uint64_t any = 0;

	for (uint32_t i = 0; i < s->rows; i++)
		any |= s->col[MEMCPY_NODE][i];
	return any;
}

static void fold_memcpys(struct op_stream *st, const struct section *s)
{
	for (uint32_t i = 0; i < s->rows; i++) {
		const bool node = s->col[MEMCPY_NODE][i] != 0;
		uint64_t corr = s->col[MEMCPY_CORR][i];
		struct op_entry *e;

		if (!node && st->sampled)
			continue;
		e = node ? join(st, corr) : add(st, corr, OP_MEMCPY);
		if (e && node) {
			fold_node(e, s->col[MEMCPY_GRAPH][i], s->col[MEMCPY_CONTEXT][i],
				  s->col[MEMCPY_STREAM][i]);
			widen(e, s->col[MEMCPY_START][i], s->col[MEMCPY_END][i]);
		} else if (e) {
			e->symbol = (uint32_t)s->col[MEMCPY_COPY_KIND][i];
			e->context = (uint32_t)s->col[MEMCPY_CONTEXT][i];
			e->stream = (uint32_t)s->col[MEMCPY_STREAM][i];
			e->host_start = s->col[MEMCPY_BYTES][i];
			widen(e, s->col[MEMCPY_START][i], s->col[MEMCPY_END][i]);
		}
	}
}

static void fold_memsets(struct op_stream *st, const struct section *s)
{
	for (uint32_t i = 0; i < s->rows; i++) {
		const bool node = s->col[MEMSET_NODE][i] != 0;
		uint64_t corr = s->col[MEMSET_CORR][i];
		struct op_entry *e = node ? join(st, corr) : add(st, corr, OP_MEMSET);

		if (e && node) {
			fold_node(e, s->col[MEMSET_GRAPH][i], s->col[MEMSET_CONTEXT][i],
				  s->col[MEMSET_STREAM][i]);
			widen(e, s->col[MEMSET_START][i], s->col[MEMSET_END][i]);
		} else if (e) {
			e->context = (uint32_t)s->col[MEMSET_CONTEXT][i];
			e->stream = (uint32_t)s->col[MEMSET_STREAM][i];
			e->host_start = s->col[MEMSET_BYTES][i];
			widen(e, s->col[MEMSET_START][i], s->col[MEMSET_END][i]);
		}
	}
}

static void fold_syncs(struct op_stream *st, const struct section *s)
{
	const bool launches = idmap_get(&st->p->launch_counts.by_tid, s->tid) != IDMAP_NONE;

	for (uint32_t i = 0; i < s->rows; i++) {
		struct op_entry *e = add(st, s->col[SYNC_CORR][i], OP_SYNC);

		if (!e)
			continue;
		e->symbol = (uint32_t)s->col[SYNC_TYPE][i];
		e->context = (uint32_t)s->col[SYNC_CONTEXT][i];
		e->stream = (uint32_t)s->col[SYNC_STREAM][i];
		e->host_start = s->col[SYNC_START][i];
		e->host_end = s->col[SYNC_END][i];
		/* Some have a thread that only waits, for another's work. */
		e->tid = s->col[SYNC_API][i] && launches ? s->tid : 0;
	}
}

static bool is_update(const struct section *s, uint32_t i)
{
	const uint64_t op = s->col[GRAPH_OP][i];

	return (op == GRAPH_OP_UPDATE || op == GRAPH_OP_NODE_UPDATE) && !s->col[GRAPH_RESULT][i] &&
	       s->col[GRAPH_CORR][i];
}

/* Of calls in a row, with nothing between them, one. */
static void fold_updates(struct op_stream *st, const struct section *s)
{
	for (uint32_t i = 0, first; i < s->rows; i++) {
		struct op_entry *e;

		if (!is_update(s, i))
			continue;
		first = i;
		while (i + 1 < s->rows && is_update(s, i + 1) &&
		       s->col[GRAPH_CORR][i + 1] == s->col[GRAPH_CORR][i] + 1)
			i++;
		e = add(st, s->col[GRAPH_CORR][first], OP_UPDATE);
		if (!e)
			continue;
		e->symbol = (uint32_t)s->col[GRAPH_GRAPH][i];
		e->host_start = s->col[GRAPH_START][first];
		e->host_end = s->col[GRAPH_END][i];
		e->tid = s->tid;
	}
}

static void fold(struct op_stream *st, struct section *s)
{
	switch (s->kind) {
	case EVENT_LAUNCH:
		fold_launches(st, s);
		break;
	case EVENT_KERNEL:
		if (!st->sampled || (any_waits(st, s->col[KERNEL_CORR], s->rows) && whole(st, s)))
			fold_kernels(st, s);
		break;
	case EVENT_GRAPH_RUN:
		fold_graph_runs(st, s);
		break;
	case EVENT_MEMCPY:
		if (!st->sampled || (any_nodes(s) && whole(st, s)))
			fold_memcpys(st, s);
		break;
	case EVENT_MEMSET:
		fold_memsets(st, s);
		break;
	case EVENT_SYNC:
		fold_syncs(st, s);
		break;
	case EVENT_GRAPH:
		fold_updates(st, s);
		break;
	default:
		break;
	}
}

#define COLUMN(kind, field) (1u << kind##_##field)

/* What is looked at; of a sample at first only what tells whether there is more to be looked at. */
static void want(struct reader *r, bool sample)
{
	const uint32_t by_key[EVENT_KIND_COUNT] = {
		[EVENT_LAUNCH] = COLUMN(LAUNCH, API),
		[EVENT_KERNEL] = COLUMN(KERNEL, NAME) | COLUMN(KERNEL, CONTEXT) | COLUMN(KERNEL, STREAM) |
				 COLUMN(KERNEL, GRID_X) | COLUMN(KERNEL, GRID_Y) | COLUMN(KERNEL, GRID_Z) |
				 COLUMN(KERNEL, BLOCK_X) | COLUMN(KERNEL, BLOCK_Y) | COLUMN(KERNEL, BLOCK_Z) |
				 COLUMN(KERNEL, GRAPH),
	};
	uint32_t columns[EVENT_KIND_COUNT] = {
		[EVENT_LAUNCH] = SECTION_ALL,
		[EVENT_KERNEL] = COLUMN(KERNEL, START) | COLUMN(KERNEL, END) | COLUMN(KERNEL, CORR) |
				 COLUMN(KERNEL, NODE) | by_key[EVENT_KERNEL],
		[EVENT_GRAPH_RUN] = SECTION_ALL,
		[EVENT_MEMCPY] = SECTION_ALL,
		[EVENT_MEMSET] = SECTION_ALL,
		[EVENT_SYNC] = SECTION_ALL,
		[EVENT_GRAPH] = COLUMN(GRAPH, START) | COLUMN(GRAPH, END) | COLUMN(GRAPH, CORR) |
				COLUMN(GRAPH, RESULT) | COLUMN(GRAPH, OP) | COLUMN(GRAPH, GRAPH),
	};

	if (sample) {
		columns[EVENT_LAUNCH] = COLUMN(LAUNCH, CORR);
		columns[EVENT_KERNEL] = COLUMN(KERNEL, CORR);
		columns[EVENT_MEMCPY] = COLUMN(MEMCPY, NODE);
		columns[EVENT_GRAPH] = 0;
	}
	reader_want(r, columns);
	reader_want_keys(r, by_key);
}

int op_stream_run(const struct process *p, struct reader *r, uint64_t stride, op_fn fn, void *arg,
		  struct op_stream_status *ret)
{
	struct op_stream *st;
	struct section s;
	int err = 0;

	*ret = (struct op_stream_status){ 0 };
	if (!p->launch.count)
		return 0;
	st = mem_zalloc(1, sizeof(*st));
	st->p = p;
	st->reader = r;
	st->fn = fn;
	st->arg = arg;
	st->stride = stride;
	if (stride > 1)
		st->sampled = mem_zalloc(p->launch_counts.n, sizeof(*st->sampled));
	op_captures_init(&st->captures, p);
	op_window_init(&st->window, &p->op_lag, give, st);
	want(r, st->sampled);
	while (!st->window.stopped && !st->err && (err = reader_next(r, &s)) == 1)
		fold(st, &s);
	err = st->err ? st->err : err;
	op_window_drain(&st->window);
	*ret = st->status;
	ret->late = st->window.late;
	op_window_release(&st->window);
	op_captures_release(&st->captures);
	free(st->sampled);
	free(st->keys);
	free(st);
	return err < 0 ? err : 0;
}
