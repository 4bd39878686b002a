/*
 * verify: the expectations of jitness verify and what came of them, and its views: text and JSON to stdout,
 * JUnit to a file (junit.h). Memory: all texts belong to struct verify. One thread.
 */
#ifndef JITNESS_DECODER_VERIFY_H
#define JITNESS_DECODER_VERIFY_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "decoder/expect.h"

#define VERIFY_SCHEMA "jitness.verify.v1"

struct session;

struct verify_check {
	struct expect e;
	char *name, *why; /* of a policy; NULL: none */
	struct expect_result result;
};

struct verify {
	struct verify_check *list; /* in the order given */
	size_t n, cap;
	bool strict;
	size_t count[3];               /* by enum expect_state */
	const struct session *session; /* borrowed; set by verify_judge() */
	const char *reference_unused;  /* borrowed, of struct analysis; NULL: nothing to say */
};

/* Room for one more at the end, all zeros. */
struct verify_check *verify_add(struct verify *v);
void verify_judge(struct verify *v, const struct session *s, const struct expect_source *source);
void verify_release(struct verify *v);
/* EXIT_OK or EXIT_FOUND. */
int verify_code(const struct verify *v);

/*
 * Says what is wrong with an expectation, with a caret below the column: "WHERE: column 9: ...". where:
 * "--expect" or the place in a policy.
 */
void verify_say_error(const char *command, const char *where, const char *text,
		      const struct expect_error *err);

void verify_text(const struct verify *v);
/* The members result, text, evidence, passes and all_passes of docs/report-schema.md. */
void verify_result_json(cJSON *o, const struct session *s, const struct expect_result *r);
/* VERIFY_SCHEMA. An exit code. */
int verify_json(const struct verify *v);

#endif
