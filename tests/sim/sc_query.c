/* Questions: version, time, names, identifiers. Most work without a driver. */
#include "tests/sim/sc.h"

#include <string.h>

static const char *const driver_names[CUPTI_DRIVER_TRACE_CBID_SIZE] = {
#include "driver_names.h"
};
static const char *const runtime_names[CUPTI_RUNTIME_TRACE_CBID_SIZE] = {
#include "runtime_names.h"
};
static const char *const result_names[] = {
#include "result_names.h"
};

SC_EXPORT CUptiResult CUPTIAPI cuptiGetVersion(uint32_t *version)
{
	if (!version)
		return CUPTI_ERROR_INVALID_PARAMETER;
	*version = (uint32_t)sim_knobs.cupti_api;
	return CUPTI_SUCCESS;
}

SC_EXPORT CUptiResult CUPTIAPI cuptiGetTimestamp(uint64_t *timestamp)
{
	if (!timestamp)
		return CUPTI_ERROR_INVALID_PARAMETER;
	*timestamp = clock_now();
	return CUPTI_SUCCESS;
}

SC_EXPORT CUptiResult CUPTIAPI cuptiGetResultString(CUptiResult result, const char **ret)
{
	size_t n = sizeof(result_names) / sizeof(*result_names);

	if (!ret)
		return CUPTI_ERROR_INVALID_PARAMETER;
	if (result == CUPTI_ERROR_UNKNOWN)
		*ret = "CUPTI_ERROR_UNKNOWN";
	else if ((size_t)result < n && result_names[result])
		*ret = result_names[result];
	else
		return CUPTI_ERROR_INVALID_PARAMETER;
	return CUPTI_SUCCESS;
}

SC_EXPORT CUptiResult CUPTIAPI cuptiGetCallbackName(CUpti_CallbackDomain domain, uint32_t cbid,
						    const char **ret)
{
	const char *name = NULL;

	if (!ret)
		return CUPTI_ERROR_INVALID_PARAMETER;
	/* An older CUPTI knows fewer of them: 12.8 ends at cuStreamGetDevice. */
	if (domain == CUPTI_CB_DOMAIN_DRIVER_API && cbid < CUPTI_DRIVER_TRACE_CBID_SIZE &&
	    (sc_api_since(130000) || cbid <= 776))
		name = driver_names[cbid];
	else if (domain == CUPTI_CB_DOMAIN_RUNTIME_API && cbid < CUPTI_RUNTIME_TRACE_CBID_SIZE)
		name = runtime_names[cbid];
	if (!name)
		return CUPTI_ERROR_INVALID_PARAMETER;
	*ret = name;
	return CUPTI_SUCCESS;
}

SC_EXPORT CUptiResult CUPTIAPI cuptiSetThreadIdType(CUpti_ActivityThreadIdType type)
{
	CUptiResult r = sc_enter("cuptiSetThreadIdType", (long)type);
	bool is_system = type == CUPTI_ACTIVITY_THREAD_ID_TYPE_SYSTEM;

	if (r)
		return r;
	if (type != CUPTI_ACTIVITY_THREAD_ID_TYPE_DEFAULT && !is_system)
		return CUPTI_ERROR_INVALID_PARAMETER;
	if (atomic_load(&sc.buffers_requested) && atomic_load(&sc.has_system_tid) != is_system)
		sc_violation(SC_V_thread_id_type_changed);
	atomic_store(&sc.has_system_tid, is_system);
	return CUPTI_SUCCESS;
}

SC_EXPORT CUptiResult CUPTIAPI cuptiGetThreadIdType(CUpti_ActivityThreadIdType *type)
{
	if (!type)
		return CUPTI_ERROR_INVALID_PARAMETER;
	*type = atomic_load(&sc.has_system_tid) ? CUPTI_ACTIVITY_THREAD_ID_TYPE_SYSTEM :
						  CUPTI_ACTIVITY_THREAD_ID_TYPE_DEFAULT;
	return CUPTI_SUCCESS;
}

/* --- identifiers; allowed inside callbacks */
SC_EXPORT CUptiResult CUPTIAPI cuptiGetContextId(CUcontext context, uint32_t *ret)
{
	CUptiResult r = sc_enter("cuptiGetContextId", -1);

	if (r)
		return r;
	if (!context || !ret)
		return ret ? CUPTI_ERROR_INVALID_CONTEXT : CUPTI_ERROR_INVALID_PARAMETER;
	*ret = sc_link()->context_uid(context);
	return CUPTI_SUCCESS;
}

SC_EXPORT CUptiResult CUPTIAPI cuptiGetDeviceId(CUcontext context, uint32_t *ret)
{
	CUptiResult r = sc_enter("cuptiGetDeviceId", -1);

	if (r)
		return r;
	if (!context || !ret)
		return ret ? CUPTI_ERROR_INVALID_CONTEXT : CUPTI_ERROR_INVALID_PARAMETER;
	*ret = (uint32_t)sc_link()->context_device(context);
	return CUPTI_SUCCESS;
}

SC_EXPORT CUptiResult CUPTIAPI cuptiGetStreamIdEx(CUcontext context, CUstream stream,
						  uint8_t per_thread, uint32_t *ret)
{
	CUptiResult r = sc_enter("cuptiGetStreamIdEx", -1);

	if (r)
		return r;
	if (!ret)
		return CUPTI_ERROR_INVALID_PARAMETER;
	return sc_link()->stream_id(context, stream, per_thread, ret) ?
		       CUPTI_ERROR_INVALID_STREAM : CUPTI_SUCCESS;
}

SC_EXPORT CUptiResult CUPTIAPI cuptiGetStreamId(CUcontext context, CUstream stream, uint32_t *ret)
{
	return cuptiGetStreamIdEx(context, stream, 0, ret);
}

SC_EXPORT CUptiResult CUPTIAPI cuptiGetGraphId(CUgraph graph, uint32_t *ret)
{
	CUptiResult r = sc_enter("cuptiGetGraphId", -1);

	if (r)
		return r;
	return !ret || sc_link()->graph_id(graph, ret) ? CUPTI_ERROR_INVALID_PARAMETER :
							 CUPTI_SUCCESS;
}

SC_EXPORT CUptiResult CUPTIAPI cuptiGetGraphExecId(CUgraphExec graph, uint32_t *ret)
{
	CUptiResult r = sc_enter("cuptiGetGraphExecId", -1);

	if (r)
		return r;
	return !ret || sc_link()->graph_exec_id(graph, ret) ? CUPTI_ERROR_INVALID_PARAMETER :
							      CUPTI_SUCCESS;
}

SC_EXPORT CUptiResult CUPTIAPI cuptiGetGraphNodeId(CUgraphNode node, uint64_t *ret)
{
	CUptiResult r = sc_enter("cuptiGetGraphNodeId", -1);

	if (r)
		return r;
	return !ret || sc_link()->graph_node_id(node, ret) ? CUPTI_ERROR_INVALID_PARAMETER :
							     CUPTI_SUCCESS;
}
