/* Contexts: primary and created ones, the per-thread stack, ending them. */
#include "tests/sim/drv.h"

#include <stdlib.h>

enum { CTX_MAGIC = 0x63747831, CTX_STACK_MAX = 32, CTX_DEVICES_MAX = 64 };

static struct CUctx_st *contexts;                  /* under drv_lock; never freed */
static struct CUctx_st *primary[CTX_DEVICES_MAX];  /* live ones */
static unsigned int primary_count[CTX_DEVICES_MAX];
static __thread CUcontext ctx_stack[CTX_STACK_MAX];
static __thread int ctx_depth;

bool ctx_is_valid(CUcontext ctx)
{
	return ctx && ctx->magic == CTX_MAGIC;
}

CUcontext ctx_current(void)
{
	return ctx_depth ? ctx_stack[ctx_depth - 1] : NULL;
}

static void ctx_release_contents(CUcontext ctx)
{
	drv_resource(RES_CONTEXT_DESTROY_STARTING, ctx, NULL, NULL);
	while (ctx->modules)
		module_destroy(ctx->modules);
	clock_wait(ctx->all_until);
}

static CUcontext ctx_new(CUdevice dev, unsigned int flags, bool is_primary)
{
	static _Atomic uint32_t next_uid = 1;
	static _Atomic bool armed;
	const struct sim_tracer *tracer;
	pthread_mutexattr_t adaptive;
	CUcontext ctx = calloc(1, sizeof(*ctx));

	if (!ctx)
		return NULL;
	/* Held for microseconds at every launch: spinning first avoids a convoy of sleepers. */
	pthread_mutexattr_init(&adaptive);
	pthread_mutexattr_settype(&adaptive, PTHREAD_MUTEX_ADAPTIVE_NP);
	pthread_mutex_init(&ctx->lock, &adaptive);
	pthread_mutexattr_destroy(&adaptive);
	ctx->magic = CTX_MAGIC;
	ctx->uid = atomic_fetch_add(&next_uid, 1);
	ctx->device = dev;
	ctx->flags = flags;
	ctx->is_primary = is_primary;
	ctx->next_stream_id = DRV_STREAM_FIRST_ID;
	ctx->null_stream.ctx = ctx;
	ctx->null_stream.id = DRV_STREAM_NULL_ID;
	pthread_mutex_lock(&drv_lock);
	ctx->next = contexts;
	contexts = ctx;
	pthread_mutex_unlock(&drv_lock);
	if (!atomic_exchange(&armed, true))
		drv_state_teardown_hook();
	tracer = drv_tracer();
	if (tracer)
		tracer->context(&(struct sim_context_info){
			.uid = ctx->uid, .device = (uint32_t)dev,
			.null_stream_id = DRV_STREAM_NULL_ID,
			.correlation = api_correlation() });
	drv_resource(RES_CONTEXT_CREATED, ctx, NULL, NULL);
	return ctx;
}

/* The memory stays: a stale handle must give an error, not a crash. */
static void ctx_end(CUcontext ctx)
{
	ctx_release_contents(ctx);
	ctx->magic = 0;
}

/* --- primary contexts */
ENTRY(cuDevicePrimaryCtxRetain, (CUcontext *ret, CUdevice dev), (ret, dev))
{
	static pthread_mutex_t creating = PTHREAD_MUTEX_INITIALIZER;

	if (!ret)
		return CUDA_ERROR_INVALID_VALUE;
	if (dev < 0 || dev >= drv_link.device_count || dev >= CTX_DEVICES_MAX)
		return CUDA_ERROR_INVALID_DEVICE;
	pthread_mutex_lock(&creating);
	if (!primary[dev])
		primary[dev] = ctx_new(dev, 0, true);
	primary_count[dev]++;
	*ret = primary[dev];
	pthread_mutex_unlock(&creating);
	return *ret ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

static CUresult primary_drop(CUdevice dev, bool all)
{
	CUcontext ctx;

	if (dev < 0 || dev >= drv_link.device_count || dev >= CTX_DEVICES_MAX)
		return CUDA_ERROR_INVALID_DEVICE;
	pthread_mutex_lock(&drv_lock);
	ctx = primary[dev];
	if (!ctx || (!all && !primary_count[dev])) {
		pthread_mutex_unlock(&drv_lock);
		return all ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CONTEXT;
	}
	if (!all && --primary_count[dev]) {
		pthread_mutex_unlock(&drv_lock);
		return CUDA_SUCCESS;
	}
	primary[dev] = NULL;
	if (all)
		primary_count[dev] = 0;
	pthread_mutex_unlock(&drv_lock);
	ctx_end(ctx);
	return CUDA_SUCCESS;
}

ENTRY(cuDevicePrimaryCtxRelease_v2, (CUdevice dev), (dev))
{
	return primary_drop(dev, false);
}

ENTRY_TWIN(cuDevicePrimaryCtxRelease, (CUdevice dev), (dev), cuDevicePrimaryCtxRelease_v2)

ENTRY(cuDevicePrimaryCtxReset_v2, (CUdevice dev), (dev))
{
	return primary_drop(dev, true);
}

ENTRY_TWIN(cuDevicePrimaryCtxReset, (CUdevice dev), (dev), cuDevicePrimaryCtxReset_v2)

ENTRY(cuDevicePrimaryCtxSetFlags_v2, (CUdevice dev, unsigned int flags), (dev, flags))
{
	(void)flags;
	return dev >= 0 && dev < drv_link.device_count ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

ENTRY(cuDevicePrimaryCtxGetState, (CUdevice dev, unsigned int *flags, int *active),
      (dev, flags, active))
{
	if (dev < 0 || dev >= drv_link.device_count || dev >= CTX_DEVICES_MAX)
		return CUDA_ERROR_INVALID_DEVICE;
	if (flags)
		*flags = 0;
	if (active)
		*active = primary[dev] != NULL;
	return CUDA_SUCCESS;
}

/* --- created contexts */
static CUresult ctx_create(CUcontext *ret, unsigned int flags, CUdevice dev)
{
	if (!ret || ctx_depth == CTX_STACK_MAX)
		return CUDA_ERROR_INVALID_VALUE;
	if (dev < 0 || dev >= drv_link.device_count)
		return CUDA_ERROR_INVALID_DEVICE;
	*ret = ctx_new(dev, flags, false);
	if (!*ret)
		return CUDA_ERROR_OUT_OF_MEMORY;
	ctx_stack[ctx_depth++] = *ret;
	return CUDA_SUCCESS;
}

ENTRY(cuCtxCreate_v2, (CUcontext *ret, unsigned int flags, CUdevice dev), (ret, flags, dev))
{
	return ctx_create(ret, flags, dev);
}

ENTRY_TWIN(cuCtxCreate, (CUcontext *ret, unsigned int flags, CUdevice dev), (ret, flags, dev),
	   cuCtxCreate_v2)

ENTRY(cuCtxCreate_v3, (CUcontext *ret, CUexecAffinityParam *affinity, int n, unsigned int flags,
		       CUdevice dev), (ret, affinity, n, flags, dev))
{
	return ctx_create(ret, flags, dev);
}

ENTRY(cuCtxCreate_v4, (CUcontext *ret, CUctxCreateParams *params, unsigned int flags,
		       CUdevice dev), (ret, params, flags, dev))
{
	return ctx_create(ret, flags, dev);
}

ENTRY(cuCtxDestroy_v2, (CUcontext ctx), (ctx))
{
	if (!ctx_is_valid(ctx))
		return CUDA_ERROR_INVALID_CONTEXT;
	if (ctx->is_primary)
		return CUDA_ERROR_INVALID_CONTEXT;
	ctx_end(ctx);
	if (ctx_current() == ctx)
		ctx_depth--;
	return CUDA_SUCCESS;
}

ENTRY_TWIN(cuCtxDestroy, (CUcontext ctx), (ctx), cuCtxDestroy_v2)

/* --- the stack of this thread */
ENTRY(cuCtxSetCurrent, (CUcontext ctx), (ctx))
{
	if (ctx && !ctx_is_valid(ctx))
		return CUDA_ERROR_INVALID_CONTEXT;
	if (!ctx) {
		if (ctx_depth)
			ctx_depth--;
		return CUDA_SUCCESS;
	}
	if (!ctx_depth)
		ctx_depth = 1;
	ctx_stack[ctx_depth - 1] = ctx;
	return CUDA_SUCCESS;
}

ENTRY(cuCtxGetCurrent, (CUcontext *ret), (ret))
{
	if (!ret)
		return CUDA_ERROR_INVALID_VALUE;
	*ret = ctx_current();
	return CUDA_SUCCESS;
}

ENTRY(cuCtxPushCurrent_v2, (CUcontext ctx), (ctx))
{
	if (!ctx_is_valid(ctx))
		return CUDA_ERROR_INVALID_CONTEXT;
	if (ctx_depth == CTX_STACK_MAX)
		return CUDA_ERROR_INVALID_VALUE;
	ctx_stack[ctx_depth++] = ctx;
	return CUDA_SUCCESS;
}

ENTRY_TWIN(cuCtxPushCurrent, (CUcontext ctx), (ctx), cuCtxPushCurrent_v2)

ENTRY(cuCtxPopCurrent_v2, (CUcontext *ret), (ret))
{
	if (!ctx_depth)
		return CUDA_ERROR_INVALID_CONTEXT;
	ctx_depth--;
	if (ret)
		*ret = ctx_stack[ctx_depth];
	return CUDA_SUCCESS;
}

ENTRY_TWIN(cuCtxPopCurrent, (CUcontext *ret), (ret), cuCtxPopCurrent_v2)

/* --- questions about the current context */
ENTRY(cuCtxGetDevice, (CUdevice *ret), (ret))
{
	CUcontext ctx = ctx_current();

	if (!ret)
		return CUDA_ERROR_INVALID_VALUE;
	if (!ctx)
		return CUDA_ERROR_INVALID_CONTEXT;
	*ret = ctx->device;
	return CUDA_SUCCESS;
}

ENTRY(cuCtxGetId, (CUcontext ctx, unsigned long long *ret), (ctx, ret))
{
	if (!ctx)
		ctx = ctx_current();
	if (!ctx_is_valid(ctx) || !ret)
		return CUDA_ERROR_INVALID_CONTEXT;
	*ret = ctx->uid;
	return CUDA_SUCCESS;
}

ENTRY(cuCtxGetFlags, (unsigned int *flags), (flags))
{
	CUcontext ctx = ctx_current();

	if (!ctx || !flags)
		return ctx ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_INVALID_CONTEXT;
	*flags = ctx->flags;
	return CUDA_SUCCESS;
}

ENTRY(cuCtxGetApiVersion, (CUcontext ctx, unsigned int *version), (ctx, version))
{
	if (!version)
		return CUDA_ERROR_INVALID_VALUE;
	*version = 3020;
	return CUDA_SUCCESS;
}

ENTRY(cuCtxGetStreamPriorityRange, (int *least, int *greatest), (least, greatest))
{
	if (least)
		*least = 0;
	if (greatest)
		*greatest = -5;
	return ctx_current() ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CONTEXT;
}

static CUresult ctx_sync(CUcontext ctx)
{
	uint64_t until;

	if (!ctx_is_valid(ctx))
		return CUDA_ERROR_INVALID_CONTEXT;
	pthread_mutex_lock(&ctx->lock);
	until = ctx->all_until;
	pthread_mutex_unlock(&ctx->lock);
	return stream_sync(&ctx->null_stream, until, SYNC_CONTEXT, 0);
}

/* No parameters, hence no params structure. */
DRV_EXPORT CUresult CUDAAPI cuCtxSynchronize(void)
{
	struct sim_api_call call;
	CUresult r = api_enter(&call, CUPTI_DRIVER_TRACE_CBID_cuCtxSynchronize,
			       "cuCtxSynchronize", NULL, NULL, false);

	return api_exit(&call, r ? r : ctx_sync(ctx_current()));
}

ENTRY(cuCtxSynchronize_v2, (CUcontext ctx), (ctx))
{
	return ctx_sync(ctx ? ctx : ctx_current());
}
