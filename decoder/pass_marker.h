/*
 * pass_marker: what the program (NVTX ranges) and the user (phase_rules.h) say about passes that were
 * found. A marker names a pass that behaviour left without a label; where it contradicts, the label
 * stays and the vote is negative, which becomes a finding (phase_findings.h). One thread; no errors.
 */
#ifndef JITNESS_DECODER_PASS_MARKER_H
#define JITNESS_DECODER_PASS_MARKER_H

struct names;
struct pass_source;
struct phase_rules;
struct process;

/* Percent of confidence of a label that only a marker gives. */
#define PASS_MARKER_CONFIDENCE 70

/*
 * Once, after the passes were labelled. rules may be NULL: nothing is said then. src: the process's
 * operations, read once more only when a rule asks for them.
 */
void passes_mark(struct process *p, const struct names *names, const struct phase_rules *rules,
		 const struct pass_source *src);

#endif
