/* Can the two sessions be compared at all, and what about them should be known. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/analysis.h"
#include "decoder/diff.h"
#include "decoder/mem.h"
#include "decoder/print.h"
#include "decoder/process_model.h"
#include "trace/event.h"

static const char side_name[2] = { 'A', 'B' };

void diff_reason(struct diff *d, char *text)
{
	MEM_MORE(d->reasons, d->n_reasons, d->reasons_cap);
	d->reasons[d->n_reasons++] = text;
}

/* Bad ones before the others, else in the order in which they came. */
void diff_note(struct diff *d, const char *severity, char *text)
{
	size_t at = d->n_notes;

	MEM_MORE(d->notes, d->n_notes, d->notes_cap);
	if (!strcmp(severity, "bad"))
		for (at = 0; at < d->n_notes && !strcmp(d->notes[at].severity, "bad");)
			at++;
	memmove(d->notes + at + 1, d->notes + at, (d->n_notes - at) * sizeof(*d->notes));
	d->notes[at] = (struct diff_note){ severity, text };
	d->n_notes++;
}

/* --- what the processes of a session have in common, as one text */

/* Distinct texts, sorted, joined; of processes with passes, or of all when none has any. Caller frees. */
struct words {
	char **list;
	size_t n, cap;
};

static int word_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void word_put(struct words *w, char *text)
{
	for (size_t i = 0; i < w->n; i++)
		if (!strcmp(w->list[i], text)) {
			free(text);
			return;
		}
	MEM_MORE(w->list, w->n, w->cap);
	w->list[w->n++] = text;
}

static char *words_join(struct words *w)
{
	char *ret = mem_text("", 0);

	if (w->n)
		qsort(w->list, w->n, sizeof(*w->list), word_order);
	for (size_t i = 0; i < w->n; i++) {
		char *more = mem_printf("%s%s%s", ret, i ? ", " : "", w->list[i]);

		free(ret);
		free(w->list[i]);
		ret = more;
	}
	free(w->list);
	return ret;
}

typedef void (*tell_fn)(struct words *w, const struct session *s, const struct process *p);

static char *told(const struct analysis *a, tell_fn tell)
{
	struct words w = { 0 };
	bool any = false;

	for (size_t i = 0; i < a->s.n; i++)
		any |= a->s.list[i]->passes.n > 0;
	for (size_t i = 0; i < a->s.n; i++)
		if (!any || a->s.list[i]->passes.n)
			tell(&w, &a->s, a->s.list[i]);
	return words_join(&w);
}

static void tell_level(struct words *w, const struct session *s, const struct process *p)
{
	const char *name = event_enum_name(EVENT_PROCESS, PROCESS_LEVEL, p->level);

	(void)s;
	word_put(w, name ? mem_printf("%s", name) : mem_printf("%" PRIu64, p->level));
}

static void tell_device(struct words *w, const struct session *s, const struct process *p)
{
	for (size_t i = 0; i < p->n_devices; i++)
		word_put(w, mem_printf("%s", names_text(&s->names, p->devices[i].name)));
}

static void tell_uuid(struct words *w, const struct session *s, const struct process *p)
{
	(void)s;
	for (size_t i = 0; i < p->n_devices; i++)
		word_put(w, mem_printf("%016" PRIx64 "%016" PRIx64, p->devices[i].uuid_hi,
				       p->devices[i].uuid_lo));
}

static void tell_info(struct words *w, const struct process *p, const char *key)
{
	const char *text = process_info(p, key, NULL);

	if (text)
		word_put(w, mem_printf("%s", text));
}

static void tell_driver(struct words *w, const struct session *s, const struct process *p)
{
	(void)s;
	tell_info(w, p, "driver_version");
}

static void tell_cupti(struct words *w, const struct session *s, const struct process *p)
{
	(void)s;
	tell_info(w, p, "cupti_version");
}

/* A fact that differs. Unknown on one side (an old or cut-off trace) is no difference, but is said. */
static void compare(struct diff *d, const char *what, tell_fn tell, bool needed, const char *why)
{
	SCOPED_FREE char *a = told(d->side[0], tell);
	SCOPED_FREE char *b = told(d->side[1], tell);
	char *text;

	if (!strcmp(a, b))
		return;
	if (!*a || !*b) {
		diff_note(d, "warn", mem_printf("the %s of %c is not in its trace", what, *a ? 'B' : 'A'));
		return;
	}
	text = mem_printf("the %s differs: %s in A, %s in B%s", what, a, b, why);
	if (needed)
		diff_reason(d, text);
	else
		diff_note(d, "warn", text);
}

/* --- one session */

static void no_passes(struct diff *d, unsigned side)
{
	const struct session *s = &d->side[side]->s;
	const char *why = "nothing repeats", *reason;

	for (size_t i = 0; i < s->n; i++) {
		const struct process *p = s->list[i];

		if (!p->level) {
			diff_reason(d, mem_printf("%c was recorded at level churn, without launches: there are no "
						  "passes to compare", side_name[side]));
			return;
		}
		if (!strcmp(process_gpu_records(p, &reason), "none")) {
			diff_reason(d, mem_printf("%c has no GPU records%s%s: there are no passes to compare",
						  side_name[side], *reason ? ": " : "", reason));
			return;
		}
		if (p->passes.why_none)
			why = p->passes.why_none;
	}
	diff_reason(d, mem_printf("%c has no passes: %s", side_name[side], why));
}

/* Part of a session is missing: what there is can be compared, but not with confidence. */
static void incomplete(struct diff *d, char *text)
{
	diff_note(d, "warn", text);
	d->incomplete = true;
}

static void one_session(struct diff *d, unsigned side)
{
	const struct session *s = &d->side[side]->s;
	const char *reason;

	if (!d->side[side]->phases.rows.n)
		no_passes(d, side);
	else
		for (size_t i = 0; i < s->n; i++)
			if (s->list[i]->passes.n && strcmp(process_gpu_records(s->list[i], &reason), "full"))
				incomplete(d, mem_printf("%c, process %" PRIu64 ": GPU records are %s%s%s",
							 side_name[side], s->list[i]->pid,
							 process_gpu_records(s->list[i], &reason),
							 *reason ? ": " : "", reason));
	if (s->lost)
		incomplete(d, mem_printf("%c lost %" PRIu64 " records: passes may be missing, cut in two or "
						"too short", side_name[side], s->lost));
	if (s->truncated)
		incomplete(d, mem_printf("%zu trace%s of %c end%s early or %s damaged: what came after is not "
						"compared", s->truncated, plural(s->truncated), side_name[side],
						s->truncated == 1 ? "s" : "", s->truncated == 1 ? "is" : "are"));
	if (s->failed_files)
		incomplete(d, mem_printf("%zu trace%s of %c could not be read", s->failed_files,
						plural(s->failed_files), side_name[side]));
}

/* --- how phases ran */

static bool compiled(const struct verdict *v)
{
	return v->kind == VERDICT_COMPILED || v->kind == VERDICT_CACHED || v->kind == VERDICT_GRAPH;
}

static bool eager(const struct verdict *v)
{
	return v->kind == VERDICT_EAGER || v->kind == VERDICT_FALLBACK;
}

static void how_changed(struct diff *d, const struct diff_row *r)
{
	char name[DIFF_NAME], a[VERDICT_TEXT], b[VERDICT_TEXT];
	const char *severity = "info";

	if (!r->how[0] || !r->how[1] || r->how[0]->kind == r->how[1]->kind)
		return;
	/* The same code, made or found: the cost of compiling tells. */
	if ((r->how[0]->kind == VERDICT_COMPILED && r->how[1]->kind == VERDICT_CACHED) ||
	    (r->how[0]->kind == VERDICT_CACHED && r->how[1]->kind == VERDICT_COMPILED))
		return;
	diff_row_name(name, r);
	verdict_text(a, r->how[0]);
	verdict_text(b, r->how[1]);
	if (compiled(r->how[0]) && eager(r->how[1]))
		severity = "bad";
	else if (compiled(r->how[0]) && r->how[1]->kind == VERDICT_MIXED)
		severity = "warn";
	diff_note(d, severity, mem_printf("%s: %s in A, %s in B", name, a, b));
}

static void row_notes(struct diff *d, const struct diff_row *r)
{
	char name[DIFF_NAME];

	diff_row_name(name, r);
	how_changed(d, r);
	if (r->pair->how == DIFF_MATCH_WORK && r->wall.p50.known)
		diff_note(d, "warn", mem_printf("%s: matched by its work alone, %.0f %% of what runs is common: see that it "
						"is the same program", name, 100 * r->pair->alike));
	if (r->verdict == DIFF_NONE && r->wall.p95.known && (r->wall.p95.lo > 1 || r->wall.p95.hi < 1) &&
	    r->wall.p50.known)
		diff_note(d, "info", mem_printf("%s: no difference of medians is shown, but p95 is %.2f times A's "
						"[%.2f, %.2f]", name, r->wall.p95.ratio, r->wall.p95.lo,
						r->wall.p95.hi));
	if (r->gpu_known && r->gpu_verdict != DIFF_NONE && r->gpu_verdict != r->verdict)
		diff_note(d, "info", mem_printf("%s: the GPU was busy %.3f times as long a pass [%.3f, %.3f], which "
						"latency does not show", name, r->gpu.p50.ratio, r->gpu.p50.lo,
						r->gpu.p50.hi));
}

void diff_check(struct diff *d)
{
	compare(d, "level", tell_level, true, ": recording more costs more");
	compare(d, "GPU model", tell_device, true, "");
	one_session(d, 0);
	one_session(d, 1);
	if (!d->n && d->side[0]->phases.rows.n && d->side[1]->phases.rows.n)
		diff_reason(d, mem_printf("no shape of A runs what a shape of B runs"));
	if (!d->n_reasons)
		compare(d, "GPU", tell_uuid, false, ": of the same model, but another one");
	compare(d, "driver", tell_driver, false, "");
	compare(d, "CUPTI", tell_cupti, false, "");
	for (size_t i = 0; i < d->n; i++)
		row_notes(d, &d->rows[i]);
}
