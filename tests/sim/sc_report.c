/* JITNESS_SIM_REPORT: one JSON line per process, appended when the library goes. */
#include "tests/sim/sc.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

struct text {
	char data[8192];
	size_t used;
};

__attribute__((format(printf, 2, 3))) static void text_add(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->data + t->used, sizeof(t->data) - t->used, format, args);
	va_end(args);
	if (n > 0 && (size_t)n < sizeof(t->data) - t->used)
		t->used += (size_t)n;
}

static unsigned long long get(_Atomic uint64_t *counter)
{
	return (unsigned long long)atomic_load(counter);
}

static const struct {
	uint32_t kind;
	const char *name;
} kinds[] = {
	{ 1, "MEMCPY" }, { 2, "MEMSET" }, { 3, "KERNEL" }, { 4, "DRIVER" }, { 8, "DEVICE" },
	{ 9, "CONTEXT" }, { 10, "CONCURRENT_KERNEL" }, { 17, "OVERHEAD" }, { 22, "MEMCPY2" },
	{ 37, "STREAM" }, { 38, "SYNCHRONIZATION" }, { 51, "GRAPH_TRACE" }, { 52, "JIT" },
};

/* The library's own count of things done wrong; for tests that look from inside. */
SC_EXPORT uint64_t sim_cupti_violations(void);
SC_EXPORT uint64_t sim_cupti_violations(void)
{
	uint64_t n = 0;

	for (int i = 0; i < SC_V_COUNT; i++)
		n += get(&sc.violations[i]);
	return n;
}

void report_write(void)
{
	static const char *const violations[] = {
#define X(name) #name,
		SC_VIOLATIONS(X)
#undef X
	};
	unsigned long long written[SC_KINDS] = { 0 }, callbacks[CUPTI_CB_DOMAIN_SIZE] = { 0 };
	struct sim_link *link = sc_link();
	struct text t = { .used = 0 };
	int fd;

	if (!sim_knobs.report)
		return;
	/* No lock: the list only grows at its head, and in a forked child a lock may be held. */
	for (struct sc_thread *s = sc_threads; s; s = s->next) {
		for (int i = 0; i < SC_KINDS; i++)
			written[i] += get(&s->written[i]);
		for (int i = 0; i < CUPTI_CB_DOMAIN_SIZE; i++)
			callbacks[i] += get(&s->callbacks[i]);
	}
	text_add(&t, "{\"library\":\"libcupti\",\"device\":\"simulated device\",\"pid\":%d,"
		     "\"forked\":%s,\"api_version\":%llu,\"records\":{",
		 (int)getpid(), link && link->was_forked() ? "true" : "false",
		 (unsigned long long)sim_knobs.cupti_api);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		text_add(&t, "%s\"%s\":%llu", i ? "," : "", kinds[i].name,
			 get(&sc.delivered[kinds[i].kind]));
	text_add(&t, "},\"written\":{");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		text_add(&t, "%s\"%s\":%llu", i ? "," : "", kinds[i].name,
			 written[kinds[i].kind]);
	text_add(&t, "},\"callbacks\":{\"driver\":%llu,\"resource\":%llu,\"synchronize\":%llu},",
		 callbacks[CUPTI_CB_DOMAIN_DRIVER_API], callbacks[CUPTI_CB_DOMAIN_RESOURCE],
		 callbacks[CUPTI_CB_DOMAIN_SYNCHRONIZE]);
	text_add(&t, "\"flushes\":%llu,\"forced_flushes\":%llu,\"buffers_requested\":%llu,"
		     "\"buffers_completed\":%llu,\"buffers_by_flush\":%llu,\"dropped\":%llu,"
		     "\"violations\":{",
		 get(&sc.flushes), get(&sc.forced_flushes), get(&sc.buffers_requested),
		 get(&sc.buffers_completed), get(&sc.flush_buffers), get(&sc.dropped_total));
	for (int i = 0; i < SC_V_COUNT; i++)
		text_add(&t, "%s\"%s\":%llu", i ? "," : "", violations[i], get(&sc.violations[i]));
	text_add(&t, "}}\n");
	fd = open(sim_knobs.report, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0)
		return;
	(void)!write(fd, t.data, t.used);
	close(fd);
}

__attribute__((destructor)) static void report_at_exit(void)
{
	report_write();
}
