/* decoder/phase_*: latency, tails and findings of pass tables made by hand. */
#include "decoder/phases.h"

#include "decoder/episodes.h"
#include "decoder/mem.h"
#include "decoder/name_table.h"
#include "decoder/process_model.h"
#include "decoder/session_model.h"
#include "tests/unit/unit.h"
#include "trace/encode.h"
#include "trace/event.h"

#include <fcntl.h>
#include <math.h>
#include <string.h>

#define MS 1000000u
#define T0 1000000000000u

/* A process with room for passes; one shape per number used. */
struct fake {
	struct session s;
	struct process p;
	struct process *list[1];
	struct pass passes[2048];
	struct pass_shape shapes[8];
	uint64_t now[3]; /* by thread */
	struct phases v;
};

static void fake_init(struct fake *f)
{
	memset(f, 0, sizeof(*f));
	f->list[0] = &f->p;
	f->s.list = f->list;
	f->s.n = 1;
	f->p.pid = 7;
	f->p.level = LEVEL_GRAPH;
	f->p.passes = (struct pass_table){ .list = f->passes, .shapes = f->shapes, .n_shapes = 8 };
	for (unsigned i = 0; i < 8; i++)
		snprintf(f->shapes[i].name, sizeof(f->shapes[i].name), "s%u", i + 1);
	for (unsigned i = 0; i < 3; i++)
		f->now[i] = T0;
}

/* A pass of `wall` us with `busy` us of GPU work; the rest is the host's. Threads 1, 2. */
static struct pass *pass_add(struct fake *f, uint32_t tid, uint32_t shape, uint64_t wall, uint64_t busy)
{
	struct pass *x = &f->passes[f->p.passes.n++];
	uint64_t start = f->now[tid];

	*x = (struct pass){
		.host_start = start,
		.wall_start = start,
		.end = start + wall * 1000,
		.gpu_start = start + (wall - busy) * 1000,
		.gpu_end = start + wall * 1000,
		.busy_ns = busy * 1000,
		.host_gap_ns = (wall - busy) * 1000,
		.tid = tid,
		.kernels = 50,
		.shape = shape,
		.label = PASS_DECODE,
		.confidence = 90,
	};
	f->now[tid] = x->end;
	return x;
}

static void look(struct fake *f)
{
	f->v = (struct phases){ .session = &f->s };
	phase_table_init(&f->v.rows, &f->s);
	tail_find(&f->v.tail, &f->s, &f->v.rows);
	findings_find(&f->v.findings, &f->v.rows);
}

static void drop(struct fake *f)
{
	phases_release(&f->v);
	near_log_release(&f->p.near_log);
	busy_release(&f->p.busy);
	f->p.near_log = (struct near_log){ 0 };
	f->p.busy = (struct busy){ 0 };
}

static const struct finding *found(const struct fake *f, enum finding_id id)
{
	for (size_t i = 0; i < f->v.findings.n; i++)
		if (f->v.findings.list[i].id == id)
			return &f->v.findings.list[i];
	return NULL;
}

/* The reason of a pass, or -1 when it is not in the tail. */
static int reason_of(const struct fake *f, const struct pass *x)
{
	const struct phase_row *r = phase_row_of(&f->v.rows, 0, x);
	const struct tail_pass *t =
		tail_of(&f->v.tail, &f->v.rows, r, (uint32_t)(x - f->passes));
	double sum = 0;

	if (!t)
		return -1;
	for (unsigned i = 0; i < TAIL_REASON_COUNT; i++)
		sum += t->part[i];
	CHECK(fabs(sum - t->excess) < 1); /* the parts are the whole, no more */
	return (int)t->reason;
}

TEST(phases_percentiles_are_exact)
{
	static struct fake f;
	const struct phase_row *r;

	fake_init(&f);
	/* 1000, 1001 ... 1099 us in another order, and a slow warm-up that must not count. */
	pass_add(&f, 1, 0, 90000, 50)->warmup = true;
	for (unsigned i = 0; i < 100; i++)
		pass_add(&f, 1, 0, 1000 + i * 37 % 100, 500);
	look(&f);
	CHECK(f.v.rows.n == 1);
	r = &f.v.rows.list[0];
	CHECK(r->passes == 101 && r->warmup == 1 && r->n == 100 && !r->all_warmup);
	CHECK(fabs(r->p50.value - 1049500) < 1 && fabs(r->p95.value - 1094050) < 1);
	CHECK(fabs(r->p99.value - 1098010) < 1 && r->max == 1099000);
	CHECK(fabs(r->mean - 1049500) < 1 && r->mean_all > 1900000);
	CHECK(r->busy == 500000 && r->kernels == 50);
	/* Ranks 40 and 61 of 100, two-sided 95 %. */
	CHECK(r->p50.lo_known && r->p50.lo == 1039000 && r->p50.hi == 1060000);
	drop(&f);
}

TEST(phases_say_when_n_is_too_small)
{
	static struct fake f;
	char text[PHASE_TEXT];

	fake_init(&f);
	for (unsigned i = 0; i < 270; i++)
		pass_add(&f, 1, 0, 1000 + i, 500);
	for (unsigned i = 0; i < 500; i++)
		pass_add(&f, 1, 1, 1000 + i, 500);
	pass_add(&f, 1, 2, 1000, 500);
	look(&f);
	CHECK(f.v.rows.n == 3);
	CHECK(f.v.rows.list[0].p99.lo_known && !f.v.rows.list[0].p99.hi_known);
	CHECK(f.v.rows.list[0].p99.lo == 1263000); /* rank 264 of 270 */
	phase_quantile_text(text, "p99", &f.v.rows.list[0].p99);
	CHECK(!strcmp(text, "p99 >= 1.26 (n too small for an upper bound)"));
	CHECK(f.v.rows.list[1].p99.hi_known && f.v.rows.list[1].p99.hi == 1499000);
	phase_quantile_text(text, "p50", &f.v.rows.list[1].p50);
	CHECK(!strcmp(text, "p50 1.25 [1.23, 1.27]"));
	phase_quantile_text(text, "p50", &f.v.rows.list[2].p50);
	CHECK(!strcmp(text, "p50 unknown (n too small for bounds)"));
	drop(&f);
}

TEST(phases_are_not_pooled_across_shapes)
{
	static struct fake f;
	const struct finding *mix;
	struct phase_mixture m;

	fake_init(&f);
	for (unsigned i = 0; i < 300; i++)
		pass_add(&f, 1, i % 10 == 0, i % 10 ? 1000 + i % 7 : 9000 + i % 70, 500);
	look(&f);
	CHECK(f.v.rows.n == 2);
	CHECK(f.v.rows.list[0].p99.value < 1100000 && f.v.rows.list[1].p50.value > 8e6);
	phase_mixture_of(&m, &f.v.rows, 0);
	CHECK(m.n == 2 && m.passes == 300 && m.gap && m.gap_lo < 1.1e6 && m.gap_hi >= 9e6);
	mix = found(&f, FINDING_MIXTURE);
	CHECK(mix && strstr(mix->evidence[0], "s1: 90.0 % of the passes, 50.0 % of the time"));
	CHECK(found(&f, FINDING_MODES));
	drop(&f);
}

/* --- tails */

static void steady(struct fake *f, uint32_t tid, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		pass_add(f, tid, 0, 1000 + i % 10, 500);
}

TEST(tail_tells_what_was_different)
{
	static struct fake f;
	struct pass *gap, *stretched, *kernels, *queue, *nothing;

	fake_init(&f);
	steady(&f, 1, 400);
	gap = pass_add(&f, 1, 0, 2000, 500);
	steady(&f, 1, 50);
	stretched = pass_add(&f, 1, 0, 1500, 990);
	steady(&f, 1, 50);
	kernels = pass_add(&f, 1, 0, 1500, 990);
	kernels->kernels = 99;
	queue = pass_add(&f, 1, 0, 2000, 500);
	queue->host_gap_ns = 500000;
	queue->queue_ns = 1000000;
	nothing = pass_add(&f, 1, 0, 2000, 500);
	nothing->host_gap_ns = 500000;
	look(&f);
	CHECK(f.v.tail.n == 5);
	CHECK(reason_of(&f, gap) == TAIL_HOST_GAP);
	CHECK(reason_of(&f, stretched) == TAIL_STRETCHED);
	CHECK(reason_of(&f, kernels) == TAIL_KERNELS);
	CHECK(reason_of(&f, queue) == TAIL_QUEUE);
	CHECK(reason_of(&f, nothing) == TAIL_NOTHING);
	CHECK(reason_of(&f, &f.passes[3]) == -1);
	drop(&f);
	/* Of a process that lost records, what nothing explains may be theirs. */
	f.p.lost = 3;
	look(&f);
	CHECK(reason_of(&f, nothing) == TAIL_LOST && reason_of(&f, gap) == TAIL_HOST_GAP);
	CHECK(found(&f, FINDING_LOST));
	drop(&f);
}

TEST(tail_of_a_rare_shape_is_other_kernels)
{
	static struct fake f;
	struct pass *rare;

	fake_init(&f);
	steady(&f, 1, 100);
	rare = pass_add(&f, 1, 3, 5000, 3000);
	look(&f);
	CHECK(reason_of(&f, rare) == TAIL_KERNELS && f.v.tail.list[f.v.tail.n - 1].against == 0);
	drop(&f);
}

TEST(tail_needs_enough_passes)
{
	static struct fake f;

	fake_init(&f);
	steady(&f, 1, TAIL_N_MIN - 2);
	pass_add(&f, 1, 0, 9000, 500);
	look(&f);
	CHECK(!f.v.tail.n && f.v.tail.rows_small == 1);
	drop(&f);
}

TEST(tail_other_thread_only_when_it_is_unusual)
{
	static struct fake f;
	struct pass *hit;

	fake_init(&f);
	/* Thread 2 works once, while one pass of thread 1 is slow. */
	steady(&f, 1, 200);
	f.now[2] = f.now[1] + 600000;
	hit = pass_add(&f, 1, 0, 1900, 1400);
	pass_add(&f, 2, 1, 1500, 1400);
	steady(&f, 1, 50);
	look(&f);
	CHECK(reason_of(&f, hit) == TAIL_OVERLAP);
	drop(&f);

	/* Thread 2 always works: that one pass was slower is not its doing. */
	fake_init(&f);
	for (unsigned i = 0; i < 200; i++) {
		pass_add(&f, 1, 0, 1000 + i % 10, 500);
		pass_add(&f, 2, 1, 1000 + i % 10, 500);
	}
	hit = pass_add(&f, 1, 0, 1900, 950);
	pass_add(&f, 2, 1, 1900, 950);
	look(&f);
	CHECK(reason_of(&f, hit) != TAIL_OVERLAP && reason_of(&f, hit) != -1);
	drop(&f);
}

/* --- episodes: one load of 8 ms in the middle of a slow pass, its launches around it */

static void section_of(struct section *s, unsigned kind, uint32_t tid, const uint64_t *zero)
{
	*s = (struct section){ .kind = kind, .rows = 1, .tid = tid };
	for (unsigned i = 0; i < EVENT_FIELDS_MAX; i++)
		s->col[i] = zero;
}

static void launch_at(struct fake *f, uint32_t tid, uint64_t start)
{
	static const uint64_t zero;
	static uint64_t corr;
	uint64_t end = start + 5000;
	struct section s;

	corr++;
	section_of(&s, EVENT_LAUNCH, tid, &zero);
	s.col[LAUNCH_START] = &start;
	s.col[LAUNCH_END] = &end;
	s.col[LAUNCH_CORR] = &corr;
	near_log_fold(&f->p.near_log, &s);
}

static void load_at(struct fake *f, uint32_t tid, uint64_t start, uint64_t end)
{
	static const uint64_t zero;
	struct section s;

	section_of(&s, EVENT_LOAD, tid, &zero);
	s.col[LOAD_START] = &start;
	s.col[LOAD_END] = &end;
	near_log_fold(&f->p.near_log, &s);
}

/*
 * 100 passes of 1 ms, then one of 9 ms: 0.2 ms of launches, then nothing for 8 ms. A load lies there, on
 * load_tid. gpu_busy: the GPU works on meanwhile.
 */
static struct pass *stalled(struct fake *f, uint32_t load_tid, bool gpu_busy, uint64_t shift)
{
	static struct episode e;
	static struct episode_span span;
	static struct process_info info;
	static char key[] = "gpu_records", value[] = "full";
	struct pass *slow;
	uint64_t at, from, to;

	fake_init(f);
	info = (struct process_info){ .key = key, .value = value, .len = 4 };
	f->p.infos = &info;
	f->p.n_infos = 1;
	steady(f, 1, 100);
	at = f->now[1];
	slow = pass_add(f, 1, 0, 9000, 500);
	steady(f, 1, 10);
	from = at + 300000 + shift;
	to = from + 8 * MS;
	launch_at(f, 1, at);
	launch_at(f, 1, from - 5000);
	launch_at(f, 1, to);
	load_at(f, load_tid, from, to);
	if (load_tid != 1) {
		launch_at(f, load_tid, from - 10000);
		launch_at(f, load_tid, to + 10000);
	}
	near_log_join(&f->p.near_log);
	if (gpu_busy)
		busy_add(&f->p.busy, &from, &to, 1);
	busy_join(&f->p.busy);
	span = (struct episode_span){ from, to };
	e = (struct episode){ .id = 5,
			      .kind = EPISODE_CODE,
			      .p = &f->p,
			      .start = from,
			      .end = to,
			      .origin = { .id = ORIGIN_TRITON },
			      .trigger = { .tid = load_tid },
			      .spans = &span,
			      .n_spans = 1,
			      .stall_known = true,
			      .stall_ns = gpu_busy ? 0 : 8 * MS };
	f->s.episodes = (struct episodes){ .list = &e, .n = 1 };
	look(f);
	return slow;
}

TEST(tail_blames_an_episode_that_stalled_the_pass)
{
	static struct fake f;
	struct pass *slow = stalled(&f, 1, false, 0);
	const struct tail_pass *t;

	CHECK(reason_of(&f, slow) == TAIL_COMPILE);
	t = tail_of(&f.v.tail, &f.v.rows, &f.v.rows.list[0], (uint32_t)(slow - f.passes));
	CHECK(t->episode == 5 && t->part[TAIL_COMPILE] >= 7.9 * MS);
	drop(&f);
}

TEST(tail_blames_no_episode_of_another_thread_or_without_a_stall)
{
	static struct fake f;
	struct pass *slow = stalled(&f, 2, false, 0);

	CHECK(reason_of(&f, slow) == TAIL_HOST_GAP);
	drop(&f);
	slow = stalled(&f, 1, true, 0);
	CHECK(reason_of(&f, slow) == TAIL_HOST_GAP);
	drop(&f);
}

TEST(tail_blames_only_the_part_of_a_stall_in_the_pass)
{
	static struct fake f;
	struct pass *slow = stalled(&f, 1, false, 6 * MS); /* 2.7 of its 8 ms lie in the pass */
	const struct tail_pass *t;

	CHECK(reason_of(&f, slow) == TAIL_HOST_GAP);
	t = tail_of(&f.v.tail, &f.v.rows, &f.v.rows.list[0], (uint32_t)(slow - f.passes));
	CHECK(t->part[TAIL_COMPILE] > 2.6 * MS && t->part[TAIL_COMPILE] < 2.8 * MS);
	drop(&f);
}

/* --- findings */

TEST(findings_cold_start_and_stretch)
{
	static struct fake f;
	const struct finding *cold, *stretch;

	fake_init(&f);
	for (unsigned i = 0; i < 30; i++)
		pass_add(&f, 1, 0, 1500 + i % 7, 1000);
	for (unsigned i = 0; i < 300; i++)
		pass_add(&f, 1, 0, 1000 + i % 7, 500);
	look(&f);
	cold = found(&f, FINDING_COLD_START);
	stretch = found(&f, FINDING_STRETCHED);
	CHECK(cold && strstr(cold->text, "the first 30 passes were slow, 1.5 times"));
	CHECK(strstr(cold->evidence[0], "with them"));
	CHECK(stretch && strstr(stretch->text, "passes 1 to 30") && strstr(stretch->text, "2.00 times"));
	CHECK(!found(&f, FINDING_CHANGE_POINT));
	drop(&f);

	/* The same, but it was the host: not stretched. */
	fake_init(&f);
	for (unsigned i = 0; i < 330; i++)
		pass_add(&f, 1, 0, (i < 30 ? 1500 : 1000) + i % 7, 500);
	look(&f);
	CHECK(found(&f, FINDING_COLD_START) && !found(&f, FINDING_STRETCHED));
	drop(&f);
}

TEST(findings_change_to_the_worse)
{
	static struct fake f;

	fake_init(&f);
	for (unsigned i = 0; i < 400; i++)
		pass_add(&f, 1, 0, (i < 200 ? 1000 : 1300) + i % 7, i < 200 ? 500 : 800);
	look(&f);
	CHECK(found(&f, FINDING_CHANGE_POINT) && !found(&f, FINDING_COLD_START));
	CHECK(strstr(found(&f, FINDING_CHANGE_POINT)->evidence[0], "pass 201 of 400"));
	CHECK(strstr(found(&f, FINDING_STRETCHED)->text, "passes 201 to 400"));
	drop(&f);
}

TEST(findings_nothing_of_a_steady_series)
{
	static struct fake f;

	fake_init(&f);
	steady(&f, 1, 500);
	look(&f);
	CHECK(!f.v.findings.n);
	drop(&f);
}

TEST(findings_flip_of_mean_and_median)
{
	static struct fake f;
	const struct finding *flip;
	bool cured = false;

	fake_init(&f);
	/* s2 is faster but for its first pass. */
	for (unsigned i = 0; i < 100; i++)
		pass_add(&f, 1, 0, 1000 + i % 7, 500);
	for (unsigned i = 0; i < 100; i++)
		pass_add(&f, 1, 1, i ? 900 + i % 7 : 50000, 500);
	look(&f);
	flip = found(&f, FINDING_FLIP);
	CHECK(flip && strstr(flip->text, "by the mean s2 is slower than s1"));
	for (size_t i = 0; i < flip->n_evidence; i++)
		cured |= strstr(flip->evidence[i], "first sample of each run") != NULL;
	CHECK(cured);
	drop(&f);
}

TEST(findings_marker_that_contradicts)
{
	static struct fake f;

	fake_init(&f);
	for (unsigned i = 0; i < 40; i++) {
		struct pass *x = pass_add(&f, 1, 0, 1000, 500);

		x->vote[VOTE_RUN] = 60;
		x->vote[VOTE_MARKER] = i < 3 ? -80 : 80;
	}
	look(&f);
	CHECK(found(&f, FINDING_MARKER));
	CHECK(strstr(found(&f, FINDING_MARKER)->text, "of 3 of 40 passes"));
	drop(&f);
}
