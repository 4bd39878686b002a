/* report: a session as one JSON object, or as text for people. */
#ifndef JITNESS_DECODER_REPORT_H
#define JITNESS_DECODER_REPORT_H

#include <stdbool.h>
#include <stddef.h>

struct claims;
struct device_id;
struct phases;
struct process;
struct session;

#define REPORT_SCHEMA "jitness.report.v1"

/* To stdout. An exit code. phases: all zeros when they were not looked for; claims: NULL: none. */
int report_json(const struct session *s, const struct phases *phases, const struct claims *claims);
/* top: rows of each table. */
void report_text(const struct session *s, const struct phases *phases, size_t top);
/* The tables below the process blocks: kernels, graphs, modules. */
void report_tables(const struct session *s, size_t top);

/* Does the name say that no GPU was there (docs of tests/sim)? */
bool device_simulated(const char *name);
/* "GPU-01234567-89ab-..." as nvidia-smi prints it. */
void device_uuid(char out[48], unsigned long long hi, unsigned long long lo);

#endif
