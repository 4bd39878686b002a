/* graph_table: executable CUDA graphs of a process: what is in them, how often they ran. */
#ifndef JITNESS_DECODER_GRAPH_TABLE_H
#define JITNESS_DECODER_GRAPH_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/idmap.h"

struct names;
struct section;

#define GRAPHS_MAX 65536 /* executable graphs listed per process; more are only counted */

struct graph_exec {
	uint64_t graph;          /* CUPTI's graph id */
	uint64_t version;        /* of the counts below; 0: as instantiated */
	uint64_t kernels_version; /* of the kernels: the latest that were listed */
	uint64_t nodes, kernel_nodes, unlisted;
	uint64_t instantiate_ns; /* sum; 0: not seen */
	uint64_t instantiated;   /* realtime of the first one's start; 0: not seen */
	uint64_t native, python; /* FRAME ids of the first one; 0: none */
	uint64_t updates, update_ns; /* of a whole graph, or of a node */
	bool untimed;            /* some were only counted: update_ns is not all */
	uint64_t failed;         /* instantiations and updates with a result */
	uint64_t destroyed;      /* realtime, or 0 */
	uint64_t runs;           /* GRAPH_RUN rows, or replays seen through their nodes */
	uint64_t run_total_ns, run_max_ns, run_invalid;
	uint64_t last_corr;      /* of the nodes' records, to tell replays apart */
	struct graph_kernel {
		uint32_t name;   /* session's names */
		uint64_t count;
	} *kernels;
	size_t n_kernels, kernels_cap;
};

/* A recording of a stream, or the making of an executable graph. */
struct graph_recording {
	uint64_t start, end;     /* of a capture: from its beginning */
	uint64_t graph;          /* exec's id; 0: a capture */
	uint64_t native, python; /* FRAME ids, or 0 */
	uint32_t tid;
	bool failed;
};

struct graph_table {
	struct graph_recording *recordings; /* at most GRAPHS_MAX */
	size_t n_recordings, recordings_cap;
	struct graph_exec *list;
	size_t n, cap;
	uint64_t captures;   /* recordings of streams that ended, failed ones too */
	uint64_t capture_ns; /* sum of the calls that ended them */
	uint64_t unlisted; /* records of graphs beyond GRAPHS_MAX */
	struct idmap by_id;
};

/* One GRAPH, GRAPH_KERNEL or GRAPH_RUN section. */
void graph_table_fold(struct graph_table *t, const struct section *s, struct names *names);
/* KERNEL rows that belong to graph nodes (level node): counts replays. */
void graph_table_nodes(struct graph_table *t, const struct section *s);
void graph_table_release(struct graph_table *t);

#endif
