/*
 * count_inject: a second opinion. Loaded by the CUDA driver through
 * CUDA_INJECTION64_PATH it counts the records CUPTI delivers, and nothing else;
 * at exit it writes one JSON object per process to $COUNT_OUT.<pid>.
 * COUNT_GRAPH=1 counts graph replays whole (GRAPH_TRACE) instead of their nodes.
 * Shares no code with the tracer on purpose.
 */
#define _GNU_SOURCE
#include <cupti.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static __typeof__(&cuptiActivityGetNextRecord) next_record;
static __typeof__(&cuptiActivityFlushAll) flush_all;
static __typeof__(&cuptiActivityGetNumDroppedRecords) num_dropped;
static unsigned long kernels, graph_kernels, memcpys, memsets, graph_nodes_other, graphs, bad_times, dropped;
static unsigned long modules, jit_compiles, jit_loads, errors;
static pid_t owner;

static void requested(uint8_t **buf, size_t *size, size_t *max)
{
	*size = 1 << 20;
	*max = 0;
	*buf = aligned_alloc(16, *size);
}

static void add(unsigned long *n)
{
	__atomic_add_fetch(n, 1, __ATOMIC_RELAXED);
}

static void complete(CUcontext ctx, uint32_t stream, uint8_t *buf, size_t size, size_t valid)
{
	CUpti_Activity *a = NULL;
	size_t n = 0;
	(void)size;
	while (valid && next_record(buf, valid, &a) == CUPTI_SUCCESS) {
		switch ((int)a->kind) {
		case CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL: {
			CUpti_ActivityKernel9 *k = (void *)a;
			add(k->graphId ? &graph_kernels : &kernels);
			if (!k->start || k->end < k->start)
				add(&bad_times);
			break;
		}
		case CUPTI_ACTIVITY_KIND_MEMCPY:
			add(((CUpti_ActivityMemcpy5 *)a)->graphId ? &graph_nodes_other : &memcpys);
			break;
		case CUPTI_ACTIVITY_KIND_MEMCPY2:
			add(&memcpys);
			break;
		case CUPTI_ACTIVITY_KIND_MEMSET:
			add(((CUpti_ActivityMemset4 *)a)->graphId ? &graph_nodes_other : &memsets);
			break;
		case CUPTI_ACTIVITY_KIND_GRAPH_TRACE:
			add(&graphs);
			break;
		case CUPTI_ACTIVITY_KIND_JIT: {
			int op = ((CUpti_ActivityJit *)a)->jitOperationType;
			if (op == CUPTI_ACTIVITY_JIT_OPERATION_COMPILE)
				add(&jit_compiles);
			if (op == CUPTI_ACTIVITY_JIT_OPERATION_CACHE_LOAD)
				add(&jit_loads);
			break;
		}
		}
	}
	if (num_dropped(ctx, stream, &n) == CUPTI_SUCCESS)
		__atomic_add_fetch(&dropped, n, __ATOMIC_RELAXED);
	free(buf);
}

static void callback(void *user, CUpti_CallbackDomain domain, CUpti_CallbackId id, const void *data)
{
	(void)user, (void)data;
	if (domain == CUPTI_CB_DOMAIN_RESOURCE && id == CUPTI_CBID_RESOURCE_MODULE_LOADED)
		add(&modules);
}

static void finish(void)
{
	char path[4096];
	const char *base = getenv("COUNT_OUT");
	FILE *f;

	if (getpid() != owner) /* a forked child must not touch CUPTI */
		return;
	flush_all(0);
	flush_all(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED);
	snprintf(path, sizeof(path), "%s.%d", base ? base : "/tmp/count", (int)owner);
	f = fopen(path, "w");
	if (!f)
		return;
	fprintf(f, "{\"pid\": %d, \"kernels\": %lu, \"graph_kernels\": %lu, \"memcpys\": %lu, \"memsets\": %lu, "
		"\"graph_other\": %lu, \"graph_launches\": %lu, \"modules\": %lu, \"jit_compiles\": %lu, "
		"\"jit_loads\": %lu, \"bad_times\": %lu, \"dropped\": %lu, \"errors\": %lu}\n", (int)owner,
		kernels, graph_kernels, memcpys, memsets, graph_nodes_other, graphs, modules, jit_compiles,
		jit_loads, bad_times, dropped, errors);
	fclose(f);
}

int InitializeInjection(void);
int InitializeInjection(void)
{
	static const int kinds[] = { CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL, CUPTI_ACTIVITY_KIND_MEMCPY,
		CUPTI_ACTIVITY_KIND_MEMCPY2, CUPTI_ACTIVITY_KIND_MEMSET, CUPTI_ACTIVITY_KIND_JIT };
	const char *lib = getenv("COUNT_CUPTI");
	void *h = dlopen("libcupti.so.13", RTLD_NOW | RTLD_NOLOAD); /* the copy the program has, if any */
	CUpti_SubscriberHandle sub;

	if (!h && lib && *lib)
		h = dlopen(lib, RTLD_NOW | RTLD_GLOBAL);
	if (!h)
		h = dlopen("libcupti.so.13", RTLD_NOW | RTLD_GLOBAL);
	if (!h) {
		fprintf(stderr, "count_inject: %s\n", dlerror());
		return 1;
	}
	__typeof__(&cuptiSubscribe) subscribe = (__typeof__(subscribe))dlsym(h, "cuptiSubscribe");
	__typeof__(&cuptiEnableCallback) enable_cb = (__typeof__(enable_cb))dlsym(h, "cuptiEnableCallback");
	__typeof__(&cuptiActivityEnable) enable = (__typeof__(enable))dlsym(h, "cuptiActivityEnable");
	__typeof__(&cuptiActivityRegisterCallbacks) reg =
		(__typeof__(reg))dlsym(h, "cuptiActivityRegisterCallbacks");
	next_record = (__typeof__(next_record))dlsym(h, "cuptiActivityGetNextRecord");
	flush_all = (__typeof__(flush_all))dlsym(h, "cuptiActivityFlushAll");
	num_dropped = (__typeof__(num_dropped))dlsym(h, "cuptiActivityGetNumDroppedRecords");
	if (!subscribe || !enable_cb || !enable || !reg || !next_record || !flush_all || !num_dropped)
		return 1;
	if (subscribe(&sub, callback, NULL) != CUPTI_SUCCESS) {
		fprintf(stderr, "count_inject: cuptiSubscribe failed\n");
		return 1;
	}
	errors += enable_cb(1, sub, CUPTI_CB_DOMAIN_RESOURCE, CUPTI_CBID_RESOURCE_MODULE_LOADED) != 0;
	errors += reg(requested, complete) != 0;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		errors += enable(kinds[i]) != 0 && kinds[i] != CUPTI_ACTIVITY_KIND_MEMCPY2;
	if (getenv("COUNT_GRAPH"))
		errors += enable(CUPTI_ACTIVITY_KIND_GRAPH_TRACE) != 0;
	owner = getpid();
	atexit(finish);
	return 1;
}
