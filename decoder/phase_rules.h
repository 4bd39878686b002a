/*
 * phase_rules: what the user says about phases, the file of --phase-rules:
 *   {"phases": [{"label": "prefill", "nvtx": "^prefill", "thread": 4711}]}
 *
 * label: prefill, decode, mixed, warmup or pass. A rule holds for a pass when all its conditions
 * hold: `nvtx`: a range of its thread that covers most of the pass, or that it covers, has such a name;
 * `thread`: it was launched there. The first rule that holds counts.
 * A rule is a vote (VOTE_MARKER), never an order: it names a pass that behaviour left without a label;
 * what contradicts behaviour is told as a finding.
 *
 * Patterns are POSIX extended regular expressions, found anywhere in the text. One thread.
 */
#ifndef JITNESS_DECODER_PHASE_RULES_H
#define JITNESS_DECODER_PHASE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers a pass can be asked for. X(member, "key") */
#define PHASE_RULE_NUMBERS(X) X(thread, "thread")
/* X(member, "key") */
#define PHASE_RULE_PATTERNS(X) X(nvtx, "nvtx")

enum phase_rule_number {
#define X(m, s) PHASE_RULE_##m,
	PHASE_RULE_NUMBERS(X)
#undef X
	PHASE_RULE_NUMBER_COUNT
};
enum phase_rule_pattern {
#define X(m, s) PHASE_RULE_##m,
	PHASE_RULE_PATTERNS(X)
#undef X
	PHASE_RULE_PATTERN_COUNT
};

struct phase_rule {
	uint8_t label;                              /* enum pass_label */
	bool has[PHASE_RULE_NUMBER_COUNT];          /* a condition about this number */
	uint64_t number[PHASE_RULE_NUMBER_COUNT];
	char *pattern[PHASE_RULE_PATTERN_COUNT];    /* NULL: no condition */
	struct phase_regex *compiled[PHASE_RULE_PATTERN_COUNT];
};

/* All zeros, or NULL where a pointer is taken: no rules. */
struct phase_rules {
	struct phase_rule *list;
	size_t n, cap;
};

/*
 * Reads the file. EXIT_OK; or EXIT_INPUT when it cannot be read, EXIT_USAGE when an entry is
 * wrong, after one sentence from `command`; *ret is then empty.
 */
int phase_rules_load(struct phase_rules *ret, const char *command, const char *path);
void phase_rules_release(struct phase_rules *r);

/* Does the pattern of the rule match? False when the rule has no such condition. */
bool phase_rule_matches(const struct phase_rule *r, enum phase_rule_pattern which, const char *text);

#endif
