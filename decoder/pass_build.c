#include "decoder/pass_build.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "decoder/mem.h"
#include "decoder/pass.h"
#include "decoder/pass_after.h"
#include "decoder/pass_boundary.h"
#include "decoder/pass_cut.h"
#include "decoder/pass_find.h"
#include "decoder/pass_items.h"
#include "decoder/pass_label.h"
#include "decoder/pass_shape.h"
#include "decoder/pass_spill.h"
#include "decoder/process_model.h"
#include "decoder/pass_wall.h"
#include "trace/event.h"

#define PASSES_MIN  3u     /* of a thread: fewer are no repetition */
#define MODEL_KERNELS 8 /* different ones in a graph: more than a candidate with what prepares it */
#define EMPTIES_CACHE (4u << 20) /* bytes set at once */
#define AFTER_TRIAL_NS 50000000u
#define KERNELS_DIRECT 16384u /* symbols that need no hash */
#define THREADS_JOINED 16u /* looked at for working for each other */

struct building {
	const struct pass_source *src;
	struct pass_symbols symbols;
	uint8_t *flags;        /* enum pass_name_flag, by symbol */
	size_t flags_cap, n_flags;
	struct pass_table *ret; /* its codes */
	uint32_t *by_kernel;    /* by symbol: index in known, + 1; 0: none yet */
	struct idmap by_op;     /* graphs, and kernels from KERNELS_DIRECT on: the same */
	struct cut_symbol *known;
	size_t n_known, known_cap;
	struct pass_thread_items threads[PASS_THREADS_MAX];
	size_t n_threads;
	struct idmap by_tid;
	struct pass_rule rules[PASS_THREADS_MAX];
	struct pass_cut *cut;
	uint64_t too_many_threads;
};

static bool has(const char *name, const char *const *words)
{
	for (; *words; words++)
		if (strcasestr(name, *words))
			return true;
	return false;
}

/* Names vote, they never decide. */
static uint8_t name_flags(const char *name)
{
	static const char *const one_row[] = { "gemv", "splitkv", "split_kv", "mul_mat_vec",
					       "mmha", "decode", NULL };
	static const char *const training[] = { "backward", "adam", "_bwd",
						"nll_loss_forward", NULL };

	return (uint8_t)((has(name, one_row) ? NAME_ONE_ROW : 0) |
			 (has(name, training) ? NAME_TRAINING : 0));
}

static uint8_t flags_of(struct building *b, const struct op *op, uint32_t sym)
{
	while (b->n_flags <= sym) {
		MEM_MORE(b->flags, b->n_flags, b->flags_cap);
		b->flags[b->n_flags++] = 0;
		if (b->n_flags == sym + 1 && op->kind == OP_KERNEL && b->src->name &&
		    op->symbol != OP_SYMBOL_NONE) {
			const char *name = b->src->name(b->src->arg, op->symbol);

			if (name)
				b->flags[sym] = name_flags(name);
		}
	}
	return b->flags[sym];
}

static uint32_t code_of(struct building *b, const struct op *op)
{
	struct pass_table *t = b->ret;

	if (t->n_codes == PASS_CODES_MAX)
		return PASS_CODES_MAX - 1;
	MEM_MORE(t->codes, t->n_codes, t->codes_cap);
	t->codes[t->n_codes] = (struct pass_code){
		.kind = op->kind,
		.symbol = t->n_codes < PASS_CODES_MAX - 1 ? op->symbol : OP_SYMBOL_NONE,
	};
	return (uint32_t)t->n_codes++;
}

static __attribute__((noinline)) uint32_t symbol_add(struct building *b, const struct op *op)
{
	const uint32_t sym = pass_symbol(&b->symbols, b->src->p, op);

	MEM_MORE(b->known, b->n_known, b->known_cap);
	b->known[b->n_known] = (struct cut_symbol){ sym, code_of(b, op), flags_of(b, op, sym) };
	return (uint32_t)b->n_known++;
}

/* Of a graph, or a kernel that is not in by_kernel: index in known. */
static __attribute__((noinline)) uint32_t symbol_by_op(struct building *b, const struct op *op)
{
	const uint64_t key = (uint64_t)op->kind << 32 | op->symbol;
	uint32_t i = idmap_get(&b->by_op, key);

	if (i == IDMAP_NONE) {
		i = symbol_add(b, op);
		idmap_put(&b->by_op, key, i);
	}
	return i;
}

/* Of an item. Valid until the next call. */
static const struct cut_symbol *symbol_of(struct building *b, const struct op *op)
{
	uint32_t i;

	if (op->kind != OP_KERNEL || op->symbol >= KERNELS_DIRECT) {
		i = symbol_by_op(b, op);
	} else {
		if (!b->by_kernel[op->symbol])
			b->by_kernel[op->symbol] = symbol_add(b, op) + 1;
		i = b->by_kernel[op->symbol] - 1;
	}
	return &b->known[i];
}

static struct pass_mask *mask_at(const struct pass_source *src, uint64_t t)
{
	size_t lo = 0, hi = src->n_masks;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (src->masks[mid].end < t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < src->n_masks && src->masks[lo].start <= t ? &src->masks[lo] : NULL;
}

/*
 * A replay of many kernels is no candidate: an episode of a compiler that works in threads of its own may last over
 * whole requests (XLA compiles for the next prompt while nothing of this one is new).
 */
static bool is_masked(const struct pass_source *src, const struct op *op, uint64_t t)
{
	uint32_t i;

	if (!src->n_masks || !mask_at(src, t))
		return false;
	i = op->kind == OP_GRAPH && src->p ? idmap_get(&src->p->graphs.by_id, op->symbol) : IDMAP_NONE;
	return i == IDMAP_NONE || src->p->graphs.list[i].n_kernels < MODEL_KERNELS;
}

/* --- first reading: a sample of each thread's string */

static struct pass_thread_items *thread_of(struct building *b, uint32_t tid)
{
	uint32_t i = idmap_get(&b->by_tid, tid);

	if (i == IDMAP_NONE) {
		if (b->n_threads == PASS_THREADS_MAX)
			return NULL;
		i = (uint32_t)b->n_threads++;
		idmap_put(&b->by_tid, tid, i);
		b->threads[i].tid = tid;
	}
	return &b->threads[i];
}

static bool learn(void *arg, const struct op *op)
{
	struct building *b = arg;
	struct pass_thread_items *t;
	struct pass_item item;

	if ((op->kind == OP_MEMSET && op->bytes >= EMPTIES_CACHE) ||
	    (op->kind == OP_SYNC && op->symbol == SYNC_OF_EVENT)) {
		const uint64_t at = op->host_start ? op->host_start : op->gpu_start;
		struct pass_mask *m = mask_at(b->src, at);

		if (m && at > m->tried)
			m->tried = at;
	}
	if (!pass_op_is_item(op) && (!pass_op_is_wait(op) || op->captured))
		return true;
	if (op->after_gap && (t = thread_of(b, op->tid)))
		t->gap = true;
	if (is_masked(b->src, op, op->host_start))
		return true;
	t = thread_of(b, op->tid);
	if (!t) {
		b->too_many_threads++;
		return true;
	}
	if (!pass_step(&t->cursor, op, pass_op_is_item(op) ? symbol_of(b, op)->sym : 0, &item)) {
		t->gpu_end = 0;
		return true;
	}
	if (t->n && t->gap)
		item.flags |= ITEM_BREAK;
	else if (t->n && !(item.flags & (ITEM_WAIT | ITEM_GRAPH)) && t->list[t->n - 1].flags & ITEM_GRAPH)
		pass_after_note(&t->after, item.sym,
				pass_paused(item.gap_ns, op->host_start, t->gpu_end));
	t->gap = false;
	if (op->gpu_end > t->gpu_end)
		t->gpu_end = op->gpu_end;
	MEM_MORE(t->list, t->n, t->cap);
	t->list[t->n++] = item;
	return true;
}

/* --- second reading */

static bool cut(void *arg, const struct op *op)
{
	struct building *b = arg;

	pass_cut_op(b->cut, op, pass_op_is_item(op) ? symbol_of(b, op) : NULL,
		    is_masked(b->src, op, op->host_start ? op->host_start : op->gpu_start));
	return true;
}

/* --- what the passes are */

static void seq_of(struct pass_seq *s, const struct pass_spill *found, uint32_t tid, uint32_t *order)
{
	*s = (struct pass_seq){ .list = found->list, .window = found->window, .order = order };
	for (size_t i = 0; i < found->n; i++) {
		const struct pass_found *f = pass_found_at(found, i);

		if (f->pass.tid == tid && !f->dropped)
			s->order[s->n++] = (uint32_t)i;
	}
}

static void label_thread(const struct pass_source *src, const struct pass_spill *found, uint32_t tid,
			 uint32_t *order, uint8_t *cls)
{
	struct pass_seq s;
	struct pass_classes *classes = mem_zalloc(1, sizeof(*classes));

	seq_of(&s, found, tid, order);
	s.cls = cls;
	pass_classes_find(classes, &s);
	if (s.n < PASSES_MIN) {
		for (size_t i = 0; i < s.n; i++)
			seq_at(&s, i)->dropped = true;
	} else {
		pass_labels_find(classes, &s);
		spill_writes(s.window, true);
		pass_walls_find(&s, &src->holds);
		spill_writes(s.window, false);
	}
	free(classes);
}

static int by_start(const void *a, const void *b)
{
	const struct pass *x = a, *y = b;

	if (x->host_start != y->host_start)
		return x->host_start < y->host_start ? -1 : 1;
	return (x->tid > y->tid) - (x->tid < y->tid);
}

/* In place: a list as long as the trace's passes has no second copy in memory. */
static void sort(struct pass_table *t)
{
	bool sorted = true;

	for (size_t i = 1; i < t->n && sorted; i++)
		sorted = by_start(pass_nth(t, i - 1), pass_nth(t, i)) <= 0;
	if (sorted)
		return;
	for (size_t gap = t->n / 2; gap; gap /= 2)
		for (size_t i = gap; i < t->n; i++) {
			struct pass x = *pass_nth(t, i);
			size_t k = i;

			for (; k >= gap && by_start(pass_nth(t, k - gap), &x) > 0; k -= gap)
				*pass_nth(t, k) = *pass_nth(t, k - gap);
			*pass_nth(t, k) = x;
		}
}

/*
 * A thread that launches for another: the backward pass of a training step runs in a thread of its own,
 * while the one that asked for it waits. All its passes lie inside passes of that thread.
 */
static bool works_for(const struct pass_seq *a, const struct pass_seq *b)
{
	size_t inside = 0, waited = 0, k = 0;

	if (!a->n || !b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		const struct pass_found *f = seq_at(a, i);

		waited += f->waited;
		while (k < b->n && seq_at(b, k)->pass.end < f->pass.host_start)
			k++;
		inside += k < b->n && seq_at(b, k)->pass.host_start <= f->pass.host_start &&
			  f->host_end <= seq_at(b, k)->pass.end;
	}
	return inside * 10 >= a->n * 9 && waited * 10 <= a->n;
}

/*
 * What the pass of another thread ran is what g ran, too. Of many, one after another, each is added to the end
 * of the list: what g has is copied there for the first only.
 */
static void give_ran(struct pass *g, const struct pass *f, struct pass_spill *ran)
{
	uint64_t at = g->ran_at;

	if (at + g->n_ran != ran->n) {
		at = ran->n;
		pass_ran_copy(ran, g->ran_at, g->n_ran);
	}
	pass_ran_copy(ran, f->ran_at, f->n_ran);
	g->ran_at = at;
	g->n_ran += f->n_ran;
}

static void give_to(const struct pass_seq *a, const struct pass_seq *b, struct pass_spill *ran)
{
	size_t k = 0;

	for (size_t i = 0; i < a->n; i++) {
		struct pass_found *f = seq_at(a, i), *g;

		f->dropped = true;
		while (k < b->n && seq_at(b, k)->pass.end < f->pass.host_start)
			k++;
		if (k == b->n)
			continue;
		g = seq_at(b, k);
		pass_found_add(g, f);
		give_ran(&g->pass, &f->pass, ran);
	}
}

/* Threads with rules only; few programs have more than a handful. */
static void join_threads(struct building *b, const struct pass_spill *found, struct pass_spill *ran)
{
	SCOPED_FREE uint32_t *x = mem_zalloc(found->n + 1, sizeof(*x));
	SCOPED_FREE uint32_t *y = mem_zalloc(found->n + 1, sizeof(*y));

	for (size_t i = 0; i < b->n_threads && i < THREADS_JOINED; i++)
		for (size_t k = 0; k < b->n_threads && k < THREADS_JOINED; k++) {
			struct pass_seq from, to;

			if (i == k || b->rules[i].why_none || b->rules[k].why_none)
				continue;
			seq_of(&from, found, b->threads[i].tid, x);
			seq_of(&to, found, b->threads[k].tid, y);
			if (works_for(&from, &to)) {
				give_to(&from, &to, ran);
				break;
			}
		}
}

static void finish(struct building *b, struct pass_table *ret, struct pass_spill *found,
		   struct pass_spill *ran)
{
	struct pass_spill out = { .size = sizeof(struct pass) };
	SCOPED_FREE uint32_t *order = mem_zalloc(found->n + 1, sizeof(*order));
	SCOPED_FREE uint8_t *cls = mem_zalloc(found->n + 1, sizeof(*cls));
	SCOPED_FREE uint16_t *shapes = mem_zalloc(found->n + 1, sizeof(*shapes));

	spill_writes(found->window, false); /* it is complete */
	join_threads(b, found, ran);
	for (size_t t = 0; t < b->n_threads; t++)
		if (!b->rules[t].why_none)
			label_thread(b->src, found, b->threads[t].tid, order, cls);
	pass_shapes_find(ret, found, shapes);
	for (size_t i = 0; i < found->n; i++) {
		const struct pass_found *f = pass_found_at(found, i);
		struct pass *p;

		if (f->dropped) {
			ret->ops_outside += f->items + f->pass.copies;
			continue;
		}
		p = spill_more(&out);
		*p = f->pass;
		p->shape = shapes[i];
	}
	ret->n = out.n;
	ret->list = spill_take(&out, &ret->window);
	ret->ran = spill_take(ran, &ret->ran_window);
	sort(ret);
}

/* An episode lasts until its last module is loaded; candidates were tried only until then. */
static void shrink_masks(const struct pass_source *src)
{
	for (size_t i = 0; i < src->n_masks; i++) {
		struct pass_mask *m = &src->masks[i];

		if (m->tried && m->tried + AFTER_TRIAL_NS < m->end)
			m->end = m->tried + AFTER_TRIAL_NS;
	}
}

static void choose(struct building *b, struct pass_table *ret)
{
	for (size_t t = 0; t < b->n_threads; t++) {
		pass_rule_choose(&b->rules[t], b->threads[t].list, b->threads[t].n,
				 b->symbols.n + 1); /* the last: PASS_SYMBOLS_MAX */
		free(b->threads[t].list);
		b->threads[t].list = NULL;
		if (!b->rules[t].why_none)
			pass_cut_rule(b->cut, b->threads[t].tid, &b->rules[t],
				      &b->threads[t].after);
		else if (!ret->why_none)
			ret->why_none = b->rules[t].why_none;
	}
}

void passes_build(struct pass_table *ret, const struct pass_source *src)
{
	struct building *b = mem_zalloc(1, sizeof(*b));
	struct pass_spill found = { .size = sizeof(struct pass_found) };
	struct pass_spill ran = { .size = sizeof(struct pass_ran) };

	*ret = (struct pass_table){ 0 };
	b->src = src;
	b->ret = ret;
	b->by_kernel = mem_zalloc(KERNELS_DIRECT, sizeof(*b->by_kernel));
	b->cut = pass_cut_new(&found, &ran);
	if (!src->run(src->arg, 1 + src->expected / PASS_ITEMS_MAX, learn, b)) {
		ret->why_none = "the trace could not be read a second time";
	} else {
		choose(b, ret);
		shrink_masks(src);
		if (!src->run(src->arg, 1, cut, b))
			ret->why_none = "the trace could not be read a third time";
	}
	pass_cut_end(b->cut, &ret->ops, &ret->ops_outside);
	finish(b, ret, &found, &ran);
	if (ret->n)
		ret->why_none = NULL;
	else if (!ret->why_none)
		ret->why_none = b->n_threads ? "nothing repeats in what its threads launch" :
					       "it launched nothing on a GPU";
	for (size_t t = 0; t < b->n_threads; t++) {
		free(b->threads[t].list);
		pass_rule_release(&b->rules[t]);
	}
	spill_release(&found);
	idmap_release(&b->symbols.by_key);
	idmap_release(&b->by_tid);
	idmap_release(&b->by_op);
	free(b->by_kernel);
	free(b->known);
	free(b->flags);
	free(b);
}

void pass_table_release(struct pass_table *t)
{
	spill_free(t->list, t->window);
	spill_free(t->ran, t->ran_window);
	free(t->codes);
	free(t->shapes);
	*t = (struct pass_table){ 0 };
}
