/* decoder/policy, decoder/junit: expectations from files, results as XML. */
#include "decoder/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decoder/cmd.h"
#include "decoder/junit.h"
#include "decoder/mem.h"
#include "decoder/verify.h"
#include "tests/unit/unit.h"

static char *write_file(const char *text, size_t n)
{
	char *path = mem_printf("/tmp/jitness-unit-%ld.json", (long)getpid());
	FILE *f = fopen(path, "w");

	CHECK(f && fwrite(text, 1, n, f) == n && !fclose(f));
	return path;
}

static int policy(const char *text, size_t n, struct verify *v, char **ref)
{
	char *path = write_file(text, n);
	int code = policy_load(v, ref, "verify", path, NULL);

	unlink(path);
	free(path);
	return code;
}

TEST(policy_is_read)
{
	static const char text[] = "{\"expect\": [\"lost==0\", {\"expr\": \"prefill:compiled\", \"name\": \"n\", "
				   "\"why\": \"w\"}], \"strict\": true, \"reference\": \"eager.jitness\"}";
	struct verify v = { 0 };
	char *ref;

	CHECK(policy(text, sizeof(text) - 1, &v, &ref) == EXIT_OK);
	CHECK(v.n == 2 && v.strict && v.list[0].e.measure == EXPECT_LOST && !v.list[0].name);
	CHECK(!strcmp(v.list[1].name, "n") && !strcmp(v.list[1].why, "w"));
	CHECK(!strcmp(ref, "/tmp/eager.jitness")); /* beside the policy */
	free(ref);
	verify_release(&v);
}

TEST(policy_is_refused)
{
	static const char *const list[] = {
		"", "{", "[]", "7", "{} x", "{}", "{\"expect\": []}", "{\"expect\": \"lost==0\"}",
		"{\"expect\": [7]}", "{\"expect\": [\"lost=0\"]}", "{\"expct\": [\"lost==0\"]}",
		"{\"expect\": [{\"exp\": \"lost==0\"}]}", "{\"expect\": [{\"name\": \"x\"}]}",
		"{\"expect\": [{\"expr\": 7}]}", "{\"expect\": [\"lost==0\"], \"strict\": \"yes\"}",
		"{\"expect\": [\"lost==0\"], \"reference\": 7}", "{\"expect\": [\"lost==0\"], \"reference\": \"\"}",
		"{\"expect\": [\"lost==0\"]} {}", "{\"expect\": [\"\"]}",
	};
	static const char nul[] = "{\"expect\": [\"lost==0\"]}\0{";

	/* The sentences go to standard error; here only what comes of it matters. */
	CHECK(freopen("/dev/null", "w", stderr) && dup2(fileno(stderr), STDERR_FILENO) >= 0);
	for (size_t i = 0; i <= sizeof(list) / sizeof(*list); i++) {
		const bool last = i == sizeof(list) / sizeof(*list);
		struct verify v = { 0 };
		char *ref = NULL;

		CHECK(policy(last ? nul : list[i], last ? sizeof(nul) - 1 : strlen(list[i]), &v, &ref) == EXIT_USAGE);
		CHECK(!ref);
		verify_release(&v);
	}
	{
		struct verify v = { 0 };
		char *ref;

		CHECK(policy_load(&v, &ref, "verify", "/nonexistent/policy.json", NULL) == EXIT_INPUT && !ref);
	}
}

TEST(junit_escapes)
{
	char *out = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&out, &n);

	CHECK(f);
	junit_escape(f, "<a b=\"c\">&\x01\n\xff\xc3\xa9\xef\xbf\xbe");
	fclose(f);
	CHECK(!strcmp(out, "&lt;a b=&quot;c&quot;&gt;&amp;\xef\xbf\xbd&#10;\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd"));
	free(out);
}
