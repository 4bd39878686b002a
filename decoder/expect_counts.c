/* Values of one session that are counts and sums: compiles, loads, graphs, stalls, losses, findings. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/analysis.h"
#include "decoder/expect_scope.h"
#include "decoder/mem.h"
#include "decoder/origin.h"
#include "decoder/print.h"
#include "decoder/process_model.h"
#include "decoder/report_stack.h"
#include "decoder/timeline.h"

#define NAMED_MAX 3 /* episodes told in a sentence */

/* Does it belong to what is counted? Where that is not known, it may. */
enum belongs { BELONGS_NO, BELONGS_MAYBE, BELONGS };

struct count {
	const struct analysis *a;
	const struct expect *e;
	double sum, maybe;      /* what belongs; what may belong */
	char *doubt;            /* why it is not known, or why more may be true */
	const struct episode *named[NAMED_MAX]; /* for the sentence: the first, or those that held the GPU longest */
	size_t n_named, n_more;
	bool by_stall;
	struct expect_item passes; /* passes and all_passes only */
	const struct pass *last;   /* noted: several episodes can lie in one */
};

static bool selects(const struct expect_filter *f, const struct process *p)
{
	return !f->has_process || (p && p->pid == f->process);
}

static void doubt(struct count *c, char *text)
{
	if (c->doubt)
		free(text);
	else
		c->doubt = text;
}

static enum belongs both(enum belongs a, enum belongs b)
{
	return a < b ? a : b;
}

/* " after 12.3 s (the end of the warm-up)" and the like; of the process with the latest. */
static char *after_text(const struct analysis *a, const struct expect_filter *f)
{
	const char *const what = f->after == EXPECT_AFTER_WARMUP ? "the end of the warm-up" :
							   "the end of the first pass";
	double at = -1;

	if (f->after == EXPECT_AFTER_NOTHING)
		return mem_printf("%s", "");
	if (f->after == EXPECT_AFTER_TIME)
		return mem_printf(" after %.3f s", (double)f->after_ns / 1e9);
	for (size_t i = 0; i < a->s.n; i++) {
		const char *why;
		uint64_t t;

		if (selects(f, a->s.list[i]) && expect_after_time(&a->s, a->s.list[i], f, &t, &why)) {
			const double s = expect_seconds(&a->s, a->s.list[i], t);

			at = s > at ? s : at;
		}
	}
	return at < 0 ? mem_printf(" after %s", what) : mem_printf(" after %s (%.3f s)", what, at);
}

/* Is `time` of a process behind where counting begins? */
static enum belongs behind(struct count *c, const struct process *p, uint64_t time)
{
	const char *why;
	uint64_t after;

	if (expect_after_time(&c->a->s, p, &c->e->filter, &after, &why))
		return time >= after ? BELONGS : BELONGS_NO;
	return BELONGS_MAYBE;
}

/* Why behind() could not say. */
static void behind_doubt(struct count *c, const struct process *p)
{
	const char *why = NULL;
	uint64_t after;

	if (!c->doubt && !expect_after_time(&c->a->s, p, &c->e->filter, &after, &why))
		doubt(c, mem_printf("when the warm-up of process %" PRIu64 " ended is not known: %s", p->pid, why));
}

static void count_one(struct count *c, enum belongs is, const struct process *p)
{
	c->sum += is == BELONGS;
	c->maybe += is == BELONGS_MAYBE;
	if (is == BELONGS_MAYBE)
		behind_doubt(c, p);
}

static enum belongs by_origin(const struct count *c, const struct origin_verdict *v)
{
	const struct expect_filter *f = &c->e->filter;

	if (v->id == ORIGIN_USER && *f->user_origin)
		return strcmp(origin_name(&c->a->s, v), f->user_origin) ? BELONGS_NO : BELONGS;
	return f->origin == EXPECT_ANY || v->id == f->origin ? BELONGS :
	       v->id == ORIGIN_UNKNOWN ? BELONGS_MAYBE : BELONGS_NO;
}

static enum belongs by_how(const struct count *c, unsigned how)
{
	const int wanted = c->e->filter.how;

	return wanted == EXPECT_ANY || (int)how == wanted ? BELONGS :
	       how == MODULE_UNKNOWN ? BELONGS_MAYBE : BELONGS_NO;
}

static const struct pass *pass_of(const struct episode *e, int label)
{
	const struct pass *x = NULL;

	if (!e->p)
		return NULL;
	if (!e->n_spans)
		return expect_pass_at(e->p, e->trigger.tid, e->start, e->end, label);
	for (size_t i = 0; !x && i < e->n_spans; i++)
		x = expect_pass_at(e->p, e->trigger.tid, e->spans[i].start, e->spans[i].end, label);
	return x;
}

static enum belongs by_phase(const struct count *c, const struct episode *e)
{
	if (c->e->filter.phase == EXPECT_ANY)
		return BELONGS;
	if (pass_of(e, c->e->filter.phase))
		return BELONGS;
	return e->p && !e->p->passes.n ? BELONGS_MAYBE : BELONGS_NO;
}

/* An episode can be long: what counts is when its code of that making came to the GPU. */
static enum belongs by_time(struct count *c, const struct episode *e)
{
	enum belongs best = BELONGS_NO;

	if (c->e->filter.after == EXPECT_AFTER_NOTHING)
		return BELONGS;
	if (!e->n_modules)
		return behind(c, e->p, e->start);
	for (size_t i = 0; i < e->n_modules && best < BELONGS; i++) {
		const struct module *m = &e->p->modules.modules[e->modules[i]];
		const enum belongs is = both(by_how(c, m->how), behind(c, e->p, m->time));

		best = is > best ? is : best;
	}
	return best;
}

static void name_episode(struct count *c, const struct episode *e)
{
	size_t at = c->n_named;

	while (c->by_stall && at > 0 && c->named[at - 1]->stall_ns < e->stall_ns)
		at--;
	if (c->n_named == NAMED_MAX)
		c->n_more++;
	else
		c->n_named++;
	if (at == NAMED_MAX)
		return;
	memmove(&c->named[at + 1], &c->named[at], (c->n_named - 1 - at) * sizeof(c->named[0]));
	c->named[at] = e;
}

/* ": inductor at 26.137 s (5.71 s, a.py:83 forward); ..." */
static char *named_text(const struct count *c)
{
	const struct session *s = &c->a->s;
	char *text = mem_printf("%s", "");

	for (size_t i = 0; i < c->n_named; i++) {
		const struct episode *e = c->named[i];
		struct report_stacks stacks = { .session = s };
		SCOPED_FREE char *before = text, *trigger = timeline_trigger(e, s, &stacks, true);
		char took[PRINT_BUF];

		report_stacks_release(&stacks);
		text = mem_printf("%s%s%s at %.3f s (%s%s%s)", before, i ? "; " : ": ", episode_origin_name(s, e),
				  expect_seconds(s, e->p, e->start),
				  print_ns(took, c->by_stall ? e->stall_ns : e->end - e->start),
				  trigger ? ", " : "", trigger ? trigger : "");
	}
	return text;
}

static void note_pass(struct count *c, const struct episode *e)
{
	const struct pass *x = pass_of(e, c->e->filter.phase);
	struct expect_pass p;

	if (!x || x == c->last)
		return;
	c->last = x;
	p = expect_pass_of(&c->a->s, e->p, x);
	expect_pass_note(&c->passes, &p);
}

/* A process that is not there, a phase that has no pass: not even 0 can be said of it. */
static bool not_there(const struct count *c, struct expect_values *ret)
{
	const struct expect_filter *f = &c->e->filter;
	struct expect_selector q = { .has_process = f->has_process, .process = f->process };
	bool process = false, phase = f->phase == EXPECT_ANY;

	for (size_t i = 0; i < c->a->s.n; i++) {
		const struct process *p = c->a->s.list[i];

		if (!selects(f, p))
			continue;
		process = true;
		for (size_t k = 0; k < p->passes.n && !phase; k++)
			phase = pass_nth(&p->passes, k)->label == f->phase;
	}
	if (process && phase)
		return false;
	if (!phase) {
		q.labels = 1u << f->phase;
		snprintf(q.name, sizeof(q.name), "%s", pass_label_name((unsigned)f->phase));
	}
	expect_values_none(ret, c->a, &q);
	return true;
}

/*
 * To the values, with the words for what was counted. missing: why there may be more than was recorded, or NULL;
 * both are taken.
 */
static void add(struct count *c, struct expect_values *ret, char *what, char *missing)
{
	SCOPED_FREE char *more = c->n_more ? mem_printf("; and %zu more", c->n_more) : NULL;
	SCOPED_FREE char *named = named_text(c), *counted = what;
	const bool open = missing != NULL;
	struct expect_item *x;

	if (missing)
		doubt(c, missing);
	if (not_there(c, ret)) {
		free(c->doubt);
		return;
	}
	x = expect_values_add(ret, mem_printf("%s%s%s", counted, named, more ? more : ""));
	x->value = x->lo = c->sum;
	x->hi = open ? INFINITY : c->sum + c->maybe;
	x->bounds = x->hi > x->lo ? EXPECT_WITHIN : EXPECT_EXACT;
	x->doubt = c->doubt;
	memcpy(x->passes, c->passes.passes, sizeof(x->passes));
	x->n_passes = c->passes.n_passes;
	x->all_passes = c->passes.all_passes;
}

/* What is missing: why, or what the traces of the selected processes lack. */
static char *missing(const struct count *c, char *why)
{
	return why ? why : expect_incomplete_any(&c->a->s, c->e->filter.has_process, c->e->filter.process);
}

static char *unlisted(uint64_t n, const char *what)
{
	return n ? mem_printf("%" PRIu64 " %s are not listed", n, what) : NULL;
}

static void maybe_doubt(struct count *c)
{
	if (c->maybe > 0)
		doubt(c, mem_printf("%.0f more may be: their origin, making or time is not known", c->maybe));
}

static const char *origin_text(const struct expect *e)
{
	return e->filter.origin == EXPECT_ANY ? "" :
	       *e->filter.user_origin ? e->filter.user_origin : origin_id_name((enum origin_id)e->filter.origin);
}

void expect_values_episodes(const struct analysis *a, const struct expect *e, struct expect_values *ret)
{
	static const char *const what[MODULE_HOWS][2] = {
		[MODULE_UNKNOWN] = { "act of unknown making", "acts of unknown making" },
		[MODULE_COMPILED] = { "compile", "compiles" },
		[MODULE_CACHED] = { "act of loading from a cache", "acts of loading from a cache" },
		[MODULE_LOADED] = { "load", "loads" },
	};
	const struct episodes *list = &a->s.episodes;
	struct count c = { .a = a, .e = e };
	SCOPED_FREE char *after = after_text(a, &e->filter);

	for (size_t i = 0; i < list->n; i++) {
		const struct episode *x = &list->list[i];
		enum belongs is;

		if (x->kind != EPISODE_CODE || !x->p || !selects(&e->filter, x->p))
			continue;
		is = both(by_origin(&c, &x->origin), by_how(&c, x->how));
		if (!is || !(is = both(is, by_phase(&c, x))) || !(is = both(is, by_time(&c, x))))
			continue;
		count_one(&c, is, x->p);
		if (is == BELONGS) {
			name_episode(&c, x);
			note_pass(&c, x);
		}
	}
	maybe_doubt(&c);
	add(&c, ret, mem_printf("%.0f %s%s%s%s", c.sum, what[e->filter.how][c.sum != 1],
				*origin_text(e) ? " of " : "", origin_text(e), after),
	    missing(&c, unlisted(list->unlisted, "episodes")));
}

void expect_values_modules(const struct analysis *a, const struct expect *e, struct expect_values *ret)
{
	struct count c = { .a = a, .e = e };
	SCOPED_FREE char *after = after_text(a, &e->filter);
	uint64_t beyond = 0;

	for (size_t i = 0; i < a->s.n; i++) {
		const struct process *p = a->s.list[i];

		if (!selects(&e->filter, p))
			continue;
		beyond += p->modules.unlisted;
		for (size_t k = 0; k < p->modules.n_modules; k++) {
			const struct module *m = &p->modules.modules[k];
			enum belongs is = both(by_origin(&c, &p->origins[k]), by_how(&c, m->how));

			is = both(is, behind(&c, p, m->time));
			if (is && e->filter.phase != EXPECT_ANY &&
			    !expect_pass_at(p, m->tid, m->time, m->time, e->filter.phase))
				is = p->passes.n ? BELONGS_NO : BELONGS_MAYBE;
			count_one(&c, is, p);
		}
	}
	maybe_doubt(&c);
	add(&c, ret, mem_printf("%.0f module%s%s%s%s", c.sum, c.sum == 1 ? "" : "s",
				*origin_text(e) ? " of " : "", origin_text(e), after),
	    missing(&c, unlisted(beyond, "modules")));
}

void expect_values_graphs(const struct analysis *a, const struct expect *e, struct expect_values *ret)
{
	struct count c = { .a = a, .e = e };
	SCOPED_FREE char *after = after_text(a, &e->filter);
	uint64_t beyond = 0;

	for (size_t i = 0; i < a->s.n; i++) {
		const struct process *p = a->s.list[i];

		if (!selects(&e->filter, p))
			continue;
		beyond += p->graphs.unlisted;
		for (size_t k = 0; k < p->graphs.n_recordings; k++) {
			const struct graph_recording *g = &p->graphs.recordings[k];
			enum belongs is = g->graph && !g->failed ? behind(&c, p, g->start) : BELONGS_NO;

			count_one(&c, is, p);
		}
	}
	maybe_doubt(&c);
	add(&c, ret, mem_printf("%.0f executable graph%s%s", c.sum, c.sum == 1 ? "" : "s", after),
	    missing(&c, unlisted(beyond, "records of graphs")));
}

/* --- stalls */

/* An episode that began before and ended after: how much of its stall lies behind is not known. */
static void stall_of(struct count *c, const struct episode *x, enum belongs is)
{
	const enum belongs start = behind(c, x->p, x->start), end = behind(c, x->p, x->end);

	if (!is || end == BELONGS_NO)
		return;
	if (!x->stall_known) {
		doubt(c, mem_printf("the stall at %.3f s is not known: %s",
				    expect_seconds(&c->a->s, x->p, x->start), x->stall_why));
		c->maybe = INFINITY;
		return;
	}
	if (!x->stall_ns)
		return;
	if (both(is, both(start, end)) == BELONGS) {
		c->sum += (double)x->stall_ns;
		name_episode(c, x);
		note_pass(c, x);
		return;
	}
	c->maybe += (double)x->stall_ns;
	behind_doubt(c, x->p);
	doubt(c, mem_printf("of the episode at %.3f s it is not known whether it belongs",
			    expect_seconds(&c->a->s, x->p, x->start)));
}

static void stalls(struct count *c, const struct process *only)
{
	const struct episodes *list = &c->a->s.episodes;

	c->by_stall = true;
	for (size_t i = 0; i < list->n; i++) {
		const struct episode *x = &list->list[i];
		enum belongs is;

		if (!x->p || x->kind == EPISODE_CHILDREN || !selects(&c->e->filter, x->p) ||
		    (only && x->p != only))
			continue;
		is = x->kind == EPISODE_CODE ? both(by_origin(c, &x->origin), by_how(c, x->how)) :
		     c->e->filter.origin == EXPECT_ANY && c->e->filter.how == EXPECT_ANY ? BELONGS : BELONGS_NO;
		stall_of(c, x, both(is, by_phase(c, x)));
	}
}

void expect_values_stall(const struct analysis *a, const struct expect *e, struct expect_values *ret)
{
	struct count c = { .a = a, .e = e };
	SCOPED_FREE char *after = after_text(a, &e->filter);
	char value[EXPECT_VALUE_TEXT];

	stalls(&c, NULL);
	add(&c, ret, mem_printf("%s of stalls%s", expect_value_text(value, e, c.sum), after),
	    missing(&c, unlisted(a->s.episodes.unlisted, "episodes")));
}

/* By process: the wall time after its own warm-up is what the stalls are a share of. */
static void stall_share(const struct analysis *a, const struct expect *e, const struct process *p,
			struct expect_values *ret)
{
	struct count c = { .a = a, .e = e };
	uint64_t from = expect_warm(p), wall = from && p->last > from ? p->last - from : 0;
	char value[EXPECT_VALUE_TEXT], stall[PRINT_BUF], took[PRINT_BUF];
	struct expect_item *x;
	uint64_t ns;
	char *why;

	if (!wall) {
		x = expect_values_add(ret, mem_printf("process %" PRIu64 ": no figure", p->pid));
		x->bounds = EXPECT_WITHIN;
		x->hi = 1;
		x->doubt = mem_printf("it has no pass after the warm-up%s%s", p->passes.why_none ? ": " : "",
				      p->passes.why_none ? p->passes.why_none : "");
		return;
	}
	stalls(&c, p);
	ns = (uint64_t)c.sum;
	c.sum /= (double)wall;
	c.maybe /= (double)wall;
	why = expect_blind(p);
	add(&c, ret, mem_printf("process %" PRIu64 ": %s, %s in %s after the end of the warm-up (%.3f s)", p->pid,
				expect_value_text(value, e, c.sum), print_ns(stall, ns), print_ns(took, wall),
				expect_seconds(&a->s, p, from)),
	    why ? why : expect_incomplete(p));
}

void expect_values_stall_share(const struct analysis *a, const struct expect *e, struct expect_values *ret)
{
	struct expect late = *e; /* the same question, from the end of the warm-up on */

	late.filter.after = EXPECT_AFTER_WARMUP;
	for (size_t i = 0; i < a->s.n; i++) {
		const struct process *p = a->s.list[i];

		/* Helpers that launch nothing have no warm-up and nothing to stall. */
		if (selects(&e->filter, p) && (p->passes.n || p->modules.n_modules || p->launch.count))
			stall_share(a, &late, p, ret);
	}
	if (!ret->n) {
		ret->nothing = mem_printf("no process used a GPU");
		ret->absent = expect_recorded(&a->s, e->filter.has_process, e->filter.process);
	}
}

/* --- totals */

static char *cut_off(const struct process *p)
{
	return p->status.ended ? NULL :
	       mem_printf("process %" PRIu64 " was cut off: its last GPU records may be missing", p->pid);
}

static void total(const struct analysis *a, const struct expect *e, struct expect_values *ret, bool kernels)
{
	struct count c = { .a = a, .e = e };
	char *why = expect_blind_any(&a->s, e->filter.has_process, e->filter.process);

	for (size_t i = 0; i < a->s.n; i++) {
		const struct process *p = a->s.list[i];

		if (!selects(&e->filter, p))
			continue;
		c.sum += (double)(kernels ? p->kernel.count : p->launch.count);
		if (kernels && !why)
			why = cut_off(p);
	}
	add(&c, ret, mem_printf("%.0f %s", c.sum, kernels ? c.sum == 1 ? "kernel" : "kernels" :
						  c.sum == 1 ? "launch" : "launches"), missing(&c, why));
}

void expect_values_launches(const struct analysis *a, const struct expect *e, struct expect_values *ret)
{
	total(a, e, ret, false);
}

void expect_values_kernels(const struct analysis *a, const struct expect *e, struct expect_values *ret)
{
	total(a, e, ret, true);
}

void expect_values_lost(const struct analysis *a, const struct expect *e, struct expect_values *ret)
{
	struct count c = { .a = a, .e = e, .sum = (double)a->s.lost };

	add(&c, ret, mem_printf("%" PRIu64 " record%s lost", a->s.lost, a->s.lost == 1 ? " was" : "s were"),
	    expect_unfinished_any(&a->s));
}

void expect_values_truncated(const struct analysis *a, const struct expect *e, struct expect_values *ret)
{
	const size_t n = a->s.truncated + a->s.failed_files + a->s.empty_files;
	struct expect_item *x;

	(void)e;
	x = expect_values_add(ret, mem_printf("%zu of %zu traces have no clean end or are damaged", n,
					      a->s.n + a->s.failed_files + a->s.empty_files));
	x->value = (double)n;
}

void expect_values_findings(const struct analysis *a, const struct expect *e, struct expect_values *ret)
{
	const struct findings *list = &a->phases.findings;
	struct count c = { .a = a, .e = e };
	const char *first = NULL;

	for (size_t i = 0; i < list->n; i++) {
		const struct finding *x = &list->list[i];

		if (!selects(&e->filter, a->phases.rows.list[x->row].p) ||
		    (e->filter.finding != EXPECT_ANY && (int)x->id != e->filter.finding))
			continue;
		c.sum++;
		first = first ? first : x->text;
	}
	add(&c, ret, mem_printf("%.0f finding%s%s%s%s%s", c.sum, c.sum == 1 ? "" : "s",
				e->filter.finding == EXPECT_ANY ? "" : " of ",
				e->filter.finding == EXPECT_ANY ? "" :
				finding_id_name((enum finding_id)e->filter.finding),
				first ? ", e.g. " : "", first ? first : ""),
	    missing(&c, expect_blind_any(&a->s, e->filter.has_process, e->filter.process)));
}
