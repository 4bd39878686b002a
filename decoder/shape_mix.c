#include "decoder/shape_mix.h"

#include <stdlib.h>
#include <string.h>

#include "decoder/idmap.h"
#include "decoder/mem.h"
#include "decoder/op_stream.h"
#include "decoder/process_model.h"
#include "decoder/session_model.h"
#include "decoder/session_ops.h"

#define OVERLAP_MAX 16u /* passes at one time that are looked at */

/* One shape while it is counted. */
struct counting {
	struct shape_mix mix;
	struct idmap by_name;
	struct run {
		uint32_t graph; /* in p->graphs.list */
		uint64_t count, ns;
	} *runs;
	size_t n_runs, runs_cap;
	struct idmap run_by_graph;
};

/* Where a thread is in the list of passes. */
struct cursor {
	size_t next;   /* first pass that is not looked at yet */
	size_t at;     /* its last one that began; SIZE_MAX: none */
	uint64_t left; /* kernels and replays that still belong to it */
};

struct mixing {
	const struct session *s;
	const struct process *p;
	const struct pass_table *t;
	struct counting *own;    /* by shape: launched by the thread of the pass */
	struct counting *others; /* by threads that have no passes */
	uint64_t *expected;      /* by shape: kernels and replays of its passes */
	bool *steady;            /* by shape: it has passes after the warm-up, and only they are read */
	struct cursor *cursors;
	size_t n_cursors, cursors_cap;
	struct idmap by_tid;     /* threads with passes */
	size_t begun;            /* passes that began, of all threads */
};

/* --- counting */

static struct shape_kernel *kernel_of(struct counting *c, const struct session *s, uint32_t name)
{
	struct shape_mix *m = &c->mix;
	uint32_t i = idmap_get(&c->by_name, name);

	if (i == IDMAP_NONE) {
		i = (uint32_t)m->n;
		idmap_put(&c->by_name, name, i);
		MEM_MORE(m->list, m->n, m->cap);
		m->list[m->n++] = (struct shape_kernel){ .name = name, .cls = (uint8_t)kernel_class_of(s, name) };
	}
	return &m->list[i];
}

static void count_replay(struct counting *c, const struct process *p, const struct op *op, uint64_t ns)
{
	uint32_t g = op->symbol == OP_SYMBOL_NONE ? IDMAP_NONE : idmap_get(&p->graphs.by_id, op->symbol), i;

	c->mix.replays++;
	c->mix.replay_ns += ns;
	if (g == IDMAP_NONE || p->graphs.list[g].unlisted ||
	    (!p->graphs.list[g].n_kernels && p->graphs.list[g].kernel_nodes)) {
		c->mix.unlisted_replays++;
		return;
	}
	i = idmap_get(&c->run_by_graph, g);
	if (i == IDMAP_NONE) {
		i = (uint32_t)c->n_runs;
		idmap_put(&c->run_by_graph, g, i);
		MEM_MORE(c->runs, c->n_runs, c->runs_cap);
		c->runs[c->n_runs++] = (struct run){ .graph = g };
	}
	c->runs[i].count++;
	c->runs[i].ns += ns;
}

static void count(struct mixing *m, struct counting *c, const struct op *op)
{
	const uint64_t ns = op->gpu_start && op->gpu_end > op->gpu_start ? op->gpu_end - op->gpu_start : 0;
	enum kernel_class cls = KERNEL_CLASS_UNKNOWN;

	if (op->kind == OP_GRAPH) {
		count_replay(c, m->p, op, ns);
		return;
	}
	if (op->symbol != OP_SYMBOL_NONE) {
		struct shape_kernel *k = kernel_of(c, m->s, op->symbol);

		k->count++;
		k->ns += ns;
		cls = k->cls;
	}
	c->mix.kernels[cls]++;
	c->mix.ns[cls] += ns;
}

/* --- which pass */

static bool is_read(const struct mixing *m, const struct pass *x)
{
	return x->shape < m->t->n_shapes && (!x->warmup || !m->steady[x->shape]);
}

static void count_own(struct mixing *m, struct cursor *c, const struct op *op)
{
	const struct pass *x;

	for (; c->next < m->t->n; c->next++) {
		x = pass_nth(m->t, c->next);
		if (x->host_start > op->host_start)
			break;
		if (x->tid == op->tid) {
			c->at = c->next;
			c->left = (uint64_t)x->kernels + x->graph_launches;
		}
	}
	if (c->at == SIZE_MAX || !c->left)
		return;
	x = pass_nth(m->t, c->at);
	if (op->host_start > x->end || !is_read(m, x))
		return;
	c->left--;
	count(m, &m->own[x->shape], op);
}

/* Of a thread without passes of its own: the one pass in whose time it is, if it is one only. */
static void count_other(struct mixing *m, const struct op *op)
{
	const struct pass *found = NULL;

	while (m->begun < m->t->n && pass_nth(m->t, m->begun)->host_start <= op->host_start)
		m->begun++;
	for (size_t i = m->begun; i-- > 0 && m->begun - i <= OVERLAP_MAX;) {
		const struct pass *x = pass_nth(m->t, i);

		if (x->end < op->host_start || x->host_start > op->host_start)
			continue;
		if (found)
			return;
		found = x;
	}
	if (found && is_read(m, found))
		count(m, &m->others[found->shape], op);
}

static bool take(void *arg, const struct op *op)
{
	struct mixing *m = arg;
	uint32_t i;

	if ((op->kind != OP_KERNEL && op->kind != OP_GRAPH) || op->captured)
		return true;
	i = idmap_get(&m->by_tid, op->tid);
	if (i == IDMAP_NONE)
		count_other(m, op);
	else
		count_own(m, &m->cursors[i], op);
	return true;
}

static void prepare(struct mixing *m)
{
	for (size_t i = 0; i < m->t->n; i++) {
		const struct pass *x = pass_nth(m->t, i);

		if (idmap_get(&m->by_tid, x->tid) == IDMAP_NONE) {
			idmap_put(&m->by_tid, x->tid, (uint32_t)m->n_cursors);
			MEM_MORE(m->cursors, m->n_cursors, m->cursors_cap);
			m->cursors[m->n_cursors++] = (struct cursor){ .at = SIZE_MAX };
		}
		if (x->shape < m->t->n_shapes)
			m->steady[x->shape] |= !x->warmup;
	}
	for (size_t i = 0; i < m->t->n; i++) {
		const struct pass *x = pass_nth(m->t, i);

		if (!is_read(m, x))
			continue;
		m->own[x->shape].mix.passes++;
		m->expected[x->shape] += (uint64_t)x->kernels + x->graph_launches;
	}
}

/* --- the result */

static void expand_runs(struct counting *c, const struct mixing *m)
{
	for (size_t i = 0; i < c->n_runs; i++) {
		const struct graph_exec *g = &m->p->graphs.list[c->runs[i].graph];
		bool compiler = false;

		for (size_t k = 0; k < g->n_kernels; k++) {
			struct shape_kernel *x = kernel_of(c, m->s, g->kernels[k].name);
			const uint64_t n = g->kernels[k].count * c->runs[i].count;

			x->replayed += n;
			c->mix.replayed[x->cls] += n;
			compiler |= x->cls == KERNEL_CLASS_COMPILER;
		}
		if (compiler) {
			c->mix.compiler_replays += c->runs[i].count;
			c->mix.compiler_replay_ns += c->runs[i].ns;
		}
	}
}

static uint64_t items(const struct shape_mix *m)
{
	uint64_t n = m->replays;

	for (unsigned k = 0; k < KERNEL_CLASS_COUNT; k++)
		n += m->kernels[k];
	return n;
}

static void add(struct counting *to, const struct counting *from, const struct session *s)
{
	struct shape_mix *a = &to->mix;
	const struct shape_mix *b = &from->mix;

	for (size_t i = 0; i < b->n; i++) {
		struct shape_kernel *k = kernel_of(to, s, b->list[i].name);

		k->count += b->list[i].count;
		k->ns += b->list[i].ns;
		k->replayed += b->list[i].replayed;
	}
	for (unsigned k = 0; k < KERNEL_CLASS_COUNT; k++) {
		a->kernels[k] += b->kernels[k];
		a->ns[k] += b->ns[k];
		a->replayed[k] += b->replayed[k];
	}
	a->replays += b->replays;
	a->replay_ns += b->replay_ns;
	a->compiler_replays += b->compiler_replays;
	a->compiler_replay_ns += b->compiler_replay_ns;
	a->unlisted_replays += b->unlisted_replays;
}

static int by_time(const void *a, const void *b)
{
	const struct shape_kernel *x = a, *y = b;
	const uint64_t n = x->count + x->replayed, m = y->count + y->replayed;

	if (x->ns != y->ns)
		return x->ns < y->ns ? 1 : -1;
	if (n != m)
		return n < m ? 1 : -1;
	return (x->name > y->name) - (x->name < y->name);
}

static void counting_release(struct counting *c)
{
	idmap_release(&c->by_name);
	idmap_release(&c->run_by_graph);
	free(c->runs);
}

/*
 * Threads that work for another's pass (a backward pass) were joined to it when passes were found, and
 * its counts hold their work; other threads' work at the same time is not the pass's.
 */
static void finish(struct mixing *m, struct shape_mixes *ret)
{
	for (size_t i = 0; i < ret->n; i++) {
		struct counting *own = &m->own[i], *others = &m->others[i];

		expand_runs(own, m);
		expand_runs(others, m);
		if (items(&own->mix) * 10 < m->expected[i] * 9)
			add(own, others, m->s);
		ret->list[i] = own->mix;
		if (own->mix.n)
			qsort(own->mix.list, own->mix.n, sizeof(*own->mix.list), by_time);
		free(others->mix.list);
		counting_release(own);
		counting_release(others);
	}
}

void shape_mixes_find(struct shape_mixes *ret, const struct session *s, size_t process)
{
	const struct pass_table *t = &s->list[process]->passes;
	struct mixing m = { .s = s, .p = s->list[process], .t = t };
	struct op_stream_status status;

	*ret = (struct shape_mixes){ 0 };
	if (!t->n)
		return;
	ret->n = t->n_shapes;
	ret->list = mem_zalloc(ret->n, sizeof(*ret->list));
	m.own = mem_zalloc(ret->n, sizeof(*m.own));
	m.others = mem_zalloc(ret->n, sizeof(*m.others));
	m.expected = mem_zalloc(ret->n, sizeof(*m.expected));
	m.steady = mem_zalloc(ret->n, sizeof(*m.steady));
	prepare(&m);
	/* A trace that cannot be read again gives fewer kernels, and a verdict of unknown. */
	session_ops(s, "phases", process, take, &m, &status);
	finish(&m, ret);
	free(m.own);
	free(m.others);
	free(m.expected);
	free(m.steady);
	free(m.cursors);
	idmap_release(&m.by_tid);
}

void shape_mixes_release(struct shape_mixes *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->list[i].list);
	free(m->list);
	*m = (struct shape_mixes){ 0 };
}

/* --- likeness */

static double per_pass(const struct shape_mix *m, const struct shape_kernel *k)
{
	return m->passes ? (double)(k->count + k->replayed) / (double)m->passes : 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct named {
	const char *text; /* first: by_text() */
	double n;
};

static size_t named_of(struct named **ret, const struct session *s, const struct shape_mix *m,
		       unsigned classes)
{
	size_t n = 0;

	*ret = mem_zalloc(m->n + 1, sizeof(**ret));
	for (size_t i = 0; i < m->n; i++)
		if (classes >> m->list[i].cls & 1)
			(*ret)[n++] = (struct named){ names_text(&s->names, m->list[i].name),
						      per_pass(m, &m->list[i]) };
	if (n)
		qsort(*ret, n, sizeof(**ret), by_text);
	return n;
}

double shape_mix_alike_in(const struct session *a, const struct shape_mix *x, const struct session *b,
			  const struct shape_mix *y, unsigned classes)
{
	SCOPED_FREE struct named *p = NULL, *q = NULL;
	const size_t n = named_of(&p, a, x, classes), m = named_of(&q, b, y, classes);
	double common = 0, all = 0;

	for (size_t i = 0, k = 0; i < n || k < m;) {
		const int order = i == n ? 1 : k == m ? -1 : strcmp(p[i].text, q[k].text);
		const double left = order <= 0 ? p[i].n : 0, right = order >= 0 ? q[k].n : 0;

		common += left < right ? left : right;
		all += left > right ? left : right;
		i += order <= 0;
		k += order >= 0;
	}
	return all > 0 ? common / all : 0;
}

double shape_mix_alike(const struct session *a, const struct shape_mix *x, const struct session *b,
		       const struct shape_mix *y)
{
	return shape_mix_alike_in(a, x, b, y, ~0u);
}
