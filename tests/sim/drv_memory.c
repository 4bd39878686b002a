/*
 * Memory: "device" memory is host memory, so copies and sets really happen, at the
 * moment the host asks for them; only their simulated time lies in the future.
 */
#include "tests/sim/drv.h"

#include <stdlib.h>
#include <string.h>

struct range {
	uint64_t base;
	size_t bytes;
	uint8_t kind;
};

static pthread_rwlock_t ranges_lock = PTHREAD_RWLOCK_INITIALIZER;
static struct range *ranges;        /* sorted by base */
static size_t n_ranges, max_ranges, device_used;

/* The last range that starts at or below the address, or -1. Under ranges_lock. */
static long range_below(uint64_t address)
{
	size_t low = 0, high = n_ranges;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (ranges[mid].base <= address)
			low = mid + 1;
		else
			high = mid;
	}
	return (long)low - 1;
}

uint8_t memory_kind(uint64_t address, size_t bytes)
{
	uint8_t kind = MEM_PAGEABLE;
	long i;

	pthread_rwlock_rdlock(&ranges_lock);
	i = range_below(address);
	if (i >= 0 && address < ranges[i].base + ranges[i].bytes) {
		kind = ranges[i].kind;
		if (address + bytes > ranges[i].base + ranges[i].bytes)
			kind = MEM_UNKNOWN;
	}
	pthread_rwlock_unlock(&ranges_lock);
	return kind;
}

static CUresult range_add(void **ret, size_t bytes, uint8_t kind)
{
	void *p;
	long i;

	if (!ret || !bytes)
		return CUDA_ERROR_INVALID_VALUE;
	if (!ctx_is_valid(ctx_current()))
		return CUDA_ERROR_INVALID_CONTEXT;
	if (kind == MEM_DEVICE && bytes > drv_link.device_bytes)
		return CUDA_ERROR_OUT_OF_MEMORY;
	p = aligned_alloc(512, (bytes + 511) & ~(size_t)511);
	if (!p)
		return CUDA_ERROR_OUT_OF_MEMORY;
	pthread_rwlock_wrlock(&ranges_lock);
	if (kind == MEM_DEVICE && bytes > drv_link.device_bytes - device_used) {
		pthread_rwlock_unlock(&ranges_lock);
		free(p);
		return CUDA_ERROR_OUT_OF_MEMORY;
	}
	if (n_ranges == max_ranges) {
		size_t max = max_ranges ? 2 * max_ranges : 64;
		struct range *more = realloc(ranges, max * sizeof(*ranges));

		if (!more) {
			pthread_rwlock_unlock(&ranges_lock);
			free(p);
			return CUDA_ERROR_OUT_OF_MEMORY;
		}
		ranges = more;
		max_ranges = max;
	}
	i = range_below((uint64_t)p) + 1;
	memmove(&ranges[i + 1], &ranges[i], (n_ranges - (size_t)i) * sizeof(*ranges));
	ranges[i] = (struct range){ (uint64_t)p, bytes, kind };
	n_ranges++;
	if (kind == MEM_DEVICE)
		device_used += bytes;
	pthread_rwlock_unlock(&ranges_lock);
	*ret = p;
	return CUDA_SUCCESS;
}

static CUresult range_remove(uint64_t base, uint8_t kind)
{
	CUresult r = CUDA_ERROR_INVALID_VALUE;
	long i;

	pthread_rwlock_wrlock(&ranges_lock);
	i = range_below(base);
	if (i >= 0 && ranges[i].base == base && ranges[i].kind == kind) {
		if (kind == MEM_DEVICE)
			device_used -= ranges[i].bytes;
		n_ranges--;
		memmove(&ranges[i], &ranges[i + 1], (n_ranges - (size_t)i) * sizeof(*ranges));
		r = CUDA_SUCCESS;
	}
	pthread_rwlock_unlock(&ranges_lock);
	if (!r)
		free((void *)base);
	return r;
}

static CUresult device_alloc(CUdeviceptr *ret, size_t bytes)
{
	void *p;
	CUresult r = range_add(&p, bytes, MEM_DEVICE);

	if (!r)
		*ret = (CUdeviceptr)p;
	return r;
}

ENTRY(cuMemAlloc_v2, (CUdeviceptr *ret, size_t bytes), (ret, bytes))
{
	return ret ? device_alloc(ret, bytes) : CUDA_ERROR_INVALID_VALUE;
}

static CUresult device_free(CUdeviceptr p)
{
	CUcontext ctx = ctx_current();

	if (!p)
		return CUDA_SUCCESS;
	if (!ctx_is_valid(ctx))
		return CUDA_ERROR_INVALID_CONTEXT;
	return range_remove(p, MEM_DEVICE);
}

ENTRY(cuMemFree_v2, (CUdeviceptr p), (p))
{
	return device_free(p);
}

ENTRY_PT(cuMemAllocAsync, _ptsz, (CUdeviceptr *ret, size_t bytes, CUstream stream),
	 (ret, bytes, stream))
{
	CUstream s = stream_find(stream);

	if (!s || !ret)
		return CUDA_ERROR_INVALID_VALUE;
	return s->capture ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : device_alloc(ret, bytes);
}

ENTRY_PT(cuMemFreeAsync, _ptsz, (CUdeviceptr p, CUstream stream), (p, stream))
{
	CUstream s = stream_find(stream);

	if (!s)
		return CUDA_ERROR_INVALID_VALUE;
	return s->capture ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : device_free(p);
}

ENTRY(cuMemGetInfo_v2, (size_t *free_bytes, size_t *total), (free_bytes, total))
{
	if (!free_bytes || !total)
		return CUDA_ERROR_INVALID_VALUE;
	*total = drv_link.device_bytes;
	pthread_rwlock_rdlock(&ranges_lock);
	*free_bytes = drv_link.device_bytes - device_used;
	pthread_rwlock_unlock(&ranges_lock);
	return CUDA_SUCCESS;
}

ENTRY(cuMemGetAddressRange_v2, (CUdeviceptr *base, size_t *bytes, CUdeviceptr p),
      (base, bytes, p))
{
	CUresult r = CUDA_ERROR_NOT_FOUND;
	long i;

	pthread_rwlock_rdlock(&ranges_lock);
	i = range_below(p);
	if (i >= 0 && p < ranges[i].base + ranges[i].bytes) {
		if (base)
			*base = ranges[i].base;
		if (bytes)
			*bytes = ranges[i].bytes;
		r = CUDA_SUCCESS;
	}
	pthread_rwlock_unlock(&ranges_lock);
	return r;
}

ENTRY(cuMemAllocHost_v2, (void **ret, size_t bytes), (ret, bytes))
{
	return range_add(ret, bytes, MEM_PINNED);
}

ENTRY(cuMemHostAlloc, (void **ret, size_t bytes, unsigned int flags), (ret, bytes, flags))
{
	return range_add(ret, bytes, MEM_PINNED);
}

ENTRY(cuMemFreeHost, (void *p), (p))
{
	return range_remove((uint64_t)p, MEM_PINNED);
}

/* --- operations: what a copy or a set is to CUPTI, how long it takes, what it does */
enum { COPY_FIXED_NS = 1200, COPY_BYTES_PER_NS = 20, SET_BYTES_PER_NS = 200 };

static uint8_t copy_kind(uint8_t src, uint8_t dst)
{
	bool from = src == MEM_DEVICE, to = dst == MEM_DEVICE;

	return from && to ? 8 : from ? 2 : to ? 1 : 9; /* DTOD DTOH HTOD HTOH */
}

uint64_t copy_op(struct sim_op *op, const struct copy *c)
{
	*op = (struct sim_op){
		.kind = c->is_peer ? SIM_OP_MEMCPY_PEER : SIM_OP_MEMCPY, .bytes = c->bytes,
		.src_kind = memory_kind(c->src, c->bytes),
		.dst_kind = memory_kind(c->dst, c->bytes), .is_async = c->is_async,
	};
	op->copy_kind = c->is_peer ? 10 : copy_kind(op->src_kind, op->dst_kind);
	return COPY_FIXED_NS + c->bytes / COPY_BYTES_PER_NS;
}

uint64_t set_op(struct sim_op *op, const struct set *s)
{
	*op = (struct sim_op){
		.kind = SIM_OP_MEMSET, .bytes = s->count * s->element, .value = s->value,
		.dst_kind = MEM_DEVICE, .is_async = true,
	};
	return COPY_FIXED_NS + op->bytes / SET_BYTES_PER_NS;
}

void copy_run(const struct copy *c)
{
	memmove((void *)c->dst, (const void *)c->src, c->bytes);
}

void set_run(const struct set *s)
{
	for (size_t i = 0; i < s->count; i++)
		memcpy((char *)s->dst + i * s->element, &s->value, s->element);
}

void op_run(struct sim_op *op, CUstream s, uint64_t host_ns, uint64_t duration_ns)
{
	const struct sim_tracer *tracer = drv_tracer();

	op->device = (uint32_t)s->ctx->device;
	op->context_uid = s->ctx->uid;
	op->stream_id = s->id;
	stream_enqueue(s, host_ns, duration_ns, &op->start_ns, &op->end_ns);
	atomic_fetch_add_explicit(op->kind == SIM_OP_KERNEL ? &drv_link.launches :
				  op->kind == SIM_OP_MEMSET ? &drv_link.memsets :
				  op->kind == SIM_OP_GRAPH ? &drv_link.graph_launches :
							     &drv_link.memcpys,
				  1, memory_order_relaxed);
	if (!tracer)
		return;
	op->correlation = api_correlation();
	tracer->op(op);
}
