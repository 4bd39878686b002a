#include "decoder/junit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/cmd.h"
#include "decoder/mem.h"
#include "decoder/say.h"
#include "decoder/session_model.h"
#include "decoder/utf8.h"
#include "decoder/verify.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* U+FFFE and U+FFFF are UTF-8 and no characters of XML. */
static bool noncharacter(const char *p)
{
	return !strncmp(p, "\xef\xbf\xbe", 3) || !strncmp(p, "\xef\xbf\xbf", 3);
}

void junit_escape(FILE *f, const char *text)
{
	SCOPED_FREE char *clean = utf8_clean(text, strlen(text));

	for (const char *p = clean; *p; p++) {
		if (*p == '&')
			fputs("&amp;", f);
		else if (*p == '<')
			fputs("&lt;", f);
		else if (*p == '>')
			fputs("&gt;", f);
		else if (*p == '"')
			fputs("&quot;", f);
		else if (*p == '\t' || *p == '\n' || *p == '\r')
			fprintf(f, "&#%d;", *p); /* else an attribute would lose them */
		else if ((unsigned char)*p < 0x20)
			fputs(REPLACEMENT, f);
		else if (noncharacter(p)) {
			fputs(REPLACEMENT, f);
			p += 2;
		} else
			putc(*p, f);
	}
}

static void attribute(FILE *f, const char *name, const char *text)
{
	fprintf(f, " %s=\"", name);
	junit_escape(f, text);
	putc('"', f);
}

static void line(FILE *f, const char *text)
{
	junit_escape(f, text);
	putc('\n', f);
}

static void details(FILE *f, const struct verify_check *c)
{
	const struct expect_result *r = &c->result;

	for (size_t i = 0; i < r->n_evidence; i++)
		line(f, r->evidence[i]);
	for (size_t i = 0; i < r->n_passes; i++) {
		const struct expect_pass *p = &r->passes[i];
		SCOPED_FREE char *text = mem_printf("pass at %.3f s: %s %s of process %" PRIu64 ", %.3f ms",
						    (double)p->start / 1e9, p->label, p->shape, p->pid,
						    (double)p->wall / 1e6);

		line(f, text);
	}
	if (c->why)
		line(f, c->why);
}

static void test_case(FILE *f, const struct verify *v, const struct verify_check *c)
{
	const struct expect_result *r = &c->result;
	const bool skipped = r->state == EXPECT_UNDECIDED && !v->strict;

	fputs("  <testcase classname=\"jitness.verify\"", f);
	attribute(f, "name", c->name ? c->name : c->e.text);
	if (r->state == EXPECT_HOLDS) {
		fputs(">\n    <system-out>", f);
		line(f, r->sentence);
		fputs("</system-out>\n  </testcase>\n", f);
		return;
	}
	fprintf(f, ">\n    <%s", skipped ? "skipped" : "failure");
	if (!skipped)
		attribute(f, "type", expect_state_name(r->state));
	attribute(f, "message", r->sentence);
	putc('>', f);
	line(f, c->e.text);
	details(f, c);
	fprintf(f, "</%s>\n  </testcase>\n", skipped ? "skipped" : "failure");
}

static void suite(FILE *f, const struct verify *v)
{
	const size_t skipped = v->strict ? 0 : v->count[EXPECT_UNDECIDED];
	const size_t failed = v->n - skipped - v->count[EXPECT_HOLDS];

	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", f);
	fprintf(f, "<testsuites tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%zu\">\n<testsuite", v->n, failed,
		skipped);
	attribute(f, "name", v->session->path);
	fprintf(f, " tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%zu\">\n", v->n, failed, skipped);
	for (size_t i = 0; i < v->n; i++)
		test_case(f, v, &v->list[i]);
	fputs("</testsuite>\n</testsuites>\n", f);
}

int junit_write(const struct verify *v, const char *command, const char *path)
{
	FILE *f = fopen(path, "w");
	bool failed;

	if (!f)
		return say_fail(EXIT_SYSTEM, command, "--junit: cannot write '%s': %s", path, strerror(errno));
	suite(f, v);
	failed = ferror(f);
	if (fclose(f) || failed)
		return say_fail(EXIT_SYSTEM, command, "--junit: cannot write '%s': %s", path, strerror(errno));
	return EXIT_OK;
}
