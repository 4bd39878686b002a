#include "decoder/origin.h"

#include <string.h>

#include "decoder/mem.h"
#include "decoder/name_table.h"
#include "decoder/origin_input.h"
#include "decoder/origin_match.h"
#include "decoder/process_model.h"
#include "decoder/session_model.h"

static const struct {
	const char *name, *text;
	enum origin_made made;
} ids[ORIGIN_COUNT] = {
#define X(N, s, made_, t) [ORIGIN_##N] = { s, t, ORIGIN_MADE_##made_ },
	ORIGINS(X)
#undef X
};

const char *origin_id_name(enum origin_id id)
{
	return ids[id < ORIGIN_COUNT ? id : ORIGIN_UNKNOWN].name;
}

const char *origin_id_text(enum origin_id id)
{
	return ids[id < ORIGIN_COUNT ? id : ORIGIN_UNKNOWN].text;
}

enum origin_made origin_id_made(enum origin_id id)
{
	return ids[id < ORIGIN_COUNT ? id : ORIGIN_UNKNOWN].made;
}

const char *origin_name(const struct session *s, const struct origin_verdict *v)
{
	if (v->id == ORIGIN_USER)
		return names_text(&s->names, v->user_name);
	return origin_id_name((enum origin_id)v->id);
}

const char *origin_basis_name(enum origin_basis basis)
{
	static const char *const name[] = { NULL, "user", "provenance", "name", "neighbour" };

	return name[basis];
}

const char *origin_rule_id(const struct session *s, const struct origin_verdict *v)
{
	if (v->rule == ORIGIN_NO_RULE || !s->origins.matcher)
		return NULL;
	return origin_matcher_rule(s->origins.matcher, v->rule)->id;
}

static struct origin_verdict verdict_of(const struct session *s, size_t rule)
{
	struct origin_verdict v = origin_match_verdict(s->origins.matcher, rule);

	if (v.id == ORIGIN_USER)
		v.user_name = s->origins.user_names[rule];
	return v;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9fb21c651e98df25u;
	return h ^ h >> 32;
}

/* Everything a rule looks at; the same bytes from the same place get the same verdict. */
static uint64_t input_id(const struct origin_input *in, const struct module *m)
{
	uint64_t h = mix(0, m->hash);

	h = mix(h, in->kernel_count);
	h = mix(h, (uint64_t)in->path.key << 32 | in->caller.key);
	h = mix(h, (uint64_t)in->python_key << 32 | in->neighbour.key);
	h = mix(h, (uint64_t)in->made << 32 | in->needs);
	h = mix(h, (uint64_t)in->image << 32 | in->source);
	return mix(h, in->child_pid << 32 ^ in->compiler.key);
}

static void note_kernels(struct origins *o, const struct process *p, size_t module)
{
	const struct module *m = &p->modules.modules[module];
	const struct module_names *names = module_kernels(&p->modules, m);
	struct origin_verdict v = p->origins[module];

	for (size_t i = 0; names && i < names->n; i++) {
		uint32_t at = idmap_get(&o->kernel_by_name, names->kernels[i]);
		struct origin_kernel *k;

		if (at == IDMAP_NONE) {
			MEM_MORE(o->kernels, o->n_kernels, o->kernels_cap);
			idmap_put(&o->kernel_by_name, names->kernels[i], (uint32_t)o->n_kernels);
			o->kernels[o->n_kernels++] = (struct origin_kernel){ v, m->time, false };
			continue;
		}
		k = &o->kernels[at];
		if (v.id == ORIGIN_UNKNOWN)
			continue;
		k->mixed |= k->verdict.id != ORIGIN_UNKNOWN &&
			    (k->verdict.id != v.id || k->verdict.user_name != v.user_name);
		if (k->verdict.id == ORIGIN_UNKNOWN || m->time >= k->time) {
			k->verdict = v;
			k->time = m->time;
		}
	}
}

static void decide_process(struct session *s, struct process *p)
{
	struct origin_collector *c = origin_matcher_collector(s->origins.matcher, s, p);
	struct origin_input in;
	struct idmap rules = { 0 }; /* input_id -> rule */

	free(p->origins);
	p->origins = mem_zalloc(p->modules.n_modules, sizeof(*p->origins));
	for (size_t i = 0; i < p->modules.n_modules; i++) {
		uint32_t rule;
		uint64_t id;

		origin_input_of(&in, c, i);
		id = input_id(&in, &p->modules.modules[i]);
		rule = idmap_get(&rules, id);
		if (rule == IDMAP_NONE) {
			rule = (uint32_t)origin_match_first(s->origins.matcher, &in);
			idmap_put(&rules, id, rule);
		}
		p->origins[i] = verdict_of(s, rule);
		note_kernels(&s->origins, p, i);
	}
	idmap_release(&rules);
}

void origins_decide(struct session *s, const struct origin_rules *user)
{
	origins_release(&s->origins);
	s->origins.user = user;
	s->origins.matcher = origin_matcher_new(user);
	s->origins.user_names = mem_zalloc(user ? user->n : 0, sizeof(uint32_t));
	for (size_t i = 0; user && i < user->n; i++)
		s->origins.user_names[i] =
			names_put(&s->names, user->list[i].id, strlen(user->list[i].id));
	for (size_t i = 0; i < s->n; i++)
		decide_process(s, s->list[i]);
}

void origins_release(struct origins *o)
{
	origin_matcher_free(o->matcher);
	free(o->kernels);
	free(o->user_names);
	idmap_release(&o->kernel_by_name);
	*o = (struct origins){ 0 };
}

void origin_of_kernel(struct origin_kernel *ret, const struct session *s, uint32_t name)
{
	uint32_t at = idmap_get(&s->origins.kernel_by_name, name);
	struct origin_matcher *m = s->origins.matcher;

	*ret = (struct origin_kernel){ .verdict.rule = ORIGIN_NO_RULE };
	if (at != IDMAP_NONE) {
		*ret = s->origins.kernels[at];
		return;
	}
	if (!m)
		return;
	ret->verdict = verdict_of(s, origin_match_name(m, names_text(&s->names, name)));
	if (ret->verdict.rule != ORIGIN_NO_RULE)
		ret->verdict.basis = ORIGIN_BY_NAME;
}

void origin_tried(const struct session *s, const struct process *p, size_t module,
		  void (*tell)(void *arg, const char *rule, const char *why), void *arg)
{
	struct origin_matcher *m = s->origins.matcher;
	struct origin_input in;
	bool done = false;

	if (!m)
		return;
	origin_input_of(&in, origin_matcher_collector(m, s, p), module);
	for (size_t i = 0; i < origin_matcher_count(m) && !done; i++) {
		SCOPED_FREE char *why = NULL;

		done = origin_match(m, i, &in, &why);
		tell(arg, origin_matcher_rule(m, i)->id, done ? "decides" : why);
	}
}
