/*
 * A minimal CUPTI client, injected by CUDA_INJECTION64_PATH: what the self-test looks
 * through. It works with the real CUPTI as well, so both can be compared.
 *
 * INJECT_KINDS=10,1,2     activity kinds to enable
 * INJECT_CBIDS=1:307,3:6  callbacks to enable, domain:cbid (domain:0 is the whole domain)
 * INJECT_OUT=FILE         counts, one "name value" per line, written at exit
 * INJECT_VERBOSE=1        every record and callback on stderr
 * INJECT_BAD=1            misbehave: flush inside a resource callback
 * INJECT_FLUSH_MS=N       a thread that flushes every N ms and says what has arrived
 * INJECT_NEST=1           call the driver from within the callback of a launch
 */
#include <cupti.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CALLS(X)                                                                      \
	X(Subscribe) X(EnableCallback) X(EnableDomain) X(ActivityRegisterCallbacks)   \
	X(ActivityEnable) X(ActivityFlushAll) X(ActivityGetNextRecord) X(GetGraphId)  \
	X(ActivityGetNumDroppedRecords) X(GetVersion) X(GetGraphExecId) X(SetThreadIdType) \
	X(GetGraphNodeId)

static struct {
#define X(name) __typeof__(&cupti##name) name;
	CALLS(X)
#undef X
} api;

enum { BUFFER_BYTES = 1 << 20, KINDS = 64 };

static _Atomic unsigned long records[KINDS], bad_times, dropped, enters, exits, resources[32];
static _Atomic unsigned long no_correlation, elf_modules, cbid_calls[1024], buffers;
static CUpti_SubscriberHandle subscriber;
static int subscribe_result, verbose, bad, nest, init_calls;
static uint32_t version;

static void on_request(uint8_t **buffer, size_t *size, size_t *max)
{
	*buffer = aligned_alloc(64, BUFFER_BYTES);
	*size = *buffer ? BUFFER_BYTES : 0;
	*max = 0;
	if (verbose)
		fprintf(stderr, "request on thread %d\n", (int)gettid());
}

static void note_times(uint64_t start, uint64_t end, uint32_t correlation)
{
	if (!start || !end || end < start)
		atomic_fetch_add(&bad_times, 1);
	if (!correlation)
		atomic_fetch_add(&no_correlation, 1);
}

static void note_record(CUpti_Activity *r)
{
	const CUpti_ActivityKernel4 *k = (const void *)r;
	const CUpti_ActivityMemcpy *m = (const void *)r;

	if ((unsigned int)r->kind < KINDS)
		atomic_fetch_add(&records[r->kind], 1);
	if (r->kind == CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL)
		note_times(k->start, k->end, k->correlationId);
	if (r->kind == CUPTI_ACTIVITY_KIND_MEMCPY)
		note_times(m->start, m->end, m->correlationId);
	if (!verbose)
		return;
	if (r->kind == CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL) {
		const CUpti_ActivityKernel9 *k9 = (const void *)r;

		fprintf(stderr, "kernel %s corr %u ctx %u stream %u start %llu end %llu graph %u "
				"node %llx\n", k9->name, k9->correlationId, k9->contextId,
			k9->streamId, (unsigned long long)k9->start, (unsigned long long)k9->end,
			k9->graphId, (unsigned long long)k9->graphNodeId);
	} else if (r->kind == CUPTI_ACTIVITY_KIND_JIT) {
		const CUpti_ActivityJit2 *j = (const void *)r;

		fprintf(stderr, "jit entry %d op %d corr %u opcorr %llu ns %llu size %llu "
				"path %s\n",
			(int)j->jitEntryType, (int)j->jitOperationType, j->correlationId,
			(unsigned long long)j->jitOperationCorrelationId,
			(unsigned long long)(j->end - j->start), (unsigned long long)j->cacheSize,
			j->cachePath ? j->cachePath : "-");
	} else if (r->kind == CUPTI_ACTIVITY_KIND_GRAPH_TRACE) {
		const CUpti_ActivityGraphTrace2 *g = (const void *)r;

		fprintf(stderr, "graph trace corr %u graph %u ctx %u stream %u\n", g->correlationId,
			g->graphId, g->contextId, g->streamId);
	} else if (r->kind == CUPTI_ACTIVITY_KIND_OVERHEAD) {
		const CUpti_ActivityOverhead3 *o = (const void *)r;

		fprintf(stderr, "overhead kind %x ns %llu corr %u\n", (unsigned int)o->overheadKind,
			(unsigned long long)(o->end - o->start), o->correlationId);
	} else if (r->kind == CUPTI_ACTIVITY_KIND_SYNCHRONIZATION) {
		const CUpti_ActivitySynchronization2 *s = (const void *)r;

		fprintf(stderr, "sync type %d ctx %u stream %u event %u corr %u\n", (int)s->type,
			s->contextId, s->streamId, s->cudaEventId, s->correlationId);
	} else if (r->kind == CUPTI_ACTIVITY_KIND_MEMCPY) {
		const CUpti_ActivityMemcpy5 *c = (const void *)r;

		fprintf(stderr, "memcpy kind %u src %u dst %u flags %u bytes %llu corr %u "
				"stream %u graph %u node %llx\n", c->copyKind,
			c->srcKind, c->dstKind, c->flags, (unsigned long long)c->bytes,
			c->correlationId, c->streamId, c->graphId,
			(unsigned long long)c->graphNodeId);
	} else {
		fprintf(stderr, "record kind %d\n", (int)r->kind);
	}
}

static void on_complete(CUcontext ctx, uint32_t stream, uint8_t *buffer, size_t size, size_t valid)
{
	CUpti_Activity *r = NULL;
	size_t lost = 0;

	(void)size;
	atomic_fetch_add(&buffers, 1);
	if (verbose)
		fprintf(stderr, "complete on thread %d, %zu bytes\n", (int)gettid(), valid);
	while (valid && !api.ActivityGetNextRecord(buffer, valid, &r))
		note_record(r);
	if (!api.ActivityGetNumDroppedRecords(ctx, stream, &lost))
		atomic_fetch_add(&dropped, lost);
	free(buffer);
}

static void note_graph(CUpti_CallbackId cbid, const CUpti_GraphData *g)
{
	uint32_t graph = 0, original = 0, exec = 0;
	uint64_t node = 0, from = 0;

	if (!g)
		return;
	if (g->graph)
		api.GetGraphId(g->graph, &graph);
	if (g->originalGraph)
		api.GetGraphId(g->originalGraph, &original);
	if (g->graphExec)
		api.GetGraphExecId(g->graphExec, &exec);
	if (g->node)
		api.GetGraphNodeId(g->node, &node);
	if (g->originalNode)
		api.GetGraphNodeId(g->originalNode, &from);
	fprintf(stderr, "resource %u graph %u original %u exec %u node %llx from %llx type %d "
			"(exec %p)\n", cbid, graph, original, exec, (unsigned long long)node,
		(unsigned long long)from, (int)g->nodeType, (void *)g->graphExec);
}

static void note_resource(CUpti_CallbackId cbid, const CUpti_ResourceData *data)
{
	/* CU_INIT_FINISHED comes without data. */
	const CUpti_ModuleResourceData *m = data ? data->resourceDescriptor : NULL;

	atomic_fetch_add(&resources[cbid < 32 ? cbid : 0], 1);
	if (cbid == CUPTI_CBID_RESOURCE_MODULE_LOADED && m && m->cubinSize > 64 &&
	    !memcmp(m->pCubin, "\177ELF", 4))
		atomic_fetch_add(&elf_modules, 1);
	if (bad)
		(void)api.ActivityFlushAll(0);
	if (!verbose)
		return;
	if (cbid == CUPTI_CBID_RESOURCE_MODULE_LOADED && m)
		fprintf(stderr, "resource %u module %u bytes %zu\n", cbid, m->moduleId,
			m->cubinSize);
	else if (data && cbid >= CUPTI_CBID_RESOURCE_GRAPH_CREATED)
		note_graph(cbid, data->resourceDescriptor);
	else
		fprintf(stderr, "resource %u%s\n", cbid, data ? "" : " without data");
}

static void on_callback(void *user, CUpti_CallbackDomain domain, CUpti_CallbackId cbid,
			const void *raw)
{
	const CUpti_CallbackData *data = raw;

	(void)user;
	if (domain == CUPTI_CB_DOMAIN_RESOURCE) {
		note_resource(cbid, raw);
		return;
	}
	if (domain != CUPTI_CB_DOMAIN_DRIVER_API)
		return;
	if (data->callbackSite == CUPTI_API_ENTER) {
		atomic_fetch_add(&enters, 1);
		*data->correlationData = data->correlationId * 7ull;
	} else {
		atomic_fetch_add(&exits, 1);
		if (*data->correlationData != data->correlationId * 7ull)
			abort();
		if (cbid < 1024)
			atomic_fetch_add(&cbid_calls[cbid], 1);
	}
	if (nest && cbid == CUPTI_DRIVER_TRACE_CBID_cuLaunchKernel) {
		int (*get)(int *);
		int device;

		*(void **)&get = dlsym(RTLD_DEFAULT, "cuCtxGetDevice");
		if (get)
			(void)get(&device);
	}
	if (verbose)
		fprintf(stderr, "callback %s %s corr %u ctx %u symbol %s\n",
			data->callbackSite ? "exit" : "enter", data->functionName,
			data->correlationId, data->contextUid,
			data->symbolName ? data->symbolName : "-");
}

static void write_out(void)
{
	const char *path = getenv("INJECT_OUT");
	FILE *f = path ? fopen(path, "we") : NULL;

	if (!f)
		return;
	fprintf(f, "init %d\nversion %u\nsubscribe %d\nbad_times %lu\ndropped %lu\nenters %lu\n"
		   "exits %lu\nno_correlation %lu\nelf_modules %lu\nbuffers %lu\n", init_calls,
		version, subscribe_result, bad_times, dropped, enters, exits, no_correlation,
		elf_modules, buffers);
	for (int i = 0; i < KINDS; i++)
		if (records[i])
			fprintf(f, "kind%d %lu\n", i, records[i]);
	for (int i = 0; i < 32; i++)
		if (resources[i])
			fprintf(f, "resource%d %lu\n", i, resources[i]);
	for (int i = 0; i < 1024; i++)
		if (cbid_calls[i])
			fprintf(f, "cbid%d %lu\n", i, cbid_calls[i]);
	fclose(f);
}

static void at_exit(void)
{
	int r;

	if (verbose)
		fprintf(stderr, "exit on thread %d\n", (int)gettid());
	r = api.ActivityFlushAll(0);
	if (verbose)
		fprintf(stderr, "exit flush %d\n", r);
	(void)api.ActivityFlushAll(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED);
	write_out();
}

static void enable_kinds(const char *list)
{
	while (list && *list) {
		int kind = atoi(list);
		CUptiResult r = api.ActivityEnable((CUpti_ActivityKind)kind);

		if (verbose)
			fprintf(stderr, "enable kind %d: %d\n", kind, (int)r);
		list = strchr(list, ',');
		list += list != NULL;
	}
}

static void enable_callbacks(const char *list)
{
	while (list && *list) {
		unsigned int domain = 0, cbid = 0;
		CUptiResult r;

		sscanf(list, "%u:%u", &domain, &cbid);
		r = cbid ? api.EnableCallback(1, subscriber, (CUpti_CallbackDomain)domain, cbid) :
			   api.EnableDomain(1, subscriber, (CUpti_CallbackDomain)domain);
		if (verbose)
			fprintf(stderr, "enable %u:%u: %d\n", domain, cbid, (int)r);
		list = strchr(list, ',');
		list += list != NULL;
	}
}

static void *flush_now_and_then(void *ms)
{
	for (;;) {
		int r;

		usleep(1000 * (unsigned int)(size_t)ms);
		r = api.ActivityFlushAll(0);
		fprintf(stderr, "flush %d: %lu kernel records of %lu launches\n", r,
			records[CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL], exits);
	}
	return NULL;
}

static void start_flushing(const char *ms)
{
	pthread_t t;

	if (ms && !pthread_create(&t, NULL, flush_now_and_then, (void *)(size_t)atoi(ms)))
		pthread_detach(t);
}

__attribute__((visibility("default"))) int InitializeInjection(void);
int InitializeInjection(void)
{
	void *lib = dlopen("libcupti.so.13", RTLD_NOW);

	init_calls++;
	verbose = getenv("INJECT_VERBOSE") != NULL;
	bad = getenv("INJECT_BAD") != NULL;
	nest = getenv("INJECT_NEST") != NULL;
	if (!lib) {
		fprintf(stderr, "inject: %s\n", dlerror());
		return 0;
	}
#define X(name) api.name = (__typeof__(api.name))dlsym(lib, "cupti" #name);
	CALLS(X)
#undef X
	api.GetVersion(&version);
	subscribe_result = (int)api.Subscribe(&subscriber, on_callback, NULL);
	atexit(at_exit);
	if (subscribe_result)
		return 0;
	api.SetThreadIdType(CUPTI_ACTIVITY_THREAD_ID_TYPE_SYSTEM);
	api.ActivityRegisterCallbacks(on_request, on_complete);
	enable_kinds(getenv("INJECT_KINDS"));
	enable_callbacks(getenv("INJECT_CBIDS"));
	start_flushing(getenv("INJECT_FLUSH_MS"));
	return 1;
}
