#include "decoder/pass_items.h"

#include "decoder/process_model.h"

/*
 * A graph that is recorded anew, for an address or a shape that changed, is the same code: graphs with the
 * same kernels are one symbol.
 */
static uint64_t graph_key(const struct process *p, uint32_t graph)
{
	uint32_t i = p ? idmap_get(&p->graphs.by_id, graph) : IDMAP_NONE;
	const struct graph_exec *g;
	uint64_t key = 1;

	if (i == IDMAP_NONE || !p->graphs.list[i].n_kernels)
		return (uint64_t)graph | 1ull << 40;
	g = &p->graphs.list[i];
	for (size_t k = 0; k < g->n_kernels; k++) /* in any order */
		key += idmap_hash(g->kernels[k].name * 31ull + g->kernels[k].count + 7);
	return key | 1ull << 63;
}

uint32_t pass_symbol(struct pass_symbols *s, const struct process *p, const struct op *op)
{
	uint64_t key = op->kind == OP_GRAPH ? graph_key(p, op->symbol) : op->symbol;
	uint32_t i = idmap_get(&s->by_key, key);

	if (i != IDMAP_NONE)
		return i;
	if (s->n >= PASS_SYMBOLS_MAX - 1)
		return PASS_SYMBOLS_MAX - 1;
	idmap_put(&s->by_key, key, s->n);
	return s->n++;
}
