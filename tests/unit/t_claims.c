/* decoder/claims, decoder/reference: what a trace says to claims made by hand; which references can be used. */
#include "decoder/claims.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decoder/analysis.h"
#include "decoder/cmd.h"
#include "decoder/mem.h"
#include "decoder/origin_rules.h"
#include "decoder/process_model.h"
#include "decoder/reference.h"
#include "tests/unit/unit.h"
#include "trace/event.h"

#define T0 1000000000000u
#define US 1000u

/* A process with 40 passes of decode and one of prefill, a warm-up, each with the verdict "compiled". */
struct fake {
	struct analysis a;
	struct process p, *list[1];
	struct process_info info;
	char key[16], records[8];
	struct pass passes[41];
	struct pass_shape shapes[2];
	struct process_device device;
	struct name name;
	char path[16], gpu[8];
};

static void fake_init(struct fake *f, const char *gpu)
{
	struct process *p = &f->p;

	memset(f, 0, sizeof(*f));
	f->list[0] = p;
	f->a.s = (struct session){ .list = f->list, .n = 1, .first = T0, .path = f->path };
	strcpy(f->path, "x.jitness");
	strcpy(f->gpu, gpu);
	f->name = (struct name){ .text = f->gpu, .len = (uint32_t)strlen(gpu) };
	f->a.s.names.list = &f->name;
	f->a.s.names.n = 1;
	p->pid = 7;
	p->level = LEVEL_GRAPH;
	p->first = T0;
	p->last = T0 + 1000000u * (uint64_t)US;
	p->status.ended = true;
	p->launch.count = p->kernel.count = 100;
	p->devices = &f->device;
	p->n_devices = 1;
	strcpy(f->key, "gpu_records");
	strcpy(f->records, "full");
	f->info = (struct process_info){ .key = f->key, .value = f->records, .len = 4 };
	p->infos = &f->info;
	p->n_infos = 1;
	p->passes = (struct pass_table){ .list = f->passes, .n = 41, .shapes = f->shapes, .n_shapes = 2 };
	strcpy(f->shapes[0].name, "s1");
	strcpy(f->shapes[1].name, "s2");
	for (unsigned i = 0; i < 41; i++) {
		const uint64_t start = T0 + i * 2000u * US;

		f->passes[i] = (struct pass){ .host_start = start, .wall_start = start, .end = start + 1000 * US,
					      .tid = 1, .shape = i > 0, .warmup = !i, .confidence = 90,
					      .label = i ? PASS_DECODE : PASS_PREFILL };
	}
}

static void rows(struct fake *f, enum verdict_kind kind)
{
	phase_table_init(&f->a.phases.rows, &f->a.s);
	f->a.phases.session = &f->a.s;
	f->a.phases.verdicts.n = f->a.phases.rows.n;
	f->a.phases.verdicts.list = mem_zalloc(f->a.phases.rows.n + 1, sizeof(struct verdict));
	for (size_t i = 0; i < f->a.phases.rows.n; i++)
		f->a.phases.verdicts.list[i].kind = kind;
}

static void drop(struct fake *f)
{
	free(f->a.phases.verdicts.list);
	phase_table_release(&f->a.phases.rows);
}

static int load(struct claims *ret, const char *text, const struct expect_terms *terms)
{
	SCOPED_FREE char *path = mem_printf("/tmp/jitness-unit-%ld.json", (long)getpid());
	FILE *f = fopen(path, "w");
	int code;

	CHECK(f && fputs(text, f) >= 0 && !fclose(f));
	code = claims_load(ret, "report", path, terms);
	unlink(path);
	return code;
}

/* The status of a claim that rests on a list of expectations, written as JSON. */
static enum claim_status status(const struct fake *f, const char *expect)
{
	SCOPED_FREE char *text = mem_printf("{\"claims\": [{\"claim\": \"it is so\", \"expect\": %s}]}", expect);
	enum claim_status is;
	struct claims c;

	CHECK(load(&c, text, NULL) == EXIT_OK && c.n == 1);
	claims_judge(&c, &f->a);
	is = c.list[0].status;
	claims_release(&c);
	return is;
}
#define IS(expect, s) CHECK(status(&f, expect) == CLAIM_##s)

TEST(claims_status)
{
	static struct fake f;

	fake_init(&f, "GPU A");
	rows(&f, VERDICT_COMPILED);
	IS("\"decode:compiled\"", SUPPORTED);
	IS("[\"decode:compiled\", \"lost==0\"]", SUPPORTED);
	IS("\"decode:eager\"", CONTRADICTED);
	IS("[\"decode:compiled\", \"decode:eager\"]", CONTRADICTED);
	/* What the session does not have neither supports nor contradicts. */
	IS("\"mixed:compiled\"", NOT_SUPPORTED);
	IS("\"mixed:!compiled\"", NOT_SUPPORTED);
	IS("\"compiles(phase=mixed)==0\"", NOT_SUPPORTED);
	IS("\"modules(phase=mixed)>=1\"", NOT_SUPPORTED);
	IS("\"stall(phase=mixed)<1s\"", NOT_SUPPORTED);
	IS("\"decode[shape=s9]:compiled\"", NOT_SUPPORTED);
	IS("\"kernels(process=8)==0\"", NOT_SUPPORTED);
	IS("[\"decode:compiled\", \"mixed:compiled\"]", NOT_SUPPORTED);
	IS("[\"decode:eager\", \"mixed:compiled\"]", CONTRADICTED);
	/* Only its warm-up: there is a phase, and no figure. */
	IS("\"p50(prefill)<1s\"", UNDECIDED);
	IS("[\"p50(prefill)<1s\", \"mixed:compiled\"]", UNDECIDED);
	/* Whole intervals: 40 passes say nothing of the upper bound of p99, nor of what is just below. */
	IS("\"p50(decode)<2ms\"", SUPPORTED);
	IS("\"p99(decode)<2ms\"", UNDECIDED);
	IS("\"p99(decode)<0.5ms\"", CONTRADICTED);
	drop(&f);
}

TEST(claims_of_what_was_not_recorded_are_undecided)
{
	static struct fake f;

	for (unsigned how = 0; how < 5; how++) {
		fake_init(&f, "GPU A");
		if (how == 0)
			f.p.lost = f.a.s.lost = 5;
		else if (how == 1)
			f.p.level = LEVEL_CHURN;
		else if (how == 2)
			strcpy(f.records, "none");
		else if (how == 3)
			f.a.s.failed_files = 1;
		else
			f.p.status.truncated = true;
		if (how == 1 || how == 2)
			f.p.passes.n = 0;
		rows(&f, VERDICT_COMPILED);
		IS("\"mixed:compiled\"", UNDECIDED);
		IS("\"compiles(phase=mixed)==0\"", UNDECIDED);
		/* What loads code is seen without GPU records. */
		CHECK(status(&f, "\"compiles==0\"") == (how == 1 || how == 2 ? CLAIM_SUPPORTED : CLAIM_UNDECIDED));
		drop(&f);
	}
	fake_init(&f, "GPU A");
	rows(&f, VERDICT_UNKNOWN);
	IS("\"decode:compiled\"", UNDECIDED);
	drop(&f);
}

TEST(claims_files)
{
	static const char *const wrong[] = {
		"", "[]", "7", "{}", "{\"claims\": []}", "{\"claims\": {}}", "{\"claims\": [7]}", "{\"claims\": [{}]}",
		"{\"claims\": [{\"claim\": \"x\"}]}", "{\"claims\": [{\"expect\": \"lost==0\"}]}",
		"{\"claims\": [{\"claim\": \"\", \"expect\": \"lost==0\"}]}",
		"{\"claims\": [{\"claim\": 7, \"expect\": \"lost==0\"}]}",
		"{\"claims\": [{\"claim\": \"x\", \"expect\": []}]}", "{\"claims\": [{\"claim\": \"x\", \"expect\": 7}]}",
		"{\"claims\": [{\"claim\": \"x\", \"expect\": [7]}]}",
		"{\"claims\": [{\"claim\": \"x\", \"expect\": \"lost=0\"}]}",
		"{\"claims\": [{\"claim\": \"x\", \"expect\": [\"lost==0\", \"lost\"]}]}",
		"{\"claims\": [{\"claim\": \"x\", \"expect\": \"lost==0\", \"wy\": 1}]}",
		"{\"label\": 7, \"claims\": [{\"claim\": \"x\", \"expect\": \"lost==0\"}]}",
		"{\"lable\": \"y\", \"claims\": [{\"claim\": \"x\", \"expect\": \"lost==0\"}]}",
		"{\"claims\": [{\"claim\": \"x\", \"expect\": \"lost==0\"}]} {}",
	};
	struct claims c;

	CHECK(load(&c, "{\"label\": \"y\", \"claims\": [{\"claim\": \"a\", \"claim\": \"b\", \"expect\": \"lost==1\", "
		       "\"expect\": [\"lost==0\", \"kernels>0\"]}, {\"claim\": \"d\", \"expect\": \"lost==0\"}]}", NULL) ==
	      EXIT_OK);
	CHECK(!strcmp(c.label, "y") && c.n == 2 && !strcmp(c.list[0].text, "b") && c.list[0].grounds.n == 2);
	CHECK(!strcmp(c.list[0].grounds.list[0].e.text, "lost==0") && c.list[1].grounds.n == 1);
	claims_release(&c);
	CHECK(freopen("/dev/null", "w", stderr) && dup2(fileno(stderr), STDERR_FILENO) >= 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		CHECK(load(&c, wrong[i], NULL) == EXIT_USAGE);
		CHECK(!c.n && !c.label);
	}
	CHECK(claims_load(&c, "report", "/nonexistent/claims.json", NULL) == EXIT_INPUT && !c.n);
}

TEST(claims_know_the_users_origins)
{
	static const char text[] = "{\"claims\": [{\"claim\": \"x\", \"expect\": \"modules(origin=my.lib)==0\"}]}";
	struct origin_rule rule = { .id = "my.lib", .origin = ORIGIN_USER };
	const struct origin_rules rules = { .list = &rule, .n = 1 };
	const struct expect_terms terms = { .origins = &rules };
	struct claims c;

	CHECK(load(&c, text, &terms) == EXIT_OK);
	claims_release(&c);
	CHECK(freopen("/dev/null", "w", stderr) && dup2(fileno(stderr), STDERR_FILENO) >= 0);
	CHECK(load(&c, text, NULL) == EXIT_USAGE);
}

/* --- references */

static bool refused(const struct fake *reference, const struct fake *f, const char *why)
{
	SCOPED_FREE char *text = reference_unfit(&reference->a, &f->a.s);

	if (!text || !why)
		return !text && !why;
	if (!strstr(text, why))
		fprintf(stderr, "%s\n", text);
	return strstr(text, why) && strstr(text, "the reference x.jitness is not used: ");
}

TEST(reference_must_fit)
{
	static struct fake f, r;

	fake_init(&f, "GPU A");
	fake_init(&r, "GPU A");
	rows(&r, VERDICT_EAGER);
	CHECK(refused(&r, &f, NULL));
	strcpy(f.gpu, "GPU B");
	CHECK(refused(&r, &f, "recorded on GPU A, and this session on GPU B"));
	/* What is not known is no difference. */
	f.p.n_devices = 0;
	CHECK(refused(&r, &f, NULL));
	f.p.n_devices = 1;
	r.p.n_devices = 0;
	CHECK(refused(&r, &f, NULL));
	r.p.level = LEVEL_CHURN;
	CHECK(refused(&r, &f, "level churn"));
	r.p.level = LEVEL_GRAPH;
	strcpy(r.records, "none");
	CHECK(refused(&r, &f, "no GPU records"));
	strcpy(r.records, "full");
	r.a.phases.verdicts.list[0].compiled_kernels = 0.5;
	CHECK(refused(&r, &f, NULL));
	r.a.phases.verdicts.list[1].compiled_kernels = 0.5;
	CHECK(refused(&r, &f, "no shape of its passes is eager"));
	r.p.passes.n = 0;
	r.p.passes.why_none = "nothing repeats here";
	CHECK(refused(&r, &f, "it has no passes; process 7: nothing repeats here"));
	drop(&r);
}
