/*
 * policy: expectations from a file, JSON:
 *
 *   {"expect": ["lost==0",
 *               {"expr": "prefill:compiled", "name": "prefill is compiled", "why": "..."}],
 *    "strict": true, "reference": "eager.jitness"}
 *
 * Only "expect" must be there, with at least one entry. A relative reference is looked for beside the file.
 */
#ifndef JITNESS_DECODER_POLICY_H
#define JITNESS_DECODER_POLICY_H

struct expect_terms;
struct verify;

/*
 * Adds the file's expectations to *v and sets v->strict; *ret_reference (NULL: none) is the caller's to free.
 * EXIT_OK; or EXIT_INPUT when the file cannot be read, EXIT_USAGE when it is wrong, after one sentence.
 */
int policy_load(struct verify *v, char **ret_reference, const char *command, const char *path,
		const struct expect_terms *terms);

#endif
