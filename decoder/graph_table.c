#include "decoder/graph_table.h"

#include "decoder/mem.h"
#include "decoder/name_table.h"
#include "decoder/tally.h"
#include "trace/encode.h"

static struct graph_exec *graph_get(struct graph_table *t, uint64_t id)
{
	uint32_t i = idmap_get(&t->by_id, id);

	if (i != IDMAP_NONE)
		return &t->list[i];
	if (t->n >= GRAPHS_MAX) {
		t->unlisted++;
		return NULL;
	}
	MEM_MORE(t->list, t->n, t->cap);
	idmap_put(&t->by_id, id, (uint32_t)t->n);
	t->list[t->n] = (struct graph_exec){ .graph = id };
	return &t->list[t->n++];
}

static void fold_recordings(struct graph_table *t, const struct section *s)
{
	for (uint32_t i = 0; i < s->rows; i++) {
		uint64_t op = s->col[GRAPH_OP][i];

		if (op != GRAPH_OP_CAPTURE && op != GRAPH_OP_INSTANTIATE)
			continue;
		if (t->n_recordings >= GRAPHS_MAX) {
			t->unlisted++;
			continue;
		}
		MEM_MORE(t->recordings, t->n_recordings, t->recordings_cap);
		t->recordings[t->n_recordings++] = (struct graph_recording){
			.start = s->col[GRAPH_START][i],
			.end = s->col[GRAPH_END][i],
			.graph = op == GRAPH_OP_INSTANTIATE ? s->col[GRAPH_GRAPH][i] : 0,
			.native = s->col[GRAPH_NATIVE][i],
			.python = s->col[GRAPH_PYTHON][i],
			.tid = s->tid,
			.failed = s->col[GRAPH_RESULT][i] != 0,
		};
	}
}

static void fold_ops(struct graph_table *t, const struct section *s)
{
	for (uint32_t i = 0; i < s->rows; i++) {
		uint64_t start = s->col[GRAPH_START][i], end = s->col[GRAPH_END][i];
		uint64_t ns = time_pair_valid(start, end) ? end - start : 0;
		struct graph_exec *g;

		if (s->col[GRAPH_OP][i] == GRAPH_OP_CAPTURE) {
			t->captures++; /* there is no executable graph yet */
			t->capture_ns += ns;
			continue;
		}
		g = graph_get(t, s->col[GRAPH_GRAPH][i]);
		if (!g)
			continue;
		if (s->col[GRAPH_RESULT][i]) {
			g->failed++;
			continue;
		}
		switch (s->col[GRAPH_OP][i]) {
		case GRAPH_OP_INSTANTIATE:
			g->instantiate_ns += ns;
			if (!g->instantiated) {
				g->instantiated = start;
				g->native = s->col[GRAPH_NATIVE][i];
				g->python = s->col[GRAPH_PYTHON][i];
			}
			break;
		case GRAPH_OP_UPDATE:
			g->updates++;
			g->update_ns += ns;
			break;
		case GRAPH_OP_NODE_UPDATE:
			g->updates += s->col[GRAPH_NODES][i];
			g->update_ns += ns;
			g->untimed |= !s->col[GRAPH_CORR][i];
			break;
		case GRAPH_OP_DESTROY:
			g->destroyed = start;
			continue; /* says nothing about nodes */
		default:
			continue;
		}
		if (s->col[GRAPH_VERSION][i] < g->version)
			continue;
		g->version = s->col[GRAPH_VERSION][i];
		if (s->col[GRAPH_OP][i] == GRAPH_OP_NODE_UPDATE)
			continue; /* says nothing about the others */
		g->nodes = s->col[GRAPH_NODES][i];
		g->kernel_nodes = s->col[GRAPH_KERNEL_NODES][i];
		g->unlisted = s->col[GRAPH_UNLISTED][i];
	}
}

/* A node update names a kernel and replaces one that it does not name: counts stay. */
static void name_only(struct graph_exec *g, uint32_t name)
{
	for (size_t i = 0; i < g->n_kernels; i++)
		if (g->kernels[i].name == name)
			return;
	MEM_MORE(g->kernels, g->n_kernels, g->kernels_cap);
	g->kernels[g->n_kernels++] = (struct graph_kernel){ .name = name };
}

static void fold_kernels(struct graph_table *t, const struct section *s, struct names *names)
{
	for (uint32_t i = 0; i < s->rows; i++) {
		struct graph_exec *g = graph_get(t, s->col[GRAPH_KERNEL_GRAPH][i]);
		uint64_t version = s->col[GRAPH_KERNEL_VERSION][i];
		uint64_t count = s->col[GRAPH_KERNEL_COUNT][i];
		uint32_t name;

		if (!g || !s->blob_at || version < g->kernels_version)
			continue;
		name = names_put(names, s->blob + s->blob_at[i], s->blob_at[i + 1] - s->blob_at[i]);
		if (!count) {
			name_only(g, name);
			continue;
		}
		/* Kernels are listed anew with each version. */
		if (version > g->kernels_version)
			g->n_kernels = 0;
		g->kernels_version = version;
		MEM_MORE(g->kernels, g->n_kernels, g->kernels_cap);
		g->kernels[g->n_kernels++] = (struct graph_kernel){
			.name = name,
			.count = count,
		};
	}
}

static void fold_runs(struct graph_table *t, const struct section *s)
{
	for (uint32_t i = 0; i < s->rows; i++) {
		struct graph_exec *g = graph_get(t, s->col[GRAPH_RUN_GRAPH][i]);
		uint64_t start = s->col[GRAPH_RUN_START][i], end = s->col[GRAPH_RUN_END][i];

		if (!g)
			continue;
		g->runs++;
		if (!time_pair_valid(start, end)) {
			g->run_invalid++;
			continue;
		}
		g->run_total_ns += end - start;
		if (end - start > g->run_max_ns)
			g->run_max_ns = end - start;
	}
}

void graph_table_fold(struct graph_table *t, const struct section *s, struct names *names)
{
	if (s->kind == EVENT_GRAPH) {
		fold_recordings(t, s);
		fold_ops(t, s);
	} else if (s->kind == EVENT_GRAPH_KERNEL) {
		fold_kernels(t, s, names);
	} else if (s->kind == EVENT_GRAPH_RUN) {
		fold_runs(t, s);
	}
}

void graph_table_nodes(struct graph_table *t, const struct section *s)
{
	const uint64_t *graph = s->col[KERNEL_GRAPH], *node = s->col[KERNEL_NODE];

	for (uint32_t i = 0; i < s->rows; i++) {
		struct graph_exec *g;

		if (!node[i] || !graph[i])
			continue;
		g = graph_get(t, graph[i]);
		if (!g || g->last_corr == s->col[KERNEL_CORR][i])
			continue;
		g->last_corr = s->col[KERNEL_CORR][i];
		g->runs++;
	}
}

void graph_table_release(struct graph_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->list[i].kernels);
	free(t->list);
	free(t->recordings);
	idmap_release(&t->by_id);
	*t = (struct graph_table){ 0 };
}
