/* decoder/expect_values, expect_counts: expectations about analyses made by hand. */
#include "decoder/expect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/analysis.h"
#include "decoder/mem.h"
#include "decoder/module_how.h"
#include "decoder/origin.h"
#include "decoder/process_model.h"
#include "tests/unit/unit.h"
#include "trace/event.h"

#define T0 1000000000000u
#define MS 1000000u

/* Two processes with room for passes, modules and episodes. */
struct one {
	struct process p;
	struct process_info info;
	char key[16], records[8];
	struct pass passes[512];
	struct pass_shape shapes[4];
	struct module modules[8];
	struct origin_verdict origins[8];
	uint64_t now;
};
struct fake {
	struct analysis a;
	const struct expect_terms *terms;
	struct one one[2];
	struct process *list[2];
	struct episode episodes[8];
	uint32_t episode_modules[8];
};

static void fake_init(struct fake *f, size_t n)
{
	memset(f, 0, sizeof(*f));
	f->a.s.list = f->list;
	f->a.s.n = n;
	f->a.s.first = T0;
	f->a.s.episodes.list = f->episodes;
	for (size_t i = 0; i < n; i++) {
		struct one *o = &f->one[i];
		struct process *p = &o->p;

		f->list[i] = p;
		p->pid = 7 + i;
		p->level = LEVEL_GRAPH;
		p->first = T0;
		p->last = T0 + 10000u * (uint64_t)MS;
		p->status.ended = true;
		p->launch.count = p->kernel.count = 1000;
		p->passes = (struct pass_table){ .list = o->passes, .shapes = o->shapes, .n_shapes = 4 };
		p->modules.modules = o->modules;
		p->origins = o->origins;
		strcpy(o->key, "gpu_records");
		strcpy(o->records, "full");
		o->info = (struct process_info){ .key = o->key, .value = o->records, .len = 4 };
		p->infos = &o->info;
		p->n_infos = 1;
		o->now = T0;
		for (unsigned k = 0; k < 4; k++)
			snprintf(o->shapes[k].name, sizeof(o->shapes[k].name), "s%u", k + 1);
	}
}

/* n passes of us each, in time. */
static struct pass *passes(struct fake *f, size_t process, unsigned n, enum pass_label label, uint32_t shape,
			   unsigned us, bool warmup)
{
	struct one *o = &f->one[process];
	struct pass *first = &o->passes[o->p.passes.n];

	for (unsigned i = 0; i < n; i++) {
		o->passes[o->p.passes.n++] = (struct pass){
			.host_start = o->now, .wall_start = o->now, .end = o->now + us * 1000u, .tid = 1,
			.shape = shape, .label = (uint8_t)label, .confidence = 90, .warmup = warmup,
		};
		o->now += us * 1000u;
	}
	return first;
}

/* An episode of one module that came to the GPU at `time`. */
static struct episode *episode(struct fake *f, enum origin_id origin, enum module_how how, uint64_t time)
{
	const size_t k = f->a.s.episodes.n++;
	struct one *o = &f->one[0];
	struct episode *e = &f->episodes[k];

	o->modules[k] = (struct module){ .time = time, .tid = 1, .how = (uint8_t)how };
	o->origins[k] = (struct origin_verdict){ .id = (uint8_t)origin };
	o->p.modules.n_modules = k + 1;
	f->episode_modules[k] = (uint32_t)k;
	*e = (struct episode){ .id = (uint32_t)k + 1, .kind = EPISODE_CODE, .p = &o->p, .start = time - MS,
			       .end = time, .origin = o->origins[k], .how = how, .trigger = { .tid = 1 },
			       .modules = &f->episode_modules[k], .n_modules = 1, .stall_known = true,
			       .stall_ns = MS };
	return e;
}

/* Rows; verdicts are all `kind` until a test says otherwise. */
static void rows(struct fake *f, enum verdict_kind kind)
{
	phase_table_init(&f->a.phases.rows, &f->a.s);
	f->a.phases.session = &f->a.s;
	f->a.phases.verdicts.n = f->a.phases.rows.n;
	f->a.phases.verdicts.list = mem_zalloc(f->a.phases.rows.n + 1, sizeof(struct verdict));
	for (size_t i = 0; i < f->a.phases.rows.n; i++)
		f->a.phases.verdicts.list[i].kind = kind;
}

static struct verdict *verdict_of(struct fake *f, size_t row)
{
	CHECK(row < f->a.phases.rows.n);
	return &f->a.phases.verdicts.list[row];
}

static void drop(struct fake *f)
{
	free(f->a.phases.verdicts.list);
	phase_table_release(&f->a.phases.rows);
}

/* The state, and the sentence when it is asked for. */
static enum expect_state ask(const struct fake *f, const char *text, bool strict, struct expect_result *ret)
{
	struct expect_source source;
	struct expect_result r;
	struct expect_error err;
	struct expect e;
	enum expect_state state;

	if (expect_parse(&e, text, f->terms, &err)) {
		fprintf(stderr, "%s: column %zu: %s\n", text, err.column, err.text);
		CHECK(false);
	}
	expect_source_init(&source, &f->a);
	expect_judge(&r, &e, &source, strict);
	state = r.state;
	expect_release(&e);
	if (ret)
		*ret = r;
	else
		expect_result_release(&r);
	return state;
}

static bool is(const struct fake *f, const char *text, enum expect_state want)
{
	struct expect_result r;
	const enum expect_state got = ask(f, text, false, &r);

	if (got != want)
		fprintf(stderr, "%s: %s: %s\n", text, expect_state_name(got), r.sentence);
	expect_result_release(&r);
	return got == want;
}
#define HOLDS(text)     CHECK(is(&f, text, EXPECT_HOLDS))
#define FAILS(text)     CHECK(is(&f, text, EXPECT_FAILS))
#define UNDECIDED(text) CHECK(is(&f, text, EXPECT_UNDECIDED))

/* Is `part` in what is said? */
static bool says(const struct fake *f, const char *text, const char *part)
{
	struct expect_result r;
	bool found;

	ask(f, text, false, &r);
	found = strstr(r.sentence, part);
	if (!found)
		fprintf(stderr, "%s: %s\n", text, r.sentence);
	expect_result_release(&r);
	return found;
}

TEST(verify_verdicts)
{
	static struct fake f;
	struct verdict *v;

	fake_init(&f, 1);
	passes(&f, 0, 10, PASS_PREFILL, 0, 2000, false);
	passes(&f, 0, 40, PASS_DECODE, 1, 1000, false);
	rows(&f, VERDICT_COMPILED);
	HOLDS("prefill:compiled");
	HOLDS("any:compiled");
	FAILS("prefill:cached");
	FAILS("prefill:!compiled");
	FAILS("prefill:graph");
	HOLDS("prefill:graph|compiled");
	HOLDS("prefill:!eager|fallback");
	v = verdict_of(&f, 0);
	v->replayed = true;
	HOLDS("prefill:graph");
	HOLDS("prefill:compiled");
	FAILS("any:graph"); /* decode is not */
	v->replayed = false;
	v->kind = VERDICT_CACHED;
	HOLDS("prefill:compiled");
	HOLDS("prefill:cached");
	v->kind = VERDICT_FALLBACK;
	FAILS("prefill:compiled");
	FAILS("prefill:eager"); /* exact */
	HOLDS("prefill:fallback");
	v->kind = VERDICT_MIXED;
	FAILS("prefill:compiled");
	HOLDS("prefill:mixed");
	drop(&f);
}

TEST(verify_unknown_verdicts_never_hold)
{
	static struct fake f;

	fake_init(&f, 1);
	passes(&f, 0, 10, PASS_PREFILL, 0, 2000, false);
	passes(&f, 0, 10, PASS_PREFILL, 1, 2000, false);
	rows(&f, VERDICT_COMPILED);
	verdict_of(&f, 1)->kind = VERDICT_UNKNOWN;
	UNDECIDED("prefill:compiled");
	UNDECIDED("prefill[shape=s2]:!compiled");
	UNDECIDED("prefill[shape=s2]:eager");
	HOLDS("prefill[shape=s1]:compiled");
	HOLDS("share(prefill:compiled)>=50%");
	UNDECIDED("share(prefill:compiled)>=51%");
	verdict_of(&f, 0)->kind = VERDICT_EAGER;
	FAILS("prefill:compiled");
	CHECK(ask(&f, "prefill[shape=s2]:compiled", true, NULL) == EXPECT_UNDECIDED);
	drop(&f);
}

TEST(verify_fallback_tells_its_passes)
{
	static struct fake f;
	struct expect_result r;

	fake_init(&f, 1);
	passes(&f, 0, 30, PASS_PREFILL, 0, 2000, false);
	rows(&f, VERDICT_FALLBACK);
	verdict_of(&f, 0)->since = 8; /* the ninth and later */
	CHECK(ask(&f, "prefill:compiled", false, &r) == EXPECT_FAILS);
	CHECK(r.all_passes == 22 && r.n_passes == 5);
	CHECK(r.passes[0].start == 8 * 2 * MS && r.passes[0].wall == 2 * MS && !strcmp(r.passes[0].shape, "s1"));
	expect_result_release(&r);
	drop(&f);
}

TEST(verify_what_is_not_there_does_not_hold)
{
	static struct fake f;

	fake_init(&f, 1);
	passes(&f, 0, 40, PASS_UNLABELLED, 0, 1000, false);
	rows(&f, VERDICT_COMPILED);
	UNDECIDED("prefill:compiled");
	CHECK(says(&f, "prefill:compiled", "nothing tells what 40 of them are"));
	UNDECIDED("p99(prefill)<1s");
	UNDECIDED("share(prefill:compiled)>=0%");
	UNDECIDED("pass[shape=s4]:compiled");
	UNDECIDED("pass[process=99]:compiled");
	CHECK(says(&f, "pass[process=99]:compiled", "no process 99"));
	UNDECIDED("pass[passes>=41]:compiled");
	HOLDS("pass[passes>=40]:compiled");
	FAILS("passes(prefill)>=1");
	HOLDS("passes(pass)>=40");
	drop(&f);
	fake_init(&f, 1);
	f.one[0].p.passes.why_none = "nothing repeats here";
	rows(&f, VERDICT_COMPILED);
	UNDECIDED("any:compiled");
	CHECK(says(&f, "any:compiled", "nothing repeats here"));
	drop(&f);
}

TEST(verify_blind_processes)
{
	static struct fake f;

	for (int churn = 0; churn < 2; churn++) {
		fake_init(&f, 2);
		passes(&f, 0, 40, PASS_DECODE, 0, 1000, false);
		if (churn)
			f.one[1].p.level = LEVEL_CHURN;
		else
			strcpy(f.one[1].records, "none");
		rows(&f, VERDICT_COMPILED);
		UNDECIDED("decode:compiled"); /* the other process may have run anything */
		UNDECIDED("p50(decode)<12ms");
		FAILS("p50(decode)<0.5ms");
		UNDECIDED("decode[process=8]:compiled");
		CHECK(says(&f, "decode[process=8]:compiled", churn ? "level churn" : "no GPU records"));
		HOLDS("decode[process=7]:compiled");
		UNDECIDED("passes(decode)<=40");
		HOLDS("passes(decode)>=40");
		UNDECIDED("kernels<=2000");
		FAILS("kernels<=1999");
		HOLDS("compiles==0"); /* these are seen without GPU records */
		UNDECIDED("findings==0");
		drop(&f);
	}
}

TEST(verify_latencies)
{
	static struct fake f;
	struct expect_result r;

	fake_init(&f, 1);
	passes(&f, 0, 2, PASS_DECODE, 0, 90000, true);
	passes(&f, 0, 99, PASS_DECODE, 0, 1000, false);
	passes(&f, 0, 1, PASS_DECODE, 0, 50000, false);
	passes(&f, 0, 30, PASS_DECODE, 1, 4000, false);
	passes(&f, 0, 1, PASS_PREFILL, 2, 8000, true);
	rows(&f, VERDICT_COMPILED);
	HOLDS("p50(decode[shape=s1])<=1ms");
	FAILS("p50(decode)<2ms"); /* s2 is slower, and nothing is pooled */
	HOLDS("p50(decode)<5ms");
	HOLDS("median(decode)<5000us");
	FAILS("max(decode)<49ms");
	HOLDS("max(decode)<=50ms");
	FAILS("mean(decode[shape=s1])<1.4ms"); /* 1.49 */
	HOLDS("mean(decode[shape=s1])<1.5ms");
	HOLDS("p50(decode[warmup=yes,shape=s1])>80ms");
	UNDECIDED("p50(prefill)<1s"); /* its only pass is warm-up */
	UNDECIDED("p50(decode[warmup=yes])>80ms"); /* s2 has no warm-up */
	UNDECIDED("p50(decode[thread=2])<1s");
	HOLDS("p50(decode[thread=1,passes>=100])<=1ms");
	HOLDS("passes(decode)==130");
	HOLDS("passes(decode[warmup=yes])==2");
	/* n = 100: no upper bound of p99. */
	HOLDS("p99(decode[shape=s1])<49ms");
	CHECK(ask(&f, "p99(decode[shape=s1])<49ms", true, &r) == EXPECT_UNDECIDED);
	CHECK(strstr(r.sentence, "too few for an upper bound"));
	expect_result_release(&r);
	CHECK(ask(&f, "max(decode)<2ms", false, &r) == EXPECT_FAILS);
	CHECK(r.all_passes == 31 && r.passes[0].wall == 50 * MS && r.passes[1].wall == 4 * MS);
	CHECK(r.passes[0].start == (180 + 99) * (uint64_t)MS);
	expect_result_release(&r);
	drop(&f);
}

TEST(verify_offenders_are_the_slowest)
{
	static struct fake f;
	struct expect_result r;

	fake_init(&f, 1);
	for (unsigned i = 0; i < 50; i++)
		passes(&f, 0, 1, PASS_DECODE, 0, 1000 + i * 37 % 50 * 100, false);
	rows(&f, VERDICT_COMPILED);
	CHECK(ask(&f, "max(decode)<1ms", false, &r) == EXPECT_FAILS);
	CHECK(r.n_passes == 5 && r.all_passes == 49);
	for (unsigned i = 0; i < 5; i++)
		CHECK(r.passes[i].wall == (5900 - i * 100) * 1000u);
	expect_result_release(&r);
	CHECK(ask(&f, "p50(decode)>100ms", false, &r) == EXPECT_FAILS);
	for (unsigned i = 0; i < 5; i++)
		CHECK(r.passes[i].wall == (1000 + i * 100) * 1000u);
	expect_result_release(&r);
	drop(&f);
}

/* Warm-up ends when each phase has begun a pass that is none; a shape that comes later is no warm-up any more. */
static void compiled_late(struct fake *f)
{
	fake_init(f, 1);
	passes(f, 0, 1, PASS_PREFILL, 0, 100000, true);   /* 0 .. 100 ms */
	passes(f, 0, 1, PASS_DECODE, 1, 100000, true);    /* .. 200 */
	passes(f, 0, 10, PASS_PREFILL, 0, 1000, false);   /* .. 210 */
	passes(f, 0, 90, PASS_DECODE, 1, 1000, false);    /* .. 300 */
	passes(f, 0, 1, PASS_PREFILL, 2, 400000, true);   /* .. 700: a new shape */
	passes(f, 0, 5, PASS_PREFILL, 2, 1000, false);
}

TEST(verify_compiles)
{
	static struct fake f;
	struct expect_result r;

	compiled_late(&f);
	episode(&f, ORIGIN_INDUCTOR, MODULE_COMPILED, T0 + 50 * MS);
	episode(&f, ORIGIN_TRITON, MODULE_CACHED, T0 + 60 * MS);
	episode(&f, ORIGIN_CUBLAS, MODULE_LOADED, T0 + 250 * MS);
	rows(&f, VERDICT_COMPILED);
	HOLDS("compiles==1");
	HOLDS("compiles(origin=inductor)<=8");
	HOLDS("compiles(origin=triton)==0");
	HOLDS("compiles(origin=triton,how=cached)==1");
	HOLDS("loads==1");
	HOLDS("modules==3");
	HOLDS("modules(how=compiled)==1");
	HOLDS("compiles(phase=prefill)==1");
	HOLDS("compiles(phase=decode)==0");
	HOLDS("loads(phase=decode)==1");
	HOLDS("no-compile-after=warmup");
	HOLDS("no-compile-after=first-pass");
	FAILS("no-compile-after=40ms");
	HOLDS("no-compile-after=60ms");
	episode(&f, ORIGIN_INDUCTOR, MODULE_COMPILED, T0 + 500 * MS);
	CHECK(ask(&f, "no-compile-after=warmup", false, &r) == EXPECT_FAILS);
	CHECK(strstr(r.sentence, "inductor at 0.499 s") && strstr(r.sentence, "0.210 s"));
	CHECK(r.n_passes == 1 && !strcmp(r.passes[0].shape, "s3")); /* the pass that was held */
	expect_result_release(&r);
	FAILS("compiles(origin=inductor,after=first-pass)==0");
	HOLDS("compiles(process=7)==2");
	UNDECIDED("compiles(process=8)==0"); /* there is none */
	UNDECIDED("compiles(phase=mixed)==0");
	UNDECIDED("stall(phase=mixed)<1s");
	UNDECIDED("kernels(process=8)==0");
	drop(&f);
}

TEST(verify_long_episodes_count_by_their_modules)
{
	static struct fake f;
	struct episode *e;

	compiled_late(&f);
	/* Compiled in the warm-up; a part that a library shipped came later. */
	e = episode(&f, ORIGIN_INDUCTOR, MODULE_COMPILED, T0 + 50 * MS);
	f.one[0].modules[1] = (struct module){ .time = T0 + 500 * MS, .tid = 1, .how = MODULE_LOADED };
	f.one[0].p.modules.n_modules = 2;
	f.episode_modules[1] = 1;
	e->n_modules = 2;
	rows(&f, VERDICT_COMPILED);
	HOLDS("no-compile-after=warmup");
	f.one[0].modules[1].how = MODULE_COMPILED;
	FAILS("no-compile-after=warmup");
	drop(&f);
}

TEST(verify_compiles_that_cannot_be_told)
{
	static struct fake f;

	compiled_late(&f);
	episode(&f, ORIGIN_XLA, MODULE_UNKNOWN, T0 + 50 * MS);
	episode(&f, ORIGIN_UNKNOWN, MODULE_COMPILED, T0 + 60 * MS);
	rows(&f, VERDICT_COMPILED);
	UNDECIDED("compiles<=1"); /* XLA's may be one */
	HOLDS("compiles<=2");
	HOLDS("compiles>=1");
	UNDECIDED("compiles(origin=xla)==0");
	UNDECIDED("compiles(origin=inductor)==0"); /* what it is of is not known */
	HOLDS("no-compile-after=warmup");
	drop(&f);
	/* Without passes nobody knows when the warm-up ended. */
	fake_init(&f, 1);
	episode(&f, ORIGIN_INDUCTOR, MODULE_COMPILED, T0 + 50 * MS);
	f.one[0].p.passes.why_none = "nothing repeats here";
	rows(&f, VERDICT_COMPILED);
	UNDECIDED("no-compile-after=warmup");
	CHECK(says(&f, "no-compile-after=warmup", "nothing repeats here"));
	HOLDS("compiles(origin=triton,after=warmup)==0");
	drop(&f);
}

TEST(verify_stalls_and_graphs)
{
	static struct fake f;
	struct graph_recording g[2] = { { .start = T0 + 50 * MS, .graph = 3 }, { .start = T0 + 500 * MS } };
	struct episode *e;

	compiled_late(&f);
	episode(&f, ORIGIN_INDUCTOR, MODULE_COMPILED, T0 + 50 * MS);
	e = episode(&f, ORIGIN_INDUCTOR, MODULE_COMPILED, T0 + 500 * MS);
	f.one[0].p.graphs.recordings = g;
	f.one[0].p.graphs.n_recordings = 2;
	rows(&f, VERDICT_COMPILED);
	HOLDS("stall<=2ms");
	FAILS("stall<2ms");
	HOLDS("stall(after=warmup)<=1ms");
	HOLDS("stall-after-warmup<1%"); /* 1 ms of 9790 */
	FAILS("stall-after-warmup<0.01%");
	e->stall_ns = 979 * (uint64_t)MS;
	HOLDS("stall-after-warmup>=9.9%");
	e->stall_known = false;
	e->stall_why = "level churn";
	UNDECIDED("stall-after-warmup<1%");
	FAILS("stall<1ms"); /* the other one alone is too much */
	HOLDS("graphs==1"); /* a capture is no executable graph */
	HOLDS("graphs(after=warmup)==0");
	g[1].graph = 4;
	FAILS("graphs(after=warmup)==0");
	drop(&f);
}

TEST(verify_names_the_longest_stalls)
{
	static const unsigned ms[] = { 3, 1, 7, 5, 2, 6 };
	static struct fake f;

	compiled_late(&f);
	for (size_t i = 0; i < 6; i++)
		episode(&f, ORIGIN_INDUCTOR, MODULE_COMPILED, T0 + (101 + i * 100) * MS)->stall_ns = ms[i] * (uint64_t)MS;
	rows(&f, VERDICT_COMPILED);
	CHECK(says(&f, "stall<1ms", "24.00 ms of stalls: inductor at 0.300 s (7.000 ms); inductor at 0.600 s (6.000 ms); "
				    "inductor at 0.400 s (5.000 ms); and 3 more"));
	/* What is counted is told in time. */
	CHECK(says(&f, "compiles<1", "6 compiles: inductor at 0.100 s"));
	CHECK(says(&f, "compiles<1", "inductor at 0.300 s (1.000 ms); and 3 more"));
	drop(&f);
}

TEST(verify_incomplete_sessions)
{
	static struct fake f;
	struct process *p = &f.one[0].p;

	for (unsigned how = 0; how < 5; how++) {
		compiled_late(&f);
		episode(&f, ORIGIN_INDUCTOR, MODULE_COMPILED, T0 + 50 * MS);
		if (how == 0)
			p->lost = f.a.s.lost = 5;
		else if (how == 1)
			p->status.bad_frames = 1;
		else if (how == 2)
			p->status.truncated = true;
		else if (how == 3)
			p->running = true;
		else
			f.a.s.failed_files = 1;
		rows(&f, VERDICT_COMPILED);
		UNDECIDED("compiles<=8");
		FAILS("compiles==0");
		HOLDS("compiles>=1");
		UNDECIDED("no-compile-after=warmup");
		if (how < 4) { /* what cannot be read is of another process */
			UNDECIDED("decode:compiled");
			UNDECIDED("p50(decode)<12ms");
		}
		FAILS("decode:eager");
		FAILS("p50(decode)<0.5ms");
		CHECK(is(&f, "lost==0", how ? EXPECT_UNDECIDED : EXPECT_FAILS));
		CHECK(is(&f, "lost<=5", how ? EXPECT_UNDECIDED : EXPECT_HOLDS));
		drop(&f);
	}
	/* Killed, with its journal beside it: all is there. */
	compiled_late(&f);
	p->status.ended = false;
	p->status.has_journal = true;
	f.a.s.truncated = 1;
	rows(&f, VERDICT_COMPILED);
	HOLDS("compiles==0");
	HOLDS("decode:compiled");
	HOLDS("lost==0");
	FAILS("truncated==0");
	UNDECIDED("kernels<=1000");
	p->status.has_journal = false;
	UNDECIDED("compiles==0");
	drop(&f);
}
