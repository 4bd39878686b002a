#include "cupti/entry_points.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "cupti/callbacks.h"
#include "cupti/calls.h"
#include "cupti/emit.h"
#include "cupti/entry_calls.h"
#include "cupti/graph_nodes.h"
#include "cupti/resources.h"

#define NAME_BYTES 64

_Static_assert((int)ENTRY_COUNT <= ENTRY_MAX, "numbers of functions");

static const char *const names[ENTRY_COUNT] = {
#define E(name, params, args) #name,
	ENTRY_FOLLOWED(E) ENTRY_ASKED(E)
#undef E
};

/* libcuda's own; NULL: not found yet, or this driver has none. */
static _Atomic(void *) real_of[ENTRY_COUNT];
/* loaded_generation() + 1 when they were found; 0: never. */
static _Atomic uint64_t found_at;

static bool follow;

static _Atomic uint32_t correlation;

/* An answer for a name of ours that is no function we know: its calls are not seen. */
static _Atomic uint32_t strangers;
static char stranger[NAME_BYTES]; /* the first one's name */

/* The frame of the outermost call this thread is in, or was in when it was left by a jump. */
static __thread const void *outermost;

void entry_points_load(void)
{
	follow = true;
}

bool entry_points_follow(void)
{
	return follow;
}

static void stranger_tell(void)
{
	if (emit_on())
		emit_note(NOTE_IS_INFO, "the driver answered %u request%s of cuGetProcAddress (%s "
			  "first) with versions that jitness does not know: their calls are not seen",
			  atomic_load(&strangers), atomic_load(&strangers) == 1 ? "" : "s", stranger);
}

void entry_points_start(void)
{
	atomic_store(&correlation, 0);
	if (atomic_load(&strangers))
		stranger_tell();
}

unsigned entry_point_find(const char *symbol)
{
	for (unsigned i = 0; i < ENTRY_COUNT; i++)
		if (!strcmp(symbol, names[i]))
			return i;
	return ENTRY_NONE;
}

/* False: there is no driver. Found again after a library was unloaded: it may have been this one. */
static bool reals_find(void)
{
	uint64_t now = entry_finder.generation() + 1;
	void *one;

	if (atomic_load_explicit(&found_at, memory_order_acquire) == now)
		return true;
	one = entry_finder.in_driver(names[0]);
	if (!one)
		return false;
	for (unsigned i = 0; i < ENTRY_COUNT; i++)
		atomic_store(&real_of[i], entry_finder.beside(one, names[i]));
	atomic_store_explicit(&found_at, now, memory_order_release);
	return true;
}

void *entry_real(enum entry_id id)
{
	return atomic_load_explicit(&real_of[id], memory_order_relaxed);
}

void *entry_point_wrap(unsigned id, void *found)
{
	if (!found || !follow || !reals_find() || entry_real((enum entry_id)id) != found)
		return found;
	return entry_wrapper((enum entry_id)id);
}

void *entry_meant(enum entry_id id, const void *caller)
{
	return entry_finder.meant_by(id, names[id], caller);
}

CUresult entry_missing(void)
{
	return entry_finder.in_driver(names[0]) ? CUDA_ERROR_NOT_FOUND : CUDA_ERROR_NOT_INITIALIZED;
}

/* "cuModuleLoad" asks for cuModuleLoad, cuModuleLoad_v2, cuModuleLoad_ptsz. */
static bool is_asked_for(const char *symbol)
{
	const size_t len = strlen(symbol);

	for (unsigned i = 0; i < ENTRY_COUNT; i++)
		if (!strncmp(names[i], symbol, len) && (!names[i][len] || names[i][len] == '_'))
			return true;
	return false;
}

void entry_answered(const char *symbol, void **pfn)
{
	int saved_errno = errno;
	void *found = *pfn;

	if (!follow || !found || !reals_find())
		goto out;
	for (unsigned i = 0; i < ENTRY_COUNT; i++) {
		void *wrapper = entry_wrapper((enum entry_id)i);

		/* A library that forwards our own answer has been given the wrapper already. */
		if (found != entry_real((enum entry_id)i) && found != wrapper)
			continue;
		*pfn = wrapper;
		goto out;
	}
	if (is_asked_for(symbol) && !atomic_fetch_add(&strangers, 1)) {
		strncpy(stranger, symbol, sizeof(stranger) - 1);
		stranger_tell();
	}
out:
	errno = saved_errno;
}

/* As CUPTI would. */
static void tell(const struct entry_call *c, CUpti_ApiCallbackSite site)
{
	const CUpti_CallbackData data = {
		.callbackSite = site,
		.functionParams = c->params,
		.functionReturnValue = (void *)(uintptr_t)&c->result,
		.correlationId = c->corr,
	};

	callbacks_receive(NULL, CUPTI_CB_DOMAIN_DRIVER_API, c->cbid, &data);
}

static void followed_enter(struct entry_call *c)
{
	c->corr = atomic_fetch_add(&correlation, 1) + 1;
	tell(c, CUPTI_API_ENTER);
}

/* False: one of our own. */
static bool told_enter(struct entry_call *c, const struct call *call)
{
	int saved_errno = errno;

	if (call) {
		followed_enter(c);
	} else {
		if (!emit_enter())
			return false;
		resources_enter(c);
		emit_leave();
	}
	errno = saved_errno;
	return true;
}

bool entry_enter(struct entry_call *c, uint32_t cbid, const void *params, const void *here)
{
	const struct call *call;

	/*
	 * A call that the driver or another hook makes inside a call counts as that one. The
	 * stack grows down: a frame that is not below the outermost one was left by a jump.
	 */
	if (!follow || !emit_on() || (outermost && (uintptr_t)here < (uintptr_t)outermost))
		return false;
	*c = (struct entry_call){ .params = params, .cbid = cbid };
	call = call_of(cbid);
	if (call && call->class == CALL_SET_NODE)
		c->same = graph_nodes_same(cbid, params);
	if (!c->same && !told_enter(c, call))
		return false;
	outermost = here;
	return true;
}

static void told_exit(struct entry_call *c)
{
	int saved_errno = errno;

	if (c->same)
		followed_enter(c); /* it failed: its record says so, but not how long it took */
	if (c->corr) {
		tell(c, CUPTI_API_EXIT);
	} else if (emit_on() && emit_enter()) {
		resources_exit(c);
		emit_leave();
	}
	errno = saved_errno;
}

CUresult entry_exit(struct entry_call *c)
{
	if (c->same && c->result == CUDA_SUCCESS)
		graph_nodes_count(c->same);
	else
		told_exit(c);
	outermost = NULL;
	return c->result;
}
