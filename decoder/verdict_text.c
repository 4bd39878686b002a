#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/verdict.h"
#include "decoder/verdict_build.h"

void verdict_say(struct verdict *v, char *text)
{
	if (v->n_evidence < VERDICT_EVIDENCE_MAX)
		v->evidence[v->n_evidence++] = text;
	else
		free(text);
}

void verdict_say_first(struct verdict *v, char *text)
{
	if (v->n_evidence == VERDICT_EVIDENCE_MAX)
		free(v->evidence[--v->n_evidence]);
	memmove(&v->evidence[1], v->evidence, v->n_evidence * sizeof(v->evidence[0]));
	v->evidence[0] = text;
	v->n_evidence++;
}

const char *verdict_name(enum verdict_kind kind)
{
	static const char *const names[] = {
#define X(N, s) s,
		VERDICTS(X)
#undef X
	};

	return names[kind];
}

void verdict_text(char ret[VERDICT_TEXT], const struct verdict *v)
{
	const char *name = verdict_name(v->kind);

	switch (v->kind) {
	case VERDICT_MIXED:
		snprintf(ret, VERDICT_TEXT, "%s: %.0f %% of GPU time compiled, %.0f %% eager", name,
			 100 * v->compiled, 100 * v->eager);
		break;
	case VERDICT_COMPILED:
	case VERDICT_CACHED:
		snprintf(ret, VERDICT_TEXT, "%s%s", name, v->replayed ? ", graph replay" : "");
		break;
	case VERDICT_UNKNOWN:
	case VERDICT_GRAPH:
	case VERDICT_EAGER:
	case VERDICT_FALLBACK:
	case VERDICT_COUNT:
		snprintf(ret, VERDICT_TEXT, "%s", name);
		break;
	}
}
