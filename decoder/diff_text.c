/* The view of a comparison for people. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "decoder/analysis.h"
#include "decoder/demangle.h"
#include "decoder/diff.h"
#include "decoder/mem.h"
#include "decoder/print.h"
#include "decoder/process_model.h"

#define KERNELS_SHOWN 5   /* of a row */
#define KERNEL_TIME   0.01 /* of the GPU time of a pass: smaller changes are left out */
#define KERNEL_COUNT  0.5 /* of a launch per pass */
#define ROW_FORMAT    "%-24s %11s %8s %8s  %-22s %s\n"

struct view {
	const struct diff *d;
	struct print_style st;
	size_t top;
};

/* "1.023 [0.981, 1.066]" */
static const char *interval_text(char ret[64], const struct ratio_interval *r)
{
	if (r->known)
		snprintf(ret, 64, "%.3f [%.3f, %.3f]", r->ratio, r->lo, r->hi);
	else
		snprintf(ret, 64, "%.3f (n too small)", r->ratio);
	return ret;
}

static const char *p_text(char ret[32], double p)
{
	if (p < 0.001)
		snprintf(ret, 32, "<0.001");
	else
		snprintf(ret, 32, "%.3f", p);
	return ret;
}

static void side_line(const struct view *v, unsigned side)
{
	const struct analysis *a = v->d->side[side];
	char passes[PRINT_BUF];
	size_t n = 0;

	for (size_t i = 0; i < a->s.n; i++)
		n += a->s.list[i]->passes.n;
	printf("%c  ", side ? 'B' : 'A');
	print_text(a->s.path, strlen(a->s.path), 0);
	printf(": %s passes of %zu process%s in %zu run%s, %" PRIu64 " records lost\n", print_count(passes, n),
	       v->d->runs[side].processes, v->d->runs[side].processes == 1 ? "" : "es", v->d->runs[side].n,
	       plural(v->d->runs[side].n), a->s.lost);
}

/* The rows that have this verdict, by name. */
static void named(const struct view *v, enum diff_verdict verdict, const char *lead)
{
	char name[DIFF_NAME];
	size_t n = 0;

	for (size_t i = 0; i < v->d->n; i++) {
		const struct diff_row *r = &v->d->rows[i];

		if (r->verdict != verdict)
			continue;
		diff_row_name(name, r);
		printf("%s%s %.3f times A's [%.3f, %.3f]", n++ ? "; " : lead, name, r->wall.p50.ratio,
		       r->wall.p50.lo, r->wall.p50.hi);
	}
}

/* How large a difference would have had to be: the widest reach of the interval of the row with the most passes. */
static void could_be_seen(const struct view *v)
{
	const struct diff_row *best = NULL;
	char name[DIFF_NAME];

	for (size_t i = 0; i < v->d->n; i++)
		if (v->d->rows[i].wall.p50.known && (!best || v->d->rows[i].n[0] > best->n[0]))
			best = &v->d->rows[i];
	if (!best) {
		printf(": no row has %u passes on both sides", RATIO_MIN_N);
		return;
	}
	diff_row_name(name, best);
	printf("; of %s a change of less than about %.0f %% would not show", name,
	       ceil(100 * fmax(RATIO_EFFECT, (exp(log(best->wall.p50.hi / best->wall.p50.lo) / 2) - 1))));
}

static void verdict_line(const struct view *v)
{
	const struct diff *d = v->d;

	printf("\n%s%s%s", d->verdict == DIFF_SLOWER || d->verdict == DIFF_NOT_COMPARABLE ? v->st.warn : v->st.bold,
	       diff_verdict_name(d->verdict), v->st.off);
	if (d->verdict == DIFF_NOT_COMPARABLE) {
		for (size_t i = 0; i < d->n_reasons; i++)
			printf("%s%s", i ? "; " : ": ", d->reasons[i]);
	} else if (d->verdict == DIFF_NONE) {
		could_be_seen(v);
	} else {
		named(v, DIFF_SLOWER, ": ");
		named(v, DIFF_FASTER, d->verdict == DIFF_BOTH ? "; faster: " : ": ");
	}
	putchar('\n');
	if (d->incomplete && d->verdict != DIFF_NOT_COMPARABLE)
		puts("not certain: a session is not complete (below)");
}

static void note_lines(const struct view *v)
{
	for (size_t i = 0; i < v->d->n_notes; i++) {
		const struct diff_note *n = &v->d->notes[i];
		bool loud = strcmp(n->severity, "info");

		printf("%s%-4s%s  ", loud ? v->st.warn : "", n->severity, loud ? v->st.off : "");
		print_text(n->text, strlen(n->text), 0);
		putchar('\n');
	}
}

static void row_line(const struct view *v, const struct diff_row *r)
{
	char name[DIFF_NAME], n[48], a[32], b[32], p50[64];

	diff_row_name(name, r);
	snprintf(n, sizeof(n), "%zu/%zu", r->n[0], r->n[1]);
	printf(ROW_FORMAT, name, n, phase_ms(a, r->p50[0]), phase_ms(b, r->p50[1]), interval_text(p50, &r->wall.p50),
	       v->d->verdict == DIFF_NOT_COMPARABLE ? "-" :
	       r->wall.p50.known		    ? diff_verdict_name(r->verdict) :
						      "too few passes");
}

static void detail_lines(const struct diff_row *r)
{
	char text[64], p[32], a[VERDICT_TEXT], b[VERDICT_TEXT];

	printf("  p95 %s; ", interval_text(text, &r->wall.p95));
	if (r->gpu_known)
		printf("GPU busy %s; ", interval_text(text, &r->gpu.p50));
	printf("shift %+.3g ms, Mann-Whitney p %s\n  ", r->wall.shift / 1e6, p_text(p, r->wall.mann_whitney_p));
	if (r->how[0] && r->how[1]) {
		verdict_text(a, r->how[0]);
		verdict_text(b, r->how[1]);
		printf("%s", a);
		if (strcmp(a, b))
			printf(" -> %s", b);
		printf("; ");
	}
	printf("matched by %s; medians of %s differ by %.0f %% in A, %.0f %% in B\n", diff_match_name(r->pair->how),
	       r->wall.by_run ? "its runs" : "its parts", 100 * (r->wall.spread_a - 1), 100 * (r->wall.spread_b - 1));
}

static void rows(const struct view *v)
{
	const struct diff *d = v->d;
	size_t shown = 0;

	if (!d->n)
		return;
	printf("\n%s" ROW_FORMAT "%s", v->st.dim, "phase", "n A/B", "p50 A", "p50 B", "ratio [95% interval]",
	       "latency", v->st.off);
	for (size_t i = 0; i < d->n && shown < v->top; i++, shown++) {
		row_line(v, &d->rows[i]);
		if (d->rows[i].wall.p50.known)
			detail_lines(&d->rows[i]);
	}
	if (d->n > shown)
		printf("  %zu more rows are not shown (--top)\n", d->n - shown);
	puts("p50 in ms, of the passes after the warm-up; ratios: B / A; shift: Hodges-Lehmann; Mann-Whitney: as if passes "
	     "were\nindependent, which they are not");
	if (d->runs[0].n == 1 && d->runs[1].n == 1)
		puts("one run on each side: variation from run to run is not in these intervals; give several runs in one "
		     "session directory");
	else if (d->runs[0].n < RATIO_RUNS || d->runs[1].n < RATIO_RUNS)
		printf("fewer than %u runs on a side: variation from run to run is not in these intervals\n", RATIO_RUNS);
}

/* --- what runs */

static bool worth(const struct diff_part *p, double pass_ns)
{
	return fabs(p->ns[1] - p->ns[0]) > KERNEL_TIME * pass_ns ||
	       fabs(p->count[1] - p->count[0]) >= KERNEL_COUNT;
}

static void part_line(const struct diff_part *p, bool mangled)
{
	SCOPED_FREE char *name = mangled ? demangle_short(p->name) : mem_printf("%s", p->name);

	printf("    %+8.1f us  %6.1f -> %-6.1f  ", (p->ns[1] - p->ns[0]) / 1e3, p->count[0], p->count[1]);
	print_text(name, strlen(name), 70);
	printf("%s\n", !mangled ? "" : !p->count[0] ? "  (only in B)" : !p->count[1] ? "  (only in A)" : "");
}

static size_t parts(const struct diff_parts *p, double pass_ns, size_t most, bool mangled)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		if (worth(&p->list[i], pass_ns) && n++ < most)
			part_line(&p->list[i], mangled);
	return n > most ? n - most : 0;
}

static bool changed(const struct diff_parts *p, double pass_ns)
{
	for (size_t i = 0; i < p->n; i++)
		if (worth(&p->list[i], pass_ns))
			return true;
	return false;
}

static void mixes(const struct view *v)
{
	bool any = false;

	for (size_t i = 0; i < v->d->n && i < v->top; i++) {
		const struct diff_row *r = &v->d->rows[i];
		const double ns = fmax(r->row[0]->busy, r->row[1]->busy);
		char name[DIFF_NAME];
		size_t more;

		/* A few passes are no rule. */
		if (!r->wall.p50.known ||
		    (!changed(&r->mix.kernels, ns) && fabs(r->mix.replays[1] - r->mix.replays[0]) < KERNEL_COUNT))
			continue;
		if (!any)
			printf("\n%sWhat runs%s: GPU time and launches a pass, A -> B, where they differ\n", v->st.bold,
			       v->st.off);
		any = true;
		diff_row_name(name, r);
		printf("  %s", name);
		if (r->mix.replays[0] > 0 || r->mix.replays[1] > 0)
			printf(": %.1f -> %.1f graph replays", r->mix.replays[0], r->mix.replays[1]);
		putchar('\n');
		parts(&r->mix.origins, ns, SIZE_MAX, false);
		more = parts(&r->mix.kernels, ns, KERNELS_SHOWN, true);
		if (more)
			printf("    %zu more kernels differ (--json has them)\n", more);
	}
}

static void left(const struct view *v, unsigned side)
{
	const struct diff_match *m = &v->d->match;
	const struct diff_groups *g = side ? &m->b : &m->a;
	const size_t *list = side ? m->left_b : m->left_a, n = side ? m->n_left_b : m->n_left_a;

	if (!n)
		return;
	printf("only in %c:", side ? 'B' : 'A');
	for (size_t i = 0; i < n && i < v->top; i++) {
		const struct diff_group *x = &g->list[list[i]];

		printf("%s %s %s (%zu pass%s)", i ? "," : "", pass_label_name(x->label),
		       phase_shape_name(&v->d->side[side]->phases.rows.list[x->rows[0]]), x->passes,
		       x->passes == 1 ? "" : "es");
	}
	puts(n > v->top ? ", ..." : "");
}

/* ", loads 12.0 ms"; nothing for nothing. */
static void cost_part(const char *name, uint64_t ns)
{
	char text[PRINT_BUF];

	if (ns)
		printf(", %s %s", name, print_ns(text, ns));
}

static void cost(const struct view *v)
{
	printf("\n%sBringing code to the GPU%s\n", v->st.bold, v->st.off);
	for (unsigned i = 0; i < 2; i++) {
		const struct diff_cost *c = &v->d->cost[i];
		char stall[PRINT_BUF];

		printf("  %c: %zu compiled, %zu cached, %zu loaded, %zu recorded; GPU stood still %s", i ? 'B' : 'A',
		       c->compiled, c->cached, c->loaded, c->graphs, print_ns(stall, c->stall_ns));
		if (c->stall_unknown)
			printf(" (not known of %zu)", c->stall_unknown);
		cost_part("compiler processes", c->child_ns);
		cost_part("compilers", c->compiler_ns);
		cost_part("driver JIT", c->jit_ns);
		cost_part("loads", c->load_ns);
		cost_part("graphs", c->graph_ns);
		putchar('\n');
	}
}

void diff_text(const struct diff *d, size_t top)
{
	struct view v = { .d = d, .st = print_style(), .top = top };

	side_line(&v, 0);
	side_line(&v, 1);
	verdict_line(&v);
	note_lines(&v);
	rows(&v);
	left(&v, 0);
	left(&v, 1);
	mixes(&v);
	cost(&v);
}
