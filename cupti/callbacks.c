#include "cupti/callbacks.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "cupti/api.h"
#include "cupti/calls.h"
#include "cupti/captures.h"
#include "cupti/emit.h"
#include "cupti/graph_nodes.h"
#include "cupti/graphs.h"
#include "cupti/ids.h"
#include "cupti/modules.h"

/*
 * The followed calls this thread is in, outermost first: a launch may contain a look-up
 * or a load.
 */
#define DEPTH_MAX 6
/* CUPTI may repeat a warning without end; the first ones say it all. */
#define STATE_NOTES_MAX 16

static __thread struct {
	struct call_frame frame[DEPTH_MAX];
	uint8_t depth;
} calls_tls;

static struct call_frame *frame_top(void)
{
	return calls_tls.depth ? &calls_tls.frame[calls_tls.depth - 1] : NULL;
}

static void api_enter(CUpti_CallbackId cbid, const struct call *call,
		      const CUpti_CallbackData *data)
{
	struct call_frame *f;

	if (!calls_tls.depth || calls_tls.depth == DEPTH_MAX) {
		/* So deep only when calls did not return: an exception went through them. */
		calls_tls.depth = 0;
		modules_abandon();
	}
	f = &calls_tls.frame[calls_tls.depth++];
	f->corr = data->correlationId;
	f->cbid = (uint16_t)cbid;
	f->api = call->api;
	f->class = call->class;
	if (call->stack)
		calls_stack(&f->stack);
	if (f->class == CALL_LOAD)
		f->image = data->functionParams ? modules_image(cbid, data->functionParams) : NULL;
	if (f->class != CALL_LOOKUP)
		f->start_ns = emit_now();
}

static void launch_emit(const struct call_frame *f, const CUpti_CallbackData *data,
			uint64_t end_ns)
{
	uint64_t row[LAUNCH_N];

	row[LAUNCH_START] = f->start_ns;
	row[LAUNCH_END] = end_ns;
	row[LAUNCH_CORR] = f->corr;
	row[LAUNCH_API] = f->api;
	row[LAUNCH_RESULT] = data->functionReturnValue ?
				     *(const uint32_t *)data->functionReturnValue : 0;
	emit(EVENT_LAUNCH, row, LAUNCH_N, NULL, 0);
}

static enum sync_type sync_type_of(uint16_t api)
{
	switch (api) {
	case API_CU_STREAM_SYNC:
		return SYNC_OF_STREAM;
	case API_CU_EVENT_SYNC:
		return SYNC_OF_EVENT;
	default:
		return SYNC_OF_CONTEXT;
	}
}

static void sync_emit(const struct call_frame *f, const CUpti_CallbackData *data, uint64_t end_ns)
{
	uint64_t row[SYNC_N] = { 0 };

	if (f->api == API_CU_STREAM_SYNC && data->functionParams) {
		/* The same layout for both twins. */
		const cuStreamSynchronize_params *p = data->functionParams;

		row[SYNC_STREAM] = ids_stream(data->context, p->hStream,
					      f->cbid == CUPTI_DRIVER_TRACE_CBID_cuStreamSynchronize_ptsz);
	}
	row[SYNC_START] = f->start_ns;
	row[SYNC_END] = end_ns;
	row[SYNC_CORR] = f->corr;
	row[SYNC_TYPE] = sync_type_of(f->api);
	row[SYNC_CONTEXT] = data->contextUid;
	row[SYNC_API] = f->api;
	emit(EVENT_SYNC, row, SYNC_N, NULL, 0);
}

/* What the application waits for anyway: out of the way of launches. */
__attribute__((noinline, cold)) static void load_or_graph_exit(const struct call_frame *f,
							       const CUpti_CallbackData *data,
							       uint64_t end_ns)
{
	uint8_t depth = calls_tls.depth;

	/* A listing may make the driver load a module: it belongs to this call. */
	calls_tls.depth = (uint8_t)(f - calls_tls.frame + 1);
	switch (f->class) {
	case CALL_LOAD:
		modules_load_exit(f, data, end_ns);
		break;
	case CALL_GRAPH:
		graphs_exit(f, data, end_ns);
		break;
	case CALL_CAPTURE_BEGIN:
		captures_begin_exit(f, data);
		break;
	case CALL_CAPTURE_END:
		captures_end_exit(f, data, end_ns);
		break;
	default:
		break;
	}
	calls_tls.depth = depth;
}

static void api_exit(CUpti_CallbackId cbid, const CUpti_CallbackData *data)
{
	struct call_frame *f = NULL;
	uint64_t end_ns;
	uint8_t i;

	for (i = calls_tls.depth; i-- > 0;) {
		f = &calls_tls.frame[i];
		if (f->corr == data->correlationId && f->cbid == cbid)
			break;
		f = NULL;
	}
	if (!f)
		return;
	calls_tls.depth = i; /* with it go inner calls that never returned */
	if (f->class != CALL_LOOKUP) {
		end_ns = emit_now();
		if (f->class == CALL_LAUNCH)
			launch_emit(f, data, end_ns);
		else if (f->class == CALL_SYNC)
			sync_emit(f, data, end_ns);
		else if (f->class == CALL_SET_NODE)
			graph_nodes_exit(f, data, end_ns);
		else
			load_or_graph_exit(f, data, end_ns);
	}
	modules_exit(f, i, data);
}

static void context_emit(const CUpti_ResourceData *data, enum lifetime_op op)
{
	uint64_t row[CONTEXT_N] = { 0 };
	uint32_t device = 0;

	if (cupti_api.GetDeviceId)
		(void)cupti_api.GetDeviceId(data->context, &device);
	row[CONTEXT_TIME] = emit_now();
	row[CONTEXT_CONTEXT] = ids_context(data->context);
	row[CONTEXT_DEVICE] = device;
	row[CONTEXT_OP] = op;
	emit(EVENT_CONTEXT, row, CONTEXT_N, NULL, 0);
}

static void stream_emit(const CUpti_ResourceData *data, enum lifetime_op op)
{
	uint64_t row[STREAM_N] = { 0 };
	uint32_t id = 0;

	if (!cupti_api.GetStreamIdEx || !cupti_api.GetContextId ||
	    cupti_api.GetStreamIdEx(data->context, data->resourceHandle.stream, 0, &id) !=
		    CUPTI_SUCCESS)
		return;
	row[STREAM_TIME] = emit_now();
	row[STREAM_STREAM] = id;
	row[STREAM_CONTEXT] = ids_context(data->context);
	row[STREAM_OP] = op;
	emit(EVENT_STREAM, row, STREAM_N, NULL, 0);
}

/* Driver locks may be held here: no CUDA call, no flush, no dlopen, no waiting. */
static void resource(CUpti_CallbackId cbid, const CUpti_ResourceData *data)
{
	switch (cbid) {
	case CUPTI_CBID_RESOURCE_MODULE_LOADED:
		modules_loaded(data, frame_top());
		break;
	case CUPTI_CBID_RESOURCE_MODULE_UNLOAD_STARTING:
		modules_unloading(data);
		break;
	case CUPTI_CBID_RESOURCE_GRAPHEXEC_DESTROY_STARTING:
		graphs_destroyed(data);
		ids_forget();
		break;
	case CUPTI_CBID_RESOURCE_CONTEXT_CREATED:
		ids_forget();
		context_emit(data, LIFETIME_CREATE);
		break;
	case CUPTI_CBID_RESOURCE_CONTEXT_DESTROY_STARTING:
		context_emit(data, LIFETIME_DESTROY);
		ids_forget();
		break;
	case CUPTI_CBID_RESOURCE_STREAM_CREATED:
		ids_forget();
		stream_emit(data, LIFETIME_CREATE);
		break;
	case CUPTI_CBID_RESOURCE_STREAM_DESTROY_STARTING:
		stream_emit(data, LIFETIME_DESTROY);
		ids_forget();
		break;
	default:
		break;
	}
}

/* After a fatal error CUPTI has already ended itself: this is why records stop. */
static void state_changed(CUpti_CallbackId cbid, const CUpti_StateData *data)
{
	static _Atomic unsigned notes;
	const char *text = data->notification.message;

	if (atomic_fetch_add_explicit(&notes, 1, memory_order_relaxed) >= STATE_NOTES_MAX)
		return;
	emit_note(NOTE_IS_CUPTI_ERROR, "CUPTI %s %d (%s)%s%.300s",
		  cbid == CUPTI_CBID_STATE_WARNING ? "warns:" : "stopped with error",
		  (int)data->notification.result, cupti_result_text(data->notification.result),
		  text ? ": " : "", text ? text : "");
}

void callbacks_receive(void *userdata, CUpti_CallbackDomain domain, CUpti_CallbackId cbid,
		       const void *data)
{
	const CUpti_CallbackData *call_data = data;
	const struct call *call;
	int saved_errno;

	(void)userdata;
	if (!data || !emit_on())
		return;
	switch (domain) {
	case CUPTI_CB_DOMAIN_DRIVER_API:
		call = call_of(cbid);
		/* Calls that we make ourselves are not the application's. */
		if (!call || !emit_enter())
			return;
		saved_errno = errno;
		if (call_data->callbackSite == CUPTI_API_ENTER)
			api_enter(cbid, call, call_data);
		else
			api_exit(cbid, call_data);
		errno = saved_errno;
		emit_leave();
		break;
	case CUPTI_CB_DOMAIN_RESOURCE:
		/* No guard: listing a graph may make the driver load a module. */
		saved_errno = errno;
		resource(cbid, data);
		errno = saved_errno;
		break;
	case CUPTI_CB_DOMAIN_STATE:
		saved_errno = errno;
		state_changed(cbid, data);
		errno = saved_errno;
		break;
	default:
		break;
	}
}

CUptiResult callbacks_enable(CUpti_SubscriberHandle subscriber, enum capture_level level)
{
	/* The first two are what the tool is for, and CUPTI has always had them. */
	static const CUpti_CallbackId resource_id[] = {
		CUPTI_CBID_RESOURCE_MODULE_LOADED,
		CUPTI_CBID_RESOURCE_MODULE_UNLOAD_STARTING,
		CUPTI_CBID_RESOURCE_CONTEXT_CREATED,
		CUPTI_CBID_RESOURCE_CONTEXT_DESTROY_STARTING,
		CUPTI_CBID_RESOURCE_STREAM_CREATED,
		CUPTI_CBID_RESOURCE_STREAM_DESTROY_STARTING,
		CUPTI_CBID_RESOURCE_GRAPHEXEC_DESTROY_STARTING,
	};
	CUptiResult rc, first = CUPTI_SUCCESS;

	ids_forget();
	for (CUpti_CallbackId id = 1; id < CUPTI_DRIVER_TRACE_CBID_SIZE; id++) {
		const struct call *call = call_of(id);

		/* An older CUPTI refuses ids that it does not know: there is no such call then. */
		if (call && (level != LEVEL_CHURN ||
			     (call->class != CALL_LAUNCH && call->class != CALL_SYNC)))
			(void)cupti_api.EnableCallback(1, subscriber, CUPTI_CB_DOMAIN_DRIVER_API, id);
	}
	for (unsigned i = 0; i < sizeof(resource_id) / sizeof(resource_id[0]); i++) {
		rc = cupti_api.EnableCallback(1, subscriber, CUPTI_CB_DOMAIN_RESOURCE,
					      resource_id[i]);
		if (i < 2 && first == CUPTI_SUCCESS)
			first = rc;
	}
	(void)cupti_api.EnableCallback(1, subscriber, CUPTI_CB_DOMAIN_STATE,
				       CUPTI_CBID_STATE_FATAL_ERROR);
	(void)cupti_api.EnableCallback(1, subscriber, CUPTI_CB_DOMAIN_STATE,
				       CUPTI_CBID_STATE_WARNING);
	return first;
}
