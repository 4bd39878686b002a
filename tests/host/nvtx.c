/*
 * nvtx: every NVTX call that is followed, in known numbers. tests/e2e/nvtx.sh has the rows it must
 * leave. The program, and with -DHOST_PLUGIN a library, have a header-only NVTX each.
 *
 * nvtx all PLUGIN | levels | cost ROUNDS | nocuda | annotates | strings N
 */
#if !__has_include(<nvtx3/nvToolsExt.h>)
int main(void);
int main(void)
{
	return 77; /* the CUDA headers that were found come without NVTX */
}
#elif defined(HOST_PLUGIN)
#include <nvtx3/nvToolsExt.h>

void plugin_ranges(void);
void plugin_ranges(void)
{
	nvtxRangePushA("in the plugin");
	nvtxDomainHandle_t d = nvtxDomainCreateA("dom");
	nvtxEventAttributes_t a = { .version = NVTX_VERSION, .size = NVTX_EVENT_ATTRIB_STRUCT_SIZE,
				    .messageType = NVTX_MESSAGE_TYPE_ASCII,
				    .message.ascii = "plugin's domain" };

	nvtxDomainRangePushEx(d, &a);
	nvtxDomainRangePop(d);
	nvtxRangePop();
}
#else
#include "tests/host/host.h"

#include <dlfcn.h>
#include <nvtx3/nvToolsExt.h>
#include <pthread.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static nvtxEventAttributes_t ascii(const char *text)
{
	return (nvtxEventAttributes_t){ .version = NVTX_VERSION,
					.size = NVTX_EVENT_ATTRIB_STRUCT_SIZE,
					.messageType = NVTX_MESSAGE_TYPE_ASCII,
					.message.ascii = text };
}

static void plain(void)
{
	nvtxEventAttributes_t ex = ascii("ex");
	nvtxRangeId_t one, two, three;
	char longer[301];

	nvtxRangePushA("ascii");
	nvtxRangePushW(L"wide \u00e9 \u20ac \U0001f600");
	ex.category = 7;
	ex.payloadType = NVTX_PAYLOAD_TYPE_UNSIGNED_INT64;
	ex.payload.ullValue = 1ull << 63;
	nvtxRangePushEx(&ex);
	nvtxRangePop();
	nvtxRangePop();
	nvtxRangePop();
	nvtxRangePop(); /* none is open: no row */
	nvtxRangePop();

	one = nvtxRangeStartA("one");
	two = nvtxRangeStartW(L"two");
	ex = ascii("three");
	ex.payloadType = NVTX_PAYLOAD_TYPE_INT32;
	ex.payload.iValue = -5;
	three = nvtxRangeStartEx(&ex);
	nvtxRangeEnd(two);
	nvtxRangeEnd(one);
	nvtxRangeEnd(three);
	nvtxRangeEnd(three); /* ended already */
	nvtxRangeEnd(4711);

	nvtxMarkA("mark a");
	nvtxMarkW(L"mark w");
	ex = ascii("mark ex");
	ex.payloadType = NVTX_PAYLOAD_TYPE_FLOAT;
	ex.payload.fValue = 1.5f;
	nvtxMarkEx(&ex);
	nvtxMarkA(NULL);
	memset(longer, 'x', 300);
	longer[300] = 0;
	memcpy(longer + 254, "\u20ac", 3); /* a character over the edge */
	nvtxMarkA(longer);
	nvtxMarkA("see /home/someone/secret.py");
}

static void domains(void)
{
	nvtxDomainHandle_t d = nvtxDomainCreateA("dom"), w = nvtxDomainCreateW(L"d\u00f6m");
	nvtxEventAttributes_t ex = ascii("in dom");
	nvtxRangeId_t id;

	nvtxDomainRangePushEx(d, &ex);
	nvtxRangePushA("default");
	nvtxDomainRangePushEx(d, &ex);
	nvtxDomainRangePop(d);
	nvtxDomainRangePop(d); /* around one that is open in another domain */
	nvtxRangePop();
	ex.messageType = NVTX_MESSAGE_TYPE_REGISTERED;
	ex.message.registered = nvtxDomainRegisterStringA(d, "registered a");
	nvtxDomainMarkEx(d, &ex);
	ex.message.registered = nvtxDomainRegisterStringW(w, L"registered w \u00e9");
	id = nvtxDomainRangeStartEx(w, &ex);
	nvtxDomainRangeEnd(w, id);
	nvtxDomainMarkEx(NULL, &ex);
	nvtxDomainDestroy(d);
	nvtxDomainDestroy(w);
}

static void nested(int n)
{
	char text[16];

	for (int i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "n%d", i);
		nvtxRangePushA(text);
	}
	for (int i = 0; i < n; i++)
		nvtxRangePop();
}

static void *worker(void *unused)
{
	for (int i = 0; i < 50; i++) {
		nvtxRangePushA("work");
		nvtxRangePushA("inner");
		nvtxRangePop();
		nvtxRangePop();
		nvtxRangeEnd(nvtxRangeStartA("started"));
	}
	nvtxRangePushA("open at thread exit");
	return unused;
}

static void threads(int n)
{
	pthread_t t[8];

	for (int i = 0; i < n; i++)
		CHECK_TRUE(!pthread_create(&t[i], NULL, worker, NULL));
	for (int i = 0; i < n; i++)
		pthread_join(t[i], NULL);
}

static void child(void)
{
	pid_t pid;
	int status;

	nvtxRangePushA("around the fork");
	pid = fork();
	if (!pid) {
		nvtxRangePop();
		nvtxRangePushA("in the child");
		nvtxRangePop();
		exit(0);
	}
	CHECK_TRUE(waitpid(pid, &status, 0) == pid && !status);
	nvtxRangePop();
}

static void all(const char *plugin)
{
	nvtxRangeId_t started;
	void *lib, (*ranges)(void);

	nvtxRangePushA("across cuInit");
	nvtxRangePushA("ended before cuInit");
	nvtxRangePop();
	nvtxMarkA("mark before cuInit");
	started = nvtxRangeStartA("started before cuInit");
	(void)host_context();
	nvtxRangePop();
	nvtxRangeEnd(started);
	plain();
	domains();
	nested(100);
	threads(4);
	child();
	lib = dlopen(plugin, RTLD_NOW);
	CHECK_TRUE(lib);
	*(void **)&ranges = dlsym(lib, "plugin_ranges");
	CHECK_TRUE(ranges);
	nvtxRangePushA("around the plugin");
	((void (*)(void))ranges)();
	nvtxRangePop();
	nvtxRangePushA("never popped");
	(void)nvtxRangeStartA("never ended");
}

/* What NVTX promises: the level from 0, negative when there is none. */
static void levels(void)
{
	nvtxDomainHandle_t d = nvtxDomainCreateA("d");
	nvtxEventAttributes_t ex = ascii("");

	printf("%d", nvtxRangePop());
	for (int i = 0; i < 3; i++)
		printf(" %d", nvtxRangePushA("x"));
	printf(" %d", nvtxDomainRangePushEx(d, &ex));
	for (int i = 0; i < 1500; i++)
		nvtxRangePushA("deep");
	printf(" %d", nvtxRangePushA("deeper"));
	printf(" %d", nvtxRangePop());
	for (int i = 0; i < 1500; i++)
		nvtxRangePop();
	for (int i = 0; i < 4; i++)
		printf(" %d", nvtxRangePop());
	printf(" %d", nvtxDomainRangePop(d));
	printf(" %d\n", nvtxDomainRangePop(d));
}

/* As XLA does: a range for each operation, when it is given a domain. */
static void annotates(void)
{
	nvtxDomainHandle_t a = nvtxDomainCreateA("TSL"), w = nvtxDomainCreateW(L"TSL"), other = nvtxDomainCreateA("TSL2");
	nvtxEventAttributes_t ex = ascii("operation");

	(void)host_context();
	for (int i = 0; a && i < 10; i++) {
		nvtxDomainRangePushEx(a, &ex);
		nvtxDomainRangePop(a);
	}
	nvtxDomainMarkEx(other, &ex);
	printf("%s %s\n", a ? "annotated" : "alone", w ? "annotated" : "alone");
}

static int n_strings;

static void *register_strings(void *domain)
{
	char text[64];

	for (int i = 0; i < n_strings; i++) {
		snprintf(text, sizeof(text), "string %d of a program that registers many", i);
		(void)nvtxDomainRegisterStringA(domain, text);
	}
	return NULL;
}

/* A mark for each of n strings, all registered twice; a hundred others by four threads at once. */
static void strings(int n)
{
	nvtxDomainHandle_t d = nvtxDomainCreateA("many");
	nvtxEventAttributes_t ex = ascii(NULL);
	pthread_t t[4];
	char text[64];

	(void)host_context();
	n_strings = 100;
	for (int i = 0; i < 4; i++)
		CHECK_TRUE(!pthread_create(&t[i], NULL, register_strings, d));
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	ex.messageType = NVTX_MESSAGE_TYPE_REGISTERED;
	for (int i = n_strings; i < n_strings + n; i++) {
		snprintf(text, sizeof(text), "string %d of a program that registers many", i);
		ex.message.registered = nvtxDomainRegisterStringA(d, text);
		CHECK_TRUE(i >= 60000 || nvtxDomainRegisterStringA(d, text) == ex.message.registered);
		nvtxDomainMarkEx(d, &ex);
	}
}

static double ns_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double best(double so_far, double start, int calls)
{
	double ns = (ns_now() - start) / calls;

	return !so_far || ns < so_far ? ns : so_far;
}

/* The best of n rounds of 2000: what the machine does meanwhile is not the calls' cost. */
static void cost(int n)
{
	double clock = 0, push = 0, started = 0, mark = 0, start;

	(void)host_context();
	for (int round = 0; round < n; round++) {
		start = ns_now();
		for (int i = 0; i < 2000; i++)
			(void)ns_now();
		clock = best(clock, start, 2000);
		start = ns_now();
		for (int i = 0; i < 1000; i++) {
			nvtxRangePushA("a range of some length");
			nvtxRangePop();
		}
		push = best(push, start, 2000);
		start = ns_now();
		for (int i = 0; i < 1000; i++)
			nvtxRangeEnd(nvtxRangeStartA("a range of some length"));
		started = best(started, start, 2000);
		start = ns_now();
		for (int i = 0; i < 2000; i++)
			nvtxMarkA("a mark of some length");
		mark = best(mark, start, 2000);
	}
	printf("ns a call: clock %.0f push/pop %.0f start/end %.0f mark %.0f\n", clock, push, started,
	       mark);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	if (!strcmp(mode, "all") && argc > 2)
		all(argv[2]);
	else if (!strcmp(mode, "levels"))
		levels();
	else if (!strcmp(mode, "cost"))
		cost(argc > 2 ? atoi(argv[2]) : 200);
	else if (!strcmp(mode, "annotates"))
		annotates();
	else if (!strcmp(mode, "strings") && argc > 2)
		strings(atoi(argv[2]));
	else if (!strcmp(mode, "nocuda"))
		plain();
	else
		return 2;
	return 0;
}
#endif
