#include "decoder/origin_match.h"

#include <regex.h>
#include <string.h>

#include "decoder/demangle.h"
#include "decoder/idmap.h"
#include "decoder/mem.h"
#include "decoder/origin_input.h"
#include "trace/event.h"

struct origin_matcher {
	const struct origin_rules *user;
	size_t n;                                     /* rules */
	regex_t (*compiled)[ORIGIN_PATTERN_COUNT];    /* for rule i; where it has a pattern */
	struct idmap texts;   /* pattern and key of a text -> 1: found, 0: not */
	struct origin_collector collector; /* of the process asked for last */
	struct idmap stacks;  /* pattern and key of a Python stack, of that process */
};

size_t origin_matcher_count(const struct origin_matcher *m)
{
	return m->n;
}

const struct origin_rule *origin_matcher_rule(const struct origin_matcher *m, size_t i)
{
	size_t n_user = m->user ? m->user->n : 0;

	return i < n_user ? &m->user->list[i] : &origin_table[i - n_user];
}

struct origin_matcher *origin_matcher_new(const struct origin_rules *user)
{
	struct origin_matcher *m = mem_zalloc(1, sizeof(*m));

	m->user = user;
	m->n = (user ? user->n : 0) + origin_table_count;
	m->compiled = mem_zalloc(m->n, sizeof(*m->compiled));
	for (size_t i = 0; i < m->n; i++)
		for (unsigned p = 0; p < ORIGIN_PATTERN_COUNT; p++) {
			const char *text = origin_matcher_rule(m, i)->pattern[p];

			/* Every pattern was tried before: by a test, or by origin_rules_load. */
			if (text && regcomp(&m->compiled[i][p], text, REG_EXTENDED | REG_NOSUB))
				abort();
		}
	return m;
}

void origin_matcher_free(struct origin_matcher *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++)
		for (unsigned p = 0; p < ORIGIN_PATTERN_COUNT; p++)
			if (origin_matcher_rule(m, i)->pattern[p])
				regfree(&m->compiled[i][p]);
	free(m->compiled);
	origin_collector_release(&m->collector);
	idmap_release(&m->texts);
	idmap_release(&m->stacks);
	free(m);
}

struct origin_collector *origin_matcher_collector(struct origin_matcher *m,
						  const struct session *s,
						  const struct process *p)
{
	if (m->collector.process != p) {
		origin_collector_release(&m->collector);
		origin_collector_init(&m->collector, s, p);
		idmap_release(&m->stacks);
		m->stacks = (struct idmap){ 0 };
	}
	return &m->collector;
}

static bool search(struct origin_matcher *m, size_t i, enum origin_pattern p, const char *text)
{
	return *text && !regexec(&m->compiled[i][p], text, 0, NULL, 0);
}

static uint64_t memo_id(size_t i, enum origin_pattern p, uint32_t key)
{
	return ((uint64_t)i * ORIGIN_PATTERN_COUNT + p) << 32 | key;
}

/* Paths are few and come again with every module. */
static bool found(struct origin_matcher *m, size_t i, enum origin_pattern p,
		  const struct origin_text *t)
{
	uint32_t known;

	if (!*t->text)
		return false;
	if (t->key == ORIGIN_NO_KEY)
		return search(m, i, p, t->text);
	known = idmap_get(&m->texts, memo_id(i, p, t->key));
	if (known == IDMAP_NONE) {
		known = search(m, i, p, t->text);
		idmap_put(&m->texts, memo_id(i, p, t->key), known);
	}
	return known;
}

/* Index of the innermost file that matches, or n_python. */
static size_t python_found(struct origin_matcher *m, size_t i, const struct origin_input *in)
{
	size_t k = 0;

	while (k < in->n_python && !found(m, i, ORIGIN_PATTERN_python, &in->python[k]))
		k++;
	return k;
}

static bool python_match(struct origin_matcher *m, size_t i, const struct origin_input *in)
{
	uint64_t id = memo_id(i, ORIGIN_PATTERN_python, in->python_key);
	uint32_t known;

	if (in->python_key == ORIGIN_NO_KEY)
		return python_found(m, i, in) < in->n_python;
	known = idmap_get(&m->stacks, id);
	if (known == IDMAP_NONE) {
		known = python_found(m, i, in) < in->n_python;
		idmap_put(&m->stacks, id, known);
	}
	return known;
}

/*
 * The table's patterns know mangled names, and names are as many as modules: nothing is
 * remembered about them. Users write names as they read them.
 */
static bool kernel_match(struct origin_matcher *m, size_t i, const struct origin_text *t)
{
	uint64_t id = memo_id(i, ORIGIN_PATTERN_kernel, t->key);
	uint32_t known;

	if (origin_matcher_rule(m, i)->origin != ORIGIN_USER)
		return search(m, i, ORIGIN_PATTERN_kernel, t->text);
	known = t->key == ORIGIN_NO_KEY ? IDMAP_NONE : idmap_get(&m->texts, id);
	if (known == IDMAP_NONE) {
		SCOPED_FREE char *readable = demangle(t->text);

		known = search(m, i, ORIGIN_PATTERN_kernel, t->text) ||
			search(m, i, ORIGIN_PATTERN_kernel, readable);
		if (t->key != ORIGIN_NO_KEY)
			idmap_put(&m->texts, id, known);
	}
	return known;
}

static size_t kernel_found(struct origin_matcher *m, size_t i, const struct origin_input *in)
{
	size_t k = 0;

	while (k < in->n_kernels && !kernel_match(m, i, &in->kernels[k]))
		k++;
	return k;
}

static const struct origin_text *text_of(const struct origin_input *in, enum origin_pattern p)
{
	switch (p) {
	case ORIGIN_PATTERN_path:
		return &in->path;
	case ORIGIN_PATTERN_caller:
		return &in->caller;
	case ORIGIN_PATTERN_compiler:
		return &in->compiler;
	default:
		return &in->neighbour;
	}
}

static bool pattern_match(struct origin_matcher *m, size_t i, enum origin_pattern p,
			  const struct origin_input *in)
{
	if (p == ORIGIN_PATTERN_python)
		return python_match(m, i, in);
	if (p == ORIGIN_PATTERN_kernel)
		return kernel_found(m, i, in) < in->n_kernels;
	return found(m, i, p, text_of(in, p));
}

static const char *const pattern_names[] = {
#define X(m, text) text,
	ORIGIN_PATTERNS(X)
#undef X
};
static const char *const need_names[] = {
#define X(N, text, when) text,
	ORIGIN_NEEDS(X)
#undef X
};

static char *why_not_needs(uint32_t missing)
{
	unsigned n = 0;

	while (!(missing & 1u << n))
		n++;
	return mem_printf("it needs: %s", need_names[n]);
}

bool origin_match(struct origin_matcher *m, size_t i, const struct origin_input *in,
		  char **ret_why)
{
	const struct origin_rule *r = origin_matcher_rule(m, i);
	char *why = NULL;

	if (r->images && !(r->images & 1u << in->image)) {
		why = ret_why ? mem_printf("the image is of another kind") : NULL;
	} else if (r->sources && !(r->sources & 1u << in->source)) {
		why = ret_why ? mem_printf("the image lay elsewhere") : NULL;
	} else if (r->made && !(r->made & in->made)) {
		why = ret_why ? mem_printf("that compiler did not write these bytes") : NULL;
	} else if (r->needs & ~in->needs) {
		why = ret_why ? why_not_needs(r->needs & ~in->needs) : NULL;
	} else {
		unsigned p = 0;

		while (p < ORIGIN_PATTERN_COUNT &&
		       (!r->pattern[p] || pattern_match(m, i, (enum origin_pattern)p, in)))
			p++;
		if (p == ORIGIN_PATTERN_COUNT)
			return true;
		why = ret_why ? mem_printf("%s: no match", pattern_names[p]) : NULL;
	}
	if (ret_why)
		*ret_why = why;
	return false;
}

const char *origin_match_text(struct origin_matcher *m, size_t i, const struct origin_input *in,
			      enum origin_pattern which)
{
	size_t k;

	if (!origin_matcher_rule(m, i)->pattern[which])
		return "";
	switch (which) {
	case ORIGIN_PATTERN_python:
		k = python_found(m, i, in);
		return k < in->n_python ? in->python[k].text : "";
	case ORIGIN_PATTERN_kernel:
		k = kernel_found(m, i, in);
		return k < in->n_kernels ? in->kernels[k].text : "";
	default:
		return text_of(in, which)->text;
	}
}

bool origin_rule_by_name(const struct origin_rule *r)
{
	for (unsigned p = 0; p < ORIGIN_PATTERN_COUNT; p++)
		if (p != ORIGIN_PATTERN_kernel && r->pattern[p])
			return false;
	return r->pattern[ORIGIN_PATTERN_kernel] && !r->made &&
	       !(r->needs & (ORIGIN_NEED_PROGRAM | ORIGIN_NEED_LINKED)) &&
	       !(r->sources & 1u << SOURCE_MAPPED);
}

size_t origin_match_name(struct origin_matcher *m, const char *kernel)
{
	const struct origin_text name = { kernel, ORIGIN_NO_KEY };

	for (size_t i = 0; i < m->n; i++)
		if (origin_rule_by_name(origin_matcher_rule(m, i)) &&
		    kernel_match(m, i, &name))
			return i;
	return m->n;
}

static enum origin_basis basis_of(const struct origin_rule *r)
{
	if (r->origin == ORIGIN_USER)
		return ORIGIN_BY_USER;
	if (r->pattern[ORIGIN_PATTERN_neighbour])
		return ORIGIN_BY_NEIGHBOUR;
	return origin_rule_by_name(r) ? ORIGIN_BY_NAME : ORIGIN_BY_PROVENANCE;
}

struct origin_verdict origin_match_verdict(const struct origin_matcher *m, size_t i)
{
	const struct origin_rule *r;

	if (i >= m->n)
		return (struct origin_verdict){ .rule = ORIGIN_NO_RULE };
	r = origin_matcher_rule(m, i);
	return (struct origin_verdict){
		.id = (uint8_t)r->origin,
		.basis = (uint8_t)basis_of(r),
		.rule = (uint16_t)i,
	};
}

size_t origin_match_first(struct origin_matcher *m, const struct origin_input *in)
{
	size_t i = 0;

	while (i < m->n && !origin_match(m, i, in, NULL))
		i++;
	return i;
}
