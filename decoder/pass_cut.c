#include "decoder/pass_cut.h"

#include <string.h>

#include "decoder/mem.h"
#include "decoder/pass_after.h"
#include "decoder/pass_begin.h"
#include "trace/event.h"

#define BURSTS_MAX  4096u
#define TOKEN_BYTES 4096u /* a token for each of many sequences */
#define MASK_APART_NS 500000000u
#define AHEAD_NS 2000000u
/* What Python does between its last launch and the wait for it is a fraction of this. */
#define LATE_WAIT_NS 2000000u

struct burst {
	struct pass_found f;
	uint64_t host_end, wait_end; /* of the last launch; of the wait after it, 0: none */
	uint64_t cover_end, cover;   /* time in which its GPU work ran or was waited for */
	uint64_t ops;
	size_t ran;      /* what it ran begins here, in the thread's list */
	uint64_t before; /* end of what the thread did before it */
	uint64_t ready_from; /* what made ready for it before its first launch, unwaited for, began; or 0 */
	uint64_t updating;   /* of the time from then on: the host changed graphs */
	struct pass_head head;
	bool perhaps;        /* nobody waited before it: begins a pass if it goes on as others do, or is no burst */
};

struct cut_thread {
	uint32_t tid;
	const struct pass_rule *rule;
	struct pass_cursor cursor;
	struct burst *list;
	size_t n, cap;
	struct work_list ran; /* by the bursts */
	/* Of segments that have something small before the pass. */
	uint64_t pause_inside, pause_ahead; /* the pass is kernels */
	uint32_t apart, at_once;            /* it has a replay: where the longer pause is */
	uint32_t tokens, no_tokens; /* segments whose main burst ends with a token read back */
	bool begun;       /* a cut lies before list[0] */
	struct pass_after after;
	struct pass_begins begins;
	uint32_t in_copies, copies;
	uint64_t ready_from; /* a copy, or changes of a graph, that nobody waited for, or 0 */
	uint64_t updating;
	uint64_t active;  /* end of the last copy or wait that no work followed yet */
	uint64_t masked_from, masked_until, masked_ops; /* since the last pass; 0: nothing */
};

struct pass_cut {
	struct pass_spill *found, *ran;
	struct cut_thread threads[PASS_THREADS_MAX];
	size_t n;
	struct idmap by_tid;
	struct cut_thread *last; /* looked for last; NULL: none yet */
	uint64_t ops, inside;
};

struct pass_cut *pass_cut_new(struct pass_spill *found, struct pass_spill *ran)
{
	struct pass_cut *c = mem_zalloc(1, sizeof(*c));

	c->found = found;
	c->ran = ran;
	return c;
}

static struct cut_thread *thread_of(struct pass_cut *c, uint32_t tid)
{
	uint32_t i;

	if (c->last && c->last->tid == tid)
		return c->last;
	i = idmap_get(&c->by_tid, tid);
	if (i == IDMAP_NONE)
		return NULL;
	return c->last = &c->threads[i];
}

void pass_cut_rule(struct pass_cut *c, uint32_t tid, const struct pass_rule *r,
		   const struct pass_after *after)
{
	if (c->n == PASS_THREADS_MAX)
		return;
	idmap_put(&c->by_tid, tid, (uint32_t)c->n);
	c->threads[c->n++] = (struct cut_thread){ .tid = tid, .rule = r, .after = *after };
}

static void cover(struct burst *b, uint64_t start, uint64_t end)
{
	if (b->cover_end > start)
		start = b->cover_end;
	if (end <= start)
		return;
	b->cover += end - start;
	b->cover_end = end;
}

/* Operations come in launch order, on one stream mostly in the order of the GPU too. */
static void gpu_work(struct burst *b, uint64_t start, uint64_t end)
{
	struct pass *p = &b->f.pass;

	if (!start || end < start)
		return;
	if (!p->gpu_start || start < p->gpu_start)
		p->gpu_start = start;
	if (end > p->gpu_end) {
		p->busy_ns += end - (start > p->gpu_end ? start : p->gpu_end);
		p->gpu_end = end;
	}
	cover(b, start, end);
}

void pass_found_add(struct pass_found *f, const struct pass_found *more)
{
	f->items += more->items;
	f->inner += more->inner;
	f->blocks += more->blocks;
	for (unsigned i = 0; i < PASS_PARTS; i++)
		f->part[i] += more->part[i];
	f->graphs += more->graphs;
	f->training |= more->training;
	f->pass.kernels += more->pass.kernels;
	f->pass.graph_launches += more->pass.graph_launches;
	f->pass.copies += more->pass.copies;
	f->pass.busy_ns += more->pass.busy_ns;
}

static void burst_merge(struct burst *a, const struct burst *b)
{
	struct pass *p = &a->f.pass;
	const struct pass *q = &b->f.pass;

	pass_found_add(&a->f, &b->f);
	if (q->gpu_start && (!p->gpu_start || q->gpu_start < p->gpu_start))
		p->gpu_start = q->gpu_start;
	if (q->gpu_end > p->gpu_end)
		p->gpu_end = q->gpu_end;
	pass_set_join(&a->f.set, &b->f.set);
	a->f.one_row += b->f.one_row;
	a->f.token = b->f.token;
	a->f.read_bytes = b->f.read_bytes;
	a->f.end_sym = b->f.end_sym;
	if (b->host_end > a->host_end)
		a->host_end = b->host_end;
	a->wait_end = b->wait_end;
	a->cover += b->cover;
	a->cover_end = b->cover_end;
	a->ops += b->ops;
}

/* End of what the host did or waited for in a burst. */
static uint64_t burst_end(const struct burst *b)
{
	uint64_t end = b->wait_end;

	if (b->host_end > end)
		end = b->host_end;
	return end;
}

/* The copy is its input: but for changing its graph, Python prepares a launch for less time than the pass takes. */
static bool ready_for(const struct burst *b, uint64_t end)
{
	const uint64_t start = b->f.pass.host_start, own = end > start ? end - start : 0;

	return b->ready_from && b->ready_from < start &&
	       start - b->ready_from < b->updating + (own > AHEAD_NS ? own : AHEAD_NS);
}

static void emit(struct pass_cut *c, struct cut_thread *t, const struct burst *b, uint64_t before,
		 uint16_t copied, bool edge)
{
	struct pass_found *f;
	struct pass *p;

	f = spill_more(c->found);
	*f = b->f;
	p = &f->pass;
	p->tid = t->tid;
	f->edge = edge;
	f->waited = b->wait_end != 0;
	f->host_end = b->host_end;
	f->in_copies = copied;
	f->quiet_until = before;
	p->end = burst_end(b);
	if (!f->waited && p->gpu_end > p->end)
		p->end = p->gpu_end;
	f->ready = ready_for(b, p->end);
	if (f->ready)
		p->host_start = b->ready_from;
	p->queue_ns = p->gpu_start > p->host_start ? p->gpu_start - p->host_start : 0;
	p->host_gap_ns = b->cover; /* until the wall is known */
	c->inside += b->ops;
}

/* Where the thread's first pass begins is not known: the last burst that begins as passes do. */
static size_t first_of_head(const struct cut_thread *t)
{
	for (size_t i = t->n; i-- > 0;)
		if (t->list[i].f.begin < t->rule->n_marks &&
		    t->rule->mark[t->list[i].f.begin] & CUT_RIGHT)
			return i;
	return t->n - 1;
}

/* GPU time, and its kernels where that is not known. */
static uint64_t burst_work(const struct burst *b)
{
	return b->f.pass.busy_ns + b->f.inner;
}

static uint64_t pause_before(const struct burst *b)
{
	const uint64_t start = b->f.pass.host_start;

	return b->before && start > b->before ? start - b->before : 0;
}

/*
 * One behind the end of the pass whose main part is burst `big`. Where passes end with the token, so
 * does one for which the host waited once more before it chose the token, unless it did something else
 * for longer than all that before.
 */
static size_t with_token(struct cut_thread *t, size_t big)
{
	const struct burst *b = &t->list[big];
	const struct burst *a = &t->list[0];
	const uint64_t from = a->before ? a->before : a->f.pass.host_start;
	const uint64_t own = burst_end(b) > from ? burst_end(b) - from : 0;

	t->tokens += b->f.token;
	t->no_tokens += !b->f.token;
	if (b->f.token || t->tokens < t->no_tokens)
		return big + 1;
	for (size_t i = big + 1; i < t->n; i++) {
		if (pause_before(&t->list[i]) > own)
			break;
		if (t->list[i].f.token)
			return i + 1;
	}
	return big + 1;
}

/* As a rule of this thread: does the longer pause lie between what is small and the pass? */
static bool is_apart(struct cut_thread *t, size_t first, size_t big)
{
	const uint64_t inside = pause_before(&t->list[big]), ahead = pause_before(&t->list[first]);

	if (t->list[big].f.pass.graph_launches) {
		t->apart += inside > ahead;
		t->at_once += inside <= ahead;
		return t->apart > t->at_once;
	}
	t->pause_inside += inside;
	t->pause_ahead += ahead;
	return t->pause_inside > t->pause_ahead;
}

/*
 * Input that is copied in begins something new: what lies before it is the end of the step before, and
 * what lies behind it, up to the longest pause, makes ready.
 */
static size_t behind_input(const struct cut_thread *t, size_t first, size_t big)
{
	size_t input = big, k;

	while (input > first && !t->list[input].f.in_copies)
		input--;
	if (input == first)
		return first;
	k = input;
	for (size_t i = input + 1; i <= big; i++)
		if (pause_before(&t->list[i]) > pause_before(&t->list[k]))
			k = i;
	return k;
}

/* Of a pass in many bursts: a stopping criterion that is looked at when the token is there. */
static size_t without_scrap(const struct cut_thread *t, size_t first, uint64_t work)
{
	size_t end = t->n;

	if (end - first > 2 && t->list[end - 2].f.token &&
	    burst_work(&t->list[end - 1]) * (end - first) * 4 < work)
		end--;
	return end;
}

/*
 * The burst with which the pass begins: one that began perhaps and went on as more passes began than like
 * burst `first`, with what makes ready. All other such bursts are part of the ones before them.
 */
static size_t settle(struct cut_thread *t, size_t first)
{
	size_t begin = first, n = first + 1;

	for (size_t i = first + 1; i < t->n; i++) {
		const struct burst *b = &t->list[i];

		if (b->perhaps &&
		    (begin > first || !pass_begins_rather(&t->begins, &b->head, &t->list[first].head))) {
			burst_merge(&t->list[n - 1], b);
			continue;
		}
		if (b->perhaps)
			begin = n;
		t->list[n++] = *b;
	}
	t->n = n;
	return begin;
}

static void close_segment(struct pass_cut *c, struct cut_thread *t, bool last)
{
	size_t first = 0, end, big;
	struct pass_head head;
	uint64_t work = 0, before, ran_at;
	uint16_t copied = 0;
	struct burst all;

	if (!t->n)
		return;
	if (!t->begun)
		first = first_of_head(t);
	head = t->list[first].head;
	first = settle(t, first);
	end = t->n;
	big = first;
	for (size_t i = first; i < end; i++) {
		work += burst_work(&t->list[i]);
		if (burst_work(&t->list[i]) > burst_work(&t->list[big]))
			big = i;
	}
	if (burst_work(&t->list[big]) * 10 >= work * 6) {
		/* Before it: only when the longer pause lies between, as a rule of this thread. */
		if (big > first)
			first = is_apart(t, first, big) ? big : behind_input(t, first, big);
		end = with_token(t, big);
	} else {
		end = without_scrap(t, first, work);
	}
	/* Made ready: the one counts as much as the other, should this be how passes begin. */
	if (!t->list[first].perhaps)
		head = t->list[first].head;
	before = t->list[first].before;
	ran_at = c->ran->n;
	work_list_put(&t->ran, t->list[first].ran, end < t->n ? t->list[end].ran : t->ran.n, c->ran);
	all = t->list[first];
	all.f.pass.ran_at = ran_at;
	all.f.pass.n_ran = (uint32_t)(c->ran->n - ran_at);
	for (size_t i = first + 1; i < end; i++)
		burst_merge(&all, &t->list[i]);
	for (size_t i = 0; i < end; i++)
		copied = (uint16_t)(copied + t->list[i].f.in_copies);
	if (!all.f.pass.graph_launches)
		pass_begins_note(&t->begins, &head, all.f.items);
	emit(c, t, &all, before, copied, !t->begun || last);
	t->n = t->ran.n = 0;
}

/*
 * A replay after a pause may be the pass, and what came before it preparation; so may be what comes after
 * one when the host has seen its end.
 */
static bool apart(const struct cut_thread *t, const struct burst *b, const struct op *op,
		  const struct pass_item *item)
{
	if (op->kind == OP_GRAPH)
		return item->gap_ns >= REPLAY_APART_NS && !b->f.pass.graph_launches;
	if (!b->f.replay_last)
		return pass_begins_perhaps(&t->begins, &b->head, b->f.items, item->sym);
	return !pass_after_joins(&t->after, item->sym,
				 pass_paused(item->gap_ns, op->host_start, b->f.pass.gpu_end));
}

static struct burst *burst_for(struct cut_thread *t, const struct op *op, const struct pass_item *item)
{
	struct burst *b = t->n ? &t->list[t->n - 1] : NULL;
	const bool perhaps = b && !b->wait_end && op->kind == OP_KERNEL && !b->f.replay_last;

	if (b && !b->wait_end && !apart(t, b, op, item))
		return b;
	if (t->n == BURSTS_MAX) { /* a segment without end: its beginning is one burst */
		burst_merge(&t->list[0], &t->list[1]);
		memmove(&t->list[1], &t->list[2], (t->n - 2) * sizeof(*t->list));
		t->n--;
	}
	MEM_MORE(t->list, t->n, t->cap);
	b = &t->list[t->n++];
	*b = (struct burst){ .f = { .begin = item->sym, .in_copies = (uint16_t)t->in_copies }, .ran = t->ran.n };
	b->perhaps = perhaps;
	b->f.pass.host_start = op->host_start;
	if (t->masked_ops && t->masked_from < op->host_start &&
	    op->host_start < t->masked_until + MASK_APART_NS) {
		b->f.pass.host_start = t->masked_from;
		pass_head_hide(&b->head);
	} else {
		b->ready_from = t->ready_from;
		b->updating = t->updating;
	}
	t->ready_from = t->updating = 0;
	b->before = t->active;
	b->f.pass.context = op->context;
	b->f.pass.copies = t->copies;
	b->ops = t->copies;
	t->in_copies = t->copies = 0;
	return b;
}

static void take_item(struct pass_cut *c, struct cut_thread *t, const struct op *op,
		      const struct cut_symbol *s)
{
	const uint64_t ns = op->gpu_start && op->gpu_end > op->gpu_start ? op->gpu_end - op->gpu_start : 0;
	const uint32_t left = t->cursor.left, sym = s->sym;
	struct pass_item item;
	struct burst *b;

	pass_step(&t->cursor, op, sym, &item);
	if (left && pass_rule_cuts(t->rule, left - 1, &item)) {
		close_segment(c, t, false);
		t->begun = true;
	}
	b = burst_for(t, op, &item);
	b->ops += t->masked_ops;
	t->masked_ops = 0;
	work_list_add(&t->ran, b->ran, s->code, ns);
	pass_set_add(&b->f.set, sym);
	b->f.items++;
	pass_head_add(&b->head, sym);
	b->f.inner += op->kind == OP_GRAPH ? op->grid : 1;
	b->f.blocks += op->grid;
	b->f.part[sym % PASS_PARTS] += op->grid;
	if (op->kind == OP_GRAPH)
		b->f.graphs += (uint32_t)idmap_hash(op->symbol + 1ull);
	b->f.end_sym = sym;
	b->f.one_row += s->flags & NAME_ONE_ROW ? 1 : 0;
	b->f.training |= (s->flags & NAME_TRAINING) != 0;
	b->f.token = false;
	b->f.read_bytes = 0;
	b->f.replay_last = op->kind == OP_GRAPH;
	b->f.pass.kernels += op->kind == OP_KERNEL;
	b->f.pass.graph_launches += op->kind == OP_GRAPH;
	b->ops++;
	if (op->host_end > b->host_end)
		b->host_end = op->host_end;
	if (op->host_end > t->active)
		t->active = op->host_end;
	gpu_work(b, op->gpu_start, op->gpu_end);
}

/* Copies and sets before the first launch after a wait belong to what comes. */
static void take_copy(struct cut_thread *t, const struct op *op)
{
	struct burst *b = t->n ? &t->list[t->n - 1] : NULL;
	const bool in = op->kind == OP_MEMCPY && op->symbol == COPY_HTOD;
	const bool out = op->kind == OP_MEMCPY && op->symbol == COPY_DTOH;

	if (in || ((!b || b->wait_end) && !out)) {
		t->in_copies += in;
		t->copies++;
		if (!t->ready_from)
			t->ready_from = op->gpu_start;
		return;
	}
	if (!b)
		return;
	b->f.pass.copies++;
	b->ops++;
	if (out) {
		b->f.token = op->bytes <= TOKEN_BYTES;
		b->f.read_bytes += (uint32_t)op->bytes;
	}
	if (!b->wait_end)
		gpu_work(b, op->gpu_start, op->gpu_end);
}

static void take_update(struct cut_thread *t, const struct op *op)
{
	if (!t->ready_from)
		t->ready_from = op->host_start;
	if (op->host_end > op->host_start)
		t->updating += op->host_end - op->host_start;
}

static uint64_t done_at(const struct burst *b)
{
	return b->f.pass.gpu_end > b->host_end ? b->f.pass.gpu_end : b->host_end;
}

/* The host went on to other things when this was done: what it waits for now is none of it. */
static bool comes_late(const struct burst *b, uint64_t wait_start)
{
	const uint64_t done = done_at(b);
	const uint64_t own = done > b->f.pass.host_start ? done - b->f.pass.host_start : 0;

	return wait_start > done + (own > LATE_WAIT_NS ? own : LATE_WAIT_NS);
}

void pass_cut_op(struct pass_cut *c, const struct op *op, const struct cut_symbol *s, bool masked)
{
	struct cut_thread *t = thread_of(c, op->tid);
	struct burst *b;

	if (op->kind == OP_UPDATE) {
		if (t && !masked)
			take_update(t, op);
		return;
	}
	c->ops++;
	if (!t || op->captured)
		return;
	if (masked) {
		const uint64_t at = op->host_start ? op->host_start : op->gpu_start;

		/* Another act of compiling: the one before was of something else. */
		if (!t->masked_ops++ || at > t->masked_until + MASK_APART_NS)
			t->masked_from = at;
		t->masked_until = at;
		return;
	}
	if (pass_op_is_item(op)) {
		take_item(c, t, op, s);
		return;
	}
	if (!pass_op_is_wait(op)) {
		if (op->kind != OP_SYNC)
			take_copy(t, op);
		return;
	}
	pass_step(&t->cursor, op, 0, NULL);
	if (op->host_end > t->active)
		t->active = op->host_end;
	t->ready_from = t->updating = 0;
	if (!t->n)
		return;
	b = &t->list[t->n - 1];
	if (!b->wait_end && comes_late(b, op->host_start)) {
		b->wait_end = done_at(b);
		return;
	}
	if (!b->wait_end)
		cover(b, op->host_start, op->host_end);
	/* A second wait with no work between them counts when it follows at once. */
	if (!b->wait_end || op->host_start < b->wait_end + 50000)
		b->wait_end = op->host_end > b->wait_end ? op->host_end : b->wait_end;
	b->ops++;
}

void pass_cut_end(struct pass_cut *c, uint64_t *ret_ops, uint64_t *ret_outside)
{
	for (size_t i = 0; i < c->n; i++) {
		close_segment(c, &c->threads[i], true);
		free(c->threads[i].list);
		work_list_release(&c->threads[i].ran);
	}
	*ret_ops = c->ops;
	*ret_outside = c->ops > c->inside ? c->ops - c->inside : 0;
	idmap_release(&c->by_tid);
	free(c);
}
