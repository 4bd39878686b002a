/*
 * Streams and simulated time: work on a stream runs in order, after the host asked for
 * it and after what the stream waits for. The NULL stream and blocking streams wait for
 * each other, as the legacy default stream does.
 */
#include "tests/sim/drv.h"

#include <stdlib.h>

static CUstream stream_per_thread(CUcontext ctx)
{
	pthread_t self = pthread_self();
	CUstream s;

	pthread_mutex_lock(&ctx->lock);
	for (s = ctx->streams; s; s = s->next)
		if (s->is_per_thread && pthread_equal(s->owner, self))
			break;
	if (!s && (s = calloc(1, sizeof(*s)))) {
		s->ctx = ctx;
		s->id = ctx->next_stream_id++;
		s->is_per_thread = true;
		s->owner = self;
		s->next = ctx->streams;
		ctx->streams = s;
	}
	pthread_mutex_unlock(&ctx->lock);
	return s;
}

CUstream stream_find(CUstream handle)
{
	CUcontext ctx;

	if (handle && handle != CU_STREAM_LEGACY && handle != CU_STREAM_PER_THREAD)
		return ctx_is_valid(handle->ctx) ? handle : NULL;
	ctx = ctx_current();
	if (!ctx_is_valid(ctx))
		return NULL;
	if (handle == CU_STREAM_PER_THREAD || (!handle && api_is_per_thread()))
		return stream_per_thread(ctx);
	return &ctx->null_stream;
}

int stream_id_of(void *context, void *handle, bool per_thread, uint32_t *ret)
{
	CUcontext ctx = context;
	CUstream s = handle;

	if (!s && per_thread)
		s = stream_per_thread(ctx);
	else if (!s || s == CU_STREAM_LEGACY)
		s = ctx ? &ctx->null_stream : NULL;
	else if (s == CU_STREAM_PER_THREAD)
		s = stream_per_thread(ctx);
	if (!s)
		return -1;
	*ret = s->id;
	return 0;
}

static bool stream_is_blocking(CUstream s)
{
	return s != &s->ctx->null_stream && !(s->flags & CU_STREAM_NON_BLOCKING);
}

void stream_enqueue(CUstream s, uint64_t host_ns, uint64_t duration_ns,
		    uint64_t *ret_start, uint64_t *ret_end)
{
	CUcontext ctx = s->ctx;
	uint32_t depth = (uint32_t)sim_knobs.queue_depth;
	uint64_t start, now;

	pthread_mutex_lock(&ctx->lock);
	clock_spin(host_ns);
	if (depth > DRV_QUEUE_MAX)
		depth = DRV_QUEUE_MAX;
	if (depth && !s->queue_end)
		s->queue_end = calloc(DRV_QUEUE_MAX, sizeof(*s->queue_end));
	now = clock_now();
	if (depth && s->queue_end && s->queued >= depth) {
		/* The hardware queue is full: the host waits, holding the lock. */
		uint64_t free_at = s->queue_end[(s->queued - depth) % DRV_QUEUE_MAX];

		if (free_at > now) {
			clock_wait(free_at);
			now = clock_now();
		}
	}
	start = now + sim_knobs.latency_ns;
	if (start < s->busy_until)
		start = s->busy_until;
	if (s == &ctx->null_stream && start < ctx->blocking_until)
		start = ctx->blocking_until;
	if (stream_is_blocking(s) && start < ctx->null_stream.busy_until)
		start = ctx->null_stream.busy_until;
	s->busy_until = start + duration_ns;
	if (stream_is_blocking(s) && ctx->blocking_until < s->busy_until)
		ctx->blocking_until = s->busy_until;
	if (ctx->all_until < s->busy_until)
		ctx->all_until = s->busy_until;
	if (s->queue_end)
		s->queue_end[s->queued++ % DRV_QUEUE_MAX] = s->busy_until;
	*ret_start = start;
	*ret_end = s->busy_until;
	pthread_mutex_unlock(&ctx->lock);
}

CUresult stream_sync(CUstream s, uint64_t until, uint32_t type, uint32_t event_id)
{
	const struct sim_tracer *tracer = drv_tracer();
	struct sim_sync sync = {
		.type = type, .start_ns = clock_now(), .context_uid = s->ctx->uid,
		.stream_id = s->id, .event_id = event_id,
	};

	clock_wait(until);
	if (!tracer)
		return CUDA_SUCCESS;
	if (drv_wants(ACT_SYNCHRONIZATION)) {
		if (type == SYNC_CONTEXT)
			sync.stream_id = 0xffffffff; /* CUPTI_SYNCHRONIZATION_INVALID_VALUE */
		sync.end_ns = clock_now();
		sync.correlation = api_correlation();
		tracer->sync(&sync);
	}
	if (atomic_load_explicit(&drv_link.want_sync_callback, memory_order_relaxed) &&
	    (type == SYNC_STREAM || type == SYNC_CONTEXT))
		tracer->synchronized(type == SYNC_STREAM ? 1 : 2, s->ctx, s);
	return CUDA_SUCCESS;
}

/* --- create, destroy */
static CUresult stream_create(CUstream *ret, unsigned int flags, int priority)
{
	const struct sim_tracer *tracer = drv_tracer();
	CUcontext ctx = ctx_current();
	CUstream s;

	if (!ctx_is_valid(ctx))
		return CUDA_ERROR_INVALID_CONTEXT;
	if (!ret || flags > CU_STREAM_NON_BLOCKING)
		return CUDA_ERROR_INVALID_VALUE;
	s = calloc(1, sizeof(*s));
	if (!s)
		return CUDA_ERROR_OUT_OF_MEMORY;
	s->ctx = ctx;
	s->flags = flags;
	s->priority = priority > 0 ? 0 : priority < -5 ? -5 : priority;
	pthread_mutex_lock(&ctx->lock);
	s->id = ctx->next_stream_id++;
	s->next = ctx->streams;
	ctx->streams = s;
	pthread_mutex_unlock(&ctx->lock);
	if (tracer && drv_wants(ACT_STREAM))
		tracer->stream(&(struct sim_stream_info){
			.context_uid = ctx->uid, .id = s->id, .flags = flags,
			.correlation = api_correlation(), .priority = s->priority });
	drv_resource(RES_STREAM_CREATED, ctx, s, NULL);
	*ret = s;
	return CUDA_SUCCESS;
}

ENTRY(cuStreamCreate, (CUstream *ret, unsigned int flags), (ret, flags))
{
	return stream_create(ret, flags, 0);
}

ENTRY(cuStreamCreateWithPriority, (CUstream *ret, unsigned int flags, int priority),
      (ret, flags, priority))
{
	return stream_create(ret, flags, priority);
}

void stream_release(CUstream s)
{
	free(s->queue_end);
	free(s->deps);
	free(s);
}

ENTRY(cuStreamDestroy_v2, (CUstream s), (s))
{
	CUstream *at;

	if (!s || s == CU_STREAM_LEGACY || s == CU_STREAM_PER_THREAD || !ctx_is_valid(s->ctx))
		return CUDA_ERROR_INVALID_HANDLE;
	drv_resource(RES_STREAM_DESTROY_STARTING, s->ctx, s, NULL);
	/* Work still queued goes on: its times are known, nothing refers to the stream. */
	pthread_mutex_lock(&s->ctx->lock);
	for (at = &s->ctx->streams; *at && *at != s; at = &(*at)->next)
		;
	if (*at)
		*at = s->next;
	pthread_mutex_unlock(&s->ctx->lock);
	stream_release(s);
	return CUDA_SUCCESS;
}

ENTRY_TWIN(cuStreamDestroy, (CUstream s), (s), cuStreamDestroy_v2)

/* --- wait, query */
static CUresult stream_until(CUstream s, uint64_t *ret)
{
	if (!s)
		return CUDA_ERROR_INVALID_HANDLE;
	if (s->capture)
		return capture_forbid(s);
	pthread_mutex_lock(&s->ctx->lock);
	*ret = s->busy_until;
	if (s == &s->ctx->null_stream && *ret < s->ctx->blocking_until)
		*ret = s->ctx->blocking_until;
	pthread_mutex_unlock(&s->ctx->lock);
	return CUDA_SUCCESS;
}

ENTRY_PT(cuStreamSynchronize, _ptsz, (CUstream handle), (handle))
{
	CUstream s = stream_find(handle);
	uint64_t until;
	CUresult r = stream_until(s, &until);

	return r ? r : stream_sync(s, until, SYNC_STREAM, 0);
}

ENTRY_PT(cuStreamQuery, _ptsz, (CUstream handle), (handle))
{
	uint64_t until;
	CUresult r = stream_until(stream_find(handle), &until);

	if (r)
		return r;
	return until <= clock_now() ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

/* --- questions */
ENTRY_PT(cuStreamGetPriority, _ptsz, (CUstream handle, int *ret), (handle, ret))
{
	CUstream s = stream_find(handle);

	if (!s || !ret)
		return CUDA_ERROR_INVALID_HANDLE;
	*ret = s->priority;
	return CUDA_SUCCESS;
}

ENTRY_PT(cuStreamGetFlags, _ptsz, (CUstream handle, unsigned int *ret), (handle, ret))
{
	CUstream s = stream_find(handle);

	if (!s || !ret)
		return CUDA_ERROR_INVALID_HANDLE;
	*ret = s->flags;
	return CUDA_SUCCESS;
}

ENTRY_PT(cuStreamGetId, _ptsz, (CUstream handle, unsigned long long *ret), (handle, ret))
{
	CUstream s = stream_find(handle);

	if (!s || !ret)
		return CUDA_ERROR_INVALID_HANDLE;
	*ret = s->id;
	return CUDA_SUCCESS;
}

ENTRY_PT(cuStreamGetCtx, _ptsz, (CUstream handle, CUcontext *ret), (handle, ret))
{
	CUstream s = stream_find(handle);

	if (!s || !ret)
		return CUDA_ERROR_INVALID_HANDLE;
	*ret = s->ctx;
	return CUDA_SUCCESS;
}
