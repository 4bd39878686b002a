/*
 * Stream capture: work on a capturing stream becomes nodes of a graph. Other streams
 * join by waiting for an event that was recorded in the capture.
 */
#include "tests/sim/drv_graph.h"

#include <stdlib.h>
#include <string.h>

struct capture {
	struct capture *next;          /* never freed: events may still point here */
	CUgraph graph;
	CUstream origin;
	uint64_t id;
	bool is_active, is_invalid, owns_graph;
};

static struct capture *captures;       /* under drv_lock */

static void deps_copy(CUgraphNode **to, size_t *n_to, CUgraphNode *from, size_t n)
{
	CUgraphNode *more = realloc(*to, (n + 1) * sizeof(CUgraphNode));

	if (!more)
		abort();
	if (n)
		memcpy(more, from, n * sizeof(CUgraphNode));
	*to = more;
	*n_to = n;
}

static void deps_add(CUgraphNode **to, size_t *n_to, CUgraphNode node)
{
	CUgraphNode *more = realloc(*to, (*n_to + 1) * sizeof(CUgraphNode));

	if (!more)
		abort();
	more[*n_to] = node;
	*to = more;
	(*n_to)++;
}

CUresult capture_forbid(CUstream s)
{
	s->capture->is_invalid = true;
	return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

static CUresult capture_add(CUstream s, const struct CUgraphNode_st *node)
{
	CUgraphNode n;
	CUresult r;

	if (s->capture->is_invalid)
		return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
	r = graph_add(&n, s->capture->graph, s->deps, s->n_deps, node);

	if (!r)
		deps_copy(&s->deps, &s->n_deps, &n, 1);
	return r;
}

bool capture_launch(CUstream s, const struct launch *l, CUresult *r)
{
	struct CUgraphNode_st node = { .type = CU_GRAPH_NODE_TYPE_KERNEL, .launch = *l };

	if (!s->capture)
		return false;
	*r = capture_add(s, &node);
	return true;
}

bool capture_copy(CUstream s, const struct copy *c, CUresult *r)
{
	struct CUgraphNode_st node = { .type = CU_GRAPH_NODE_TYPE_MEMCPY, .copy = *c };

	if (!s->capture)
		return false;
	if (!c->is_async) {
		*r = capture_forbid(s);
		return true;
	}
	node.copy_params = (CUDA_MEMCPY3D){
		.srcMemoryType = CU_MEMORYTYPE_UNIFIED, .srcDevice = c->src,
		.dstMemoryType = CU_MEMORYTYPE_UNIFIED, .dstDevice = c->dst,
		.WidthInBytes = c->bytes, .Height = 1, .Depth = 1,
	};
	*r = capture_add(s, &node);
	return true;
}

bool capture_set(CUstream s, const struct set *set, CUresult *r)
{
	struct CUgraphNode_st node = { .type = CU_GRAPH_NODE_TYPE_MEMSET, .set = *set };

	if (!s->capture)
		return false;
	node.set_params = (CUDA_MEMSET_NODE_PARAMS){
		.dst = set->dst, .value = set->value, .elementSize = set->element,
		.width = set->count, .height = 1,
	};
	*r = capture_add(s, &node);
	return true;
}

bool capture_record(CUstream s, CUevent e)
{
	if (!s->capture)
		return false;
	e->capture = s->capture;
	deps_copy(&e->deps, &e->n_deps, s->deps, s->n_deps);
	return true;
}

bool capture_wait(CUstream s, CUevent e, CUresult *r)
{
	if (!e->capture && !s->capture)
		return false;
	*r = CUDA_SUCCESS;
	if (!e->capture || !e->capture->is_active || (s->capture && s->capture != e->capture)) {
		*r = CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
		return true;
	}
	if (!s->capture) {
		s->capture = e->capture;
		deps_copy(&s->deps, &s->n_deps, e->deps, e->n_deps);
		return true;
	}
	for (size_t i = 0; i < e->n_deps; i++) {
		size_t n = s->n_deps;
		bool has = false;

		for (size_t k = 0; k < n; k++)
			has = has || s->deps[k] == e->deps[i];
		if (has)
			continue;
		deps_add(&s->deps, &s->n_deps, e->deps[i]);
	}
	return true;
}

/* --- begin, end */
static CUresult capture_begin(CUstream handle, CUgraph graph, const CUgraphNode *deps, size_t n)
{
	static _Atomic uint64_t next_id = 1;
	CUstream s = stream_find(handle);
	struct capture *c;

	if (!s || s == &s->ctx->null_stream)
		return s ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : CUDA_ERROR_INVALID_HANDLE;
	if (s->capture)
		return CUDA_ERROR_ILLEGAL_STATE;
	c = calloc(1, sizeof(*c));
	if (!c)
		return CUDA_ERROR_OUT_OF_MEMORY;
	c->owns_graph = !graph;
	c->graph = graph ? graph : graph_create(NULL);
	c->origin = s;
	c->id = atomic_fetch_add(&next_id, 1);
	c->is_active = true;
	if (c->owns_graph)
		graph_tell(RES_GRAPH_CREATED, &(struct sim_graph_info){ .graph = c->graph });
	s->n_deps = 0;
	if (n)
		deps_copy(&s->deps, &s->n_deps, (CUgraphNode *)(uintptr_t)deps, n);
	pthread_mutex_lock(&drv_lock);
	c->next = captures;
	captures = c;
	pthread_mutex_unlock(&drv_lock);
	s->capture = c;
	return CUDA_SUCCESS;
}

ENTRY_PT(cuStreamBeginCapture_v2, _ptsz, (CUstream s, CUstreamCaptureMode mode), (s, mode))
{
	return capture_begin(s, NULL, NULL, 0);
}

ENTRY_PT(cuStreamBeginCapture, _ptsz, (CUstream s), (s))
{
	return capture_begin(s, NULL, NULL, 0);
}

ENTRY_PT(cuStreamBeginCaptureToGraph, _ptsz,
	 (CUstream s, CUgraph g, const CUgraphNode *deps, const CUgraphEdgeData *data, size_t n,
	  CUstreamCaptureMode mode), (s, g, deps, data, n, mode))
{
	return graph_is_valid(g) ? capture_begin(s, g, deps, n) : CUDA_ERROR_INVALID_VALUE;
}

ENTRY_PT(cuStreamEndCapture, _ptsz, (CUstream handle, CUgraph *ret), (handle, ret))
{
	CUstream s = stream_find(handle);
	struct capture *c;

	if (!s || !ret)
		return CUDA_ERROR_INVALID_VALUE;
	c = s->capture;
	if (!c)
		return CUDA_ERROR_ILLEGAL_STATE;
	if (c->origin != s)
		return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
	pthread_mutex_lock(&s->ctx->lock);
	for (CUstream at = s->ctx->streams; at; at = at->next)
		if (at->capture == c)
			at->capture = NULL;
	pthread_mutex_unlock(&s->ctx->lock);
	c->is_active = false;
	*ret = NULL;
	if (c->is_invalid && c->owns_graph)
		graph_destroy(c->graph);
	if (c->is_invalid)
		return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
	*ret = c->graph;
	return CUDA_SUCCESS;
}

/* --- questions */
static CUstreamCaptureStatus capture_status(CUstream s)
{
	if (!s->capture)
		return CU_STREAM_CAPTURE_STATUS_NONE;
	return s->capture->is_invalid ? CU_STREAM_CAPTURE_STATUS_INVALIDATED :
					CU_STREAM_CAPTURE_STATUS_ACTIVE;
}

ENTRY_PT(cuStreamIsCapturing, _ptsz, (CUstream handle, CUstreamCaptureStatus *ret), (handle, ret))
{
	CUstream s = stream_find(handle);

	if (!s || !ret)
		return CUDA_ERROR_INVALID_VALUE;
	*ret = capture_status(s);
	return CUDA_SUCCESS;
}

static CUresult capture_info(CUstream handle, CUstreamCaptureStatus *status, cuuint64_t *id,
			     CUgraph *graph, const CUgraphNode **deps, size_t *n)
{
	CUstream s = stream_find(handle);

	if (!s || !status)
		return CUDA_ERROR_INVALID_VALUE;
	*status = capture_status(s);
	if (!s->capture || s->capture->is_invalid)
		return CUDA_SUCCESS;
	if (id)
		*id = s->capture->id;
	if (graph)
		*graph = s->capture->graph;
	if (deps)
		*deps = s->deps;
	if (n)
		*n = s->n_deps;
	return CUDA_SUCCESS;
}

ENTRY_PT(cuStreamGetCaptureInfo, _ptsz,
	 (CUstream s, CUstreamCaptureStatus *status, cuuint64_t *id), (s, status, id))
{
	return capture_info(s, status, id, NULL, NULL, NULL);
}

ENTRY_PT(cuStreamGetCaptureInfo_v2, _ptsz,
	 (CUstream s, CUstreamCaptureStatus *status, cuuint64_t *id, CUgraph *graph,
	  const CUgraphNode **deps, size_t *n), (s, status, id, graph, deps, n))
{
	return capture_info(s, status, id, graph, deps, n);
}

ENTRY_PT(cuStreamGetCaptureInfo_v3, _ptsz,
	 (CUstream s, CUstreamCaptureStatus *status, cuuint64_t *id, CUgraph *graph,
	  const CUgraphNode **deps, const CUgraphEdgeData **edges, size_t *n),
	 (s, status, id, graph, deps, edges, n))
{
	if (edges)
		*edges = NULL;
	return capture_info(s, status, id, graph, deps, n);
}

ENTRY(cuThreadExchangeStreamCaptureMode, (CUstreamCaptureMode *mode), (mode))
{
	static __thread CUstreamCaptureMode now = CU_STREAM_CAPTURE_MODE_GLOBAL;
	CUstreamCaptureMode before = now;

	if (!mode)
		return CUDA_ERROR_INVALID_VALUE;
	now = *mode;
	*mode = before;
	return CUDA_SUCCESS;
}
