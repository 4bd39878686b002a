/*
 * origin_input: what is known about where a module comes from, as texts and flags that rules
 * can be matched with.
 */
#ifndef JITNESS_DECODER_ORIGIN_INPUT_H
#define JITNESS_DECODER_ORIGIN_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/origin_rules.h"

struct process;
struct session;

#define ORIGIN_PYTHON_MAX  64 /* innermost frames that are looked at */
#define ORIGIN_KERNELS_MAX 64 /* kernel names of a module that are looked at: the first ones */
#define ORIGIN_NO_KEY      UINT32_MAX

/* A text, and a number that is the same for the same text in a session (or ORIGIN_NO_KEY). */
struct origin_text {
	const char *text; /* never NULL; "": not known */
	uint32_t key;
};

struct origin_input {
	struct origin_text path;      /* the file given to the API, or mapped around the image */
	struct origin_text caller;    /* first library above the driver in the native stack */
	struct origin_text compiler;  /* executable of the compiler process, or NVRTC's caller */
	struct origin_text neighbour; /* file of the load before, on the same thread */
	struct origin_text python[ORIGIN_PYTHON_MAX];
	size_t n_python;
	uint32_t python_key;          /* the same for the same Python stack, or ORIGIN_NO_KEY */
	struct origin_text kernels[ORIGIN_KERNELS_MAX];
	size_t n_kernels;
	uint64_t offset;              /* in path */
	uint64_t kernel_count;        /* of the image, also names that are not known */
	uint64_t child_pid;           /* of the compiler process; 0: none */
	uint32_t image, source;       /* enum image_kind, enum image_source */
	uint32_t made;                /* enum origin_compiler */
	uint32_t needs;               /* enum origin_need that hold */
	const char *tool;             /* name of the compiler process, or NULL */
	bool redacted;                /* a path was taken out of the trace */
	bool jit_compiled;            /* with MADE_BY_DRIVER...: now; else its cache had it */
};

struct origin_by_time { /* a load */
	uint64_t start;
	uint32_t tid, load;
};

/* What is looked up once for a process. */
struct origin_collector {
	const struct session *session;
	const struct process *process;
	const char *program;  /* path of the executable, or "" */
	struct idmap linked;  /* name of a path -> 1: ld wrote it, 0: it did not */
	struct idmap callers; /* FRAME id -> index + 1 in objects of the first above the driver; 0 */
	bool *load_nvvm, *module_nvvm; /* the driver made PTX of NVVM IR for it */
	struct origin_by_time *by_time; /* for modules whose load call is not known */
};

void origin_collector_init(struct origin_collector *c, const struct session *s,
			   const struct process *p);
void origin_collector_release(struct origin_collector *c);

/* *ret is valid as long as the session. */
void origin_input_of(struct origin_input *ret, struct origin_collector *c, size_t module);

/* The flags of origin_rules.h that hold for what `in` says otherwise. */
uint32_t origin_input_needs(const struct origin_input *in, bool loaded, bool program,
			    bool linked);

/* Is the library part of the driver's own ways (libcuda, libcudart, libcupti, the tracer)? */
bool origin_library_is_driver(const char *path);

#endif
