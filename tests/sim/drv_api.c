/* What every driver call does on the way in and out: state, CUPTI's ENTER and EXIT. */
#include "tests/sim/drv.h"

static __thread struct sim_api_call *api_current;

CUresult api_enter(struct sim_api_call *call, uint32_t cbid, const char *name,
		   const void *params, const char *symbol, bool per_thread)
{
	const struct sim_tracer *tracer;
	CUresult r = drv_state_check();

	call->is_traced = false;
	call->correlation = 0;
	call->is_per_thread = per_thread;
	call->outer = api_current;
	api_current = call;
	tracer = drv_tracer();
	if (r || !tracer)
		return r;
	if (tracer->in_resource_callback())
		atomic_fetch_add(&drv_link.driver_calls_in_resource_callback, 1);
	if (!atomic_load_explicit(&drv_link.want_api[cbid], memory_order_relaxed))
		return CUDA_SUCCESS;
	call->is_traced = true;
	call->cbid = cbid;
	call->name = name;
	call->params = params;
	call->symbol = symbol;
	call->user_data = 0;
	call->result = 0;
	/* A call made inside a callback shares the number of the call around it. */
	call->correlation = call->outer && call->outer->is_traced ?
				    call->outer->correlation : drv_link.next_correlation();
	call->context = ctx_current();
	call->context_uid = call->context ? ((CUcontext)call->context)->uid : 0;
	tracer->api(call, 0);
	return CUDA_SUCCESS;
}

CUresult api_exit(struct sim_api_call *call, CUresult result)
{
	const struct sim_tracer *tracer = drv_tracer();

	if (call->is_traced && tracer) {
		call->result = (int)result;
		call->context = ctx_current();
		call->context_uid = call->context ? ((CUcontext)call->context)->uid : 0;
		tracer->api(call, 1);
	}
	api_current = call->outer;
	return result;
}

uint32_t api_correlation(void)
{
	struct sim_api_call *call = api_current;

	if (!call)
		return 0;
	if (!call->correlation)
		call->correlation = drv_link.next_correlation();
	return call->correlation;
}

bool api_is_per_thread(void)
{
	return api_current && api_current->is_per_thread;
}

void drv_resource(uint32_t cbid, CUcontext ctx, CUstream stream, void *descriptor)
{
	const struct sim_tracer *tracer = drv_tracer();

	if (tracer && atomic_load_explicit(&drv_link.want_resource, memory_order_relaxed) >>
		      cbid & 1)
		tracer->resource(cbid, ctx, stream, descriptor);
}

void drv_overhead(uint32_t kind, uint64_t start_ns, uint64_t end_ns)
{
	const struct sim_tracer *tracer = drv_tracer();
	struct sim_overhead o = { kind, start_ns, end_ns, 0 };

	if (!tracer || !drv_wants(ACT_OVERHEAD))
		return;
	o.correlation = api_correlation();
	tracer->overhead(&o);
}
