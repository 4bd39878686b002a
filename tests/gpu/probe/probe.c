/*
 * probe: an injection library that asks the real driver and CUPTI the questions
 * the headers do not answer. Loaded through CUDA_INJECTION64_PATH; probe.cu drives
 * it through the probe_* functions. Prints `fact:` lines. Not part of the tracer.
 */
#define _GNU_SOURCE
#include <cuda.h>
#include <cupti.h>
#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CALLS(X)                                                               \
	X(Subscribe_v2) X(EnableCallback) X(EnableDomain) X(GetCallbackName)   \
	X(ActivityRegisterCallbacks) X(ActivityEnable) X(ActivityFlushAll)     \
	X(ActivityGetNextRecord) X(ActivityGetNumDroppedRecords)               \
	X(ActivitySetAttribute) X(ActivityGetAttribute) X(GetVersion)          \
	X(GetTimestamp) X(SetThreadIdType) X(GetGraphId) X(GetGraphExecId)     \
	X(GetGraphNodeId)
#define DRIVER(X)                                                              \
	X(cuGraphGetNodes) X(cuGraphNodeGetType) X(cuGraphKernelNodeGetParams_v2) \
	X(cuFuncGetName) X(cuKernelGetName) X(cuKernelGetLibrary)              \
	X(cuGraphChildGraphNodeGetGraph) X(cuFuncGetModule) X(cuKernelGetFunction) \
	X(cuLibraryGetModule)
static struct {
#define X(n) __typeof__(&cupti##n) n;
	CALLS(X)
#undef X
} cupti;
static struct {
#define X(n) __typeof__(&n) n;
	DRIVER(X)
#undef X
} drv;

enum { SET_NONE, SET_RUNTIME, SET_DRIVER, SET_BOTH, SET_ALL };
#define BUF_BYTES (1 << 20)
#define RECORDS 65536

static CUpti_SubscriberHandle subscriber;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char text[1 << 16]; /* what callbacks saw since the last probe_take() */
static size_t text_len;
static int logging, graph_queries, module_queries;
static __thread int inside;
static __thread char stack[1024]; /* API calls this thread is in */
static unsigned long callbacks, requests, completed, records_total, kernels_total;
static long request_tids[64];
static unsigned long request_counts[64];
static void *pool[256];
static int pool_n;
static struct rec {
	unsigned kind, corr, graph, stream;
	unsigned long long start, end, node, seen;
	char name[24];
} recs[RECORDS];
static unsigned n_recs;
static CUlibrary last_library;
static const void *last_func;

static unsigned long long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void say(const char *fmt, ...)
{
	va_list ap;
	pthread_mutex_lock(&lock);
	va_start(ap, fmt);
	int n = vsnprintf(text + text_len, sizeof(text) - text_len, fmt, ap);
	va_end(ap);
	if (n > 0)
		text_len = text_len + n < sizeof(text) ? text_len + n : sizeof(text) - 1;
	pthread_mutex_unlock(&lock);
}

static void CUPTIAPI buffer_requested(uint8_t **buf, size_t *size, size_t *max)
{
	long tid = syscall(SYS_gettid);
	pthread_mutex_lock(&lock);
	requests++;
	for (int i = 0; i < 64; i++)
		if (!request_tids[i] || request_tids[i] == tid) {
			request_tids[i] = tid;
			request_counts[i]++;
			break;
		}
	*buf = pool_n ? pool[--pool_n] : NULL;
	pthread_mutex_unlock(&lock);
	if (!*buf)
		*buf = aligned_alloc(4096, BUF_BYTES);
	*size = BUF_BYTES;
	*max = 0;
}

static const char *short_name(const char *s)
{
	return s ? s : "?";
}

static void CUPTIAPI buffer_completed(CUcontext ctx, uint32_t stream, uint8_t *buf, size_t size,
				      size_t valid)
{
	CUpti_Activity *a = NULL;
	unsigned long long t = now();
	(void)ctx, (void)stream, (void)size;
	pthread_mutex_lock(&lock);
	completed++;
	while (cupti.ActivityGetNextRecord(buf, valid, &a) == CUPTI_SUCCESS) {
		struct rec r = { .kind = a->kind, .seen = t };
		records_total++;
		if (a->kind == CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL) {
			CUpti_ActivityKernel10 *k = (void *)a;
			kernels_total++;
			r.corr = k->correlationId, r.graph = k->graphId, r.node = k->graphNodeId;
			r.start = k->start, r.end = k->end, r.stream = k->streamId;
			snprintf(r.name, sizeof(r.name), "%s", short_name(k->name));
		} else if (a->kind == CUPTI_ACTIVITY_KIND_MEMCPY) {
			CUpti_ActivityMemcpy6 *k = (void *)a;
			r.corr = k->correlationId, r.graph = k->graphId, r.node = k->graphNodeId;
			r.start = k->start, r.end = k->end;
			strcpy(r.name, "memcpy");
		} else if (a->kind == CUPTI_ACTIVITY_KIND_MEMSET) {
			CUpti_ActivityMemset4 *k = (void *)a;
			r.corr = k->correlationId, r.graph = k->graphId, r.node = k->graphNodeId;
			r.start = k->start, r.end = k->end;
			strcpy(r.name, "memset");
		} else if (a->kind == CUPTI_ACTIVITY_KIND_GRAPH_TRACE) {
			CUpti_ActivityGraphTrace2 *k = (void *)a;
			r.corr = k->correlationId, r.graph = k->graphId, r.stream = k->streamId;
			r.start = k->start, r.end = k->end;
			strcpy(r.name, "GRAPH_TRACE");
		} else {
			snprintf(r.name, sizeof(r.name), "kind%u", a->kind);
		}
		if (n_recs < RECORDS)
			recs[n_recs++] = r;
	}
	if (pool_n < 256)
		pool[pool_n++] = buf;
	pthread_mutex_unlock(&lock);
}

/* Every node of a graph, recursively, as kernels see it. */
static void list_nodes(CUgraph g, int depth)
{
	CUgraphNode nodes[64];
	size_t n = 0;
	CUresult rc = drv.cuGraphGetNodes(g, NULL, &n);
	say("|%*s  cuGraphGetNodes(count) rc=%d n=%zu", depth, "", rc, n);
	if (n > 64)
		n = 64;
	if (rc || !n || (rc = drv.cuGraphGetNodes(g, nodes, &n))) {
		say("|  cuGraphGetNodes rc=%d", rc);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		CUgraphNodeType type = -1;
		uint64_t id = 0;
		int rid = cupti.GetGraphNodeId(nodes[i], &id);
		rc = drv.cuGraphNodeGetType(nodes[i], &type);
		say("|%*s  node%zu type rc=%d type=%d cuptiGetGraphNodeId rc=%d id=0x%llx", depth, "",
		    i, rc, type, rid, (unsigned long long)id);
		if (type == CU_GRAPH_NODE_TYPE_KERNEL) {
			CUDA_KERNEL_NODE_PARAMS p;
			const char *fn = NULL, *kn = NULL;
			int rf = -1, rk = -1;
			memset(&p, 0, sizeof(p));
			rc = drv.cuGraphKernelNodeGetParams_v2(nodes[i], &p);
			if (!rc && p.func)
				rf = drv.cuFuncGetName(&fn, p.func);
			if (!rc && p.kern)
				rk = drv.cuKernelGetName(&kn, p.kern);
			say(" params_v2 rc=%d func=%p kern=%p ctx=%p grid=%u cuFuncGetName rc=%d %s "
			    "cuKernelGetName rc=%d %s", rc, (void *)p.func, (void *)p.kern,
			    (void *)p.ctx, p.gridDimX, rf, fn ? fn : "-", rk, kn ? kn : "-");
		} else if (type == CU_GRAPH_NODE_TYPE_GRAPH) {
			CUgraph child = NULL;
			rc = drv.cuGraphChildGraphNodeGetGraph(nodes[i], &child);
			uint32_t cid = 0;
			int rg = child ? cupti.GetGraphId(child, &cid) : -1;
			say(" child rc=%d cuptiGetGraphId rc=%d id=%u", rc, rg, cid);
			if (child)
				list_nodes(child, depth + 2);
		}
	}
}

static void ask_graph(const char *where, CUgraph g, CUgraphExec e)
{
	uint32_t gid = 0, eid = 0;
	int rg = g ? cupti.GetGraphId(g, &gid) : -1;
	int re = e ? cupti.GetGraphExecId(e, &eid) : -1;
	say("|%s cuptiGetGraphId rc=%d id=%u cuptiGetGraphExecId rc=%d id=%u", where, rg, gid, re, eid);
	if (g)
		list_nodes(g, 0);
}

static void ask_launch(CUfunction f)
{
	CUlibrary lib = NULL;
	CUmodule mod = NULL;
	const char *fn = NULL, *kn = NULL;
	last_func = f;
	int rl = drv.cuKernelGetLibrary(&lib, (CUkernel)f);
	int rk = drv.cuKernelGetName(&kn, (CUkernel)f);
	int rf = drv.cuFuncGetName(&fn, f);
	int rm = drv.cuFuncGetModule(&mod, f);
	CUfunction cf = NULL;
	int rcf = rl ? -1 : drv.cuKernelGetFunction(&cf, (CUkernel)f);
	say("|  f=%p as CUkernel: cuKernelGetLibrary rc=%d lib=%p (last loaded %p) cuKernelGetName rc=%d %s; "
	    "as CUfunction: cuFuncGetName rc=%d %s cuFuncGetModule rc=%d; cuKernelGetFunction rc=%d %p",
	    (void *)f, rl, (void *)lib, (void *)last_library, rk, kn ? kn : "-", rf, fn ? fn : "-", rm,
	    rcf, (void *)cf);
}

static void api_callback(const char *tag, const CUpti_CallbackData *d, int driver)
{
	const char *fn = d->functionName;
	if (d->callbackSite == CUPTI_API_ENTER) {
		if (logging)
			say("%s:%s#%u{", tag, fn, d->correlationId);
		if (strlen(stack) + strlen(fn) + 4 < sizeof(stack))
			strcat(strcat(strcat(stack, tag), fn), ">");
		return;
	}
	char *last = strrchr(stack, '>');
	if (last) {
		*last = 0;
		last = strrchr(stack, '>');
		if (last)
			last[1] = 0;
		else
			stack[0] = 0;
	}
	inside = 1;
	if (driver && !strcmp(fn, "cuLibraryLoadData")) {
		const cuLibraryLoadData_params *p = d->functionParams;
		last_library = *p->library;
		say("|  cuLibraryLoadData -> %p |", (void *)last_library);
	}
	if (module_queries == 2 && driver && !strcmp(fn, "cuLaunchKernel"))
		ask_launch(((const cuLaunchKernel_params *)d->functionParams)->f);
	if (module_queries == 2 && driver && !strcmp(fn, "cuLaunchKernelEx"))
		ask_launch(((const cuLaunchKernelEx_params *)d->functionParams)->f);
	if (graph_queries && (strstr(fn, "GraphInstantiate"))) {
		/* All variants begin with (pGraphExec, graph). */
		const cuGraphInstantiateWithFlags_params *p = d->functionParams;
		ask_graph(driver ? "EXIT driver instantiate:" : "EXIT runtime instantiate:", p->hGraph,
			  p->phGraphExec ? *p->phGraphExec : NULL);
	}
	if (graph_queries && strstr(fn, "GraphExecUpdate")) {
		const cuGraphExecUpdate_v2_params *p = d->functionParams;
		ask_graph(driver ? "EXIT driver update:" : "EXIT runtime update:", p->hGraph,
			  p->hGraphExec);
	}
	if (graph_queries && driver && strstr(fn, "GraphExecKernelNodeSetParams")) {
		const cuGraphExecKernelNodeSetParams_v2_params *p = d->functionParams;
		const char *name = NULL;
		const char *kname = NULL;
		uint64_t id = 0;
		int rid = cupti.GetGraphNodeId(p->hNode, &id);
		int rf = p->nodeParams->func ? drv.cuFuncGetName(&name, p->nodeParams->func) : -1;
		int rk = p->nodeParams->kern ? drv.cuKernelGetName(&kname, p->nodeParams->kern) : -1;
		ask_graph("EXIT driver node set:", NULL, p->hGraphExec);
		say(" node rc=%d id=0x%llx func=%p %s rc=%d kern=%p %s rc=%d", rid, (unsigned long long)id,
		    (void *)p->nodeParams->func, name ? name : "-", rf, (void *)p->nodeParams->kern,
		    kname ? kname : "-", rk);
	}
	inside = 0;
	if (logging)
		say("}");
}

static void CUPTIAPI callback(void *user, CUpti_CallbackDomain domain, CUpti_CallbackId cbid,
			      const void *data)
{
	(void)user;
	if (inside)
		return;
	__atomic_add_fetch(&callbacks, 1, __ATOMIC_RELAXED);
	if (domain == CUPTI_CB_DOMAIN_DRIVER_API || domain == CUPTI_CB_DOMAIN_RUNTIME_API) {
		if (logging || graph_queries || module_queries)
			api_callback(domain == CUPTI_CB_DOMAIN_DRIVER_API ? "D" : "R", data,
				     domain == CUPTI_CB_DOMAIN_DRIVER_API);
		else
			(void)now(); /* what a tracer does at least */
		return;
	}
	if (domain != CUPTI_CB_DOMAIN_RESOURCE || !(logging || graph_queries || module_queries))
		return;
	const CUpti_ResourceData *r = data;
	if (cbid == CUPTI_CBID_RESOURCE_MODULE_LOADED) {
		const CUpti_ModuleResourceData *m = r->resourceDescriptor;
		say("|  MODULE_LOADED id=%u bytes=%zu inside [%s] |", m->moduleId, (size_t)m->cubinSize,
		    stack);
		return;
	}
	const CUpti_GraphData *g = r->resourceDescriptor;
	uint32_t gid = 0, eid = 0;
	uint64_t nid = 0, oid = 0;
	inside = 1;
	if (cbid == CUPTI_CBID_RESOURCE_GRAPHEXEC_CREATED ||
	    cbid == CUPTI_CBID_RESOURCE_GRAPHEXEC_CREATE_STARTING ||
	    cbid == CUPTI_CBID_RESOURCE_GRAPHEXEC_DESTROY_STARTING) {
		int rg = g->graph ? cupti.GetGraphId(g->graph, &gid) : -1;
		int re = g->graphExec ? cupti.GetGraphExecId(g->graphExec, &eid) : -1;
		say("|resource %s graph=%p rc=%d id=%u exec=%p rc=%d id=%u inside [%s]",
		    cbid == CUPTI_CBID_RESOURCE_GRAPHEXEC_CREATED	 ? "EXEC_CREATED" :
		    cbid == CUPTI_CBID_RESOURCE_GRAPHEXEC_CREATE_STARTING ? "EXEC_CREATE_STARTING" :
								    "EXEC_DESTROY_STARTING",
		    (void *)g->graph, rg, gid, (void *)g->graphExec, re, eid, stack);
		if (graph_queries == 2 && g->graph && cbid == CUPTI_CBID_RESOURCE_GRAPHEXEC_CREATED)
			list_nodes(g->graph, 0);
	} else if (cbid == CUPTI_CBID_RESOURCE_GRAPHNODE_CLONED) {
		cupti.GetGraphNodeId(g->node, &nid);
		cupti.GetGraphNodeId(g->originalNode, &oid);
		cupti.GetGraphId(g->graph, &gid);
		say("|resource NODE_CLONED 0x%llx -> 0x%llx (graph id=%u)", (unsigned long long)oid,
		    (unsigned long long)nid, gid);
	} else if (cbid == CUPTI_CBID_RESOURCE_GRAPH_NODE_UPDATED ||
		   cbid == CUPTI_CBID_RESOURCE_GRAPH_NODE_SET_PARAMS) {
		cupti.GetGraphNodeId(g->node, &nid);
		say("|resource %s node=0x%llx exec=%p", cbid == CUPTI_CBID_RESOURCE_GRAPH_NODE_UPDATED ?
		    "NODE_UPDATED" : "NODE_SET_PARAMS", (unsigned long long)nid, (void *)g->graphExec);
	}
	inside = 0;
}

/* cbids whose name starts with one of the launch-like names. */
static int interesting(const char *n)
{
	static const char *const p[] = { "cuLaunchKernel", "cuLaunchCooperative", "cuGraphLaunch",
		"cuGraphInstantiate", "cuGraphExecUpdate", "cuGraphExecKernelNodeSetParams",
		"cudaLaunchKernel", "__cudaLaunchKernel", "cudaLaunchCooperative", "cudaGraphLaunch",
		"cudaGraphInstantiate", "cudaGraphExecUpdate", "cudaGraphExecKernelNodeSetParams" };
	for (size_t i = 0; i < sizeof(p) / sizeof(*p); i++)
		if (!strncmp(n, p[i], strlen(p[i])))
			return 1;
	return 0;
}

__attribute__((visibility("default"))) void probe_set(int set)
{
	static const int domains[] = { CUPTI_CB_DOMAIN_RUNTIME_API, CUPTI_CB_DOMAIN_DRIVER_API };
	for (int i = 0; i < 2; i++) {
		int d = domains[i], bit = i ? SET_DRIVER : SET_RUNTIME;
		cupti.EnableDomain(set == SET_ALL, subscriber, d);
		for (unsigned c = 1; set != SET_ALL && c < 900; c++) {
			const char *n = NULL;
			if (cupti.GetCallbackName(d, c, &n) || !n || !interesting(n))
				continue;
			cupti.EnableCallback((set & bit) != 0, subscriber, d, c);
		}
	}
}

__attribute__((visibility("default"))) void probe_mode(int log, int graphs, int modules)
{
	logging = log, graph_queries = graphs, module_queries = modules;
}

/* Prints and forgets what callbacks saw, then the records that came. */
__attribute__((visibility("default"))) void probe_take(const char *what)
{
	pthread_mutex_lock(&lock);
	int quiet = *what == '-';
	char *line = strtok(text, "|"), *more;
	if (!quiet)
		printf("fact: %s: %s\n", what, line ? line : "(no callback)");
	while ((more = strtok(NULL, "|")))
		if (!quiet && more[strspn(more, " ")])
			printf("fact:     %s\n", more);
	for (unsigned i = 0; !quiet && i < n_recs && i < 12; i++)
		printf("fact:     record %s #%u graph=%u node=0x%llx stream=%u end-start=%lld\n", recs[i].name,
		       recs[i].corr, recs[i].graph, recs[i].node, recs[i].stream,
		       (long long)(recs[i].end - recs[i].start));
	n_recs = 0;
	text_len = 0;
	memset(text, 0, sizeof(text));
	pthread_mutex_unlock(&lock);
	fflush(stdout);
}

__attribute__((visibility("default"))) unsigned long long probe_flush(int forced)
{
	unsigned long long t = now();
	cupti.ActivityFlushAll(forced ? CUPTI_ACTIVITY_FLAG_FLUSH_FORCED : 0);
	return now() - t;
}

/* Number of kernel records so far; when name is given, of that kernel, and its last times. */
__attribute__((visibility("default"))) unsigned probe_kernels(const char *name,
							      unsigned long long *start,
							      unsigned long long *end)
{
	unsigned n = 0;
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; name && i < n_recs; i++)
		if (recs[i].kind == CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL && strstr(recs[i].name, name)) {
			n++;
			*start = recs[i].start;
			*end = recs[i].end;
		}
	if (!name)
		n = kernels_total;
	pthread_mutex_unlock(&lock);
	return n;
}

__attribute__((visibility("default"))) void probe_counts(const char *what)
{
	size_t dropped = 0;
	if (cupti.ActivityGetNumDroppedRecords)
		cupti.ActivityGetNumDroppedRecords(NULL, 0, &dropped);
	printf("fact: %s: callbacks %lu, buffers requested %lu, completed %lu, records %lu, kernels %lu, dropped "
	       "%zu\n", what, callbacks, requests, completed, records_total, kernels_total, dropped);
	for (int i = 0; i < 64 && request_tids[i]; i++)
		printf("fact:     bufferRequested on tid %ld (%s): %lu times\n", request_tids[i],
		       request_tids[i] == getpid() ? "main" : "other", request_counts[i]);
	fflush(stdout);
}

static int tasks(void)
{
	DIR *d = opendir("/proc/self/task");
	int n = -2; /* . and .. */
	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static long memory_kb(const char *key)
{
	char line[128];
	long kb = -1;
	FILE *f = fopen("/proc/self/status", "r");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			kb = atol(line + strlen(key) + 1);
	if (f)
		fclose(f);
	return kb;
}

__attribute__((visibility("default"))) void probe_process(const char *what)
{
	printf("fact: %s: threads %d, VmRSS %ld kB, VmHWM %ld kB\n", what, tasks(), memory_kb("VmRSS"),
	       memory_kb("VmHWM"));
	fflush(stdout);
}

static void attributes(void)
{
	static const struct { int id; const char *name; size_t size; } a[] = {
		{ CUPTI_ACTIVITY_ATTR_DEVICE_BUFFER_SIZE, "DEVICE_BUFFER_SIZE", 8 },
		{ CUPTI_ACTIVITY_ATTR_DEVICE_BUFFER_POOL_LIMIT, "DEVICE_BUFFER_POOL_LIMIT", 8 },
		{ CUPTI_ACTIVITY_ATTR_ZEROED_OUT_ACTIVITY_BUFFER, "ZEROED_OUT", 1 },
		{ CUPTI_ACTIVITY_ATTR_DEVICE_BUFFER_PRE_ALLOCATE_VALUE, "DEVICE_BUFFER_PRE_ALLOCATE", 8 },
		{ CUPTI_ACTIVITY_ATTR_PER_THREAD_ACTIVITY_BUFFER, "PER_THREAD_ACTIVITY_BUFFER", 1 },
	};
	for (size_t i = 0; i < sizeof(a) / sizeof(*a); i++) {
		uint64_t v = 0;
		size_t size = a[i].size;
		int rc = cupti.ActivityGetAttribute(a[i].id, &size, &v);
		printf("fact: attribute %s rc=%d size=%zu value=%llu\n", a[i].name, rc, size,
		       (unsigned long long)v);
	}
	unsigned char one = 1;
	size_t size = 1;
	int rc = cupti.ActivitySetAttribute(CUPTI_ACTIVITY_ATTR_ZEROED_OUT_ACTIVITY_BUFFER, &size, &one);
	printf("fact: set ZEROED_OUT=1 rc=%d\n", rc);
	size = 1, one = 0;
	cupti.ActivitySetAttribute(CUPTI_ACTIVITY_ATTR_ZEROED_OUT_ACTIVITY_BUFFER, &size, &one);
	static const int kinds[] = { 10, 1, 2, 22, 4, 17, 38, 51, 52, 9, 8, 37 };
	static _Alignas(16) uint8_t buf[4096];
	printf("fact: strides");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		CUpti_Activity *r = NULL, *s = NULL;
		for (size_t o = 0; o < sizeof(buf); o += 8)
			memcpy(buf + o, &kinds[i], 4);
		cupti.ActivityGetNextRecord(buf, sizeof(buf), &r);
		s = r;
		if (r)
			cupti.ActivityGetNextRecord(buf, sizeof(buf), &s);
		printf(" %d=%ld", kinds[i], r && s ? (long)((char *)s - (char *)r) : -1L);
	}
	uint64_t t1 = now(), t = 0;
	cupti.GetTimestamp(&t);
	printf("\nfact: cuptiGetTimestamp - CLOCK_REALTIME = %lld ns\n", (long long)(t - t1));
}

__attribute__((visibility("default"))) int InitializeInjection(void)
{
	const char *kinds = getenv("PROBE_KINDS"), *path = getenv("PROBE_CUPTI");
	int verbose = getenv("PROBE_VERBOSE") != NULL;
	void *h = dlopen(path && *path ? path : "libcupti.so.13", RTLD_NOW | RTLD_GLOBAL);
	void *cu = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
	if (!h || !cu) {
		printf("fact: cannot open libcupti or libcuda: %s\n", dlerror());
		return 1;
	}
#define X(n)                                                                   \
	if (!(cupti.n = (__typeof__(&cupti##n))dlsym(h, "cupti" #n)))          \
		printf("fact: libcupti has no cupti" #n "\n");
	CALLS(X)
#undef X
#define X(n)                                                                   \
	if (!(drv.n = (__typeof__(&n))dlsym(cu, #n)))                          \
		printf("fact: libcuda has no " #n "\n");
	DRIVER(X)
#undef X
	if (verbose)
		probe_process("before subscribe");
	CUpti_SubscriberParams p = { .structSize = CUpti_SubscriberParams_STRUCT_SIZE,
				     .subscriberName = "jitness-probe" };
	int rc = cupti.Subscribe_v2(&subscriber, callback, NULL, &p);
	uint32_t v = 0;
	cupti.GetVersion(&v);
	if (verbose || rc)
		printf("fact: subscribe_v2 rc=%d structSize=%zu cuptiGetVersion=%u\n", rc, p.structSize, v);
	cupti.SetThreadIdType(CUPTI_ACTIVITY_THREAD_ID_TYPE_SYSTEM);
	if (verbose)
		attributes();
	cupti.ActivityRegisterCallbacks(buffer_requested, buffer_completed);
	for (const char *k = kinds; k && *k; k = strchr(k, ',') ? strchr(k, ',') + 1 : "") {
		rc = cupti.ActivityEnable(atoi(k));
		if (verbose || rc)
			printf("fact: enable kind %d rc=%d\n", atoi(k), rc);
	}
	static const int res[] = { 6, 17, 18, 19, 20, 22, 23 };
	for (size_t i = 0; i < sizeof(res) / sizeof(*res); i++)
		cupti.EnableCallback(1, subscriber, CUPTI_CB_DOMAIN_RESOURCE, res[i]);
	for (int i = 0; i < 64; i++) { /* touched beforehand: faults must not show in the timings */
		pool[pool_n++] = memset(aligned_alloc(4096, BUF_BYTES), 0, BUF_BYTES);
	}
	if (verbose)
		probe_process("after subscribe (64 MiB of it is the probe's pool)");
	fflush(stdout);
	return 1;
}
