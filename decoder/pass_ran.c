#include "decoder/pass_ran.h"

#include "decoder/demangle.h"
#include "decoder/idmap.h"
#include "decoder/mem.h"
#include "decoder/name_table.h"
#include "decoder/pass.h"
#include "decoder/pass_build.h"
#include "decoder/phase_rules.h"
#include "decoder/process_model.h"

struct thread {
	uint32_t tid;
	size_t at, next;    /* the pass that is read, and its thread's next; passes.n: none */
	uint64_t kernels;   /* that ran in it so far */
	uint64_t by_kernel, by_graph;       /* bits of rules */
	uint64_t on_stream[PHASE_RULE_BITS]; /* of the kernels, by rule */
};

/* What the patterns said about a kernel or the kernels of a graph: once for each. */
struct memo {
	struct idmap by_id;
	uint64_t *bits;
	size_t n, cap;
};

struct ran {
	const struct process *p;
	const struct names *names;
	const struct phase_rules *rules;
	struct memo kernels, graphs;
	struct idmap by_tid;
	struct thread *threads;
	size_t n_threads, threads_cap;
	pass_ran_fn fn;
	void *arg;
};

/* Where its bits are, to be filled when *ret_new. */
static uint64_t *memo_of(struct memo *m, uint64_t id, bool *ret_new)
{
	uint32_t i = idmap_get(&m->by_id, id);

	*ret_new = i == IDMAP_NONE;
	if (*ret_new) {
		MEM_MORE(m->bits, m->n, m->cap);
		i = (uint32_t)m->n++;
		m->bits[i] = 0;
		idmap_put(&m->by_id, id, i);
	}
	return &m->bits[i];
}

static uint64_t rules_of_kernel(struct ran *r, uint32_t symbol)
{
	bool is_new;
	uint64_t *bits = memo_of(&r->kernels, symbol, &is_new);
	SCOPED_FREE char *readable = NULL;
	const char *name;

	if (!is_new)
		return *bits;
	name = names_text(r->names, symbol);
	readable = demangle(name);
	for (size_t i = 0; i < r->rules->n; i++) {
		const struct phase_rule *rule = &r->rules->list[i];

		if (phase_rule_matches(rule, PHASE_RULE_kernel, name) ||
		    phase_rule_matches(rule, PHASE_RULE_kernel, readable))
			*bits |= 1ull << rule->bit;
	}
	return *bits;
}

static uint64_t rules_of_replay(struct ran *r, uint32_t graph)
{
	uint32_t index = idmap_get(&r->p->graphs.by_id, graph);
	const struct graph_exec *g;
	uint64_t *bits;
	bool is_new;

	if (index == IDMAP_NONE)
		return 0;
	g = &r->p->graphs.list[index];
	bits = memo_of(&r->graphs, graph, &is_new);
	for (size_t i = 0; is_new && i < g->n_kernels; i++)
		*bits |= rules_of_kernel(r, g->kernels[i].name);
	return *bits;
}

/* --- a thread's way through its passes */

static size_t next_of(const struct ran *r, uint32_t tid, size_t from)
{
	while (from < r->p->passes.n && pass_nth(&r->p->passes, from)->tid != tid)
		from++;
	return from;
}

static void init_threads(struct ran *r)
{
	for (size_t i = 0; i < r->p->passes.n; i++) {
		uint32_t tid = pass_nth(&r->p->passes, i)->tid;

		if (idmap_get(&r->by_tid, tid) != IDMAP_NONE)
			continue;
		MEM_MORE(r->threads, r->n_threads, r->threads_cap);
		idmap_put(&r->by_tid, tid, (uint32_t)r->n_threads);
		r->threads[r->n_threads++] =
			(struct thread){ .tid = tid, .at = i, .next = next_of(r, tid, i + 1) };
	}
}

static bool rule_holds(const struct phase_rule *rule, const struct thread *t)
{
	const uint64_t bit = 1ull << rule->bit;

	if (rule->pattern[PHASE_RULE_kernel] && !(t->by_kernel & bit))
		return false;
	if (rule->has[PHASE_RULE_graph] && !(t->by_graph & bit))
		return false;
	return !rule->has[PHASE_RULE_stream] || t->on_stream[rule->bit] * 2 > t->kernels;
}

/* The pass has been read: tells it, and goes on to the next one. */
static void finish(struct ran *r, struct thread *t)
{
	uint64_t held = 0;

	for (size_t i = 0; i < r->rules->n; i++)
		if (phase_rule_of_ops(&r->rules->list[i]) && rule_holds(&r->rules->list[i], t))
			held |= 1ull << r->rules->list[i].bit;
	r->fn(r->arg, t->at, held);
	*t = (struct thread){ .tid = t->tid, .at = t->next };
	t->next = next_of(r, t->tid, t->at + 1);
}

static void add(struct ran *r, struct thread *t, const struct op *op)
{
	const bool replay = op->kind == OP_GRAPH, known = op->symbol != OP_SYMBOL_NONE;
	const uint64_t kernels = replay ? op->grid : 1;

	if (known) {
		t->kernels += kernels;
		t->by_kernel |= replay ? rules_of_replay(r, op->symbol) : rules_of_kernel(r, op->symbol);
	}
	for (size_t i = 0; i < r->rules->n; i++) {
		const struct phase_rule *rule = &r->rules->list[i];

		if (known && rule->has[PHASE_RULE_stream] &&
		    rule->number[PHASE_RULE_stream] == op->stream)
			t->on_stream[rule->bit] += kernels;
		if (replay && rule->has[PHASE_RULE_graph] &&
		    (rule->number[PHASE_RULE_graph] == PHASE_RULE_ANY ||
		     (known && rule->number[PHASE_RULE_graph] == op->symbol)))
			t->by_graph |= 1ull << rule->bit;
	}
}

static bool take(void *arg, const struct op *op)
{
	struct ran *r = arg;
	const struct pass_table *passes = &r->p->passes;
	const struct pass *x;
	struct thread *t;
	uint32_t i;

	if ((op->kind != OP_KERNEL && op->kind != OP_GRAPH) || op->captured)
		return true;
	i = idmap_get(&r->by_tid, op->tid);
	if (i == IDMAP_NONE)
		return true;
	t = &r->threads[i];
	while (t->next < passes->n && pass_nth(passes, t->next)->host_start <= op->host_start)
		finish(r, t);
	x = pass_nth(passes, t->at);
	if (x->host_start <= op->host_start && op->host_start <= x->end)
		add(r, t, op);
	return true;
}

void passes_ran(const struct process *p, const struct names *names, const struct phase_rules *rules,
		const struct pass_source *src, pass_ran_fn fn, void *arg)
{
	struct ran r = { .p = p, .names = names, .rules = rules, .fn = fn, .arg = arg };

	init_threads(&r);
	src->run(src->arg, 1, take, &r); /* what could not be read was told */
	for (size_t i = 0; i < r.n_threads; i++)
		while (r.threads[i].at < p->passes.n)
			finish(&r, &r.threads[i]);
	idmap_release(&r.by_tid);
	idmap_release(&r.kernels.by_id);
	idmap_release(&r.graphs.by_id);
	free(r.kernels.bits);
	free(r.graphs.bits);
	free(r.threads);
}
