/* The head of the report and one block per process, at 100 columns. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "decoder/mem.h"
#include "decoder/module_how.h"
#include "decoder/phases.h"
#include "decoder/print.h"
#include "decoder/process_model.h"
#include "decoder/report.h"
#include "decoder/session_model.h"
#include "decoder/timeline.h"
#include "trace/event.h"

#define WIDTH 100
#define LABEL "  %-11s"

bool device_simulated(const char *name)
{
	return strcasestr(name, "simulated") != NULL;
}

void device_uuid(char out[48], unsigned long long hi, unsigned long long lo)
{
	snprintf(out, 48, "GPU-%08llx-%04llx-%04llx-%04llx-%012llx", hi >> 32, hi >> 16 & 0xffff,
		 hi & 0xffff, lo >> 48, lo & 0xffffffffffff);
}

/* Only when there is something: most sessions compile nothing outside. */
static void children_line(const struct children *c, struct print_style st)
{
	uint64_t lost = c->damaged + c->ends_alone;

	if (!c->n && !lost)
		return;
	printf("%zu compiler child%s", c->n, c->n == 1 ? "" : "ren");
	if (c->unfinished)
		printf(", %zu without an end", c->unfinished);
	if (c->unlisted)
		printf(", %s%" PRIu64 " more not listed%s", st.warn, c->unlisted, st.off);
	if (lost)
		printf(", %s%" PRIu64 " damaged or unmatched line%s of them%s", st.warn, lost,
		       plural(lost), st.off);
	putchar('\n');
}

static void head(const struct session *s, struct print_style st)
{
	char a[PRINT_BUF], b[PRINT_BUF];

	printf("%sSession ", st.bold);
	print_text(s->path, strlen(s->path), 60);
	printf("%s\n", st.off);
	printf("%zu process%s on %zu host%s, %s, %s%s record%s lost%s", s->n, s->n == 1 ? "" : "es",
	       s->hosts, plural(s->hosts), print_ns(a, s->last - s->first), s->lost ? st.warn : "",
	       print_count(b, s->lost), plural(s->lost), s->lost ? st.off : "");
	if (s->truncated)
		printf(", %s%zu without a clean end or damaged%s", st.warn, s->truncated, st.off);
	if (s->empty_files)
		printf(", %zu empty trace%s", s->empty_files, plural(s->empty_files));
	if (s->failed_files)
		printf(", %zu unreadable trace%s", s->failed_files, plural(s->failed_files));
	putchar('\n');
	children_line(&s->children, st);
}

/* Arguments separated by spaces; NULs are what separates them in the trace. */
static void print_cmdline(const struct process *p, size_t width)
{
	size_t len;
	const char *args = process_info(p, "cmdline", &len);
	SCOPED_FREE char *line = NULL;

	if (!args || !len) {
		args = process_info(p, "exe", &len);
		if (!args)
			return;
	}
	line = mem_text(args, len);
	while (len && !line[len - 1])
		len--;
	for (size_t i = 0; i < len; i++)
		if (!line[i])
			line[i] = ' ';
	print_text(line, len, width);
}

static void print_info(const char *label, const struct process *p, const char *key)
{
	size_t len;
	const char *value = process_info(p, key, &len);

	if (!value || !len)
		return;
	fputs(label, stdout);
	print_text(value, len, WIDTH - 20);
}

static const char *stop_reason(uint32_t error)
{
	/* The writer's own limit; a file system's limit reads the same and means it too. */
	return !error ? "" : error == EFBIG ? "the trace reached JITNESS_MAX_SIZE" : strerror((int)error);
}

static void end_line(const struct session *s, const struct process *p, struct print_style st)
{
	char a[PRINT_BUF], b[PRINT_BUF];
	uint64_t first = session_time(s, p, p->first), last = session_time(s, p, p->last);

	printf(LABEL "%s, ", "ended", print_ns(a, last - first));
	if (p->ended == PROCESS_ENDED_EXIT && p->end_status >= 0)
		printf("exit status %" PRId64, p->end_status);
	else if (p->ended == PROCESS_ENDED_SIGNAL)
		printf("killed by signal %" PRId64, p->end_status);
	else if (p->ended == PROCESS_ENDED_EXEC)
		printf("replaced itself (exec)");
	else
		printf("%s", p->running			      ? "still running"
			     : p->ended == PROCESS_ENDED_EXIT ? "exit"
							      : "how is unknown");
	if (p->stopped || p->status.stop_errno)
		printf("; %stracing stopped early%s%s%s", st.warn, p->status.stop_errno ? ": " : "",
		       stop_reason(p->status.stop_errno), st.off);
	if (!p->status.ended)
		printf("; %s%s, %s record%s recovered from the journal%s", st.warn,
		       p->running ? "not complete yet" : "cut off: no clean end",
		       print_count(b, p->status.journal_rows), plural(p->status.journal_rows),
		       st.off);
	putchar('\n');
}

static void recorded_line(const struct process *p, struct print_style st)
{
	const char *reason, *records = process_gpu_records(p, &reason);
	const char *level = event_enum_name(EVENT_PROCESS, PROCESS_LEVEL, p->level);
	bool full = !strcmp(records, "full"), by_entry_points = process_by_entry_points(p);

	if (by_entry_points)
		printf(LABEL "level %s, at the driver's entry points, without CUPTI", "recorded",
		       level ? level : "?");
	else
		printf(LABEL "level %s, GPU records %s%s%s", "recorded", level ? level : "?",
		       full ? "" : st.warn, records, full ? "" : st.off);
	if (*reason && !full && !by_entry_points) {
		fputs(": ", stdout);
		print_text(reason, strlen(reason), 0);
	}
	if (p->redacted)
		printf(", redacted");
	putchar('\n');
	if (process_info(p, "cupti_version", NULL) || process_info(p, "driver_version", NULL)) {
		printf(LABEL, "CUDA");
		print_info("driver ", p, "driver_version");
		print_info(", CUPTI ", p, "cupti_version");
		print_info(" ", p, "cupti_path");
		putchar('\n');
	}
}

static void device_lines(const struct session *s, const struct process *p, struct print_style st)
{
	for (size_t i = 0; i < p->n_devices; i++) {
		const struct process_device *d = &p->devices[i];
		const char *name = names_text(&s->names, d->name);

		printf(LABEL "%" PRIu64 ": ", i ? "" : "device", d->device);
		print_text(name, strlen(name), 50);
		printf(" (compute %" PRIu64 ".%" PRIu64 ", %" PRIu64 " SMs)\n", d->cc_major,
		       d->cc_minor, d->sms);
		if (device_simulated(name))
			printf(LABEL "%sa simulated device: no time here is a measurement%s\n", "",
			       st.warn, st.off);
	}
}

static void launch_lines(const struct process *p, struct print_style st)
{
	char a[PRINT_BUF], b[PRINT_BUF], c[PRINT_BUF];

	if (!p->launch.count && !p->kernel.count && !p->graph_run.count)
		return;
	printf(LABEL "%s kernel%s, %s on the GPU; %s graph launch%s\n", "work",
	       print_count(a, p->kernel.count), plural(p->kernel.count),
	       print_ns(b, p->kernel.total_ns), print_count(c, process_graph_launches(p)),
	       process_graph_launches(p) == 1 ? "" : "es");
	if (!p->launch.count)
		return;
	printf(LABEL "%s, %s in the calls, %s failed", "launches", print_count(a, p->launch.count),
	       print_ns(b, p->launch.total_ns), print_count(c, p->launch_errors));
	if (p->join.launches_matched)
		printf("; to the GPU in %s (p50), %s (p99)",
		       print_ns(a, histogram_quantile(&p->join.delay, 0.5)),
		       print_ns(b, histogram_quantile(&p->join.delay, 0.99)));
	putchar('\n');
	if (p->join.launches_alone || p->join.work_alone || p->join.early)
		printf(LABEL "%s%s without GPU work (captured, or lost), %s without a launch, %s "
			     "started before it%s\n", "", p->join.early ? st.warn : "",
		       print_count(a, p->join.launches_alone), print_count(b, p->join.work_alone),
		       print_count(c, p->join.early), p->join.early ? st.off : "");
}

static void set_lines(const char *label, const struct tally_set *set, unsigned kind, unsigned field)
{
	for (unsigned i = 0; i < set->n; i++) {
		const struct tally *t = &set->tally[i];
		const char *name = event_enum_name(kind, field, set->value[i]);
		char a[PRINT_BUF], b[PRINT_BUF], c[PRINT_BUF];

		printf(LABEL, i ? "" : label);
		if (name)
			printf("%-24s", name);
		else
			printf("%-24" PRIu64, set->value[i]);
		printf(" %12s  %10s total  %10s max", print_count(a, t->count),
		       print_ns(b, t->total_ns), print_ns(c, t->max_ns));
		if (kind == EVENT_MEMCPY)
			printf("  %10s", print_bytes(a, t->bytes));
		putchar('\n');
	}
}

static void code_lines(const struct process *p)
{
	const struct module_table *m = &p->modules;
	size_t how[4] = { 0 };
	char a[PRINT_BUF];
	uint64_t load_ns = 0;

	for (size_t i = 0; i < m->n_modules; i++)
		how[m->modules[i].how]++;
	for (size_t i = 0; i < m->n_loads; i++)
		if (time_pair_valid(m->loads[i].start, m->loads[i].end))
			load_ns += m->loads[i].end - m->loads[i].start;
	if (!m->n_modules && !m->n_loads && !m->n_jits)
		return;
	printf(LABEL "%zu: %zu compiled, %zu cached, %zu loaded, %zu unknown; %zu load call%s "
		     "took "
		     "%s, %" PRIu64 " failed\n",
	       "modules", m->n_modules, how[MODULE_COMPILED], how[MODULE_CACHED],
	       how[MODULE_LOADED], how[MODULE_UNKNOWN], m->n_loads, plural(m->n_loads),
	       print_ns(a, load_ns), m->failed);
	if (process_by_entry_points(p)) {
		printf(LABEL "not recorded at level churn\n", "driver JIT");
		return;
	}
	printf(LABEL "%" PRIu64 " compile%s (%s)", "driver JIT", m->jit.compiles,
	       plural(m->jit.compiles), print_ns(a, m->jit.compile_ns));
	printf(", %" PRIu64 " from its cache (%s)", m->jit.cache_loads,
	       print_ns(a, m->jit.cache_load_ns));
	printf(", %" PRIu64 " stored (%s)", m->jit.cache_stores,
	       print_ns(a, m->jit.cache_store_ns));
	if (m->jit_alone)
		printf(", %" PRIu64 " of no known module", m->jit_alone);
	putchar('\n');
}

/* Always there, also when everything is 0: silence is not a count. */
static void loss_lines(const struct process *p, struct print_style st)
{
	const struct reader_status *r = &p->status;
	bool bad = p->lost || r->bad_frames || r->missing_frames || r->bad_chunks;
	char a[PRINT_BUF];

	printf(LABEL "%s%s record%s", "lost", bad ? st.warn : "", print_count(a, p->lost),
	       plural(p->lost));
	for (unsigned i = 0; i < LOST_REASON_COUNT; i++)
		if (p->lost_by[i])
			printf(", %" PRIu64 " %s", p->lost_by[i],
			       event_enum_name(EVENT_LOST, LOST_REASON, i));
	printf("; %" PRIu64 " damaged and %" PRIu64 " missing frame%s", r->bad_frames,
	       r->missing_frames, plural(r->missing_frames));
	printf("%s; %" PRIu64 " invalid timestamp%s\n", bad ? st.off : "", process_invalid(p),
	       plural(process_invalid(p)));
	if (r->bad_chunks)
		printf(LABEL "%s%" PRIu64 " damaged chunk%s of the journal%s\n", "", st.warn,
		       r->bad_chunks, plural(r->bad_chunks), st.off);
	if (r->truncated)
		printf(LABEL "%sthe file ends inside a frame%s\n", "", st.warn, st.off);
	if (r->unknown_frames || p->unknown_rows)
		printf(LABEL "%" PRIu64 " frames and %" PRIu64 " records of kinds this version "
							       "does "
			     "not know\n",
		       "", r->unknown_frames, p->unknown_rows);
	if (p->join.overflow)
		printf(LABEL "%" PRIu64 " launches or kernels not joined: their other side came "
					"too "
			     "late\n",
		       "", p->join.overflow);
}

static void note_lines(const struct session *s, const struct process *p)
{
	for (size_t i = 0; i < p->n_notes; i++) {
		const struct name *text = &s->names.list[p->notes[i].text];

		printf(LABEL, i ? "" : "note");
		print_text(text->text, text->len, 0);
		putchar('\n');
	}
}

static void process_block(const struct session *s, const struct process *p, struct print_style st)
{
	char a[PRINT_BUF], b[PRINT_BUF];

	printf("\n%sProcess %" PRIu64 "%s  ", st.bold, p->pid, st.off);
	print_cmdline(p, WIDTH - 18);
	printf("\n" LABEL, "identity");
	print_info("", p, "exe");
	print_info(", user ", p, "user");
	print_info(", host ", p, "host");
	print_info(", rank ", p, "rank");
	putchar('\n');
	end_line(s, p, st);
	recorded_line(p, st);
	device_lines(s, p, st);
	launch_lines(p, st);
	set_lines("memcpy", &p->memcpy, EVENT_MEMCPY, MEMCPY_COPY_KIND);
	if (p->memset.count)
		printf(LABEL "%s, %s total\n", "memset", print_count(a, p->memset.count),
		       print_ns(b, p->memset.total_ns));
	set_lines("sync", &p->sync, EVENT_SYNC, SYNC_TYPE);
	set_lines("overhead", &p->overhead, EVENT_OVERHEAD, OVERHEAD_KIND);
	code_lines(p);
	loss_lines(p, st);
	note_lines(s, p);
}

void report_text(const struct session *s, const struct phases *phases, size_t top)
{
	struct print_style st = print_style();

	head(s, st);
	for (size_t i = 0; i < s->n; i++)
		process_block(s, s->list[i], st);
	phases_table(phases, top);
	timeline_table(s, top);
	report_tables(s, top);
}
