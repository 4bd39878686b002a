/*
 * The life of the simulated driver in a process: cold, ready after cuInit, dead in a
 * forked child of a ready parent, dead again once process exit has begun. cuInit calls
 * InitializeInjection() of the library that CUDA_INJECTION64_PATH names.
 */
#include "tests/sim/drv.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum drv_state { STATE_COLD, STATE_STARTING, STATE_READY, STATE_FORKED, STATE_TORN_DOWN };

static _Atomic int state = STATE_COLD;
static pthread_mutex_t init_lock = PTHREAD_MUTEX_INITIALIZER;
static __thread bool starting_here;
pthread_mutex_t drv_lock = PTHREAD_MUTEX_INITIALIZER;

CUresult drv_state_check(void)
{
	int s = atomic_load_explicit(&state, memory_order_acquire);

	if (__builtin_expect(s == STATE_READY, 1))
		return CUDA_SUCCESS;
	if (s == STATE_TORN_DOWN)
		return CUDA_ERROR_DEINITIALIZED;
	return CUDA_ERROR_NOT_INITIALIZED;
}

static void state_tear_down(void)
{
	int ready = STATE_READY;

	atomic_compare_exchange_strong(&state, &ready, STATE_TORN_DOWN);
}

void drv_state_teardown_hook(void)
{
	/*
	 * The real driver is found torn down by every atexit handler that was tried,
	 * registered before or after cuInit. So this is armed again at later milestones.
	 */
	atexit(state_tear_down);
}

static void state_after_fork(void)
{
	int ready = STATE_READY;

	atomic_compare_exchange_strong(&state, &ready, STATE_FORKED);
}

bool drv_state_was_started(void)
{
	return atomic_load(&state) != STATE_COLD;
}

static bool state_was_forked(void)
{
	return atomic_load(&state) == STATE_FORKED;
}

static uint32_t state_next_correlation(void)
{
	static _Atomic uint32_t next = 1;

	return atomic_fetch_add_explicit(&next, 1, memory_order_relaxed);
}

/* --- strings that CUPTI may point to for ever */
struct interned {
	struct interned *next;
	char text[];
};

const char *drv_intern(const char *text)
{
	static struct interned *table[1024];
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	uint32_t h = 2166136261u;
	struct interned *e;
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)text[i]) * 16777619u;
	pthread_mutex_lock(&lock);
	for (e = table[h % 1024]; e && strcmp(e->text, text); e = e->next)
		;
	if (!e && (e = malloc(sizeof(*e) + len + 1))) {
		memcpy(e->text, text, len + 1);
		e->next = table[h % 1024];
		table[h % 1024] = e;
	}
	pthread_mutex_unlock(&lock);
	return e ? e->text : "";
}

/* --- the link to libcupti */
static uint32_t link_context_uid(void *context)
{
	CUcontext ctx = context;

	return ctx ? ctx->uid : 0;
}

static int link_context_device(void *context)
{
	CUcontext ctx = context;

	return ctx ? ctx->device : 0;
}

int graph_id_of(void *graph, uint32_t *ret);
int graph_exec_id_of(void *graph_exec, uint32_t *ret);
int graph_node_id_of(void *node, uint64_t *ret);

static const uint8_t device_uuid[16] = {
	0x73, 0x69, 0x6d, 0x75, 0x6c, 0x61, 0x74, 0x65, 0x64, 0x2d, 0x64, 0x65, 0x76, 0, 0, 1,
};

struct sim_link drv_link = {
	.version = SIM_LINK_VERSION,
	.next_correlation = state_next_correlation,
	.correlation = api_correlation,
	.was_forked = state_was_forked,
	.context_uid = link_context_uid,
	.context_device = link_context_device,
	.stream_id = stream_id_of,
	.graph_id = graph_id_of,
	.graph_exec_id = graph_exec_id_of,
	.graph_node_id = graph_node_id_of,
	.device_bytes = (size_t)80 << 30,
	.device_uuid = device_uuid,
};

DRV_EXPORT struct sim_link *sim_cuda_link(void)
{
	return &drv_link;
}

__attribute__((constructor)) static void state_load(void)
{
	drv_link.device_count = (int)sim_knobs.devices;
	pthread_atfork(NULL, NULL, state_after_fork);
}

/* --- cuInit */
static void state_inject(void)
{
	const char *path = getenv("CUDA_INJECTION64_PATH");
	int (*initialize)(void);
	void *lib;

	if (!path || !*path)
		return;
	lib = dlopen(path, RTLD_NOW);
	if (!lib)
		return;
	*(void **)&initialize = dlsym(lib, "InitializeInjection");
	if (!initialize)
		return;
	atomic_fetch_add(&drv_link.injections, 1);
	(void)initialize(); /* 0 means failure; the driver goes on all the same */
}

static CUresult state_start(unsigned int flags)
{
	int s = atomic_load(&state);

	if (flags)
		return CUDA_ERROR_INVALID_VALUE;
	if (s == STATE_READY || (s == STATE_STARTING && starting_here))
		return CUDA_SUCCESS;
	if (s == STATE_FORKED)
		return CUDA_ERROR_NOT_INITIALIZED;
	if (s == STATE_TORN_DOWN)
		return CUDA_ERROR_DEINITIALIZED;
	if (sim_knobs.no_device)
		return CUDA_ERROR_NO_DEVICE;
	pthread_mutex_lock(&init_lock);
	if (atomic_load(&state) == STATE_COLD) {
		atomic_store(&state, STATE_STARTING);
		starting_here = true;
		state_inject();
		starting_here = false;
		atomic_store(&state, STATE_READY);
		drv_resource(RES_CU_INIT_FINISHED, NULL, NULL, NULL);
		drv_state_teardown_hook();
	}
	pthread_mutex_unlock(&init_lock);
	return CUDA_SUCCESS;
}

DRV_EXPORT CUresult CUDAAPI cuInit(unsigned int flags)
{
	cuInit_params p = { flags };
	struct sim_api_call call;
	CUresult r;

	/* The call that injects is itself not told of: nobody had subscribed on ENTER. */
	if (drv_state_check())
		return state_start(flags);
	r = api_enter(&call, CUPTI_DRIVER_TRACE_CBID_cuInit, "cuInit", &p, NULL, false);
	return api_exit(&call, r ? r : state_start(flags));
}
