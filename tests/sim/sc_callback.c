/* Callbacks, and the calls that switch them on: only what was enabled is delivered. */
#include "tests/sim/sc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { WANT_CALLBACK = 1, WANT_RECORD = 2 };

static void callback_call(CUpti_CallbackDomain domain, CUpti_CallbackId cbid, const void *data)
{
	CUpti_CallbackFunc callback = atomic_load_explicit(&sc.callback, memory_order_acquire);

	if (!callback)
		return;
	sc_bump(&sc_thread()->callbacks[domain]);
	callback(sc.userdata, domain, cbid, data);
}

void callback_api(struct sim_api_call *call, int site)
{
	uint8_t want = atomic_load_explicit(&sc_link()->want_api[call->cbid],
					    memory_order_relaxed);
	CUpti_CallbackData data = {
		.callbackSite = site ? CUPTI_API_EXIT : CUPTI_API_ENTER,
		.functionName = call->name,
		.functionParams = call->params,
		.functionReturnValue = site ? &call->result : NULL,
		.symbolName = call->symbol,
		.context = call->context,
		.contextUid = call->context_uid,
		.correlationData = &call->user_data,
		.correlationId = call->correlation,
	};

	if (!site)
		call->start_ns = want & WANT_RECORD ? clock_now() : 0;
	if (want & WANT_CALLBACK)
		callback_call(CUPTI_CB_DOMAIN_DRIVER_API, call->cbid, &data);
	if (site && want & WANT_RECORD && call->start_ns)
		record_api(call);
}

void callback_resource(uint32_t cbid, void *context, void *stream, void *descriptor)
{
	CUpti_ResourceData data = { .context = context };
	CUpti_ModuleResourceData module;
	CUpti_GraphData graph;

	data.resourceHandle.stream = stream;
	if (cbid >= CUPTI_CBID_RESOURCE_MODULE_LOADED &&
	    cbid <= CUPTI_CBID_RESOURCE_MODULE_PROFILED) {
		const struct sim_module_info *m = descriptor;

		module = (CUpti_ModuleResourceData){ m->id, m->bytes, m->elf };
		data.resourceDescriptor = &module;
	} else if (cbid >= CUPTI_CBID_RESOURCE_GRAPH_CREATED && descriptor) {
		const struct sim_graph_info *g = descriptor;

		graph = (CUpti_GraphData){
			g->graph, g->original_graph, g->node, g->original_node,
			(CUgraphNodeType)g->node_type, g->dependency, g->graph_exec };
		data.resourceDescriptor = &graph;
	}
	sc_in_resource++;
	/* The real CUPTI gives no data with this one. */
	callback_call(CUPTI_CB_DOMAIN_RESOURCE, cbid,
		      cbid == CUPTI_CBID_RESOURCE_CU_INIT_FINISHED ? NULL : &data);
	sc_in_resource--;
}

void callback_synchronized(uint32_t cbid, void *context, void *stream)
{
	CUpti_SynchronizeData data = { context, stream };

	if (atomic_load(&sc_link()->want_sync_callback) >> cbid & 1)
		callback_call(CUPTI_CB_DOMAIN_SYNCHRONIZE, cbid, &data);
}

/* --- subscribing */
static CUptiResult subscribe(CUpti_SubscriberHandle *ret, CUpti_CallbackFunc callback,
			     void *userdata, const CUpti_SubscriberParams *params)
{
	if (!ret)
		return CUPTI_ERROR_INVALID_PARAMETER;
	if (sim_knobs.subscribed || !sc_take_ownership()) {
		if (params && params->oldSubscriberName && params->oldSubscriberSize)
			snprintf(params->oldSubscriberName, params->oldSubscriberSize,
				 "CUPTI for %s",
				 sim_knobs.subscribed ? sim_knobs.subscribed : sc.name);
		return CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED;
	}
	snprintf(sc.name, sizeof(sc.name), "%s",
		 params && params->subscriberName ? params->subscriberName : "unknown");
	sc.userdata = userdata;
	atomic_store_explicit(&sc.callback, callback, memory_order_release);
	*ret = (CUpti_SubscriberHandle)&sc;
	return CUPTI_SUCCESS;
}

SC_EXPORT CUptiResult CUPTIAPI cuptiSubscribe(CUpti_SubscriberHandle *ret,
					      CUpti_CallbackFunc callback, void *userdata)
{
	CUptiResult r = sc_enter("cuptiSubscribe", -1);

	return r ? r : subscribe(ret, callback, userdata, NULL);
}

SC_EXPORT CUptiResult CUPTIAPI cuptiSubscribe_v2(CUpti_SubscriberHandle *ret,
						 CUpti_CallbackFunc callback, void *userdata,
						 CUpti_SubscriberParams *params)
{
	CUptiResult r = sc_enter("cuptiSubscribe_v2", -1);

	if (r)
		return r;
	if (!sc_api_since(130000))
		return CUPTI_ERROR_NOT_SUPPORTED;
	if (params && params->structSize < CUpti_SubscriberParams_STRUCT_SIZE)
		return CUPTI_ERROR_INVALID_PARAMETER;
	return subscribe(ret, callback, userdata, params);
}

SC_EXPORT CUptiResult CUPTIAPI cuptiUnsubscribe(CUpti_SubscriberHandle subscriber)
{
	CUptiResult r = sc_enter("cuptiUnsubscribe", -1);
	struct sim_link *link;

	if (r)
		return r;
	if (subscriber != (CUpti_SubscriberHandle)&sc || !atomic_load(&sc.callback))
		return CUPTI_ERROR_INVALID_PARAMETER;
	link = sc_link();
	for (size_t i = 0; i < SIM_CBID_MAX; i++)
		atomic_fetch_and(&link->want_api[i], (uint8_t)~WANT_CALLBACK);
	atomic_store(&link->want_resource, 0);
	atomic_store(&link->want_sync_callback, 0);
	atomic_store(&sc.callback, NULL);
	return CUPTI_SUCCESS;
}

/* --- switching on and off */
static void want_api(uint32_t cbid, uint8_t bit, bool on)
{
	struct sim_link *link = sc_link();

	if (on)
		atomic_fetch_or(&link->want_api[cbid], bit);
	else
		atomic_fetch_and(&link->want_api[cbid], (uint8_t)~bit);
}

static void want_bits(_Atomic uint64_t *mask, uint64_t bits, bool on)
{
	if (on)
		atomic_fetch_or(mask, bits);
	else
		atomic_fetch_and(mask, ~bits);
}

static uint32_t domain_size(CUpti_CallbackDomain domain)
{
	switch ((int)domain) {
	case CUPTI_CB_DOMAIN_DRIVER_API:
		return CUPTI_DRIVER_TRACE_CBID_SIZE;
	case CUPTI_CB_DOMAIN_RUNTIME_API:
		return CUPTI_RUNTIME_TRACE_CBID_SIZE;
	case CUPTI_CB_DOMAIN_RESOURCE:
		return CUPTI_CBID_RESOURCE_SIZE;
	case CUPTI_CB_DOMAIN_SYNCHRONIZE:
		return CUPTI_CBID_SYNCHRONIZE_SIZE;
	case CUPTI_CB_DOMAIN_NVTX:
		return CUPTI_CBID_NVTX_SIZE;
	case CUPTI_CB_DOMAIN_STATE:
		return CUPTI_CBID_STATE_SIZE;
	default:
		return 0;
	}
}

static void domain_enable(CUpti_CallbackDomain domain, uint32_t cbid, bool on)
{
	if (domain == CUPTI_CB_DOMAIN_DRIVER_API)
		want_api(cbid, WANT_CALLBACK, on);
	else if (domain == CUPTI_CB_DOMAIN_RESOURCE)
		want_bits(&sc_link()->want_resource, 1ull << cbid, on);
	else if (domain == CUPTI_CB_DOMAIN_SYNCHRONIZE)
		want_bits(&sc_link()->want_sync_callback, 1ull << cbid, on);
}

SC_EXPORT CUptiResult CUPTIAPI cuptiEnableCallback(uint32_t enable,
						   CUpti_SubscriberHandle subscriber,
						   CUpti_CallbackDomain domain,
						   CUpti_CallbackId cbid)
{
	CUptiResult r = sc_enter("cuptiEnableCallback", cbid);

	if (r)
		return r;
	if (subscriber != (CUpti_SubscriberHandle)&sc || !cbid || cbid >= domain_size(domain))
		return CUPTI_ERROR_INVALID_PARAMETER;
	domain_enable(domain, cbid, enable != 0);
	return CUPTI_SUCCESS;
}

SC_EXPORT CUptiResult CUPTIAPI cuptiEnableDomain(uint32_t enable,
						 CUpti_SubscriberHandle subscriber,
						 CUpti_CallbackDomain domain)
{
	CUptiResult r = sc_enter("cuptiEnableDomain", (long)domain);

	if (r)
		return r;
	if (subscriber != (CUpti_SubscriberHandle)&sc || !domain_size(domain))
		return CUPTI_ERROR_INVALID_PARAMETER;
	for (uint32_t i = 1; i < domain_size(domain); i++)
		domain_enable(domain, i, enable != 0);
	return CUPTI_SUCCESS;
}

SC_EXPORT CUptiResult CUPTIAPI cuptiActivityEnableDriverApi(CUpti_CallbackId cbid, uint8_t enable)
{
	CUptiResult r = sc_enter_activity("cuptiActivityEnableDriverApi", cbid);

	if (r)
		return r;
	if (!sc_api_since(23))
		return CUPTI_ERROR_NOT_SUPPORTED;
	if (!cbid || cbid >= CUPTI_DRIVER_TRACE_CBID_SIZE)
		return CUPTI_ERROR_INVALID_PARAMETER;
	want_api(cbid, WANT_RECORD, enable);
	return CUPTI_SUCCESS;
}

/* No runtime library is simulated: accepted, never delivered. */
SC_EXPORT CUptiResult CUPTIAPI cuptiActivityEnableRuntimeApi(CUpti_CallbackId cbid, uint8_t enable)
{
	CUptiResult r = sc_enter_activity("cuptiActivityEnableRuntimeApi", cbid);

	(void)enable;
	if (r)
		return r;
	if (!sc_api_since(23))
		return CUPTI_ERROR_NOT_SUPPORTED;
	return cbid && cbid < CUPTI_RUNTIME_TRACE_CBID_SIZE ? CUPTI_SUCCESS :
							      CUPTI_ERROR_INVALID_PARAMETER;
}

void callback_want_driver_records(bool on);
void callback_want_driver_records(bool on)
{
	for (uint32_t i = 1; i < CUPTI_DRIVER_TRACE_CBID_SIZE; i++)
		want_api(i, WANT_RECORD, on);
}
