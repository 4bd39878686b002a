#include "preload/python_layout.h"

#include <stddef.h>
#include <string.h>

#include "preload/python_peek.h"

#define NONE PYTHON_NO_FIELD

/* Computed with offsetof from each version's headers, and run: see README.md. */
static const struct python_layout layouts[] = {
	{ .minor = 9, .lines = LINES_LNOTAB,
	  .thread_id = 176, .thread_frame = 24, .cframe_frame = NONE,
	  .frame_size = 108, .frame_code = 32, .frame_back = 24, .frame_instr = 104,
	  .frame_owner = NONE, .instr_unit = 1,
	  .code_size = 128, .code_file = 104, .code_name = 112, .code_line = 40, .code_table = 120,
	  .code_first = NONE, .code_instr = NONE, .ascii_data = 48, .string_data = 72 },
	{ .minor = 10, .lines = LINES_PAIRS,
	  .thread_id = 176, .thread_frame = 24, .cframe_frame = NONE,
	  .frame_size = 100, .frame_code = 32, .frame_back = 24, .frame_instr = 96,
	  .frame_owner = NONE, .instr_unit = 2,
	  .code_size = 128, .code_file = 104, .code_name = 112, .code_line = 40, .code_table = 120,
	  .code_first = NONE, .code_instr = NONE, .ascii_data = 48, .string_data = 72 },
	{ .minor = 11, .lines = LINES_LOCATIONS,
	  .thread_id = 152, .thread_frame = 56, .cframe_frame = 8,
	  .frame_size = 70, .frame_code = 32, .frame_back = 48, .frame_instr = 56,
	  .frame_owner = 69, .instr_unit = 0,
	  .code_size = 172, .code_file = 112, .code_name = 128, .code_line = 72, .code_table = 136,
	  .code_first = 168, .code_instr = 184, .ascii_data = 48, .string_data = 72 },
	{ .minor = 12, .lines = LINES_LOCATIONS,
	  .thread_id = 136, .thread_frame = 56, .cframe_frame = 0,
	  .frame_size = 71, .frame_code = 0, .frame_back = 8, .frame_instr = 56,
	  .frame_owner = 70, .instr_unit = 0,
	  .code_size = 180, .code_file = 112, .code_name = 128, .code_line = 68, .code_table = 136,
	  .code_first = 176, .code_instr = 192, .ascii_data = 40, .string_data = 56 },
	{ .minor = 13, .lines = LINES_LOCATIONS,
	  .thread_id = 152, .thread_frame = 72, .cframe_frame = NONE,
	  .frame_size = 71, .frame_code = 0, .frame_back = 8, .frame_instr = 56,
	  .frame_owner = 70, .instr_unit = 0,
	  .code_size = 188, .code_file = 112, .code_name = 128, .code_line = 68, .code_table = 136,
	  .code_first = 184, .code_instr = 200, .ascii_data = 40, .string_data = 56 },
};

bool python_layout_of(struct python_layout *ret, unsigned minor)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		if (layouts[i].minor == minor) {
			*ret = layouts[i];
			return true;
		}
	return false;
}

/* _Py_DebugOffsets of 3.13, up to what we take from it. */
struct debug_offsets {
	char cookie[8];
	uint64_t version, free_threaded;
	uint64_t runtime[3], interpreter[13];
	struct {
		uint64_t size, prev, next, interp, current_frame, thread_id, native_thread_id,
			datastack_chunk, status;
	} thread;
	struct {
		uint64_t size, previous, executable, instr_ptr, localsplus, owner;
	} frame;
	struct {
		uint64_t size, filename, name, qualname, linetable, firstlineno, argcount,
			localsplusnames, localspluskinds, co_code_adaptive;
	} code;
};
_Static_assert(offsetof(struct debug_offsets, thread.current_frame) == 184 &&
	       offsetof(struct debug_offsets, frame.owner) == 264 &&
	       offsetof(struct debug_offsets, code.co_code_adaptive) == 344,
	       "as CPython 3.13 has them");

/* A field of n bytes at `offset` lies within the first `bytes`. */
static bool within(uint64_t offset, unsigned n, unsigned bytes)
{
	return offset <= bytes - n && offset % n == 0;
}

static uint16_t larger(uint64_t a, uint64_t b)
{
	return (uint16_t)(a > b ? a : b);
}

bool python_layout_refine(struct python_layout *l, const void *runtime)
{
	struct debug_offsets d;

	if (!peek(&d, (uintptr_t)runtime, sizeof(d)) || memcmp(d.cookie, "xdebugpy", 8) ||
	    d.version >> 16 != (3u << 8 | l->minor))
		return true;
	if (d.free_threaded)
		return false;
	if (!within(d.thread.current_frame, 8, PYTHON_THREAD_BYTES) ||
	    !within(d.thread.thread_id, 8, PYTHON_THREAD_BYTES) ||
	    !within(d.frame.previous, 8, PYTHON_FRAME_BYTES) ||
	    !within(d.frame.executable, 8, PYTHON_FRAME_BYTES) ||
	    !within(d.frame.instr_ptr, 8, PYTHON_FRAME_BYTES) ||
	    !within(d.frame.owner, 1, PYTHON_FRAME_BYTES) ||
	    !within(d.code.filename, 8, PYTHON_CODE_BYTES) ||
	    !within(d.code.qualname, 8, PYTHON_CODE_BYTES) ||
	    !within(d.code.linetable, 8, PYTHON_CODE_BYTES) ||
	    !within(d.code.firstlineno, 4, PYTHON_CODE_BYTES) || d.code.co_code_adaptive > 4096)
		return true;
	/* It does not name _co_firsttraceable, a field of a fixed distance to the instructions. */
	if (d.code.co_code_adaptive != l->code_instr)
		l->code_first = NONE;
	l->thread_frame = (uint16_t)d.thread.current_frame;
	l->thread_id = (uint16_t)d.thread.thread_id;
	l->frame_back = (uint16_t)d.frame.previous;
	l->frame_code = (uint16_t)d.frame.executable;
	l->frame_instr = (uint16_t)d.frame.instr_ptr;
	l->frame_owner = (uint16_t)d.frame.owner;
	l->frame_size = larger(larger(d.frame.previous, d.frame.executable) + 8u,
			       larger(d.frame.instr_ptr + 8, d.frame.owner + 1));
	l->code_size = larger(larger(d.code.filename, d.code.qualname), d.code.linetable);
	l->code_size = larger(l->code_size + 8u, d.code.firstlineno + 4);
	if (l->code_first != NONE)
		l->code_size = larger(l->code_size, l->code_first + 4u);
	l->code_file = (uint16_t)d.code.filename;
	l->code_name = (uint16_t)d.code.qualname;
	l->code_table = (uint16_t)d.code.linetable;
	l->code_line = (uint16_t)d.code.firstlineno;
	l->code_instr = (uint16_t)d.code.co_code_adaptive;
	return true;
}
