/* Events: a moment in a stream's simulated time. */
#include "tests/sim/drv.h"

#include <stdlib.h>

ENTRY(cuEventCreate, (CUevent *ret, unsigned int flags), (ret, flags))
{
	static _Atomic uint32_t next_id = 1;
	CUevent e;

	if (!ret)
		return CUDA_ERROR_INVALID_VALUE;
	if (!ctx_is_valid(ctx_current()))
		return CUDA_ERROR_INVALID_CONTEXT;
	e = calloc(1, sizeof(*e));
	if (!e)
		return CUDA_ERROR_OUT_OF_MEMORY;
	e->id = atomic_fetch_add(&next_id, 1);
	e->flags = flags;
	*ret = e;
	return CUDA_SUCCESS;
}

ENTRY(cuEventDestroy_v2, (CUevent e), (e))
{
	if (!e)
		return CUDA_ERROR_INVALID_HANDLE;
	free(e->deps);
	free(e);
	return CUDA_SUCCESS;
}

ENTRY_TWIN(cuEventDestroy, (CUevent e), (e), cuEventDestroy_v2)

static CUresult event_record(CUevent e, CUstream handle)
{
	CUstream s = stream_find(handle);
	uint64_t now;

	if (!e || !s)
		return CUDA_ERROR_INVALID_HANDLE;
	if (capture_record(s, e))
		return CUDA_SUCCESS;
	now = clock_now();
	pthread_mutex_lock(&s->ctx->lock);
	if (now < s->busy_until)
		now = s->busy_until;
	if (s == &s->ctx->null_stream && now < s->ctx->blocking_until)
		now = s->ctx->blocking_until;
	pthread_mutex_unlock(&s->ctx->lock);
	e->capture = NULL;
	e->is_recorded = true;
	atomic_store(&e->time_ns, now);
	return CUDA_SUCCESS;
}

ENTRY_PT(cuEventRecord, _ptsz, (CUevent e, CUstream s), (e, s))
{
	return event_record(e, s);
}

ENTRY_PT(cuEventRecordWithFlags, _ptsz, (CUevent e, CUstream s, unsigned int flags),
	 (e, s, flags))
{
	return event_record(e, s);
}

ENTRY(cuEventQuery, (CUevent e), (e))
{
	if (!e)
		return CUDA_ERROR_INVALID_HANDLE;
	return atomic_load(&e->time_ns) <= clock_now() ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

ENTRY(cuEventSynchronize, (CUevent e), (e))
{
	CUcontext ctx = ctx_current();

	if (!e)
		return CUDA_ERROR_INVALID_HANDLE;
	if (e->capture)
		return CUDA_ERROR_CAPTURED_EVENT;
	if (!ctx_is_valid(ctx)) {
		clock_wait(atomic_load(&e->time_ns));
		return CUDA_SUCCESS;
	}
	return stream_sync(&ctx->null_stream, atomic_load(&e->time_ns), SYNC_EVENT, e->id);
}

static CUresult event_elapsed(float *ret, CUevent from, CUevent to)
{
	uint64_t a, b;

	if (!ret)
		return CUDA_ERROR_INVALID_VALUE;
	if (!from || !to || !from->is_recorded || !to->is_recorded)
		return CUDA_ERROR_INVALID_HANDLE;
	a = atomic_load(&from->time_ns);
	b = atomic_load(&to->time_ns);
	if (a > clock_now() || b > clock_now())
		return CUDA_ERROR_NOT_READY;
	*ret = (float)((double)(int64_t)(b - a) / 1e6);
	return CUDA_SUCCESS;
}

ENTRY(cuEventElapsedTime_v2, (float *ret, CUevent from, CUevent to), (ret, from, to))
{
	return event_elapsed(ret, from, to);
}

ENTRY(cuEventElapsedTime, (float *ret, CUevent from, CUevent to), (ret, from, to))
{
	return event_elapsed(ret, from, to);
}

ENTRY_PT(cuStreamWaitEvent, _ptsz, (CUstream handle, CUevent e, unsigned int flags),
	 (handle, e, flags))
{
	CUstream s = stream_find(handle);
	uint64_t time;
	CUresult r;

	if (!s || !e)
		return CUDA_ERROR_INVALID_HANDLE;
	(void)stream_sync(s, 0, SYNC_STREAM_WAIT, e->id); /* a record; nothing to wait for */
	if (capture_wait(s, e, &r))
		return r;
	time = atomic_load(&e->time_ns);
	pthread_mutex_lock(&s->ctx->lock);
	if (s->busy_until < time)
		s->busy_until = time;
	if (s->ctx->all_until < time)
		s->ctx->all_until = time;
	pthread_mutex_unlock(&s->ctx->lock);
	return CUDA_SUCCESS;
}
