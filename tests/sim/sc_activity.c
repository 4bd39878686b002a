/* The activity API: kinds, buffers' callbacks, attributes, flushes, walking records. */
#include "tests/sim/sc.h"

#include <string.h>
#include <unistd.h>

void callback_want_driver_records(bool on);

SC_EXPORT CUptiResult CUPTIAPI cuptiActivityRegisterCallbacks(
	CUpti_BuffersCallbackRequestFunc requested, CUpti_BuffersCallbackCompleteFunc completed)
{
	CUptiResult r = sc_enter_activity("cuptiActivityRegisterCallbacks", -1);

	if (r)
		return r;
	if (!requested || !completed)
		return CUPTI_ERROR_INVALID_PARAMETER;
	/* A second registration replaces the first, silently, as the real one does. */
	atomic_store(&sc.requested, requested);
	atomic_store(&sc.completed, completed);
	atomic_store(&sc.is_registered, true);
	return CUPTI_SUCCESS;
}

static uint64_t kind_bit(CUpti_ActivityKind kind)
{
	return 1ull << (unsigned int)kind;
}

SC_EXPORT CUptiResult CUPTIAPI cuptiActivityEnable(CUpti_ActivityKind kind)
{
	CUptiResult r = sc_enter_activity("cuptiActivityEnable", (long)kind);
	uint64_t have;

	if (r)
		return r;
	if (!layout_is_kind((uint32_t)kind))
		return CUPTI_ERROR_INVALID_KIND;
	have = atomic_load(&sc_link()->want_activity);
	if ((kind == CUPTI_ACTIVITY_KIND_KERNEL &&
	     have & kind_bit(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL)) ||
	    (kind == CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL &&
	     have & kind_bit(CUPTI_ACTIVITY_KIND_KERNEL)))
		return CUPTI_ERROR_NOT_COMPATIBLE;
	atomic_fetch_or(&sc_link()->want_activity, kind_bit(kind));
	if (kind == CUPTI_ACTIVITY_KIND_DRIVER)
		callback_want_driver_records(true);
	return CUPTI_SUCCESS;
}

SC_EXPORT CUptiResult CUPTIAPI cuptiActivityDisable(CUpti_ActivityKind kind)
{
	CUptiResult r = sc_enter_activity("cuptiActivityDisable", (long)kind);

	if (r)
		return r;
	if (!layout_is_kind((uint32_t)kind))
		return CUPTI_ERROR_INVALID_KIND;
	atomic_fetch_and(&sc_link()->want_activity, ~kind_bit(kind));
	if (kind == CUPTI_ACTIVITY_KIND_DRIVER)
		callback_want_driver_records(false);
	return CUPTI_SUCCESS;
}

SC_EXPORT CUptiResult CUPTIAPI cuptiActivityEnableAllSyncRecords(uint8_t enable)
{
	CUptiResult r = sc_enter_activity("cuptiActivityEnableAllSyncRecords", enable);

	if (r)
		return r;
	return sc_api_since(130000) ? CUPTI_SUCCESS : CUPTI_ERROR_NOT_SUPPORTED;
}

/* --- flushes */
static void flush_hang(void)
{
	for (;;)
		pause();
}

SC_EXPORT CUptiResult CUPTIAPI cuptiActivityFlushAll(uint32_t flag)
{
	CUptiResult r = sc_enter_activity("cuptiActivityFlushAll", (long)flag);
	uint64_t count;

	if (r)
		return r;
	if (sc_link()->was_forked()) {
		report_write(); /* nothing of this process will run any more */
		flush_hang();
	}
	if (sc_in_resource) {
		sc_violation(SC_V_flush_in_resource_callback);
		return CUPTI_ERROR_INVALID_OPERATION;
	}
	if (sc_in_buffer) {
		sc_violation(SC_V_flush_in_buffer_callback);
		return CUPTI_ERROR_INVALID_OPERATION;
	}
	count = atomic_fetch_add(&sc.flushes, 1) + 1;
	if (flag & CUPTI_ACTIVITY_FLAG_FLUSH_FORCED)
		atomic_fetch_add(&sc.forced_flushes, 1);
	if (sim_knobs.flush_hang && count >= sim_knobs.flush_hang)
		flush_hang();
	buffer_flush((flag & CUPTI_ACTIVITY_FLAG_FLUSH_FORCED) != 0);
	return CUPTI_SUCCESS;
}

SC_EXPORT CUptiResult CUPTIAPI cuptiActivityFlushPeriod(uint32_t ms)
{
	CUptiResult r = sc_enter_activity("cuptiActivityFlushPeriod", -1);

	if (!r)
		buffer_flush_period(ms);
	return r;
}

/* --- records */
SC_EXPORT CUptiResult CUPTIAPI cuptiActivityGetNextRecord(uint8_t *buffer, size_t valid,
							  CUpti_Activity **record)
{
	size_t at = 0, stride;

	if (!buffer || !record)
		return CUPTI_ERROR_INVALID_PARAMETER;
	if (*record) {
		at = (size_t)((uint8_t *)*record - buffer);
		stride = layout_stride((uint32_t)(*record)->kind);
		if (!stride)
			return CUPTI_ERROR_INVALID_KIND;
		at += stride;
	}
	if (at + sizeof(CUpti_ActivityKind) > valid)
		return CUPTI_ERROR_MAX_LIMIT_REACHED;
	stride = layout_stride(*(const uint32_t *)(buffer + at));
	if (!stride)
		return CUPTI_ERROR_INVALID_KIND;
	if (at + stride > valid)
		return CUPTI_ERROR_MAX_LIMIT_REACHED;
	*record = (CUpti_Activity *)(buffer + at);
	return CUPTI_SUCCESS;
}

SC_EXPORT CUptiResult CUPTIAPI cuptiActivityGetNumDroppedRecords(CUcontext context,
								 uint32_t stream, size_t *ret)
{
	CUptiResult r = sc_enter("cuptiActivityGetNumDroppedRecords", -1);

	(void)context;
	(void)stream;
	if (r)
		return r;
	if (!ret)
		return CUPTI_ERROR_INVALID_PARAMETER;
	*ret = (size_t)atomic_exchange(&sc.dropped, 0);
	return CUPTI_SUCCESS;
}

/* --- attributes. Values that the simulation does not act on are only remembered. */
enum { ATTRIBUTES = 11 };

static struct {
	size_t bytes;
	_Atomic uint64_t value;
} attributes[ATTRIBUTES] = {
	{ 8, 3200000 }, { 8, 0 }, { 8, 250 }, { 8, 16384 }, { 8, 10 }, { 1, 0 },
	{ 8, 3 }, { 8, 3 }, { 1, 0 }, { 1, 1 }, { 8, 16777216 },
};

SC_EXPORT CUptiResult CUPTIAPI cuptiActivitySetAttribute(CUpti_ActivityAttribute attribute,
							 size_t *bytes, void *value)
{
	CUptiResult r = sc_enter_activity("cuptiActivitySetAttribute", (long)attribute);
	uint64_t v = 0;

	if (r)
		return r;
	if (!bytes || !value || (unsigned int)attribute >= ATTRIBUTES)
		return CUPTI_ERROR_INVALID_PARAMETER;
	if (*bytes < attributes[attribute].bytes)
		return CUPTI_ERROR_PARAMETER_SIZE_NOT_SUFFICIENT;
	if (attribute == CUPTI_ACTIVITY_ATTR_PER_THREAD_ACTIVITY_BUFFER && !sc_api_since(21))
		return CUPTI_ERROR_INVALID_PARAMETER;
	memcpy(&v, value, attributes[attribute].bytes);
	atomic_store(&attributes[attribute].value, v);
	if (attribute == CUPTI_ACTIVITY_ATTR_ZEROED_OUT_ACTIVITY_BUFFER)
		atomic_store(&sc.is_zeroed, v != 0);
	if (attribute == CUPTI_ACTIVITY_ATTR_PER_THREAD_ACTIVITY_BUFFER) {
		if (atomic_load(&sc.is_registered))
			sc_violation(SC_V_per_thread_after_register);
		atomic_store(&sc.is_per_thread, v != 0);
	}
	return CUPTI_SUCCESS;
}

SC_EXPORT CUptiResult CUPTIAPI cuptiActivityGetAttribute(CUpti_ActivityAttribute attribute,
							 size_t *bytes, void *value)
{
	CUptiResult r = sc_enter_activity("cuptiActivityGetAttribute", (long)attribute);
	uint64_t v;

	if (r)
		return r;
	if (!bytes || !value || (unsigned int)attribute >= ATTRIBUTES)
		return CUPTI_ERROR_INVALID_PARAMETER;
	if (*bytes < attributes[attribute].bytes)
		return CUPTI_ERROR_PARAMETER_SIZE_NOT_SUFFICIENT;
	v = atomic_load(&attributes[attribute].value);
	*bytes = attributes[attribute].bytes;
	memcpy(value, &v, *bytes);
	return CUPTI_SUCCESS;
}

__attribute__((constructor)) static void activity_load(void)
{
	/* Off by default before 13.0. */
	if (!sc_api_since(130000)) {
		atomic_store(&attributes[CUPTI_ACTIVITY_ATTR_PER_THREAD_ACTIVITY_BUFFER].value, 0);
		atomic_store(&sc.is_per_thread, false);
	}
}
