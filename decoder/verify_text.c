#include "decoder/verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/cmd.h"
#include "decoder/mem.h"
#include "decoder/print.h"
#include "decoder/say.h"
#include "decoder/session_model.h"

struct verify_check *verify_add(struct verify *v)
{
	MEM_MORE(v->list, v->n, v->cap);
	v->list[v->n] = (struct verify_check){ 0 };
	return &v->list[v->n++];
}

void verify_judge(struct verify *v, const struct session *s, const struct expect_source *source)
{
	v->session = s;
	for (size_t i = 0; i < v->n; i++) {
		expect_judge(&v->list[i].result, &v->list[i].e, source, v->strict);
		v->count[v->list[i].result.state]++;
	}
}

void verify_release(struct verify *v)
{
	for (size_t i = 0; i < v->n; i++) {
		expect_release(&v->list[i].e);
		expect_result_release(&v->list[i].result);
		free(v->list[i].name);
		free(v->list[i].why);
	}
	free(v->list);
	*v = (struct verify){ 0 };
}

int verify_code(const struct verify *v)
{
	return v->count[EXPECT_FAILS] || (v->strict && v->count[EXPECT_UNDECIDED]) ? EXIT_FOUND : EXIT_OK;
}

void verify_say_error(const char *command, const char *where, const char *text,
		      const struct expect_error *err)
{
	const size_t far = strlen(text) + 1, column = err->column < far ? err->column : far;

	say(command, "%s: column %zu: %s", where, err->column, err->text);
	if (strlen(text) > EXPECT_TEXT_MAX)
		return;
	say(command, "    %s", text);
	say(command, "    %*s^", (int)column - 1, "");
}

/* --- the view */

static void text_line(const char *before, const char *text)
{
	fputs(before, stdout);
	print_text(text, strlen(text), 0);
	putchar('\n');
}

static void passes(const struct expect_result *r)
{
	for (size_t i = 0; i < r->n_passes; i++) {
		const struct expect_pass *p = &r->passes[i];
		char wall[PRINT_BUF];

		printf("      pass at %.3f s: %s %s of process %" PRIu64 ", %s\n", (double)p->start / 1e9, p->label,
		       p->shape, p->pid, print_ns(wall, p->wall));
	}
	if (r->all_passes > r->n_passes)
		printf("      and %zu more\n", r->all_passes - r->n_passes);
}

static void check(const struct verify_check *c, struct print_style st)
{
	static const char *const word[] = { "holds", "FAILS", "undecided" };
	const struct expect_result *r = &c->result;
	const char *on = r->state == EXPECT_FAILS ? st.warn : r->state == EXPECT_UNDECIDED ? st.bold : "";

	printf("%s%-9s%s  ", on, word[r->state], *on ? st.off : "");
	print_text(c->e.text, strlen(c->e.text), 0);
	if (c->name)
		text_line("  # ", c->name);
	else
		putchar('\n');
	text_line("      ", r->sentence);
	/* Where it holds the sentence is enough. */
	for (size_t i = 0; r->state != EXPECT_HOLDS && i < r->n_evidence; i++)
		text_line("      - ", r->evidence[i]);
	if (r->state != EXPECT_HOLDS && r->all_evidence > EXPECT_EVIDENCE_MAX)
		printf("      - and %zu more\n", r->all_evidence - r->n_evidence);
	passes(r);
	if (c->why && r->state != EXPECT_HOLDS)
		text_line("      why: ", c->why);
}

void verify_text(const struct verify *v)
{
	const struct session *s = v->session;
	struct print_style st = print_style();

	if (v->reference_unused)
		text_line("", v->reference_unused);
	for (size_t i = 0; i < v->n; i++)
		check(&v->list[i], st);
	printf("%zu of %zu hold, %zu fail%s, %zu cannot be decided%s; %" PRIu64 " records lost", v->count[EXPECT_HOLDS],
	       v->n, v->count[EXPECT_FAILS], v->count[EXPECT_FAILS] == 1 ? "s" : "", v->count[EXPECT_UNDECIDED],
	       v->strict && v->count[EXPECT_UNDECIDED] ? " (--strict: as if they failed)" : "", s->lost);
	if (s->truncated)
		printf(", %zu process%s without a clean end", s->truncated, s->truncated == 1 ? "" : "es");
	if (s->failed_files + s->empty_files)
		printf(", %zu unreadable trace%s", s->failed_files + s->empty_files,
		       plural(s->failed_files + s->empty_files));
	putchar('\n');
}
