/*
 * Finding the simulated libcuda, and what every CUPTI call asks first: is there a
 * driver, are we in a forked child, does another copy of CUPTI hold the process, was an
 * error asked for.
 */
#include "tests/sim/sc.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct sc_state sc = { .is_per_thread = true };
__thread int sc_in_resource, sc_in_buffer;
struct sc_thread *sc_threads;
pthread_mutex_t sc_threads_lock = PTHREAD_MUTEX_INITIALIZER;

static __thread struct sc_thread *thread_here;
static pthread_key_t thread_key;

static bool link_in_resource(void)
{
	return sc_in_resource > 0;
}

static const struct sim_tracer tracer = {
	.api = callback_api,
	.resource = callback_resource,
	.synchronized = callback_synchronized,
	.op = record_op,
	.jit = record_jit,
	.sync = record_sync,
	.overhead = record_overhead,
	.context = record_context,
	.stream = record_stream,
	.in_resource_callback = link_in_resource,
};

struct sim_link *sc_link(void)
{
	static _Atomic(struct sim_link *) found;
	struct sim_link *(*get)(void);
	struct sim_link *link = atomic_load_explicit(&found, memory_order_acquire);
	void *lib;

	if (link)
		return link;
	lib = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_NOLOAD);
	if (!lib)
		return NULL;
	*(void **)&get = dlsym(lib, "sim_cuda_link");
	link = get ? get() : NULL;
	if (!link || link->version != SIM_LINK_VERSION) {
		dlclose(lib);
		return NULL;
	}
	atomic_store_explicit(&found, link, memory_order_release);
	return link;
}

void sc_violation(enum sc_violation v)
{
	atomic_fetch_add(&sc.violations[v], 1);
}

bool sc_api_since(uint64_t version)
{
	return sim_knobs.cupti_api >= version;
}

/* JITNESS_SIM_FAIL: function[:kind]=code, separated by commas. 0: not asked for. */
static CUptiResult forced_error(const char *function, long kind)
{
	const char *at = sim_knobs.fail;
	size_t len = strlen(function);

	for (; at && *at; at = strchr(at, ','), at += at != NULL) {
		const char *rest = at + len;
		long wanted = -1;
		char *end;

		if (strncmp(at, function, len))
			continue;
		if (*rest == ':') {
			wanted = strtol(rest + 1, &end, 10);
			rest = end;
		}
		if (*rest == '=' && (wanted < 0 || wanted == kind))
			return (CUptiResult)strtol(rest + 1, NULL, 10);
	}
	return CUPTI_SUCCESS;
}

CUptiResult sc_enter(const char *function, long kind)
{
	struct sim_link *link = sc_link();

	if (!link)
		return CUPTI_ERROR_UNKNOWN;
	if (link->was_forked())
		sc_violation(SC_V_call_in_forked_child);
	return forced_error(function, kind);
}

CUptiResult sc_enter_activity(const char *function, long kind)
{
	CUptiResult r = sc_enter(function, kind);
	const void *owner;

	if (r)
		return r;
	owner = atomic_load(&sc_link()->owner);
	if ((owner && owner != &sc) || sim_knobs.subscribed)
		return CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED;
	/* Records may flow without a subscriber: be the tracer unless somebody is. */
	if (!atomic_load(&sc_link()->tracer))
		atomic_store(&sc_link()->tracer, &tracer);
	return CUPTI_SUCCESS;
}

/* Once, ever, whichever copy of libcupti asks: measured on the real one. */
bool sc_take_ownership(void)
{
	const void *nobody = NULL;

	if (!atomic_compare_exchange_strong(&sc_link()->owner, &nobody, &sc))
		return false;
	atomic_store(&sc_link()->tracer, &tracer);
	return true;
}

/* --- threads */
static void thread_ended(void *thread)
{
	buffer_thread_ends(thread);
}

__attribute__((constructor)) static void link_load(void)
{
	pthread_key_create(&thread_key, thread_ended);
}

struct sc_thread *sc_thread(void)
{
	struct sc_thread *t = thread_here;

	if (t)
		return t;
	t = calloc(1, sizeof(*t));
	if (!t)
		abort();
	pthread_mutex_init(&t->lock, NULL);
	t->tid = (uint32_t)syscall(SYS_gettid);
	pthread_mutex_lock(&sc_threads_lock);
	t->next = sc_threads;
	sc_threads = t;
	pthread_mutex_unlock(&sc_threads_lock);
	thread_here = t;
	pthread_setspecific(thread_key, t);
	return t;
}

uint32_t sc_tid(void)
{
	return atomic_load_explicit(&sc.has_system_tid, memory_order_relaxed) ?
		       sc_thread()->tid : (uint32_t)(uintptr_t)pthread_self();
}
