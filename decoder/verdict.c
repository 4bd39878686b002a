#include "decoder/verdict.h"

#include <inttypes.h>
#include <stdlib.h>

#include "decoder/idmap.h"
#include "decoder/mem.h"
#include "decoder/module_how.h"
#include "decoder/print.h"
#include "decoder/process_model.h"
#include "decoder/session_model.h"
#include "decoder/verdict_build.h"

/*
 * Of the kernels that are either a compiler's or such as a compiler would have fused, replays opened up. In
 * real compiled GPT-2 passes (Inductor, with and without graphs) 1 of 29 to 1 of 30 is the framework's: the
 * argmax after the model, and its share of GPU time is up to 6 % beside 15 % of compilers' kernels, so time cannot
 * be asked. One eager layer of eight makes 12 of 37 kernels.
 */
#define EAGER_IN_COMPILED 0.15
/* Below it the compiler's part is not the model: one fused helper beside 60 eager kernels. One compiled layer of
 * eight makes 4 %: four kernels beside 88. */
#define COMPILED_IN_EAGER 0.02
/* Of all kernels: eager models have 20 % to 60 %. A token's argmax after library calls alone has 2 %. */
#define EAGER_MIN 0.05
/* Of matrix products and attention: those outside the replays, when the model is inside. */
#define OUTSIDE_MAX 0.05
/* Of its kernels inside replays: what is left is a copy of inputs and the choice of a token. */
#define REPLAYED_MIN 0.85
/* Replays are the most of the GPU time of a pass of library calls. */
#define REPLAY_TIME_MIN 0.5
/* Of kernels or GPU time with unknown origin: no more than what may be on either side. */
#define UNKNOWN_MAX 0.10
/* Of a process's records: fewer lost do not move the shares past the margins above. */
#define LOST_MAX 0.01
/* Of kernels by name and count; passes of one program differ by a copy or two. */
#define REFERENCE_MIN 0.90
/* Of all kernels: the application's own. */
#define OWN_MIN 0.5

const struct shape_mix *verdict_mix(const struct verdicts *v, const struct phase_row *r)
{
	static const struct shape_mix none;
	const struct shape_mixes *m = &v->mixes[r->process];

	return r->shape < m->n ? &m->list[r->shape] : &none;
}

/* --- what is asked of each row */

struct view {
	const struct phase_row *r;
	const struct shape_mix *m;
	struct verdict *v;
	double ns;      /* of its kernels and replays */
	double kernels; /* replays opened up */
	double of[KERNEL_CLASS_COUNT]; /* the same by class */
	double own;     /* kernels of the application, and compiled from what it wrote; not Triton's */
};

static double ratio(double part, double all)
{
	return all > 0 ? part / all : 0;
}

static void look(struct view *w)
{
	const struct shape_mix *m = w->m;
	struct verdict *v = w->v;

	w->ns = (double)m->replay_ns;
	for (unsigned k = 0; k < KERNEL_CLASS_COUNT; k++) {
		w->ns += (double)m->ns[k];
		w->of[k] = (double)(m->kernels[k] + m->replayed[k]);
		w->kernels += w->of[k];
	}
	v->compiled = ratio((double)(m->ns[KERNEL_CLASS_COMPILER] + m->compiler_replay_ns), w->ns);
	v->replay = ratio((double)m->replay_ns, w->ns);
	v->eager = ratio((double)m->ns[KERNEL_CLASS_EAGER], w->ns);
	v->written = ratio((double)m->ns[KERNEL_CLASS_WRITTEN], w->ns);
	v->library = ratio((double)m->ns[KERNEL_CLASS_LIBRARY], w->ns);
	v->unknown = ratio((double)m->ns[KERNEL_CLASS_UNKNOWN], w->ns);
	v->compiled_kernels = ratio(w->of[KERNEL_CLASS_COMPILER], w->kernels);
	v->eager_kernels = ratio(w->of[KERNEL_CLASS_EAGER], w->kernels);
}

/* A library's matrix product, convolution or attention: what a model of a given size has as many of, however it runs. */
static bool is_product(const struct session *s, uint32_t name)
{
	struct origin_kernel k;

	origin_of_kernel(&k, s, name);
	return k.verdict.id == ORIGIN_CUBLAS || k.verdict.id == ORIGIN_CUDNN ||
	       k.verdict.id == ORIGIN_CUDNN_JIT || k.verdict.id == ORIGIN_FLASHINFER ||
	       k.verdict.id == ORIGIN_TORCH_EXT;
}

static bool is_own(const struct session *s, uint32_t name)
{
	struct origin_kernel k;

	origin_of_kernel(&k, s, name);
	switch (k.verdict.id) {
	case ORIGIN_APP:
	case ORIGIN_LLAMA_CPP:
	case ORIGIN_CUPY:
	case ORIGIN_NUMBA:
	case ORIGIN_CUTE_DSL:
	case ORIGIN_NVRTC:
	case ORIGIN_PTX_JIT:
	case ORIGIN_NVJITLINK:
	case ORIGIN_NVCC:
		return true;
	default:
		return false;
	}
}

/* --- caches */

#define HOW_BIT(h) (1u << (h))

static void learn_hows(struct verdict_build *b, size_t process)
{
	const struct process *p = b->s->list[process];

	idmap_release(&b->hows);
	b->hows = (struct idmap){ 0 };
	b->hows_of = process;
	for (size_t i = 0; i < p->modules.n_modules; i++) {
		const struct module *m = &p->modules.modules[i];
		const struct module_names *k = module_kernels(&p->modules, m);

		for (size_t j = 0; k && j < k->n; j++) {
			const uint32_t bits = idmap_get(&b->hows, k->kernels[j]);

			idmap_put(&b->hows, k->kernels[j],
				  (bits == IDMAP_NONE ? 0 : bits) | HOW_BIT(m->how));
		}
	}
}

/* Every module of every compiler's kernel that ran came from a cache. */
static bool all_cached(struct verdict_build *b, const struct view *w)
{
	if (b->hows_of != w->r->process)
		learn_hows(b, w->r->process);
	for (size_t i = 0; i < w->m->n; i++)
		if (w->m->list[i].cls == KERNEL_CLASS_COMPILER &&
		    idmap_get(&b->hows, w->m->list[i].name) != HOW_BIT(MODULE_CACHED))
			return false;
	return true;
}

/* A compiler of models brought code into this process. */
static bool has_compiler(const struct process *p)
{
	for (size_t i = 0; p->origins && i < p->modules.n_modules; i++)
		switch (p->origins[i].id) {
		case ORIGIN_INDUCTOR:
		case ORIGIN_XLA:
		case ORIGIN_TVM:
		case ORIGIN_TENSORRT:
			return true;
		default:
			break;
		}
	return false;
}

/* --- what cannot be judged */

/* NULL: it can. Caller frees. */
static char *why_not(const struct view *w)
{
	const struct process *p = w->r->p;
	const struct shape_mix *m = w->m;
	const char *why, *records = process_gpu_records(p, &why);
	const double lost = ratio((double)p->lost, (double)(p->lost + p->launch.count));
	double unknown = ratio(w->of[KERNEL_CLASS_UNKNOWN], w->kernels), nameless = w->of[KERNEL_CLASS_UNKNOWN];

	if (lost > LOST_MAX)
		return mem_printf("the process lost %" PRIu64 " records: what ran in its passes is not known",
				  p->lost);
	if (!w->kernels && !m->replays)
		return mem_printf("none of what it launched could be read");
	if (m->unlisted_replays && (double)m->unlisted_replays > UNKNOWN_MAX * (double)m->replays &&
	    (w->v->replay > UNKNOWN_MAX || w->ns <= 0))
		return mem_printf("%" PRIu64 " of %" PRIu64 " replays are of graphs whose kernels are not known",
				  m->unlisted_replays, m->replays);
	for (size_t i = 0; i < m->n; i++)
		if (m->list[i].cls == KERNEL_CLASS_UNKNOWN)
			nameless -= (double)(m->list[i].count + m->list[i].replayed);
	if (ratio(nameless, w->kernels) > UNKNOWN_MAX)
		return mem_printf("%.0f %% of its launches left no record of what ran (the process's GPU records: "
				  "%s)", 100 * ratio(nameless, w->kernels), records);
	if (w->v->unknown > unknown)
		unknown = w->v->unknown;
	if (unknown > UNKNOWN_MAX)
		return mem_printf("%.0f %% of what it ran is of unknown origin", 100 * unknown);
	return NULL;
}

/* --- the rules */

/* The model is inside the replays, and what runs one by one stands around it: a token loop's own work. */
static bool model_is_inside(const struct verdict_build *b, const struct shape_mix *m)
{
	uint64_t inside = 0, outside = 0;

	for (size_t i = 0; i < m->n; i++)
		if (is_product(b->s, m->list[i].name)) {
			inside += m->list[i].replayed;
			outside += m->list[i].count;
		}
	return inside && (double)outside <= OUTSIDE_MAX * (double)(inside + outside);
}

static void compiled(struct verdict_build *b, struct view *w)
{
	const struct shape_mix *m = w->m;
	struct verdict *v = w->v;
	const double c = w->of[KERNEL_CLASS_COMPILER], n = m->passes ? (double)m->passes : 1;
	double e = w->of[KERNEL_CLASS_EAGER];
	bool inside;

	v->replayed = (double)m->replayed[KERNEL_CLASS_COMPILER] >= REPLAYED_MIN * c;
	inside = v->replayed && model_is_inside(b, m);
	if (inside)
		e = (double)m->replayed[KERNEL_CLASS_EAGER];
	if (ratio(e, c + e) > EAGER_IN_COMPILED) {
		v->kind = VERDICT_MIXED;
		verdict_say(v, mem_printf("%.0f kernels per pass are a compiler's, and %.0f elementwise kernels "
					  "and reductions that it would have fused are the framework's own",
					  c / n, e / n));
		return;
	}
	v->kind = all_cached(b, w) ? VERDICT_CACHED : VERDICT_COMPILED;
	verdict_say(v, mem_printf("%.0f of %.0f kernels per pass are a compiler's%s", c / n, w->kernels / n,
				  v->replayed ? ", inside replays" : ""));
	if (v->kind == VERDICT_CACHED)
		verdict_say(v, mem_printf("every module of them came from a cache"));
	if (inside && m->kernels[KERNEL_CLASS_EAGER] > EAGER_IN_COMPILED * c)
		verdict_say(v, mem_printf("%.0f of the framework's own elementwise kernels run beside the replays, "
					  "but no matrix product: they are around the model, not in it",
					  (double)m->kernels[KERNEL_CLASS_EAGER] / n));
	else if (e > 0)
		verdict_say(v, mem_printf("%.0f per pass %s the framework's own elementwise kernel%s: as few as "
					  "stand around a compiled model",
					  e / n, e <= n ? "is" : "are", e <= n ? "" : "s"));
}

/* Replays without a compiler's kernels. */
static enum verdict_way replays(struct view *w)
{
	const struct shape_mix *m = w->m;
	const double inside = (double)m->replayed[KERNEL_CLASS_EAGER];
	const double outside = (double)m->kernels[KERNEL_CLASS_EAGER];
	const bool nearly_all = inside + outside > 0 ? inside >= REPLAYED_MIN * (inside + outside) :
						       w->v->replay >= REPLAY_TIME_MIN;

	w->v->replayed = nearly_all;
	w->v->kind = nearly_all ? VERDICT_GRAPH : VERDICT_MIXED;
	if (nearly_all)
		verdict_say(w->v, mem_printf("%.0f %% of GPU time is in replays of CUDA graphs, and none of "
					     "their kernels is a compiler's", 100 * w->v->replay));
	else
		verdict_say(w->v, mem_printf("%.0f %% of GPU time is in replays of CUDA graphs without a "
					     "compiler's kernels, the rest ran kernel by kernel",
					     100 * w->v->replay));
	return nearly_all ? WAY_GRAPH : WAY_EAGER;
}

static enum verdict_way one_by_one(const struct verdict_build *b, struct view *w)
{
	struct verdict *v = w->v;
	double own = 0;

	for (size_t i = 0; i < w->m->n; i++)
		if (is_own(b->s, w->m->list[i].name))
			own += (double)w->m->list[i].count;
	v->kind = VERDICT_EAGER;
	if (v->reference >= REFERENCE_MIN) {
		verdict_say(v, mem_printf("%.0f %% of its kernels are those of a shape of the reference",
					  100 * v->reference));
		return WAY_EAGER;
	}
	if (v->eager_kernels >= EAGER_MIN) {
		verdict_say(v, mem_printf("%.0f of %.0f kernels per pass are elementwise kernels and reductions of "
					  "the framework, one by one",
					  ratio(w->of[KERNEL_CLASS_EAGER], (double)w->m->passes),
					  ratio(w->kernels, (double)w->m->passes)));
		return WAY_EAGER;
	}
	/* Nothing that a framework's compiler could have left out: there is none. */
	if (own >= OWN_MIN * w->kernels && !has_compiler(w->r->p)) {
		verdict_say(v, mem_printf("%.0f %% of its kernels are the program's own, launched one by one, and "
					  "no compiler of models loaded code",
					  100 * ratio(own, w->kernels)));
		return WAY_EAGER;
	}
	v->kind = VERDICT_UNKNOWN;
	if (w->of[KERNEL_CLASS_WRITTEN] > 0)
		verdict_say(v, mem_printf("only library calls and kernels that someone wrote: eager code and a "
					  "compiled graph can both be that%s",
					  v->reference < 0 ? "; --reference tells" : ""));
	else
		verdict_say(v, mem_printf("only library calls: a compiled graph can be that%s",
					  v->reference < 0 ? "; give --reference" : ""));
	if (v->reference >= 0)
		verdict_say(v, mem_printf("the nearest shape of the reference has %.0f %% of its kernels",
					  100 * v->reference));
	return WAY_LIBRARY;
}

static enum verdict_way judge(struct verdict_build *b, struct view *w)
{
	const double c = w->of[KERNEL_CLASS_COMPILER], e = w->of[KERNEL_CLASS_EAGER];
	char *why = why_not(w);
	enum verdict_way way;

	if (why) {
		verdict_say(w->v, why);
		return WAY_UNKNOWN;
	}
	if (c > 0 && ratio(c, c + e) >= COMPILED_IN_EAGER) {
		compiled(b, w);
		way = WAY_COMPILED;
	} else if (w->m->replays) {
		way = replays(w);
	} else {
		way = one_by_one(b, w);
	}
	if (way != WAY_COMPILED && c > 0)
		verdict_say(w->v, mem_printf("%.2g kernels per pass are a compiler's: too few to be the model",
					     c / (double)w->m->passes));
	if (w->of[KERNEL_CLASS_WRITTEN] > 0)
		verdict_say(w->v, mem_printf("%.3g kernels per pass were compiled at run time from code that "
					     "someone wrote: they say nothing of the model",
					     ratio(w->of[KERNEL_CLASS_WRITTEN], (double)w->m->passes)));
	if (w->r->all_warmup)
		verdict_say(w->v, mem_printf("all its passes were before the steady state"));
	return way;
}

/* The share of the kernels that the reference's nearest eager shape has; < 0: there is none. */
static double refer(const struct session *s, const struct shape_mix *m, const struct verdict_reference *ref)
{
	double best = -1;

	for (size_t i = 0; ref && i < ref->rows->n; i++) {
		const struct shape_mix *x = verdict_mix(ref->verdicts, &ref->rows->list[i]);
		double alike;

		if (x->kernels[KERNEL_CLASS_COMPILER] || x->replayed[KERNEL_CLASS_COMPILER])
			continue; /* not eager, whatever was said */
		alike = shape_mix_alike(s, m, ref->session, x);
		best = alike > best ? alike : best;
	}
	return best;
}

static void row(struct verdict_build *b, size_t i, const struct verdict_reference *reference)
{
	const struct phase_row *r = &b->t->list[i];
	struct view w = { .r = r, .m = verdict_mix(b->v, r), .v = &b->v->list[i] };

	w.v->sibling = VERDICT_NO_ROW;
	w.v->reference = refer(b->s, w.m, reference);
	look(&w);
	b->way[i] = (uint8_t)judge(b, &w);
	for (size_t k = 0; k < w.m->n; k++)
		if (is_product(b->s, w.m->list[k].name))
			b->products[i] += (double)(w.m->list[k].count + w.m->list[k].replayed);
	b->products[i] = ratio(b->products[i], (double)w.m->passes);
	b->compilers[i] = ratio(w.of[KERNEL_CLASS_COMPILER], (double)w.m->passes);
}

void verdicts_judge(struct verdicts *v, const struct session *s, const struct phase_table *t,
		    const struct verdict_reference *reference)
{
	struct verdict_build b = { .s = s, .t = t, .v = v, .hows_of = SIZE_MAX };

	v->n = t->n;
	v->list = mem_zalloc(t->n + 1, sizeof(*v->list));
	b.way = mem_zalloc(t->n + 1, sizeof(*b.way));
	b.products = mem_zalloc(t->n + 1, sizeof(*b.products));
	b.compilers = mem_zalloc(t->n + 1, sizeof(*b.compilers));
	for (size_t i = 0; i < t->n; i++)
		row(&b, i, reference);
	verdict_phases_find(&b);
	verdict_flips_find(&b);
	idmap_release(&b.hows);
	free(b.way);
	free(b.products);
	free(b.compilers);
}

void verdicts_find(struct verdicts *ret, const struct session *s, const struct phase_table *t,
		   const struct verdict_reference *reference)
{
	*ret = (struct verdicts){ .n_mixes = s->n };
	ret->mixes = mem_zalloc(s->n + 1, sizeof(*ret->mixes));
	for (size_t i = 0; i < s->n; i++)
		shape_mixes_find(&ret->mixes[i], s, i);
	verdicts_judge(ret, s, t, reference);
}

void verdicts_release(struct verdicts *v)
{
	for (size_t i = 0; i < v->n; i++)
		for (size_t k = 0; k < v->list[i].n_evidence; k++)
			free(v->list[i].evidence[k]);
	for (size_t i = 0; i < v->n_mixes; i++)
		shape_mixes_release(&v->mixes[i]);
	free(v->mixes);
	free(v->flips);
	free(v->list);
	*v = (struct verdicts){ 0 };
}
