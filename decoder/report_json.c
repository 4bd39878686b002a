/* The object of docs/report-schema.md: keys are only ever added. */
#include <stdio.h>
#include <string.h>

#include "decoder/demangle.h"
#include "decoder/json.h"
#include "decoder/mem.h"
#include "decoder/module_how.h"
#include "decoder/phases.h"
#include "decoder/process_model.h"
#include "decoder/report.h"
#include "decoder/report_claims.h"
#include "decoder/report_origin.h"
#include "decoder/report_stack.h"
#include "decoder/session_json.h"
#include "decoder/session_model.h"
#include "decoder/timeline.h"
#include "trace/event.h"

static void name_text(cJSON *o, const char *key, const struct session *s, uint32_t name)
{
	json_text(o, key, s->names.list[name].text, s->names.list[name].len);
}

static void time_member(cJSON *o, const char *key, const struct session *s, const struct process *p,
			uint64_t realtime)
{
	if (realtime)
		json_uint(o, key, session_time(s, p, realtime));
	else
		json_null(o, key);
}

/* Only when there is something: most sessions compile nothing outside. */
static void children_json(cJSON *o, const struct children *c)
{
	cJSON *item;

	if (!c->n && !c->damaged && !c->ends_alone)
		return;
	item = json_object(o, "children");
	json_uint(item, "count", c->n);
	json_uint(item, "unfinished", c->unfinished);
	json_uint(item, "unlisted", c->unlisted);
	json_uint(item, "ends_alone", c->ends_alone);
	json_uint(item, "damaged_lines", c->damaged);
}

static void head_json(cJSON *root, const struct session *s)
{
	cJSON *o = json_object(root, "session");
	cJSON *hosts;

	json_string(o, "dir", s->path);
	hosts = json_array(o, "hosts");
	for (size_t i = 0; i < s->n; i++) {
		const char *host = process_info(s->list[i], "host", NULL);
		bool seen = !host;

		for (size_t k = 0; k < i && !seen; k++) {
			const char *other = process_info(s->list[k], "host", NULL);

			seen = other && !strcmp(other, host);
		}
		if (!seen)
			json_item_text(hosts, host, strlen(host));
	}
	session_json(o, s);
	json_uint(o, "empty_files", s->empty_files);
	json_uint(o, "failed_files", s->failed_files);
	children_json(o, &s->children);
}

static void cmdline_json(cJSON *o, const struct process *p)
{
	cJSON *list = json_array(o, "cmdline");
	size_t len, n;
	const char *args = process_info(p, "cmdline", &len);

	for (; args && len; args += n, len -= n) {
		n = strnlen(args, len);
		json_item_text(list, args, n);
		n += n < len;
	}
}

static void rank_json(cJSON *o, const struct process *p)
{
	const char *rank = process_info(p, "rank", NULL);
	char *end;
	long v = rank ? strtol(rank, &end, 10) : 0;

	if (rank && *rank && !*end)
		json_int(o, "rank", v);
	else
		json_null(o, "rank");
}

static void devices_json(cJSON *o, const struct session *s, const struct process *p)
{
	cJSON *list = json_array(o, "devices");

	for (size_t i = 0; i < p->n_devices; i++) {
		const struct process_device *d = &p->devices[i];
		cJSON *item = json_item(list);
		char text[48];

		json_uint(item, "device", d->device);
		name_text(item, "name", s, d->name);
		device_uuid(text, d->uuid_hi, d->uuid_lo);
		json_string(item, "uuid", text);
		snprintf(text, sizeof(text), "%u.%u", (unsigned)d->cc_major, (unsigned)d->cc_minor);
		json_string(item, "compute_capability", text);
		json_uint(item, "sms", d->sms);
		json_bool(item, "simulated", device_simulated(names_text(&s->names, d->name)));
	}
}

static void tallies_json(cJSON *o, const char *key, const struct tally_set *set, unsigned kind,
			 unsigned field)
{
	cJSON *list = json_array(o, key);

	for (unsigned i = 0; i < set->n; i++) {
		const struct tally *t = &set->tally[i];
		const char *name = event_enum_name(kind, field, set->value[i]);
		cJSON *item = json_item(list);

		if (name)
			json_string(item, "kind", name);
		else
			json_uint(item, "kind", set->value[i]);
		json_uint(item, "count", t->count);
		json_ms(item, "total_ms", t->total_ns);
		json_ms(item, "max_ms", t->max_ns);
		if (kind == EVENT_MEMCPY)
			json_uint(item, "bytes", t->bytes);
	}
}

static void launches_json(cJSON *o, const struct process *p)
{
	cJSON *item = json_object(o, "launches");

	json_uint(item, "count", p->launch.count);
	json_uint(item, "failed", p->launch_errors);
	json_uint(item, "matched", p->join.launches_matched);
	json_uint(item, "without_gpu_work", p->join.launches_alone);
	json_uint(item, "gpu_work_without_launch", p->join.work_alone);
	json_uint(item, "not_joined", p->join.overflow);
	json_us(item, "delay_p50_us", (double)histogram_quantile(&p->join.delay, 0.5));
	json_us(item, "delay_p99_us", (double)histogram_quantile(&p->join.delay, 0.99));
}

static void jit_json(cJSON *o, const struct process *p)
{
	const struct module_table *m = &p->modules;
	cJSON *item;

	if (process_by_entry_points(p)) {
		json_null(o, "driver_jit");
	} else {
		item = json_object(o, "driver_jit");
		json_uint(item, "compiles", m->jit.compiles);
		json_ms(item, "compile_ms", m->jit.compile_ns);
		json_uint(item, "cache_loads", m->jit.cache_loads);
		json_ms(item, "cache_load_ms", m->jit.cache_load_ns);
		json_uint(item, "cache_stores", m->jit.cache_stores);
		json_ms(item, "cache_store_ms", m->jit.cache_store_ns);
		json_uint(item, "without_module", m->jit_alone);
	}
	item = json_object(o, "loads");
	json_uint(item, "count", m->n_loads);
	json_uint(item, "failed", m->failed);
	json_uint(item, "unloads", m->unloads);
	json_uint(item, "unlisted", m->unlisted);
}

static void losses_json(cJSON *o, const struct process *p)
{
	const struct reader_status *st = &p->status;
	cJSON *by = json_object(o, "lost_by");

	for (unsigned i = 0; i < LOST_REASON_COUNT; i++) {
		const char *reason = event_enum_name(EVENT_LOST, LOST_REASON, i);

		if (p->lost_by[i])
			json_uint(by, reason ? reason : "other", p->lost_by[i]);
	}
	json_uint(o, "bad_frames", st->bad_frames);
	json_uint(o, "missing_frames", st->missing_frames);
	json_uint(o, "bad_chunks", st->bad_chunks);
	json_uint(o, "skipped_bytes", st->skipped_bytes);
	json_uint(o, "unknown_frames", st->unknown_frames);
	json_uint(o, "unknown_records", p->unknown_rows);
	json_bool(o, "file_truncated", st->truncated);
	json_uint(o, "recovered_records", st->journal_rows);
	json_int(o, "stop_errno", st->stop_errno);
}

static void identity_json(cJSON *o, const struct session *s, const struct process *p)
{
	const char *reason, *records = process_gpu_records(p, &reason);
	const char *level = event_enum_name(EVENT_PROCESS, PROCESS_LEVEL, p->level);

	json_uint(o, "pid", p->pid);
	json_uint(o, "ppid", p->ppid);
	json_string(o, "exe", process_info(p, "exe", NULL));
	cmdline_json(o, p);
	json_string(o, "host", process_info(p, "host", NULL));
	json_string(o, "user", process_info(p, "user", NULL));
	rank_json(o, p);
	time_member(o, "start_ns", s, p, p->first);
	time_member(o, "end_ns", s, p, p->last);
	json_string(o, "ended", process_end_name(p->ended));
	if (p->end_status >= 0)
		json_int(o, p->ended == PROCESS_ENDED_SIGNAL ? "signal" : "status", p->end_status);
	json_bool(o, "running", p->running);
	json_bool(o, "cut_off", !p->status.ended);
	json_bool(o, "tracing_stopped", p->stopped || p->status.stop_errno);
	json_string(o, "level", level ? level : "unknown");
	json_bool(o, "redacted", p->redacted);
	json_string(o, "gpu_records", records);
	json_string(o, "reason", *reason ? reason : NULL);
	if (process_info(p, "modules_by", NULL))
		json_string(o, "modules_by", process_info(p, "modules_by", NULL));
	json_string(o, "cupti_version", process_info(p, "cupti_version", NULL));
	json_string(o, "cupti_path", process_info(p, "cupti_path", NULL));
	json_string(o, "driver_version", process_info(p, "driver_version", NULL));
	json_string(o, "file", p->file);
}

static void process_json(cJSON *o, const struct session *s, const struct process *p)
{
	struct tally copies = tally_sum(&p->memcpy);
	cJSON *list;

	identity_json(o, s, p);
	devices_json(o, s, p);
	json_uint(o, "kernels", p->kernel.count);
	json_uint(o, "graph_launches", process_graph_launches(p));
	json_uint(o, "memcpys", copies.count);
	json_uint(o, "memsets", p->memset.count);
	json_uint(o, "modules", p->modules.n_modules);
	json_uint(o, "graph_captures", p->graphs.captures);
	json_uint(o, "lost_records", p->lost);
	json_uint(o, "invalid_timestamps", process_invalid(p));
	json_uint(o, "records", p->status.rows);
	json_ms(o, "kernel_ms", p->kernel.total_ns);
	json_uint(o, "early_kernels", p->join.early);
	launches_json(o, p);
	tallies_json(o, "memcpy", &p->memcpy, EVENT_MEMCPY, MEMCPY_COPY_KIND);
	tallies_json(o, "sync", &p->sync, EVENT_SYNC, SYNC_TYPE);
	tallies_json(o, "overhead", &p->overhead, EVENT_OVERHEAD, OVERHEAD_KIND);
	jit_json(o, p);
	losses_json(o, p);
	list = json_array(o, "threads");
	for (size_t i = 0; i < p->n_threads; i++) {
		cJSON *item = json_item(list);

		json_uint(item, "tid", p->threads[i].tid);
		name_text(item, "name", s, p->threads[i].name);
	}
	list = json_array(o, "notes");
	for (size_t i = 0; i < p->n_notes; i++) {
		const char *code = event_enum_name(EVENT_NOTE, NOTE_CODE, p->notes[i].code);
		cJSON *item = json_item(list);

		json_string(item, "code", code ? code : "other");
		name_text(item, "text", s, p->notes[i].text);
	}
}

static void kernel_json(cJSON *o, const struct session *s, const struct kernel_stat *k)
{
	SCOPED_FREE char *readable = demangle(names_text(&s->names, (uint32_t)k->key));
	uint64_t timed = k->count - k->invalid;

	name_text(o, "name", s, (uint32_t)k->key);
	json_string(o, "demangled", readable);
	report_origin_kernel_json(o, s, (uint32_t)k->key);
	json_uint(o, "count", k->count);
	json_ms(o, "total_ms", k->total_ns);
	json_us(o, "mean_us", timed ? (double)k->total_ns / (double)timed : 0);
	json_us(o, "p50_us", (double)kernel_quantile(k, 0.5));
	json_us(o, "p99_us", (double)kernel_quantile(k, 0.99));
	json_us(o, "max_us", (double)k->max_ns);
	json_us(o, "min_us", timed ? (double)k->min_ns : 0);
	json_uint(o, "invalid_timestamps", k->invalid);
	json_uint(o, "autotune_count", episodes_tuned(&s->episodes, (uint32_t)k->key));
}

static const char *source_kind(const struct module_load *l)
{
	switch (l ? l->source : SOURCE_UNKNOWN) {
	case SOURCE_MEMORY:
	case SOURCE_STACK:
		return "memory";
	case SOURCE_MAPPED:
		return l->image == IMAGE_FATBIN ? "fatbin" : "file";
	case SOURCE_PATH:
		return "file";
	default:
		return "unknown";
	}
}

static const char *image_name(uint32_t image)
{
	return image == IMAGE_CUBIN ? "cubin" : image == IMAGE_PTX ? "ptx" :
	       image == IMAGE_FATBIN ? "fatbin" : "other";
}

static void module_json(cJSON *o, const struct session *s, const struct process *p,
			const struct module *m, struct report_stacks *stacks)
{
	const struct module_load *l = m->load == MODULES_NONE ? NULL : &p->modules.loads[m->load];
	const struct module_names *kernels = module_kernels(&p->modules, m);
	const char *api = l ? event_enum_name(EVENT_LOAD, LOAD_API, l->api) : NULL;
	cJSON *source, *list;

	json_uint(o, "pid", p->pid);
	json_uint(o, "module", m->module);
	time_member(o, "time_ns", s, p, m->time);
	if (l && m->first && time_pair_valid(l->start, l->end))
		json_uint(o, "duration_ns", l->end - l->start);
	else
		json_null(o, "duration_ns");
	json_uint(o, "thread", m->tid);
	report_origin_module_json(o, stacks, p, (size_t)(m - p->modules.modules));
	json_string(o, "how", module_how_name((enum module_how)m->how));
	json_string(o, "api", api);
	json_bool(o, "lazy", m->lazy);
	source = json_object(o, "source");
	json_string(source, "kind", source_kind(l));
	if (l && l->path != MODULES_NONE)
		name_text(source, "path", s, l->path);
	else
		json_null(source, "path");
	json_uint(source, "offset", l ? l->offset : 0);
	json_string(o, "image", image_name(l ? l->image : m->image));
	json_uint(o, "bytes", m->bytes);
	json_hex(o, "hash", m->hash);
	json_ms(o, "driver_jit_ms", m->jit.compile_ns + (l && m->first ? l->jit.compile_ns : 0));
	list = json_array(o, "kernels");
	for (size_t i = 0; kernels && i < kernels->n; i++)
		json_item_text(list, s->names.list[kernels->kernels[i]].text,
			       s->names.list[kernels->kernels[i]].len);
}

static void graph_json(cJSON *o, const struct session *s, const struct process *p,
		       const struct graph_exec *g)
{
	cJSON *list;

	json_uint(o, "pid", p->pid);
	json_uint(o, "exec", g->graph);
	list = json_array(o, "kernels");
	for (size_t i = 0; i < g->n_kernels; i++) {
		cJSON *item = json_item(list);

		name_text(item, "name", s, g->kernels[i].name);
		json_uint(item, "count", g->kernels[i].count);
	}
	json_ms(o, "instantiate_ms", g->instantiate_ns);
	json_uint(o, "launches", g->runs);
	json_uint(o, "updates", g->updates);
	if (g->untimed)
		json_null(o, "update_ms");
	else
		json_ms(o, "update_ms", g->update_ns);
	json_uint(o, "version", g->version);
	json_uint(o, "nodes", g->nodes);
	json_uint(o, "kernel_nodes", g->kernel_nodes);
	json_uint(o, "unlisted_nodes", g->unlisted);
	json_ms(o, "run_ms", g->run_total_ns);
	time_member(o, "time_ns", s, p, g->instantiated);
}

int report_json(const struct session *s, const struct phases *phases, const struct claims *claims)
{
	struct report_stacks stacks = { .session = s };
	cJSON *root = cJSON_CreateObject();
	cJSON *processes, *kernels, *modules, *graphs;

	json_string(root, "schema", REPORT_SCHEMA);
	head_json(root, s);
	processes = json_array(root, "processes");
	kernels = json_array(root, "kernels");
	modules = json_array(root, "modules");
	graphs = json_array(root, "graphs");
	for (size_t i = 0; i < s->kernels.n; i++)
		kernel_json(json_item(kernels), s, &s->kernels.list[i]);
	for (size_t i = 0; i < s->n; i++) {
		const struct process *p = s->list[i];

		process_json(json_item(processes), s, p);
		for (size_t k = 0; k < p->modules.n_modules; k++)
			module_json(json_item(modules), s, p, &p->modules.modules[k], &stacks);
		for (size_t k = 0; k < p->graphs.n; k++)
			graph_json(json_item(graphs), s, p, &p->graphs.list[k]);
	}
	timeline_compiles_json(root, s, &stacks);
	phases_json_members(root, phases);
	if (claims)
		report_claims_json(root, claims, s);
	report_stacks_release(&stacks);
	return json_print(root);
}
