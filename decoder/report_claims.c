#include "decoder/report_claims.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/claims.h"
#include "decoder/json.h"
#include "decoder/mem.h"
#include "decoder/print.h"

#define STATUS_COLUMNS 13 /* "not supported" */
#define BARS           6  /* " | " twice */

/* A cell of several lines, each wrapped; what is left of it. */
struct cell {
	const char *at;
	size_t width;
};

/* The cell's next line, filled up to its width. */
static void cell_line(struct cell *c)
{
	const size_t all = strcspn(c->at, "\n"), n = print_line(c->at, all, c->width);

	print_text(c->at, n, 0);
	printf("%*s", (int)(c->width - print_columns(c->at, n)), "");
	c->at += n;
	while (*c->at == ' ')
		c->at++;
	if (*c->at == '\n')
		c->at++;
}

/* One line of text: what a file or a trace says must not begin another. */
static char *one_line(char *text)
{
	for (char *p = text; *p; p++)
		if (*p == '\n')
			*p = '?';
	return text;
}

/* A line for each of its expectations that decide. Caller frees. */
static char *evidence(const struct claim *c)
{
	static const char *const verb[] = { ": ", " fails: ", " cannot be decided: " };
	char *text = mem_printf("%s", "");

	for (size_t i = 0; i < c->grounds.n; i++) {
		const struct verify_check *x = &c->grounds.list[i];
		SCOPED_FREE char *before = text, *line = NULL;

		line = one_line(mem_printf("%s%s%s", x->e.text, x->result.absent ? ": " : verb[x->result.state],
					   x->result.sentence));
		text = claim_decides(c, &x->result) ? mem_printf("%s%s%s", before, *before ? "\n" : "", line) :
						      mem_printf("%s", before);
	}
	return text;
}

static void row(const struct claim *c, size_t claim_width, size_t evidence_width, struct print_style st)
{
	SCOPED_FREE char *text = one_line(mem_printf("%s", c->text)), *why = evidence(c);
	struct cell claim = { text, claim_width }, ground = { why, evidence_width };
	const char *on = c->status == CLAIM_CONTRADICTED ? st.warn : c->status == CLAIM_SUPPORTED ? "" : st.bold;

	for (bool first = true; first || *claim.at || *ground.at; first = false) {
		cell_line(&claim);
		fputs(" | ", stdout);
		cell_line(&ground);
		if (first)
			printf(" | %s%s%s", on, claim_status_name(c->status), *on ? st.off : "");
		else
			fputs(" |", stdout);
		putchar('\n');
	}
}

void report_claims_text(const struct claims *c)
{
	struct print_style st = print_style();
	size_t claim = strlen("Claim"), evidence, most = print_width() / 4;

	for (size_t i = 0; i < c->n; i++) {
		const size_t n = print_columns(c->list[i].text, strlen(c->list[i].text));

		claim = n > claim ? n : claim;
	}
	claim = claim < most ? claim : most;
	evidence = print_width() - claim - STATUS_COLUMNS - BARS;
	printf("\n%sClaims%s", st.bold, st.off);
	if (c->label) {
		fputs(" of ", stdout);
		print_text(c->label, strlen(c->label), print_width() - 10);
	}
	printf("\n%s%-*s | %-*s | Status%s\n", st.dim, (int)claim, "Claim", (int)evidence, "Evidence", st.off);
	for (size_t i = 0; i < c->n; i++)
		row(&c->list[i], claim, evidence, st);
}

void report_claims_json(cJSON *root, const struct claims *c, const struct session *s)
{
	cJSON *list = json_array(root, "claims");

	for (size_t i = 0; i < c->n; i++) {
		const struct claim *x = &c->list[i];
		cJSON *o = json_item(list), *grounds;

		json_string(o, "label", c->label);
		json_string(o, "claim", x->text);
		json_string(o, "status", claim_status_name(x->status));
		grounds = json_array(o, "expectations");
		for (size_t k = 0; k < x->grounds.n; k++) {
			cJSON *item = json_item(grounds);

			json_string(item, "expr", x->grounds.list[k].e.text);
			json_bool(item, "decides", claim_decides(x, &x->grounds.list[k].result));
			verify_result_json(item, s, &x->grounds.list[k].result);
		}
	}
}
