/*
 * modules: code on its way in. LOAD records for calls that hand an image to the
 * driver, MODULE (with MODULE_KERNELS) when final code is on a context, UNLOAD.
 *
 * All on the application's thread, inside CUPTI callbacks. MODULE_LOADED comes from
 * a resource callback, where no CUDA call is allowed; a MODULE record therefore
 * waits on its thread for the end of the API call it happened in, which is where
 * the library it came from can be asked for.
 */
#ifndef JITNESS_CUPTI_MODULES_H
#define JITNESS_CUPTI_MODULES_H

#include <stdbool.h>
#include <stdint.h>

#include "cupti/calls.h"

/* Before any callback. 0, or -1 with errno: then kernel lists repeat with every load. */
int modules_start(bool redact);

/* The image that a call with these parameters hands to the driver; NULL: none, or in a file. */
const void *modules_image(CUpti_CallbackId cbid, const void *params);

/* RESOURCE callback MODULE_LOADED / _UNLOAD_STARTING. frame: the call it is inside, or NULL. */
void modules_loaded(const CUpti_ResourceData *data, const struct call_frame *frame);
void modules_unloading(const CUpti_ResourceData *data);

/* What a MODULE record says. Kept small: some wait, thread-locally. */
struct module_row {
	uint64_t time_ns;
	uint64_t bytes;
	uint64_t hash;
	uint32_t context;
	uint32_t module;
	uint32_t kernels;
	uint32_t corr;
	uint16_t api;
	uint8_t image;     /* enum image_kind */
	const void *input; /* what its load was given, when that was the same bytes; else NULL */
};

/* Emits MODULE; library: the handle of the LOAD it came from, or 0. */
void modules_tell(const struct module_row *row, uint64_t library, struct stack_ids stack);

/* Emits UNLOAD. */
void modules_unloaded(uint32_t module, uint32_t context, uint64_t time_ns);

/* EXIT of a CALL_LOAD: emits LOAD, and without CUPTI what it loaded (resources.h). */
void modules_load_exit(const struct call_frame *frame, const CUpti_CallbackData *data,
		       uint64_t end_ns);

/*
 * EXIT of any followed call, inside `outer` others (the frames before this one): MODULE
 * records that waited for it get their library from the call's arguments and the stack.
 * Cheap when nothing waits.
 */
void modules_exit(const struct call_frame *frame, unsigned outer, const CUpti_CallbackData *data);

/* The calls that MODULE records wait for will not return here (longjmp): emits them as they are. */
void modules_abandon(void);

/* MODULE records emitted so far. Any thread. */
uint64_t modules_total(void);

#endif
