/* cuMemcpy*, cuMemset*: the entry points. 2D, 3D and array forms are not simulated. */
#include "tests/sim/drv.h"

static CUresult copy_do(CUstream handle, const struct copy *c)
{
	CUstream s = stream_find(handle);
	uint64_t duration;
	struct sim_op op;
	CUresult r;

	if (!s)
		return handle ? CUDA_ERROR_INVALID_HANDLE : CUDA_ERROR_INVALID_CONTEXT;
	if (!c->bytes)
		return CUDA_SUCCESS;
	duration = copy_op(&op, c);
	if (!c->src || !c->dst || op.src_kind == MEM_UNKNOWN || op.dst_kind == MEM_UNKNOWN)
		return CUDA_ERROR_INVALID_VALUE;
	if (capture_copy(s, c, &r))
		return r;
	copy_run(c);
	op_run(&op, s, sim_knobs.launch_ns, duration);
	if (!c->is_async)
		clock_wait(op.end_ns);
	return CUDA_SUCCESS;
}

static CUresult copy_device(CUstream s, uint64_t dst, uint64_t src, size_t bytes, bool is_async,
			    bool to_device, bool from_device)
{
	struct copy c = { dst, src, bytes, is_async, false };

	if (bytes && ((to_device && memory_kind(dst, bytes) != MEM_DEVICE) ||
		      (from_device && memory_kind(src, bytes) != MEM_DEVICE)))
		return CUDA_ERROR_INVALID_VALUE;
	return copy_do(s, &c);
}

ENTRY_PT(cuMemcpyHtoD_v2, _ptds, (CUdeviceptr dst, const void *src, size_t bytes),
	 (dst, src, bytes))
{
	return copy_device(NULL, dst, (uint64_t)src, bytes, false, true, false);
}

ENTRY_PT(cuMemcpyDtoH_v2, _ptds, (void *dst, CUdeviceptr src, size_t bytes), (dst, src, bytes))
{
	return copy_device(NULL, (uint64_t)dst, src, bytes, false, false, true);
}

ENTRY_PT(cuMemcpyDtoD_v2, _ptds, (CUdeviceptr dst, CUdeviceptr src, size_t bytes),
	 (dst, src, bytes))
{
	return copy_device(NULL, dst, src, bytes, true, true, true);
}

ENTRY_PT(cuMemcpy, _ptds, (CUdeviceptr dst, CUdeviceptr src, size_t bytes), (dst, src, bytes))
{
	return copy_device(NULL, dst, src, bytes, false, false, false);
}

ENTRY_PT(cuMemcpyHtoDAsync_v2, _ptsz,
	 (CUdeviceptr dst, const void *src, size_t bytes, CUstream s), (dst, src, bytes, s))
{
	return copy_device(s, dst, (uint64_t)src, bytes, true, true, false);
}

ENTRY_PT(cuMemcpyDtoHAsync_v2, _ptsz, (void *dst, CUdeviceptr src, size_t bytes, CUstream s),
	 (dst, src, bytes, s))
{
	return copy_device(s, (uint64_t)dst, src, bytes, true, false, true);
}

ENTRY_PT(cuMemcpyDtoDAsync_v2, _ptsz,
	 (CUdeviceptr dst, CUdeviceptr src, size_t bytes, CUstream s), (dst, src, bytes, s))
{
	return copy_device(s, dst, src, bytes, true, true, true);
}

ENTRY_PT(cuMemcpyAsync, _ptsz, (CUdeviceptr dst, CUdeviceptr src, size_t bytes, CUstream s),
	 (dst, src, bytes, s))
{
	return copy_device(s, dst, src, bytes, true, false, false);
}

ENTRY_PT(cuMemcpyPeer, _ptds,
	 (CUdeviceptr dst, CUcontext to, CUdeviceptr src, CUcontext from, size_t bytes),
	 (dst, to, src, from, bytes))
{
	struct copy c = { dst, src, bytes, false, true };

	return copy_do(NULL, &c);
}

ENTRY_PT(cuMemcpyPeerAsync, _ptsz,
	 (CUdeviceptr dst, CUcontext to, CUdeviceptr src, CUcontext from, size_t bytes,
	  CUstream s), (dst, to, src, from, bytes, s))
{
	struct copy c = { dst, src, bytes, true, true };

	return copy_do(s, &c);
}

/* --- sets */
static CUresult set_do(CUstream handle, CUdeviceptr dst, unsigned int value, unsigned int element,
		       size_t count)
{
	struct set set = { dst, value, element, count };
	CUstream s = stream_find(handle);
	uint64_t duration;
	struct sim_op op;
	CUresult r;

	if (!s)
		return handle ? CUDA_ERROR_INVALID_HANDLE : CUDA_ERROR_INVALID_CONTEXT;
	if (!count)
		return CUDA_SUCCESS;
	if (memory_kind(dst, count * element) != MEM_DEVICE)
		return CUDA_ERROR_INVALID_VALUE;
	if (capture_set(s, &set, &r))
		return r;
	duration = set_op(&op, &set);
	set_run(&set);
	op_run(&op, s, sim_knobs.launch_ns, duration);
	return CUDA_SUCCESS;
}

ENTRY_PT(cuMemsetD8_v2, _ptds, (CUdeviceptr dst, unsigned char value, size_t n), (dst, value, n))
{
	return set_do(NULL, dst, value, 1, n);
}

ENTRY_PT(cuMemsetD16_v2, _ptds, (CUdeviceptr dst, unsigned short value, size_t n),
	 (dst, value, n))
{
	return set_do(NULL, dst, value, 2, n);
}

ENTRY_PT(cuMemsetD32_v2, _ptds, (CUdeviceptr dst, unsigned int value, size_t n), (dst, value, n))
{
	return set_do(NULL, dst, value, 4, n);
}

ENTRY_PT(cuMemsetD8Async, _ptsz, (CUdeviceptr dst, unsigned char value, size_t n, CUstream s),
	 (dst, value, n, s))
{
	return set_do(s, dst, value, 1, n);
}

ENTRY_PT(cuMemsetD16Async, _ptsz, (CUdeviceptr dst, unsigned short value, size_t n, CUstream s),
	 (dst, value, n, s))
{
	return set_do(s, dst, value, 2, n);
}

ENTRY_PT(cuMemsetD32Async, _ptsz, (CUdeviceptr dst, unsigned int value, size_t n, CUstream s),
	 (dst, value, n, s))
{
	return set_do(s, dst, value, 4, n);
}
