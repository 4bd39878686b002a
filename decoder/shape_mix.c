#include "decoder/shape_mix.h"

#include <stdlib.h>
#include <string.h>

#include "decoder/idmap.h"
#include "decoder/mem.h"
#include "decoder/op_stream.h"
#include "decoder/process_model.h"
#include "decoder/session_model.h"

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

struct mixing {
	const struct session *s;
	const struct process *p;
	const struct pass_table *t;
	struct counting *shapes; /* as t->shapes */
	bool *steady;            /* by shape: it has passes after the warm-up, and only they count */
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

static void count_replays(struct counting *c, const struct process *p, uint32_t graph, const struct pass_ran *x)
{
	uint32_t g = graph == OP_SYMBOL_NONE ? IDMAP_NONE : idmap_get(&p->graphs.by_id, graph), i;

	c->mix.replays += x->count;
	c->mix.replay_ns += x->ns;
	if (g == IDMAP_NONE || p->graphs.list[g].unlisted ||
	    (!p->graphs.list[g].n_kernels && p->graphs.list[g].kernel_nodes)) {
		c->mix.unlisted_replays += x->count;
		return;
	}
	i = idmap_get(&c->run_by_graph, g);
	if (i == IDMAP_NONE) {
		i = (uint32_t)c->n_runs;
		idmap_put(&c->run_by_graph, g, i);
		MEM_MORE(c->runs, c->n_runs, c->runs_cap);
		c->runs[c->n_runs++] = (struct run){ .graph = g };
	}
	c->runs[i].count += x->count;
	c->runs[i].ns += x->ns;
}

static void count(struct mixing *m, struct counting *c, const struct pass_ran *x)
{
	const struct pass_code *code = &m->t->codes[x->code];
	enum kernel_class cls = KERNEL_CLASS_UNKNOWN;

	if (code->kind == OP_GRAPH) {
		count_replays(c, m->p, code->symbol, x);
		return;
	}
	if (code->symbol != OP_SYMBOL_NONE) {
		struct shape_kernel *k = kernel_of(c, m->s, code->symbol);

		k->count += x->count;
		k->ns += x->ns;
		cls = k->cls;
	}
	c->mix.kernels[cls] += x->count;
	c->mix.ns[cls] += x->ns;
}

static void count_passes(struct mixing *m)
{
	const struct pass_table *t = m->t;

	for (size_t i = 0; i < t->n; i++) {
		const struct pass *x = pass_nth(t, i);

		if (x->shape < t->n_shapes)
			m->steady[x->shape] |= !x->warmup;
	}
	for (size_t i = 0; i < t->n; i++) {
		const struct pass *x = pass_nth(t, i);
		struct counting *c;

		if (x->shape >= t->n_shapes || (x->warmup && m->steady[x->shape]))
			continue;
		c = &m->shapes[x->shape];
		c->mix.passes++;
		for (uint64_t k = x->ran_at; k < x->ran_at + x->n_ran; k++) {
			spill_touch(t->ran_window, k);
			count(m, c, &t->ran[k]);
		}
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

void shape_mixes_find(struct shape_mixes *ret, const struct session *s, size_t process)
{
	const struct pass_table *t = &s->list[process]->passes;
	struct mixing m = { .s = s, .p = s->list[process], .t = t };

	*ret = (struct shape_mixes){ 0 };
	if (!t->n)
		return;
	ret->n = t->n_shapes;
	ret->list = mem_zalloc(ret->n, sizeof(*ret->list));
	m.shapes = mem_zalloc(ret->n, sizeof(*m.shapes));
	m.steady = mem_zalloc(ret->n, sizeof(*m.steady));
	count_passes(&m);
	for (size_t i = 0; i < ret->n; i++) {
		struct counting *c = &m.shapes[i];

		expand_runs(c, &m);
		if (c->mix.n)
			qsort(c->mix.list, c->mix.n, sizeof(*c->mix.list), by_time);
		ret->list[i] = c->mix;
		idmap_release(&c->by_name);
		idmap_release(&c->run_by_graph);
		free(c->runs);
	}
	free(m.shapes);
	free(m.steady);
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
