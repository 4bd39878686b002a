/* decoder/expect_*: the grammar, the columns of its errors, and how values are judged. */
#include "decoder/expect.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "decoder/mem.h"
#include "decoder/module_how.h"
#include "decoder/origin.h"
#include "decoder/pass.h"
#include "decoder/verdict.h"
#include "tests/unit/unit.h"

static const struct expect_terms two_sessions = { .ratio = true };

static struct expect parsed(const char *text)
{
	struct expect_error err = { 0 };
	struct expect e;
	int got = expect_parse(&e, text, &two_sessions, &err);

	if (got)
		fprintf(stderr, "%s: column %zu: %s\n", text, err.column, err.text);
	CHECK(!got);
	CHECK(!strcmp(e.text, text));
	return e;
}

TEST(expect_lexer)
{
	static const enum expect_token_kind want[] = {
		TOKEN_WORD, TOKEN_OPEN, TOKEN_WORD, TOKEN_OPEN_SQUARE, TOKEN_WORD, TOKEN_IS, TOKEN_STAR,
		TOKEN_CLOSE_SQUARE, TOKEN_CLOSE, TOKEN_LE, TOKEN_NUMBER, TOKEN_WORD, TOKEN_PERCENT, TOKEN_NE,
		TOKEN_NOT, TOKEN_BAR, TOKEN_EQ, TOKEN_GE, TOKEN_LT, TOKEN_GT, TOKEN_COLON, TOKEN_COMMA,
		TOKEN_BAD, TOKEN_END,
	};
	const char *text = "p99(a_b-c[x=*])<=1.5ms % != ! | == >= < > : , \xc3\xa9", *at = text;

	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
		struct expect_token t = expect_lex(text, &at);

		CHECK(t.kind == want[i]);
		if (t.kind == TOKEN_NUMBER)
			CHECK(t.number == 1.5 && !t.whole && t.column == 18);
		if (t.kind == TOKEN_BAD)
			CHECK(t.len == 2); /* a whole character */
	}
	CHECK(expect_lex(text, &at).kind == TOKEN_END); /* and stays there */
}

TEST(expect_parses_what_the_issue_asks_for)
{
	struct expect e = parsed("prefill:compiled");

	CHECK(e.measure == EXPECT_VERDICT && e.selector.labels == 1u << PASS_PREFILL);
	CHECK(e.verdicts == 1u << VERDICT_COMPILED && !e.negated);
	expect_release(&e);
	e = parsed("decode[shape=*]:graph");
	CHECK(e.verdicts == 1u << VERDICT_GRAPH && !*e.selector.shape);
	expect_release(&e);
	e = parsed("no-compile-after=warmup");
	CHECK(e.measure == EXPECT_COMPILES && e.filter.after == EXPECT_AFTER_WARMUP && e.op == EXPECT_EQ &&
	      e.limit == 0 && e.filter.how == MODULE_COMPILED);
	expect_release(&e);
	e = parsed("compiles(origin=inductor)<=8");
	CHECK(e.filter.origin == ORIGIN_INDUCTOR && e.op == EXPECT_LE && e.limit == 8 &&
	      e.filter.how == MODULE_COMPILED && e.filter.phase == EXPECT_ANY);
	expect_release(&e);
	e = parsed("p99(decode)<12ms");
	CHECK(e.measure == EXPECT_P99 && e.op == EXPECT_LT && e.limit == 12e6);
	expect_release(&e);
	e = parsed("lost==0");
	CHECK(e.measure == EXPECT_LOST && e.op == EXPECT_EQ);
	expect_release(&e);
	e = parsed("stall-after-warmup<1%");
	CHECK(e.measure == EXPECT_STALL_SHARE && e.limit == 0.01);
	expect_release(&e);
}

TEST(expect_parses_the_rest)
{
	struct expect e = parsed(" any [ shape = s3 , process = 7 , passes >= 20 ] : ! eager | fallback ");

	CHECK(e.selector.labels == (1u << PASS_LABEL_COUNT) - 1 && !strcmp(e.selector.shape, "s3"));
	CHECK(e.selector.has_process && e.selector.process == 7 && e.selector.min_passes == 20);
	CHECK(e.negated && e.verdicts == (1u << VERDICT_EAGER | 1u << VERDICT_FALLBACK));
	expect_release(&e);
	e = parsed("max(*[thread=12,warmup=yes])>=1.5s");
	CHECK(e.selector.has_thread && e.selector.thread == 12 && e.selector.warmup && e.limit == 1.5e9);
	expect_release(&e);
	e = parsed("share(prefill:compiled)>=95%");
	CHECK(e.measure == EXPECT_SHARE && e.verdicts == 1u << VERDICT_COMPILED && e.limit == 0.95);
	expect_release(&e);
	e = parsed("compiles(how=cached,phase=decode,after=10s,process=3)!=2");
	CHECK(e.filter.how == MODULE_CACHED && e.filter.phase == PASS_DECODE && e.op == EXPECT_NE);
	CHECK(e.filter.after == EXPECT_AFTER_TIME && e.filter.after_ns == 10000000000u);
	expect_release(&e);
	e = parsed("no-compile-after=first-pass");
	CHECK(e.filter.after == EXPECT_AFTER_FIRST_PASS);
	expect_release(&e);
	e = parsed("loads()>0");
	CHECK(e.filter.how == MODULE_LOADED);
	expect_release(&e);
	e = parsed("stall(after=warmup)==0");
	CHECK(e.limit == 0);
	expect_release(&e);
	e = parsed("median(prefill) ratio < 1.05");
	CHECK(e.ratio && e.limit == 1.05);
	expect_release(&e);
	e = parsed("compiles ratio<=100%");
	CHECK(e.ratio && e.limit == 1);
	expect_release(&e);
}

TEST(expect_errors_point_at_the_column)
{
	static const struct {
		const char *text;
		size_t column;
		const char *part;
	} list[] = {
		{ "", 1, "empty" },
		{ "   ", 1, "empty" },
		{ "prefil:compiled", 1, "did you mean 'prefill'" },
		{ "prefill:compild", 9, "did you mean 'compiled'" },
		{ "prefill", 8, "':'" },
		{ "prefill:", 9, "the end" },
		{ "prefill:unknown", 9, "cannot be expected" },
		{ "prefill:compiled|", 18, "the end" },
		{ "!prefill:compiled", 1, "before the verdict" },
		{ "prefill:compiled decode:graph", 18, "more than one" },
		{ "prefill[shap=s1]:graph", 9, "did you mean 'shape'" },
		{ "prefill[shape=s1:graph", 17, "']'" },
		{ "prefill[shape=s1,shape=s2]:graph", 18, "twice" },
		{ "prefill[process=x]:graph", 17, "a process id" },
		{ "prefill[process=1.5]:graph", 17, "no whole number" },
		{ "prefill[passes=20]:graph", 15, "'>='" },
		{ "prefill[thread=3]:graph", 8, "for latencies" },
		{ "prefill[]:graph", 9, "condition" },
		{ "p98(decode)<12ms", 1, "did you mean 'p95'" },
		{ "p99<12ms", 4, "'('" },
		{ "p99(decod)<12ms", 5, "did you mean 'decode'" },
		{ "p99(decode<12ms", 11, "')'" },
		{ "p99(decode)", 12, "a comparison" },
		{ "p99(decode)=12ms", 12, "did you mean '=='" },
		{ "p99(decode)==12ms", 12, "never exactly equal" },
		{ "p99(decode)<12", 15, "a unit of time" },
		{ "p99(decode)<12min", 15, "a unit of time" },
		{ "p99(decode)<-1ms", 13, "a time" },
		{ "p99(decode)<1e3ms", 14, "a unit of time" },
		{ "p99(decode)<0x10ms", 14, "a unit of time" },
		{ "p99(decode)<11111111111111111111111111111111111111111ms", 13, "too many digits" },
		{ "compiles(orign=inductor)<=8", 10, "did you mean 'origin'" },
		{ "compiles(origin=inducter)<=8", 17, "did you mean 'inductor'" },
		{ "compiles(origin=)<=8", 17, "origin" },
		{ "compiles(how=compiled,how=cached)==0", 23, "twice" },
		{ "compiles(id=mixture)==0", 10, "no condition of 'compiles'" },
		{ "loads(how=cached)==0", 7, "no condition of 'loads'" },
		{ "compiles<=8.5", 11, "no whole number" },
		{ "compiles<=8ms", 12, "more than one" },
		{ "compiles(after=later)==0", 16, "point in time" },
		{ "no-compile-after", 17, "'='" },
		{ "no-compile-after==warmup", 17, "'='" },
		{ "lost()==0", 5, "takes no conditions" },
		{ "stall-after-warmup<1", 21, "'%'" },
		{ "findings(id=nonsense)==0", 13, "no finding" },
		{ "share(prefill)>=1%", 14, "':'" },
		{ "median(prefill) ratio==1", 22, "never exactly equal" },
		{ "prefill\xc3\xa9:graph", 8, "\xc3\xa9" },
		{ "$x", 1, "'$'" },
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++) {
		struct expect_error err = { 0 };
		struct expect e;

		CHECK(expect_parse(&e, list[i].text, &two_sessions, &err) == -1);
		if (err.column != list[i].column || !strstr(err.text, list[i].part))
			fprintf(stderr, "%s: column %zu: %s\n", list[i].text, err.column, err.text);
		CHECK(err.column == list[i].column && strstr(err.text, list[i].part));
	}
}

TEST(expect_ratio_is_for_diff)
{
	struct expect_error err;
	struct expect e;

	CHECK(expect_parse(&e, "median(prefill) ratio<1.05", NULL, &err) == -1);
	CHECK(err.column == 17 && strstr(err.text, "jitness diff"));
}

TEST(expect_too_long)
{
	char text[EXPECT_TEXT_MAX + 2];
	struct expect_error err;
	struct expect e;

	memset(text, ' ', sizeof(text));
	text[sizeof(text) - 1] = 0;
	CHECK(expect_parse(&e, text, &two_sessions, &err) == -1 && err.column == EXPECT_TEXT_MAX + 1);
}

static uint64_t seed = 1;
static size_t below(size_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (size_t)(seed >> 33) % n;
}

/* Random words of the grammar, and sound expressions with a byte or two changed. */
static void scramble(char *text)
{
	static const char *const words[] = {
		"prefill", "decode", "any", "*", "p99", "share", "compiles", "findings", "lost", "ratio", "origin",
		"inductor", "how", "cached", "after", "warmup", "shape", "s1", "process", "passes", "no-compile-after",
		"stall-after-warmup", "graph", "compiled", ":", "!", "|", "(", ")", "[", "]", ",", "=", "==", "<", "<=",
		">=", "12", "1.5", "ms", "%", " ", "99999999999999999999", "\xff", "\xc3",
	};
	static const char *const sound[] = {
		"prefill[shape=s3,process=7]:!eager|fallback", "p99(decode[warmup=yes,passes>=20])<12.5ms",
		"compiles(origin=inductor,how=cached,phase=decode,after=10s)<=8", "no-compile-after=warmup",
		"share(*:compiled)>=95%", "findings(id=mixture)==0", "median(any) ratio<1.05", "lost==0",
	};
	size_t at = 0;

	*text = 0;
	if (below(2)) {
		for (size_t n = 1 + below(14); n > 0; n--)
			at += (size_t)snprintf(text + at, 40, "%s", words[below(sizeof(words) / sizeof(*words))]);
		return;
	}
	strcpy(text, sound[below(sizeof(sound) / sizeof(*sound))]);
	for (size_t n = below(3); n > 0; n--)
		text[below(strlen(text))] = (char)(1 + below(255));
}

/* An error points into the text, and what parses can be freed. */
TEST(expect_survives_anything)
{
	struct timespec from, now;
	size_t good = 0, bad = 0;

	clock_gettime(CLOCK_MONOTONIC, &from);
	do {
		char text[640];
		struct expect_error err = { 0 };
		struct expect e;

		scramble(text);
		if (!expect_parse(&e, text, below(2) ? &two_sessions : NULL, &err)) {
			good++;
			expect_release(&e);
		} else {
			CHECK(err.column >= 1 && err.column <= strlen(text) + 1 && *err.text);
			bad++;
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (good + bad < 100000 && (now.tv_sec - from.tv_sec) * 1000000000 + now.tv_nsec - from.tv_nsec < 500000000);
	CHECK(good > 100 && bad > 100);
}

/* --- judging */

struct fake {
	struct expect_item list[4]; /* text and doubt are static */
	size_t n;
};

static void give(void *arg, const struct expect *e, struct expect_values *ret)
{
	const struct fake *f = arg;

	(void)e;
	for (size_t i = 0; i < f->n; i++) {
		struct expect_item *x = expect_values_add(ret, NULL);

		*x = f->list[i];
		x->text = mem_printf("item %zu", i);
		x->doubt = f->list[i].doubt ? mem_printf("%s", f->list[i].doubt) : NULL;
	}
	if (!f->n)
		ret->nothing = mem_printf("there is none");
}

static enum expect_state judged(const char *text, const struct fake *f, bool strict)
{
	struct fake copy = *f;
	struct expect_source source = { .values = give, .arg = &copy };
	struct expect e = parsed(text);
	struct expect_result r;
	enum expect_state state;

	expect_judge(&r, &e, &source, strict);
	state = r.state;
	CHECK(r.sentence && *r.sentence);
	CHECK(r.n_passes == 0 || state == EXPECT_FAILS);
	expect_result_release(&r);
	expect_release(&e);
	return state;
}

static struct fake exact(double v)
{
	return (struct fake){ .list = { { .value = v } }, .n = 1 };
}

TEST(expect_compares)
{
	static const struct {
		const char *text;
		bool below, at, above;
	} list[] = {
		{ "compiles<8", true, false, false },  { "compiles<=8", true, true, false },
		{ "compiles>8", false, false, true },  { "compiles>=8", false, true, true },
		{ "compiles==8", false, true, false }, { "compiles!=8", true, false, true },
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++)
		for (int d = -1; d <= 1; d++) {
			const struct fake f = exact(8 + d);
			const bool want = d < 0 ? list[i].below : d ? list[i].above : list[i].at;

			CHECK(judged(list[i].text, &f, false) == (want ? EXPECT_HOLDS : EXPECT_FAILS));
		}
}

TEST(expect_intervals_decide_when_strict)
{
	struct fake f = { .list = { { .value = 11e6, .lo = 10e6, .hi = 13e6, .bounds = EXPECT_INTERVAL } }, .n = 1 };

	CHECK(judged("p99(decode)<12ms", &f, false) == EXPECT_HOLDS);
	CHECK(judged("p99(decode)<12ms", &f, true) == EXPECT_UNDECIDED);
	CHECK(judged("p99(decode)<14ms", &f, true) == EXPECT_HOLDS);
	CHECK(judged("p99(decode)<9ms", &f, true) == EXPECT_FAILS);
	CHECK(judged("p99(decode)>9ms", &f, true) == EXPECT_HOLDS);
	f.list[0].hi = INFINITY; /* too few passes for an upper bound */
	CHECK(judged("p99(decode)<14ms", &f, false) == EXPECT_HOLDS);
	CHECK(judged("p99(decode)<14ms", &f, true) == EXPECT_UNDECIDED);
	CHECK(judged("p99(decode)>9ms", &f, true) == EXPECT_HOLDS);
}

TEST(expect_open_bounds_only_decide_what_they_prove)
{
	char why[] = "records were lost";
	struct fake f = { .list = { { .value = 3, .lo = 3, .hi = INFINITY, .bounds = EXPECT_WITHIN, .doubt = why } },
			  .n = 1 };

	for (int strict = 0; strict < 2; strict++) {
		CHECK(judged("compiles<=8", &f, strict) == EXPECT_UNDECIDED);
		CHECK(judged("compiles<=2", &f, strict) == EXPECT_FAILS); /* it could only fail more */
		CHECK(judged("compiles==0", &f, strict) == EXPECT_FAILS);
		CHECK(judged("compiles==3", &f, strict) == EXPECT_UNDECIDED);
		CHECK(judged("compiles!=2", &f, strict) == EXPECT_HOLDS);
		CHECK(judged("compiles!=5", &f, strict) == EXPECT_UNDECIDED);
		CHECK(judged("compiles>=3", &f, strict) == EXPECT_HOLDS);
		CHECK(judged("compiles>=4", &f, strict) == EXPECT_UNDECIDED);
	}
	/* A value with a doubt: it may fail, it does not hold. */
	f.list[0] = (struct expect_item){ .value = 5e6, .doubt = why };
	CHECK(judged("max(decode)<12ms", &f, false) == EXPECT_UNDECIDED);
	CHECK(judged("max(decode)<4ms", &f, false) == EXPECT_FAILS);
}

TEST(expect_holds_for_each_or_not_at_all)
{
	char why[] = "it has no GPU records";
	struct fake f = { .list = { { .value = 1 }, { .value = 1 }, { .value = 1 } }, .n = 3 };

	CHECK(judged("prefill:compiled", &f, false) == EXPECT_HOLDS);
	f.list[1] = (struct expect_item){ .hi = 1, .bounds = EXPECT_WITHIN, .doubt = why };
	CHECK(judged("prefill:compiled", &f, false) == EXPECT_UNDECIDED);
	f.list[2].value = 0; /* one failure decides, whatever else is unknown */
	CHECK(judged("prefill:compiled", &f, false) == EXPECT_FAILS);
	f.n = 0; /* what is not there does not hold */
	CHECK(judged("prefill:compiled", &f, false) == EXPECT_UNDECIDED);
}

TEST(expect_result_keeps_what_fails)
{
	struct fake f = { .list = { { .value = 1 }, { .value = 0, .n_passes = 2, .all_passes = 30 },
				    { .value = 0, .n_passes = 5, .all_passes = 7 } }, .n = 3 };
	struct expect_source source = { .values = give, .arg = &f };
	struct expect e = parsed("prefill:compiled");
	struct expect_result r;

	f.list[0].n_passes = f.list[0].all_passes = 1; /* of one that holds: not told */
	f.list[1].passes[0].start = 11;
	f.list[2].passes[0].start = 22;
	expect_judge(&r, &e, &source, false);
	CHECK(r.n_passes == EXPECT_PASSES_MAX && r.all_passes == 37);
	CHECK(r.passes[0].start == 11 && r.passes[2].start == 22);
	CHECK(strstr(r.sentence, "2 of 3 fail") && r.n_evidence == 2 && strstr(r.evidence[0], "fails: "));
	expect_result_release(&r);
	expect_release(&e);
}

TEST(expect_value_texts)
{
	struct expect e = parsed("p99(decode)<12ms");
	char text[EXPECT_VALUE_TEXT];

	CHECK(!strcmp(expect_value_text(text, &e, 12.34e6), "12.34 ms"));
	expect_release(&e);
	e = parsed("stall-after-warmup<1%");
	CHECK(!strcmp(expect_value_text(text, &e, 0.125), "12.5 %"));
	expect_release(&e);
	e = parsed("compiles<1");
	CHECK(!strcmp(expect_value_text(text, &e, 1234), "1,234"));
	expect_release(&e);
}
