/*
 * phase_rules: what the user says about phases, the file of --phase-rules:
 *   {"phases": [{"label": "prefill", "nvtx": "^prefill", "thread": 4711},
 *               {"label": "decode", "graph": "any", "kernel": "splitkv", "stream": 7, "python": ":decode$"}]}
 *
 * label: prefill, decode, mixed, warmup or pass. A rule holds for a pass when all its conditions
 * hold: `nvtx`: a range of its thread that covers most of the pass, or that it covers, has such a name;
 * `kernel`: one that ran in it, replays included, has such a name, as it is or demangled;
 * `python`: a function "file:name" of a stack that was taken in a pass of its shape (loads, compiles,
 * recordings); `thread`: it was launched there; `graph`: it replays that one, or "any"; `stream`: most of its
 * kernels ran there. The first rule that holds counts.
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

/* X(member, "key") */
#define PHASE_RULE_PATTERNS(X) X(nvtx, "nvtx") X(kernel, "kernel") X(python, "python")
/* Numbers a pass can be asked for. X(member, "key") */
#define PHASE_RULE_NUMBERS(X) X(thread, "thread") X(graph, "graph") X(stream, "stream")

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

#define PHASE_RULE_ANY UINT64_MAX /* number[PHASE_RULE_graph]: any */

/* Rules whose conditions are looked up in the trace once more have a bit in masks of 64. */
#define PHASE_RULE_BITS    64
#define PHASE_RULE_NO_BIT  UINT8_MAX

struct phase_rule {
	uint8_t label;                              /* enum pass_label */
	uint8_t bit;                                /* when it has `kernel`, `graph`, `stream` or `python` */
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

/* Does it ask for operations: `kernel`, `graph`, `stream`? */
bool phase_rule_of_ops(const struct phase_rule *r);

#endif
