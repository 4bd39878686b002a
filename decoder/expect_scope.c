#include "decoder/expect_scope.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/mem.h"
#include "decoder/pass.h"
#include "decoder/phase_stats.h"
#include "decoder/print.h"
#include "decoder/process_model.h"
#include "decoder/session_model.h"

char *expect_unfinished(const struct process *p)
{
	const struct reader_status *st = &p->status;
	const uint64_t damaged = st->bad_frames + st->missing_frames + st->bad_chunks;
	const char *reason, *records = process_gpu_records(p, &reason);

	if (damaged)
		return mem_printf("%" PRIu64 " part%s of the trace %s damaged or missing", damaged,
				  plural(damaged), damaged == 1 ? "is" : "are");
	if (st->truncated)
		return mem_printf("the trace is cut off");
	if (p->running)
		return mem_printf("the process still runs");
	if (p->stopped)
		return mem_printf("tracing stopped before the process ended");
	/* A killed process leaves its journal, which has all that happened. */
	if (!st->ended && !st->has_journal)
		return mem_printf("the trace has no end, and no journal lies beside it");
	if (!strcmp(records, "partial"))
		return mem_printf("its GPU records are partial%s%s", *reason ? ": " : "", reason);
	return NULL;
}

char *expect_incomplete(const struct process *p)
{
	if (p->lost)
		return mem_printf("%" PRIu64 " record%s lost", p->lost, p->lost == 1 ? " was" : "s were");
	return expect_unfinished(p);
}

char *expect_blind(const struct process *p)
{
	const char *reason, *records = process_gpu_records(p, &reason);

	if (p->level == LEVEL_CHURN)
		return mem_printf("it was recorded at level churn, which has no kernels");
	if (!strcmp(records, "none"))
		return mem_printf("it has no GPU records%s%s", *reason ? ": " : "", reason);
	return NULL;
}

/* why(), of the first process that has one. */
static char *first_of(const struct session *s, bool has_process, uint64_t pid,
		      char *(*why)(const struct process *))
{
	for (size_t i = 0; i < s->n; i++) {
		SCOPED_FREE char *text = NULL;

		if (!expect_selects(has_process, pid, s->list[i]->pid))
			continue;
		text = why(s->list[i]);
		if (text)
			return mem_printf("process %" PRIu64 ": %s", s->list[i]->pid, text);
	}
	return NULL;
}

static char *unread(const struct session *s)
{
	const size_t n = s->failed_files + s->empty_files;

	return n ? mem_printf("%zu trace%s could not be read", n, plural(n)) : NULL;
}

char *expect_incomplete_any(const struct session *s, bool has_process, uint64_t pid)
{
	char *why = has_process ? NULL : unread(s);

	return why ? why : first_of(s, has_process, pid, expect_incomplete);
}

char *expect_unfinished_any(const struct session *s)
{
	char *why = unread(s);

	return why ? why : first_of(s, false, 0, expect_unfinished);
}

char *expect_blind_any(const struct session *s, bool has_process, uint64_t pid)
{
	return first_of(s, has_process, pid, expect_blind);
}

/* --- moments */

static bool any_label(const struct process *p)
{
	for (size_t i = 0; i < p->passes.n; i++)
		if (pass_nth(&p->passes, i)->label != PASS_UNLABELLED)
			return true;
	return false;
}

uint64_t expect_warm(const struct process *p)
{
	const bool labelled = any_label(p);
	uint64_t first[PASS_LABEL_COUNT] = { 0 }, warm = 0;

	for (size_t i = 0; i < p->passes.n; i++) {
		const struct pass *x = pass_nth(&p->passes, i);

		if (x->label == PASS_WARMUP || x->warmup || (labelled && x->label == PASS_UNLABELLED))
			continue;
		if (!first[x->label] || x->wall_start < first[x->label])
			first[x->label] = x->wall_start;
	}
	for (unsigned l = 0; l < PASS_LABEL_COUNT; l++)
		if (first[l] > warm)
			warm = first[l];
	for (size_t i = 0; warm && i < p->passes.n; i++) {
		const struct pass *x = pass_nth(&p->passes, i);

		if (x->label == PASS_WARMUP && x->end > warm)
			warm = x->end;
	}
	return warm;
}

uint64_t expect_first_pass(const struct process *p)
{
	const bool labelled = any_label(p);
	const struct pass *best = NULL;

	for (size_t i = 0; i < p->passes.n; i++) {
		const struct pass *x = pass_nth(&p->passes, i);

		if (labelled && x->label == PASS_UNLABELLED)
			continue;
		if (!best || x->wall_start < best->wall_start)
			best = x;
	}
	return best ? best->end : 0;
}

/* Realtime of p at ns after the session's first event: both clocks advance alike. */
static uint64_t after_start(const struct session *s, const struct process *p, uint64_t ns)
{
	const uint64_t first = session_time(s, p, p->first), wanted = s->first + ns;

	return wanted > first ? p->first + (wanted - first) : p->first;
}

bool expect_after_time(const struct session *s, const struct process *p, const struct expect_filter *f,
		       uint64_t *ret, const char **ret_why)
{
	*ret = 0;
	if (f->after == EXPECT_AFTER_NOTHING)
		return true;
	if (f->after == EXPECT_AFTER_TIME)
		*ret = after_start(s, p, f->after_ns);
	else if (f->after == EXPECT_AFTER_FIRST_PASS)
		*ret = expect_first_pass(p);
	else
		*ret = expect_warm(p);
	if (*ret)
		return true;
	*ret_why = p->passes.n ? "it has no pass after the warm-up" :
		   p->passes.why_none ? p->passes.why_none : "it has no passes";
	return false;
}

/* --- passes */

/* Passes of other threads looked at on the way to one of this thread: a bound for threads that have none. */
#define LOOK_MAX 65536

const struct pass *expect_pass_at(const struct process *p, uint32_t tid, uint64_t start, uint64_t end, int label)
{
	const struct pass *list = p->passes.list;
	size_t lo = 0, hi = p->passes.n, most;

	while (lo < hi) { /* the first that launches after `end` */
		size_t mid = lo + (hi - lo) / 2;

		if (list[mid].host_start <= end)
			lo = mid + 1;
		else
			hi = mid;
	}
	/* It may have begun before its first launch. */
	most = p->passes.n - lo < LOOK_MAX ? p->passes.n : lo + LOOK_MAX;
	while (hi < most && list[hi].tid != tid)
		hi++;
	if (hi < most)
		lo = hi + 1;
	most = lo < LOOK_MAX ? 0 : lo - LOOK_MAX;
	while (lo-- > most) {
		if (list[lo].tid != tid || list[lo].wall_start > end)
			continue;
		if (list[lo].end < start)
			return NULL; /* passes of a thread follow each other */
		if (label == EXPECT_ANY || list[lo].label == label)
			return &list[lo];
	}
	return NULL;
}

double expect_seconds(const struct session *s, const struct process *p, uint64_t realtime)
{
	return ((double)session_time(s, p, realtime) - (double)s->first) / 1e9;
}

struct expect_pass expect_pass_of(const struct session *s, const struct process *p, const struct pass *x)
{
	const uint64_t at = session_time(s, p, x->wall_start);

	return (struct expect_pass){
		.pid = p->pid,
		.start = at > s->first ? at - s->first : 0,
		.wall = pass_wall(x),
		.label = pass_label_name(x->label),
		.shape = x->shape < p->passes.n_shapes ? p->passes.shapes[x->shape].name : "?",
	};
}

void expect_pass_note(struct expect_item *x, const struct expect_pass *pass)
{
	x->all_passes++;
	if (x->n_passes < EXPECT_PASSES_MAX)
		x->passes[x->n_passes++] = *pass;
}
