/* The grammar of expectations: recursive descent, one function for each rule of docs/verify.md. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/expect.h"
#include "decoder/mem.h"
#include "decoder/module_how.h"
#include "decoder/origin.h"
#include "decoder/pass.h"
#include "decoder/phase_findings.h"
#include "decoder/suggest.h"
#include "decoder/verdict.h"

#define WHOLE_MAX 9e15 /* below 2^53: exact in a double */

struct measure {
	const char *name;
	uint8_t takes, unit;
};
static const struct measure measures[] = {
#define X(N, s, t, u, fn, text) { s, EXPECT_TAKES_##t, EXPECT_UNIT_##u },
	EXPECT_MEASURES(X)
#undef X
};
static const char *const labels[] = {
#define X(N, s) s,
	PASS_LABELS(X)
#undef X
};
static const char *const verdicts[] = {
#define X(N, s) s,
	VERDICTS(X)
#undef X
};
static const char *const origins[] = {
#define X(N, s, made, text) s,
	ORIGINS(X)
#undef X
};
static const char *const findings[] = {
#define X(N, s, v) s,
	FINDING_IDS(X)
#undef X
};
static const char *const hows[MODULE_HOWS] = {
	[MODULE_UNKNOWN] = "unknown", [MODULE_COMPILED] = "compiled",
	[MODULE_CACHED] = "cached", [MODULE_LOADED] = "loaded",
};
#define COUNT(list) (sizeof(list) / sizeof(*(list)))

struct parser {
	const char *text, *at;
	struct expect_token t; /* the one to look at */
	const struct expect_terms *terms;
	struct expect e;
	struct expect_error *err;
};

static void next(struct parser *p)
{
	p->t = expect_lex(p->text, &p->at);
}

static bool fail_at(struct parser *p, size_t column, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static bool fail_at(struct parser *p, size_t column, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->err->text, sizeof(p->err->text), fmt, ap);
	va_end(ap);
	p->err->column = column;
	return false;
}

/* What the token is, in words: "'foo'", "the end". */
struct shown {
	char text[48];
};
static struct shown show(const struct expect_token *t)
{
	struct shown s;
	const int most = 40;

	if (t->kind == TOKEN_END)
		snprintf(s.text, sizeof(s.text), "the end");
	else
		snprintf(s.text, sizeof(s.text), "'%.*s'%s", t->len > (size_t)most ? most : (int)t->len,
			 t->at, t->len > (size_t)most ? "..." : "");
	return s;
}

static bool wanted(struct parser *p, const char *what)
{
	if (p->t.kind == TOKEN_BAD && p->t.len > 1 && p->t.at[0] >= '0' && p->t.at[0] <= '9')
		return fail_at(p, p->t.column, "the number has too many digits");
	return fail_at(p, p->t.column, "expected %s, found %s", what, show(&p->t).text);
}

static bool take(struct parser *p, enum expect_token_kind kind, const char *what)
{
	if (p->t.kind != kind)
		return wanted(p, what);
	next(p);
	return true;
}

/* "... is no verdict; did you mean 'x'?", or all names that there are. */
static bool unknown_name(struct parser *p, const char *what, const char *const *names, size_t n)
{
	struct suggest near = SUGGEST_INIT(p->t.at, p->t.len);
	char all[160] = "";
	size_t at = 0;

	for (size_t i = 0; i < n; i++)
		suggest_offer(&near, names[i]);
	if (near.best)
		return fail_at(p, p->t.column, "%s is no %s; did you mean '%s'?", show(&p->t).text, what,
			       near.best);
	for (size_t i = 0; i < n && at < sizeof(all); i++)
		at += (size_t)snprintf(all + at, sizeof(all) - at, "%s%s", i ? ", " : "", names[i]);
	return fail_at(p, p->t.column, "%s is no %s (%s%s)", show(&p->t).text, what,
		       at < sizeof(all) ? all : "jitness help", at < sizeof(all) ? "" : " lists them");
}

/* One of the names; -1 is EXPECT_ANY and no index. */
static bool take_name(struct parser *p, const char *what, const char *const *names, size_t n, int *ret)
{
	if (p->t.kind != TOKEN_WORD)
		return wanted(p, what);
	for (size_t i = 0; i < n; i++)
		if (expect_token_is(&p->t, names[i])) {
			*ret = (int)i;
			next(p);
			return true;
		}
	return unknown_name(p, what, names, n);
}

static bool take_whole(struct parser *p, const char *what, uint64_t *ret)
{
	if (p->t.kind != TOKEN_NUMBER)
		return wanted(p, what);
	if (!p->t.whole || p->t.number > WHOLE_MAX)
		return fail_at(p, p->t.column, "%s is no whole number that could be %s", show(&p->t).text,
			       what);
	*ret = (uint64_t)p->t.number;
	next(p);
	return true;
}

/* A number and its unit of time, in ns. */
static bool take_time(struct parser *p, bool zero_alone, double *ret)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = { { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 } };
	double v = p->t.number;

	if (!take(p, TOKEN_NUMBER, "a time, e.g. 12ms"))
		return false;
	for (size_t i = 0; i < COUNT(units); i++)
		if (expect_token_is(&p->t, units[i].name)) {
			*ret = v * units[i].ns;
			next(p);
			return true;
		}
	if (zero_alone && v == 0 && p->t.kind == TOKEN_END) {
		*ret = 0;
		return true;
	}
	return wanted(p, "a unit of time (ns, us, ms, s)");
}

/* warmup | first-pass | TIME */
static bool take_after(struct parser *p, struct expect_filter *f)
{
	static const char *const words[] = { "warmup", "first-pass" };
	double ns;
	int which;

	if (p->t.kind == TOKEN_NUMBER) {
		f->after = EXPECT_AFTER_TIME;
		if (!take_time(p, true, &ns))
			return false;
		if (ns > WHOLE_MAX)
			return fail_at(p, p->t.column, "no session is that long");
		f->after_ns = (uint64_t)ns;
		return true;
	}
	if (!take_name(p, "point in time (warmup, first-pass, or a time such as 10s)", words,
		       COUNT(words), &which))
		return false;
	f->after = which ? EXPECT_AFTER_FIRST_PASS : EXPECT_AFTER_WARMUP;
	return true;
}

/* --- in square brackets: which passes */

enum { KEY_SHAPE, KEY_PROCESS, KEY_THREAD, KEY_WARMUP, KEY_PASSES };

static bool condition_value(struct parser *p, int key)
{
	static const char *const yes_no[] = { "no", "yes" };
	struct expect_selector *s = &p->e.selector;
	int yes;

	switch (key) {
	case KEY_SHAPE:
		if (p->t.kind == TOKEN_STAR) { /* each: as without it */
			next(p);
			return true;
		}
		if (p->t.kind != TOKEN_WORD || p->t.len >= sizeof(s->shape))
			return wanted(p, "a shape (s1, s2 ...) or *");
		memcpy(s->shape, p->t.at, p->t.len);
		s->shape[p->t.len] = 0;
		next(p);
		return true;
	case KEY_PROCESS:
		s->has_process = true;
		return take_whole(p, "a process id", &s->process);
	case KEY_THREAD:
		s->has_thread = true;
		return take_whole(p, "a thread id", &s->thread);
	case KEY_WARMUP:
		if (!take_name(p, "answer", yes_no, 2, &yes))
			return false;
		s->warmup = yes;
		return true;
	default:
		return take_whole(p, "a number of passes", &s->min_passes);
	}
}

static bool condition(struct parser *p, unsigned *given)
{
	static const char *const keys[] = { "shape", "process", "thread", "warmup", "passes" };
	size_t column = p->t.column;
	int key;

	if (!take_name(p, "condition", keys, COUNT(keys), &key))
		return false;
	if (*given & 1u << key)
		return fail_at(p, column, "'%s' is given twice", keys[key]);
	*given |= 1u << key;
	if (key == KEY_PASSES ? !take(p, TOKEN_GE, "'>='") : !take(p, TOKEN_IS, "'='"))
		return false;
	return condition_value(p, key);
}

static bool phase(struct parser *p)
{
	struct expect_selector *s = &p->e.selector;

	if (p->t.kind != TOKEN_STAR && p->t.kind != TOKEN_WORD)
		return wanted(p, "a phase (prefill, decode, mixed, warmup, pass, any)");
	if (p->t.kind == TOKEN_STAR || expect_token_is(&p->t, "any")) {
		s->labels = (1u << PASS_LABEL_COUNT) - 1;
		snprintf(s->name, sizeof(s->name), "any");
		next(p);
		return true;
	}
	for (unsigned i = 0; i < PASS_LABEL_COUNT; i++)
		if (expect_token_is(&p->t, labels[i])) {
			s->labels = 1u << i;
			snprintf(s->name, sizeof(s->name), "%s", labels[i]);
			next(p);
			return true;
		}
	return unknown_name(p, "phase", labels, COUNT(labels));
}

/* phase [ "[" condition { "," condition } "]" ]; verdict: a verdict follows, which is about whole shapes. */
static bool selector(struct parser *p, bool verdict)
{
	size_t column;
	unsigned given = 0;

	if (!phase(p))
		return false;
	if (p->t.kind != TOKEN_OPEN_SQUARE)
		return true;
	column = p->t.column;
	do {
		next(p);
		if (!condition(p, &given))
			return false;
	} while (p->t.kind == TOKEN_COMMA);
	if (verdict && given & (1u << KEY_THREAD | 1u << KEY_WARMUP))
		return fail_at(p, column, "a verdict is about all passes of a shape: 'thread' and 'warmup' "
					  "are for latencies");
	return take(p, TOKEN_CLOSE_SQUARE, "',' or ']'");
}

/* ":" [ "!" ] verdict { "|" verdict } */
static bool verdict_set(struct parser *p)
{
	int v;

	if (!take(p, TOKEN_COLON, "':' and a verdict"))
		return false;
	if (p->t.kind == TOKEN_NOT) {
		p->e.negated = true;
		next(p);
	}
	for (;; next(p)) {
		if (expect_token_is(&p->t, verdicts[VERDICT_UNKNOWN]))
			return fail_at(p, p->t.column, "'unknown' cannot be expected: it is what cannot be decided");
		if (!take_name(p, "verdict", verdicts + 1, COUNT(verdicts) - 1, &v))
			return false;
		p->e.verdicts |= 1u << (v + 1);
		if (p->t.kind != TOKEN_BAR)
			return true;
	}
}

/* --- in round brackets: which compiles, loads ... */

enum { KEY_ORIGIN, KEY_HOW, KEY_PHASE, KEY_AFTER, KEY_PID, KEY_ID };
static const char *const filter_keys[] = { "origin", "how", "phase", "after", "process", "id" };

static unsigned filter_allowed(unsigned measure)
{
	static const unsigned by_takes[] = {
		[EXPECT_TAKES_CODE] = 1u << KEY_ORIGIN | 1u << KEY_HOW | 1u << KEY_PHASE |
				      1u << KEY_AFTER | 1u << KEY_PID,
		[EXPECT_TAKES_WHEN] = 1u << KEY_AFTER | 1u << KEY_PID,
		[EXPECT_TAKES_PROCESS] = 1u << KEY_PID,
		[EXPECT_TAKES_FINDING] = 1u << KEY_ID | 1u << KEY_PID,
	};
	unsigned allowed = by_takes[measures[measure].takes];

	return measure == EXPECT_LOADS ? allowed & ~(1u << KEY_HOW) : allowed;
}

/* A name of the user's rules is no word of the grammar: it may hold dots and begin with a digit. */
static bool take_origin(struct parser *p, struct expect_filter *f)
{
	const struct origin_rules *rules = p->terms->origins;
	const size_t len = strspn(p->t.at, ORIGIN_RULE_NAME_CHARS);

	for (size_t i = 0; i < COUNT(origins); i++)
		if (expect_token_is(&p->t, origins[i]))
			f->origin = (int)i;
	for (size_t i = 0; rules && i < rules->n && !*f->user_origin; i++)
		if (strlen(rules->list[i].id) == len && !memcmp(rules->list[i].id, p->t.at, len))
			memcpy(f->user_origin, p->t.at, len);
	if (*f->user_origin) {
		f->origin = f->origin == EXPECT_ANY || strlen(f->user_origin) != p->t.len ? ORIGIN_USER : f->origin;
		p->at = p->t.at + len;
	} else if (!len) {
		return wanted(p, "origin");
	} else if (f->origin == EXPECT_ANY) {
		p->t.len = len;
		return unknown_name(p, "origin", origins, COUNT(origins));
	}
	next(p);
	return true;
}

static bool filter_value(struct parser *p, int key)
{
	struct expect_filter *f = &p->e.filter;

	switch (key) {
	case KEY_ORIGIN:
		return take_origin(p, f);
	case KEY_HOW:
		return take_name(p, "way that code comes to be", hows, COUNT(hows), &f->how);
	case KEY_PHASE:
		return take_name(p, "phase", labels, COUNT(labels), &f->phase);
	case KEY_AFTER:
		return take_after(p, f);
	case KEY_PID:
		f->has_process = true;
		return take_whole(p, "a process id", &f->process);
	default:
		return take_name(p, "finding", findings, COUNT(findings), &f->finding);
	}
}

static bool filter(struct parser *p)
{
	const unsigned allowed = filter_allowed(p->e.measure);
	unsigned given = 0;

	next(p); /* "(" */
	if (p->t.kind == TOKEN_CLOSE) {
		next(p);
		return true;
	}
	for (;; next(p)) {
		size_t column = p->t.column;
		int key;

		if (!take_name(p, "condition", filter_keys, COUNT(filter_keys), &key))
			return false;
		if (!(allowed & 1u << key))
			return fail_at(p, column, "'%s' is no condition of '%s'", filter_keys[key],
				       measures[p->e.measure].name);
		if (given & 1u << key)
			return fail_at(p, column, "'%s' is given twice", filter_keys[key]);
		given |= 1u << key;
		if (!take(p, TOKEN_IS, "'='") || !filter_value(p, key))
			return false;
		if (p->t.kind != TOKEN_COMMA)
			return take(p, TOKEN_CLOSE, "',' or ')'");
	}
}

static bool arguments(struct parser *p)
{
	const struct measure *m = &measures[p->e.measure];
	const bool verdict = m->takes == EXPECT_TAKES_VERDICT;

	if (m->takes == EXPECT_TAKES_SELECTOR || verdict)
		return take(p, TOKEN_OPEN, "'(' and a phase") && selector(p, verdict) &&
		       (!verdict || verdict_set(p)) && take(p, TOKEN_CLOSE, "')'");
	if (p->t.kind != TOKEN_OPEN)
		return true;
	if (m->takes == EXPECT_TAKES_NOTHING)
		return fail_at(p, p->t.column, "'%s' takes no conditions", m->name);
	return filter(p);
}

/* --- the comparison */

static bool comparison(struct parser *p)
{
	const struct measure *m = &measures[p->e.measure];
	const bool continuous = p->e.ratio || (m->takes == EXPECT_TAKES_SELECTOR &&
					       m->unit == EXPECT_UNIT_TIME);

	if (p->t.kind == TOKEN_IS)
		return fail_at(p, p->t.column, "'=' is no comparison; did you mean '=='?");
	if (p->t.kind < TOKEN_LT || p->t.kind > TOKEN_NE)
		return wanted(p, "a comparison (<, <=, >, >=, ==, !=)");
	if (continuous && p->t.kind >= TOKEN_EQ)
		return fail_at(p, p->t.column, "a measured time is never exactly equal: use <, <=, > or >=");
	p->e.op = (enum expect_op)(p->t.kind - TOKEN_LT);
	next(p);
	return true;
}

static bool limit_share(struct parser *p)
{
	p->e.limit = p->t.number / 100;
	return take(p, TOKEN_NUMBER, "a percentage, e.g. 5%") && take(p, TOKEN_PERCENT, "'%'");
}

static bool limit(struct parser *p)
{
	const enum expect_unit unit = expect_unit_of(&p->e);
	uint64_t whole;

	if (p->e.ratio) {
		p->e.limit = p->t.number;
		if (!take(p, TOKEN_NUMBER, "a ratio, e.g. 1.05"))
			return false;
		if (p->t.kind == TOKEN_PERCENT) {
			p->e.limit /= 100;
			next(p);
		}
		return true;
	}
	if (unit == EXPECT_UNIT_TIME)
		return take_time(p, true, &p->e.limit);
	if (unit == EXPECT_UNIT_SHARE)
		return limit_share(p);
	if (!take_whole(p, "a count", &whole))
		return false;
	p->e.limit = (double)whole;
	return true;
}

static bool measure(struct parser *p)
{
	next(p);
	if (!arguments(p))
		return false;
	if (p->e.measure == EXPECT_COMPILES && p->e.filter.how == EXPECT_ANY)
		p->e.filter.how = MODULE_COMPILED;
	if (p->e.measure == EXPECT_LOADS)
		p->e.filter.how = MODULE_LOADED;
	if (expect_token_is(&p->t, "ratio")) {
		if (!p->terms->ratio)
			return fail_at(p, p->t.column, "'ratio' needs two sessions: jitness diff");
		p->e.ratio = true;
		next(p);
	}
	return comparison(p) && limit(p);
}

/* no-compile-after=warmup: compiles(after=warmup)==0 */
static bool no_compile(struct parser *p)
{
	next(p);
	p->e.measure = EXPECT_COMPILES;
	p->e.filter.how = MODULE_COMPILED;
	p->e.op = EXPECT_EQ;
	return take(p, TOKEN_IS, "'=' and warmup, first-pass or a time") && take_after(p, &p->e.filter);
}

static bool unknown_start(struct parser *p)
{
	const char *names[COUNT(measures) + COUNT(labels) + 2];
	size_t n = 0;

	if (p->t.kind == TOKEN_NOT)
		return fail_at(p, p->t.column, "'!' stands before the verdict: prefill:!eager");
	if (p->t.kind != TOKEN_WORD)
		return wanted(p, "a phase or a measure");
	for (size_t i = 0; i < COUNT(labels); i++)
		names[n++] = labels[i];
	for (size_t i = 0; i < COUNT(measures); i++)
		names[n++] = measures[i].name;
	names[n++] = "any";
	names[n++] = "no-compile-after";
	return unknown_name(p, "phase or measure", names, n);
}

static bool is_phase(const struct expect_token *t)
{
	for (unsigned i = 0; i < PASS_LABEL_COUNT; i++)
		if (expect_token_is(t, labels[i]))
			return true;
	return t->kind == TOKEN_STAR || expect_token_is(t, "any");
}

static bool expectation(struct parser *p)
{
	if (expect_token_is(&p->t, "no-compile-after"))
		return no_compile(p);
	if (is_phase(&p->t)) {
		p->e.measure = EXPECT_VERDICT;
		p->e.op = EXPECT_EQ;
		p->e.limit = 1;
		return selector(p, true) && verdict_set(p);
	}
	for (unsigned i = 0; i < COUNT(measures); i++)
		if (expect_token_is(&p->t, measures[i].name)) {
			p->e.measure = i;
			return measure(p);
		}
	return unknown_start(p);
}

int expect_parse(struct expect *ret, const char *text, const struct expect_terms *terms, struct expect_error *err)
{
	static const struct expect_terms none;
	struct parser p = { .text = text, .at = text, .terms = terms ? terms : &none, .err = err };

	p.e.filter = (struct expect_filter){ .phase = EXPECT_ANY, .origin = EXPECT_ANY,
					     .how = EXPECT_ANY, .finding = EXPECT_ANY };
	if (strlen(text) > EXPECT_TEXT_MAX) {
		fail_at(&p, EXPECT_TEXT_MAX + 1, "an expectation has at most %d characters", EXPECT_TEXT_MAX);
		return -1;
	}
	next(&p);
	if (p.t.kind == TOKEN_END) {
		fail_at(&p, 1, "it is empty");
		return -1;
	}
	if (!expectation(&p))
		return -1;
	if (p.t.kind != TOKEN_END) {
		fail_at(&p, p.t.column, "%s is more than one expectation: give each its own --expect",
			show(&p.t).text);
		return -1;
	}
	p.e.text = mem_text(text, strlen(text));
	*ret = p.e;
	return 0;
}

void expect_release(struct expect *e)
{
	free(e->text);
	*e = (struct expect){ 0 };
}

const char *expect_measure_name(unsigned m)
{
	return m < COUNT(measures) ? measures[m].name : "verdict";
}

enum expect_unit expect_unit_of(const struct expect *e)
{
	return e->measure < COUNT(measures) ? measures[e->measure].unit : EXPECT_UNIT_COUNT;
}
