#include "decoder/clock_map.h"

#include <float.h>

#include "decoder/mem.h"

#define STRAIGHT_NS 1000.0 /* a dropped reading lies this near to the line */
/* adjtimex slews by at most 500 ppm, ntpd steps from 128 ms; two reads race by some us. */
#define SLEW_MAX    0.001
#define RACE_NS     200000.0
#define POINTS_MAX  65536

/* realtime - monotonic fits a signed 64-bit number for centuries. */
static int64_t offset_of(const struct clock_point *p)
{
	return (int64_t)(p->realtime - p->monotonic);
}

/* How much the offset changed; in unsigned arithmetic, since a damaged reading may be anything. */
static double moved_from(const struct clock_point *a, const struct clock_point *b)
{
	return (double)(int64_t)((uint64_t)offset_of(b) - (uint64_t)offset_of(a));
}

static bool is_step(const struct clock_point *a, const struct clock_point *b)
{
	double moved = moved_from(a, b);
	double most = SLEW_MAX * (double)(b->monotonic - a->monotonic) + RACE_NS;

	return moved > most || moved < -most;
}

static void thin(struct clock_map *c)
{
	size_t to = 1;

	for (size_t i = 2; i < c->n; i += 2)
		c->points[to++] = c->points[i];
	if (!(c->n & 1))
		c->points[to++] = c->points[c->n - 1];
	c->n = to;
}

static void append(struct clock_map *c, struct clock_point p)
{
	if (c->n >= POINTS_MAX)
		thin(c);
	MEM_MORE(c->points, c->n, c->cap);
	c->points[c->n++] = p;
	c->slope_min = -DBL_MAX;
	c->slope_max = DBL_MAX;
}

/* Swinging door: narrows the slopes, from `from`, that pass within STRAIGHT_NS of p. */
static void narrow(struct clock_map *c, const struct clock_point *from, const struct clock_point *p)
{
	double dt = (double)(p->monotonic - from->monotonic);
	double d = moved_from(from, p);

	if ((d - STRAIGHT_NS) / dt > c->slope_min)
		c->slope_min = (d - STRAIGHT_NS) / dt;
	if ((d + STRAIGHT_NS) / dt < c->slope_max)
		c->slope_max = (d + STRAIGHT_NS) / dt;
}

void clock_add(struct clock_map *c, uint64_t realtime, uint64_t monotonic)
{
	struct clock_point p = { .realtime = realtime, .monotonic = monotonic };
	struct clock_point *last = c->n ? &c->points[c->n - 1] : NULL;
	double slope;

	if (last && monotonic <= last->monotonic) {
		c->disordered += monotonic < last->monotonic;
		return;
	}
	if (last && is_step(last, &p)) {
		c->steps++;
		append(c, p);
		return;
	}
	if (c->n < 2 || is_step(last - 1, last)) {
		append(c, p);
		if (c->n >= 2 && !is_step(&c->points[c->n - 2], &p))
			narrow(c, &c->points[c->n - 2], &p);
		return;
	}
	slope = moved_from(last - 1, &p) / (double)(monotonic - last[-1].monotonic);
	if (slope < c->slope_min || slope > c->slope_max) {
		append(c, p);
		narrow(c, &c->points[c->n - 2], &p);
		return;
	}
	*last = p;
	narrow(c, last - 1, &p);
}

bool clock_ready(const struct clock_map *c)
{
	return c->n > 0;
}

static uint64_t between(const struct clock_point *a, const struct clock_point *b, uint64_t realtime)
{
	double part = (double)(realtime - a->realtime) / (double)(b->realtime - a->realtime);

	return a->monotonic + (uint64_t)(part * (double)(b->monotonic - a->monotonic));
}

/*
 * With a step backwards a wall-clock time can belong to two places; the later
 * one is taken: scanning from the end finds it first.
 */
uint64_t clock_monotonic(const struct clock_map *c, uint64_t realtime)
{
	const struct clock_point *p = c->points;
	size_t lo = 0, hi = c->n;

	if (!c->n || !realtime)
		return realtime;
	if (c->steps) {
		while (hi > 1 && p[hi - 1].realtime > realtime)
			hi--;
		lo = hi - 1;
	} else {
		while (hi - lo > 1) {
			size_t mid = lo + (hi - lo) / 2;

			if (p[mid].realtime <= realtime)
				lo = mid;
			else
				hi = mid;
		}
	}
	if (realtime >= p[lo].realtime && lo + 1 < c->n && realtime < p[lo + 1].realtime &&
	    !is_step(&p[lo], &p[lo + 1]))
		return between(&p[lo], &p[lo + 1], realtime);
	return realtime - (uint64_t)offset_of(&p[lo]);
}

uint64_t clock_realtime(const struct clock_map *c, uint64_t monotonic)
{
	size_t i = 0;

	if (!c->n || !monotonic)
		return monotonic;
	while (i + 1 < c->n && c->points[i + 1].monotonic <= monotonic)
		i++;
	return monotonic + (uint64_t)offset_of(&c->points[i]);
}

void clock_release(struct clock_map *c)
{
	free(c->points);
	*c = (struct clock_map){ 0 };
}
