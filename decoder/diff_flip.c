#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/analysis.h"
#include "decoder/diff.h"
#include "decoder/mem.h"

#define FLIP_MIN 0.005 /* of the median: smaller differences have no sign (phase_findings.c) */

/* Appends; both are freed or returned. */
static char *join(char *text, char *more)
{
	char *ret = mem_printf("%s%s", text, more);

	free(text);
	free(more);
	return ret;
}

char *diff_flip_text(const char *name, const struct coldstart_flip *f)
{
	char *ret = mem_printf("%s: B is %+.3g ms by the mean and %+.3g ms by the median, warm-up included", name,
			       f->all.mean / 1e6, f->all.median / 1e6);
	unsigned n = 0;

	for (unsigned c = 0; c < COLDSTART_CURE_COUNT; c++) {
		if (!f->cure[c].removes)
			continue;
		ret = join(ret, c == COLDSTART_GROUPS ?
					mem_printf("; no contradiction in any shape by itself") :
					mem_printf("; without the %s (%zu of A, %zu of B) the mean says %+.3g ms",
						   coldstart_cure_name(c), f->cure[c].left_out_a,
						   f->cure[c].left_out_b, f->cure[c].delta.mean / 1e6));
		n++;
	}
	return n ? ret : join(ret, mem_printf("; nothing that was tried removes the contradiction"));
}

/* A phase: rows one after another, each a group. */
struct flat {
	double *x;
	uint32_t *run, *group;
	size_t n, cap_x, cap_run, cap_group;
};

static void append(struct flat *f, const struct diff_series *s, size_t row)
{
	/* Runs of different rows are different series. */
	const uint32_t first = f->n ? f->run[f->n - 1] + 1 : 0;

	f->x = mem_grow(f->x, &f->cap_x, f->n + s->n, sizeof(*f->x));
	f->run = mem_grow(f->run, &f->cap_run, f->n + s->n, sizeof(*f->run));
	f->group = mem_grow(f->group, &f->cap_group, f->n + s->n, sizeof(*f->group));
	for (size_t i = 0; i < s->n; i++, f->n++) {
		f->x[f->n] = s->wall[i];
		f->run[f->n] = first + s->run[i];
		f->group[f->n] = (uint32_t)row;
	}
}

static bool worth_telling(const struct coldstart_flip *f, double median)
{
	return f->all.flip && fabs(f->all.mean) >= FLIP_MIN * median &&
	       fabs(f->all.median) >= FLIP_MIN * median;
}

/* Of rows [from, to), of one label. */
static void compare(struct coldstart_flip *ret, struct diff *d, size_t from, size_t to, const char *name)
{
	struct flat flat[2] = { { 0 }, { 0 } };
	struct coldstart_side side[2];

	for (int i = 0; i < 2; i++) {
		for (size_t k = from; k < to; k++) {
			const struct diff_pair *p = d->rows[k].pair;
			struct diff_series s;

			diff_series_init(&s, d->side[i], &d->runs[i],
					 i ? &d->match.b.list[p->b] : &d->match.a.list[p->a], true);
			append(&flat[i], &s, k);
			diff_series_release(&s);
		}
		side[i] = (struct coldstart_side){ flat[i].x, flat[i].run,
						   to - from > 1 ? flat[i].group : NULL, flat[i].n };
	}
	coldstart_flip(ret, &side[0], &side[1]);
	if (side[0].n >= RATIO_MIN_N && side[1].n >= RATIO_MIN_N && worth_telling(ret, d->rows[from].p50[0]))
		diff_note(d, "warn", diff_flip_text(name, ret));
	for (int i = 0; i < 2; i++) {
		free(flat[i].x);
		free(flat[i].run);
		free(flat[i].group);
	}
}

void diff_flips(struct diff *d)
{
	char name[DIFF_NAME];

	for (size_t i = 0, to; i < d->n; i = to) {
		const unsigned label = d->rows[i].row[0]->label;

		for (to = i; to < d->n && d->rows[to].row[0]->label == label; to++) {
			diff_row_name(name, &d->rows[to]);
			compare(&d->rows[to].flip, d, to, to + 1, name);
		}
		if (to - i > 1) {
			struct coldstart_flip all;

			snprintf(name, sizeof(name), "all matched shapes of %s", pass_label_name(label));
			compare(&all, d, i, to, name);
		}
	}
}
