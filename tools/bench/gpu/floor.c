/*
 * floor: what CUPTI itself costs. Loaded by the driver through CUDA_INJECTION64_PATH it enables the CUPTI
 * features that $FLOOR names and throws everything away: callbacks return at once, buffers go back unread.
 *
 *   FLOOR=churn | graph | node    what jitness enables at that level
 *   FLOOR=WORD+WORD...            of: sub, launch, waits, load, lookup, graphs, capture, module, resource, kernel,
 *                                 copies, trace, jit, overhead, device, context, sync; flush: every 200 ms;
 *                                 unsub, final: give the subscription back, finalize CUPTI
 *
 * Buffers come from a pool that was touched before, as jitness's do: 64 KiB each.
 */
#define _GNU_SOURCE
#include <cupti.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cupti/calls.h"

#define BUFFER  (64u << 10)
#define BUFFERS 1024u

static uint8_t *pool;
static _Atomic uint32_t taken[BUFFERS / 32];

static void requested(uint8_t **buf, size_t *size, size_t *max)
{
	*max = 0;
	*size = BUFFER;
	for (unsigned i = 0; i < BUFFERS; i++) {
		uint32_t bit = 1u << (i & 31);

		if (!(atomic_fetch_or(&taken[i / 32], bit) & bit)) {
			*buf = pool + (size_t)i * BUFFER;
			return;
		}
	}
	*buf = NULL;
	*size = 0;
}

static void completed(CUcontext ctx, uint32_t stream, uint8_t *buf, size_t size, size_t valid)
{
	size_t i = (size_t)(buf - pool) / BUFFER;

	(void)ctx, (void)stream, (void)size, (void)valid;
	if (buf)
		atomic_fetch_and(&taken[i / 32], ~(1u << (i & 31)));
}

static void callback(void *user, CUpti_CallbackDomain domain, CUpti_CallbackId id, const void *data)
{
	(void)user, (void)domain, (void)id, (void)data;
}

static void *flush(void *arg)
{
	(void)arg;
	for (;;) {
		usleep(200000);
		cuptiActivityFlushAll(0);
	}
	return NULL;
}

static const char *spec;

static int wants(const char *word)
{
	size_t n = strlen(word);

	for (const char *p = spec; (p = strstr(p, word)); p += n)
		if ((p == spec || p[-1] == '+') && (p[n] == '+' || !p[n]))
			return 1;
	return 0;
}

static void kind(const char *word, CUpti_ActivityKind k)
{
	if (wants(word) && cuptiActivityEnable(k) != CUPTI_SUCCESS)
		fprintf(stderr, "floor: kind %d refused\n", (int)k);
}

int InitializeInjection(void)
{
	static const struct {
		const char *word;
		enum call_class class;
	} classes[] = {
		{ "launch", CALL_LAUNCH },	   { "load", CALL_LOAD },
		{ "lookup", CALL_LOOKUP },	   { "graphs", CALL_GRAPH },
		{ "graphs", CALL_SET_NODE },
		{ "capture", CALL_CAPTURE_BEGIN }, { "capture", CALL_CAPTURE_END },
		{ "waits", CALL_SYNC },
	};
	static const CUpti_CallbackId resource[] = {
		CUPTI_CBID_RESOURCE_MODULE_LOADED, CUPTI_CBID_RESOURCE_MODULE_UNLOAD_STARTING,
		CUPTI_CBID_RESOURCE_CONTEXT_CREATED, CUPTI_CBID_RESOURCE_CONTEXT_DESTROY_STARTING,
		CUPTI_CBID_RESOURCE_STREAM_CREATED, CUPTI_CBID_RESOURCE_STREAM_DESTROY_STARTING,
		CUPTI_CBID_RESOURCE_GRAPHEXEC_DESTROY_STARTING,
	};
#define EVERY "sub+load+lookup+graphs+capture+module+resource+jit+overhead+device+context+flush"
	CUpti_SubscriberHandle s = NULL;
	pthread_t thread;

	spec = getenv("FLOOR");
	if (!spec || !*spec)
		return 1;
	if (!strcmp(spec, "churn"))
		spec = EVERY;
	else if (!strcmp(spec, "graph"))
		spec = EVERY "+launch+waits+kernel+copies+trace";
	else if (!strcmp(spec, "node"))
		spec = EVERY "+launch+waits+kernel+copies";
	pool = mmap(NULL, (size_t)BUFFER * BUFFERS, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (wants("sub") && cuptiSubscribe(&s, callback, NULL) != CUPTI_SUCCESS)
		fprintf(stderr, "floor: cannot subscribe\n");
	cuptiActivityRegisterCallbacks(requested, completed);
	for (CUpti_CallbackId id = 1; s && id < CUPTI_DRIVER_TRACE_CBID_SIZE; id++)
		for (unsigned i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
			if (call_of(id) && call_of(id)->class == classes[i].class &&
			    wants(classes[i].word))
				cuptiEnableCallback(1, s, CUPTI_CB_DOMAIN_DRIVER_API, id);
	for (unsigned i = 0; s && i < sizeof(resource) / sizeof(resource[0]); i++)
		if (wants(i ? "resource" : "module"))
			cuptiEnableCallback(1, s, CUPTI_CB_DOMAIN_RESOURCE, resource[i]);
	kind("overhead", CUPTI_ACTIVITY_KIND_OVERHEAD);
	kind("jit", CUPTI_ACTIVITY_KIND_JIT);
	kind("device", CUPTI_ACTIVITY_KIND_DEVICE);
	kind("context", CUPTI_ACTIVITY_KIND_CONTEXT);
	kind("sync", CUPTI_ACTIVITY_KIND_SYNCHRONIZATION);
	kind("copies", CUPTI_ACTIVITY_KIND_MEMCPY);
	kind("copies", CUPTI_ACTIVITY_KIND_MEMCPY2);
	kind("copies", CUPTI_ACTIVITY_KIND_MEMSET);
	kind("kernel", CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL);
	kind("trace", CUPTI_ACTIVITY_KIND_GRAPH_TRACE);
	if (s && wants("unsub"))
		cuptiUnsubscribe(s);
	if (wants("final"))
		cuptiFinalize();
	if (wants("flush") && !pthread_create(&thread, NULL, flush, NULL))
		pthread_detach(thread);
	return 1;
}
