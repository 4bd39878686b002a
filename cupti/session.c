#include "cupti/session.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "cupti/api.h"
#include "cupti/buffers.h"
#include "cupti/callbacks.h"
#include "cupti/captures.h"
#include "cupti/emit.h"
#include "cupti/entry_points.h"
#include "cupti/find.h"
#include "cupti/graph_nodes.h"
#include "cupti/graphs.h"
#include "cupti/layout.h"
#include "cupti/modules.h"
#include "cupti/resources.h"
#include "cupti/records.h"
#include "trace/redact.h"

/* First CUPTI that may be told "no buffer": older ones crash on NULL (12.9; kineto says 27). */
#define VERSION_MAY_REFUSE 27
#define CANDIDATES_MAX     1024 /* bytes of the INFO record */
/*
 * 4 MiB ready: 200 ms of 100,000 launches a second, should the writer be late. Half
 * of it is touched inside cuInit (about 1 ms), the rest by the writer when it starts.
 */
#define AHEAD       ((4u << 20) / BUFFER_BYTES)
#define AHEAD_CHURN ((1u << 20) / BUFFER_BYTES)

static struct layout layout;
static struct cupti_config config;
/* Set last: the flush and writer threads look at it. */
static _Atomic bool running;

/* What is missing, for the log line and the gpu_records_reason. First reason wins. */
struct outcome {
	enum gpu_records records;
	struct cupti_fail fail;
};

__attribute__((format(printf, 5, 6))) static void
outcome_lower(struct outcome *o, enum gpu_records records, const char *call, int code,
	      const char *fmt, ...)
{
	va_list ap;

	if (!o->fail.call) {
		o->fail.call = call;
		o->fail.code = code;
		va_start(ap, fmt);
		vsnprintf(o->fail.detail, sizeof(o->fail.detail), fmt, ap);
		va_end(ap);
	}
	if (records < o->records)
		o->records = records;
}

static void info_text(const char *key, const char *value)
{
	emit_info(key, value, strlen(value));
}

static void info_path(const char *key, const char *path)
{
	char shareable[FIND_PATH_MAX];

	if (config.redact)
		emit_info(key, shareable,
			  redact_path(shareable, sizeof(shareable), path, strlen(path)));
	else
		info_text(key, path);
}

static int driver_version(void)
{
	char text[32];
	int version = 0;

	if (!driver_api.cuDriverGetVersion ||
	    driver_api.cuDriverGetVersion(&version) != CUDA_SUCCESS)
		return 0;
	snprintf(text, sizeof(text), "%d.%d", version / 1000, version % 1000 / 10);
	info_text("driver_version", text);
	return version;
}

/* One line a candidate: path, where it was found, what became of it. */
struct candidates_text {
	char text[CANDIDATES_MAX];
	size_t len;
};

static void candidates_add(struct candidates_text *t, const struct find_candidate *c,
			   const char *verdict)
{
	char shareable[FIND_PATH_MAX];
	const char *path = c->path;
	int n;

	if (config.redact) {
		redact_path(shareable, sizeof(shareable), path, strlen(path));
		path = shareable;
	}
	n = snprintf(t->text + t->len, sizeof(t->text) - t->len, "%s%s (%s): %s",
		     t->len ? "\n" : "", path, c->why, verdict);
	/* A line that does not fit is left out as a whole. */
	if (n > 0 && (size_t)n < sizeof(t->text) - t->len)
		t->len += (size_t)n;
}

#define VERDICT_BYTES 64

/* dlopen and bind; NULL when that fails. verdict: what became of it, as the end of a sentence. */
static void *candidate_open(const struct find_candidate *c, char *verdict)
{
	const char *missing = NULL;
	void *lib;

	/*
	 * RTLD_LOCAL is enough for a later DT_NEEDED to find this copy by its SONAME.
	 * Never closed: CUPTI keeps our callbacks.
	 */
	lib = dlopen(c->path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!lib) {
		strcpy(verdict, "cannot be loaded");
		(void)dlerror(); /* leave no message for the host's own dlerror() */
		return NULL;
	}
	if (cupti_api_bind(&cupti_api, lib, &missing)) {
		snprintf(verdict, VERDICT_BYTES, "has no %s", missing);
		dlclose(lib);
		return NULL;
	}
	strcpy(verdict, "used");
	return lib;
}

/* A soname does not say which file the loader took. */
static const char *path_of(void *lib, const char *asked)
{
	struct link_map *map = NULL;

	if (dlinfo(lib, RTLD_DI_LINKMAP, &map) || !map || !map->l_name[0])
		return asked;
	return map->l_name;
}

static bool library_open(struct outcome *o)
{
	struct find_list *list = mmap(NULL, sizeof(*list), PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct candidates_text t = { .len = 0 };
	char verdict[VERDICT_BYTES] = "";
	int version = driver_version();
	void *lib = NULL;

	if (list == MAP_FAILED) {
		outcome_lower(o, GPU_RECORDS_NONE, "mmap", 0, "no memory");
		return false;
	}
	find_cupti(list, config.library, version);
	for (unsigned i = 0; i < list->count; i++) {
		if (lib) {
			candidates_add(&t, &list->at[i], "not needed");
			continue;
		}
		lib = candidate_open(&list->at[i], verdict);
		candidates_add(&t, &list->at[i], verdict);
		if (lib)
			info_path("cupti_path", path_of(lib, list->at[i].path));
	}
	emit_info("cupti_candidates", t.text, t.len);
	if (!lib) {
		if (config.library)
			outcome_lower(o, GPU_RECORDS_NONE, "dlopen", 0,
				      "JITNESS_CUPTI names a library that %s", verdict);
		else
			outcome_lower(o, GPU_RECORDS_NONE, "dlopen", 0,
				      "no libcupti for this driver (CUDA %d.%d) was found: install the "
				      "CUPTI of a CUDA toolkit, or set JITNESS_CUPTI to its path",
				      version / 1000, version % 1000 / 10);
		emit_note(NOTE_IS_NO_CUPTI, "GPU records are missing: %s", o->fail.detail);
	}
	munmap(list, sizeof(*list));
	return lib != NULL;
}

static uint32_t library_version(void)
{
	char text[16];
	uint32_t version = 0;

	(void)cupti_api.GetVersion(&version);
	snprintf(text, sizeof(text), "%u", version);
	info_text("cupti_version", text);
	return version;
}

/* What the user can do about the commonest refusals, to follow the error's name. */
static const char *advice(CUptiResult rc)
{
	switch ((int)rc) {
	case CUPTI_ERROR_INSUFFICIENT_PRIVILEGES:
	case CUPTI_ERROR_VIRTUALIZED_DEVICE_INSUFFICIENT_PRIVILEGES:
		return "; the administrator can allow profiling "
		       "(NVreg_RestrictProfilingToAdminUsers=0)";
	case CUPTI_ERROR_NOT_INITIALIZED:
		return "; this libcupti may be newer than the driver, or a stub libcuda is in the way";
	case CUPTI_ERROR_CONFIDENTIAL_COMPUTING_NOT_SUPPORTED:
		return "; confidential computing forbids it";
	case CUPTI_ERROR_CMP_DEVICE_NOT_SUPPORTED:
	case CUPTI_ERROR_VIRTUALIZED_DEVICE_NOT_SUPPORTED:
	case CUPTI_ERROR_MIG_DEVICE_NOT_SUPPORTED:
	case CUPTI_ERROR_WSL_DEVICE_NOT_SUPPORTED:
		return "; this kind of device does not support it";
	default:
		return "";
	}
}

static enum note_code note_of(CUptiResult rc)
{
	return rc == CUPTI_ERROR_INSUFFICIENT_PRIVILEGES ||
			       rc == CUPTI_ERROR_VIRTUALIZED_DEVICE_INSUFFICIENT_PRIVILEGES ?
		       NOTE_IS_DENIED : NOTE_IS_CUPTI_ERROR;
}

/* Something is missing, but the rest goes on. */
static void missing(struct outcome *o, const char *call, CUptiResult rc, const char *what)
{
	outcome_lower(o, GPU_RECORDS_PARTIAL, call, (int)rc, "%s: %s%s", what,
		      cupti_result_text(rc), advice(rc));
	emit_note(note_of(rc), "%s are missing: %s returned %d (%s)%s", what, call, (int)rc,
		  cupti_result_text(rc), advice(rc));
}

/*
 * The subscription is the only thing other tools respect. When somebody else has it
 * nothing may be registered: RegisterCallbacks would take that tool's buffers away.
 */
static bool subscribe(struct outcome *o, CUpti_SubscriberHandle *ret)
{
	char holder[CUPTI_OLD_SUBSCRIBER_NAME_MIN_LEN] = "";
	CUpti_SubscriberParams params = {
		.structSize = CUpti_SubscriberParams_STRUCT_SIZE,
		.subscriberName = "jitness",
		.oldSubscriberName = holder,
		.oldSubscriberSize = sizeof(holder),
	};
	const char *call = "cuptiSubscribe_v2", *before = "", *after = "";
	CUptiResult rc = CUPTI_ERROR_NOT_SUPPORTED;

	if (cupti_api.Subscribe_v2)
		rc = cupti_api.Subscribe_v2(ret, callbacks_receive, NULL, &params);
	if (rc != CUPTI_SUCCESS && rc != CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED) {
		call = "cuptiSubscribe";
		rc = cupti_api.Subscribe(ret, callbacks_receive, NULL);
	}
	holder[sizeof(holder) - 1] = 0;
	if (holder[0])
		before = " (", after = ")";
	if (rc == CUPTI_SUCCESS)
		return true;
	if (rc == CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED) {
		outcome_lower(o, GPU_RECORDS_NONE, call, (int)rc,
			      "another tool holds CUPTI%s%s%s; run without it", before, holder, after);
		emit_note(NOTE_IS_TAKEN, "GPU records are missing: another tool holds CUPTI%s%s%s",
			  before, holder, after);
	} else {
		outcome_lower(o, GPU_RECORDS_NONE, call, (int)rc, "%s%s", cupti_result_text(rc),
			      advice(rc));
		emit_note(note_of(rc), "GPU records are missing: %s returned %d (%s)%s", call,
			  (int)rc, cupti_result_text(rc), advice(rc));
	}
	return false;
}

static bool buffers_register(struct outcome *o, uint32_t version)
{
	size_t one = 1;
	CUptiResult rc;

	if (buffers_start(&(struct buffers_config){
		    .pool_bytes = config.pool_bytes,
		    .ahead = config.level == LEVEL_CHURN ? AHEAD_CHURN : AHEAD,
		    .may_refuse = version >= VERSION_MAY_REFUSE,
		    .wake = config.wake }) ||
	    records_start(&layout, cupti_api.ActivityGetNextRecord, config.redact)) {
		outcome_lower(o, GPU_RECORDS_NONE, "mmap", errno, "no memory for activity buffers");
		return false;
	}
	/*
	 * True to our word: the pool zeroes on its own thread, so CUPTI need not do it on
	 * the application's. The attribute is one byte; older ones refuse it, then CUPTI zeroes.
	 */
	if (cupti_api.ActivitySetAttribute) {
		uint8_t zeroed = 1;

		one = sizeof(zeroed);
		(void)cupti_api.ActivitySetAttribute(CUPTI_ACTIVITY_ATTR_ZEROED_OUT_ACTIVITY_BUFFER,
						     &one, &zeroed);
	}
	rc = cupti_api.ActivityRegisterCallbacks(buffers_request, buffers_complete);
	if (rc != CUPTI_SUCCESS) {
		outcome_lower(o, GPU_RECORDS_NONE, "cuptiActivityRegisterCallbacks", (int)rc, "%s%s",
			      cupti_result_text(rc), advice(rc));
		emit_note(note_of(rc), "GPU records are missing: %s returned %d (%s)",
			  o->fail.call, (int)rc, cupti_result_text(rc));
		return false;
	}
	return true;
}

#define AT(level) (1u << LEVEL_##level)
#define ALWAYS    (AT(CHURN) | AT(GRAPH) | AT(NODE))
/*
 * Kernel, memcpy and memset only together: CUPTI up to 13.2 leaks device memory
 * for graphs with copy nodes when copies are not recorded.
 * Not SYNCHRONIZATION: it makes every launch 18 % slower (H100, CUPTI 13.0), two callbacks at each wait
 * do not; the wait is told by its call (callbacks.c).
 */
static const struct kind {
	CUpti_ActivityKind kind;
	unsigned levels;
	bool optional; /* its absence takes nothing away */
	const char *what;
} kinds[] = {
	{ CUPTI_ACTIVITY_KIND_OVERHEAD, ALWAYS, false, "overhead records" },
	{ CUPTI_ACTIVITY_KIND_JIT, ALWAYS, false, "JIT records" },
	{ CUPTI_ACTIVITY_KIND_DEVICE, ALWAYS, false, "device records" },
	{ CUPTI_ACTIVITY_KIND_CONTEXT, ALWAYS, false, "context records" },
	{ CUPTI_ACTIVITY_KIND_MEMCPY, AT(GRAPH) | AT(NODE), false, "memcpy records" },
	{ CUPTI_ACTIVITY_KIND_MEMCPY2, AT(GRAPH) | AT(NODE), true, "peer copy records" },
	{ CUPTI_ACTIVITY_KIND_MEMSET, AT(GRAPH) | AT(NODE), false, "memset records" },
	{ CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL, AT(GRAPH) | AT(NODE), false, "kernel records" },
	{ CUPTI_ACTIVITY_KIND_GRAPH_TRACE, AT(GRAPH), false, "whole-graph records" },
};

static void kinds_enable(struct outcome *o)
{
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct kind *k = &kinds[i];
		CUptiResult rc;

		if (!(k->levels & 1u << config.level))
			continue;
		if (!layout_usable(&layout, k->kind)) {
			if (k->optional)
				continue;
			outcome_lower(o, GPU_RECORDS_PARTIAL, "cuptiActivityGetNextRecord", 0,
				      "%s: their layout is unknown to this version of jitness",
				      k->what);
			emit_note(NOTE_IS_LAYOUT, "%s are missing: this libcupti writes %u bytes where "
				  "at least %u are expected", k->what,
				  layout.stride[k->kind], layout_base(k->kind));
			continue;
		}
		rc = cupti_api.ActivityEnable(k->kind);
		if (rc != CUPTI_SUCCESS && !k->optional)
			missing(o, "cuptiActivityEnable", rc, k->what);
	}
}

/* Before anything calls us. */
static void tables_start(void)
{
	calls_start(config.stack);
	captures_start();
	(void)modules_start(config.redact);
	(void)graphs_start();
}

/* No CUPTI: nothing to flush, no pool, and nobody else is kept from it. */
static void entry_points_session(struct outcome *o)
{
	outcome_lower(o, GPU_RECORDS_NONE, "level", 0,
		      "level churn watches the driver's entry points and leaves CUPTI alone");
	info_text("modules_by", "entry points");
	(void)driver_version();
	tables_start();
	(void)resources_start();
	entry_points_start();
}

static void session_start(struct outcome *o)
{
	CUpti_SubscriberHandle subscriber = NULL;
	uint32_t version;
	CUptiResult rc;

	if (!emit_on()) {
		outcome_lower(o, GPU_RECORDS_NONE, "emit_start", 0, "the journal is not open");
		return;
	}
	(void)driver_api_bind(&driver_api);
	if (config.entry_points) {
		entry_points_session(o);
		return;
	}
	resources_off();
	info_text("modules_by", "cupti");
	if (!library_open(o))
		return;
	version = library_version();
	layout_probe(&layout, cupti_api.ActivityGetNextRecord);
	tables_start();
	if (!subscribe(o, &subscriber))
		return;
	/* Before anything records a thread id; without it they are pthread_self(), cut to 32 bits. */
	if (cupti_api.SetThreadIdType)
		(void)cupti_api.SetThreadIdType(CUPTI_ACTIVITY_THREAD_ID_TYPE_SYSTEM);
	if (!buffers_register(o, version))
		return;
	rc = callbacks_enable(subscriber, config.level);
	if (rc != CUPTI_SUCCESS)
		missing(o, "cuptiEnableCallback", rc, "module records");
	kinds_enable(o);
	atomic_store_explicit(&running, true, memory_order_release);
}

enum gpu_records cupti_start(const struct cupti_config *c, struct cupti_fail *ret)
{
	static const char *const name[] = { "none", "partial", "full" };
	struct outcome o = { .records = GPU_RECORDS_FULL };
	char reason[256];
	int saved_errno = errno;

	config = *c;
	atomic_store(&running, false); /* a forked child inherits its parent's */
	session_start(&o);
	info_text("gpu_records", name[o.records]);
	if (o.records != GPU_RECORDS_FULL) {
		*ret = o.fail;
		if (config.entry_points)
			snprintf(reason, sizeof(reason), "%s", o.fail.detail);
		else
			snprintf(reason, sizeof(reason), "%s (%d): %s", o.fail.call, o.fail.code,
				 o.fail.detail);
		info_text("gpu_records_reason", reason);
	}
	errno = saved_errno;
	return o.records;
}

static bool usable(void)
{
	/* In a forked child CUPTI's threads are gone: a call may wait for them for ever. */
	return atomic_load_explicit(&running, memory_order_acquire) && emit_on();
}

void cupti_flush(bool final)
{
	size_t dropped = 0;

	graph_nodes_tell_all();
	if (!usable())
		return;
	(void)cupti_api.ActivityFlushAll(final ? CUPTI_ACTIVITY_FLAG_FLUSH_FORCED : 0);
	/* Here and not in cupti_drain(): it may wait for a lock that a stuck flush holds. */
	if (cupti_api.ActivityGetNumDroppedRecords &&
	    cupti_api.ActivityGetNumDroppedRecords(NULL, 0, &dropped) == CUPTI_SUCCESS)
		emit_lost(LOST_BY_CUPTI, dropped);
}

size_t cupti_drain(size_t max_buffers)
{
	struct buffer b;
	size_t n = 0;

	if (!atomic_load_explicit(&running, memory_order_acquire))
		return 0;
	for (; n < max_buffers && buffers_take(&b); n++) {
		records_decode(b.data, b.valid);
		buffers_recycle(&b);
	}
	if (n)
		records_settle();
	buffers_replenish();
	return n;
}

bool cupti_pending(void)
{
	return atomic_load_explicit(&running, memory_order_acquire) && buffers_pending();
}

uint64_t cupti_now(void)
{
	uint64_t now = 0;

	if (!usable() || !cupti_api.GetTimestamp || cupti_api.GetTimestamp(&now) != CUPTI_SUCCESS)
		return 0;
	return now;
}

void cupti_totals(struct cupti_totals *ret)
{
	struct records_count r;

	records_totals(&r);
	ret->launches = emit_launches();
	ret->kernels = r.kernels;
	ret->graph_runs = r.graph_runs;
	ret->modules = modules_total();
	ret->jit_compiles = r.jit_compiles;
}
