/* Kernel launches. A kernel does nothing but take time. */
#include "tests/sim/drv.h"

enum { LAZY_LOAD_NS = 40000 };

uint64_t launch_duration(const unsigned int grid[3])
{
	uint64_t blocks = (uint64_t)grid[0] * grid[1] * grid[2];

	return sim_knobs.kernel_ns + (blocks - 1) / DRV_SMS * sim_knobs.wave_ns;
}

CUresult launch_check(const struct launch *l)
{
	if (!function_name(l->handle))
		return CUDA_ERROR_INVALID_HANDLE;
	if (!l->grid[0] || !l->grid[1] || !l->grid[2] || l->grid[0] > 2147483647u ||
	    l->grid[1] > 65535 || l->grid[2] > 65535)
		return CUDA_ERROR_INVALID_VALUE;
	if (!l->block[0] || !l->block[1] || !l->block[2] || l->block[2] > 64 ||
	    (uint64_t)l->block[0] * l->block[1] * l->block[2] > 1024)
		return CUDA_ERROR_INVALID_VALUE;
	return CUDA_SUCCESS;
}

void launch_first_use(CUfunction f)
{
	uint64_t start;

	if (atomic_load_explicit(&f->is_loaded, memory_order_relaxed) ||
	    atomic_exchange(&f->is_loaded, true))
		return;
	start = clock_now();
	clock_spin(LAZY_LOAD_NS);
	drv_overhead(OVERHEAD_LAZY, start, clock_now());
}

void launch_op(struct sim_op *op, CUstream s, const struct launch *l, const char *name)
{
	*op = (struct sim_op){
		.kind = SIM_OP_KERNEL, .device = (uint32_t)s->ctx->device,
		.context_uid = s->ctx->uid, .stream_id = s->id, .name = name,
		.grid = { l->grid[0], l->grid[1], l->grid[2] },
		.block = { l->block[0], l->block[1], l->block[2] },
		.shared_bytes = l->shared_bytes, .is_cooperative = l->is_cooperative,
	};
}

static CUresult launch(CUstream handle, const struct launch *l)
{
	static _Atomic bool armed;
	CUstream s = stream_find(handle);
	struct sim_op op;
	CUfunction f;
	CUresult r;

	if (!s)
		return handle ? CUDA_ERROR_INVALID_HANDLE : CUDA_ERROR_INVALID_CONTEXT;
	r = launch_check(l);
	if (r)
		return r;
	if (capture_launch(s, l, &r))
		return r;
	r = function_resolve(l->handle, s->ctx, &f);
	if (r)
		return r;
	if (!atomic_load_explicit(&armed, memory_order_relaxed) && !atomic_exchange(&armed, true))
		drv_state_teardown_hook();
	launch_first_use(f);
	/* With its whole domain on, the real CUPTI gives one resource callback per launch. */
	drv_resource(RES_MODULE_PROFILED, s->ctx, NULL,
		     &(struct sim_module_info){ f->module->id, f->module->image.elf,
						f->module->image.elf_bytes });
	launch_op(&op, s, l, f->name);
	op_run(&op, s, sim_knobs.launch_ns, launch_duration(l->grid));
	return CUDA_SUCCESS;
}

ENTRY_LAUNCH(cuLaunchKernel, _ptsz,
	     (CUfunction f, unsigned int gx, unsigned int gy, unsigned int gz, unsigned int bx,
	      unsigned int by, unsigned int bz, unsigned int shared, CUstream stream,
	      void **params, void **extra),
	     (f, gx, gy, gz, bx, by, bz, shared, stream, params, extra), function_name(f))
{
	struct launch l = { f, { gx, gy, gz }, { bx, by, bz }, shared, false };

	(void)params;
	(void)extra;
	return launch(stream, &l);
}

ENTRY_LAUNCH(cuLaunchKernelEx, _ptsz,
	     (const CUlaunchConfig *config, CUfunction f, void **params, void **extra),
	     (config, f, params, extra), function_name(f))
{
	struct launch l;

	(void)params;
	(void)extra;
	if (!config)
		return CUDA_ERROR_INVALID_VALUE;
	l = (struct launch){
		f, { config->gridDimX, config->gridDimY, config->gridDimZ },
		{ config->blockDimX, config->blockDimY, config->blockDimZ },
		config->sharedMemBytes, false };
	for (unsigned int i = 0; config->attrs && i < config->numAttrs; i++)
		if (config->attrs[i].id == CU_LAUNCH_ATTRIBUTE_COOPERATIVE)
			l.is_cooperative = config->attrs[i].value.cooperative != 0;
	return launch(config->hStream, &l);
}

ENTRY_LAUNCH(cuLaunchCooperativeKernel, _ptsz,
	     (CUfunction f, unsigned int gx, unsigned int gy, unsigned int gz, unsigned int bx,
	      unsigned int by, unsigned int bz, unsigned int shared, CUstream stream,
	      void **params),
	     (f, gx, gy, gz, bx, by, bz, shared, stream, params), function_name(f))
{
	struct launch l = { f, { gx, gy, gz }, { bx, by, bz }, shared, true };

	(void)params;
	return launch(stream, &l);
}
