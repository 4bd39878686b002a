#include "decoder/analysis.h"

#include <stdlib.h>

#include "decoder/cmd.h"
#include "decoder/episodes.h"
#include "decoder/module_how.h"
#include "decoder/origin.h"
#include "decoder/reference.h"

/* All but the phases. */
static int load(struct analysis *a, const char *command, const char *dir,
		const struct origin_rules *rules)
{
	int code = session_load(&a->s, command, dir);

	if (code && !a->s.n)
		return code;
	origins_decide(&a->s, rules);
	module_how_find(&a->s);
	episodes_find(&a->s);
	return code;
}

static void phases(struct analysis *a, const struct analysis_options *opt,
		   const struct analysis *reference)
{
	const struct verdict_reference eager = { &reference->s, &reference->phases.rows,
						 &reference->phases.verdicts };
	const bool fit = reference->has_phases && !(a->reference_unused = reference_unfit(reference, &a->s));
	const struct phases_options o = { .rules = opt->phase_rules,
					  .reference = fit ? &eager : NULL,
					  .reference_unused = a->reference_unused,
					  .brief = opt->brief };

	phases_find(&a->phases, &a->s, &o);
	a->has_phases = true;
}

int analysis_load(struct analysis *ret, const char *command, const char *dir,
		  const struct analysis_options *opt)
{
	struct analysis reference = { 0 };
	int code = EXIT_OK, loaded;

	*ret = (struct analysis){ 0 };
	if (opt->reference && !opt->no_phases) {
		const struct analysis_options plain = { .origin_rules = opt->origin_rules,
							.phase_rules = opt->phase_rules,
							.brief = true };

		code = analysis_load(&reference, command, opt->reference, &plain);
	}
	if (!code || reference.s.n) {
		loaded = load(ret, command, dir, opt->origin_rules);
		if (ret->s.n && !opt->no_phases)
			phases(ret, opt, &reference);
		code = loaded ? loaded : code;
	}
	analysis_release(&reference);
	return code;
}

void analysis_release(struct analysis *a)
{
	if (a->has_phases)
		phases_release(&a->phases);
	session_release(&a->s);
	free(a->reference_unused);
	*a = (struct analysis){ 0 };
}
