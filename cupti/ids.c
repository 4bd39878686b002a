#include "cupti/ids.h"

#include <stdatomic.h>

#include "cupti/api.h"

/* Read before CUPTI is asked: an answer that a thread got while something ended is not kept. */
static _Atomic uint32_t epoch = 1;

static __thread struct {
	uint32_t epoch; /* 0: nothing is remembered */
	uint32_t context_id, exec_id, stream_id; /* 0: not that one */
	CUcontext context, stream_context;
	CUgraphExec exec;
	CUstream stream;
	bool per_thread;
} last_tls;

static void refresh(void)
{
	const uint32_t now = atomic_load_explicit(&epoch, memory_order_acquire);

	if (last_tls.epoch == now)
		return;
	last_tls.context_id = last_tls.exec_id = last_tls.stream_id = 0;
	last_tls.epoch = now;
}

uint32_t ids_context(CUcontext context)
{
	uint32_t id = 0;

	refresh();
	if (last_tls.context_id && last_tls.context == context)
		return last_tls.context_id;
	if (!context || !cupti_api.GetContextId ||
	    cupti_api.GetContextId(context, &id) != CUPTI_SUCCESS)
		return 0;
	last_tls.context = context;
	last_tls.context_id = id;
	return id;
}

uint32_t ids_exec(CUgraphExec exec)
{
	uint32_t id = 0;

	refresh();
	if (last_tls.exec_id && last_tls.exec == exec)
		return last_tls.exec_id;
	if (!exec || !cupti_api.GetGraphExecId ||
	    cupti_api.GetGraphExecId(exec, &id) != CUPTI_SUCCESS)
		return 0;
	last_tls.exec = exec;
	last_tls.exec_id = id;
	return id;
}

uint32_t ids_stream(CUcontext context, CUstream stream, bool per_thread)
{
	uint32_t id = 0;

	refresh();
	if (last_tls.stream_id && last_tls.stream == stream && last_tls.stream_context == context &&
	    last_tls.per_thread == per_thread)
		return last_tls.stream_id;
	if (!cupti_api.GetStreamIdEx ||
	    cupti_api.GetStreamIdEx(context, stream, per_thread, &id) != CUPTI_SUCCESS)
		return 0;
	last_tls.stream = stream;
	last_tls.stream_context = context;
	last_tls.per_thread = per_thread;
	last_tls.stream_id = id;
	return id;
}

void ids_forget(void)
{
	atomic_fetch_add_explicit(&epoch, 1, memory_order_acq_rel);
}
