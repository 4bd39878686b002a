/*
 * python_lines: the line of an instruction, from a code object's line table.
 * The three formats are described in CPython's Objects/lnotab_notes.txt (3.9, 3.10) and
 * Objects/locations.md (3.11). Pure functions over bytes; any thread.
 */
#ifndef JITNESS_PRELOAD_PYTHON_LINES_H
#define JITNESS_PRELOAD_PYTHON_LINES_H

#include <stdint.h>

enum line_format {
	LINES_LNOTAB,    /* 3.9: pairs, line changes before an address */
	LINES_PAIRS,     /* 3.10, PEP 626: pairs, ranges of addresses */
	LINES_LOCATIONS, /* 3.11 and later: entries of variable length */
};

/* Longer tables are not decoded; 64 KiB are some ten thousand lines of one function or module. */
#define LINES_TABLE_MAX (64u << 10)

struct peek_stream;

/*
 * Line of the instruction at byte `instr` of the code that starts on line `first`;
 * instr < 0: not started. 0: the instruction belongs to no line.
 */
uint32_t python_line(enum line_format format, struct peek_stream *table, int64_t first,
		     int64_t instr);

#endif
