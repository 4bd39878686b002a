/* decoder/verdict*: verdicts of passes whose kernels are made by hand. */
#include "decoder/verdict.h"

#include "decoder/mem.h"
#include "decoder/module_how.h"
#include "decoder/origin.h"
#include "decoder/phase_findings.h"
#include "decoder/process_model.h"
#include "decoder/session_model.h"
#include "decoder/verdict_build.h"
#include "tests/unit/unit.h"
#include "trace/event.h"

#include <string.h>

#define SHAPES 6

#define FUSED   "triton_poi_fused_add_gelu_3"
#define FUSED_2 "triton_per_fused_native_layer_norm_1"
#define ADD     "_ZN2at6native29vectorized_elementwise_kernelILi4ENS0_15CUDAFunctor_addIfEESt5arrayIPcLm3EEEEviT0_T1_"
#define NORM    "_ZN2at6native12_GLOBAL__N_128vectorized_layer_norm_kernelIffLb0EEEviT0_PKT_"
#define COPY    "_ZN2at6native18elementwise_kernelILi128ELi2EZNS0_22gpu_kernel_implIZZZNS0_23direct_copy_kernel_cudaEv"
#define FILL    "_ZN2at6native29vectorized_elementwise_kernelILi4ENS0_11FillFunctorIfEESt5arrayIPcLm1EEEEviT0_T1_"
#define CAT     "_ZN2at6native30CatArrayBatchedCopy_vectorizedINS1_10OpaqueTypeILj4EEEjLi3EEEv"
#define GEMM    "nvjet_sm90_tst_64x8_64x16_4x1_v_bz_TNT"
#define GEMM_B  "sm80_xmma_gemm_f32f32_f32f32_f32_tn_n_tilesize64x64x8_cublas"
#define TRITON  "kernel_unified_attention_2d"
#define CUPY    "cupy_add__float_float_float"
#define NOTHING "some_kernel_that_nothing_tells"

/* A session of one process; passes of one thread unless told otherwise, mixes by shape. */
struct fake {
	struct session s;
	struct process p;
	struct process *list[1];
	struct process_info info;
	char key[16], value[8];
	struct pass passes[512];
	struct pass_shape shapes[SHAPES];
	struct shape_mixes mixes;
	uint64_t now;
	struct phase_table rows;
	struct verdicts v;
};

static void fake_init(struct fake *f)
{
	memset(f, 0, sizeof(*f));
	f->list[0] = &f->p;
	f->s.list = f->list;
	f->s.n = 1;
	f->p.pid = 7;
	f->p.level = LEVEL_GRAPH;
	f->p.launch.count = 100000;
	strcpy(f->key, "gpu_records");
	strcpy(f->value, "full");
	f->info = (struct process_info){ .key = f->key, .value = f->value, .len = 4 };
	f->p.infos = &f->info;
	f->p.n_infos = 1;
	f->p.passes = (struct pass_table){ .list = f->passes, .shapes = f->shapes, .n_shapes = SHAPES };
	for (unsigned i = 0; i < SHAPES; i++)
		snprintf(f->shapes[i].name, sizeof(f->shapes[i].name), "s%u", i + 1);
	f->mixes.list = mem_zalloc(SHAPES, sizeof(*f->mixes.list));
	f->mixes.n = SHAPES;
	f->now = 1000000000000u;
	origins_decide(&f->s, NULL);
}

static struct pass *passes(struct fake *f, unsigned n, uint32_t shape, enum pass_label label)
{
	struct pass *x = NULL;

	for (unsigned i = 0; i < n; i++) {
		x = &f->passes[f->p.passes.n++];
		*x = (struct pass){ .host_start = f->now, .wall_start = f->now, .end = f->now + 900000,
				    .busy_ns = 500000, .tid = 1, .shape = shape, .label = (uint8_t)label };
		f->now += 1000000;
		f->mixes.list[shape].passes++;
	}
	return x;
}

/* Per pass of the shape, as many as there are already: n kernels, us each. inside: in its one replay. */
static void ran(struct fake *f, uint32_t shape, const char *name, unsigned n, unsigned us, bool inside)
{
	struct shape_mix *m = &f->mixes.list[shape];
	const uint32_t id = names_put(&f->s.names, name, strlen(name));
	struct shape_kernel k = { .name = id, .cls = (uint8_t)kernel_class_of(&f->s, id) };

	if (inside) {
		k.replayed = n * m->passes;
		m->replayed[k.cls] += k.replayed;
	} else {
		k.count = n * m->passes;
		k.ns = k.count * us * 1000;
		m->kernels[k.cls] += k.count;
		m->ns[k.cls] += k.ns;
	}
	MEM_MORE(m->list, m->n, m->cap);
	m->list[m->n++] = k;
}

static void replay(struct fake *f, uint32_t shape, unsigned us, bool compiler)
{
	struct shape_mix *m = &f->mixes.list[shape];

	m->replays += m->passes;
	m->replay_ns += m->passes * us * 1000;
	if (compiler) {
		m->compiler_replays += m->passes;
		m->compiler_replay_ns += m->passes * us * 1000;
	}
}

static void eager_model(struct fake *f, uint32_t shape)
{
	ran(f, shape, ADD, 40, 2, false);
	ran(f, shape, NORM, 17, 2, false);
	ran(f, shape, GEMM, 33, 3, false);
	ran(f, shape, COPY, 20, 2, false);
}

static void compiled_model(struct fake *f, uint32_t shape)
{
	ran(f, shape, FUSED, 20, 2, false);
	ran(f, shape, FUSED_2, 8, 2, false);
	ran(f, shape, GEMM, 33, 3, false);
	ran(f, shape, ADD, 1, 2, false);
}

static void judge(struct fake *f, const struct verdict_reference *reference)
{
	phase_table_init(&f->rows, &f->s);
	f->v.mixes = mem_zalloc(1, sizeof(*f->v.mixes));
	f->v.mixes[0] = f->mixes;
	f->v.n_mixes = 1;
	verdicts_judge(&f->v, &f->s, &f->rows, reference);
}

static const struct verdict *of(const struct fake *f, uint32_t shape)
{
	for (size_t i = 0; i < f->rows.n; i++)
		if (f->rows.list[i].shape == shape)
			return &f->v.list[i];
	return NULL;
}

static bool is(const struct fake *f, uint32_t shape, enum verdict_kind kind)
{
	return of(f, shape)->kind == kind;
}

static bool says(const struct verdict *v, const char *text)
{
	for (size_t i = 0; i < v->n_evidence; i++)
		if (strstr(v->evidence[i], text))
			return true;
	return false;
}

static void drop(struct fake *f)
{
	verdicts_release(&f->v);
	phase_table_release(&f->rows);
	origins_release(&f->s.origins);
	names_release(&f->s.names);
	free(f->p.origins);
	free(f->p.modules.modules);
	for (size_t i = 0; i < f->p.modules.n_images; i++)
		free(f->p.modules.images[i].kernels);
	free(f->p.modules.images);
	idmap_release(&f->p.modules.image_by_hash);
}

TEST(verdict_classes)
{
	const struct {
		const char *name;
		enum kernel_class cls;
	} want[] = {
		{ FUSED, KERNEL_CLASS_COMPILER }, { "loop_add_fusion_3", KERNEL_CLASS_COMPILER },
		{ ADD, KERNEL_CLASS_EAGER },      { NORM, KERNEL_CLASS_EAGER },
		{ COPY, KERNEL_CLASS_LIBRARY },   { FILL, KERNEL_CLASS_LIBRARY },
		{ CAT, KERNEL_CLASS_LIBRARY },    { GEMM, KERNEL_CLASS_LIBRARY },
		{ TRITON, KERNEL_CLASS_WRITTEN }, { CUPY, KERNEL_CLASS_WRITTEN },
		{ NOTHING, KERNEL_CLASS_UNKNOWN },
	};
	struct fake f;

	fake_init(&f);
	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++)
		CHECK(kernel_class_of(&f.s, names_put(&f.s.names, want[i].name, strlen(want[i].name))) ==
		      want[i].cls);
	passes(&f, 1, 0, PASS_DECODE);
	judge(&f, NULL);
	drop(&f);
}

TEST(verdict_eager_compiled_graph)
{
	struct fake f;

	fake_init(&f);
	passes(&f, 20, 0, PASS_PREFILL);
	eager_model(&f, 0);
	passes(&f, 20, 1, PASS_DECODE);
	compiled_model(&f, 1);
	passes(&f, 20, 2, PASS_WARMUP);
	replay(&f, 2, 300, false);
	ran(&f, 2, ADD, 40, 0, true);
	ran(&f, 2, GEMM, 33, 0, true);
	ran(&f, 2, COPY, 1, 2, false);
	passes(&f, 20, 3, PASS_MIXED);
	replay(&f, 3, 300, true);
	ran(&f, 3, FUSED, 28, 0, true);
	ran(&f, 3, GEMM, 33, 0, true);
	ran(&f, 3, ADD, 1, 9, false);
	judge(&f, NULL);
	CHECK(is(&f, 0, VERDICT_EAGER));
	CHECK(is(&f, 1, VERDICT_COMPILED) && !of(&f, 1)->replayed);
	CHECK(is(&f, 2, VERDICT_GRAPH) && of(&f, 2)->replayed);
	CHECK(is(&f, 3, VERDICT_COMPILED) && of(&f, 3)->replayed);
	CHECK(of(&f, 3)->compiled > 0.95 && of(&f, 3)->reference < 0);
	CHECK(!f.v.n_flips);
	drop(&f);
}

/* One layer of eight is eager; one of eight is compiled; half of it is replayed. */
TEST(verdict_mixed)
{
	struct fake f;

	fake_init(&f);
	passes(&f, 20, 0, PASS_PREFILL);
	ran(&f, 0, FUSED, 24, 2, false);
	ran(&f, 0, ADD, 12, 2, false);
	ran(&f, 0, GEMM, 33, 3, false);
	passes(&f, 20, 1, PASS_DECODE);
	ran(&f, 1, FUSED, 4, 2, false);
	ran(&f, 1, ADD, 88, 2, false);
	passes(&f, 20, 2, PASS_WARMUP);
	replay(&f, 2, 100, false);
	ran(&f, 2, ADD, 20, 0, true);
	ran(&f, 2, NORM, 20, 2, false);
	/* A fused helper beside an eager model is not a compiled model. */
	passes(&f, 20, 3, PASS_MIXED);
	ran(&f, 3, FUSED, 1, 1, false);
	ran(&f, 3, ADD, 99, 2, false);
	judge(&f, NULL);
	CHECK(is(&f, 0, VERDICT_MIXED) && of(&f, 0)->compiled > 0.2 && of(&f, 0)->eager > 0.1);
	CHECK(is(&f, 1, VERDICT_MIXED));
	CHECK(is(&f, 2, VERDICT_MIXED));
	CHECK(is(&f, 3, VERDICT_EAGER) && says(of(&f, 3), "too few"));
	drop(&f);
}

static void module_add(struct fake *f, const char *name, uint64_t hash, enum module_how how)
{
	struct module_table *t = &f->p.modules;

	MEM_MORE(t->modules, t->n_modules, t->modules_cap);
	t->modules[t->n_modules++] = (struct module){ .hash = hash, .how = (uint8_t)how };
	MEM_MORE(t->images, t->n_images, t->images_cap);
	idmap_put(&t->image_by_hash, hash, (uint32_t)t->n_images);
	t->images[t->n_images] = (struct module_names){ .hash = hash };
	MEM_MORE(t->images[t->n_images].kernels, t->images[t->n_images].n, t->images[t->n_images].cap);
	t->images[t->n_images].kernels[t->images[t->n_images].n++] = names_put(&f->s.names, name, strlen(name));
	t->n_images++;
}

/* A token loop's own kernels around a replayed model; with the half of its products outside it is a part of the model. */
TEST(verdict_around_a_replayed_model)
{
	struct fake f;

	fake_init(&f);
	passes(&f, 30, 0, PASS_DECODE);
	ran(&f, 0, FUSED, 20, 0, true);
	ran(&f, 0, GEMM, 33, 0, true);
	replay(&f, 0, 200, true);
	ran(&f, 0, ADD, 18, 2, false);
	passes(&f, 30, 1, PASS_PREFILL);
	ran(&f, 1, FUSED, 20, 0, true);
	ran(&f, 1, GEMM, 16, 0, true);
	replay(&f, 1, 200, true);
	ran(&f, 1, ADD, 18, 2, false);
	ran(&f, 1, GEMM, 17, 3, false);
	judge(&f, NULL);
	CHECK(is(&f, 0, VERDICT_COMPILED) && of(&f, 0)->replayed);
	CHECK(is(&f, 1, VERDICT_MIXED));
	drop(&f);
}

TEST(verdict_cached)
{
	struct fake f;

	fake_init(&f);
	passes(&f, 20, 0, PASS_PREFILL);
	ran(&f, 0, FUSED, 20, 2, false);
	passes(&f, 20, 1, PASS_DECODE);
	ran(&f, 1, FUSED, 20, 2, false);
	ran(&f, 1, FUSED_2, 20, 2, false);
	module_add(&f, FUSED, 1, MODULE_CACHED);
	module_add(&f, FUSED_2, 2, MODULE_COMPILED);
	judge(&f, NULL);
	CHECK(is(&f, 0, VERDICT_CACHED));
	CHECK(is(&f, 1, VERDICT_COMPILED));
	drop(&f);
}

/* Library calls alone, with and without a reference; user-written kernels are nobody's compile. */
TEST(verdict_unknown)
{
	struct fake f, eager;
	struct verdict_reference reference = { &eager.s, &eager.rows, &eager.v };

	for (unsigned with = 0; with < 2; with++) {
		fake_init(&eager);
		passes(&eager, 5, 0, PASS_DECODE);
		ran(&eager, 0, GEMM, 50, 3, false);
		judge(&eager, NULL);
		fake_init(&f);
		passes(&f, 20, 0, PASS_PREFILL);
		ran(&f, 0, GEMM, 50, 3, false);
		passes(&f, 20, 1, PASS_DECODE);
		ran(&f, 1, GEMM_B, 50, 3, false);
		passes(&f, 20, 2, PASS_WARMUP);
		ran(&f, 2, TRITON, 20, 3, false);
		ran(&f, 2, GEMM, 20, 3, false);
		passes(&f, 20, 3, PASS_MIXED);
		ran(&f, 3, CUPY, 20, 3, false);
		judge(&f, with ? &reference : NULL);
		CHECK(is(&f, 0, with ? VERDICT_EAGER : VERDICT_UNKNOWN));
		CHECK(is(&f, 1, VERDICT_UNKNOWN));
		CHECK(with || says(of(&f, 0), "--reference"));
		CHECK(is(&f, 2, VERDICT_UNKNOWN));
		CHECK(is(&f, 3, VERDICT_EAGER)); /* the program's own, and no compiler of models is there */
		drop(&f);
		drop(&eager);
	}
}

/* What is missing, each by itself. */
TEST(verdict_unknown_evidence)
{
	for (unsigned what = 0; what < 5; what++) {
		struct fake f;

		fake_init(&f);
		passes(&f, 20, 0, PASS_DECODE);
		compiled_model(&f, 0);
		if (what == 1)
			f.p.lost = 5000;
		if (what == 2)
			ran(&f, 0, NOTHING, 20, 2, false);
		if (what == 3) /* launches without a record */
			f.mixes.list[0].kernels[KERNEL_CLASS_UNKNOWN] += 400;
		if (what == 4) {
			replay(&f, 0, 500, false);
			f.mixes.list[0].unlisted_replays = 20;
		}
		judge(&f, NULL);
		CHECK(is(&f, 0, what ? VERDICT_UNKNOWN : VERDICT_COMPILED));
		CHECK(what != 1 || says(of(&f, 0), "lost 5000 records"));
		CHECK(what != 2 || says(of(&f, 0), "unknown origin"));
		CHECK(what != 3 || says(of(&f, 0), "left no record"));
		CHECK(what != 4 || says(of(&f, 0), "20 of 20 replays"));
		drop(&f);
	}
}

/* Three shapes are compiled, the fourth is not: 30 passes of 120. */
TEST(verdict_fallback)
{
	struct fake f;
	struct findings found = { 0 };

	fake_init(&f);
	passes(&f, 2, 3, PASS_PREFILL); /* before anything was compiled */
	for (uint32_t i = 0; i < 3; i++) {
		passes(&f, 30, i, PASS_PREFILL);
		compiled_model(&f, i);
	}
	passes(&f, 30, 3, PASS_PREFILL);
	eager_model(&f, 3);
	judge(&f, NULL);
	for (uint32_t i = 0; i < 3; i++)
		CHECK(is(&f, i, VERDICT_COMPILED));
	CHECK(is(&f, 3, VERDICT_FALLBACK) && of(&f, 3)->since == 2 && of(&f, 3)->sibling == 0);
	CHECK(of(&f, 3)->passes_compiled > 0.73 && of(&f, 3)->passes_compiled < 0.75);
	findings_of_verdicts(&found, &f.rows, &f.v);
	CHECK(found.n >= 1 && found.list[found.n - 1].id == FINDING_FALLBACK);
	findings_release(&found);
	drop(&f);
}

/* Eager before the first compiled pass is a warm-up; another thread, size or model is another matter. */
/* Compiled first steps that nothing labels, each right before eager ones; once is no habit. */
TEST(verdict_fallback_after_unlabelled_steps)
{
	for (unsigned runs = 1; runs <= 2; runs++) {
		struct fake f;

		fake_init(&f);
		for (unsigned i = 0; i < runs; i++) {
			passes(&f, 1, 0, PASS_UNLABELLED);
			passes(&f, 20, 1, PASS_DECODE);
		}
		compiled_model(&f, 0);
		eager_model(&f, 1);
		judge(&f, NULL);
		CHECK(is(&f, 1, runs > 1 ? VERDICT_FALLBACK : VERDICT_EAGER));
		drop(&f);
	}
}

TEST(verdict_no_fallback)
{
	for (unsigned what = 0; what < 6; what++) {
		struct fake f;

		fake_init(&f);
		if (what == 1)
			passes(&f, 5, 1, PASS_DECODE);
		passes(&f, 30, 0, what == 4 || what == 5 ? PASS_UNLABELLED : PASS_DECODE);
		compiled_model(&f, 0);
		if (what != 1) {
			passes(&f, 30, 1, what == 4 || what == 5 ? PASS_UNLABELLED :
					  what == 3 ? PASS_PREFILL : PASS_DECODE);
		}
		ran(&f, 1, ADD, 40, 2, false);
		ran(&f, 1, what == 4 || what == 5 ? GEMM_B : GEMM, what == 2 ? 120 : 33, 3, false);
		if (what == 5) { /* they take turns */
			passes(&f, 5, 0, PASS_UNLABELLED);
			passes(&f, 5, 1, PASS_UNLABELLED);
		}
		judge(&f, NULL);
		CHECK(is(&f, 0, VERDICT_COMPILED));
		/* 0: the control; 5: alternating. */
		CHECK(is(&f, 1, what == 0 || what == 5 ? VERDICT_FALLBACK : VERDICT_EAGER));
		CHECK(what != 1 || says(of(&f, 1), "before the first compiled pass"));
		drop(&f);
	}
}

TEST(verdict_no_fallback_across_threads)
{
	struct fake f;

	fake_init(&f);
	passes(&f, 30, 0, PASS_DECODE);
	compiled_model(&f, 0);
	passes(&f, 30, 1, PASS_DECODE);
	eager_model(&f, 1);
	for (size_t i = 30; i < 60; i++)
		f.passes[i].tid = 2;
	judge(&f, NULL);
	CHECK(is(&f, 1, VERDICT_EAGER) && !f.v.n_flips);
	drop(&f);
}

/* A pass in which code was compiled, given a label, does not make the others fall back. */
TEST(verdict_no_fallback_from_warmup)
{
	struct fake f;

	fake_init(&f);
	passes(&f, 1, 0, PASS_PREFILL)->warmup = true;
	compiled_model(&f, 0);
	passes(&f, 20, 1, PASS_PREFILL);
	eager_model(&f, 1);
	judge(&f, NULL);
	CHECK(is(&f, 0, VERDICT_COMPILED) && is(&f, 1, VERDICT_EAGER));
	drop(&f);
}

TEST(verdict_flips)
{
	for (unsigned what = 0; what < 4; what++) {
		struct fake f;
		struct findings found = { 0 };

		fake_init(&f);
		if (what == 3) { /* in turns */
			for (unsigned i = 0; i < 10; i++) {
				passes(&f, 5, 0, PASS_DECODE);
				passes(&f, 5, 1, PASS_DECODE);
			}
		} else {
			passes(&f, what == 2 ? 4 : 40, what == 1, PASS_DECODE);
			passes(&f, 30, what != 1, PASS_DECODE);
		}
		compiled_model(&f, 0);
		eager_model(&f, 1);
		judge(&f, NULL);
		CHECK(f.v.n_flips == (what < 2));
		if (what < 2) {
			CHECK(f.v.flips[0].pass == 40 && f.v.flips[0].before == 40 && f.v.flips[0].after == 30);
			CHECK(f.v.flips[0].to_eager == !what && f.v.flips[0].time == f.passes[40].host_start);
		}
		findings_of_verdicts(&found, &f.rows, &f.v);
		CHECK(what > 1 || found.list[0].id == (what ? FINDING_TURNED_COMPILED : FINDING_TURNED_EAGER));
		findings_release(&found);
		drop(&f);
	}
}

TEST(verdict_alike)
{
	struct fake f;
	struct shape_mix *m;

	fake_init(&f);
	for (uint32_t i = 0; i < 3; i++)
		passes(&f, i + 1, i, PASS_DECODE);
	ran(&f, 0, GEMM, 30, 1, false);
	ran(&f, 0, ADD, 10, 1, false);
	ran(&f, 1, ADD, 10, 1, false);
	ran(&f, 1, GEMM, 30, 1, true);
	ran(&f, 2, GEMM, 15, 1, false);
	ran(&f, 2, NORM, 10, 1, false);
	m = f.mixes.list;
	CHECK(shape_mix_alike(&f.s, &m[0], &f.s, &m[1]) > 0.999); /* per pass, in replays or not */
	CHECK(shape_mix_alike(&f.s, &m[0], &f.s, &m[2]) == 15.0 / 50);
	CHECK(shape_mix_alike_in(&f.s, &m[0], &f.s, &m[2], 1u << KERNEL_CLASS_LIBRARY) == 0.5);
	judge(&f, NULL);
	drop(&f);
}
