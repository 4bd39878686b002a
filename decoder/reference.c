#include "decoder/reference.h"

#include <inttypes.h>
#include <string.h>

#include "decoder/analysis.h"
#include "decoder/expect_scope.h"
#include "decoder/mem.h"
#include "decoder/process_model.h"

/* A model of GPU that a process of the session used, by number; NULL: no more. */
static const char *model(const struct session *s, size_t n)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct process *p = s->list[i];

		if (n < p->n_devices)
			return names_text(&s->names, p->devices[n].name);
		n -= p->n_devices;
	}
	return NULL;
}

/* The first of the session's models that the reference does not know; NULL: none. */
static const char *other_model(const struct session *reference, const struct session *s)
{
	const char *name;

	for (size_t i = 0; model(reference, 0) && (name = model(s, i)); i++) {
		const char *known;
		size_t k = 0;

		while ((known = model(reference, k)) && strcmp(known, name))
			k++;
		if (!known)
			return name;
	}
	return NULL;
}

/* Why it shows no passes with what ran in them; NULL: it does. Caller frees. */
static char *shows_none(const struct session *s)
{
	char *why = NULL;

	for (size_t i = 0; i < s->n; i++) {
		const struct process *p = s->list[i];
		char *blind = expect_blind(p);

		if (!blind && p->passes.n) {
			free(why);
			return NULL;
		}
		if (!why)
			why = blind ? mem_printf("process %" PRIu64 ": %s", p->pid, blind) :
				      mem_printf("it has no passes; process %" PRIu64 ": %s", p->pid,
						 p->passes.why_none ? p->passes.why_none : "nothing repeats");
		free(blind);
	}
	return why ? why : mem_printf("it has no processes");
}

static bool any_eager(const struct verdicts *v)
{
	for (size_t i = 0; i < v->n; i++)
		if (!(v->list[i].compiled_kernels > 0))
			return true;
	return false;
}

static char *why_not(const struct analysis *reference, const struct session *s)
{
	const char *other = other_model(&reference->s, s);
	char *none = shows_none(&reference->s);

	if (none || !any_eager(&reference->phases.verdicts))
		return none ? none : mem_printf("no shape of its passes is eager: a compiler's kernels run in each");
	if (other)
		return mem_printf("it was recorded on %s, and this session on %s, where libraries choose other kernels",
				  model(&reference->s, 0), other);
	return NULL;
}

char *reference_unfit(const struct analysis *reference, const struct session *s)
{
	SCOPED_FREE char *why = why_not(reference, s);

	return why ? mem_printf("the reference %s is not used: %s", reference->s.path, why) : NULL;
}
