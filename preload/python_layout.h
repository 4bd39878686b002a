/*
 * python_layout: where CPython keeps what a frame is made of, for each minor version.
 * Offsets in bytes, 64-bit builds. A minor's structs do not change after its release candidate.
 */
#ifndef JITNESS_PRELOAD_PYTHON_LAYOUT_H
#define JITNESS_PRELOAD_PYTHON_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/python_lines.h"

/* How far into each struct any of the offsets may reach. */
#define PYTHON_THREAD_BYTES 192
#define PYTHON_FRAME_BYTES  112
#define PYTHON_CODE_BYTES   192
#define PYTHON_NO_FIELD     UINT16_MAX

/* The same in all of them. */
#define PYTHON_OBJECT_TYPE   8  /* PyObject.ob_type */
#define PYTHON_OBJECT_LENGTH 16 /* PyVarObject.ob_size, and a string's length */
#define PYTHON_BYTES_DATA    32
#define PYTHON_STRING_STATE  32
#define PYTHON_STRING_KIND(state)  ((state) >> 2 & 7u) /* bytes of a character */
#define PYTHON_STRING_COMPACT      0x20u
#define PYTHON_STRING_ASCII        0x40u
#define PYTHON_OWNER_GENERATOR 1
#define PYTHON_OWNER_MAX       3 /* FRAME_OWNED_BY_CSTACK: a shim between C and Python */

struct python_layout {
	uint16_t minor; /* of 3 */
	enum line_format lines;
	uint16_t thread_id; /* of PyThreadState */
	uint16_t thread_frame;
	uint16_t cframe_frame; /* of the struct thread_frame points to; NO_FIELD: to the frame */
	/* Up to the last field we read, and no further: memory may end behind an object. */
	uint16_t frame_size, code_size;
	uint16_t frame_code, frame_back, frame_instr;
	uint16_t frame_owner;   /* NO_FIELD: frames are objects of PyFrame_Type */
	uint16_t instr_unit;    /* frame_instr is a count of this many bytes; 0: an address */
	uint16_t code_file, code_name, code_line, code_table;
	uint16_t code_first; /* instructions before this one make no frame; NO_FIELD: none */
	uint16_t code_instr;
	uint16_t ascii_data, string_data; /* characters of a compact string */
};

/* false: no such version. */
bool python_layout_of(struct python_layout *ret, unsigned minor);

/*
 * 3.13: takes the offsets that the interpreter itself publishes at _PyRuntime. False: it is a
 * free-threaded build, where other threads may change what we read. Without a valid
 * table there *l stays as it is.
 */
bool python_layout_refine(struct python_layout *l, const void *runtime);

#endif
