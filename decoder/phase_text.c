/* Phases for people, at 100 columns. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "decoder/mem.h"
#include "decoder/phases.h"
#include "decoder/print.h"
#include "decoder/process_model.h"
#include "decoder/session_model.h"

#define ROW_FORMAT "%-8s %-5.5s %6s %4s %2s %5s %-18s %7s %7s %6s %6s %6s %s\n"

struct table {
	const struct phases *v;
	struct print_style st;
	bool bounds; /* some percentile had no upper bound */
};

/* A duration in the row's unit, without it. */
static const char *in_unit(char ret[32], double ns, double unit)
{
	double v = ns / unit;

	snprintf(ret, 32, "%.*f", v >= 99.95 ? 0 : v >= 9.995 ? 1 : 2, v);
	return ret;
}

static const char *with_interval(char ret[PHASE_TEXT], const struct phase_quantile *q, double unit)
{
	char v[32], lo[32], hi[32];

	snprintf(ret, PHASE_TEXT, "%s [%s, %s]", in_unit(v, q->value, unit),
		 q->lo_known ? in_unit(lo, q->lo, unit) : "?", q->hi_known ? in_unit(hi, q->hi, unit) : "?");
	return ret;
}

/* ">=": the lower bound, as there is no upper one; "?" when there is neither. */
static const char *percentile(char ret[PHASE_TEXT], struct table *t, const struct phase_quantile *q,
			      double unit)
{
	char v[32];

	t->bounds |= !q->hi_known;
	if (q->hi_known)
		snprintf(ret, PHASE_TEXT, "%s", in_unit(v, q->value, unit));
	else
		snprintf(ret, PHASE_TEXT, "%s%s", q->lo_known ? ">=" : "?",
			 q->lo_known ? in_unit(v, q->lo, unit) : "");
	return ret;
}

static void header(struct table *t)
{
	fputs(t->st.dim, stdout);
	printf(ROW_FORMAT, "phase", "shape", "passes", "warm", "in", "mean", "p50 [95% interval]", "p95",
	       "p99", "max", "busy", "gap", "verdict");
	fputs(t->st.off, stdout);
}

static void row(struct table *t, size_t i)
{
	const struct phase_row *r = &t->v->rows.list[i];
	double unit = r->p50.value < 1e6 ? 1e3 : 1e6;
	char passes[PRINT_BUF], warm[PRINT_BUF], mean[32], max[32], busy[32], gap[32];
	char p50[PHASE_TEXT], p95[PHASE_TEXT], p99[PHASE_TEXT];

	snprintf(passes, sizeof(passes), "%zu", r->passes);
	snprintf(warm, sizeof(warm), "%zu", r->warmup);
	printf(ROW_FORMAT, pass_label_name(r->label), phase_shape_name(r), passes, warm,
	       unit < 1e6 ? "us" : "ms", in_unit(mean, r->mean, unit), with_interval(p50, &r->p50, unit),
	       percentile(p95, t, &r->p95, unit), percentile(p99, t, &r->p99, unit),
	       in_unit(max, r->max, unit), in_unit(busy, r->busy, unit), in_unit(gap, r->gap, unit),
	       verdict_name(t->v->verdicts.list[i].kind));
}

/* The share of time says more than the share of passes: prefill is rare and long. */
static void mixture_lines(struct table *t, size_t process)
{
	const struct phase_table *rows = &t->v->rows;
	struct phase_mixture m;

	for (size_t i = 0; i < rows->n; i += m.n) {
		phase_mixture_of(&m, rows, i);
		if (rows->list[i].process != process || m.n < 2 ||
		    rows->list[i].label == PASS_UNLABELLED)
			continue;
		printf("  %s mixes %zu shapes:", pass_label_name(rows->list[i].label), m.n);
		for (size_t k = i; k < i + m.n && k < i + 4; k++)
			printf("%s %s %.0f%% of passes, %.0f%% of time", k > i ? ";" : "",
			       phase_shape_name(&rows->list[k]),
			       100 * (double)rows->list[k].passes / (double)m.passes,
			       m.total > 0 ? 100 * rows->list[k].total / m.total : 0);
		puts(m.n > 4 ? "; ..." : "");
	}
}

/* What the passes were not found from, or with less than it should have. */
static void unread(const struct table *t, const struct op_stream_status *s)
{
	const uint64_t n[] = { s->unmatched, s->orphans, s->late, s->unplaced };
	static const char *const what[][2] = {
		{ "launch without a GPU record", "launches without a GPU record" },
		{ "GPU record without a launch (left out)", "GPU records without a launch (left out)" },
		{ "record too late in the file (left out)", "records too late in the file (left out)" },
		{ "record without a correlation id (left out)",
		  "records without a correlation id (left out)" },
	};
	char a[PRINT_BUF];
	bool some = false;

	for (size_t i = 0; i < sizeof(n) / sizeof(*n); i++) {
		if (n[i])
			printf("%s%s %s", some ? ", " : t->st.warn, print_count(a, n[i]),
			       what[i][n[i] != 1]);
		some |= n[i] != 0;
	}
	if (some)
		printf("%s\n", t->st.off);
}

static void process_head(struct table *t, size_t i)
{
	const struct process *p = t->v->session->list[i];
	const struct pass_table *l = &p->passes;
	char a[PRINT_BUF], b[PRINT_BUF], c[PRINT_BUF];

	if (!l->n) {
		printf("Process %" PRIu64 ": no passes: %s\n", p->pid,
		       l->why_none ? l->why_none : "nothing repeats");
		unread(t, &l->reading);
		return;
	}
	printf("%sProcess %" PRIu64 "%s: %s pass%s in %zu shape%s; %s of %s operations are in no pass\n",
	       t->st.bold, p->pid, t->st.off, print_count(a, l->n), l->n == 1 ? "" : "es", l->n_shapes,
	       plural(l->n_shapes),
	       print_count(b, l->ops_outside), print_count(c, l->ops));
	if (p->lost)
		printf("%s%" PRIu64 " records were lost: passes may be missing, cut in two or too short%s\n",
		       t->st.warn, p->lost, t->st.off);
	unread(t, &l->reading);
}

static void rows_of(struct table *t, size_t process, size_t top)
{
	const struct phase_table *rows = &t->v->rows;
	size_t n = 0;

	for (size_t i = 0; i < rows->n; i++) {
		if (rows->list[i].process != process)
			continue;
		if (!n)
			header(t);
		if (n++ < top)
			row(t, i);
	}
	if (n > top)
		printf("  %zu more rows are not shown (--top)\n", n - top);
}

static void notes(const struct table *t)
{
	puts("mean, percentiles and max are of the passes after the warm-up; busy (GPU) and gap (host) are\n"
	     "medians of the same passes; verdict: how they ran (jitness phases --explain says why)");
	if (t->bounds)
		puts(">=: n too small for an upper bound of this percentile; the number is its lower "
		     "bound, ?: none");
}

static void findings_text(const struct phases *v, struct print_style st, size_t top)
{
	const struct findings *f = &v->findings;

	if (f->n)
		printf("\n%sFindings%s\n", st.bold, st.off);
	for (size_t i = 0; i < f->n && i < top; i++) {
		bool warn = strcmp(finding_severity_name(f->list[i].id), "info") != 0;

		printf("%s%-4s%s  %s\n", warn ? st.warn : "", finding_severity_name(f->list[i].id),
		       warn ? st.off : "", f->list[i].text);
		for (size_t k = 0; k < f->list[i].n_evidence; k++)
			printf("      - %s\n", f->list[i].evidence[k]);
	}
	if (f->n > top)
		printf("%zu more are not shown (--top)\n", f->n - top);
}

/* Of one row: how much of the excess each reason explains. */
static void tail_row(const struct phases *v, size_t from, size_t to)
{
	const struct phase_row *r = &v->rows.list[v->tail.list[from].row];
	double part[TAIL_REASON_COUNT] = { 0 }, all = 0;
	size_t in[TAIL_REASON_COUNT] = { 0 };
	char a[32];

	for (size_t i = from; i < to; i++) {
		all += v->tail.list[i].excess;
		for (unsigned k = 0; k < TAIL_REASON_COUNT; k++) {
			part[k] += v->tail.list[i].part[k];
			in[k] += v->tail.list[i].reason == k;
		}
	}
	printf("%s %s: %zu pass%s, %s ms over the median in all:", pass_label_name(r->label),
	       phase_shape_name(r), to - from, to - from == 1 ? "" : "es", phase_ms(a, all));
	for (bool first = true;; first = false) {
		unsigned best = 0;

		for (unsigned k = 0; k < TAIL_REASON_COUNT; k++)
			if (part[k] > part[best])
				best = k;
		if (part[best] <= 0)
			break;
		printf("%s %s %.0f%%", first ? "" : ",", tail_reason_name((enum tail_reason)best),
		       all > 0 ? 100 * part[best] / all : 0);
		part[best] = 0;
	}
	putchar('\n');
}

static const struct tail *order_of; /* qsort has no argument for its order */

static int most_excess(const void *a, const void *b)
{
	const struct tail_pass *x = &order_of->list[*(const size_t *)a];
	const struct tail_pass *y = &order_of->list[*(const size_t *)b];

	if (x->excess != y->excess)
		return x->excess < y->excess ? 1 : -1;
	return x < y ? -1 : x > y;
}

static void tail_line(const struct phases *v, const struct tail_pass *t)
{
	const struct phase_row *r = &v->rows.list[t->row];
	const struct pass *x = &r->p->passes.list[t->pass];
	uint64_t start = session_time(v->session, r->p, x->wall_start);
	char wall[32], excess[32];

	printf("%10.3fs  %-8s %-5.5s %8s ms (+%s)  %s %.0f%%",
	       ((double)start - (double)v->session->first) / 1e9, pass_label_name(r->label),
	       phase_shape_name(r), phase_ms(wall, (double)pass_wall(x)), phase_ms(excess, t->excess),
	       tail_reason_name(t->reason), t->excess > 0 ? 100 * t->part[t->reason] / t->excess : 100);
	if (t->episode)
		printf(" (episode %" PRIu32 ")", t->episode);
	if (t->reason == TAIL_STRETCHED)
		printf(" (GPU busy x%.2f)", t->stretch);
	if (t->row != t->against)
		printf(" (against %s)", phase_shape_name(&v->rows.list[t->against]));
	putchar('\n');
}

static void tail_text(const struct phases *v, struct print_style st, size_t top)
{
	const struct tail *t = &v->tail;
	SCOPED_FREE size_t *order = mem_zalloc(t->n + 1, sizeof(*order));

	if (!t->n)
		return;
	printf("\n%sTail%s: passes slower than the p95 of their phase and shape, and what was different\n",
	       st.bold, st.off);
	for (size_t from = 0, to; from < t->n; from = to) {
		for (to = from; to < t->n && t->list[to].row == t->list[from].row; to++)
			;
		tail_row(v, from, to);
	}
	for (size_t i = 0; i < t->n; i++)
		order[i] = i;
	order_of = t;
	qsort(order, t->n, sizeof(*order), most_excess);
	for (size_t i = 0; i < t->n && i < top; i++)
		tail_line(v, &t->list[order[i]]);
	if (t->n > top)
		printf("%12s%zu more are not shown (--top)\n", "", t->n - top);
}

void phases_reference_line(const struct phases *p)
{
	struct print_style st = print_style();

	if (!p->reference_unused)
		return;
	fputs(st.warn, stdout);
	print_text(p->reference_unused, strlen(p->reference_unused), 0);
	printf("%s\n", st.off);
}

void phases_text(const struct phases *v, size_t top)
{
	struct table t = { .v = v, .st = print_style() };

	phases_reference_line(v);
	for (size_t i = 0; i < v->session->n; i++) {
		if (i)
			putchar('\n');
		process_head(&t, i);
		rows_of(&t, i, top);
		mixture_lines(&t, i);
	}
	if (!v->rows.n)
		return;
	notes(&t);
	findings_text(v, t.st, top);
	tail_text(v, t.st, top);
}

void phases_table(const struct phases *v, size_t top)
{
	struct table t = { .v = v, .st = print_style() };

	if (v->reference_unused)
		putchar('\n');
	phases_reference_line(v);
	if (!v->rows.n)
		return;
	printf("\n%sPhases%s: latency of forward passes (jitness phases has findings and the tail)\n",
	       t.st.bold, t.st.off);
	for (size_t i = 0; i < v->session->n; i++) {
		if (!v->session->list[i]->passes.n)
			continue;
		process_head(&t, i);
		rows_of(&t, i, top);
	}
	notes(&t);
}
