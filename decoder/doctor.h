/* doctor: what a session here would need, checked one by one. */
#ifndef JITNESS_DECODER_DOCTOR_H
#define JITNESS_DECODER_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

enum finding_state { FINDING_OK, FINDING_WARN, FINDING_BAD };

struct finding {
	enum finding_state state;
	const char *check; /* static */
	char *text;        /* what is so */
	char *advice;      /* what to do about it, or NULL */
};

struct doctor {
	struct finding *list;
	size_t n, cap;
	int driver_version;    /* as cuDriverGetVersion: 13000; 0: no driver */
	char driver_dir[1024]; /* where libcuda is, or "" */
};

/* Adds one; text and advice are printf formats' results, taken (advice may be NULL). */
void doctor_add(struct doctor *d, enum finding_state state, const char *check, char *text,
		char *advice);

/* In this order: later ones use what earlier ones found. */
void doctor_tracer(struct doctor *d);
void doctor_driver(struct doctor *d);
void doctor_devices(struct doctor *d);
void doctor_cupti(struct doctor *d);
void doctor_others(struct doctor *d);
void doctor_output(struct doctor *d);

#endif
