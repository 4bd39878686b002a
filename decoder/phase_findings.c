#include "decoder/phase_findings.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/changepoint.h"
#include "decoder/coldstart.h"
#include "decoder/mem.h"
#include "decoder/print.h"
#include "decoder/process_model.h"
#include "decoder/stats.h"

#define SERIES_MIN     5    /* passes before anything is said about their order */
#define SLOW_MIN       1.02 /* first passes against the rest, of medians: changepoint.h's delta */
#define STRETCH_MIN    1.05 /* GPU busy of the same kernels, against the steady state */
#define STRETCH_SHARE  0.5  /* of the slowdown that GPU time must explain */
#define MODES_MIN      1.2  /* fastest of the slow shapes against slowest of the fast ones */
#define FLIP_ROWS      8    /* of a phase, compared in pairs: those with the most passes are first */
#define FLIP_MIN       0.005 /* of the median: smaller differences have no sign */
#define SHARES_SHOWN   4

const char *finding_id_name(enum finding_id id)
{
	static const char *const names[] = {
#define X(N, s, v) s,
		FINDING_IDS(X)
#undef X
	};

	return names[id];
}

const char *finding_severity_name(enum finding_id id)
{
	static const enum finding_severity levels[] = {
#define X(N, s, v) FINDING_##v##_LEVEL,
		FINDING_IDS(X)
#undef X
	};
	static const char *const names[] = { "info", "warn", "bad" };

	return names[levels[id]];
}

struct finding *finding_add(struct findings *f, enum finding_id id, size_t row, char *text)
{
	MEM_MORE(f->list, f->n, f->cap);
	f->list[f->n] = (struct finding){ .id = id, .row = row, .text = text };
	return &f->list[f->n++];
}

void finding_evidence(struct finding *f, char *text)
{
	if (f->n_evidence < FINDING_EVIDENCE_MAX)
		f->evidence[f->n_evidence++] = text;
	else
		free(text);
}

/* --- one row's passes in order */

struct series {
	const struct phase_row *r;
	size_t row;
	double *wall;
	size_t n;
	struct changepoints c;
	char name[64]; /* "decode s2" */
};

static double median_wall(const struct series *s, size_t from, size_t to)
{
	SCOPED_FREE double *x = mem_zalloc(to - from, sizeof(*x));

	memcpy(x, s->wall + from, (to - from) * sizeof(*x));
	return stats_median(x, to - from);
}

static const struct pass *series_pass(const struct series *s, size_t i)
{
	return pass_nth(&s->r->p->passes, s->r->list[i]);
}

static double median_busy(const struct series *s, size_t from, size_t to)
{
	SCOPED_FREE double *x = mem_zalloc(to - from, sizeof(*x));

	for (size_t i = from; i < to; i++)
		x[i - from] = (double)series_pass(s, i)->busy_ns;
	return stats_median(x, to - from);
}

static double mean_of(const double *x, size_t from, size_t to)
{
	struct stats_moments m;

	stats_moments(&m, x + from, to - from);
	return m.mean;
}

/* What leaving out the first k does. */
static void effect(struct finding *f, struct series *s, size_t k)
{
	char a[32], b[32], c[32], d[32];

	finding_evidence(f, mem_printf("mean %s ms with %s, %s ms without; median %s ms and %s ms",
			       phase_ms(a, mean_of(s->wall, 0, s->n)), k == 1 ? "it" : "them",
			       phase_ms(b, mean_of(s->wall, k, s->n)),
			       phase_ms(c, median_wall(s, 0, s->n)),
			       phase_ms(d, median_wall(s, k, s->n))));
}

/* The same kernels, and the GPU needed longer for them: [from, to) against the reference. */
static void stretched(struct findings *f, struct series *s, size_t from, size_t to, size_t ref_from,
		      size_t ref_to)
{
	double busy = median_busy(s, from, to), ref_busy = median_busy(s, ref_from, ref_to);
	double wall = median_wall(s, from, to), ref_wall = median_wall(s, ref_from, ref_to);
	struct finding *finding;
	size_t others = 0;

	if (ref_busy <= 0 || busy / ref_busy < STRETCH_MIN || wall <= ref_wall ||
	    busy - ref_busy < STRETCH_SHARE * (wall - ref_wall))
		return;
	for (size_t i = from; i < to; i++)
		others += (double)pass_ops(series_pass(s, i)) != s->r->ops;
	if (others * 2 > to - from)
		return;
	finding = finding_add(f, FINDING_STRETCHED, s->row,
		      mem_printf("%s: passes %zu to %zu ran the same kernels, but the GPU was busy "
				 "%.2f times as long: clocks or a GPU that warms up, not compilation",
				 s->name, from + 1, to, busy / ref_busy));
	finding_evidence(finding, mem_printf("GPU busy explains %.0f %% of the slowdown",
				     100 * (busy - ref_busy) / (wall - ref_wall) > 100 ?
					     100.0 :
					     100 * (busy - ref_busy) / (wall - ref_wall)));
}

/* The first k passes were slow. */
static void cold(struct findings *f, struct series *s, size_t k)
{
	double ratio = s->c.first.ratio;
	struct finding *finding;
	char a[32];

	if (k > 1)
		ratio = median_wall(s, 0, k) / median_wall(s, k, s->n);
	/* Segments may differ by a few slow passes alone: the tail's, or a cold first one. */
	if (ratio < SLOW_MIN) {
		if (k > 1 && s->c.first.cold)
			cold(f, s, 1);
		return;
	}
	if (k == 1)
		finding = finding_add(f, FINDING_COLD_START, s->row,
			      mem_printf("%s: the first pass took %s ms, %.1f times the median of the "
					 "rest",
					 s->name, phase_ms(a, s->wall[0]), ratio));
	else
		finding = finding_add(f, FINDING_COLD_START, s->row,
			      mem_printf("%s: the first %zu passes were slow, %.1f times the median of "
					 "the rest",
					 s->name, k, ratio));
	effect(finding, s, k);
	stretched(f, s, 0, k, k, s->n);
}

static void changes(struct findings *f, struct series *s)
{
	const struct changepoints *c = &s->c;
	const struct changepoint_segment *best = c->list;
	struct finding *finding;
	char a[32], b[32];

	for (size_t i = 1; i < c->n; i++)
		if (c->list[i].mean < best->mean)
			best = &c->list[i];
	finding = finding_add(f, FINDING_CHANGE_POINT, s->row,
		      mem_printf("%s: %zu change%s of level, %s", s->name, c->n - 1, plural(c->n - 1),
				 changepoint_kind_name(c->kind)));
	for (size_t i = 1; i < c->n; i++)
		finding_evidence(finding, mem_printf("pass %zu of %zu: mean %s ms before, %s ms after",
					     c->list[i].start + 1, s->n,
					     phase_ms(a, c->list[i - 1].mean),
					     phase_ms(b, c->list[i].mean)));
	for (size_t i = 0; i < c->n; i++)
		if (&c->list[i] != best)
			stretched(f, s, c->list[i].start, c->list[i].end, best->start, best->end);
}

static void one_series(struct findings *f, struct series *s)
{
	const struct changepoints *c = &s->c;

	changepoint_find(&s->c, s->wall, s->n, NULL);
	if (c->kind == CHANGEPOINT_SLOWDOWN || c->kind == CHANGEPOINT_UNSTEADY) {
		if (c->first.cold)
			cold(f, s, 1);
		changes(f, s);
	} else if (c->kind == CHANGEPOINT_WARMUP && c->steady_from && c->steady_from < s->n) {
		cold(f, s, c->steady_from);
	} else if (c->kind == CHANGEPOINT_TOO_FEW && c->plateau.found && c->plateau.k < s->n) {
		cold(f, s, c->plateau.k);
	} else if (c->first.cold) {
		cold(f, s, 1);
	}
	changepoint_release(&s->c);
}

/* In order; caller frees. */
static double *walls(const struct phase_row *r)
{
	double *x = mem_zalloc(r->passes, sizeof(*x));

	for (size_t i = 0; i < r->passes; i++)
		x[i] = (double)pass_wall(pass_nth(&r->p->passes, r->list[i]));
	return x;
}

static void row_findings(struct findings *f, const struct phase_table *t, size_t row)
{
	const struct phase_row *r = &t->list[row];
	struct series s = { .r = r, .row = row, .n = r->passes };

	if (r->passes < SERIES_MIN)
		return;
	snprintf(s.name, sizeof(s.name), "%s %s", pass_label_name(r->label), phase_shape_name(r));
	s.wall = walls(r);
	one_series(f, &s);
	free(s.wall);
}

/* --- phases of several shapes */

static int most_passes(const void *a, const void *b)
{
	const struct phase_row *x = *(const struct phase_row *const *)a;
	const struct phase_row *y = *(const struct phase_row *const *)b;

	if (x->passes != y->passes)
		return x->passes < y->passes ? 1 : -1;
	return x < y ? -1 : x > y;
}

/* Rows of a phase, the one with the most passes first; caller frees. */
static const struct phase_row **by_passes(const struct phase_table *t, const struct phase_mixture *m)
{
	const struct phase_row **by = mem_zalloc(m->n, sizeof(*by));

	for (size_t i = 0; i < m->n; i++)
		by[i] = &t->list[m->first + i];
	qsort(by, m->n, sizeof(*by), most_passes);
	return by;
}

static void mixture(struct findings *f, const struct phase_table *t, const struct phase_mixture *m,
		    const struct phase_row *const *by)
{
	const char *label = pass_label_name(t->list[m->first].label);
	struct finding *finding = finding_add(f, FINDING_MIXTURE, m->first,
				      mem_printf("%s is a mixture of %zu shapes: figures of all "
						 "together would be those of the mixture",
						 label, m->n));
	char a[32], b[32];

	for (size_t i = 0; i < m->n && i < SHARES_SHOWN; i++)
		finding_evidence(finding, mem_printf("%s: %.1f %% of the passes, %.1f %% of the time, p50 %s ms",
					     phase_shape_name(by[i]),
					     100 * (double)by[i]->passes / (double)m->passes,
					     m->total > 0 ? 100 * by[i]->total / m->total : 0,
					     phase_ms(a, by[i]->p50.value)));
	if (m->n > SHARES_SHOWN)
		finding_evidence(finding, mem_printf("%zu more shapes", m->n - SHARES_SHOWN));
	if (m->gap && m->gap_hi / m->gap_lo >= MODES_MIN)
		finding_add(f, FINDING_MODES, m->first,
		    mem_printf("%s has separate modes: no pass between %s ms, the slowest of some shapes, "
			       "and %s ms, the fastest of the others",
			       label, phase_ms(a, m->gap_lo), phase_ms(b, m->gap_hi)));
}

static double size_of(double v)
{
	return v < 0 ? -v : v;
}

/* Mean and median tell opposite stories of two shapes. median_a, median_b: of all their passes. */
static bool flips(const struct phase_row *a, double median_a, const struct phase_row *b,
		  double median_b)
{
	const struct coldstart_delta d =
		coldstart_compare(a->mean_all, median_a, b->mean_all, median_b);

	return d.flip && size_of(d.mean) >= FLIP_MIN * a->p50.value &&
	       size_of(d.median) >= FLIP_MIN * a->p50.value;
}

/* What makes them agree? */
static void flip(struct findings *f, const struct phase_table *t, const struct phase_row *a,
		 const struct phase_row *b)
{
	SCOPED_FREE double *x = walls(a), *y = walls(b);
	struct coldstart_side left = { .x = x, .n = a->passes }, right = { .x = y, .n = b->passes };
	struct coldstart_flip flip;
	struct finding *finding;
	char m[32], d[32];

	coldstart_flip(&flip, &left, &right);
	finding = finding_add(f, FINDING_FLIP, (size_t)(a - t->list),
		      mem_printf("%s: by the mean %s is %s than %s by %s ms, by the median %s by %s ms",
				 pass_label_name(a->label), phase_shape_name(b),
				 flip.all.mean > 0 ? "slower" : "faster", phase_shape_name(a),
				 phase_ms(m, size_of(flip.all.mean)),
				 flip.all.median > 0 ? "slower" : "faster",
				 phase_ms(d, size_of(flip.all.median))));
	for (unsigned i = 0; i < COLDSTART_CURE_COUNT; i++)
		if (flip.cure[i].tried && flip.cure[i].removes)
			finding_evidence(finding, mem_printf("they agree without: %s",
						     coldstart_cure_name((enum coldstart_cure)i)));
	if (!finding->n_evidence)
		finding_evidence(finding, mem_printf("no warm-up and no few outliers explain it"));
}

static void phase_findings(struct findings *f, const struct phase_table *t, size_t first)
{
	struct phase_mixture m;
	const struct phase_row **by;
	double median[FLIP_ROWS];

	phase_mixture_of(&m, t, first);
	/* What has no label need not be one phase: different things repeat in one program. */
	if (m.n < 2 || t->list[first].label == PASS_UNLABELLED)
		return;
	by = by_passes(t, &m);
	mixture(f, t, &m, by);
	for (size_t i = 0; i < m.n && i < FLIP_ROWS; i++) {
		SCOPED_FREE double *x = walls(by[i]);

		median[i] = stats_median(x, by[i]->passes);
	}
	for (size_t i = 0; i < m.n && i < FLIP_ROWS; i++)
		for (size_t k = i + 1; k < m.n && k < FLIP_ROWS; k++)
			if (by[k]->passes >= SERIES_MIN && flips(by[i], median[i], by[k], median[k]))
				flip(f, t, by[i], by[k]);
	free(by);
}

/* --- markers */

/*
 * Votes speak for (+) or against (-) the label that was given. The marker and the sum of the others
 * on different sides: whichever won, somebody is wrong.
 */
static bool contradicts(const struct pass *x)
{
	int others = 0, marker = x->vote[VOTE_MARKER];

	for (unsigned v = 0; v < VOTE_COUNT; v++)
		if (v != VOTE_MARKER)
			others += x->vote[v];
	return (marker > 0 && others < 0) || (marker < 0 && others > 0);
}

static void markers(struct findings *f, const struct phase_table *t, size_t row)
{
	const struct phase_row *r = &t->list[row];
	const struct pass *first = NULL;
	struct finding *finding;
	size_t n = 0;

	for (size_t i = 0; i < r->passes; i++) {
		const struct pass *x = pass_nth(&r->p->passes, r->list[i]);

		if (contradicts(x)) {
			first = first ? first : x;
			n++;
		}
	}
	if (!n)
		return;
	finding = finding_add(f, FINDING_MARKER, row,
		      mem_printf("%s %s: a marker or rule says otherwise than the behaviour of %zu of "
				 "%zu passes",
				 pass_label_name(r->label), phase_shape_name(r), n, r->passes));
	for (unsigned v = 0; v < VOTE_COUNT; v++)
		if (first->vote[v])
			finding_evidence(finding, mem_printf("%s: %+d", pass_vote_name(v), first->vote[v]));
}

void findings_find(struct findings *ret, const struct phase_table *t)
{
	*ret = (struct findings){ 0 };
	for (size_t i = 0; i < t->n; i++) {
		const struct phase_row *r = &t->list[i], *before = i ? r - 1 : NULL;

		if (r->p->lost && (!before || before->process != r->process))
			finding_add(ret, FINDING_LOST, i,
			    mem_printf("process %" PRIu64 " lost %" PRIu64 " records: passes may be "
				       "missing, cut in two or too short", r->p->pid, r->p->lost));
		if (!before || before->process != r->process || before->label != r->label)
			phase_findings(ret, t, i);
		row_findings(ret, t, i);
		markers(ret, t, i);
	}
}

void findings_release(struct findings *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->list[i].text);
		for (size_t k = 0; k < f->list[i].n_evidence; k++)
			free(f->list[i].evidence[k]);
	}
	free(f->list);
	*f = (struct findings){ 0 };
}
