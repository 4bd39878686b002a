/* report_origin: the origins of modules and kernels in reports. */
#ifndef JITNESS_DECODER_REPORT_ORIGIN_H
#define JITNESS_DECODER_REPORT_ORIGIN_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

struct process;
struct report_stacks;
struct session;

/* FRAME ids of the stacks that tell where module i comes from: its load call's, or its own. */
void report_origin_stacks(const struct process *p, size_t module, uint64_t *ret_native,
			  uint64_t *ret_python);

/* Keys "origin", "origin_by", "origin_rule", "evidence" and the two stacks of a module. */
void report_origin_module_json(cJSON *o, struct report_stacks *stacks, const struct process *p,
			       size_t module);
/* Keys "origin", "origin_by", "origin_mixed" of a kernel's name (session's names). */
void report_origin_kernel_json(cJSON *o, const struct session *s, uint32_t name);
/* "by origin: torch 20, cublas 8, unknown 1": the most frequent first. */
void report_origin_line(const struct session *s);

/*
 * --explain: everything about the modules that `which` means: "pid:module", "module", or a part
 * of a kernel's name; at most top of them. An exit code, after one sentence when none does.
 */
int report_explain(const struct session *s, const char *which, size_t top);

#endif
